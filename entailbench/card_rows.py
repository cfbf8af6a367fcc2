"""What of a run's results goes into a model card: the rows of one model, of its base, and of the constant baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entailbench.bounded import FILE_BYTES, read_json

__all__ = ["benchmark_rows", "cell", "read_report"]


def read_report(folder: Path, name: str, lineage: Mapping[str, Any]) -> Mapping[str, Any]:
    """``report.json`` of a run's folder.

    Args:
        folder: of the run.
        name: the registered model that the card is for; the run must be of the very training that ``lineage`` tells of.
        lineage: of that model now.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON, or no report, or of another training of that name.
    """
    report = read_json(folder / "report.json", FILE_BYTES)
    model = read_json(folder / "models" / f"{name}.json")
    if not isinstance(report, dict) or not isinstance(report.get("tasks"), list) or not isinstance(model, dict):
        raise ValueError("it is no report")
    kept = model.get("lineage") or {}
    if any(kept.get(key) != lineage.get(key) for key in ("finished", "data", "losses")):
        raise ValueError(f"its {name!r} was another training")
    return report


def benchmark_rows(report: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The rows of some models, and of the constant baseline, from a run's ``report.json`` as Markdown tables.

    Args:
        report: the parsed file.
        names: registered names; those that the run did not have are left out.
    """
    lines: list[str] = []
    for task in report.get("tasks") or ():
        rows = [row for row in task["models"] if row["name"] in names]
        if not rows:
            continue
        lines += [f"{task['task']}, {task['split']} split, {task['rows']:,} rows, {task['labels']}:", ""]
        lines += ["| model | overall | balanced | unparsed | valid proofs |", "|---|---|---|---|---|"]
        for row in [*rows, *(task.get("baselines") or ())[:1]]:
            overall, balanced, proofs = (_share(row, metric) for metric in ("overall", "balanced", "proof_validity"))
            lines.append(f"| {cell(_row_name(row))} | {overall} | {balanced} | {row['unparsed']:,} | {proofs} |")
        lines.append("")
    return tuple(lines)


def _share(row: Mapping[str, Any], metric: str) -> str:
    """In percent, with the ends of its interval."""
    found = (row.get("metrics") or {}).get(metric) or {}
    value, low, high = (found.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "–"
    interval = "" if low is None or high is None else f" ({100 * low:.1f}–{100 * high:.1f})"
    return f"{100 * value:.1f}%{interval}"


def _row_name(row: Mapping[str, Any]) -> str:
    leaked, identity = row.get("leaked"), row.get("identity")
    notes = [f"leaked: trained on the puzzles of {leaked:,} rows"] if leaked else []
    if isinstance(identity, dict) and identity.get("remark"):
        notes.append(str(identity["remark"]))
    return f"{row['name']} ({'; '.join(notes)})" if notes else str(row["name"])


def cell(text: str) -> str:
    """``text`` as it may stand in a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())
