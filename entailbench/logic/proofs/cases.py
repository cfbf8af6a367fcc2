"""Look for a short proof by cases: follow what is forced, suppose, and split where nothing else helps."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from entailbench.logic.proofs.proof import Budget

__all__ = ["Block", "CaseStore", "End", "prove"]

PATIENCE = 20_000
"""How many steps of search a round may take before the first supposition that helps is good enough."""

Literal = TypeVar("Literal", bound=Hashable)


@dataclass(frozen=True)
class End:
    """How a case ends."""

    conflict: Any
    """What the store's ``propagate`` found to be impossible; None where the question is answered instead."""


@dataclass(frozen=True)
class Block:
    """A case that was dealt with."""

    literal: Any
    """What was supposed."""
    store: Any
    """All that was known at the case's end: what was known outside, then the supposition, then what follows."""
    end: End


class CaseStore(Protocol[Literal]):
    """What is known at one point of the search, with the reasons. Literals are the store's own."""

    budget: Budget

    def copy(self) -> CaseStore[Literal]:
        """A copy that can be added to without changing this one."""

    def propagate(self) -> Any | None:
        """Add what is forced until nothing is; the conflict, where there is one, else None."""

    def settled(self) -> bool:
        """Whether the question is answered as it should be."""

    def asks_literal(self) -> bool:
        """Whether the question is a single literal, or its opposite."""

    def size(self) -> int:
        """How much is known: grows by one with each addition."""

    def suppose(self, literal: Literal) -> None:
        """Take a literal as true."""

    def learn(self, block: Block) -> None:
        """Take the negation of a block's literal as true, for the reason that its case was dealt with."""

    def suppositions(self, direct: bool) -> Iterable[Sequence[Literal]]:
        """Literals that are open, in tiers: those of a later tier are only tried where the earlier ones fail.

        Args:
            direct: begin with the opposite of what the question asks.
        """


def prove(store: CaseStore[Any], direct: bool) -> End:
    """Extend ``store`` until every case ends: in a conflict, or with the question answered.

    A supposition that fails by itself is preferred, then one that answers the question by itself, in both cases
    the one with the fewest steps; the first open literal is split upon where there is neither. Where
    the question is one literal, to suppose its answer would only move the work to the other case, and is not
    tried. The caller must know that the question has the answer that the store is after, or that the premises
    have no model.

    Raises:
        TooHard: by way of the store's budget.
    """
    while True:
        conflict = store.propagate()
        if conflict is not None:
            return End(conflict)
        if store.settled():
            return End(None)
        best: tuple[tuple[bool, int], Block] | None = None
        begun = store.budget.left
        undecided: list[Any] = []
        answers: list[Any] = []
        for tier in store.suppositions(direct):
            for literal in tier:
                trial = store.copy()
                trial.suppose(literal)
                is_answer = store.asks_literal() and trial.settled()
                conflict = trial.propagate()
                if conflict is None and (is_answer or not trial.settled()):
                    (answers if is_answer else undecided).append(literal)
                    continue
                rank = (conflict is None, trial.size())
                if best is None or rank < best[0]:
                    best = rank, Block(literal, trial, End(conflict))
                if begun - store.budget.left > PATIENCE:
                    break
            if best is not None:
                break
        if best is None:
            literal = (undecided or answers)[0]
            trial = store.copy()
            trial.suppose(literal)
            best = (True, 0), Block(literal, trial, prove(trial, direct))
        store.learn(best[1])
