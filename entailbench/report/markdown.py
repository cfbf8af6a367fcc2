"""A report as a page of Markdown: verdicts and tables first, then every metric, then what the models are."""

from __future__ import annotations

from collections.abc import Iterator

from entailbench.findings import METRICS, ModelResult, Report, TaskResult
from entailbench.report import figures
from entailbench.report.github import harmless, write_table
from entailbench.report.robustness_table import robustness_table
from entailbench.report.tables import Group, Table, comparison_table, footnote, main_table, metrics_table, slice_tables

__all__ = ["write_report"]


def write_report(report: Report) -> str:
    """The whole page, with a line end at its end."""
    parts = ["# Results"]
    for task in report.tasks:
        parts += _task(task)
    parts += ["## What the figures mean", _meanings(report), "## Models"]
    for name, identity in report.identities.items():
        facts = {"backend": identity.backend, "weights": identity.weights, "template": identity.template}
        facts |= {"served": identity.served, **identity.details}
        lines = "\n".join(f"  - {harmless(str(key))}: {_code(str(value))}" for key, value in facts.items() if value)
        parts.append(f"- **{harmless(name)}**\n{lines}")
    parts.append("## Versions")
    parts.append(", ".join(f"{package} {number}" for package, number in report.versions.items()))
    return "\n\n".join(parts) + "\n"


def _meanings(report: Report) -> str:
    used = {name for task in report.tasks for result in task.models for name in result.metrics}
    return "\n".join(f"- {metric.title}: {metric.meaning}" for metric in METRICS if metric.name in used)


def _task(task: TaskResult) -> Iterator[str]:
    table = main_table(task)
    yield f"## {harmless(table.title)}"
    if table.verdicts:
        yield "\n".join(f"- **{harmless(sentence)}**" for sentence in table.verdicts)
    yield write_table(table)
    yield from (harmless(note) for note in table.notes)
    yield footnote(table)
    robust = robustness_table(task)
    if robust is not None:
        yield from _section(robust)
    yield from _section(metrics_table(task))
    pairs = comparison_table(task)
    if pairs is not None:
        yield from _section(pairs)
    for part in slice_tables(task):
        yield from _section(part)
    for result in task.models:
        yield from _confusion(result)
    yield from _unparsed(task)


def _section(table: Table) -> Iterator[str]:
    yield f"### {harmless(table.title)}"
    yield write_table(table)
    yield from (harmless(note) for note in table.notes)


def _confusion(result: ModelResult) -> Iterator[str]:
    if not result.confusion:
        return
    answers = tuple(dict.fromkeys(answer for row in result.confusion.values() for answer in row))
    lines = tuple(
        (label, *(figures.count(row.get(answer, 0)) for answer in answers)) for label, row in result.confusion.items()
    )
    yield from _section(Table(f"Labels and answers of {result.name}", ("label", *answers), (Group("", lines),)))


def _unparsed(task: TaskResult) -> Iterator[str]:
    told = [result for result in task.models if result.unparsed_examples or result.error_examples]
    if told:
        yield "### What unparsed answers look like"
    for result in told:
        every = (*result.unparsed_examples, *result.error_examples)
        examples = "\n".join(f"  - {_code(example)}" for example in every)
        yield f"- **{harmless(result.name)}** ({figures.count(result.unparsed)} unparsed)\n{examples}"


def _code(text: str) -> str:
    """Text of a model or a server as a code span, which nothing in it can end."""
    plain = "".join(c if c.isprintable() else " " for c in text).replace("`", "'").strip()
    return f"`{plain}`" if plain else "(empty)"
