"""Figures that others published on the tasks of this package, as ``data/results/`` keeps them."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator

from entailbench import ReportedResult, bounded

__all__ = ["reported_results"]


def reported_results() -> Iterator[ReportedResult]:
    """The table of every file, each in its own order."""
    folder = importlib.resources.files("entailbench_data") / "results"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".json"):
            continue
        table = bounded.read_json(file)
        for line in table["results"]:
            metrics = {name: value for name, value in line.items() if name != "model"}
            yield ReportedResult(line["model"], metrics, table["rows"], table["source"], table["remark"])
