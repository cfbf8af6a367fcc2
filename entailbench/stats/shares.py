"""A share of rows with clustered error, and an interval that does not fail near 0% and 100%.

The rows of a puzzle are not independent, so a share of n rows is known only as well as one of n / deff independent
rows would be, where deff is Kish's design effect (Kish, Survey Sampling, 1965, 8.2). With that effective size the
binomial interval of Clopper and Pearson (Biometrika 26, 1934) can be used, as Korn and Graubard do for surveys
(Survey Methodology 24, 1998); it is not empty at 0% and 100%, where every resample is the same as the sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from entailbench.stats.sample import Floats

__all__ = ["FEW", "Share", "WeightedShare", "clustered_error", "combined_interval", "exact_interval", "few", "share_of"]

FEW = 5
"""With fewer puzzles than this on the rarer side of a share, resampling alone says too little."""
TAIL = 0.025
"""What a 95% interval leaves out on either side."""


@dataclass(frozen=True)
class Share:
    """The mean of values in [0, 1] over rows, mostly of 0s and 1s."""

    value: float
    low: float
    """Ends of the exact binomial interval at the effective size."""
    high: float
    puzzles: float
    """Effective number of puzzles: (sum of sizes)² / sum of squared sizes; all of them if they are of one size."""
    rare: int
    """Puzzles on the rarer side: with a row that is wrong, where most are right, and the other way round."""
    sizes: Floats = field(repr=False)
    """(all puzzles,): how many rows of each the share is of."""
    pull: Floats = field(repr=False)
    """(all puzzles,): how far each pulls the share away from its value, (values - value · sizes) / rows; sums to 0."""


@dataclass(frozen=True)
class WeightedShare:
    """A share as part of a sum."""

    weight: float
    """May be negative."""
    share: Share


def share_of(values: Floats, sizes: Floats) -> Share | None:
    """The share, its error and its exact interval; None where there are no rows.

    Args:
        values: (puzzles,): sum of the values of each puzzle's rows.
        sizes: (puzzles,): how many rows of the puzzle count; puzzles with none do not take part.
    """
    rows = float(sizes.sum())
    if not rows:
        return None
    value = min(1.0, max(0.0, float(values.sum()) / rows))
    puzzles = rows**2 / float((sizes**2).sum())
    rare = int((values > 0 if value < 0.5 else values < sizes).sum())
    pull = (values - value * sizes) / rows
    low, high = exact_interval(value, _effective_rows(value, _spread(pull, sizes), rows, puzzles, rare))
    return Share(value, low, high, puzzles, rare, sizes, pull)


def _spread(pull: Floats, sizes: Floats) -> float | None:
    """The clustered standard error; None for a single puzzle."""
    puzzles = int((sizes > 0).sum())
    return math.sqrt(puzzles / (puzzles - 1) * float((pull**2).sum())) if puzzles > 1 else None


def _effective_rows(value: float, error: float | None, rows: float, puzzles: float, rare: int) -> float:
    worst = rows / puzzles
    # Without a spread to learn from: as if the rows of a puzzle were all alike.
    found = min(worst, max(1.0, error**2 * rows / (value * (1 - value)))) if error else worst
    # Few puzzles on the rarer side tell little about how alike rows are; one more that is all alike is imagined.
    return rows / ((rare * found + worst) / (rare + 1))


def exact_interval(value: float, rows: float) -> tuple[float, float]:
    """Clopper and Pearson's 95% interval for a share of so many independent rows, which may be a fraction."""
    from scipy.special import betaincinv

    hits, misses = value * rows, (1 - value) * rows
    low = float(betaincinv(hits, misses + 1, TAIL)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - TAIL)) if misses > 0 else 1.0
    return min(low, value), max(high, value)


def combined_interval(value: float, parts: Sequence[WeightedShare]) -> tuple[float, float]:
    """An interval for a weighted sum of shares, from theirs: each end is as far from the value as the ends of the
    shares are from the shares, added as errors are (Zou and Donner, Statistics in Medicine 27, 2008).

    Args:
        value: of the sum.
        parts: the shares and their weights.
    """
    below, above = [], []
    for part in parts:
        down, up = part.share.value - part.share.low, part.share.high - part.share.value
        below.append(abs(part.weight) * (down if part.weight > 0 else up))
        above.append(abs(part.weight) * (up if part.weight > 0 else down))
    return value - math.hypot(*below), value + math.hypot(*above)


def clustered_error(parts: Sequence[WeightedShare]) -> float | None:
    """Standard error of a weighted sum of shares, rows of a puzzle moving together; None for a single puzzle.

    Miller, arXiv 2411.00640, equation 4, carried over to sums of ratios, with the factor k / (k - 1) of few clusters.
    """
    pull = np.sum([part.weight * part.share.pull for part in parts], axis=0)
    sizes = np.max([part.share.sizes for part in parts], axis=0)
    return _spread(pull, sizes)


def few(parts: Sequence[WeightedShare]) -> bool:
    """Whether one of the shares rests on too few puzzles for resampling."""
    return any(part.share.rare < FEW for part in parts)
