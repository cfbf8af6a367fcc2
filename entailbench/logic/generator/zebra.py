"""Draws zebra grids: houses in a row, who lives there with what, and what the clues leave open."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from entailbench.logic.formula import At, Before, Formula, JustBefore, NextTo, Not, Same, Signature
from entailbench.logic.generator.draft import Candidate, Draft, Worded
from entailbench.logic.generator.grid import Clue, Kind, Solution, Thing, holds, solutions
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.vocabulary import CATEGORIES, Category
from entailbench.logic.puzzle import Family
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["ZebraDraft", "draw_zebra"]

MOST_SOLUTIONS = 60
"""As long as a grid leaves more open, they are not listed, and it gets another clue."""
WEIGHTS: dict[Kind, int] = {"same": 8, "at": 3, "next to": 3, "just before": 3, "before": 2, "not same": 2, "not at": 1}
"""How often each kind of clue is drawn."""


@dataclass(frozen=True)
class ZebraDraft(Draft):
    """Houses, what stands in them, and clues."""

    family: ClassVar[Family] = "zebra"
    signature: Signature
    """One group for each category, in the order of ``categories``; its entities are its values' names."""
    categories: tuple[Category, ...]
    clues: tuple[Clue, ...]
    left: tuple[Solution, ...]
    """Every solution."""
    extra: tuple[Clue, ...]
    """Of the clues: those that follow from the others, of which none does."""

    @property
    def distractors(self) -> int:  # type: ignore[override]
        """How many clues follow from the others."""
        return len(self.extra)

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many houses."""
        return self.signature.places

    def name(self, thing: Thing) -> str:
        """The entity."""
        return self.signature.groups[thing[0]][thing[1]]

    def formulas(self) -> Iterator[Formula]:
        """What each clue says."""
        return (self.formula(clue) for clue in self.clues)

    def formula(self, clue: Clue) -> Formula:
        """What a clue says."""
        one = self.name(clue.one)
        if clue.other is None:
            return At(one, clue.house + 1) if clue.kind == "at" else Not(At(one, clue.house + 1))
        other = self.name(clue.other)
        match clue.kind:
            case "same":
                return Same(one, other)
            case "not same":
                return Not(Same(one, other))
            case "just before":
                return JustBefore(one, other)
            case "before":
                return Before(one, other)
            case _:
                return NextTo(one, other)

    def worded(self, rng: random.Random, dials: Dials) -> Worded:
        """In words; see ``wording_zebra``."""
        from entailbench.logic.generator.wording_zebra import word

        return word(self, rng, dials)

    def question(self, candidate: Candidate, worded: Worded, rng: random.Random) -> str:
        """A question in words; see ``wording_zebra``."""
        from entailbench.logic.generator.wording_zebra import ask

        return ask(self, candidate, worded, rng)

    def asked(self, candidate: Candidate) -> Formula:
        """The formula of a question."""
        return At(candidate.about[0], candidate.place) if candidate.place else Same(*candidate.about)

    def candidates(self, rng: random.Random) -> list[Candidate]:
        """Whether each thing is in each house, and whether each two go together."""
        found = []
        for category, group in enumerate(self.signature.groups):
            for value, name in enumerate(group):
                places = {solution[category][value] for solution in self.left}
                for house in range(self.size):
                    truth = _truth({place == house for place in places})
                    steps = self._steps(Clue("at", (category, value), house=house), truth)
                    found.append(Candidate("place", (name,), truth, steps, (category, value), house + 1))
                for other in range(category + 1, len(self.categories)):
                    for other_value, other_name in enumerate(self.signature.groups[other]):
                        met = {solution[category][value] == solution[other][other_value] for solution in self.left}
                        truth = _truth(met)
                        steps = self._steps(Clue("same", (category, value), (other, other_value)), truth)
                        matter = (category, value, other)
                        about = (name, other_name) if rng.random() < 0.5 else (other_name, name)
                        found.append(Candidate("same", about, truth, steps, matter))
        return found

    def _steps(self, clue: Clue, truth: Truth) -> int:
        """Whether a clue says so itself, or it takes more: what it takes exactly is the prover's to find."""
        if truth == UNKNOWN:
            return 0
        return 1 if clue in self.clues else 2


def draw_zebra(rng: random.Random, dials: Dials, houses: int) -> ZebraDraft:
    """A grid whose clues leave one solution, or a few."""
    while True:
        count = rng.randint(*dials.categories)
        truth = tuple(tuple(rng.sample(range(houses), houses)) for _ in range(count))
        drawn = _informative(rng, houses, count, truth, 1 if rng.random() < 0.5 else rng.choice((2, 3, 4, 6, 8, 12)))
        if drawn is None:
            continue
        clues, left = drawn
        extra = _implied(rng, houses, count, truth, clues, left, rng.randint(*dials.distractors))
        categories = tuple(rng.sample(CATEGORIES, count))
        names = tuple(tuple(rng.sample(category.values, houses)) for category in categories)
        shuffled = clues + extra
        rng.shuffle(shuffled)
        signature = Signature(groups=names, places=houses)
        return ZebraDraft(signature, categories, tuple(shuffled), tuple(left), tuple(extra))


def _informative(
    rng: random.Random, houses: int, count: int, truth: Solution, wanted: int
) -> tuple[list[Clue], list[Solution]] | None:
    """Clues none of which follows from the others, and the solutions they leave: about ``wanted`` or fewer."""
    clues: list[Clue] = []
    left: list[Solution] | None = None
    for _ in range(20 * houses * count):
        clue = _clue(rng, houses, count, truth)
        if clue in clues:
            continue
        if left is None:
            clues.append(clue)
            if len(clues) >= houses * count // 2:
                left = solutions(houses, count, clues, MOST_SOLUTIONS)
        else:
            fitting = [solution for solution in left if holds(clue, solution)]
            if len(fitting) < len(left):
                clues.append(clue)
                left = fitting
        if left is not None and len(left) <= wanted:
            return _thinned(rng, houses, count, clues, left), left
    return None


def _thinned(
    rng: random.Random, houses: int, count: int, clues: Sequence[Clue], left: Sequence[Solution]
) -> list[Clue]:
    kept = list(clues)
    for clue in rng.sample(kept, len(kept)):
        without = [other for other in kept if other != clue]
        found = solutions(houses, count, without, len(left))
        if found is not None:
            kept = without
    return kept


def _implied(
    rng: random.Random,
    houses: int,
    count: int,
    truth: Solution,
    clues: Sequence[Clue],
    left: Sequence[Solution],
    wanted: int,
) -> list[Clue]:
    """Clues that follow from the others."""
    found: list[Clue] = []
    for _ in range(40 * wanted):
        if len(found) == wanted:
            break
        clue = _clue(rng, houses, count, truth)
        if clue not in clues and clue not in found and all(holds(clue, solution) for solution in left):
            found.append(clue)
    return found


def _clue(rng: random.Random, houses: int, count: int, truth: Solution) -> Clue:
    """A true clue."""
    while True:
        kind = rng.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
        category = rng.randrange(count)
        value = rng.randrange(houses)
        if kind in ("at", "not at"):
            clue = Clue(kind, (category, value), house=rng.randrange(houses))
        else:
            other = rng.randrange(count)
            if other == category and kind in ("same", "not same"):
                continue
            clue = Clue(kind, (category, value), (other, rng.randrange(houses)))
        if clue.one != clue.other and holds(clue, truth):
            return _ordered(clue)


def _ordered(clue: Clue) -> Clue:
    """One form for the clues that say the same in both orders."""
    if clue.other is not None and clue.kind in ("same", "not same", "next to") and clue.other < clue.one:
        return Clue(clue.kind, clue.other, clue.one)
    return clue


def _truth(answers: set[bool]) -> Truth:
    if len(answers) == 2:
        return UNKNOWN
    return ENTAILMENT if answers == {True} else CONTRADICTION
