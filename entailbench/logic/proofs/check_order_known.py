"""What is known at one point of a proof about people in one row: who stands before whom."""

from __future__ import annotations

from itertools import pairwise

from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    NextTo,
    Not,
    Or,
    Same,
    atoms,
    conjuncts,
    entities,
)
from entailbench.logic.proofs.check_steps import Known, Work
from entailbench.logic.proofs.check_text import Malformed, Token
from entailbench.logic.proofs.check_three_valued import conjunction, disjunction, negation
from entailbench.logic.puzzle import Reading

__all__ = ["NONE", "Order", "Pair", "chain"]

ALL = Token("word", "all")
NONE = Token("word", "none")

Pair = tuple[int, int]
"""The first stands before the second; people are counted from 0 in the order of the signature."""


def chain(found: list[Token] | tuple[Token, ...]) -> list[str]:
    """The names in a chain, from the front to the back."""
    names = [token.value for token in found[::2] if token.kind == "name"]
    signs = {token.value for token in found[1::2] if token.kind == "sign"}
    if len(names) != len(found[::2]) or len(found) % 2 == 0 or len(signs) > 1 or not signs <= {"<", ">"}:
        shown = " ".join(token.value for token in found[:12])
        raise Malformed(f"{shown[:80]!r} is not of the form 'A > B > C'")
    return names[::-1] if signs == {"<"} else names


class Order(Known[Pair]):
    """Who is known to stand before whom: a relation, kept transitively closed."""

    def __init__(self, reading: Reading, formula: Formula) -> None:
        people = reading.signature.groups[0]
        self.index = {name: number for number, name in enumerate(people)}
        self.question = formula
        self.premises = [part for premise in reading.premises for part in conjuncts(premise.formula)]
        self.sizes = {id(part): sum(1 for _ in atoms(part)) for part in [*self.premises, formula]}
        self.about: list[list[Formula]] = [[] for _ in people]
        for part in self.premises:
            for name in entities(part):
                self.about[self.index[name]].append(part)
        self.work = Work()
        self.after = [0] * len(people)
        """Bit b of entry a: a stands before b."""
        self.before = [0] * len(people)
        self.everybody = (1 << len(people)) - 1
        self.placed: dict[str, int] = {}
        """Person → place from the front, where that was said."""
        self.circular = False

    def copy(self) -> Order:
        twin = object.__new__(Order)
        twin.__dict__.update(self.__dict__)
        twin.after, twin.before, twin.placed = list(self.after), list(self.before), dict(self.placed)
        return twin

    def add(self, literal: Pair) -> None:
        first, second = literal
        if self.after[second] >> first & 1 or first == second:
            self.circular = True
        elif not self.after[first] >> second & 1:
            self.work.spend(4 + len(self.after) // 8)
            upper, lower = self.before[first] | 1 << first, self.after[second] | 1 << second
            for person in range(len(self.after)):
                if upper >> person & 1:
                    self.after[person] |= lower
                if lower >> person & 1:
                    self.before[person] |= upper

    def negation(self, literal: Pair) -> Pair:
        return literal[1], literal[0]

    def impossible(self, near: Pair | None) -> bool:
        if self.circular:
            return True
        if near is not None and any(self._refutes(part) for person in near for part in self.about[person]):
            return True
        return any(self._refutes(part) for part in self.premises)

    def _refutes(self, part: Formula) -> bool:
        self.work.spend(self.sizes[id(part)])
        return self.value(part) is False

    def answer(self) -> bool | None:
        if isinstance(self.question, At):
            place = self.from_front(self.question.place)
            if self.question.entity in self.placed:
                return self.placed[self.question.entity] == place
            if place in self.placed.values():
                return False
        return self.value(self.question)

    def supposition(self, found: tuple[Token, ...]) -> Pair:
        pairs = self.facts(found)
        if len(pairs) != 1:
            raise Malformed("a supposition must be of the form 'if A > B'")
        return pairs[0]

    def facts(self, found: tuple[Token, ...]) -> list[Pair]:
        if len(found) == 3 and found[1] == Token("sign", "="):
            if found[0].kind != "name" or found[0] != found[2]:
                raise Malformed("different people cannot be equal")
            return []
        if len(found) == 3 and (ALL in (found[0], found[2])):
            return self._about_all(found)
        if len(found) == 3 and found[2] == NONE:
            return self._about_none(found)
        if len(found) == 2 and found[1].kind == "number":
            return self._place(found)
        people = [self.index[name] for name in chain(found)]
        if len(people) < 2:
            raise Malformed(f"{found[0].value[:80]!r} alone says nothing")
        return list(pairwise(people))

    def _place(self, found: tuple[Token, ...]) -> list[Pair]:
        """ "A 2": a premise says so, or it is known; "A -2" counts from the end."""
        place = int(found[1].value)
        if found[0].kind != "name" or not 1 <= abs(place) <= len(self.after):
            raise Malformed(f"{found[1].value} is no place of a person")
        stated = {(part.entity, self.from_front(part.place)) for part in self.premises if isinstance(part, At)}
        front = self.from_front(place)
        if (found[0].value, front) not in stated and not self._stands(self.index[found[0].value], front):
            raise Malformed(f"no premise says that {found[0].value} stands at place {place}")
        self.placed[found[0].value] = front
        return []

    def from_front(self, place: int) -> int:
        """The place counted from the front."""
        return place if place > 0 else len(self.after) + 1 + place

    def _about_all(self, found: tuple[Token, ...]) -> list[Pair]:
        """ "A > all" or "all > A": somebody before, or after, all others."""
        first, sign, later = found
        said = later if first == ALL else first
        if sign != Token("sign", ">") or said.kind != "name":
            raise Malformed("'all' may only stand in 'A > all' and 'all > A'")
        person = self.index[said.value]
        others = (other for other in range(len(self.after)) if other != person)
        return [(other, person) if first == ALL else (person, other) for other in others]

    def _about_none(self, found: tuple[Token, ...]) -> list[Pair]:
        """ "A > none" or "A < none": nothing said so far puts anybody after, or before, A. It says nothing new."""
        said, sign, _ = found
        if sign.value not in ("<", ">") or said.kind != "name":
            raise Malformed("'none' may only stand in 'A > none' and 'A < none'")
        person = self.index[said.value]
        if (self.after if sign.value == ">" else self.before)[person]:
            raise Malformed(f"{said.value} {sign.value} none: there is somebody")
        return []

    def value(self, formula: Formula) -> bool | None:
        """True or False where what is known shows it, by Kleene's three-valued tables; None elsewhere."""
        match formula:
            case Before(a, b):
                return self._precedes(self.index[a], self.index[b])
            case At(a, place):
                return self._stands(self.index[a], self.from_front(place))
            case JustBefore(a, b):
                return self._touches(self.index[a], self.index[b])
            case NextTo(a, b):
                x, y = self.index[a], self.index[b]
                left, right = self._touches(x, y), self._touches(y, x)
                if left or right or (left is False and right is False):
                    return bool(left or right)
                # Whichever of the two comes first, nobody can come between them.
                return True if x != y and not self._between(x, y) and not self._between(y, x) else None
            case Same(a, b):
                return a == b
            case Not(part):
                return negation(self.value(part))
            case And(parts):
                return conjunction(self.value(part) for part in parts)
            case Or(parts):
                return disjunction(self.value(part) for part in parts)
            case Iff(left_side, right_side):
                x_value, y_value = self.value(left_side), self.value(right_side)
                return None if x_value is None or y_value is None else x_value == y_value
        raise Malformed(f"{formula} is not about an order")

    def _precedes(self, a: int, b: int) -> bool | None:
        if self.after[a] >> b & 1:
            return True
        return False if a == b or self.after[b] >> a & 1 else None

    def _stands(self, a: int, place: int) -> bool | None:
        earliest = self.before[a].bit_count() + 1
        latest = len(self.after) - self.after[a].bit_count()
        if not earliest <= place <= latest:
            return False
        return True if earliest == latest else None

    def _touches(self, a: int, b: int) -> bool | None:
        precedes = self._precedes(a, b)
        if precedes is False or self.after[a] & self.before[b]:
            return False
        return True if precedes and not self._between(a, b) else None

    def _between(self, a: int, b: int) -> int:
        """Who may stand between: not known to be before a, nor after b."""
        return self.everybody & ~(self.before[a] | self.after[b] | 1 << a | 1 << b)
