"""Where English leaves it open: the ways to understand it, in the order in which they are tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALL_READINGS", "PUZZTE", "Conventions"]


@dataclass(frozen=True)
class Conventions:
    """For every known ambiguity, the meanings that are considered; the first is preferred."""

    either: tuple[Literal["inclusive", "exclusive"], ...] = ("inclusive", "exclusive")
    """Whether "either P or Q" may be both."""
    beside: tuple[Literal["immediate", "anywhere"], ...] = ("immediate", "anywhere")
    """Whether "left of" means the very next house or any house on that side."""
    people: tuple[Literal["mentioned", "declared"], ...] = ("mentioned", "declared")
    """Whom "the tallest" ranges over: those that a clue mentions, or all that the puzzle introduces."""


ALL_READINGS = Conventions()
"""For a text of unknown origin: every meaning is kept, and a solver decides which one fits."""

PUZZTE = Conventions(either=("inclusive",), beside=("immediate",))
"""What the checksums and the unique solutions of Puzzte's own puzzles have settled (docs/labels.md)."""
