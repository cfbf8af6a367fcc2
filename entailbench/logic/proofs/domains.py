"""Decide questions about knights and about grids, with a proof: which values things can have, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from entailbench.logic.formula import Formula
from entailbench.logic.proofs.cases import Block, prove
from entailbench.logic.proofs.deciding import Asked, Prover
from entailbench.logic.proofs.domain_cases import DomainCase
from entailbench.logic.proofs.domain_tables import Constraint, DomainPuzzle, values_of
from entailbench.logic.proofs.domain_text import domain_proof, literal_text
from entailbench.logic.proofs.identities import identity_proof
from entailbench.logic.proofs.proof import Budget
from entailbench.logic.proofs.wording import Written
from entailbench.logic.puzzle import Reading

__all__ = ["DomainProver"]


class DomainProver(Prover[list[int]]):
    """Decides questions about one reading; what the premises allow is worked out once.

    Args:
        reading: of people alone, or of groups alone.
    """

    def __init__(self, reading: Reading) -> None:
        self.puzzle = DomainPuzzle(reading.signature, [premise.formula for premise in reading.premises])
        self.signature = reading.signature
        self.premise_count = len(reading.premises)

    def prove(self, premises: Iterable[int], asked: Asked | None, budget: Budget) -> Written:
        """See ``Prover``."""
        premises = tuple(premises)
        if asked is not None and self.signature.groups:
            stated = ((number, self.puzzle.premises[number]) for number in premises)
            identity = identity_proof(self.signature, stated, asked)
            if identity is not None:
                return identity
        best: Written | None = None
        for direct in (True, False):
            case = DomainCase(self.puzzle, self._of(premises), asked, budget)
            found = domain_proof(case, prove(case, direct))
            if best is None or found.size < best.size:
                best = found
            if not any(isinstance(event.source, Block) for event in case.trail):
                break
        if best is None:
            raise RuntimeError("there are always two ways to try")
        return best

    def _of(self, premises: Iterable[int]) -> list[Constraint]:
        return [constraint for premise in sorted(premises) for constraint in self.puzzle.constraints[premise]]

    def model(
        self, premises: Iterable[int], asked: Asked | None, near: list[int] | None, budget: Budget
    ) -> list[int] | None:
        """See ``Prover``; the values are masks of one bit, by entity."""
        constraints = self._of(premises)
        if asked is not None:
            constraints = [*constraints, self.puzzle.constraint(*asked, -1)]
        pending = [DomainCase(self.puzzle, constraints, None, budget)]
        # Branching first on what many clues are about, and on what was in trouble before, keeps the search from
        # trying all places of a bystander while the trouble lies elsewhere (Boussemart et al. 2004, dom/wdeg).
        weight = [1 + len(watchers) for watchers in pending[0].watching]
        while pending:
            case = pending.pop()
            budget.spend()
            if case.propagate() is not None:
                for entity in case.in_trouble():
                    weight[entity] += 1
                continue
            open_entities = [entity for entity, mask in enumerate(case.domains) if mask & mask - 1]
            if not open_entities:
                return case.domains
            entity = min(open_entities, key=lambda entity: case.domains[entity].bit_count() / weight[entity])
            values = [1 << value for value in values_of(case.domains[entity])]
            for value in sorted(values, key=lambda value: (near is not None and near[entity] == value, -value)):
                branch = case.copy()
                branch.suppose((entity, value))
                pending.append(branch)
        return None

    def two_models(self, true: list[int], false: list[int], formula: Formula, budget: Budget) -> str:
        """The first in full, and of the second what is different."""
        everything = range(self.premise_count)
        true = self.model(everything, (formula, True), false, budget) or true
        changed = [entity for entity, mask in enumerate(false) if mask != true[entity]]
        return f"{self._listed(range(len(true)), true)} or {self._listed(changed, false)}"

    def _listed(self, entities: Iterable[int], model: Sequence[int]) -> str:
        return ", ".join(literal_text(self.puzzle, entity, model[entity]) for entity in entities)
