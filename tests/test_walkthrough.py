"""docs/walkthrough.ipynb: it runs, and what it shows is what it printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import walkthrough

VERDICT = re.compile(r"\S+ beats \S+ by [\d.]+ points of balanced accuracy|cannot tell \S+ and .*? apart")
FIXED = ("judge_puzzle", "audit.jsonl")
"""Cells that print the same on every machine and with any sizes."""
FEWER = (
    ("samples = 48\n", "samples = 16\n"),
    ("validation_samples = 8\n", "validation_samples = 4\n"),
    ("--limit 48 ", "--limit 8 "),
    ("--limit 11 ", "--limit 2 "),
)
"""Sizes that make it a test of a few minutes on one core; nothing else is changed."""


def smaller() -> Any:
    notebook = walkthrough.read()
    for old, new in FEWER:
        assert any(old in cell.source for cell in notebook.cells), f"no cell says {old!r}"
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)
    return notebook


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_runs_from_the_puzzle_to_the_verdict(smollm2: Path) -> None:
    kept = {cell.id: walkthrough.printed(cell) for cell in walkthrough.read().cells if cell.cell_type == "code"}
    executed = [cell for cell in walkthrough.execute(smaller()).cells if cell.cell_type == "code"]
    for cell in executed:
        if any(word in cell.source for word in FIXED):
            assert walkthrough.printed(cell) == kept[cell.id]
        if "entailbench run --models base" in cell.source or "entailbench compare" in cell.source:
            assert VERDICT.search(walkthrough.printed(cell)), walkthrough.printed(cell)
    assert "report.html" in walkthrough.printed(executed[-1])


def test_what_is_kept_of_it_is_whole_and_says_nothing_of_the_machine() -> None:
    cells = [cell for cell in walkthrough.read().cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        kinds = {output["output_type"] for output in cell.outputs}
        assert "error" not in kinds
        assert all(output.get("name", "stdout") == "stdout" for output in cell.outputs)
        prints = "%%bash" in cell.source or ("print(" in cell.source and "file=" not in cell.source)
        assert bool(walkthrough.printed(cell)) == prints, cell.source
        assert not re.search(r"/(?:home|root|Users|work)/", walkthrough.printed(cell)), cell.source
    assert any(VERDICT.search(walkthrough.printed(cell)) for cell in cells)
