"""What a prover hands back, what a checker says, and what stops a prover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from entailbench.errors import DataError, RunError
from entailbench.logic.truth import Truth

__all__ = ["Budget", "Checked", "Inconsistent", "Proof", "Proved", "TooHard"]


@dataclass(frozen=True)
class Proof:
    """A derivation, as a language model is to write it."""

    text: str
    """The derivation without the final label; its form is told in ``entailbench.logic.proofs``."""
    premises: tuple[int, ...]
    """Ascending indices of premises that are enough, of which none can be left out, and from which alone ``text``
    derives its conclusion; empty for an open question, and for one that is settled without any premise."""


@dataclass(frozen=True)
class Proved:
    """A question's truth and why."""

    truth: Truth
    proof: Proof


@dataclass(frozen=True)
class Checked:
    """What a proof text proves."""

    truth: Truth | None
    """None where the text proves nothing."""
    reason: str
    """Why the text was rejected: which step, and what is wrong with it; empty where it was accepted."""


class Inconsistent(DataError):
    """No model fits the premises.

    Args:
        premises: ascending indices of premises that contradict each other, of which none can be left out.
    """

    def __init__(self, premises: Iterable[int]) -> None:
        self.premises = tuple(sorted(premises))
        listing = ", ".join(str(premise + 1) for premise in self.premises)
        super().__init__(f"the premises contradict each other (premises {listing}, counted from 1)")


class TooHard(RunError):
    """The search was given up."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"no proof was found within {limit:,} steps of search")


class Budget:
    """How much search is left.

    Args:
        limit: the number of steps; a step is some microseconds of work, such as applying one premise.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def spend(self, steps: int = 1) -> None:
        """Raises ``TooHard`` once the limit is passed."""
        self.left -= steps
        if self.left < 0:
            raise TooHard(self.limit)
