"""Figures with their 95% intervals: the cluster bootstrap's, or binomial ones where it says too little."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from entailbench.errors import DataError
from entailbench.findings import Estimate
from entailbench.stats.counts import EE, EN, EU, FORMULAS, NE, NN, NU, SHARES, ratio
from entailbench.stats.resampling import (
    Weights,
    bca_interval,
    drawn_sums,
    jackknife_error,
    leave_one_out,
    t_interval,
    weights,
)
from entailbench.stats.sample import Floats, Sample, numbered_puzzles
from entailbench.stats.shares import WeightedShare, added, clustered_error, combined_interval, few, few_differ, share_of

__all__ = ["DRAWS", "Sums", "clustered_mean", "estimate", "shares_of", "with_interval"]

DRAWS = 2000
"""Resamples of a headline interval."""


@dataclass(frozen=True)
class Sums:
    """A model's counts, summed as the figures need them; see ``counts`` for the columns."""

    per_puzzle: Floats
    """(puzzles, columns)"""
    drawn: Floats
    """(draws, columns): of each resample."""
    left_out: Floats
    """(puzzles, columns): of the sample without one puzzle."""

    @classmethod
    def of(cls, per_puzzle: Floats, weights: Weights) -> Sums:
        """The sums of a sample under the weights of its resamples."""
        return cls(per_puzzle, drawn_sums(weights, per_puzzle), leave_one_out(per_puzzle))

    @property
    def total(self) -> Floats:
        """(columns,): of the sample."""
        total: Floats = self.per_puzzle.sum(axis=0)
        return total


def shares_of(name: str, per_puzzle: Floats) -> list[WeightedShare]:
    """The weighted shares that a figure is the sum of; empty if it is none, or if one of them has no rows."""
    parts = []
    for weight, part, whole in SHARES.get(name, ()):
        share = share_of(per_puzzle[:, part].sum(axis=1), per_puzzle[:, whole].sum(axis=1))
        if share is None:
            return []
        parts.append(WeightedShare(weight, share))
    return parts


def estimate(name: str, sums: Sums, *, value: float | None = None, undefined: str = "no row has it") -> Estimate:
    """A figure of ``counts.FORMULAS`` with its interval.

    Args:
        name: of the metric.
        sums: the model's counts.
        value: where it was computed elsewhere; default from the counts.
        undefined: why there is no value, if there is none.
    """
    formula = FORMULAS[name]
    value = float(formula(sums.total)) if value is None else value
    if math.isnan(value):
        return Estimate(None, undefined=undefined)
    if name in SHARES:
        parts = shares_of(name, sums.per_puzzle)
        return with_interval(value, formula(sums.drawn), formula(sums.left_out), parts)
    parts = shares_of("balanced", sums.per_puzzle)
    return with_interval(
        value,
        formula(sums.drawn),
        formula(sums.left_out),
        parts,
        otherwise=partial(_through_classes, name, value, sums, parts),
        lowest=0.0 if name == "macro_f1" else -1.0,
    )


def with_interval(
    value: float,
    drawn: Floats,
    left_out: Floats,
    parts: Sequence[WeightedShare],
    *,
    otherwise: Callable[[], tuple[float, float]] | None = None,
    lowest: float = 0.0,
    difference: bool = False,
) -> Estimate:
    """The cluster bootstrap's interval, or where puzzles are few the one that binomial intervals give.

    Args:
        value: of the figure, in the sample.
        drawn: (draws,): in each resample.
        left_out: (puzzles,): without one puzzle.
        parts: the shares that the figure rests on.
        otherwise: the interval from binomial ones; default that of a weighted sum of the parts.
        lowest: the least that the figure can be; 1 is the most.
        difference: whether it is one of two models, so that its resamples lie alike on both sides.
    """
    puzzles, ends = min(part.share.puzzles for part in parts), None
    if difference and not few_differ(parts):
        ends = t_interval(value, drawn, puzzles)
    elif not difference and not few(parts):
        ends = bca_interval(value, drawn, left_out, puzzles)
    if ends is None or ends[1] - ends[0] < 1e-12:
        ends = otherwise() if otherwise else combined_interval(value, parts)
    low, high = ends
    return Estimate(
        value=value,
        low=max(lowest, min(value, low)),
        high=min(1.0, max(value, high)),
        error=jackknife_error(left_out) if otherwise else clustered_error(parts),
    )


def _through_classes(name: str, value: float, sums: Sums, parts: Sequence[WeightedShare]) -> tuple[float, float]:
    """How far a figure moves when one class accuracy goes to an end of its own interval, added as errors are."""
    below, above = [], []
    for (right, others), part in zip(((EE, (EN, EU)), (NN, (NE, NU))), parts, strict=True):
        low, high = (
            float(FORMULAS[name](_with_accuracy(sums.total, right, others, end))) - value
            for end in (part.share.low, part.share.high)
        )
        # A figure may fall where the accuracy rises.
        below.append(min(0.0, low) if low <= high else max(0.0, -high))
        above.append(max(0.0, high) if low <= high else min(0.0, -low))
    return value - added(below, parts), value + added(above, parts)


def _with_accuracy(total: Floats, right: int, others: tuple[int, int], accuracy: float) -> Floats:
    """The counts if a class were answered with this accuracy and its wrong answers were as they are."""
    moved = total.copy()
    wrong = total[list(others)].sum()
    rows = total[right] + wrong
    moved[right] = accuracy * rows
    shares = total[list(others)] / wrong if wrong else np.array([1.0, 0.0])
    moved[list(others)] = (1 - accuracy) * rows * shares
    return moved


def clustered_mean(
    values: Sequence[float | bool], puzzles: Sequence[str], *, draws: int = DRAWS, seed: int = 0, undefined: str = ""
) -> Estimate:
    """The mean of values in [0, 1], one per row, with the interval that all shares in a report have.

    Args:
        values: of the rows; truth values count as 0 and 1.
        puzzles: what each row belongs to.
        draws: how many resamples.
        seed: of the resamples.
        undefined: why there is no value, if there are no rows.

    Raises:
        DataError: another number of puzzles than of values, or a value outside [0, 1].
    """
    if len(values) != len(puzzles):
        raise DataError(f"{len(values)} values but {len(puzzles)} puzzles")
    column = np.asarray(values, dtype=np.float64)
    if not ((column >= 0) & (column <= 1)).all():
        raise DataError("a mean of shares takes values in [0, 1]")
    numbers, count = numbered_puzzles(puzzles)
    sample = Sample(np.zeros(len(column), dtype=np.bool_), numbers, count)
    per_puzzle = sample.per_puzzle(np.stack([column, np.ones(len(column))], axis=1))
    share = share_of(per_puzzle[:, 0], per_puzzle[:, 1])
    if share is None:
        return Estimate(None, undefined=undefined or "there are no rows")
    sums = Sums.of(per_puzzle, weights(count, draws, seed))
    drawn, left_out = (ratio(these[:, 0], these[:, 1]) for these in (sums.drawn, sums.left_out))
    return with_interval(share.value, drawn, left_out, [WeightedShare(1.0, share)])
