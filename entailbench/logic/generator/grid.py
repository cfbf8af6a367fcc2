"""Everything that a grid's clues leave possible, found quickly.

A category's values stand in the houses in some order: one of ``houses!`` permutations. A clue ties at most two
categories, so a set of permutations is kept for each category, as the bits of a number, and narrowed until
nothing changes; then one category is fixed in every way that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Literal, TypeAlias

__all__ = ["Clue", "Kind", "Solution", "Thing", "holds", "solutions"]

Thing: TypeAlias = tuple[int, int]
"""(category, value), both from 0."""
Solution: TypeAlias = tuple[tuple[int, ...], ...]
"""For each category and value: the house, from 0."""
Tie: TypeAlias = tuple[Sequence[int], int, Sequence[int]]
"""Of a clue, seen from one of its things: for each house the permutations that put the thing there; the other
thing's category; for each house, the other category's permutations that then fit."""
Kind = Literal["at", "not at", "same", "not same", "just before", "next to", "before"]


@dataclass(frozen=True)
class Clue:
    """A statement about one thing and a house, or about two things."""

    kind: Kind
    one: Thing
    other: Thing | None = None
    house: int = -1
    """From 0, for "at" and "not at"."""


def holds(clue: Clue, solution: Solution) -> bool:
    """Whether a clue is true of a solution."""
    here = solution[clue.one[0]][clue.one[1]]
    there = clue.house if clue.other is None else solution[clue.other[0]][clue.other[1]]
    return _fits(clue.kind, here, there)


def solutions(houses: int, categories: int, clues: Sequence[Clue], limit: int) -> list[Solution] | None:
    """Every solution; None if there are more than ``limit``."""
    table = _table(houses)
    start = [table.everything] * categories
    ties: list[list[Tie]] = [[] for _ in range(categories)]
    for clue in clues:
        category, value = clue.one
        if clue.other is None:
            mask = table.at[value][clue.house]
            start[category] &= mask if clue.kind == "at" else ~mask
        elif clue.other[0] == category:
            start[category] &= table.within(clue.kind, value, clue.other[1])
        else:
            other, other_value = clue.other
            ties[category].append((table.at[value], other, table.reached(clue.kind, other_value)))
            ties[other].append((table.at[other_value], category, table.reached(clue.kind, value, back=True)))
    found: list[Solution] = []
    pending = [(start, list(range(categories)))]
    while pending:
        domains, changed = pending.pop()
        if not _narrow(domains, ties, changed):
            continue
        open_ones = [category for category in range(categories) if domains[category].bit_count() > 1]
        if not open_ones:
            found.append(tuple(table.permutations[domain.bit_length() - 1] for domain in domains))
            if len(found) > limit:
                return None
            continue
        category = min(open_ones, key=lambda category: domains[category].bit_count())
        rest = domains[category]
        while rest:
            lowest = rest & -rest
            rest ^= lowest
            pending.append(([*domains[:category], lowest, *domains[category + 1 :]], [category]))
    return found


def _narrow(domains: list[int], ties: Sequence[Sequence[Tie]], changed: list[int]) -> bool:
    """Takes out of the domains what no clue allows, as far as it follows from what changed; False if one is empty."""
    if not all(domains):
        return False
    while changed:
        category = changed.pop()
        domain = domains[category]
        for at, other, reached in ties[category]:
            allowed = 0
            for house, mask in enumerate(at):
                if domain & mask:
                    allowed |= reached[house]
            before = domains[other]
            after = before & allowed
            if after != before:
                if not after:
                    return False
                domains[other] = after
                if other not in changed:
                    changed.append(other)
    return True


class _Table:
    """What depends on the number of houses alone."""

    def __init__(self, houses: int) -> None:
        self.permutations = list(permutations(range(houses)))
        self.everything = (1 << len(self.permutations)) - 1
        self.at = [
            [
                sum(1 << number for number, order in enumerate(self.permutations) if order[value] == house)
                for house in range(houses)
            ]
            for value in range(houses)
        ]
        """For each value and house: the permutations that put it there."""
        kinds: tuple[Kind, ...] = ("same", "not same", "just before", "next to", "before")
        self.pairs = {
            kind: [(here, there) for here in range(houses) for there in range(houses) if _fits(kind, here, there)]
            for kind in kinds
        }
        self._reached: dict[tuple[Kind, int, bool], list[int]] = {}
        self._within: dict[tuple[Kind, int, int], int] = {}

    def reached(self, kind: Kind, value: int, back: bool = False) -> list[int]:
        """For each house of the first thing: the permutations that put the second where a clue allows; or back."""
        key = (kind, value, back)
        if key not in self._reached:
            masks = self._reached[key] = [0] * len(self.at)
            for here, there in self.pairs[kind]:
                if back:
                    masks[there] |= self.at[value][here]
                else:
                    masks[here] |= self.at[value][there]
        return self._reached[key]

    def within(self, kind: Kind, value: int, other: int) -> int:
        """The permutations of a category that a clue about two of its own values allows."""
        key = (kind, value, other)
        if key not in self._within:
            self._within[key] = 0
            for here, there in self.pairs[kind]:
                self._within[key] |= self.at[value][here] & self.at[other][there]
        return self._within[key]


@cache
def _table(houses: int) -> _Table:
    return _Table(houses)


def _fits(kind: Kind, here: int, there: int) -> bool:
    match kind:
        case "at" | "same":
            return here == there
        case "not at" | "not same":
            return here != there
        case "just before":
            return here + 1 == there
        case "next to":
            return abs(here - there) == 1
        case "before":
            return here < there
