"""Report → table in the formats that ``--format`` offers, and the files of the run directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from entailbench.answered import TaskAnswers
from entailbench.findings import Report
from entailbench.report import github, json_form, latex, long_form
from entailbench.report.formats import Format
from entailbench.report.markdown import write_report as markdown
from entailbench.report.robustness_table import robustness_table
from entailbench.report.tables import Table, footnote, main_table
from entailbench.run_directory import RunDirectory, write_atomically

__all__ = ["markdown", "render", "save"]


def render(report: Report, format: Format = "github") -> str:
    """The tables of a report, one per task, with the verdicts under each.

    Args:
        report: what ``run`` returned, or ``analysis.analyse``.
        format: ``github`` (also plain text), ``latex`` (booktabs), ``csv`` (all figures in long form) or ``json``.
    """
    if format == "json":
        return json_form.write_report(report)
    if format == "csv":
        return long_form.write_report(report)
    tables = [
        table for task in report.tasks for table in (main_table(task), robustness_table(task)) if table is not None
    ]
    if format == "latex":
        return "\n\n".join(latex.write_table(table) for table in tables)
    # The verdicts come last: there the eye is when a run ends.
    verdicts = [github.harmless(sentence) for sentence in _verdicts(tables)]
    return "\n\n".join([*map(_on_terminal, tables), footnote(*tables), *verdicts])


def _verdicts(tables: Sequence[Table]) -> Iterator[str]:
    """Of all tables; with several tasks, each under its own."""
    several = sum(bool(table.verdicts) for table in tables) > 1
    for table in tables:
        if several and table.verdicts:
            yield f"{table.title}:"
        yield from table.verdicts


def _on_terminal(table: Table) -> str:
    notes = "".join(f"\n\n{github.harmless(note)}" for note in table.notes)
    return f"{github.harmless(table.title)}\n\n{github.write_table(table)}{notes}"


def save(report: Report, tasks: Sequence[TaskAnswers]) -> Path:
    """Writes ``report.json``, ``.md``, ``.csv``, ``.tex`` and ``.html`` into the run directory.

    Args:
        report: what was found.
        tasks: the rows and answers that it was found in, which the page shows.

    Returns:
        The page.
    """
    from entailbench.report.page import page_pieces

    directory = RunDirectory(Path(report.directory))
    directory.write("report.json", render(report, "json") + "\n")
    directory.write("report.md", markdown(report))
    directory.write("report.csv", render(report, "csv") + "\n")
    directory.write("report.tex", render(report, "latex") + "\n")
    page = directory.path / "report.html"
    write_atomically(page, page_pieces(report, tasks))
    return page
