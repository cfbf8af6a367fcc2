"""The tables of a report, the same for every format: heads, lines in groups, and notes, all as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench.findings import METRICS, Estimate, Metric, ModelResult, Seeds, TaskResult
from entailbench.outcomes import counted, usage_told
from entailbench.report import figures

__all__ = [
    "BASELINES",
    "NOTE",
    "REPORTED",
    "Group",
    "Table",
    "comparison_table",
    "footnote",
    "main_table",
    "metrics_table",
    "outcome_notes",
    "seeds_note",
    "slice_tables",
]

BASELINES = "baselines"
REPORTED = "reported, not measured here"
MARK = "†"
"""Behind the name of a model that was not shown to beat a baseline."""
SHOWN = ("overall", "entailment", "not_entailment", "balanced")
"""The study's three columns, and the one that a constant answer cannot win."""
PROOFS = "proof_validity"
"""A column only of tables in which a model gives proofs."""
METRIC: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
NOTE = (
    "Accuracies in percent with 95% intervals, clustered by puzzle; balanced is the mean of the two class accuracies. "
    "An unparsed answer counts as wrong and is counted apart."
)
PROOF_NOTE = (
    "A valid proof is one that the solver accepts, and that proves the label in the answer; the share is of all "
    "answers, and – stands where a model gives no proofs."
)


@dataclass(frozen=True)
class Group:
    """Lines that belong together, under a rule."""

    heading: str
    """Empty for the first."""
    lines: tuple[tuple[str, ...], ...]
    """Cells, as many as the table has heads; the first is a name, the others figures."""


@dataclass(frozen=True)
class Table:
    """A table as plain text; whoever writes it escapes what its format wants escaped."""

    title: str
    heads: tuple[str, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    """Sentences that belong under it."""
    verdicts: tuple[str, ...] = ()
    """What it comes to: who beats whom."""


def main_table(task: TaskResult) -> Table:
    """The study's columns and balanced accuracy, models first, then baselines, then what others reported.

    The notes say what a reader of the figures must know.
    """
    metrics = [METRIC[name] for name in (*SHOWN, *([PROOFS] if _gives_proofs(task) else []))]
    titles = [metric.title for metric in metrics]
    heads = ("model", "rows", *titles[:4], "unparsed", *titles[4:], "seconds")
    groups = [Group("", tuple(_line(result, metrics) for result in task.models))]
    if task.baselines:
        groups.append(Group(BASELINES, tuple(_line(result, metrics) for result in task.baselines)))
    if task.reported:
        groups.append(Group(REPORTED, tuple(_reported_line(line, metrics) for line in task.reported)))
    verdicts = tuple(pair.verdict for pair in task.comparisons)
    return Table(task.title, heads, tuple(groups), tuple(_notes(task, metrics)), verdicts)


def metrics_table(task: TaskResult) -> Table:
    """Every metric: a line for each, a column for each model and baseline."""
    shown = [result for result in (*task.models, *task.baselines) if not result.unavailable]
    lines = tuple(
        (metric.title, *(figures.estimate(result.metrics.get(metric.name), metric) for result in shown))
        for metric in METRICS
        if any(metric.name in result.metrics for result in shown)
    )
    metrics = [metric for metric in METRICS if any(metric.name in result.metrics for result in shown)]
    heads = ("metric", *(result.name for result in shown))
    return Table("All metrics", heads, (Group("", lines),), tuple(_undefined(shown, metrics)))


def comparison_table(task: TaskResult) -> Table | None:
    """All pairs of models with their tests; None where there is only one model."""
    if not task.comparisons:
        return None
    heads = (
        *("pair", "accuracy", "difference, points", "p", "p (Holm)", "McNemar"),
        *("only first right", "only second right", "smallest that would show"),
    )
    lines = tuple(
        (
            f"{pair.first} – {pair.second}",
            pair.metric,
            figures.change(pair.difference),
            figures.p_value(pair.p),
            figures.p_value(pair.p_holm),
            figures.p_value(pair.mcnemar),
            figures.count(pair.only_first),
            figures.count(pair.only_second),
            figures.UNDEFINED if pair.smallest is None else figures.percent(pair.smallest),
        )
        for pair in task.comparisons
    )
    notes = (
        "p is of the paired sign-flip permutation over puzzles, Holm corrects it for all pairs; McNemar ignores that "
        "questions about one puzzle belong together. The last column is the smallest difference that this sample "
        "would have shown with a probability of 80%.",
    )
    return Table("Pairs of models", heads, (Group("", lines),), notes)


def slice_tables(task: TaskResult) -> Iterator[Table]:
    """Balanced accuracy by each property of a row; overall accuracy where one class has no rows."""
    names = [result.name for result in (*task.models, *task.baselines) if not result.unavailable]
    for facet in dict.fromkeys(part.facet for part in task.slices):
        lines = tuple(
            (
                part.value,
                figures.count(part.rows),
                figures.count(part.puzzles),
                *(_slice_cell(part.balanced.get(name), part.overall.get(name)) for name in names),
            )
            for part in task.slices
            if part.facet == facet
        )
        one_class = any("*" in cell for line in lines for cell in line)
        notes = ("* overall accuracy: one of the two labels has no rows here.",) if one_class else ()
        title = f"Balanced accuracy by {facet.replace('_', ' ')}"
        yield Table(title, (facet.replace("_", " "), "rows", "puzzles", *names), (Group("", lines),), notes)


def _slice_cell(balanced: Estimate | None, overall: Estimate | None) -> str:
    if balanced is not None and balanced.value is not None:
        return figures.estimate(balanced, METRIC["balanced"])
    if overall is not None and overall.value is not None:
        return f"{figures.estimate(overall, METRIC['overall'])} *"
    return figures.UNDEFINED if balanced or overall else figures.ABSENT


def _gives_proofs(task: TaskResult) -> bool:
    return any(result.value(PROOFS) is not None for result in task.models)


def _line(result: ModelResult, metrics: Sequence[Metric]) -> tuple[str, ...]:
    title = f"{result.title} {MARK}" if result.not_better_than else result.title
    if result.unavailable:
        return (f"{title} (unavailable)", *[figures.ABSENT] * (len(metrics) + 3))
    cells = [figures.estimate(result.metrics.get(metric.name), metric) for metric in metrics]
    # A model that gives no proof has no share of valid ones to be undefined.
    cells[4:] = [figures.ABSENT if cell == figures.UNDEFINED else cell for cell in cells[4:]]
    return (
        *(title, figures.count(result.rows), *cells[:4], figures.count(result.unparsed), *cells[4:]),
        figures.seconds(result.seconds),
    )


def _reported_line(line: Mapping[str, Any], metrics: Sequence[Metric]) -> tuple[str, ...]:
    told = line.get("metrics", {})
    cells = [figures.percent(told[m.name]) if told.get(m.name) is not None else figures.ABSENT for m in metrics]
    rows = figures.count(line["rows"]) if line.get("rows") else figures.ABSENT
    return (str(line["model"]), rows, *cells[:4], figures.ABSENT, *cells[4:], figures.ABSENT)


def _notes(task: TaskResult, metrics: Sequence[Metric]) -> Iterator[str]:
    for result in task.models:
        if result.not_better_than:
            # Names of baselines have quotation marks of their own.
            yield (
                f"{MARK} {result.name} was not shown to beat {' or '.join(result.not_better_than)} "
                "in balanced accuracy (one-sided, 2.5%)."
            )
    yield from (seeds_note(result.name, result.seeds) for result in task.models if result.seeds)
    for result in task.models:
        yield from outcome_notes(result)
    yield from _undefined([*task.models, *task.baselines], metrics[:4])
    yield from (f"{result.name}: unavailable, {result.unavailable}." for result in task.baselines if result.unavailable)
    for source, lines in _by_source(task.reported).items():
        yield f"{REPORTED.capitalize()} ({'; '.join(lines)}): {source}"


def seeds_note(name: str, seeds: Seeds) -> str:
    """How far the seeds of a line lie apart."""
    each = ", ".join(
        f"{figures.UNDEFINED if value is None else figures.percent(value)} ({number})"
        for number, value in zip(seeds.seeds, seeds.balanced, strict=True)
    )
    apart = (
        ""
        if seeds.deviation is None
        else (
            f"; beyond what the choice of puzzles explains they lie {figures.percent(seeds.deviation)} points apart "
            "(standard deviation)"
        )
    )
    return (
        f"{name} is the mean of {len(seeds.seeds)} trainings with the balanced accuracies {each}{apart}. Its intervals "
        "and tests hold for other seeds of the recipe too."
    )


def outcome_notes(result: ModelResult) -> Iterator[str]:
    """How many answers the cache gave, how many rows have none that counts, and what answering took; nothing where
    nobody counts."""
    if result.cached:
        others = "" if result.seconds is None else "; the seconds are of the others"
        yield f"{result.name}: {result.cached:,} of {result.rows:,} answers came from the cache{others}."
    if told := counted(result.errors, result.refused, result.filtered):
        rows = result.errors + result.refused + result.filtered
        counts = "row has no answer that counts and is" if rows == 1 else "rows have no answer that counts and are"
        yield f"{result.name}: {rows:,} {counts} among the unparsed: {told}."
    if result.usage is not None:
        yield f"{result.name} took {usage_told(result.usage)}, over the whole run."


def _by_source(reported: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in reported:
        told = " ".join(str(line[key]) for key in ("source", "remark") if line.get(key))
        found.setdefault(told, []).append(str(line["model"]))
    return found


def _undefined(results: Sequence[ModelResult], metrics: Sequence[Metric]) -> Iterator[str]:
    """Why figures are undefined: one sentence for each metric and reason."""
    for metric in metrics:
        whose: dict[str, list[str]] = {}
        for result in results:
            found = result.metrics.get(metric.name)
            if found is not None and found.value is None:
                whose.setdefault(found.undefined or "not known why", []).append(result.name)
        for reason, names in whose.items():
            of = "" if len(names) == len(results) else f" of {', '.join(names)}"
            yield f"{metric.title.removesuffix(' %')}{of} is undefined: {reason}."


def footnote(*tables: Table) -> str:
    """What holds for main tables."""
    proofs = any(METRIC[PROOFS].title in table.heads for table in tables)
    return f"{NOTE} {PROOF_NOTE}" if proofs else NOTE
