"""What follows from a reading, decided by looking at every model: independent of Z3, for small puzzles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

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
    import numpy as np

    Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
    Columns = dict[str, np.ndarray[tuple[int], np.dtype[np.int8]]]

__all__ = ["ModelTable", "TooManyModels"]


class TooManyModels(Exception):
    """There are more models than may be looked at."""


class ModelTable:
    """Every model of a reading, as a table: one row a model, one column an entity.

    Args:
        reading: what exists and what is said.
        limit: how many ways to place everything, premises aside, may be looked at.

    Raises:
        TooManyModels: there are more than ``limit``.
    """

    def __init__(self, reading: Reading, limit: int = 500_000) -> None:
        self._signature = reading.signature
        ways = _ways(self._signature)
        if ways > limit:
            raise TooManyModels(f"{ways:,} ways to place everything; {limit:,} are looked at")
        self._columns = _all_ways(self._signature)
        fits = self._flags(And(tuple(premise.formula for premise in reading.premises)), ways)
        self._columns = {name: column[fits] for name, column in self._columns.items()}
        self.size = int(fits.sum())
        """How many models there are; 0 if the premises contradict each other."""

    def truth(self, formula: Formula) -> Truth:
        """Whether a formula holds in every model, in none, or in some.

        Raises:
            ValueError: there is no model.
        """
        if not self.size:
            raise ValueError("the premises contradict each other")
        flags = self._flags(formula, self.size)
        if flags.all():
            return ENTAILMENT
        return UNKNOWN if flags.any() else CONTRADICTION

    def truths(self, formulas: Iterable[Formula]) -> list[Truth]:
        """``truth`` of each."""
        return [self.truth(formula) for formula in formulas]

    def models(self) -> Iterator[Model]:
        """The models, one by one."""
        for row in range(self.size):
            yield {name: int(column[row]) for name, column in self._columns.items()}

    def _flags(self, formula: Formula, rows: int) -> Flags:
        """Per model, whether the formula holds; bool, shape (rows,)."""
        import numpy as np

        columns, places = self._columns, self._signature.places
        flags: Flags
        match formula:
            case Knight(person):
                flags = columns[person] == 1
            case Before(first, second):
                flags = columns[first] < columns[second]
            case JustBefore(first, second):
                flags = columns[first] + 1 == columns[second]
            case NextTo(first, second):
                flags = np.abs(columns[first] - columns[second]) == 1
            case Same(first, second):
                flags = columns[first] == columns[second]
            case At(entity, place):
                flags = columns[entity] == (place if place > 0 else places + 1 + place)
            case Not(part):
                flags = ~self._flags(part, rows)
            case And(parts):
                flags = np.ones(rows, dtype=bool)
                for part in parts:
                    flags &= self._flags(part, rows)
            case Or(parts):
                flags = np.zeros(rows, dtype=bool)
                for part in parts:
                    flags |= self._flags(part, rows)
            case Iff(left, right):
                flags = self._flags(left, rows) == self._flags(right, rows)
        return flags


def _ways(signature: Signature) -> int:
    ways = 2 ** len(signature.people)
    for group in signature.groups:
        ways *= math.perm(signature.places, len(group))
    return int(ways)


def _all_ways(signature: Signature) -> Columns:
    """Every way to place everything: the product of the people's and of each group's own ways."""
    import numpy as np

    parts: list[tuple[tuple[str, ...], np.ndarray[tuple[int, int], np.dtype[np.int8]]]] = []
    for person in signature.people:
        parts.append(((person,), np.array([[0], [1]], dtype=np.int8)))
    for group in signature.groups:
        parts.append((group, _arrangements(signature.places, len(group))))
    columns: Columns = {}
    total = _ways(signature)
    block = total
    for names, ways in parts:
        block //= len(ways)
        for index, name in enumerate(names):
            repeated = np.repeat(ways[:, index], block)
            columns[name] = np.tile(repeated, total // len(repeated))
    return columns


@cache
def _arrangements(places: int, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """Every way to put ``count`` things at different places; int8, shape (ways, count)."""
    import itertools

    import numpy as np

    flat = itertools.chain.from_iterable(itertools.permutations(range(1, places + 1), count))
    return np.fromiter(flat, dtype=np.int8).reshape(-1, count)
