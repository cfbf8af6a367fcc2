"""Who is known to stand before whom, what that says of a formula, and which pairs say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from entailbench.logic.formula import And, At, Before, Formula, Iff, JustBefore, NextTo, Not, Or, Same

__all__ = ["Forced", "OrderRelation", "Pair", "Refuted", "stated", "vacuous"]

Pair: TypeAlias = tuple[int, int]
"""The first stands before the second; people are counted from 0 in the order of the signature."""
Forced: TypeAlias = tuple[Pair, tuple[Pair, ...]]
"""A pair that must hold, and the known pairs because of which it must."""


class Refuted(Exception):
    """A formula that should be true (or false) is not; carries the known pairs that show it."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs = tuple(dict.fromkeys(pairs))
        super().__init__()


class OrderRelation:
    """A strict partial order over the people of one row, kept transitively closed.

    Args:
        people: their names; as many as there are places.
    """

    def __init__(self, people: tuple[str, ...]) -> None:
        self.people = people
        self.index = {name: number for number, name in enumerate(people)}
        self.after = [0] * len(people)
        """Bit b of entry a: a stands before b."""
        self.before = [0] * len(people)

    def copy(self) -> OrderRelation:
        """A copy that can be added to without changing this one."""
        twin = object.__new__(OrderRelation)
        twin.people, twin.index = self.people, self.index
        twin.after, twin.before = list(self.after), list(self.before)
        return twin

    def add(self, first: int, second: int) -> bool:
        """Take a pair as true; False if that closes a circle (and the relation is then of no further use)."""
        after, before = self.after, self.before
        if after[first] >> second & 1:
            return True
        upper, lower = before[first] | 1 << first, after[second] | 1 << second
        if upper & lower:
            return False
        for person in bits(upper):
            after[person] |= lower
        for person in bits(lower):
            before[person] |= upper
        return True

    def place(self, place: int) -> int:
        """The place counted from the front."""
        return place if place > 0 else len(self.people) + 1 + place

    def between(self, a: int, b: int) -> int:
        """Who may stand between a and b if a comes first: not known to be before a, nor after b."""
        return ((1 << len(self.people)) - 1) & ~(self.before[a] | self.after[b] | 1 << a | 1 << b)

    def value(self, formula: Formula) -> bool | None:
        """True or False where the known pairs show it, by Kleene's three-valued tables; None elsewhere."""
        match formula:
            case Before(a, b):
                return self._precedes(self.index[a], self.index[b])
            case At(a, place):
                x, place = self.index[a], self.place(place)
                earliest = self.before[x].bit_count() + 1
                latest = len(self.people) - self.after[x].bit_count()
                return False if not earliest <= place <= latest else True if earliest == latest else None
            case Not(part):
                inner = self.value(part)
                return None if inner is None else not inner
            case And(parts) | Or(parts):
                absorbing = isinstance(formula, Or)
                result: bool | None = not absorbing
                for part in parts:
                    inner = self.value(part)
                    if inner is absorbing:
                        return absorbing
                    if inner is None:
                        result = None
                return result
            case Iff(left, right):
                x_value, y_value = self.value(left), self.value(right)
                return None if x_value is None or y_value is None else x_value == y_value
            case JustBefore(a, b):
                return self._touches(self.index[a], self.index[b])
            case NextTo(a, b):
                x, y = self.index[a], self.index[b]
                front, back = self._touches(x, y), self._touches(y, x)
                if front or back or (front is False and back is False):
                    return bool(front or back)
                return True if x != y and not self.between(x, y) and not self.between(y, x) else None
            case Same(a, b):
                return a == b
        raise TypeError(f"{formula} is not about an order")

    def _precedes(self, a: int, b: int) -> bool | None:
        if self.after[a] >> b & 1:
            return True
        return False if a == b or self.after[b] >> a & 1 else None

    def _touches(self, a: int, b: int) -> bool | None:
        precedes = self._precedes(a, b)
        if precedes is False or self.after[a] & self.before[b]:
            return False
        return True if precedes and not self.between(a, b) else None

    def why(self, formula: Formula) -> tuple[Pair, ...]:
        """Known pairs that are enough for ``value(formula)``, which must not be None."""
        match formula:
            case Before(a, b):
                return self._order_of(self.index[a], self.index[b])
            case At(a, place):
                return self._why_at(self.index[a], self.place(place))
            case Not(part):
                return self.why(part)
            case And(parts) | Or(parts):
                absorbing = isinstance(formula, Or)
                if self.value(formula) is absorbing:
                    return min((self.why(part) for part in parts if self.value(part) is absorbing), key=len)
                return tuple(pair for part in parts for pair in self.why(part))
            case Iff(left, right):
                return self.why(left) + self.why(right)
            case JustBefore(a, b):
                return self._why_touches(self.index[a], self.index[b])
            case NextTo(a, b):
                x, y = self.index[a], self.index[b]
                front, back = self._touches(x, y), self._touches(y, x)
                if front:
                    return self._why_touches(x, y)
                if back:
                    return self._why_touches(y, x)
                if front is False and back is False:
                    return self._why_touches(x, y) + self._why_touches(y, x)
                return self._why_none_between(x, y) + self._why_none_between(y, x)
        return ()

    def _order_of(self, a: int, b: int) -> tuple[Pair, ...]:
        return () if a == b else ((a, b) if self.after[a] >> b & 1 else (b, a),)

    def _why_at(self, x: int, place: int) -> tuple[Pair, ...]:
        # The nearest first: they are the fewest links away.
        above = sorted(bits(self.before[x]), key=lambda p: (self.after[p] & self.before[x]).bit_count())
        below = sorted(bits(self.after[x]), key=lambda p: (self.before[p] & self.after[x]).bit_count())
        count = len(self.people)
        if not 1 <= place <= count:
            return ()
        if place <= len(above):
            return tuple((person, x) for person in above[:place])
        if place > count - len(below):
            return tuple((x, person) for person in below[: count - place + 1])
        return tuple((person, x) for person in above) + tuple((x, person) for person in below)

    def _why_touches(self, a: int, b: int) -> tuple[Pair, ...]:
        if a == b:
            return ()
        if self.after[b] >> a & 1:
            return ((b, a),)
        for person in bits(self.after[a] & self.before[b]):
            return ((a, person), (person, b))
        return ((a, b), *self._why_none_between(a, b))

    def _why_none_between(self, a: int, b: int) -> tuple[Pair, ...]:
        others = (person for person in range(len(self.people)) if person not in (a, b))
        possible = self.between(a, b)
        return tuple(
            (person, a) if self.before[a] >> person & 1 else (b, person)
            for person in others
            if not possible >> person & 1
        )

    def forced(self, formula: Formula, wanted: bool) -> Iterator[Forced]:
        """Pairs that are not known yet and must hold if the formula is to be true (or false, if not ``wanted``).

        Raises:
            Refuted: it cannot be.
        """
        value = self.value(formula)
        if value is not None:
            if value is not wanted:
                raise Refuted(self.why(formula))
            return
        match formula:
            case Not(part):
                yield from self.forced(part, not wanted)
            case And(parts) | Or(parts):
                if isinstance(formula, And) is wanted:
                    for part in parts:
                        yield from self.forced(part, wanted)
                    return
                # Nobody but the last part is left to make the formula what it should be.
                unsettled = [part for part in parts if self.value(part) is None]
                if len(unsettled) == 1:
                    others = tuple(pair for part in parts if part is not unsettled[0] for pair in self.why(part))
                    yield from because(self.forced(unsettled[0], wanted), others)
            case Iff(left, right):
                for one, other in ((left, right), (right, left)):
                    side = self.value(one)
                    if side is not None:
                        yield from because(self.forced(other, wanted is side), self.why(one))
            case Before(a, b):
                x, y = self.index[a], self.index[b]
                yield ((x, y) if wanted else (y, x)), ()
            case At(a, place):
                yield from self._forced_at(self.index[a], self.place(place), wanted)
            case JustBefore(a, b):
                yield from self._forced_touching(self.index[a], self.index[b], wanted)
            case NextTo(a, b):
                yield from self._forced_neighbours(self.index[a], self.index[b], wanted)

    def _forced_at(self, x: int, place: int, wanted: bool) -> Iterator[Forced]:
        above, below = self.before[x], self.after[x]
        open_to = [p for p in range(len(self.people)) if p != x and not (above | below) >> p & 1]
        missing = place - 1 - above.bit_count()
        why_above = tuple((person, x) for person in bits(above))
        why_below = tuple((x, person) for person in bits(below))
        if wanted:
            if missing == 0:
                yield from (((x, person), why_above) for person in open_to)
            elif missing == len(open_to):
                yield from (((person, x), why_below) for person in open_to)
        elif len(open_to) == 1:
            person = open_to[0]
            yield ((person, x) if missing == 0 else (x, person)), why_above + why_below

    def _forced_touching(self, a: int, b: int, wanted: bool) -> Iterator[Forced]:
        ordered = self.after[a] >> b & 1
        if wanted:
            if not ordered:
                yield (a, b), ()
            for person in bits(self.before[b] & ~self.before[a] & ~(1 << a)):
                yield (person, a), ((person, b),)
            for person in bits(self.after[a] & ~self.after[b] & ~(1 << b)):
                yield (b, person), ((a, person),)
            return
        possible = self.between(a, b)
        if not ordered and not possible:
            yield (b, a), self._why_none_between(a, b)
        elif ordered and possible & (possible - 1) == 0:
            person = possible.bit_length() - 1
            why = ((a, b), *self._why_none_between(a, b))
            if self.after[a] >> person & 1:
                yield (person, b), (*why, (a, person))
            elif self.before[b] >> person & 1:
                yield (a, person), (*why, (person, b))

    def _forced_neighbours(self, a: int, b: int, wanted: bool) -> Iterator[Forced]:
        for x, y in ((a, b), (b, a)):
            if self.after[x] >> y & 1:
                for pair, why in self._forced_touching(x, y, wanted):
                    yield pair, (*why, (x, y))
                return
        if wanted:
            for x, y in ((a, b), (b, a)):
                yield from (((p, y), ((p, x),)) for p in bits(self.before[x] & ~self.before[y]))
                yield from (((y, p), ((x, p),)) for p in bits(self.after[x] & ~self.after[y]))
        else:
            for x, y in ((a, b), (b, a)):
                if not self.between(x, y):
                    yield (y, x), self._why_none_between(x, y)


def because(forced: Iterator[Forced], why: tuple[Pair, ...]) -> Iterator[Forced]:
    """The same pairs, forced for a further reason."""
    try:
        for pair, pairs in forced:
            yield pair, (*pairs, *why)
    except Refuted as refuted:
        raise Refuted((*refuted.pairs, *why)) from None


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def stated(formula: Formula, wanted: bool, relation: OrderRelation) -> tuple[list[Pair], list[tuple[Formula, bool]]]:
    """What a premise says outright: pairs, and what is left that cannot be said by pairs.

    Raises:
        Refuted: it cannot be true whatever else holds.
    """
    pairs: list[Pair] = []
    rest: list[tuple[Formula, bool]] = []
    pending = [(formula, wanted)]
    index, count = relation.index, len(relation.people)
    while pending:
        part, true = pending.pop()
        match part:
            case Before(a, b) if a != b:
                pairs.append((index[a], index[b]) if true else (index[b], index[a]))
            case Not(inner):
                pending.append((inner, not true))
            case And(parts) | Or(parts) if isinstance(part, And) is true or len(parts) == 1:
                pending.extend((inner, true) for inner in reversed(parts))
            case At(a, place) if true and relation.place(place) in (1, count):
                x, first = index[a], relation.place(place) == 1
                pairs.extend((x, y) if first else (y, x) for y in range(count) if y != x)
            case _:
                value = relation.value(part) if vacuous(part) else None
                if value is not None:
                    if value is not true:
                        raise Refuted(())
                    continue
                if true and isinstance(part, JustBefore):
                    pairs.append((index[part.first], index[part.second]))
                rest.append((part, true))
    return pairs, rest


def vacuous(formula: Formula) -> bool:
    """Whether an atom (or an empty connective) may be settled without knowing anything."""
    match formula:
        case Before(a, b) | JustBefore(a, b) | NextTo(a, b):
            return a == b
        case Same() | At():
            return True
        case And(parts) | Or(parts):
            return not parts
    return False
