"""What can be dialled, and the setting that made the puzzles of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from entailbench.errors import ConfigError
from entailbench.logic.language.relations import RELATIONS
from entailbench.logic.puzzle import FAMILIES, Family
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["ANY_DEPTH", "GENERATOR", "SPEC", "VERSION", "WORDINGS", "Dials", "Spec", "Wording"]

Wording = Literal["plain", "wide"]
WORDINGS: tuple[Wording, ...] = ("plain", "wide")

GENERATOR = "entailbench"
VERSION = 2
"""Goes up whenever the same seed gives other rows."""

PEOPLE = (3, 8)
WIDE_PEOPLE = (2, 9)
HOUSES = (3, 5)
"""A grid of more houses has more models than can be looked at, and a text too long for small models."""
ANY_DEPTH = (1, 99)


@dataclass(frozen=True)
class Dials:
    """How the puzzles are to be. Ranges are inclusive."""

    families: tuple[Family, ...] = FAMILIES
    """Of which families; each gets the same number of rows."""
    people: tuple[int, int] = PEOPLE
    """How many people a puzzle has, within 3 to 8, in wide wording without heights within 2 to 9; of a grid, how many
    houses: what of the range lies within 3 to 5."""
    categories: tuple[int, int] = (3, 4)
    """How many kinds of thing a grid places (nationalities, pets …), within 3 to 5."""
    depth: tuple[int, int] = ANY_DEPTH
    """How many premises the proof of a definite answer needs; open questions have no proof."""
    distractors: tuple[int, int] = (0, 3)
    """How many premises follow from the others, so that no answer needs them."""
    unknown: float = 0.3
    """The share of open questions, in [0, 1); of the others half are entailed, half contradicted."""
    variety: float = 1.0
    """The chance, in [0, 1], that a sentence is worded otherwise than in the plainest way."""
    relations: tuple[str, ...] = tuple(relation.name for relation in RELATIONS)
    """What comparisons compare."""
    questions: int = 4
    """At most so many questions are asked about one puzzle."""
    wording: Wording = "plain"
    """"wide" also draws what stands in puzzles found elsewhere: single letters and made-up names for people, a question
    at the end of the text, spaces before signs, sentences of more facts, orders that fall into parts, questions
    whether somebody is taller than themselves. For training: the wording of the package's puzzles is the plain one."""

    def __post_init__(self) -> None:
        problems = []
        if self.wording not in WORDINGS:
            problems.append(f"unknown wording {self.wording!r} (known: {', '.join(WORDINGS)})")
        known = {"family": FAMILIES, "relation": tuple(relation.name for relation in RELATIONS)}
        for kind, chosen in (("family", self.families), ("relation", self.relations)):
            if unknown := [name for name in chosen if name not in known[kind]]:
                problems.append(f"unknown {kind} {', '.join(unknown)} (known: {', '.join(known[kind])})")
            if not chosen or len(set(chosen)) < len(chosen):
                problems.append(f"name at least one {kind}, and none twice")
        people = WIDE_PEOPLE if self.wide and "heights" not in self.families else PEOPLE
        limits = {"people": people, "categories": (3, 5), "depth": ANY_DEPTH, "distractors": (0, 6)}
        for name, (least, most) in limits.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                problems.append(f"{name} must be a range within {least} to {most}, got {low} to {high}")
        if "zebra" in self.families and self.people[0] > HOUSES[1]:
            problems.append(
                f"a zebra grid has {HOUSES[0]} to {HOUSES[1]} houses, of which {self.people[0]} to {self.people[1]} "
                "people leave none: take smaller puzzles, or leave zebra out of the families"
            )
        if not 0 <= self.unknown < 1:
            problems.append(f"the share of unknown must be in [0, 1), got {self.unknown}")
        if not 0 <= self.variety <= 1:
            problems.append(f"the variety of phrasing must be in [0, 1], got {self.variety}")
        if self.questions < 1:
            problems.append(f"a puzzle needs at least 1 question, got {self.questions}")
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def wide(self) -> bool:
        """Whether the wording is wide."""
        return self.wording == "wide"

    @property
    def houses(self) -> tuple[int, int]:
        """The range of people as far as a grid can have it."""
        return max(self.people[0], HOUSES[0]), min(self.people[1], HOUSES[1])

    @property
    def shares(self) -> Mapping[Truth, float]:
        """How the answers are to be distributed."""
        definite = (1 - self.unknown) / 2
        return {ENTAILMENT: definite, CONTRADICTION: definite, UNKNOWN: self.unknown}


@dataclass(frozen=True)
class Spec:
    """Everything that determines the files of a set of splits."""

    seed: int
    sizes: Mapping[str, int]
    """Split → rows of each family."""
    dials: Dials = field(default_factory=Dials)


SPEC = Spec(seed=20250, sizes={"train": 3000, "validation": 300, "test": 1000})
"""The puzzles of the package, frozen before any model was trained on them."""
