"""Check proofs about knights (``Ann knight``) and grids (``tea 2``, ``tea = dog``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import TypeAlias

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
    atoms,
    conjuncts,
    entities,
    holds,
)
from entailbench.logic.proofs.check_steps import Known, Work, check_cases, check_two_models
from entailbench.logic.proofs.check_text import Malformed, Token
from entailbench.logic.proofs.check_three_valued import conjunction, disjunction, negation
from entailbench.logic.proofs.proof import Checked
from entailbench.logic.proofs.scope import LOCAL_CASES
from entailbench.logic.puzzle import Reading

__all__ = ["check_domain_proof"]


@dataclass(frozen=True)
class Values:
    """An entity and the values that it may have: bit v is set for value v."""

    entity: str
    values: int


@dataclass(frozen=True)
class Identity:
    """Two things are (or are not) at the same place."""

    first: str
    second: str
    true: bool = True


Literal: TypeAlias = Values | Identity


def check_domain_proof(reading: Reading, formula: Formula, found: list[Token]) -> Checked:
    """What the tokens of a proof text prove. Raises ``Malformed``."""
    known = _Domains(reading, formula)
    ors = [place for place, token in enumerate(found) if token == Token("word", "or")]
    if not ors:
        return check_cases(known, found)
    if len(ors) > 1:
        raise Malformed("there is more than one 'or'")
    first = known.assignment(found[: ors[0]])
    change = known.assignment(found[ors[0] + 1 :])
    missing = [entity for entity in reading.signature.entities if entity not in first]
    if missing:
        raise Malformed(f"the first of the two says nothing of {missing[0]!r}")
    return check_two_models(reading, formula, first, first | change)


class _Domains(Known[Literal]):
    """Which values each entity may still have, and what is known to be at one place."""

    def __init__(self, reading: Reading, formula: Formula) -> None:
        signature = reading.signature
        self.places = signature.places
        self.everything = 0b11 if signature.people else (1 << signature.places + 1) - 2
        self.possible = dict.fromkeys(signature.entities, self.everything)
        self.same = {entity: frozenset((entity,)) for entity in signature.entities}
        """All that is known to be where an entity is, itself among them."""
        self.apart: frozenset[frozenset[str]] = frozenset()
        """Pairs known not to be at one place."""
        self.groups = signature.groups
        self.group_of = {entity: group for group in signature.groups for entity in group}
        self.question = formula
        self.premises = [part for premise in reading.premises for part in conjuncts(premise.formula)]
        self.sizes = {id(part): sum(1 for _ in atoms(part)) for part in [*self.premises, formula]}
        self.entities = {id(part): entities(part) for part in [*self.premises, formula]}
        self.about: dict[str, list[Formula]] = {entity: [] for entity in signature.entities}
        for part in self.premises:
            for entity in self.entities[id(part)]:
                self.about[entity].append(part)
        self.work = Work()
        self.empty = False
        """Some entity has no value left."""

    def copy(self) -> _Domains:
        twin = object.__new__(_Domains)
        twin.__dict__.update(self.__dict__)
        twin.possible, twin.same = dict(self.possible), dict(self.same)
        return twin

    def add(self, literal: Literal) -> None:
        if isinstance(literal, Identity):
            self._identify(literal)
            return
        pending = [literal]
        while pending:
            entity, values = pending[-1].entity, pending.pop().values
            before = self.possible[entity]
            after = self.possible[entity] = before & values
            if after == before:
                continue
            if not after:
                self.empty = True
                return
            pending.extend(Values(other, after) for other in self.same[entity] if other != entity)
            if after & (after - 1) == 0:
                # What has a place for certain takes it from the others of its kind.
                mates = self.group_of.get(entity, ())
                self.work.spend(len(mates) // 4)
                pending.extend(Values(mate, ~after) for mate in mates if mate != entity)

    def _identify(self, literal: Identity) -> None:
        first, second = literal.first, literal.second
        if self._identical(first, second) is (not literal.true):
            self.empty = True
        elif not literal.true:
            self.apart |= {frozenset((first, second))}
        else:
            union = self.same[first] | self.same[second]
            self.work.spend(len(union))
            self.same.update((entity, union) for entity in union)
            for entity in union:
                self.add(Values(entity, self.possible[first] & self.possible[second]))

    def _identical(self, first: str, second: str) -> bool | None:
        """Whether two things are at one place, as far as what was identified shows."""
        if second in self.same[first]:
            return True
        if frozenset((first, second)) in self.apart:
            return False
        kinds = {self.group_of[entity] for entity in self.same[first]}
        return None if kinds.isdisjoint(self.group_of[entity] for entity in self.same[second]) else False

    def negation(self, literal: Literal) -> Literal:
        if isinstance(literal, Identity):
            return Identity(literal.first, literal.second, not literal.true)
        return Values(literal.entity, self.everything & ~literal.values)

    def impossible(self, near: Literal | None) -> bool:
        if self.empty or any(self._crowded(group) for group in self.groups):
            return True
        first = near.entity if isinstance(near, Values) else near.first if near is not None else None
        if first is not None and any(self._refutes(part) for part in self.about[first]):
            return True
        return any(self._refutes(part) for part in self.premises)

    def _crowded(self, group: tuple[str, ...]) -> bool:
        """Whether a place that one of the group must have is open to none of them."""
        if len(group) < self.places:
            return False
        self.work.spend(len(group) // 4)
        taken = 0
        for entity in group:
            taken |= self.possible[entity]
        return taken != self.everything

    def _refutes(self, part: Formula) -> bool:
        return self._three_valued(part) is False

    def answer(self) -> bool | None:
        return self._three_valued(self.question)

    def witness(self) -> bool | None:
        if self.empty:
            return None
        if not self.groups:
            # A premise that is true while some people are open is true however they are.
            return self.answer() if all(self._three_valued(part) for part in self.premises) else None
        model = {entity: values.bit_length() - 1 for entity, values in self.possible.items()}
        taken = {(self.group_of[entity], place) for entity, place in model.items()}
        if len(taken) < len(model) or any(values & values - 1 for values in self.possible.values()):
            return None
        self.work.spend(sum(self.sizes.values()))
        fits = all(holds(part, model, self.places) for part in self.premises)
        return holds(self.question, model, self.places) if fits else None

    def _three_valued(self, formula: Formula) -> bool | None:
        size = self.sizes[id(formula)]
        self.work.spend(size)
        value = self.value(formula)
        about = self.entities[id(formula)]
        if value is not None or prod(self.possible[entity].bit_count() for entity in about) > LOCAL_CASES:
            return value
        answers = set()
        for case in self._cases(about):
            self.work.spend(size)
            answers.add(holds(formula, case, self.places))
            if len(answers) == 2:
                return None
        return answers.pop() if answers else None

    def _cases(self, about: tuple[str, ...]) -> Iterator[dict[str, int]]:
        for values in product(*(_bits(self.possible[entity]) for entity in about)):
            case = dict(zip(about, values, strict=True))
            taken = {(self.group_of[entity], value) for entity, value in case.items() if entity in self.group_of}
            if not taken or len(taken) == len(case):
                yield case

    def supposition(self, found: tuple[Token, ...]) -> Literal:
        literals = self.facts(found)
        if len(literals) != 1:
            raise Malformed("one thing must be supposed after 'if'")
        return literals[0]

    def facts(self, found: tuple[Token, ...]) -> list[Literal]:
        equal = Token("sign", "=")
        if len(found) > 2 and all(token == equal for token in found[1::2]) and len(found) % 2:
            names = [token.value for token in found[::2] if token.kind == "name"]
            if len(names) == len(found[::2]) and (self.groups or len(set(names)) == 1):
                return [Identity(a, b) for a, b in pairwise(names) if a != b]
        value = self._value(found)
        if value is None:
            shown = " ".join(token.value for token in found[:12])
            form = "'A 2', 'A not 2' or 'A = B'" if self.groups else "'A knight' or 'A knave'"
            raise Malformed(f"{shown[:80]!r} is not of the form {form}")
        return [value]

    def _value(self, found: tuple[Token, ...]) -> Values | None:
        match found:
            case (Token("name", entity), Token("word", "knight" | "knave" as kind)) if not self.groups:
                return Values(entity, 0b10 if kind == "knight" else 0b01)
            case (Token("name", entity), Token("number", number)) if self.groups:
                return Values(entity, self._place(number))
            case (Token("name", entity), Token("word", "not"), Token("number", number)) if self.groups:
                return Values(entity, self.everything & ~self._place(number))
        return None

    def _place(self, number: str) -> int:
        if not 1 <= int(number) <= self.places:
            raise Malformed(f"there is no place {number}")
        return 1 << int(number)

    def assignment(self, found: list[Token]) -> dict[str, int]:
        """Values as they stand beside ``or``: one for each entity named, separated by commas."""
        values: dict[str, int] = {}
        width = 3
        for at in range(0, len(found), width):
            entity, *rest = found[at : at + width]
            if len(rest) == 2 and rest[1] != Token("sign", ","):
                raise Malformed(f"{rest[1].value!r} instead of a comma beside 'or'")
            literal = self._value((entity, *rest[:1]))
            if literal is None or literal.entity in values:
                raise Malformed(f"beside 'or', {entity.value!r} is not given one value")
            values[literal.entity] = literal.values.bit_length() - 1
        if not values or len(found) % width != width - 1:
            raise Malformed("there is nothing on one side of 'or', or a comma too many")
        return values

    def value(self, formula: Formula) -> bool | None:
        """True or False where the possible values show it, by Kleene's three-valued tables; None elsewhere."""
        match formula:
            case Knight(person):
                return _known(self.possible[person], 0b10)
            case At(entity, place):
                place = place if place > 0 else self.places + 1 + place
                return _known(self.possible[entity], 1 << place if 0 < place <= self.places else 0)
            case Same(a, b):
                identical = self._identical(a, b)
                if identical is not None:
                    return identical
                x, y = self.possible[a], self.possible[b]
                if not x & y:
                    return False
                return True if x == y and x.bit_count() == 1 else None
            case Before(a, b):
                x, y = self.possible[a], self.possible[b]
                if a == b or not x or not y or x & -x >= 1 << y.bit_length() - 1:
                    return False
                return True if x.bit_length() < (y & -y).bit_length() else None
            case JustBefore(a, b):
                return self._within(a, b, lambda x: x << 1)
            case NextTo(a, b):
                return self._within(a, b, lambda x: x << 1 | x >> 1)
            case Not(part):
                return negation(self.value(part))
            case And(parts):
                return conjunction(self.value(part) for part in parts)
            case Or(parts):
                return disjunction(self.value(part) for part in parts)
            case Iff(left, right):
                x_value, y_value = self.value(left), self.value(right)
                return None if x_value is None or y_value is None else x_value == y_value

    def _within(self, a: str, b: str, reach: Callable[[int], int]) -> bool | None:
        """Whether b is within a's reach, which depends on where a is."""
        x, y = self.possible[a], self.possible[b]
        if a == b or not reach(x) & y:
            return False
        return True if all(not y & ~reach(1 << value) for value in _bits(x)) else None


def _known(possible: int, wanted: int) -> bool | None:
    if not possible & wanted:
        return False
    return None if possible & ~wanted else True


def _bits(values: int) -> list[int]:
    return [value for value in range(values.bit_length()) if values >> value & 1]
