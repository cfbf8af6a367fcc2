"""Figures as text: the one place where a share becomes a percentage and an interval its two ends."""

from __future__ import annotations

from entailbench.findings import Estimate, Metric

__all__ = ["ABSENT", "UNDEFINED", "change", "count", "estimate", "p_value", "percent", "seconds"]

ABSENT = "–"
"""Stands where a figure makes no sense: a baseline takes no time."""
UNDEFINED = "undefined"
"""Stands where a figure could have been and is not; a note says why."""


def percent(share: float) -> str:
    """A share in [0, 1] as ``"58.2"``."""
    return f"{100 * share:.1f}"


def estimate(found: Estimate | None, metric: Metric) -> str:
    """``"58.2 (52.1–64.0)"`` or ``"0.163 (0.041–0.284)"``: the value with its 95% interval, where it has one."""
    if found is None:
        return ABSENT
    if found.value is None:
        return UNDEFINED
    write = percent if metric.percent else _decimals
    if found.low is None or found.high is None:
        return write(found.value)
    # A dash before a minus sign reads as two dashes.
    between = "–" if found.low >= 0 else " to "
    return f"{write(found.value)} ({write(found.low)}{between}{write(found.high)})"


def change(found: Estimate) -> str:
    """A difference of two shares in points, ``"+41.2 (36.0 to 46.1)"``."""
    if found.value is None:
        return UNDEFINED
    if found.low is None or found.high is None:
        return f"{100 * found.value:+.1f}"
    return f"{100 * found.value:+.1f} ({percent(found.low)} to {percent(found.high)})"


def p_value(p: float) -> str:
    """``"0.034"``, or ``"< 0.001"``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(number: int) -> str:
    """``"1,000"``."""
    return f"{number:,}"


def seconds(taken: float | None) -> str:
    """``"12.3"``."""
    return ABSENT if taken is None else f"{taken:,.1f}"


def _decimals(value: float) -> str:
    return f"{value:.3f}"
