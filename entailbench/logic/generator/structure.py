"""What a puzzle is apart from names, words and order: by it splits are kept apart.

The structure of a puzzle is the set of its elementary statements (a sentence that states two facts counts as
two) up to: the order of the premises and how they are grouped into sentences, the names, the thing compared
(height, age …) and its wording ("taller" or "shorter"), and the direction of the row (a puzzle and its mirror
image, first and last exchanged, have one structure). Statements that follow from others count: a puzzle with a
redundant premise is another structure than the puzzle without it.

The key is an invariant under colour refinement (Weisfeiler and Leman, 1968), not a canonical form: puzzles that
are the same up to renaming always have the same key; puzzles that refinement cannot tell apart, though they
differ, share one as well, which only keeps the splits further apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

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
    Signature,
    conjuncts,
    entities,
    normal,
)
from entailbench.logic.puzzle import Family

__all__ = ["SHARES", "Split", "split_of", "structure_of"]

Split = Literal["train", "validation", "test"]
SHARES: dict[Split, int] = {"train": 60, "validation": 10, "test": 30}
"""Of a hundred structures, how many belong to each split."""

SALT = "split 31"
"""Chosen so that, of the few structures of three people, both training and test have some with open questions."""

Coloured: TypeAlias = Callable[[Sequence[int]], str]
"""A statement, written with the colours of its entities in place of their names."""
View: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[str, ...]]
"""Of an entity: its colour, its places, its edges, its group's colours, what longer statements say of it."""
PLAIN = (Before, JustBefore, At)
"""What can be said in one form only; most facts are such."""
SELF = -1
"""The colour of the entity that a statement is looked at from."""
EDGES = {Before: (1000, 2000), JustBefore: (3000, 4000), NextTo: (5000, 5000), Same: (6000, 6000)}
"""How an edge looks from its first and from its second end; colours are smaller than the differences."""


def split_of(structure: str) -> Split:
    """The split that every puzzle of a structure belongs to, whatever the seed and the sizes."""
    place = int(hashlib.sha256(f"{SALT} {structure}".encode()).hexdigest(), 16) % 100
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    raise AssertionError("the shares sum to 100")


def structure_of(family: Family, signature: Signature, formulas: Iterable[Formula]) -> str:
    """The key of a puzzle's structure: equal for puzzles that are the same in the sense of this module.

    Args:
        family: puzzles of two families never share a structure.
        signature: who and what there is.
        formulas: what the premises say.
    """
    graph = _Graph(signature)
    mirrored = None if family == "knights" else _Graph(signature)
    stated = {fact for formula in formulas for fact in conjuncts(formula)}
    group_of = {name: number for number, group in enumerate(signature.groups) for name in group}
    for fact in {_plain(fact, group_of) for fact in stated}:
        graph.add(fact)
        if mirrored:
            mirrored.add(_mirrored(fact, signature.places))
    history = graph.refined()
    if mirrored and mirrored.first_round() <= graph.first_round():
        history = min(history, mirrored.refined())
    digest = hashlib.sha256(f"{family} {signature.places} {sorted(map(len, signature.groups))} {history}".encode())
    return digest.hexdigest()[:12]


class _Graph:
    """Entities as nodes, what is said of two as labelled edges, anything longer as a tree over nodes."""

    def __init__(self, signature: Signature) -> None:
        self._numbers = numbers = {name: number for number, name in enumerate(signature.entities)}
        self._places = signature.places
        size = len(numbers)
        self._labels: list[list[int]] = [[] for _ in range(size)]
        self._edges: list[list[tuple[int, int]]] = [[] for _ in range(size)]
        self._trees: list[list[Coloured]] = [[] for _ in range(size)]
        self._all_trees: list[Coloured] = []
        self._peers: list[tuple[int, ...]] = [()] * size
        self._colours = [0] * size
        self._seen: list[View] = []
        self._first: list[View] = []
        if len(signature.groups) > 1:
            for group in signature.groups:
                members = tuple(numbers[name] for name in group)
                for member in members:
                    self._peers[member] = members

    def add(self, fact: Formula) -> None:
        """Adds an elementary statement."""
        numbers = self._numbers
        match fact:
            case Before(first, second) | JustBefore(first, second) | NextTo(first, second) | Same(first, second):
                there, back = EDGES[type(fact)]
                self._edges[numbers[first]].append((there, numbers[second]))
                self._edges[numbers[second]].append((back, numbers[first]))
            case At(entity, place):
                self._labels[numbers[entity]].append(_from_the_front(place, self._places))
            case _:
                write = _writer(fact, numbers, self._places)
                self._all_trees.append(write)
                for name in entities(fact):
                    self._trees[numbers[name]].append(write)

    def first_round(self) -> list[View]:
        """What the entities look like while all have one colour, sorted."""
        if not self._first:
            self._first = self._views()
        return self._first

    def refined(self) -> list[list[View]]:
        """What the entities look like round by round, until no round tells more of them apart."""
        history: list[list[View]] = []
        views, classes = self.first_round(), 1
        while True:
            history.append(views)
            ranks = {view: rank for rank, view in enumerate(dict.fromkeys(views))}
            self._colours = [ranks[view] for view in self._seen]
            if len(ranks) == classes or len(ranks) == len(self._colours):
                trees: View = (0, (), (), (), tuple(sorted(write(self._colours) for write in self._all_trees)))
                return [*history, self._views(), [trees]]
            classes = len(ranks)
            views = self._views()

    def _views(self) -> list[View]:
        colours = self._colours
        self._seen = []
        for node, own in enumerate(colours):
            edges = tuple(sorted([label + colours[other] for label, other in self._edges[node]]))
            peers: tuple[int, ...] = ()
            trees: tuple[str, ...] = ()
            if self._peers[node]:
                peers = tuple(sorted([colours[peer] for peer in self._peers[node]]))
            if self._trees[node]:
                colours[node] = SELF
                trees = tuple(sorted([write(colours) for write in self._trees[node]]))
                colours[node] = own
            self._seen.append((own, tuple(sorted(self._labels[node])), edges, peers, trees))
        return sorted(self._seen)


def _plain(fact: Formula, group_of: Mapping[str, int]) -> Formula:
    """One form for what can be said in two."""
    if type(fact) in PLAIN:
        return fact
    match fact:
        case Not(Before(first, second)) if first != second and group_of[first] == group_of[second]:
            # Of two different places one comes first, so what is denied of one order is said of the other.
            return Before(second, first)
        case _:
            return normal(fact)


def _writer(formula: Formula, numbers: Mapping[str, int], places: int) -> Coloured:
    match formula:
        case Before(first, second) | JustBefore(first, second):
            a, b, sign = numbers[first], numbers[second], "<" if isinstance(formula, Before) else "-"
            return lambda colours: f"{colours[a]}{sign}{colours[b]}"
        case NextTo(first, second) | Same(first, second):
            a, b, sign = numbers[first], numbers[second], "=" if isinstance(formula, Same) else "~"
            return lambda colours: sign.join(sorted((str(colours[a]), str(colours[b]))))
        case At(entity, place):
            a, at = numbers[entity], _from_the_front(place, places)
            return lambda colours: f"{colours[a]}@{at}"
        case Knight(person):
            a = numbers[person]
            return lambda colours: f"k{colours[a]}"
        case Not(part):
            write = _writer(part, numbers, places)
            return lambda colours: f"!({write(colours)})"
        case And(parts) | Or(parts):
            writers, sign = [_writer(part, numbers, places) for part in parts], "&" if isinstance(formula, And) else "|"
            return lambda colours: f"({sign.join(sorted([write(colours) for write in writers]))})"
        case Iff(left, right):
            sides = (_writer(left, numbers, places), _writer(right, numbers, places))
            return lambda colours: f"({'='.join(sorted([write(colours) for write in sides]))})"


def _mirrored(formula: Formula, places: int) -> Formula:
    """The same said of the row read from its other end."""
    match formula:
        case Before(first, second):
            return Before(second, first)
        case JustBefore(first, second):
            return JustBefore(second, first)
        case At(entity, place):
            return At(entity, places + 1 - _from_the_front(place, places))
        case Not(part):
            return Not(_mirrored(part, places))
        case And(parts) | Or(parts):
            return type(formula)(tuple(_mirrored(part, places) for part in parts))
        case Iff(left, right):
            return Iff(_mirrored(left, places), _mirrored(right, places))
        case _:
            return formula


def _from_the_front(place: int, places: int) -> int:
    return place if place > 0 else places + 1 + place
