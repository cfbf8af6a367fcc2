"""The sign-flip permutation test over puzzles, exact McNemar, and Holm's correction."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from entailbench.stats.resampling import blocks

__all__ = ["holm", "mcnemar", "sign_flip"]

EXACT_STEPS = 100_000_000
"""Up to this much work the distribution is counted in full; above, sampled."""
SAMPLED = 20_000
"""Sign patterns that are sampled."""


def sign_flip(differences: NDArray[np.int64], seed: int = 0) -> float:
    """The two-sided p-value of a sum of differences if each could as well have had the other sign.

    Under the hypothesis that it does not matter which of two models gave which of a puzzle's two sets of answers, all
    sign patterns are equally likely, and the p-value is the share of them with a sum at least as far from 0. All
    patterns are counted (by the number of patterns per sum) where the work allows it; else 20,000 are sampled, and p
    is (b + 1) / (m + 1), which is never too small (Phipson and Smyth, 2010, doi:10.2202/1544-6115.1585).

    Args:
        differences: (puzzles,): whole numbers, so that equal sums are equal.
        seed: of the sampling.
    """
    sizes = np.abs(differences[differences != 0]).astype(np.int64)
    if not len(sizes):
        return 1.0
    sizes //= np.gcd.reduce(sizes)
    signs = np.sign(differences[differences != 0])
    observed = abs(int((signs * sizes).sum()))
    total = int(sizes.sum())
    if total * len(sizes) <= EXACT_STEPS:
        return _counted(np.sort(sizes), observed, total)
    rng = np.random.default_rng(seed)
    as_far = 0
    for block in np.array_split(np.arange(SAMPLED), 1 + SAMPLED * len(sizes) // 10_000_000):
        flips = rng.integers(2, size=(len(block), len(sizes)), dtype=np.int8)
        values = sizes.astype(np.float64)
        sums = 2 * np.concatenate([flips[part] @ values for part in blocks(*flips.shape)]) - total
        as_far += int((np.abs(sums) >= observed - 0.5).sum())
    return (as_far + 1) / (SAMPLED + 1)


def _counted(sizes: NDArray[np.int64], observed: int, total: int) -> float:
    # chances[s]: that the differences with a plus sign add up to s; the sum of all is then 2 s - total.
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    reached = 0
    for size in sizes.tolist():
        reached += size
        chances[size : reached + 1] = (chances[size : reached + 1] + chances[: reached + 1 - size]) / 2
        chances[:size] /= 2
    sums = 2 * np.arange(total + 1) - total
    # Of thousands of puzzles that agree it may be less than a float can say.
    return min(1.0, max(sys.float_info.min, float(chances[np.abs(sums) >= observed].sum())))


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's test in its exact form: rows that only one of two got right are heads and tails of a fair coin.

    It takes rows as independent, which rows of one puzzle are not: where they are alike, its p is too small.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    if only_first + only_second == 0:
        return 1.0
    return min(1.0, max(sys.float_info.min, float(test([[0, only_first], [only_second, 0]], exact=True).pvalue)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values, corrected for how many they are (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    if len(p_values) < 2:
        return tuple(p_values)
    from statsmodels.stats.multitest import multipletests

    return tuple(float(p) for p in multipletests(p_values, method="holm")[1])
