"""A comparison as one sentence."""

from __future__ import annotations

from entailbench.findings import Estimate
from entailbench.stats.paired import Pair

__all__ = ["LEVEL", "PERMUTATION", "verdict"]

LEVEL = 0.05
"""Below this p, corrected for all pairs of models, a difference counts as shown."""
PERMUTATION = "permutation over puzzles"
"""What the primary test is called."""
TITLES = {"balanced": "balanced accuracy", "overall": "accuracy"}


def verdict(
    first: str,
    second: str,
    pair: Pair,
    p_holm: float,
    *,
    pairs: int,
    rows: int,
    puzzles: int,
    by: str = PERMUTATION,
) -> str:
    """Who beats whom and by how much, or what could not be told apart and what the sample would have shown.

    Args:
        first: a model's name.
        second: the other's.
        pair: what the comparison found.
        p_holm: its p, corrected for all pairs.
        pairs: how many these are.
        rows: of the test.
        puzzles: of the test.
        by: the test.
    """
    value = pair.difference.value or 0.0
    better, worse = (first, second) if value >= 0 else (second, first)
    size = f"{100 * abs(value):.1f} points of {TITLES[pair.metric]}"
    corrected = f", corrected for {pairs} pairs (Holm)" if pairs > 1 else ""
    evidence = (
        f"(95% CI {_interval(pair.difference, value)}, {_p(p_holm)} by {by}{corrected}, "
        f"n = {_count(rows, 'question')} on {_count(puzzles, 'puzzle')})"
    )
    if p_holm < LEVEL:
        return f"{better} beats {worse} by {size} {evidence}"
    if pair.smallest is None:
        shown = "a sample this small could not have shown any difference"
    else:
        shown = (
            f"this sample would have shown a difference of {100 * pair.smallest:.1f} points or more "
            f"with a chance of 80%"
        )
    if pair.only_first == pair.only_second == 0:
        return f"cannot tell {first} and {second} apart: both are right on the same rows {evidence}; {shown}"
    if round(100 * abs(value), 1) == 0:
        return f"cannot tell {first} and {second} apart: the same {TITLES[pair.metric]} {evidence}; {shown}"
    return f"cannot tell {first} and {second} apart: {size} in favour of {better} {evidence}; {shown}"


def _interval(difference: Estimate, value: float) -> str:
    """The interval as the sentence tells the difference: of the better minus the worse."""
    ends = [100 * (end or 0.0) * (1 if value >= 0 else -1) for end in (difference.low, difference.high)]
    low, high = (f"{end:.1f}".replace("-0.0", "0.0").replace("-", "−") for end in sorted(ends))
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


def _p(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
