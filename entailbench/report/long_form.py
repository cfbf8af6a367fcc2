"""A report as CSV in long form: one figure a line, shares as shares, nothing rounded."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator

from entailbench.findings import Comparison, Estimate, ModelResult, Report, TaskResult
from entailbench.report.csv_cells import cell

__all__ = ["COLUMNS", "write_report"]

COLUMNS = (
    "task",
    "split",
    "kind",
    "model",
    "metric",
    "facet",
    "facet_value",
    "value",
    "low",
    "high",
    "undefined",
)
"""``kind``: model, baseline, reported (by others, not measured here), or comparison (of ``FIRST - SECOND``)."""

ROBUSTNESS = ("before", "after", "change", "consistency", "contradictions")
"""The figures of ``findings.ModelRobustness``; balanced accuracy before and after."""

Line = tuple[object, ...]


def write_report(report: Report) -> str:
    """All figures of all tasks; an empty ``value`` is undefined, for the reason in the last column.

    No cell of text is a formula to a spreadsheet, see ``csv_cells``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for task in report.tasks:
        for line in _lines(task):
            writer.writerow([cell(value) for value in (task.task, task.split, *line)])
    return text.getvalue().rstrip("\n")


def _lines(task: TaskResult) -> Iterator[Line]:
    for kind, results in (("model", task.models), ("baseline", task.baselines)):
        for result in results:
            yield from _result(kind, result)
    for reported in task.reported:
        for metric, value in reported.get("metrics", {}).items():
            yield "reported", reported["model"], metric, "", "", value, "", "", ""
    for pair in task.comparisons:
        yield from _comparison(pair)
    for robust in task.robustness:
        for model in robust.models:
            for metric in ROBUSTNESS:
                estimate = getattr(model, metric)
                if estimate.value is not None:
                    line = ("model", model.name, f"robustness_{metric}", "perturbation", robust.perturbation)
                    yield (*line, *_figures(estimate))
    kinds = {result.name: "baseline" for result in task.baselines} | {result.name: "model" for result in task.models}
    for part in task.slices:
        for metric, estimates in (("overall", part.overall), ("balanced", part.balanced)):
            for name, estimate in estimates.items():
                yield kinds.get(name, "model"), name, metric, part.facet, part.value, *_figures(estimate)


def _result(kind: str, result: ModelResult) -> Iterator[Line]:
    if result.unavailable:
        yield kind, result.name, "overall", "", "", "", "", "", f"unavailable: {result.unavailable}"
        return
    plain = {
        "rows": result.rows,
        "unparsed": result.unparsed,
        "seconds": result.seconds,
        "cached": result.cached,
        "leaked": result.leaked,
    }
    plain |= {"errors": result.errors, "refused": result.refused, "filtered": result.filtered}
    if result.usage is not None:
        plain |= {field.name: getattr(result.usage, field.name) for field in dataclasses.fields(result.usage)}
    for metric, value in plain.items():
        if value is not None:
            yield kind, result.name, metric, "", "", value, "", "", ""
    for metric, estimate in result.metrics.items():
        yield kind, result.name, metric, "", "", *_figures(estimate)


def _comparison(pair: Comparison) -> Iterator[Line]:
    name = f"{pair.first} - {pair.second}"
    yield "comparison", name, f"{pair.metric}_difference", "", "", *_figures(pair.difference)
    figures = {
        "p": pair.p,
        "p_holm": pair.p_holm,
        "mcnemar": pair.mcnemar,
        "only_first": pair.only_first,
        "only_second": pair.only_second,
        "smallest": pair.smallest,
    }
    for metric, value in figures.items():
        if value is not None:
            yield "comparison", name, metric, "", "", value, "", "", ""


def _figures(estimate: Estimate) -> Line:
    parts = ("" if part is None else part for part in (estimate.value, estimate.low, estimate.high))
    return (*parts, estimate.undefined)
