"""The fixed order in which Puzzte asks its questions, worked out from the rows at hand.

A puzzle's questions are numbered from 1 (``qid``), and only some of them are in a data set:

- comparison of n people: n times "is X the tallest" or "the shortest", n times the other one; then n² times
  "is X taller than Y" or "shorter than", n² times the other one; X is the slower to change; one order of people;
- knights and knaves: "is X the knight", "is X the knave", person by person;
- houses in a row: value by value, each asked for the first house, the second, and so on.

In which order people and values come is not written anywhere, so it is inferred: each row at hand places the
names that it asks about. If all of a puzzle's rows fit one order, then neighbours of a row are known too, where
the names that they take are; if they do not, nothing is said about that puzzle.

A puzzle's last question stands under the next puzzle's text: of the rows whose number is the last one that their
text can have, many are about somebody whom it does not have. Such a row's number says nothing about its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from entailbench.logic.formula import At, Before, Formula, Knight, Not
from entailbench.logic.language.relations import RELATIONS
from entailbench.logic.puzzle import Puzzle, Question, Reading

__all__ = ["Asked", "QuestionOrder", "infer_order", "last_number"]


@dataclass(frozen=True)
class Asked:
    """A row at hand."""

    qid: int
    question: Question


QuestionOrder: TypeAlias = Callable[[int], Formula | None]
"""qid → what that question asks; None where it is not determined."""


class _Misfit(Exception):
    """A row that cannot stand where it stands."""


@dataclass
class _Slots:
    """Which name stands where in an order of ``names``; a slot that only one name is left for takes it."""

    names: tuple[str, ...]
    taken: dict[int, str] = field(default_factory=dict)

    def put(self, slot: int, name: str) -> None:
        if name not in self.names or slot not in range(len(self.names)):
            raise _Misfit
        if self.taken.setdefault(slot, name) != name or list(self.taken.values()).count(name) > 1:
            raise _Misfit

    def get(self, slot: int) -> str | None:
        left = set(self.names) - set(self.taken.values())
        if slot not in self.taken and len(left) == 1 and 0 <= slot < len(self.names):
            return next(iter(left))
        return self.taken.get(slot)


def last_number(puzzle: Puzzle, reading: Reading) -> int | None:
    """The number of a puzzle's last question; None for houses, whose values may not all be asked for."""
    count = len(reading.signature.entities)
    return {"heights": 2 * count + 2 * count**2, "knights": 2 * count}.get(puzzle.family)


def infer_order(puzzle: Puzzle, reading: Reading, rows: Sequence[Asked]) -> QuestionOrder | None:
    """The order that all of a puzzle's rows at hand fit; None where they fit none.

    Args:
        puzzle: the puzzle they are about.
        reading: the one of its readings that is meant; it says who takes part.
        rows: at least one.
    """
    infer = {"heights": _comparison_order, "knights": _knights_order, "zebra": _houses_order}[puzzle.family]
    try:
        return infer(puzzle, reading, rows)
    except _Misfit:
        return None


def _comparison_order(puzzle: Puzzle, reading: Reading, rows: Sequence[Asked]) -> QuestionOrder:
    people = reading.signature.entities
    count = len(people)
    slots = _Slots(people)
    downward = _downward(puzzle)
    first_is_down: dict[str, bool] = {}
    """Whether the questions about the other end of the scale come first: for superlatives, for pairs."""

    def place(qid: int) -> tuple[str, bool, int]:
        """(kind of question, whether in the kind's second half, number within that half from 0)."""
        number = qid - 1
        if 0 <= number < 2 * count:
            return "end", number >= count, number % count
        number -= 2 * count
        if 0 <= number < 2 * count**2:
            return "pair", number >= count**2, number % count**2
        raise _Misfit

    for row in rows:
        kind, second, number = place(row.qid)
        down = bool(downward.search(row.question.text))
        if first_is_down.setdefault(kind, down != second) != (down != second):
            raise _Misfit
        match row.question.formula:
            case At(person, end) if kind == "end" and end == (-1 if down else 1):
                slots.put(number, person)
            case Before(front, back) if kind == "pair":
                subject, other = (back, front) if down else (front, back)
                slots.put(number // count, subject)
                slots.put(number % count, other)
            case _:
                raise _Misfit

    def formula(qid: int) -> Formula | None:
        try:
            kind, second, number = place(qid)
        except _Misfit:
            return None
        if kind not in first_is_down:
            return None
        down = first_is_down[kind] != second
        if kind == "end":
            person = slots.get(number)
            return None if person is None else At(person, -1 if down else 1)
        subject, other = slots.get(number // count), slots.get(number % count)
        if subject is None or other is None:
            return None
        return Before(other, subject) if down else Before(subject, other)

    return formula


def _downward(puzzle: Puzzle) -> re.Pattern[str]:
    """Finds the words of the lower end of the puzzle's scale: shorter, shortest."""
    words = {
        word
        for relation in RELATIONS
        if puzzle.dimension in ("", relation.name)
        for word in (relation.less, relation.least)
    }
    return re.compile(rf"\b(?:{'|'.join(sorted(words))})\b", re.IGNORECASE)


def _knights_order(puzzle: Puzzle, reading: Reading, rows: Sequence[Asked]) -> QuestionOrder:
    slots = _Slots(reading.signature.people)
    for row in rows:
        slot, knave = divmod(row.qid - 1, 2)
        match row.question.formula:
            case Knight(person) if not knave:
                slots.put(slot, person)
            case Not(Knight(person)) if knave:
                slots.put(slot, person)
            case _:
                raise _Misfit

    def formula(qid: int) -> Formula | None:
        slot, knave = divmod(qid - 1, 2)
        person = slots.get(slot)
        if person is None:
            return None
        return Not(Knight(person)) if knave else Knight(person)

    return formula


def _houses_order(puzzle: Puzzle, reading: Reading, rows: Sequence[Asked]) -> QuestionOrder:
    houses = reading.signature.places
    values = _Slots(reading.signature.entities)
    for row in rows:
        slot, house = divmod(row.qid - 1, houses)
        match row.question.formula:
            case At(value, place) if place == house + 1:
                values.put(slot, value)
            case _:
                raise _Misfit

    def formula(qid: int) -> Formula | None:
        slot, house = divmod(qid - 1, houses)
        value = values.taken.get(slot)
        return None if value is None else At(value, house + 1)

    return formula
