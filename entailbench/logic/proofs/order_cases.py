"""What is known in one case of a proof about an order, and how it came to be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from entailbench.logic.formula import At, Before, Formula, JustBefore, NextTo, atoms
from entailbench.logic.proofs.cases import Block
from entailbench.logic.proofs.order_relation import OrderRelation, Pair, Refuted, stated
from entailbench.logic.proofs.proof import Budget

__all__ = ["Clash", "Event", "OrderCase", "Said", "shortest_path"]


@dataclass(frozen=True)
class Said:
    """What one premise says."""

    pairs: tuple[Pair, ...]
    """Outright."""
    rest: tuple[tuple[Formula, bool], ...]
    """What cannot be said by pairs: formulas that must be true (or false)."""
    absurd: bool = False
    """It cannot be true whatever else holds."""

    @classmethod
    def by(cls, formula: Formula, wanted: bool, nothing: OrderRelation) -> Said:
        """What a formula's truth (or falsity) says; ``nothing`` is a relation without pairs over the same people."""
        try:
            pairs, rest = stated(formula, wanted, nothing)
        except Refuted:
            return cls((), (), absurd=True)
        return cls(tuple(pairs), tuple(rest))


@dataclass(frozen=True)
class Event:
    """A pair that came to be known."""

    pair: Pair
    premise: int | None
    """The premise that says it; None for a supposition, and for what follows from a case that was dealt with."""
    why: tuple[Pair, ...] = ()
    """The pairs known before that it needs besides."""
    block: Block | None = None

    @property
    def outright(self) -> bool:
        """Whether a premise says so without anything else being known."""
        return self.premise is not None and not self.why


@dataclass(frozen=True)
class Clash:
    """Known pairs that contradict each other, or a premise."""

    pairs: tuple[Pair, ...]
    premise: int | None


class OrderCase:
    """A growing set of known pairs.

    Args:
        relation: without pairs.
        said: the premises in use, by index.
        question: and the answer that the proof is after; None to look for a contradiction alone.
        budget: what the search may still spend.
    """

    def __init__(
        self, relation: OrderRelation, said: dict[int, Said], question: tuple[Formula, bool] | None, budget: Budget
    ) -> None:
        self.relation = relation.copy()
        self.question = question
        self.budget = budget
        self.events: list[Event] = []
        self.clash: Clash | None = None
        self.open = tuple((premise, *rest) for premise, what in said.items() for rest in what.rest)
        stated_pairs: set[Pair] = set()
        for premise, what in said.items():
            if what.absurd and self.clash is None:
                self.clash = Clash((), premise)
            for pair in what.pairs:
                if pair not in stated_pairs:
                    stated_pairs.add(pair)
                    self._add(Event(pair, premise))

    def copy(self) -> OrderCase:
        """See ``CaseStore``."""
        twin = object.__new__(OrderCase)
        twin.__dict__.update(self.__dict__)
        twin.relation = self.relation.copy()
        twin.events = list(self.events)
        return twin

    def size(self) -> int:
        """See ``CaseStore``."""
        return len(self.events)

    def suppose(self, literal: Pair) -> None:
        """See ``CaseStore``."""
        self._add(Event(literal, None))

    def learn(self, block: Block) -> None:
        """See ``CaseStore``."""
        first, second = block.literal
        self._add(Event((second, first), None, block=block))

    def settled(self) -> bool:
        """See ``CaseStore``."""
        return self.question is not None and self.relation.value(self.question[0]) is self.question[1]

    def propagate(self) -> Clash | None:
        """See ``CaseStore``."""
        grew = True
        while grew and self.clash is None:
            grew = False
            for premise, formula, wanted in self.open:
                self.budget.spend()
                try:
                    forced = list(self.relation.forced(formula, wanted))
                except Refuted as refuted:
                    self.clash = Clash(refuted.pairs, premise)
                    break
                for pair, why in forced:
                    grew = self._add(Event(pair, premise, why)) or grew
                if self.clash is not None:
                    break
        return self.clash

    def _add(self, event: Event) -> bool:
        first, second = event.pair
        new = not self.relation.after[first] >> second & 1
        if not new and not event.outright:
            return False
        self.budget.spend(new)
        self.events.append(event)
        if not self.relation.add(first, second) and self.clash is None:
            self.clash = Clash((event.pair, (second, first)) if first != second else (), event.premise)
        return new

    def asks_literal(self) -> bool:
        """See ``CaseStore``."""
        return self.question is not None and isinstance(self.question[0], Before)

    def suppositions(self, direct: bool) -> Iterable[Sequence[Pair]]:
        """See ``CaseStore``."""
        asked = [] if self.question is None else list(self.open_pairs(self.question[0]))
        if direct and self.question is not None:
            formula, wanted = self.question
            if isinstance(formula, Before) and asked:
                yield asked[:1] if not wanted else [asked[0][::-1]]
        unsure = [
            pair
            for _, formula, wanted in self.open
            if self.relation.value(formula) is not wanted
            for pair in self.open_pairs(formula)
        ]
        yield list(dict.fromkeys(way for pair in (*asked, *unsure) for way in (pair, pair[::-1])))

    def open_pairs(self, formula: Formula) -> Iterator[Pair]:
        """The undecided pairs that an undecided formula depends on; some may come twice."""
        index, relation = self.relation.index, self.relation
        for atom in atoms(formula):
            if relation.value(atom) is not None:
                continue
            match atom:
                case Before(a, b):
                    yield index[a], index[b]
                case At(a, _):
                    yield from self._undecided(index[a])
                case JustBefore(a, b) | NextTo(a, b):
                    if relation.value(Before(a, b)) is None:
                        yield index[a], index[b]
                    yield from self._undecided(index[a])
                    yield from self._undecided(index[b])

    def _undecided(self, person: int) -> Iterator[Pair]:
        decided = self.relation.after[person] | self.relation.before[person] | 1 << person
        yield from ((person, other) for other in range(len(self.relation.people)) if not decided >> other & 1)


def shortest_path(events: Sequence[Event], pair: Pair, people: int) -> list[int]:
    """The fewest events whose pairs lead from the first of ``pair`` to the second, as indices, in that order.

    The path must exist. Of equally short ones, the one whose events came first, from the start on.
    """
    start, goal = pair
    leaving: list[list[int]] = [[] for _ in range(people)]
    for number, event in enumerate(events):
        leaving[event.pair[0]].append(number)
    came_by: dict[int, int] = {}
    row = [start]
    while goal not in came_by:
        reached: list[int] = []
        for person in row:
            for number in leaving[person]:
                other = events[number].pair[1]
                if other not in came_by:
                    came_by[other] = number
                    reached.append(other)
        if not reached:
            raise ValueError(f"no path for {pair}")
        row = reached
    path = [came_by[goal]]
    while events[path[-1]].pair[0] != start:
        path.append(came_by[events[path[-1]].pair[0]])
    return path[::-1]
