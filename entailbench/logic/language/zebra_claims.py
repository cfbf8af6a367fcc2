"""What a sentence of a grid puzzle claims, in terms of its own words.

A claim still speaks of *values as they are written*; which category each belongs to is found out by
``zebra_categories``, and what a claim says as a formula by ``zebra_meaning``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Claim",
    "Couple",
    "Either",
    "Is",
    "Place",
    "Predicate",
    "Relation",
    "Statement",
    "Thing",
    "Value",
    "values_of",
]


@dataclass(frozen=True)
class Value:
    """Something that belongs to one house: "red", "Norwegian", "tea"."""

    words: str
    """As written, without article."""
    role: str = ""
    """How it is spoken of: a role of ``zebra_words.ROLES``, a kind of ``KINDS``, another verb; empty if bare."""
    article: bool = True
    """Whether an article stood before it: names have none."""


@dataclass(frozen=True)
class Place:
    """A house by its position."""

    positions: tuple[int, ...]
    """From the left (1 is the first) or, negative, from the right; two are alternatives; 0 is the middle."""
    numbered: bool = False
    """Whether it was named by number or letter, which may run from right to left."""
    words: str = field(default="", compare=False)
    """As written, for a message."""


@dataclass(frozen=True)
class Relation:
    """Somewhere relative to one other thing, or between two."""

    kind: Literal["next", "left", "right", "between", "apart"]
    others: tuple[Thing, ...]
    width: Literal["immediate", "anywhere", ""] = ""
    """Whether the very next house is meant or any on that side; empty where it is not said."""
    distance: int = 0
    """How many houses away; 0 where it is not said. For "apart", on either side."""


@dataclass(frozen=True)
class Thing:
    """What stands at one place; with no parts, anybody's."""

    parts: tuple[Value | Place | Relation, ...] = ()
    coordinated: bool = False
    """Whether a relative clause with "and" is part of it: at a sentence's end the "and" may belong outside it."""


@dataclass(frozen=True)
class Is:
    """The subject stands where the thing stands."""

    thing: Thing
    subject_role: str = ""
    """The role that the verb gives to a subject which is a bare value."""


@dataclass(frozen=True)
class Either:
    """A predicate or claim put together from others."""

    kind: Literal["and", "or", "either", "not"]
    """"either" is an "or" whose "either" may mean that not both are true."""
    parts: tuple[Is | Either | Statement | Couple, ...]


@dataclass(frozen=True)
class Statement:
    """A subject and what is said about it."""

    subject: Thing
    predicate: Is | Either


@dataclass(frozen=True)
class Couple:
    """Two things put beside each other."""

    kind: Literal["same", "different", "neighbours", "not_neighbours"]
    first: Thing
    second: Thing


Claim: TypeAlias = Statement | Couple | Either
Predicate: TypeAlias = Is | Either


def values_of(part: object) -> Iterator[Value]:
    """Every value that a claim names, in the order of the text."""
    pending = [part]
    while pending:
        match pending.pop():
            case Value() as value:
                yield value
            case Thing(parts) | Either(_, parts) | Relation(_, parts):
                pending.extend(reversed(parts))
            case Statement(subject, predicate):
                pending.extend((predicate, subject))
            case Couple(_, first, second):
                pending.extend((second, first))
            case Is(thing):
                pending.append(thing)
