"""What the premises of a knights or grid puzzle allow, as tables over the few entities that each is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    Knight,
    NextTo,
    Not,
    Or,
    Same,
    Signature,
    atoms,
    conjuncts,
    entities,
    holds,
)
from entailbench.logic.proofs.scope import LOCAL_CASES

__all__ = ["Constraint", "DomainPuzzle", "Loose", "Table", "forced_atoms", "kleene", "values_of"]


@dataclass(frozen=True)
class Table:
    """A formula about few entities: all of its joint values."""

    premise: int
    about: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    """One bit for each entity of ``about``, of the value that it has."""

    @property
    def size(self) -> int:
        """A measure of the work that it makes."""
        return len(self.rows)


@dataclass(frozen=True)
class Loose:
    """A formula about too many entities for a table; it must be true (or false, if not ``wanted``)."""

    premise: int
    about: tuple[int, ...]
    formula: Formula
    wanted: bool
    size: int
    """A measure of the work that it makes: its atoms, some of which are looked at several times."""


Constraint = Table | Loose


class DomainPuzzle:
    """Entities with values, as numbers: an entity is its place in the signature, a set of values a mask of bits.

    Args:
        signature: of people alone (1 for a knight, 0 for a knave), or of groups alone (places from 1).
        premises: what holds.
    """

    def __init__(self, signature: Signature, premises: Sequence[Formula]) -> None:
        self.names = signature.entities
        self.index = {name: number for number, name in enumerate(self.names)}
        self.places = signature.places
        self.knights = bool(signature.people) or not signature.groups
        self.everything = 0b11 if self.knights else (1 << signature.places + 1) - 2
        self.groups = [tuple(self.index[name] for name in group) for group in signature.groups]
        self.full = [group for group in self.groups if len(group) == self.places]
        """Those that leave no place without one of them."""
        self.group_of = [-1] * len(self.names)
        for number, group in enumerate(self.groups):
            for entity in group:
                self.group_of[entity] = number
        self.mates = [
            tuple(mate for mate in self.groups[group] if mate != entity) if group >= 0 else ()
            for entity, group in enumerate(self.group_of)
        ]
        self.premises = tuple(premises)

    @cached_property
    def constraints(self) -> dict[int, list[Constraint]]:
        """By premise, one constraint for each conjunct."""
        return {
            number: [self.constraint(part, True, number) for part in conjuncts(formula)]
            for number, formula in enumerate(self.premises)
        }

    def constraint(self, formula: Formula, wanted: bool, premise: int) -> Constraint:
        """The constraint that a formula is true (or false)."""
        names = entities(formula)
        about = tuple(self.index[name] for name in names)
        if self.everything.bit_count() ** len(about) > LOCAL_CASES:
            return Loose(premise, about, formula, wanted, 4 * sum(1 for _ in atoms(formula)))
        values = values_of(self.everything)
        rows = []
        for case in product(values, repeat=len(about)):
            if self._distinct(about, case):
                model = dict(zip(names, case, strict=True))
                if holds(formula, model, self.places) is wanted:
                    rows.append(tuple(1 << value for value in case))
        return Table(premise, about, tuple(rows))

    def _distinct(self, about: tuple[int, ...], case: tuple[int, ...]) -> bool:
        taken = [(self.group_of[entity], value) for entity, value in zip(about, case, strict=True)]
        return self.knights or len(set(taken)) == len(taken)

    def model(self, domains: Sequence[int]) -> dict[str, int]:
        """The model in which each entity has its one value left."""
        return {name: domains[entity].bit_length() - 1 for entity, name in enumerate(self.names)}


def values_of(mask: int) -> list[int]:
    """The values of a set, ascending."""
    return [value for value in range(mask.bit_length()) if mask >> value & 1]


def kleene(formula: Formula, puzzle: DomainPuzzle, domains: Sequence[int]) -> bool | None:
    """True or False where the domains show it, by Kleene's three-valued tables; None elsewhere."""
    index = puzzle.index
    match formula:
        case Not(part):
            inner = kleene(part, puzzle, domains)
            return None if inner is None else not inner
        case And(parts) | Or(parts):
            absorbing = isinstance(formula, Or)
            result: bool | None = not absorbing
            for part in parts:
                inner = kleene(part, puzzle, domains)
                if inner is absorbing:
                    return absorbing
                if inner is None:
                    result = None
            return result
        case Iff(left, right):
            x, y = kleene(left, puzzle, domains), kleene(right, puzzle, domains)
            return None if x is None or y is None else x == y
        case Knight(person):
            mask = domains[index[person]]
            return None if mask == 0b11 else mask == 0b10
        case At(entity, place):
            mask = domains[index[entity]]
            place = place if place > 0 else puzzle.places + 1 + place
            wanted = 1 << place if 0 < place <= puzzle.places else 0
            return False if not mask & wanted else None if mask & ~wanted else True
        case Same(a, b) | Before(a, b) | JustBefore(a, b) | NextTo(a, b):
            if a == b:
                return isinstance(formula, Same)
            return _pair_value(formula, puzzle, domains)
    raise TypeError(f"{formula} is of no kind that is known here")


def _pair_value(
    formula: Same | Before | JustBefore | NextTo, puzzle: DomainPuzzle, domains: Sequence[int]
) -> bool | None:
    a, b = puzzle.index[formula.first], puzzle.index[formula.second]
    x, y = domains[a], domains[b]
    match formula:
        case Same():
            possible = x & y if puzzle.group_of[a] != puzzle.group_of[b] else 0
        case Before():
            if x.bit_length() < (y & -y).bit_length():
                return True
            possible = (x & -x) < 1 << y.bit_length() - 1
        case JustBefore():
            possible = x << 1 & y
        case NextTo():
            possible = (x << 1 | x >> 1) & y
            if possible == y and all(y & ~(2 << value | 1 << value >> 1) == 0 for value in values_of(x)):
                return True
    if not possible:
        return False
    return True if x & x - 1 == 0 and y & y - 1 == 0 and not isinstance(formula, Before) else None


def forced_atoms(
    formula: Formula, wanted: bool, puzzle: DomainPuzzle, domains: Sequence[int]
) -> Iterator[tuple[Formula, bool]]:
    """The atoms that must be true (or false) if a formula whose Kleene value is None is to be as it is wanted."""
    match formula:
        case Not(part):
            yield from forced_atoms(part, not wanted, puzzle, domains)
        case And(parts) | Or(parts):
            unsure = [part for part in parts if kleene(part, puzzle, domains) is None]
            if isinstance(formula, And) is wanted or len(unsure) == 1:
                for part in unsure:
                    yield from forced_atoms(part, wanted, puzzle, domains)
        case Iff(left, right):
            for one, other in ((left, right), (right, left)):
                side = kleene(one, puzzle, domains)
                if side is not None:
                    yield from forced_atoms(other, wanted is side, puzzle, domains)
        case atom:
            yield atom, wanted
