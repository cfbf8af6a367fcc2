"""When two runs count as having come to the same: everything that they found, and nothing of how they came to it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

HOW = ("directory", "seconds", "cached", "usage")
"""Fields of ``report.json`` that say how a run came to its results: where it is kept, what it took, and which answers
were remembered."""


def canonical(report: Any) -> Any:
    """``report.json`` without these."""
    if isinstance(report, dict):
        return {key: canonical(value) for key, value in report.items() if key not in HOW}
    if isinstance(report, list):
        return [canonical(value) for value in report]
    return report


def results(run: Path) -> Any:
    """What a run found."""
    return canonical(json.loads((run / "report.json").read_text("utf-8")))


def judged(run: Path) -> dict[str, list[str]]:
    """Every judged answer as it was written, by file."""
    return {str(path.relative_to(run)): path.read_text("utf-8").split("\n") for path in run.glob("judged/*/*.jsonl")}


def predictions(run: Path) -> dict[str, dict[str, Any]]:
    """By file and prompt, what was answered; asserts that every line is whole and no prompt stands there twice."""
    found: dict[str, dict[str, Any]] = {}
    for path in run.glob("predictions/*.jsonl"):
        content = path.read_text("utf-8")
        assert content.endswith("\n"), path
        rows = [json.loads(line) for line in content.split("\n")[:-1]]
        twice = [key for key, count in Counter(row["prompt_id"] for row in rows).items() if count > 1]
        assert not twice, (path, twice)
        for row in rows:
            # What it took to be asked, and whether it was remembered.
            found[f"{path.name} {row['prompt_id']}"] = {k: v for k, v in row.items() if k not in ("usage", "cached")}
    return found


def assert_same(run: Path, reference: Path) -> None:
    """0 rows lost, 0 duplicated, and the same results."""
    assert predictions(run) == predictions(reference)
    assert judged(run) == judged(reference)
    assert results(run) == results(reference)
