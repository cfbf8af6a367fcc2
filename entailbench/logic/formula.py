"""Typed formulas: what a sentence of any family says, apart from its words.

Two kinds of thing can be said. Of a person, that they are a knight (``Knight``). Of things that stand at
numbered places, where they stand (``At``) or how two of them stand to each other (``Before``, ``JustBefore``,
``NextTo``, ``Same``). A comparison is the second kind: the people stand in one row, the tallest (oldest,
fastest …) at place 1, so "Ann is taller than Bob" is ``Before("Ann", "Bob")``. A zebra grid is the second
kind too: each category's values stand in the row of houses, the leftmost at place 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "And",
    "At",
    "Atom",
    "Before",
    "Formula",
    "Iff",
    "JustBefore",
    "Knight",
    "Model",
    "NextTo",
    "Not",
    "Or",
    "Same",
    "Signature",
    "atoms",
    "conjuncts",
    "entities",
    "holds",
    "normal",
    "renamed",
]

Model: TypeAlias = Mapping[str, int]
"""One way things can be: entity → its place (from 1), or person → 1 if a knight, 0 if a knave."""


@dataclass(frozen=True)
class Signature:
    """Who and what exists, and how many places there are."""

    people: tuple[str, ...] = ()
    """Each is a knight or a knave."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Entities of one group stand at different places; a group may name fewer entities than there are places."""
    places: int = 0
    """Places are numbered 1 to ``places``."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Everything that a model gives a value."""
        return self.people + tuple(entity for group in self.groups for entity in group)


@dataclass(frozen=True)
class Knight:
    """The person always tells the truth; a knave always lies."""

    person: str

    def __str__(self) -> str:
        return f"{self.person} is a knight"


@dataclass(frozen=True)
class Before:
    """``first`` stands at a smaller place than ``second``: is taller, or to the left. Never true of a thing itself."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} > {self.second}"


@dataclass(frozen=True)
class JustBefore:
    """``first`` stands at the place right before ``second``'s."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} directly before {self.second}"


@dataclass(frozen=True)
class NextTo:
    """The places differ by exactly one."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} next to {self.second}"


@dataclass(frozen=True)
class Same:
    """Both stand at the same place."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} = {self.second}"


@dataclass(frozen=True)
class At:
    """``entity`` stands at a place: 1 is the first, -1 the last, -2 the last but one."""

    entity: str
    place: int

    def __str__(self) -> str:
        return f"{self.entity} at {self.place}"


@dataclass(frozen=True)
class Not:
    """The part is false."""

    part: Formula

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(frozen=True)
class And:
    """Every part is true; with no parts, true."""

    parts: tuple[Formula, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" for part in self.parts) or "true"


@dataclass(frozen=True)
class Or:
    """At least one part is true; with no parts, false."""

    parts: tuple[Formula, ...]

    def __str__(self) -> str:
        return " or ".join(f"({part})" for part in self.parts) or "false"


@dataclass(frozen=True)
class Iff:
    """Both sides are true or both are false."""

    left: Formula
    right: Formula

    def __str__(self) -> str:
        return f"({self.left}) if and only if ({self.right})"


Atom: TypeAlias = Knight | Before | JustBefore | NextTo | Same | At
Formula: TypeAlias = Atom | Not | And | Or | Iff


def holds(formula: Formula, model: Model, places: int) -> bool:
    """Whether a formula is true in a model; the definition that every solver here must agree with.

    Args:
        formula: all of its entities have a value in ``model``.
        model: see ``Model``.
        places: how many there are; needed for places counted from the end.
    """
    match formula:
        case Knight(person):
            return model[person] == 1
        case Before(first, second):
            return model[first] < model[second]
        case JustBefore(first, second):
            return model[first] + 1 == model[second]
        case NextTo(first, second):
            return abs(model[first] - model[second]) == 1
        case Same(first, second):
            return model[first] == model[second]
        case At(entity, place):
            return model[entity] == (place if place > 0 else places + 1 + place)
        case Not(part):
            return not holds(part, model, places)
        case And(parts):
            return all(holds(part, model, places) for part in parts)
        case Or(parts):
            return any(holds(part, model, places) for part in parts)
        case Iff(left, right):
            return holds(left, model, places) == holds(right, model, places)


def atoms(formula: Formula) -> Iterator[Atom]:
    """The atoms of a formula, from left to right, repeated where they are repeated."""
    pending: list[Formula] = [formula]
    while pending:
        match pending.pop():
            case Not(part):
                pending.append(part)
            case And(parts) | Or(parts):
                pending.extend(reversed(parts))
            case Iff(left, right):
                pending.extend((right, left))
            case atom:
                yield atom


def entities(formula: Formula) -> tuple[str, ...]:
    """Whom or what a formula is about, each once, in the order of their first mention."""
    found: dict[str, None] = {}
    for atom in atoms(formula):
        match atom:
            case Knight(name) | At(name, _):
                found[name] = None
            case Before(a, b) | JustBefore(a, b) | NextTo(a, b) | Same(a, b):
                found[a] = found[b] = None
    return tuple(found)


def conjuncts(formula: Formula) -> tuple[Formula, ...]:
    """The parts that a formula is the conjunction of; itself, if it is none."""
    if isinstance(formula, And):
        return tuple(conjunct for part in formula.parts for conjunct in conjuncts(part))
    return (formula,)


def normal(formula: Formula) -> Formula:
    """A form in which two sentences that say the same in another order or with other brackets are equal.

    Nested conjunctions and disjunctions are flattened, sorted and freed of repetitions, double negations
    dropped, symmetric atoms sorted. Equal normal forms are equivalent; equivalent formulas may differ.
    """
    match formula:
        case NextTo(a, b):
            return NextTo(*sorted((a, b)))
        case Same(a, b):
            return Same(*sorted((a, b)))
        case Not(part):
            inner = normal(part)
            return inner.part if isinstance(inner, Not) else Not(inner)
        case And(parts):
            return _flat(And, parts)
        case Or(parts):
            return _flat(Or, parts)
        case Iff(left, right):
            return Iff(*sorted((normal(left), normal(right)), key=repr))
        case atom:
            return atom


def _flat(kind: type[And] | type[Or], parts: tuple[Formula, ...]) -> Formula:
    flat: set[Formula] = set()
    for part in map(normal, parts):
        flat.update(part.parts if isinstance(part, kind) else (part,))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(sorted(flat, key=repr)))


def renamed(formula: Formula, name: Callable[[str], str]) -> Formula:
    """The same formula about other entities."""
    match formula:
        case Knight(person):
            return Knight(name(person))
        case At(entity, place):
            return At(name(entity), place)
        case Before(a, b) | JustBefore(a, b) | NextTo(a, b) | Same(a, b):
            return type(formula)(name(a), name(b))
        case Not(part):
            return Not(renamed(part, name))
        case And(parts) | Or(parts):
            return type(formula)(tuple(renamed(part, name) for part in parts))
        case Iff(left, right):
            return Iff(renamed(left, name), renamed(right, name))
