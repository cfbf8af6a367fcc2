"""What is known in one case of a proof about knights or a grid: which values each entity may still have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import NamedTuple, TypeAlias

from entailbench.logic.formula import At, Formula, Knight, Not, entities
from entailbench.logic.proofs.cases import Block
from entailbench.logic.proofs.domain_tables import Constraint, DomainPuzzle, Table, forced_atoms, kleene, values_of
from entailbench.logic.proofs.proof import Budget

__all__ = ["Crowded", "DomainCase", "Event", "Hidden", "Mate", "Narrow", "Supposed"]

Narrow: TypeAlias = tuple[int, int]
"""An entity and the set of values that it keeps: a literal of these proofs."""


@dataclass(frozen=True)
class Mate:
    """Another of the same kind has the value for certain."""

    entity: int


@dataclass(frozen=True)
class Hidden:
    """No other of the same kind can have the value, and one of them must."""


@dataclass(frozen=True)
class Supposed:
    """It is what a case supposes."""

    keeps: int


@dataclass(frozen=True)
class Crowded:
    """A clash: none of a group can have a value that one of them must have."""

    group: tuple[int, ...]
    value: int


class Event(NamedTuple):
    """One narrowing of an entity's values."""

    entity: int
    before: int
    after: int
    source: Constraint | Mate | Hidden | Supposed | Block


Clash: TypeAlias = Constraint | Crowded | tuple[int, int]
"""A constraint that cannot be kept, a crowded group, or two of a kind with the same only value left."""


class DomainCase:
    """Values still possible, and every narrowing in its order.

    Args:
        puzzle: the entities.
        constraints: of the premises in use.
        asked: the question and the answer that the proof is after; None to look for a contradiction alone.
        budget: what the search may still spend.
    """

    def __init__(
        self,
        puzzle: DomainPuzzle,
        constraints: Sequence[Constraint],
        asked: tuple[Formula, bool] | None,
        budget: Budget,
    ) -> None:
        self.puzzle = puzzle
        self.constraints = constraints
        self.asked = asked
        self.goal = None if asked is None else puzzle.constraint(asked[0], not asked[1], -1)
        """What must become impossible."""
        self.budget = budget
        self.domains = [puzzle.everything] * len(puzzle.names)
        self.trail: list[Event] = []
        self.clash: Clash | None = None
        self.watching: list[list[int]] = [[] for _ in puzzle.names]
        for number, constraint in enumerate(constraints):
            for entity in constraint.about:
                self.watching[entity].append(number)
        self.changed: list[int] = [entity for entity in range(len(puzzle.names)) if puzzle.everything.bit_count() == 1]
        self.agenda = dict.fromkeys(range(len(constraints)))

    def copy(self) -> DomainCase:
        """See ``CaseStore``."""
        twin = object.__new__(DomainCase)
        twin.__dict__.update(self.__dict__)
        twin.domains, twin.trail = list(self.domains), list(self.trail)
        twin.changed, twin.agenda = list(self.changed), dict(self.agenda)
        return twin

    def size(self) -> int:
        """See ``CaseStore``."""
        return len(self.trail)

    def suppose(self, literal: Narrow) -> None:
        """See ``CaseStore``."""
        entity, keeps = literal
        self._narrow(entity, self.domains[entity] & keeps, Supposed(keeps))

    def learn(self, block: Block) -> None:
        """See ``CaseStore``."""
        entity, keeps = block.literal
        self._narrow(entity, self.domains[entity] & ~keeps, block)

    def settled(self) -> bool:
        """See ``CaseStore``."""
        goal = self.goal
        if goal is None:
            return False
        if isinstance(goal, Table):
            return not any(self._possible(goal, row) for row in goal.rows)
        return kleene(goal.formula, self.puzzle, self.domains) is (not goal.wanted)

    def _possible(self, table: Table, row: tuple[int, ...]) -> bool:
        return all(self.domains[entity] & value for entity, value in zip(table.about, row, strict=True))

    def asks_literal(self) -> bool:
        """See ``CaseStore``."""
        formula = None if self.asked is None else self.asked[0]
        while isinstance(formula, Not):
            formula = formula.part
        return isinstance(formula, Knight | At)

    def suppositions(self, direct: bool) -> Iterable[Sequence[Narrow]]:
        """See ``CaseStore``."""
        asked_about: list[int] = []
        if self.asked is not None:
            formula, wanted = self.asked
            asked_about = [self.puzzle.index[name] for name in entities(formula)]
            if direct:
                contrary = self._contrary(formula, wanted)
                if contrary is not None:
                    yield [contrary]
        order = dict.fromkeys((*asked_about, *range(len(self.domains))))
        sizes = {entity: self.domains[entity].bit_count() for entity in order}
        for size in sorted(set(sizes.values()) - {1}):
            yield [
                (entity, 1 << value)
                for entity in order
                if sizes[entity] == size
                for value in reversed(values_of(self.domains[entity]))
            ]

    def _contrary(self, formula: Formula, wanted: bool) -> Narrow | None:
        """The opposite of what a question asks, where that is one literal and still open."""
        while isinstance(formula, Not):
            formula, wanted = formula.part, not wanted
        match formula:
            case Knight(name):
                entity, value = self.puzzle.index[name], 0b10
            case At(name, place):
                place = place if place > 0 else self.puzzle.places + 1 + place
                entity, value = self.puzzle.index[name], 1 << place if 0 < place <= self.puzzle.places else 0
            case _:
                return None
        keeps = self.puzzle.everything & (~value if wanted else value)
        narrowed = self.domains[entity] & keeps
        return (entity, keeps) if narrowed not in (0, self.domains[entity]) else None

    def propagate(self) -> Clash | None:
        """See ``CaseStore``."""
        while self.clash is None:
            if self.changed:
                self._spread(self.changed.pop())
            elif self.agenda:
                number = next(iter(self.agenda))
                del self.agenda[number]
                self._apply(self.constraints[number])
            elif not self._find_hidden():
                break
        return self.clash

    def in_trouble(self) -> tuple[int, ...]:
        """The entities that a clash is about."""
        match self.clash:
            case None:
                return ()
            case Crowded(group, _):
                return group
            case (first, second):
                return first, second
            case constraint:
                return constraint.about

    def _narrow(self, entity: int, after: int, source: Constraint | Mate | Hidden | Supposed | Block) -> None:
        before = self.domains[entity]
        if after != before:
            self.domains[entity] = after
            self.trail.append(Event(entity, before, after, source))
            self.changed.append(entity)

    def _spread(self, entity: int) -> None:
        mask = self.domains[entity]
        for number in self.watching[entity]:
            self.agenda[number] = None
        if mask & mask - 1 == 0:
            self.budget.spend(len(self.puzzle.mates[entity]) // 16)
            for mate in self.puzzle.mates[entity]:
                possible = self.domains[mate]
                if possible == mask:
                    self.clash = (mate, entity)
                    return
                if possible & mask:
                    self._narrow(mate, possible & ~mask, Mate(entity))

    def _apply(self, constraint: Constraint) -> None:
        self.budget.spend(1 + constraint.size // 16)
        if not isinstance(constraint, Table):
            value = kleene(constraint.formula, self.puzzle, self.domains)
            if value is None:
                forced = forced_atoms(constraint.formula, constraint.wanted, self.puzzle, self.domains)
                for atom, wanted in list(forced):
                    self._apply_atom(atom, wanted, constraint)
            elif value is not constraint.wanted:
                self.clash = constraint
            return
        about, domains = constraint.about, self.domains
        if len(about) == 2:
            # By far the most frequent form, and where most of the time goes.
            first, second = domains[about[0]], domains[about[1]]
            left = right = 0
            for x, y in constraint.rows:
                if x & first and y & second:
                    left |= x
                    right |= y
            if left:
                self._narrow(about[0], left, constraint)
                self._narrow(about[1], right, constraint)
            else:
                self.clash = constraint
            return
        rows = [row for row in constraint.rows if self._possible(constraint, row)]
        if not rows:
            self.clash = constraint
        for entity, column in zip(about, zip(*rows, strict=True), strict=False):
            self._narrow(entity, reduce(or_, column), constraint)

    def _apply_atom(self, atom: Formula, wanted: bool, constraint: Constraint) -> None:
        for name in entities(atom):
            entity = self.puzzle.index[name]
            before, allowed = self.domains[entity], 0
            self.budget.spend(before.bit_count() // 4)
            for value in values_of(before):
                self.domains[entity] = 1 << value
                if kleene(atom, self.puzzle, self.domains) is not (not wanted):
                    allowed |= 1 << value
            self.domains[entity] = before
            if not allowed:
                self.clash = constraint
                return
            self._narrow(entity, allowed, constraint)

    def _find_hidden(self) -> bool:
        for group in self.puzzle.full:
            seen = twice = 0
            for entity in group:
                twice |= seen & self.domains[entity]
                seen |= self.domains[entity]
            if seen != self.puzzle.everything:
                self.clash = Crowded(group, values_of(self.puzzle.everything & ~seen)[0])
                return True
            for entity in group:
                only = self.domains[entity] & ~twice
                if only and only != self.domains[entity]:
                    self._narrow(entity, only & -only, Hidden())
                    return True
        return False
