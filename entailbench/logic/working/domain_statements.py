"""What each statement about knights and knaves allows, as rows of bits, and what is forced by it alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from entailbench.logic.formula import And, Formula, Iff, Knight, Not, Or, entities
from entailbench.logic.proofs.scope import LOCAL_CASES

__all__ = ["Known", "Statement", "statement"]


class Known(NamedTuple):
    """Who is known, a bit for each person, and of these who is a knight."""

    who: int = 0
    knights: int = 0

    def take(self, person: int, knight: bool) -> Known:
        """With one person more, who was not known."""
        return Known(self.who | 1 << person, self.knights | knight << person)


class Statement(NamedTuple):
    """A formula that is about some of the people.

    Its rows are all ways in which they can be so that it is true; a formula about too many people has none, and is
    looked at by Kleene's three-valued tables, as the checker does.
    """

    formula: Formula
    about: tuple[int, ...]
    """Whom it is about, in the order of the formula."""
    mask: int
    """The same as bits."""
    rows: tuple[int, ...] | None
    """The knights of each way, as bits."""
    number: dict[str, int]
    """Name → person."""

    def possible(self, known: Known) -> bool:
        """Whether it does not contradict what is known."""
        if self.rows is None:
            return _kleene(self.formula, self.number, known) is not False
        who, knights = known.who & self.mask, known.knights & self.mask
        return any(row & who == knights for row in self.rows)

    def value(self, known: Known) -> bool | None:
        """Whether it is true, where what is known shows it."""
        if self.rows is None:
            return _kleene(self.formula, self.number, known)
        who, knights = known.who & self.mask, known.knights & self.mask
        left = sum(row & who == knights for row in self.rows)
        if not left:
            return False
        return True if left == 1 << (self.mask & ~who).bit_count() else None

    def forced(self, known: Known) -> Sequence[tuple[int, bool]]:
        """Who must be what because of it: (person, whether a knight), of those who are not known.

        Anything where it contradicts what is known.
        """
        open_people = self.mask & ~known.who
        if not open_people:
            return ()
        if self.rows is None:
            return [
                (person, knight)
                for person in self.about
                if open_people >> person & 1
                for knight in (True, False)
                if _kleene(self.formula, self.number, known.take(person, not knight)) is False
            ]
        who, knights = known.who & self.mask, known.knights & self.mask
        always, never = open_people, open_people
        for row in self.rows:
            if row & who == knights:
                always &= row
                never &= ~row
                if not always | never:
                    return ()
        return [(person, bool(always >> person & 1)) for person in self.about if (always | never) >> person & 1]


def statement(formula: Formula, number: dict[str, int]) -> Statement:
    """A formula's statement.

    Args:
        formula: about knights alone.
        number: person → bit.
    """
    names = entities(formula)
    about = tuple(number[name] for name in names)
    mask = sum(1 << person for person in about)
    rows: tuple[int, ...] | None = None
    if 1 << len(names) <= LOCAL_CASES:
        ways = _ways(formula, {name: place for place, name in enumerate(names)}, len(names))
        rows = tuple(
            sum(1 << person for place, person in enumerate(about) if way >> place & 1)
            for way in range(1 << len(names))
            if ways >> way & 1
        )
    return Statement(formula, about, mask, rows, number)


def _ways(formula: Formula, place: dict[str, int], size: int) -> int:
    """The ways in which a formula is true: bit w is set if it is where the knights are the bits of w."""
    everything = (1 << (1 << size)) - 1
    match formula:
        case Knight(person):
            return _knight_ways(place[person], size)
        case Not(part):
            return everything ^ _ways(part, place, size)
        case And(parts):
            ways = everything
            for part in parts:
                ways &= _ways(part, place, size)
            return ways
        case Or(parts):
            ways = 0
            for part in parts:
                ways |= _ways(part, place, size)
            return ways
        case Iff(left, right):
            return everything ^ _ways(left, place, size) ^ _ways(right, place, size)
    raise TypeError(f"nothing about knights: {formula}")


@cache
def _knight_ways(person: int, size: int) -> int:
    return sum(1 << way for way in range(1 << size) if way >> person & 1)


def _kleene(formula: Formula, number: dict[str, int], known: Known) -> bool | None:
    match formula:
        case Knight(name):
            person = number[name]
            return bool(known.knights >> person & 1) if known.who >> person & 1 else None
        case Not(part):
            inner = _kleene(part, number, known)
            return None if inner is None else not inner
        case And(parts) | Or(parts):
            absorbing = isinstance(formula, Or)
            values = [_kleene(part, number, known) for part in parts]
            if absorbing in values:
                return absorbing
            return None if None in values else not absorbing
        case Iff(left, right):
            x, y = _kleene(left, number, known), _kleene(right, number, known)
            return None if x is None or y is None else x == y
    raise TypeError(f"nothing about knights: {formula}")
