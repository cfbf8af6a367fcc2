"""A share of rows with clustered error, and an interval that does not fail near 0% and 100%.

The rows of a puzzle are not independent, so a share of n rows is known only as well as one of n / deff independent
rows would be, where deff is Kish's design effect (Kish, Survey Sampling, 1965, 8.2). With that effective size a
binomial interval can be used, as Korn and Graubard do for surveys (Survey Methodology 24, 1998). It is that of
Jeffreys, whose coverage is 95% in the mean over shares, while Clopper and Pearson's (Biometrika 26, 1934) is at least
95% for each, so mostly well above (Brown, Cai and DasGupta, Statistical Science 16, 2001). At 0% and 100%, where
Jeffreys' is too short, it is Clopper and Pearson's, which is one part of their modified Jeffreys interval. The other,
to stretch the interval to 0% at a single success, is not taken over: what was seen once is not at 0%.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from entailbench.stats.sample import Floats

__all__ = [
    "FEW",
    "Share",
    "WeightedShare",
    "added",
    "binomial_interval",
    "clustered_error",
    "combined_interval",
    "few",
    "few_differ",
    "share_of",
]

FEW = 3
"""With fewer puzzles than this on the rarer side of a share, resampling alone says too little."""
FEW_DIFFER = 6
"""As few for a difference, where puzzles on which either side is ahead add up; fewer than six show nothing at 5%."""
TAIL = 0.025
"""What a 95% interval leaves out on either side."""


@dataclass(frozen=True)
class Share:
    """The mean of values in [0, 1] over rows, mostly of 0s and 1s."""

    value: float
    low: float
    """Ends of the binomial interval at the effective size."""
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
    """The share, its error and its binomial interval; None where there are no rows.

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
    low, high = binomial_interval(value, _effective_rows(value, _spread(pull, sizes), rows, puzzles, rare))
    # One wrong row must not make a share seem surer than none does.
    all_right, _ = binomial_interval(1.0, puzzles)
    return Share(value, min(low, all_right), max(high, 1 - all_right), puzzles, rare, sizes, pull)


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


def binomial_interval(value: float, rows: float) -> tuple[float, float]:
    """The 95% interval of Jeffreys for a share of so many independent rows, which may be a fraction.

    At 0 and 1 it is Clopper and Pearson's, 1 - 0.025^(1 / rows) long.
    """
    from scipy.special import betaincinv

    hits, misses = value * rows, (1 - value) * rows
    if hits <= 0:
        return 0.0, float(-np.expm1(math.log(TAIL) / rows))
    if misses <= 0:
        return TAIL ** (1 / rows), 1.0
    low, high = (float(betaincinv(hits + 0.5, misses + 0.5, tail)) for tail in (TAIL, 1 - TAIL))
    return min(low, value), max(high, value)


def combined_interval(value: float, parts: Sequence[WeightedShare]) -> tuple[float, float]:
    """An interval for a weighted sum of shares, from theirs: the distances of their ends are added as errors are.

    This is MOVER (Zou and Donner, Statistics in Medicine 27, 2008).

    Args:
        value: of the sum.
        parts: the shares and their weights.
    """
    below, above = [], []
    for part in parts:
        down, up = part.share.value - part.share.low, part.share.high - part.share.value
        below.append(part.weight * (down if part.weight > 0 else up))
        above.append(part.weight * (up if part.weight > 0 else down))
    return value - added(below, parts), value + added(above, parts)


def added(moves: Sequence[float], parts: Sequence[WeightedShare]) -> float:
    """The length of moves that are due to shares, added as errors are: √(Σ rᵢⱼ mᵢ mⱼ).

    The shares of one sample have puzzles in common, so r is their correlation over puzzles (Zou, Psychological Methods
    12, 2007); 0 where a share is the same in every puzzle.

    Args:
        moves: one for each share, negative if it goes the other way than the share.
        parts: the shares.
    """
    pulls = np.stack([part.share.pull for part in parts])
    lengths = np.linalg.norm(pulls, axis=1)
    pulls /= np.where(lengths > 0, lengths, 1.0)[:, None]
    correlations = pulls @ pulls.T
    np.fill_diagonal(correlations, 1.0)
    of = np.asarray(moves)
    return math.sqrt(max(0.0, float(of @ correlations @ of)))


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


def few_differ(parts: Sequence[WeightedShare]) -> bool:
    """The same for a difference, its parts being the shares of rows that only one of two got right."""
    return sum(part.share.rare for part in parts) < FEW_DIFFER
