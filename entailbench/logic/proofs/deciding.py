"""The way from a question to its truth and proof, the same for every family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeAlias, TypeVar

from entailbench.logic.formula import Formula
from entailbench.logic.proofs.proof import Budget, Inconsistent, Proof, Proved
from entailbench.logic.proofs.wording import Written, trivial_text
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT

__all__ = ["Asked", "Prover"]

Found = TypeVar("Found")
Asked: TypeAlias = tuple[Formula, bool]
"""A question and the answer that is meant."""


class Prover(ABC, Generic[Found]):
    """Decides questions about one reading. ``Found`` is what a search for a model returns."""

    premise_count: int

    def decide(self, formula: Formula, limit: int) -> Proved:
        """The question's truth and its proof; see ``entailbench.logic.proofs.decide``."""
        budget = Budget(limit)
        everything = range(self.premise_count)
        value = self.plain(formula, budget)
        if value is None:
            true = self.model(everything, (formula, True), None, budget)
            false = self.model(everything, (formula, False), true, budget)
            if true is not None and false is not None:
                return Proved(UNKNOWN, Proof(self.two_models(true, false, formula, budget), ()))
            if true is None and false is None:
                raise Inconsistent(self._shrunk(self.prove(everything, None, budget).premises, None, budget))
            value = true is not None
        asked = (formula, value)
        found = self.prove(everything, asked, budget)
        needed = self._shrunk(found.premises, asked, budget)
        if needed != found.premises:
            found = self.prove(needed, asked, budget)
        text = found.text or trivial_text(formula, value)
        return Proved(ENTAILMENT if value else CONTRADICTION, Proof(text, tuple(sorted(found.premises))))

    def _shrunk(self, premises: frozenset[int], asked: Asked | None, budget: Budget) -> frozenset[int]:
        """A part of the premises that is still enough, and of which nothing can be left out."""
        if self.spares_none(premises, asked):
            return premises
        for premise in sorted(premises, reverse=True):
            if self.enough(premises - {premise}, asked, budget):
                premises -= {premise}
        return premises

    def enough(self, premises: frozenset[int], asked: Asked | None, budget: Budget) -> bool:
        """Whether some of the premises give the question that answer; or, without one, contradict each other."""
        opposite = None if asked is None else (asked[0], not asked[1])
        return self.model(premises, opposite, None, budget) is None

    def plain(self, formula: Formula, budget: Budget) -> bool | None:
        """The answer where it can be seen without a search and the premises certainly have a model; else None."""
        return None

    def spares_none(self, premises: frozenset[int], asked: Asked | None) -> bool:
        """Whether it is plain that none of the premises that a proof used can be left out."""
        return False

    @abstractmethod
    def model(self, premises: Iterable[int], asked: Asked | None, near: Found | None, budget: Budget) -> Found | None:
        """A model of some of the premises, with that answer to the question; None where there is none.

        Args:
            near: the model should differ little from this one.
        """

    @abstractmethod
    def prove(self, premises: Iterable[int], asked: Asked | None, budget: Budget) -> Written:
        """A proof that some of the premises give the question that answer, or contradict each other."""

    @abstractmethod
    def two_models(self, true: Found, false: Found, formula: Formula, budget: Budget) -> str:
        """The proof text of an open question."""
