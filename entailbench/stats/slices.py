"""Accuracy over the rows that have one property in common: a family, a depth, a form of question."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from entailbench.answered import FACETS, Row
from entailbench.findings import Estimate, Slice
from entailbench.stats.intervals import Sums, estimate
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Floats, Sample, sample_of

__all__ = ["slices_of"]

MOST = 12
"""Slices that a facet of numbers has at most."""


def slices_of(rows: Sequence[Row], columns: Mapping[str, Floats], *, draws: int, seed: int) -> tuple[Slice, ...]:
    """Every value of every facet that tells rows apart: numbers in their order, in ranges where they are many, then
    words.

    A facet with the same value in all rows gives no slices: they would repeat the table.

    Args:
        rows: of the task.
        columns: (rows, columns) counts by the name of model or baseline, see ``counts.columns_of``.
        draws: resamples for each slice, of the puzzles that have rows in it.
        seed: of the resamples.
    """
    found = []
    for facet in FACETS:
        values = _labelled([row.facets.get(facet) for row in rows])
        distinct = sorted({value for value in values if value is not None})
        if len(distinct) < 2:
            continue
        for place, label in distinct:
            chosen = np.array([value == (place, label) for value in values])
            found.append(_slice(facet, label, rows, columns, chosen, draws, seed))
    return tuple(found)


def _labelled(values: Sequence[str | int | None]) -> list[tuple[float, str] | None]:
    """Each value's place in the order of slices, and its name: of a number that is the range it is in.

    A range is one number, unless there are more than ``MOST``: then each has about as many rows as the others.
    """
    numbers = sorted(value for value in values if isinstance(value, int | float))
    ends = sorted(set(numbers))
    if len(ends) > MOST:
        ends = sorted({numbers[math.ceil(len(numbers) * (part + 1) / MOST) - 1] for part in range(MOST)})

    def labelled(value: str | int | None) -> tuple[float, str] | None:
        if value is None:
            return None
        if not isinstance(value, int | float):
            return math.inf, value
        number = bisect_left(ends, value)
        here = [one for one in numbers if bisect_left(ends, one) == number]
        return ends[number], f"{here[0]}" if here[0] == here[-1] else f"{here[0]}–{here[-1]}"

    known = {value: labelled(value) for value in set(values)}
    return [known[value] for value in values]


def _slice(
    facet: str,
    value: str,
    rows: Sequence[Row],
    columns: Mapping[str, Floats],
    chosen: NDArray[np.bool_],
    draws: int,
    seed: int,
) -> Slice:
    sample: Sample = sample_of([row for row, here in zip(rows, chosen, strict=True) if here])
    resamples = weights(sample.puzzles, draws, seed)
    overall: dict[str, Estimate] = {}
    balanced: dict[str, Estimate] = {}
    for name, counts in columns.items():
        sums = Sums.of(sample.per_puzzle(counts[chosen]), resamples)
        overall[name] = estimate("overall", sums)
        balanced[name] = estimate("balanced", sums, undefined="all rows have one label")
    return Slice(facet, value, int(chosen.sum()), sample.puzzles, overall, balanced)
