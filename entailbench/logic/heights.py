"""Height comparisons: who is taller than whom, and what follows from it.

A puzzle states some facts "x is taller than y". They fix a strict partial order, their transitive
closure; a question is entailed if every order of the people's heights that fits the facts makes it true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from entailbench.errors import DataError
from entailbench.records import ENTAILMENT, NOT_ENTAILMENT, Label

__all__ = [
    "CONTRADICTION",
    "RELATIONS",
    "TRUTHS",
    "UNKNOWN",
    "Fact",
    "Premise",
    "Puzzle",
    "Question",
    "Relation",
    "Truth",
    "binary_label",
    "taller_closure",
]

Fact = tuple[str, str]
"""(the taller person, the shorter person)."""

Relation = Literal["taller", "shorter", "tallest", "shortest"]
RELATIONS: tuple[Relation, ...] = ("taller", "shorter", "tallest", "shortest")

Truth = Literal["entailment", "not entailment - contradiction", "not entailment - unknown"]
CONTRADICTION: Literal["not entailment - contradiction"] = "not entailment - contradiction"
UNKNOWN: Literal["not entailment - unknown"] = "not entailment - unknown"
TRUTHS: tuple[Truth, ...] = (ENTAILMENT, CONTRADICTION, UNKNOWN)

COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


@dataclass(frozen=True)
class Premise:
    """One sentence and the facts it states."""

    text: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Question:
    """A yes/no question about a puzzle's people."""

    relation: Relation
    person: str
    other: str | None = None
    """Whom ``person`` is compared with; None for "tallest" and "shortest"."""


@dataclass(frozen=True)
class Puzzle:
    """People and what is said about their heights."""

    people: tuple[str, ...]
    premises: tuple[Premise, ...]

    @property
    def context(self) -> str:
        """The premises as running text."""
        return " ".join(premise.text for premise in self.premises)

    @property
    def canonical(self) -> str:
        """The text with each name replaced by its place of first mention: equal where only the names differ."""
        places: dict[str, str] = {}
        names = re.compile(r"\b(?:" + "|".join(map(re.escape, self.people)) + r")\b")
        return names.sub(lambda match: places.setdefault(match[0], f"#{len(places)}"), self.context)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Every stated fact, in the order of the text."""
        return tuple(fact for premise in self.premises for fact in premise.facts)

    @cached_property
    def taller(self) -> frozenset[Fact]:
        """Every fact that follows; see ``taller_closure``."""
        return taller_closure(self.facts)

    def ask(self, question: Question) -> str:
        """The question's wording."""
        if question.other is None:
            count = COUNTS.get(len(self.people), str(len(self.people)))
            return f"Is {question.person} the {question.relation} of the {count}?"
        return f"Is {question.person} {question.relation} than {question.other}?"

    def truth(self, question: Question) -> Truth:
        """Whether the premises entail the question, contradict it, or leave it open."""
        person = question.person
        order = self.taller if question.relation in ("taller", "tallest") else {(b, a) for a, b in self.taller}
        if question.other is not None:
            if (person, question.other) in order:
                return ENTAILMENT
            return CONTRADICTION if person == question.other or (question.other, person) in order else UNKNOWN
        others = [other for other in self.people if other != person]
        if all((person, other) in order for other in others):
            return ENTAILMENT
        return CONTRADICTION if any((other, person) in order for other in others) else UNKNOWN

    def hops(self, question: Question) -> int:
        """How many stated facts the longest chain has that the answer needs; 0 if the answer is "unknown"."""
        truth, person = self.truth(question), question.person
        if truth == UNKNOWN:
            return 0
        if question.other is not None:
            pair = (person, question.other)
            return self._distance(*(pair if pair in self.taller else pair[::-1]))
        if truth == CONTRADICTION:
            return 1
        others = [other for other in self.people if other != person]
        if question.relation == "tallest":
            return max(self._distance(person, other) for other in others)
        return max(self._distance(other, person) for other in others)

    def _distance(self, taller: str, shorter: str) -> int:
        """Length of the shortest chain of stated facts from one person down to another, which must exist."""
        reached, distance = {taller}, 0
        while shorter not in reached:
            reached |= {b for a, b in self.facts if a in reached}
            distance += 1
        return distance


def taller_closure(facts: Iterable[Fact]) -> frozenset[Fact]:
    """The transitive closure of "taller than" (Warshall's algorithm).

    Raises:
        DataError: the facts contradict each other: somebody would be taller than themselves.
    """
    closure = set(facts)
    people = sorted({person for fact in closure for person in fact})
    for middle in people:
        above = [a for a in people if (a, middle) in closure]
        below = [b for b in people if (middle, b) in closure]
        closure.update((a, b) for a in above for b in below)
    for person in people:
        if (person, person) in closure:
            raise DataError(f"the premises contradict each other: {person} would be taller than {person}")
    return frozenset(closure)


def binary_label(truth: Truth) -> Label:
    """The label of the binary task: contradicted and open questions are both not entailed."""
    return ENTAILMENT if truth == ENTAILMENT else NOT_ENTAILMENT
