"""Write down a proof about knights or a grid: only the steps that its conclusion needs, each with one reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from entailbench.logic.proofs.cases import Block, End
from entailbench.logic.proofs.domain_cases import Crowded, DomainCase, Hidden, Mate, Supposed
from entailbench.logic.proofs.domain_tables import Constraint, DomainPuzzle, Loose, Table, kleene, values_of
from entailbench.logic.proofs.wording import Line, Written, text_of, written

__all__ = ["domain_proof", "literal_text"]

IS = -1
Fact: TypeAlias = tuple[int, int, int]
"""The event that made it known, the entity, and the value that it does not have, or IS: it has its only one left."""


def domain_proof(case: DomainCase, end: End) -> Written:
    """The proof that a finished search found."""
    reasons = _Reasons(case, end, 0)
    answer = "yes" if case.asked is not None and case.asked[1] else "no"
    lines = [*_lines(case, reasons, answer)]
    if end.conflict is not None:
        lines.append(Line("end", "false"))
    return Written(text_of(lines), frozenset(reasons.all_used()), len(lines))


def literal_text(puzzle: DomainPuzzle, entity: int, mask: int) -> str:
    """``Ann knight``, ``tea 2`` or ``tea not 2``: the entity has one of the values, all but one or one alone."""
    name = written(puzzle.names[entity])
    if puzzle.knights:
        return f"{name} {'knight' if mask == 0b10 else 'knave'}"
    if mask & mask - 1 == 0:
        return f"{name} {mask.bit_length() - 1}"
    excluded = puzzle.everything & ~mask
    return f"{name} not {excluded.bit_length() - 1}"


def _lines(case: DomainCase, reasons: _Reasons, answer: str) -> Iterable[Line]:
    puzzle = case.puzzle
    for number, entity, value in reasons.in_order():
        event = case.trail[number]
        if isinstance(event.source, Supposed):
            continue
        answered = False
        if isinstance(event.source, Block):
            block = event.source
            inner = reasons.blocks[number]
            answered = block.end.conflict is None
            lines = list(_lines(block.store, inner, answer))
            if lines or answered:
                # A case that fails at once is no case: that it is not so follows in one step.
                yield Line("if", literal_text(puzzle, *block.literal))
                yield from lines
                yield Line("end", answer if answered else "false")
        mask = event.after if value == IS else puzzle.everything & ~(1 << value)
        yield Line("fact", literal_text(puzzle, entity, mask), otherwise=answered)


@dataclass
class _Reasons:
    """The facts that the end of a case depends on, traced back to what premises say."""

    case: DomainCase
    end: End
    since: int
    """How many events were known before the case's supposition, which is the next one."""
    needed: set[Fact] = field(default_factory=set)
    outside: set[Fact] = field(default_factory=set)
    """Facts of the cases around it."""
    blocks: dict[int, _Reasons] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    because: dict[Fact, list[Fact]] = field(default_factory=dict)
    """What each needed fact needs of this case's own facts."""

    def __post_init__(self) -> None:
        self.removed: dict[tuple[int, int], int] = {}
        self.decided: dict[int, int] = {}
        for number, event in enumerate(self.case.trail):
            for value in values_of(event.before & ~event.after):
                self.removed[event.entity, value] = number
            if event.after & event.after - 1 == 0:
                self.decided[event.entity] = number
        self.last = self._require(self._end_facts())
        pending = self.needed
        while pending:
            fact = max(pending)
            self.because[fact] = self._require(self._reasons(fact))
            pending = self.needed - self.because.keys()

    def in_order(self) -> list[Fact]:
        """The facts, each right after those that it needs: nearer to its reasons than in the order of the search."""
        order: dict[Fact, None] = {}
        pending = [(fact, False) for fact in sorted(self.last, reverse=True)]
        while pending:
            fact, ready = pending.pop()
            if ready:
                order[fact] = None
            elif fact not in order:
                pending.append((fact, True))
                pending.extend((need, False) for need in sorted(self.because[fact], reverse=True))
        return list(order)

    def all_used(self) -> set[int]:
        """The premises of this case and those in it."""
        return self.used.union(*(block.all_used() for block in self.blocks.values()))

    def _require(self, facts: Sequence[Fact]) -> list[Fact]:
        inside = [fact for fact in facts if fact[0] >= self.since]
        self.needed.update(inside)
        self.outside.update(fact for fact in facts if fact[0] < self.since)
        return inside

    def _is(self, entity: int) -> Sequence[Fact]:
        number = self.decided.get(entity)
        return () if number is None else ((number, entity, IS),)

    def _is_not(self, entity: int, value: int, before: int) -> Sequence[Fact]:
        decided = self.decided.get(entity, before)
        if decided < before and self._free((decided, entity, IS)):
            return self._is(entity)
        number = self.removed[entity, value]
        event = self.case.trail[number]
        if isinstance(event.source, Mate) and self._mate_mask(event.source) == 1 << value:
            # That one thing takes a place from the others is not worth a statement.
            return self._is(event.source.entity)
        if event.after & event.after - 1 == 0:
            return self._is(entity)
        return ((number, entity, value),)

    def _mate_mask(self, mate: Mate) -> int:
        return self.case.trail[self.decided[mate.entity]].after if mate.entity in self.decided else 0

    def _end_facts(self) -> Sequence[Fact]:
        case, clash = self.case, self.end.conflict
        now = len(case.trail)
        if clash is None:
            return () if case.goal is None else self._against(case.goal, now, None)
        match clash:
            case Crowded(group, value):
                return [fact for entity in group for fact in self._is_not(entity, value, now)]
            case Table() | Loose():
                self.used.add(clash.premise)
                return self._against(clash, now, None)
            case (first, second):
                return [*self._is(first), *self._is(second)]
        raise TypeError(f"{clash} is no clash")

    def _reasons(self, fact: Fact) -> Sequence[Fact]:
        number, entity, value = fact
        event = self.case.trail[number]
        decided = event.after if value == IS else 0
        match event.source:
            case Supposed(keeps):
                return self._others_gone(entity, number, decided, keeps) if decided else ()
            case Block() as block:
                inner = self.blocks[number] = _Reasons(block.store, block.end, number)
                keeps = self.case.puzzle.everything & ~block.literal[1]
                before = self._others_gone(entity, number, decided, keeps) if decided else ()
                return [*inner.outside, *before]
            case Mate() as mate:
                keeps = ~self._mate_mask(mate)
                return [*self._is(mate.entity), *self._others_gone(entity, number, decided, keeps)]
            case Hidden():
                others = self.case.puzzle.mates[entity]
                taken = event.after.bit_length() - 1
                return [fact for other in others for fact in self._is_not(other, taken, number)]
            case constraint:
                self.used.add(constraint.premise)
                return self._against(
                    constraint, number, (entity, decided or self.case.puzzle.everything & ~(1 << value))
                )

    def _others_gone(self, entity: int, before: int, decided: int, keeps: int) -> list[Fact]:
        """Why the entity has none of the values that ``keeps`` allows except for ``decided``."""
        earlier = self.case.puzzle.everything & ~self.case.trail[before].before & keeps & ~decided
        return [fact for value in values_of(earlier) for fact in self._is_not(entity, value, before)]

    def _against(self, constraint: Constraint, before: int, shown: tuple[int, int] | None) -> list[Fact]:
        """Facts known before an event that, with a constraint, show that an entity's value is among some.

        Args:
            shown: the entity and those values; None to show that the constraint cannot be kept at all.
        """
        known: list[tuple[Fact, int, int]] = []
        for entity in constraint.about:
            decided = self.decided.get(entity, before)
            for value in values_of(self.case.puzzle.everything):
                if self.removed.get((entity, value), before) < before:
                    known.extend((fact, entity, value) for fact in self._is_not(entity, value, before))
                    if decided < before:
                        known.append(((decided, entity, IS), entity, value))
        if isinstance(constraint, Table):
            return self._cover(constraint, known, shown)
        return self._loose_cover(constraint, known, shown)

    def _cover(self, table: Table, known: list[tuple[Fact, int, int]], shown: tuple[int, int] | None) -> list[Fact]:
        column = {entity: number for number, entity in enumerate(table.about)}
        contrary = [row for row in table.rows if shown is None or not row[column[shown[0]]] & shown[1]]
        kills: dict[Fact, int] = {}
        for fact, entity, value in known:
            at = column[entity]
            killed = sum(1 << number for number, row in enumerate(contrary) if row[at] == 1 << value)
            kills[fact] = kills.get(fact, 0) | killed
        left = (1 << len(contrary)) - 1
        chosen: list[Fact] = []
        for fact in sorted(kills):
            if self._free(fact) and kills[fact] & left:
                chosen.append(fact)
                left &= ~kills[fact]
        while left:
            best = max(
                sorted(kills), key=lambda fact: (kills[fact] & left).bit_count() / (1 + max(0, fact[0] - self.since))
            )
            chosen.append(best)
            left &= ~kills[best]
        return _without_spare(chosen, lambda facts: _union(kills[fact] for fact in facts) == (1 << len(contrary)) - 1)

    def _free(self, fact: Fact) -> bool:
        """Whether it is said anyway."""
        return fact in self.needed or fact in self.outside or isinstance(self.case.trail[fact[0]].source, Supposed)

    def _loose_cover(
        self, loose: Loose, known: list[tuple[Fact, int, int]], shown: tuple[int, int] | None
    ) -> list[Fact]:
        puzzle = self.case.puzzle

        def refuted(facts: list[Fact]) -> bool:
            domains = [puzzle.everything] * len(puzzle.names)
            given = set(facts)
            for fact, entity, value in known:
                if fact in given:
                    domains[entity] &= ~(1 << value)
            if shown is not None:
                domains[shown[0]] &= ~shown[1]
            return 0 in domains or kleene(loose.formula, puzzle, domains) is (not loose.wanted)

        return _without_spare(sorted({fact for fact, _, _ in known}, reverse=True), refuted)


def _without_spare(facts: list[Fact], enough: Callable[[list[Fact]], bool]) -> list[Fact]:
    """The facts without those that are not needed."""
    for fact in list(facts):
        fewer = [other for other in facts if other != fact]
        if enough(fewer):
            facts = fewer
    return facts


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
