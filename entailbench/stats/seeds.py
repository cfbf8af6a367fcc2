"""How far the seed of a training moves a figure, as a part of its interval of its own.

Puzzles and seeds are crossed: every seed answers every puzzle. So the mean over k seeds of a figure on P puzzles has
the variance σ²(puzzles)/P + σ²(seeds)/k + σ²(both)/(P k). The cluster bootstrap of the mean over seeds shows the first
and the third part. The second is estimated from the seeds' own figures: their variance is σ²(seeds) + σ²(both)/P, and
how far a seed's figure moves against the mean of all from resample to resample tells σ²(both)/P.

The two parts are added as Zou and Donner do (Statistics in Medicine 27, 2008): each end of the interval lies as far
from the value as √(own distance² + (t · error)²), t with k − 1 degrees of freedom. So where seeds do not differ it is
the bootstrap's interval, and one from two seeds is as wide as two seeds deserve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from entailbench.findings import Estimate
from entailbench.stats.sample import Floats

__all__ = ["SeedPart", "between", "p_of", "reach", "widened"]

TWO = 2
"""With so few seeds σ²(both) is not taken off: their variance is too uncertain to be made smaller."""


@dataclass(frozen=True)
class SeedPart:
    """The part of a mean's uncertainty that is due to the seeds."""

    variance: float
    """Between seeds: σ²(seeds)."""
    seeds: int
    """At least 2."""

    @property
    def error(self) -> float:
        """Standard error of the mean over the seeds."""
        return math.sqrt(self.variance / self.seeds)


def reach(parts: Sequence[SeedPart], level: float = 0.05) -> float:
    """Half the width of a two-sided interval for what is due to seeds alone.

    With the seeds of two lines, the degrees of freedom are Welch's (Biometrika 34, 1947).
    """
    from scipy.special import stdtrit

    variances = [part.error**2 for part in parts]
    total = sum(variances)
    if not total:
        return 0.0
    freedom = 1 / sum((v / total) ** 2 / (part.seeds - 1) for v, part in zip(variances, parts, strict=True))
    return float(stdtrit(freedom, 1 - level / 2)) * math.sqrt(total)


def between(values: Sequence[float], drawn: Floats | None) -> SeedPart:
    """The variance between seeds beyond what the choice of puzzles explains.

    Args:
        values: the figure of each seed; two or more.
        drawn: (draws, seeds): the figure of each in the same resamples of puzzles; None where that is not known, which
            leaves the variance as it is.
    """
    seeds = len(values)
    variance = float(np.var(values, ddof=1))
    if drawn is not None and seeds > TWO:
        # Against the mean of all, what moves all seeds alike cancels; of the rest, 1 - 1/k is left.
        against = drawn - drawn.mean(axis=1, keepdims=True)
        both = float(np.nanmean(np.nanvar(against, axis=0))) * seeds / (seeds - 1)
        variance = max(0.0, variance - both)
    return SeedPart(variance, seeds)


def widened(found: Estimate, parts: Sequence[SeedPart], lowest: float = 0.0) -> Estimate:
    """An estimate whose interval also holds for other seeds.

    Args:
        found: with the interval over puzzles.
        parts: of the seeds of one line, or of both in a difference.
        lowest: the least that the figure can be; 1 is the most.
    """
    if found.value is None or found.low is None or found.high is None:
        return found
    seeds = reach(parts)
    error = None if found.error is None else math.hypot(found.error, *(part.error for part in parts))
    return replace(
        found,
        low=max(lowest, found.value - math.hypot(found.value - found.low, seeds)),
        high=min(1.0, found.value + math.hypot(found.high - found.value, seeds)),
        error=error,
    )


def p_of(difference: float, error: float, puzzles: int, parts: Sequence[SeedPart]) -> float:
    """The level at which the interval of a difference, made symmetric, would just reach 0.

    Args:
        difference: of two lines.
        error: its clustered standard error over puzzles.
        puzzles: how many there are.
        parts: of the seeds of either.
    """
    from scipy.special import stdtrit

    def width(level: float) -> float:
        return math.hypot(float(stdtrit(max(1, puzzles - 1), 1 - level / 2)) * error, reach(parts, level))

    if difference == 0:
        return 1.0
    low, high = 1e-12, 1.0
    if abs(difference) > width(low):
        return low
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if abs(difference) < width(middle) else (low, middle)
    return high
