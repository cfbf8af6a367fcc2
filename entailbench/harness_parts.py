"""A task in parts, since lm-eval holds all about every row at once, and their results as if it had been whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entailbench.harness_docs import with_docs
from entailbench.harness_tasks import LoadedTask

__all__ = ["PART_ROWS", "PartResults", "parts_of", "rename_samples"]

PART_ROWS = 5_000
"""Rows that lm-eval is given at a time. It takes some ten kB of memory for each; batches of prompts of like length do
not gain from more."""


def parts_of(loaded: LoadedTask, limit: int | None, size: int | None = None) -> Iterator[tuple[int, LoadedTask, int]]:
    """The rows that are asked, in parts: the number of the first row, the task that asks them, and how many.

    Args:
        loaded: the task; given back as it is where one part is enough.
        limit: only the first rows.
        size: rows in a part, default ``PART_ROWS``.
    """
    size = size or PART_ROWS
    rows = len(loaded.docs) if limit is None else min(limit, len(loaded.docs))
    if rows <= size:
        yield 0, loaded, rows
        return
    for first in range(0, rows, size):
        docs = loaded.docs[first : min(first + size, rows)]
        yield first, with_docs(loaded, loaded.name, docs), len(docs)


@dataclass
class PartResults:
    """What of the parts' samples is needed once they are written."""

    loaded: LoadedTask
    rows: int = 0
    _values: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    """(metric, filter) → its value for each row."""
    _hashes: list[str] = field(default_factory=list)

    def add(self, samples: Sequence[Mapping[str, Any]]) -> None:
        """Takes a part's samples, as lm-eval made them."""
        self.rows += len(samples)
        for sample in samples:
            for metric in sample["metrics"]:
                self._values[metric, sample["filter"]].append(sample[metric])
        # In one piece: three short texts a row would take twice as much.
        self._hashes.append("".join(f"{one['doc_hash']}{one['prompt_hash']}{one['target_hash']}" for one in samples))

    def complete(self, results: dict[str, Any]) -> dict[str, Any]:
        """lm-eval's results of the last part, with the figures of all of them."""
        name = self.loaded.name
        aggregations = self.loaded.task.aggregation()
        figures = results["results"][name]
        for (metric, chosen), values in self._values.items():
            figures[f"{metric},{chosen}"] = aggregations[metric](values)
        figures["sample_len"] = self.rows
        results["configs"][name] = dict(self.loaded.task.dump_config())
        results["n-samples"][name] = {"original": len(self.loaded.docs), "effective": self.rows}
        return results

    def hashes(self) -> dict[str, list[dict[str, str]]]:
        """What lm-eval hashes to one value for a task's samples, in a single sample."""
        return {self.loaded.name: [{"doc_hash": "".join(self._hashes), "prompt_hash": "", "target_hash": ""}]}


def rename_samples(folder: Path, task: str, written: str, date: str) -> None:
    """Gives the samples, which were written first, the date of the results, as lm-eval's readers expect it."""
    path = folder / f"samples_{task}_{written}.jsonl"
    if path.exists():
        path.replace(folder / f"samples_{task}_{date}.jsonl")
