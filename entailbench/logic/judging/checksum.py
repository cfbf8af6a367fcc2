"""Puzzte's checksum: the share of open questions among all that can be asked of a comparison puzzle."""

from __future__ import annotations

import math
from collections.abc import Callable

from entailbench.logic.formula import At, Before, Formula
from entailbench.logic.puzzle import Reading
from entailbench.logic.truth import UNKNOWN, Truth

__all__ = ["TOLERANCE", "open_share", "same_share"]

TOLERANCE = 0.01
"""Percentage points; the published shares are rounded at the tenth decimal."""


def open_share(reading: Reading, truth: Callable[[Formula], Truth]) -> float:
    """How many of a comparison puzzle's questions are open, in percent.

    Of n people these are asked: n times "is X the tallest", n times "is X the shortest", n² times "is X taller
    than Y" and n² times "is X shorter than Y", X = Y included; 2n + 2n² together.

    Args:
        reading: one row of people.
        truth: what follows from that reading.
    """
    people = reading.signature.entities
    ends = sum(truth(At(person, place)) == UNKNOWN for person in people for place in (1, -1))
    # In a strict order X > Y is open exactly if Y > X is; nobody is taller than themself, which is never open.
    pairs = sum(
        truth(Before(first, second)) == UNKNOWN for index, first in enumerate(people) for second in people[index + 1 :]
    )
    count = len(people)
    return 100 * (ends + 4 * pairs) / (2 * count + 2 * count**2) if count else 0.0


def same_share(one: float, other: float) -> bool:
    """Whether two shares, in percent, are the same but for rounding."""
    return math.isclose(one, other, rel_tol=0.0, abs_tol=TOLERANCE)
