"""Puzzles to train on, as many as asked for: of each family so many rows, a share of them in wide wording.

The rows of a family are made in chunks, each from a source of chance of its own, so that all cores can work at once
and the result is the same on any number of them. Within a chunk everything is balanced as ``balance`` says and no
two puzzles are the same but for their names; over all chunks no two texts are the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from entailbench.errors import ConfigError
from entailbench.logic.generator.chunks import Chunk, PuzzleLines
from entailbench.logic.generator.processes import cores, make_chunks
from entailbench.logic.generator.spec import VERSION, Dials
from entailbench.logic.generator.structure import SHARES, Split
from entailbench.logic.puzzle import FAMILIES, Family

__all__ = ["Mixture", "generate_mixture"]

MIXTURE_VERSION = 3
"""Goes up whenever the same mixture gives other rows, apart from ``spec.VERSION``."""
CHUNK_ROWS = 500
"""Enough to balance the answers within a chunk; few enough to keep all cores busy to the end."""


@dataclass(frozen=True)
class Mixture:
    """What to make; everything that determines the rows."""

    split: Split
    seed: int
    sizes: Mapping[Family, int]
    """Family → rows; a family that is not named, or has none, does not occur."""
    questions: int = 6
    """At most so many questions are asked about one puzzle."""
    wide: float = 0.5
    """The share of puzzles in wide wording; the others are worded as those of the package."""
    versions: tuple[int, int] = field(default=(VERSION, MIXTURE_VERSION), init=False)

    def __post_init__(self) -> None:
        problems = []
        if self.split not in SHARES:
            problems.append(f"unknown split {self.split!r} (known: {', '.join(SHARES)})")
        if unknown := [family for family in self.sizes if family not in FAMILIES]:
            problems.append(f"unknown family {', '.join(unknown)} (known: {', '.join(FAMILIES)})")
        if any(size < 0 for size in self.sizes.values()) or not any(self.sizes.values()):
            problems.append(f"at least one family needs rows, and none fewer than 0, got {dict(self.sizes)}")
        if self.questions < 1:
            problems.append(f"a puzzle needs at least 1 question, got {self.questions}")
        if not 0 <= self.wide <= 1:
            problems.append(f"the share of wide wording must be in [0, 1], got {self.wide}")
        if problems:
            raise ConfigError("; ".join(problems))

    def chunk(self, family: Family, number: int) -> Chunk:
        """One part of a family's rows."""
        wide = int((number + 1) * self.wide) > int(number * self.wide)
        return Chunk(family, self.split, self.seed, number, CHUNK_ROWS, self.dials(family, wide))

    def dials(self, family: Family, wide: bool) -> Dials:
        """How a chunk's puzzles are to be."""
        if not wide:
            return Dials(families=(family,), questions=self.questions)
        people = (2, 9) if family == "knights" else (3, 8)
        return Dials(families=(family,), people=people, distractors=(0, 2), questions=self.questions, wording="wide")


def generate_mixture(
    mixture: Mixture, processes: int | None = None, advance: Callable[[int], None] = lambda rows: None
) -> Iterator[str]:
    """The rows as JSON lines: the families mixed throughout as in the whole, the rows of a puzzle together.

    Args:
        mixture: what to make.
        processes: how many at a time; default one a core. The rows are the same for any number.
        advance: told how many rows were made, by one thread at a time.

    Raises:
        ConfigError: there are not so many puzzles.
        RunError: a process ended early.
    """
    sizes = {family: size for family, size in mixture.sizes.items() if size}
    puzzles: dict[Family, dict[str, tuple[str, ...]]] = {family: {} for family in sizes}
    made = dict.fromkeys(sizes, 0)
    chunks = dict.fromkeys(sizes, 0)
    while missing := {family: size - made[family] for family, size in sizes.items() if made[family] < size}:
        wanted = []
        for family, rows in missing.items():
            count = -(-rows // CHUNK_ROWS)
            wanted += [mixture.chunk(family, chunks[family] + place) for place in range(count)]
            chunks[family] += count
        for chunk, found in zip(wanted, make_chunks(wanted, processes or cores(), advance), strict=True):
            made[chunk.family] += _add(puzzles[chunk.family], found)
    rng = random.Random(mixture.seed)
    streams = {}
    for family, size in sizes.items():
        # Wide and plain wording come in whole chunks.
        shuffled = rng.sample(list(puzzles[family].values()), len(puzzles[family]))
        streams[family] = _cut(shuffled, size)
    yield from _mixed(streams, sizes)


def _add(puzzles: dict[str, tuple[str, ...]], found: list[PuzzleLines]) -> int:
    """Notes puzzles that are new; returns their rows."""
    before = len(puzzles)
    new = {key: rows for key, rows in found if key not in puzzles}
    puzzles.update(new)
    if len(puzzles) - before != len(new):
        raise RuntimeError("a chunk has a puzzle twice")
    return sum(map(len, new.values()))


def _cut(puzzles: Sequence[tuple[str, ...]], size: int) -> Iterator[tuple[str, ...]]:
    for rows in puzzles:
        if size <= 0:
            return
        yield rows[:size]
        size -= len(rows)


def _mixed(streams: Mapping[Family, Iterator[tuple[str, ...]]], sizes: Mapping[Family, int]) -> Iterator[str]:
    """Puzzle after puzzle, always of the family that lags most behind its share."""
    taken = dict.fromkeys(streams, 0)
    while taken:
        family = min(taken, key=lambda family: taken[family] / sizes[family])
        rows = next(streams[family], None)
        if rows is None:
            del taken[family]
        else:
            taken[family] += len(rows)
            yield from rows
