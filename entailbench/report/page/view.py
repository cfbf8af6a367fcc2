"""What the template shows of a task: every table as rows of cells, so that the template computes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench.findings import METRICS, Comparison, Metric, ModelResult, TaskResult
from entailbench.lineage import Section, portable, sections
from entailbench.records import ModelIdentity
from entailbench.report.page.cells import (
    Cell,
    cell,
    comparison_cells,
    count,
    figure_cells,
    reported_cells,
    written_cell,
)
from entailbench.report.plots import Plot, plots_of, sliced_metric
from entailbench.report.robustness_table import robustness_table
from entailbench.report.tables import Table, outcome_notes, seeds_note

__all__ = ["Breakdown", "Confusion", "Line", "ModelCard", "Sheet", "TaskView", "model_cards", "task_view"]

METRIC = {metric.name: metric for metric in METRICS}
HEADLINE = ("overall", "entailment", "not_entailment", "balanced")
"""The study's three columns, and the one that a constant answer cannot win."""
FACET_TITLES = {
    "family": "puzzle family",
    "difficulty": "difficulty",
    "premises": "number of premises",
    "depth": "proof depth",
    "question_form": "question form",
}
HEAT_LEVELS = 10


@dataclass(frozen=True)
class Line:
    """A line of the main table."""

    name: str
    title: str
    place: int | None
    """The number of the model's colour; None for baselines."""
    cells: tuple[Cell, ...]
    warning: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Confusion:
    """How often a model gave each answer to each label."""

    name: str
    answers: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[tuple[int, int, bool], ...]], ...]
    """(label, rows, ((count, heat from 0 to 10, whether it is right) for each answer))."""


@dataclass(frozen=True)
class Breakdown:
    """Accuracy by one property of the rows."""

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """(value, (rows, puzzles, a figure for each name))."""
    metric: str
    """What the figures are: "Balanced accuracy", or "Accuracy" where somewhere a class has no rows."""


@dataclass(frozen=True)
class Sheet:
    """A table that other formats have too."""

    table: Table
    groups: tuple[tuple[str, tuple[tuple[str, tuple[Cell, ...]], ...]], ...]
    """(heading, (name, cells behind it) for each line)."""


@dataclass(frozen=True)
class TaskView:
    """Everything that the page says of one task."""

    key: str
    """Unique on the page: ``"task-0"``."""
    result: TaskResult
    verdicts: tuple[tuple[str, str], ...]
    """Each sentence in two: what was found, and the evidence for it."""
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]
    """What belongs under the main table."""
    columns: tuple[Metric, ...]
    models: tuple[Line, ...]
    baselines: tuple[Line, ...]
    reported: tuple[Line, ...]
    metrics: tuple[tuple[Metric, tuple[Cell, ...]], ...]
    """Every metric, with a cell for each of ``metric_names``."""
    metric_names: tuple[str, ...]
    comparisons: tuple[tuple[Comparison, tuple[Cell, ...]], ...]
    confusions: tuple[Confusion, ...]
    breakdowns: tuple[Breakdown, ...]
    plots: tuple[Plot, ...]
    robustness: Sheet | None
    examples: tuple[tuple[str, tuple[str, ...]], ...]
    """(model, what its unparsed answers look like, and why others did not come)."""


@dataclass(frozen=True)
class ModelCard:
    """What a model is and how it was trained."""

    name: str
    facts: tuple[tuple[str, str], ...]
    training: tuple[Section, ...]


def task_view(result: TaskResult, number: int) -> TaskView:
    """Arranges what was found on a task for the page."""
    key = f"task-{number}"
    answering = (*result.models, *(one for one in result.baselines if not one.unavailable))
    proofs = any(model.value("proof_validity") is not None for model in result.models)
    columns = tuple(METRIC[name] for name in (*HEADLINE, *(("proof_validity",) if proofs else ())))
    return TaskView(
        key=key,
        result=result,
        verdicts=tuple(_in_two(one.verdict) for one in result.comparisons),
        warnings=tuple(
            f"{model.name} was {_not_shown(model, result)} in balanced accuracy."
            for model in result.models
            if model.not_better_than
        ),
        remarks=tuple(_remarks(result)),
        columns=columns,
        models=tuple(
            _line(model, columns, place, _not_shown(model, result)) for place, model in enumerate(result.models)
        ),
        baselines=tuple(_line(one, columns, None) for one in result.baselines),
        reported=tuple(_reported_line(line, columns) for line in result.reported),
        metrics=tuple(
            (metric, tuple(cell(one.metrics.get(metric.name), metric) for one in answering))
            for metric in METRICS
            if any(metric.name in one.metrics for one in answering)
        ),
        metric_names=tuple(one.name for one in answering),
        comparisons=tuple((one, comparison_cells(one)) for one in result.comparisons),
        confusions=tuple(_confusion(model) for model in result.models if model.confusion),
        breakdowns=tuple(_breakdowns(result, [one.name for one in answering])),
        plots=plots_of(result, key),
        robustness=_sheet(robustness_table(result)),
        examples=tuple(
            (one.name, (*one.unparsed_examples, *one.error_examples))
            for one in result.models
            if one.unparsed_examples or one.error_examples
        ),
    )


def model_cards(identities: Mapping[str, ModelIdentity], results: Sequence[TaskResult]) -> tuple[ModelCard, ...]:
    """One card for each model, without anything that only means something on the machine it ran on."""
    lineages = {model.name: model.lineage for result in results for model in result.models if model.lineage}
    return tuple(
        ModelCard(
            name,
            tuple((what, value) for what, value in _facts(identity) if value),
            tuple(sections(portable(lineages[name]))) if name in lineages else (),
        )
        for name, identity in identities.items()
    )


def _facts(identity: ModelIdentity) -> list[tuple[str, str]]:
    facts: dict[str, Any] = {
        "backend": identity.backend,
        "weights": identity.weights,
        "template": identity.template,
        "served": identity.served,
        **identity.details,
        "remark": identity.remark,
    }
    return [(what, str(portable(value))) for what, value in facts.items() if value]


def _remarks(result: TaskResult) -> Iterator[str]:
    yield from (seeds_note(model.name, model.seeds) for model in result.models if model.seeds)
    for model in result.models:
        yield from outcome_notes(model)


def _in_two(verdict: str) -> tuple[str, str]:
    said, bracket, evidence = verdict.partition(" (")
    return said, bracket + evidence


def _not_shown(model: ModelResult, result: TaskResult) -> str:
    """``"not shown to beat question only or stratified random"``; empty where it beats all baselines."""
    names = model.not_better_than
    if not names:
        return ""
    if len(names) > 1 and set(names) == {one.name for one in result.baselines if not one.unavailable}:
        return "not shown to beat any baseline"
    return "not shown to beat " + " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _line(result: ModelResult, columns: tuple[Metric, ...], place: int | None, warning: str = "") -> Line:
    if result.unavailable:
        return Line(result.name, result.title, place, (), remark=f"unavailable: {result.unavailable}")
    return Line(result.name, result.title, place, figure_cells(result, columns), warning)


def _reported_line(line: Mapping[str, Any], columns: tuple[Metric, ...]) -> Line:
    told = "; ".join(str(line[key]) for key in ("source", "remark") if line.get(key))
    name = str(line["model"])
    return Line(name, name, None, reported_cells(line, columns), remark=f"reported, not measured here: {told}")


def _sheet(table: Table | None) -> Sheet | None:
    if table is None:
        return None
    groups = tuple(
        (group.heading, tuple((name, tuple(map(written_cell, cells))) for name, *cells in group.lines))
        for group in table.groups
    )
    return Sheet(table, groups)


def _confusion(model: ModelResult) -> Confusion:
    answers = tuple(dict.fromkeys(answer for counts in model.confusion.values() for answer in counts))
    rows = []
    for label, counts in model.confusion.items():
        total = sum(counts.values())
        cells = tuple(
            (
                counts.get(answer, 0),
                round(HEAT_LEVELS * counts.get(answer, 0) / total) if total else 0,
                # A two-way answer to a three-way label: "not entailment" to "not entailment - unknown".
                label == answer or label.startswith(f"{answer} - "),
            )
            for answer in answers
        )
        rows.append((label, total, cells))
    return Confusion(model.name, answers, tuple(rows))


def _breakdowns(result: TaskResult, names: Sequence[str]) -> Iterator[Breakdown]:
    for facet in FACET_TITLES:
        slices = sorted((one for one in result.slices if one.facet == facet), key=lambda one: _natural(one.value))
        if len(slices) < 2:
            continue
        metric = METRIC[sliced_metric(slices, names)]
        rows = tuple(
            (
                one.value,
                (
                    count(one.rows),
                    count(one.puzzles),
                    *(cell(getattr(one, metric.name).get(name), metric) for name in names),
                ),
            )
            for one in slices
        )
        title = "Balanced accuracy" if metric.name == "balanced" else "Accuracy"
        yield Breakdown(FACET_TITLES[facet], tuple(names), rows, title)


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts 2 before 10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part)
