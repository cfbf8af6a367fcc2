"""The cluster bootstrap: puzzles are drawn with replacement, each with all of its rows.

Resamples are kept as weights, (draws, puzzles): how often each puzzle was drawn. So any figure that is computed from
sums over rows is a matrix product, and all models are measured on the same resamples, which is what pairs them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from entailbench.stats.sample import Floats

__all__ = [
    "Weights",
    "bca_interval",
    "blocks",
    "drawn_sums",
    "group_left_out",
    "jackknife_error",
    "leave_one_out",
    "t_interval",
    "weights",
]

Weights = NDArray[np.uint8] | NDArray[np.uint16] | Floats
"""(draws, puzzles): how often each puzzle was drawn; in one byte each where they fit, since there are millions."""
BLOCK = 1_000_000
"""Weights that are looked at in one go; bounds the memory."""


def weights(puzzles: int, draws: int, seed: int) -> Weights:
    """How often each puzzle is drawn in each resample, (draws, puzzles); each row sums to ``puzzles``."""
    rng = np.random.default_rng(seed)
    found: NDArray[np.uint8] | NDArray[np.uint16] = np.empty((draws, puzzles), dtype=np.uint8)
    for block in blocks(draws, puzzles):
        # One after the other the draws are the same as all at once.
        drawn = rng.integers(puzzles, size=(block.stop - block.start, puzzles))
        drawn += np.arange(len(drawn))[:, None] * puzzles
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        if counts.size and counts.max() > np.iinfo(found.dtype).max:
            found = found.astype(np.uint16)
        found[block] = counts
    return found


def blocks(draws: int, width: int) -> Iterator[slice]:
    """All of ``draws``, in parts of at most ``BLOCK`` numbers of which each draw has ``width``."""
    step = max(1, BLOCK // max(1, width))
    return (slice(start, min(start + step, draws)) for start in range(0, draws, step))


def drawn_sums(weights: Weights, per_puzzle: Floats) -> Floats:
    """The sums of each resample: (draws, puzzles), (puzzles, columns) → (draws, columns)."""
    parts = [weights[block].astype(np.float64) @ per_puzzle for block in blocks(*weights.shape)]
    return np.concatenate(parts) if parts else np.zeros((0, *per_puzzle.shape[1:]))


def leave_one_out(per_puzzle: Floats) -> Floats:
    """The sums of all puzzles but one, for each: (puzzles, columns) → (puzzles, columns)."""
    total: Floats = per_puzzle.sum(axis=0)
    return total - per_puzzle


def group_left_out(puzzles: int, groups: int) -> Floats:
    """Weights of the sample without one group of puzzles, for each: (groups, puzzles); each puzzle is in one group.

    As many groups as puzzles where there are no more puzzles than ``groups``.
    """
    count = min(groups, puzzles)
    weights = np.ones((count, puzzles))
    weights[np.arange(puzzles) % count, np.arange(puzzles)] = 0
    return weights


def jackknife_error(left_out: Floats) -> float | None:
    """Standard error from leaving out one puzzle at a time (Tukey 1958), for figures that are no shares of rows.

    Args:
        left_out: (puzzles,): the figure without each, or without groups of them; NaN where it is undefined.

    Returns:
        The error; None where fewer than two puzzles can be left out.
    """
    defined = left_out[~np.isnan(left_out)]
    if len(defined) < 2:
        return None
    return math.sqrt((len(defined) - 1) * float(defined.var()))


def bca_interval(value: float, draws: Floats, left_out: Floats, puzzles: float) -> tuple[float, float] | None:
    """A 95% interval from resamples: bias-corrected and accelerated (Efron, JASA 82, 1987), widened for few puzzles
    as a t interval is (Hesterberg, The American Statistician 69, 2015, section 5.2).

    Args:
        value: in the sample.
        draws: in each resample; NaN where it is undefined there.
        left_out: in the sample without one puzzle or one group of them, for each; NaN where undefined.
        puzzles: how many there are that matter to the figure; an effective number may be a fraction.

    Returns:
        The ends; None where the figure is undefined in more than half of the resamples. The sample's value lies
        within.
    """
    from scipy.special import ndtr, ndtri

    defined = draws[~np.isnan(draws)]
    if not _enough(defined, draws):
        return None
    if np.ptp(defined) < 1e-12 or puzzles <= 1:
        return value, value
    below = (np.sum(defined < value - 1e-12) + np.sum(defined <= value + 1e-12)) / 2 / len(defined)
    bias = float(ndtri(np.clip(below, 0.5 / len(defined), 1 - 0.5 / len(defined))))
    deviations = left_out[~np.isnan(left_out)]
    deviations = deviations.mean() - deviations
    spread = float((deviations**2).sum())
    skew = float((deviations**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    reach = _reach(puzzles)
    ends = []
    for z in (bias - reach, bias + reach):
        # Beyond a pole of the acceleration the formula turns round; there it means the last resample.
        slope = 1 - skew * z
        ends.append(float(ndtr(bias + z / slope)) if slope > 0 else float(z > 0))
    low, high = np.quantile(defined, ends)
    return min(float(low), value), max(float(high), value)


def t_interval(value: float, draws: Floats, puzzles: float) -> tuple[float, float] | None:
    """A 95% interval that is symmetric: Student's t times the standard deviation of the resamples.

    For differences between two models on the same rows. Few puzzles make a difference, in either direction, so the skew
    that ``bca_interval`` corrects for is mostly noise, and correcting for it makes the interval too short.

    Args:
        value: in the sample.
        draws: in each resample; NaN where it is undefined there.
        puzzles: how many there are that matter to the figure; an effective number may be a fraction.

    Returns:
        As ``bca_interval``.
    """
    defined = draws[~np.isnan(draws)]
    if not _enough(defined, draws):
        return None
    reach = _reach(puzzles) * float(defined.std()) if puzzles > 1 else 0.0
    return value - reach, value + reach


def _enough(defined: Floats, draws: Floats) -> bool:
    return len(defined) > 0 and 2 * len(defined) >= len(draws)


def _reach(puzzles: float) -> float:
    """Standard errors from the value to an end, for resamples, which vary less than samples by √(1 − 1 / puzzles)."""
    from scipy.special import stdtrit

    return math.sqrt(puzzles / (puzzles - 1)) * float(stdtrit(puzzles - 1, 0.975))
