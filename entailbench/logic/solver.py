"""What follows from a reading, decided by Z3 (L. de Moura and N. Bjørner, Z3: An Efficient SMT Solver, TACAS 2008)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    Knight,
    Model,
    NextTo,
    Not,
    Or,
    Same,
    Signature,
)
from entailbench.logic.puzzle import Reading
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

if TYPE_CHECKING:
    import z3

__all__ = ["Inconsistent", "Solver", "TimedOut"]


class TimedOut(Exception):
    """The solver was given up after the time it had."""


class Inconsistent(Exception):
    """The premises contradict each other: everything would follow from them."""


class Solver:
    """One reading of a puzzle, ready to be asked.

    Args:
        reading: what exists and what is said.
        timeout: seconds for everything that this solver is asked, together.
    """

    def __init__(self, reading: Reading, timeout: float = 10.0) -> None:
        self._reading = reading
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def consistent(self) -> bool:
        """Whether the premises can all be true.

        Raises:
            TimedOut: it could not be settled in time.
        """
        return self._consistent

    def truth(self, formula: Formula) -> Truth:
        """Whether the premises entail a formula, contradict it, or leave it open.

        Args:
            formula: about entities of the reading only.

        Raises:
            Inconsistent: the premises contradict each other.
            TimedOut: it could not be settled in time.
        """
        if not self._consistent:
            raise Inconsistent
        theory = self._theory_for(formula)
        if not self._satisfiable(theory, Not(formula)):
            return ENTAILMENT
        return UNKNOWN if self._satisfiable(theory, formula) else CONTRADICTION

    def solutions(self, limit: int = 2) -> list[Model]:
        """Models of the premises that differ in some entity's value, at most ``limit`` of them.

        Raises:
            TimedOut: they could not be found in time.
        """
        import z3

        found: list[Model] = []
        theory = self._ranks
        with _Scope(theory.solver):
            while len(found) < limit and self._check(theory) == z3.sat:
                values = theory.solver.model()
                model = {name: _value(values, term) for name, term in theory.terms.items()}
                found.append(model)
                others = [term != values.eval(term, True) for term in theory.terms.values()]
                theory.solver.add(z3.Or([z3.BoolVal(False, theory.context), *others]))
        return found

    def minimal_premises(self, formula: Formula) -> tuple[int, ...]:
        """Indices of premises that settle a formula, none of which can be left out.

        Empty if the formula is settled without any premise or is left open. If the premises contradict each
        other, a smallest conflict among them, whatever the formula: minimal in that every one is needed for it.

        Raises:
            TimedOut: it could not be settled in time.
        """
        if not self._consistent:
            return self._minimal(self._theory_for(formula), ())
        theory = self._theory_for(formula)
        for goal in (Not(formula), formula):
            if not self._satisfiable(theory, goal):
                return self._minimal(theory, (theory.expression(goal),))
        return ()

    @cached_property
    def _consistent(self) -> bool:
        import z3

        return bool(self._check(self._theory_for()) != z3.unsat)

    @cached_property
    def _order(self) -> _Order:
        return _Order(self._reading)

    @cached_property
    def _ranks(self) -> _Ranks:
        return _Ranks(self._reading)

    def _theory_for(self, *formulas: Formula) -> _Theory:
        return self._order if _is_order(self._reading, formulas) else self._ranks

    def _satisfiable(self, theory: _Theory, formula: Formula) -> bool:
        import z3

        with _Scope(theory.solver):
            theory.solver.add(theory.expression(formula))
            return bool(self._check(theory) != z3.unsat)

    def _check(self, theory: _Theory, tracks: Iterable[Any] | None = None, *extra: Any) -> z3.CheckSatResult:
        import z3

        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(f"no answer within {self._timeout:g} s")
        theory.solver.set("timeout", max(1, int(left * 1000)))
        result = theory.solver.check(*(theory.tracks if tracks is None else tracks), *extra)
        if result == z3.unknown:
            raise TimedOut(f"no answer within {self._timeout:g} s ({theory.solver.reason_unknown()})")
        return result

    def _minimal(self, theory: _Theory, goal: tuple[Any, ...]) -> tuple[int, ...]:
        """Shrinks an unsatisfiable core until every premise in it is needed."""
        import z3

        with _Scope(theory.solver):
            theory.solver.add(*goal)
            self._check(theory)
            core = self._core(theory)
            for track in list(core):
                if track in core:
                    rest = [theory.tracks[index] for index in core if index != track]
                    if self._check(theory, rest) == z3.unsat:
                        core = self._core(theory)
        return tuple(sorted(core))

    def _core(self, theory: _Theory) -> set[int]:
        numbers = {track.get_id(): index for index, track in enumerate(theory.tracks)}
        return {numbers[track.get_id()] for track in theory.solver.unsat_core()}


class _Theory:
    """A Z3 solver that holds the premises, each behind a switch, and the terms that stand for entities."""

    def __init__(self, reading: Reading) -> None:
        import z3

        self.signature: Signature = reading.signature
        # A context of its own: Z3's default one is shared by all threads and grows without end.
        self.context = z3.Context()
        self.solver = z3.Solver(ctx=self.context)
        self.terms: dict[str, Any] = self._declare()
        self.tracks = [z3.FreshBool("premise", self.context) for _ in reading.premises]
        for track, premise in zip(self.tracks, reading.premises, strict=True):
            self.solver.add(z3.Implies(track, self.expression(premise.formula)))

    def _declare(self) -> dict[str, Any]:
        raise NotImplementedError

    def expression(self, formula: Formula) -> Any:
        """The formula in Z3's terms."""
        raise NotImplementedError


class _Order(_Theory):
    """One row of entities of which only the order matters: difference constraints, quick for any number of them.

    Negation is pushed to the atoms and there turned into the opposite comparison, so every atom that counts
    is a strict "before". A model with ties can then be spread out into one without: no ranks are needed.
    """

    def _declare(self) -> dict[str, Any]:
        import z3

        return {name: z3.Int(name, self.context) for name in self.signature.entities}

    def expression(self, formula: Formula) -> Any:
        return self._signed(formula, True)

    def _signed(self, formula: Formula, positive: bool) -> Any:
        """The formula, or its negation."""
        import z3

        match formula:
            case Not(part):
                return self._signed(part, not positive)
            case And(parts) | Or(parts):
                signed = [self._signed(part, positive) for part in parts]
                return self._together(signed, isinstance(formula, And) == positive)
            case Before(first, second):
                if first == second:
                    return z3.BoolVal(not positive, self.context)
                front, back = (first, second) if positive else (second, first)
                return self.terms[front] < self.terms[back]
            case At(entity, place):
                own = self.terms[entity]
                others = [term for name, term in self.terms.items() if name != entity]
                beyond = [own < term if (place == 1) == positive else own > term for term in others]
                return self._together(beyond, positive)
        raise TypeError(f"{formula} needs ranks")

    def _together(self, parts: list[Any], every: bool) -> Any:
        """The conjunction of the parts, or else their disjunction."""
        import z3

        together = z3.And if every else z3.Or
        return together(parts) if parts else z3.BoolVal(every, self.context)


class _Ranks(_Theory):
    """Every entity is an integer, its place, or a Boolean, its being a knight."""

    def _declare(self) -> dict[str, Any]:
        import z3

        terms: dict[str, Any] = {name: z3.Bool(name, self.context) for name in self.signature.people}
        for group in self.signature.groups:
            places = [z3.Int(name, self.context) for name in group]
            self.solver.add([z3.And(place >= 1, place <= self.signature.places) for place in places])
            if len(places) > 1:
                self.solver.add(z3.Distinct(places))
            terms.update(zip(group, places, strict=True))
        return terms

    def expression(self, formula: Formula) -> Any:
        import z3

        terms, places = self.terms, self.signature.places
        match formula:
            case Not(part):
                return z3.Not(self.expression(part))
            case And(parts):
                return z3.And([z3.BoolVal(True, self.context), *map(self.expression, parts)])
            case Or(parts):
                return z3.Or([z3.BoolVal(False, self.context), *map(self.expression, parts)])
            case Iff(left, right):
                return self.expression(left) == self.expression(right)
            case Knight(person):
                return terms[person]
            case Before(first, second):
                return terms[first] < terms[second]
            case JustBefore(first, second):
                return terms[first] + 1 == terms[second]
            case NextTo(first, second):
                return z3.Or(terms[first] + 1 == terms[second], terms[second] + 1 == terms[first])
            case Same(first, second):
                return terms[first] == terms[second]
            case At(entity, place):
                return terms[entity] == (place if place > 0 else places + 1 + place)


class _Scope:
    """What is added inside is forgotten outside."""

    def __init__(self, solver: z3.Solver) -> None:
        self._solver = solver

    def __enter__(self) -> None:
        self._solver.push()

    def __exit__(self, *_: object) -> None:
        self._solver.pop()


def _is_order(reading: Reading, formulas: tuple[Formula, ...]) -> bool:
    signature = reading.signature
    if signature.people or len(signature.groups) != 1 or len(signature.groups[0]) != signature.places:
        return False
    said = [premise.formula for premise in reading.premises]
    return all(map(_only_orders, [*said, *formulas]))


def _only_orders(formula: Formula) -> bool:
    match formula:
        case Not(part):
            return _only_orders(part)
        case And(parts) | Or(parts):
            return all(map(_only_orders, parts))
        case Before():
            return True
        case At(_, place):
            return place in (1, -1)
    return False


def _value(values: z3.ModelRef, term: Any) -> int:
    import z3

    value = values.eval(term, model_completion=True)
    return int(z3.is_true(value)) if z3.is_bool(value) else int(value.as_long())
