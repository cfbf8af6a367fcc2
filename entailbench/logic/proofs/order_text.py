"""Write down a proof about an order: only the steps that its conclusion needs, links joined to chains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from entailbench.logic.proofs.cases import Block, End
from entailbench.logic.proofs.order_cases import OrderCase, shortest_path
from entailbench.logic.proofs.order_relation import OrderRelation, Pair
from entailbench.logic.proofs.wording import Line, Written, text_of, written

__all__ = ["order_proof"]


def order_proof(case: OrderCase, end: End) -> Written:
    """The proof that a finished search found."""
    writer = _Writer(case)
    writer.write(case, end, _needed(case, end, 0), writer.nothing)
    if end.conflict is not None:
        writer.found.append(([], Line("end", "false")))
    size = sum(max(1, len(chain)) for chain, _ in writer.found)
    return Written(text_of(writer.lines()), frozenset(writer.used), size)


@dataclass
class _Needed:
    """The events that a case's end depends on, apart from what premises say outright."""

    inside: set[int] = field(default_factory=set)
    outside: set[int] = field(default_factory=set)
    """Events of the cases around it."""
    blocks: dict[int, _Needed] = field(default_factory=dict)


def _needed(case: OrderCase, end: End, since: int) -> _Needed:
    needed = _Needed()

    def require(pairs: Iterable[Pair], before: int) -> None:
        for pair in pairs:
            for number in shortest_path(case.events[:before], pair, len(case.relation.people)):
                event = case.events[number]
                if event.block is not None or (event.premise is not None and event.why):
                    (needed.inside if number >= since else needed.outside).add(number)

    require(_end_pairs(case, end), len(case.events))
    for number in range(len(case.events) - 1, since - 1, -1):
        if number in needed.inside:
            event = case.events[number]
            require(event.why, number)
            if event.block is not None:
                inner = needed.blocks[number] = _needed(event.block.store, event.block.end, number + 1)
                for outer in inner.outside:
                    (needed.inside if outer >= since else needed.outside).add(outer)
    return needed


def _end_pairs(case: OrderCase, end: End) -> tuple[Pair, ...]:
    if end.conflict is not None:
        pairs: tuple[Pair, ...] = end.conflict.pairs
    elif case.question is not None:
        pairs = case.relation.why(case.question[0])
    return tuple(dict.fromkeys(pairs))


class _Writer:
    def __init__(self, case: OrderCase) -> None:
        self.names = [written(name) for name in case.relation.people]
        self.nothing = OrderRelation(case.relation.people)
        self.answer = "yes" if case.question is not None and case.question[1] else "no"
        self.used: set[int] = set()
        self.found: list[tuple[list[int], Line]] = []
        """Of a fact, the people in its chain, to which a further link may be joined."""

    def lines(self) -> Iterable[Line]:
        """What was written."""
        for chain, line in self.found:
            yield Line(line.kind, " > ".join(self.names[person] for person in chain) or line.text, line.otherwise)

    def write(self, case: OrderCase, end: End, needed: _Needed, said: OrderRelation) -> None:
        """Add the lines of one case, except for the words that open and close it."""
        said = said.copy()
        for number in sorted(needed.inside):
            event = case.events[number]
            self._say(case, event.why, number, said)
            if event.block is None:
                self._fact([*event.pair], said)
                self.used.add(event.premise if event.premise is not None else -1)
                continue
            answered = event.block.end.conflict is None
            inner = needed.blocks[number]
            if not answered and not inner.inside:
                # Nothing is derived in the case: what clashes with it can be said first, and the case left out.
                self._say(case, self._around(event.block, number), number, said)
                self._fact([*event.pair], said)
                conflict = event.block.end.conflict
                self.used.update([] if conflict.premise is None else [conflict.premise])
                continue
            self.found.append(([*event.block.literal], Line("if", "")))
            supposed = said.copy()
            supposed.add(*event.block.literal)
            self.write(event.block.store, event.block.end, inner, supposed)
            self.found.append(([], Line("end", self.answer if answered else "false")))
            said.add(*event.pair)
            self.found.append(([*event.pair], Line("fact", "", otherwise=answered)))
        self._say(case, _end_pairs(case, end), len(case.events), said)
        if end.conflict is not None and end.conflict.premise is not None:
            self.used.add(end.conflict.premise)

    def _around(self, block: Block, supposed: int) -> Iterable[Pair]:
        """The pairs at a case's end, without what was supposed: each path is cut there."""
        inner = block.store
        for pair in _end_pairs(inner, block.end):
            start, goal = pair
            path = shortest_path(inner.events, pair, len(self.names))
            if supposed in path:
                first, second = inner.events[supposed].pair
                yield from (part for part in ((start, first), (second, goal)) if part[0] != part[1])
            else:
                yield pair

    def _say(self, case: OrderCase, pairs: Iterable[Pair], before: int, said: OrderRelation) -> None:
        missing = [pair for pair in pairs if not said.after[pair[0]] >> pair[1] & 1]
        paths = [shortest_path(case.events[:before], pair, len(self.names)) for pair in missing]
        chains: list[list[int]] = []
        for path in sorted(paths, key=len, reverse=True):
            links = [case.events[number].pair for number in path]
            while links and said.after[links[0][0]] >> links[0][1] & 1:
                del links[0], path[0]
            while links and said.after[links[-1][0]] >> links[-1][1] & 1:
                del links[-1], path[-1]
            if links:
                premises = (case.events[number].premise for number in path)
                self.used.update(premise for premise in premises if premise is not None)
                chains.append([links[0][0], *(second for _, second in links)])
                for link in links:
                    said.add(*link)
        for chain in _joined(chains):
            self._fact(chain, said)

    def _fact(self, chain: list[int], said: OrderRelation) -> None:
        for first, second in pairwise(chain):
            said.add(first, second)
        last, line = self.found[-1] if self.found else ([], None)
        if line is not None and line.kind == "fact" and last[-1] == chain[0]:
            last.extend(chain[1:])
        else:
            self.found.append((chain, Line("fact", "")))


def _joined(chains: Sequence[list[int]]) -> list[list[int]]:
    """The same links in fewer chains: one that ends where another begins is put in front of it."""
    joined: list[list[int]] = []
    for chain in chains:
        for other in joined:
            if other[-1] == chain[0]:
                other.extend(chain[1:])
                break
            if chain[-1] == other[0]:
                other[:0] = chain[:-1]
                break
        else:
            joined.append(chain)
    return joined
