"""Report → table in the formats that ``--format`` offers, and the files of the run directory."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tabulate import tabulate

from entailbench.records import ModelResult, Report, TaskResult
from entailbench.report.formats import Format
from entailbench.run_directory import RunDirectory, to_json

__all__ = ["markdown", "render", "save"]

HEADERS = ("model", "rows", "overall %", "entailment %", "not entailment %", "balanced %", "unparsed", "seconds")
PROOFS = "valid proofs %"
"""A column only of tables in which a model gives proofs."""
NOTE = (
    "Accuracies in percent; balanced is the mean of the two class accuracies. "
    "An unparsed answer counts as wrong and is counted apart."
)
PROOF_NOTE = (
    "A valid proof is one that the solver accepts, and that proves the label in the answer; the share is of all "
    "answers, and – stands where a model gives no proofs."
)


def render(report: Report, format: Format = "github") -> str:
    """The tables of a report, one per task.

    Args:
        report: what ``run`` returned.
        format: ``github`` (also plain text), ``latex``, ``csv`` (one table for all tasks) or ``json``.
    """
    if format == "json":
        return to_json(report, indent=2)
    if format == "csv":
        return _csv(report)
    tables = [f"{task.title}\n\n{_table(task, format)}" for task in report.tasks]
    note = f"{NOTE} {PROOF_NOTE}" if any(map(_gives_proofs, report.tasks)) else NOTE
    return "\n\n".join(tables) + f"\n\n{note}"


def markdown(report: Report) -> str:
    """A page with the tables, what each model is, and the versions."""
    parts = ["# Results", render(report), "## Models"]
    for name, identity in report.identities.items():
        facts = {"backend": identity.backend, "weights": identity.weights, "template": identity.template}
        facts |= {"served": identity.served, **identity.details}
        lines = "\n".join(f"  - {key}: `{value}`" for key, value in facts.items() if value)
        parts.append(f"- **{name}**\n{lines}")
    parts.append("## Versions")
    parts.append(", ".join(f"{package} {number}" for package, number in report.versions.items()))
    return "\n\n".join(parts) + "\n"


def save(report: Report) -> None:
    """Writes ``report.json`` and ``report.md`` into the run directory."""
    directory = RunDirectory(Path(report.directory))
    directory.write("report.json", report)
    directory.write("report.md", markdown(report))


def _table(task: TaskResult, format: Format) -> str:
    proofs = _gives_proofs(task)
    headers = (*HEADERS[:-1], PROOFS, HEADERS[-1]) if proofs else HEADERS
    return tabulate(
        [_cells(result, proofs) for result in (*task.models, task.constant)],
        headers=headers,
        tablefmt=format,
        disable_numparse=True,
        colalign=("left", *["right"] * (len(headers) - 1)),
    )


def _gives_proofs(task: TaskResult) -> bool:
    return any(result.proof_validity is not None for result in task.models)


def _cells(result: ModelResult, proofs: bool) -> tuple[str, ...]:
    return (
        _harmless(result.title),
        f"{result.rows:,}",
        *(_percent(share) for share in (result.overall, result.entailment, result.not_entailment, result.balanced)),
        f"{result.unparsed:,}",
        *([_percent(result.proof_validity)] if proofs else []),
        "–" if result.seconds is None else f"{result.seconds:.1f}",
    )


def _harmless(text: str) -> str:
    """A server chooses its model's name: keep it from breaking the table or driving the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("|", "/")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _csv(report: Report) -> str:
    out = io.StringIO()
    proofs = ("proof_validity",) if any(map(_gives_proofs, report.tasks)) else ()
    columns = ("rows", "overall", "entailment", "not_entailment", "balanced", "unparsed", *proofs, "leaked", "seconds")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("task", "split", "labels", "model", "served", *columns))
    for task in report.tasks:
        for result in (*task.models, task.constant):
            served = result.identity.served if result.identity else None
            values = [json.dumps(value) if value is not None else "" for value in (getattr(result, c) for c in columns)]
            writer.writerow((task.task, task.split, task.labels, result.name, served or "", *values))
    return out.getvalue().rstrip("\n")
