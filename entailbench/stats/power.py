"""How large a difference must be for a sample to show it."""

from __future__ import annotations

import math

__all__ = ["POWER", "smallest_difference"]

POWER = 0.8
"""The chance with which the smallest difference would be shown."""


def smallest_difference(error: float, puzzles: int, one_puzzle: float, level: float = 0.05) -> float | None:
    """The smallest true difference that a two-sided test would show with a chance of 80%.

    For a normal sum it is (z₁₋α⸝₂ + z₀.₈) · error. Where models hardly differ, that is less than the sign-flip test can
    ever show: it needs q = ⌈log₂(2/α)⌉ puzzles that differ, all of them in one direction. So it is at least so large
    that q puzzles differ with a chance of 80%, their number being a Poisson variable.

    Args:
        error: clustered standard error of the difference.
        puzzles: how many there are.
        one_puzzle: what a puzzle that differs adds to the difference.
        level: of the test.

    Returns:
        A difference of shares; None where none that is possible would be shown.
    """
    from scipy.special import ndtri, pdtri

    needed = math.ceil(math.log2(2 / level) - 1e-12)
    if puzzles < needed:
        return None
    # pdtri(k, y) is the mean at which a Poisson variable is at most k with chance y.
    expected = float(pdtri(needed - 1, 1 - POWER))
    found = max((float(ndtri(1 - level / 2)) + float(ndtri(POWER))) * error, expected * one_puzzle)
    return found if found <= 1 else None
