"""Decide questions about people in one row, with a proof: chains, and cases where chains are not enough."""

from __future__ import annotations

from collections.abc import Iterable

from entailbench.logic.formula import And, Before, Formula, Iff, Not, Or, holds
from entailbench.logic.proofs.cases import prove
from entailbench.logic.proofs.deciding import Asked, Prover
from entailbench.logic.proofs.order_cases import OrderCase, Said
from entailbench.logic.proofs.order_relation import OrderRelation, bits
from entailbench.logic.proofs.order_text import order_proof
from entailbench.logic.proofs.proof import Budget
from entailbench.logic.proofs.wording import Written, written
from entailbench.logic.puzzle import Reading

__all__ = ["OrderProver"]

QUESTION = -1
"""Stands for the question among the premises."""


class OrderProver(Prover[list[int]]):
    """Decides questions about one reading; what the premises say is worked out once.

    Args:
        reading: one group, as many people as places.
    """

    def __init__(self, reading: Reading) -> None:
        self.people = reading.signature.groups[0]
        self.premises = [premise.formula for premise in reading.premises]
        self.premise_count = len(self.premises)
        self.nothing = OrderRelation(self.people)
        self.said = {number: Said.by(formula, True, self.nothing) for number, formula in enumerate(self.premises)}
        self.outright = not any(what.rest or what.absurd for what in self.said.values())

    def plain(self, formula: Formula, budget: Budget) -> bool | None:
        """See ``Prover``."""
        everything = OrderCase(self.nothing, self.said, None, budget)
        if everything.open or everything.clash is not None:
            return None
        return everything.relation.value(formula)

    def prove(self, premises: Iterable[int], asked: Asked | None, budget: Budget) -> Written:
        """See ``Prover``."""
        best: Written | None = None
        for direct in (True, False):
            case = OrderCase(self.nothing, self._of(premises), asked, budget)
            found = order_proof(case, prove(case, direct))
            if best is None or found.size < best.size:
                best = found
            if not any(event.block for event in case.events):
                break
        if best is None:
            raise RuntimeError("there are always two ways to try")
        return best

    def _of(self, premises: Iterable[int]) -> dict[int, Said]:
        return {number: self.said[number] for number in sorted(premises)}

    def spares_none(self, premises: frozenset[int], asked: Asked | None) -> bool:
        """See ``Prover``: with one link from each premise, shortest chains need all of theirs."""
        single = self.outright and all(len(self.said[premise].pairs) == 1 for premise in premises)
        return single and asked is not None and isinstance(asked[0], Before)

    def enough(self, premises: frozenset[int], asked: Asked | None, budget: Budget) -> bool:
        """See ``Prover``."""
        if asked is not None:
            case = OrderCase(self.nothing, self._of(premises), asked, budget)
            if case.propagate() is None and case.settled():
                return True
            if not case.open and not isinstance(asked[0], And | Or | Iff | Not):
                # Of an atom, the pairs that follow show all that can be said.
                return False
        return super().enough(premises, asked, budget)

    def model(
        self, premises: Iterable[int], asked: Asked | None, near: list[int] | None, budget: Budget
    ) -> list[int] | None:
        """See ``Prover``; the people in their order. ``near`` does not matter: ``two_models`` sees to it."""
        said = self._of(premises)
        if asked is not None:
            said[QUESTION] = Said.by(*asked, self.nothing)
        pending = [OrderCase(self.nothing, said, None, budget)]
        while pending:
            case = pending.pop()
            if case.propagate() is not None:
                continue
            unsure = [formula for _, formula, wanted in case.open if case.relation.value(formula) is not wanted]
            if not unsure:
                return _extended(case.relation)
            first, second = next(case.open_pairs(unsure[0]))
            for literal in ((second, first), (first, second)):
                branch = case.copy()
                branch.suppose(literal)
                pending.append(branch)
        return None

    def two_models(self, true: list[int], false: list[int], formula: Formula, budget: Budget) -> str:
        """See ``Prover``."""
        orders = self._brought_together(true, false, formula)
        return " or ".join(" > ".join(written(self.people[person]) for person in order) for order in orders)

    def _brought_together(self, true: list[int], false: list[int], formula: Formula) -> tuple[list[int], list[int]]:
        """Two orders that fit and answer differently, as near to each other as the way between two given ones shows.

        Swapping neighbours leads from one order to the other by way of orders that keep every pair on which the
        two agree, so that all of them fit what the premises say outright.
        """
        count = len(self.people)
        goal = {person: place for place, person in enumerate(false)}
        rest = [formula for number, formula in enumerate(self.premises) if self.said[number].rest]
        current, best = list(true), true
        for end in range(count - 1, 0, -1):
            for at in range(end):
                if goal[current[at]] > goal[current[at + 1]]:
                    current[at], current[at + 1] = current[at + 1], current[at]
                    model = {self.people[person]: place for place, person in enumerate(current, 1)}
                    if all(holds(premise, model, count) for premise in rest):
                        if not holds(formula, model, count):
                            return best, current
                        best = list(current)
        return best, false


def _extended(relation: OrderRelation) -> list[int]:
    """A full order that agrees with the known pairs: whoever may come next, in the order of the signature."""
    order: list[int] = []
    left = (1 << len(relation.people)) - 1
    while left:
        person = next(person for person in bits(left) if not relation.before[person] & left)
        order.append(person)
        left ^= 1 << person
    return order
