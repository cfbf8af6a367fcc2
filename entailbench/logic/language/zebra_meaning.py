"""What a claim about a grid says, as a formula over values and places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

from entailbench.logic.formula import And, At, Before, Formula, JustBefore, NextTo, Not, Or, Same
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_claims import Claim, Couple, Either, Is, Place, Relation, Statement, Thing, Value

__all__ = ["MOST_PLACES", "Beside", "Row", "ambiguities", "described"]

Beside: TypeAlias = Literal["immediate", "anywhere"]

MOST_PLACES = 100
"""More houses than this are not read: a formula may name each of them."""

Part: TypeAlias = Value | Place | Relation


@dataclass(frozen=True)
class Row:
    """The row of houses that claims are about."""

    places: int
    """How many houses there are."""
    entity: Callable[[Value], str]
    """The entity that a value is; raises NotReadError for an unknown one."""
    beside: Beside = "immediate"
    """What "left of" means where it is not said."""
    from_right: bool | None = False
    """Whether the houses' numbers run from right to left; None where that is not clear."""
    exclusive: bool = False
    """Whether "either P or Q" says that they are not both true."""
    group: Callable[[str], object] = lambda entity: entity
    """The category of an entity: two of one category are never in one house."""

    def formula(self, claim: Claim | Is) -> Formula:
        """What a claim says.

        Raises:
            NotReadError: it names an unknown value or place, or leaves open what it is about.
        """
        match claim:
            case Statement(subject, predicate):
                return self._predicated(subject, predicate)
            case Couple(kind, first, second):
                return self._couple(kind, first, second)
            case Either(kind, parts):
                formulas = tuple(self.formula(part) for part in parts)
                return Not(formulas[0]) if kind == "not" else self._joined(kind, formulas)
        raise TypeError(f"{claim!r} is no claim")

    def _joined(self, kind: str, formulas: tuple[Formula, ...]) -> Formula:
        """The formulas put together by "and", "or" or "either"."""
        if kind != "either" or not self.exclusive or self._exclude(formulas):
            return _joined(kind, formulas)
        pairs = combinations(formulas, 2)
        return And((Or(formulas), *(Not(And(pair)) for pair in pairs)))

    def _exclude(self, formulas: tuple[Formula, ...]) -> bool:
        """Whether no two of the formulas can be true in one row."""
        places = {f.place % (self.places + 1) if f.place < 0 else f.place for f in formulas if isinstance(f, At)}
        if len(places) == len(formulas):
            return len({f.entity for f in formulas if isinstance(f, At)}) == 1
        pairs = [(f.first, f.second) for f in formulas if isinstance(f, Same)]
        if len(pairs) < len(formulas):
            return False
        shared = set(pairs[0]).intersection(*pairs[1:])
        others = {entity for pair in pairs for entity in pair} - shared
        return len(shared) == 1 and len(others) == len(pairs) and len(set(map(self.group, others))) == 1

    def _couple(self, kind: str, first: Thing, second: Thing) -> Formula:
        thing = Thing((Relation("next", (second,)),)) if "neighbours" in kind else second
        predicate: Is | Either = Is(thing)
        if kind in ("different", "not_neighbours"):
            predicate = Either("not", (predicate,))
        return self._predicated(first, predicate)

    def _predicated(self, subject: Thing, predicate: Is | Either | Statement | Couple) -> Formula:
        match predicate:
            case Is(thing):
                return self._together(subject.parts + thing.parts)
            case Either("not", (part,)):
                return self._denied(subject, part)
            case Either(kind, parts):
                return self._joined(kind, tuple(self._predicated(subject, part) for part in parts))
        raise TypeError(f"{predicate!r} is no predicate")

    def _denied(self, subject: Thing, part: Is | Either | Statement | Couple) -> Formula:
        """Something is false of the subject, which exists: only what is said about it is denied."""
        if isinstance(part, Either) and part.kind in ("or", "either"):  # "does not drink tea or milk": neither
            return _joined("and", tuple(self._denied(subject, each) for each in part.parts))
        if not isinstance(part, Is):
            raise NotReadError("it denies more than one thing")
        parts, denied = subject.parts, part.thing.parts
        if not parts and len(denied) > 1:
            parts, denied = denied[:1], denied[1:]
        if not any(isinstance(part, Value | Place) for part in parts) or not denied:
            raise NotReadError("it leaves open whom it is about")
        if len(denied) > 1 or any(described(part) for part in denied):
            raise NotReadError("it denies more than one thing")
        anchor = self._anchor(parts)
        known = tuple(self._at(anchor, part) for part in parts if part is not anchor)
        return _joined("and", (*known, Not(self._at(anchor, denied[0]))))

    def _together(self, parts: tuple[Part, ...]) -> Formula:
        """All of the parts are at one place."""
        if len(parts) < 2:
            raise NotReadError("it leaves open whom or what it is about")
        anchor = self._anchor(parts)
        return _joined("and", tuple(self._at(anchor, part) for part in parts if part is not anchor))

    def _anchor(self, parts: tuple[Part, ...]) -> Value | Place:
        """The part that the others are related to."""
        for kind in (Value, Place):
            for part in parts:
                if isinstance(part, kind):
                    return part
        raise NotReadError("it leaves open whom or what it is about")

    def _at(self, anchor: Value | Place, part: Part) -> Formula:
        """The part is where the anchor is."""
        if isinstance(part, Relation):
            return self._relation(anchor, part)
        match anchor, part:
            case Value(), Value():
                return Same(self.entity(anchor), self.entity(part))
            case (Value() as value, Place() as place) | (Place() as place, Value() as value):
                name = self.entity(value)
                return _joined("or", tuple(At(name, position) for position in self._positions(place)))
        raise NotReadError("it names two houses by their places")

    def _positions(self, place: Place) -> tuple[int, ...]:
        """Where a place is: from 1, or negative from the right as far as it is said so."""
        if place.positions == (0,):
            if self.places % 2 == 0:
                raise NotReadError(f"of {self.places} houses none is in the middle")
            return ((self.places + 1) // 2,)
        for position in place.positions:
            if abs(position) > self.places:
                raise NotReadError(f"names {str(place.words)!r}, of {self.places} houses")
        if place.numbered and self.from_right is None:
            raise NotReadError(f"{str(place.words)!r} may be counted from either side")
        if place.numbered and self.from_right:
            return tuple(-position for position in place.positions)
        return place.positions

    def _relation(self, anchor: Value | Place, relation: Relation) -> Formula:
        others = [self._anchor(other.parts) for other in relation.others]
        said = [
            self._at(other, part)
            for thing, other in zip(relation.others, others, strict=True)
            for part in thing.parts
            if part is not other
        ]
        beside = relation.width or self.beside
        if relation.kind == "between":
            first, second = others
            found: Formula = Or(
                tuple(
                    And((self._pair(_LEFT[beside], a, anchor), self._pair(_LEFT[beside], anchor, b)))
                    for a, b in ((first, second), (second, first))
                )
            )
        elif relation.kind == "next":
            found = self._pair("next", anchor, others[0])
        elif relation.distance:
            steps = {"left": (relation.distance,), "right": (-relation.distance,)}.get(
                relation.kind, (relation.distance, -relation.distance)
            )
            found = self._distant(steps, anchor, others[0])
        else:
            pair = (anchor, others[0]) if relation.kind == "left" else (others[0], anchor)
            found = self._pair(_LEFT[beside], *pair)
        return _joined("and", (found, *said))

    def _pair(self, kind: Literal["next", "just", "before"], first: Value | Place, second: Value | Place) -> Formula:
        atom, holds = _PAIRS[kind]
        if isinstance(first, Value) and isinstance(second, Value):
            return atom(self.entity(first), self.entity(second))
        return self._placed(holds, first, second)

    def _distant(self, steps: tuple[int, ...], first: Value | Place, second: Value | Place) -> Formula:
        """``second`` stands one of the steps to the right of ``first``."""
        if isinstance(first, Value) and isinstance(second, Value):
            a, b = self.entity(first), self.entity(second)
            pairs = tuple(
                And((At(a, place), At(b, place + step)))
                for step in steps
                for place in range(1, self.places + 1)
                if 1 <= place + step <= self.places
            )
            return _joined("or", pairs)
        return self._placed(lambda a, b: b - a in steps, first, second)

    def _placed(self, holds: Callable[[int, int], bool], first: Value | Place, second: Value | Place) -> Formula:
        """A relation of a value and a place: where the value can be."""
        value, place = (first, second) if isinstance(first, Value) else (second, first)
        if not isinstance(value, Value) or not isinstance(place, Place):
            raise NotReadError("it names two houses by their places")
        fixed = [position if position > 0 else self.places + 1 + position for position in self._positions(place)]
        name = self.entity(value)
        return _joined(
            "or",
            tuple(
                At(name, here)
                for here in range(1, self.places + 1)
                if any(holds(here, there) if value is first else holds(there, here) for there in fixed)
            ),
        )


_PAIRS: dict[str, tuple[type[NextTo] | type[JustBefore] | type[Before], Callable[[int, int], bool]]] = {
    "next": (NextTo, lambda a, b: abs(a - b) == 1),
    "just": (JustBefore, lambda a, b: a + 1 == b),
    "before": (Before, lambda a, b: a < b),
}
_LEFT: dict[str, Literal["just", "before"]] = {"immediate": "just", "anywhere": "before"}


def _joined(kind: str, formulas: tuple[Formula, ...]) -> Formula:
    """The conjunction or disjunction; of one formula, itself."""
    if len(formulas) == 1:
        return formulas[0]
    return And(formulas) if kind == "and" else Or(formulas)


def described(part: Part) -> bool:
    """Whether something is said about what a relation relates to: "next to the Dane, who drinks tea"."""
    return isinstance(part, Relation) and any(len(other.parts) > 1 for other in part.others)


def ambiguities(claim: object) -> frozenset[str]:
    """What in a claim has more than one meaning: "beside", a side without saying how far; "either", an either … or."""
    found: set[str] = set()
    pending = [claim]
    while pending:
        match pending.pop():
            case Relation(kind, others, width, distance):
                if kind in ("left", "right", "between") and not width and not distance:
                    found.add("beside")
                pending.extend(others)
            case Thing(parts):
                pending.extend(parts)
            case Either(kind, parts):
                if kind == "either":
                    found.add("either")
                pending.extend(parts)
            case Statement(first, second) | Couple(_, first, second):
                pending.extend((first, second))
            case Is(thing):
                pending.append(thing)
    return frozenset(found)
