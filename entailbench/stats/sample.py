"""Rows and answers as arrays: which puzzle a row belongs to, what is right, and sums per puzzle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from entailbench.answered import ModelAnswers, Row
from entailbench.errors import DataError
from entailbench.records import ENTAILMENT, LABELS, UNPARSED

__all__ = ["Floats", "Sample", "check_answers", "numbered_puzzles", "sample_of", "tells_three"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The rows of a test, as statistics see them."""

    entailed: NDArray[np.bool_]
    """(rows,): whether the row's label is entailment."""
    puzzle: NDArray[np.intp]
    """(rows,): the number of the row's puzzle, from 0. Puzzles are numbered by name, so that the order of the rows
    changes no figure."""
    puzzles: int
    """How many there are."""

    def per_puzzle(self, columns: Floats) -> Floats:
        """Sums over the rows of each puzzle: (rows, columns) → (puzzles, columns)."""
        sums = np.zeros((self.puzzles, columns.shape[1]))
        np.add.at(sums, self.puzzle, columns)
        return sums


def numbered_puzzles(names: Sequence[str]) -> tuple[NDArray[np.intp], int]:
    """Each row's puzzle as a number, and how many puzzles there are; numbers follow the names' order."""
    distinct, numbers = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return numbers.astype(np.intp), len(distinct)


def sample_of(rows: Sequence[Row]) -> Sample:
    """The arrays of a task's rows.

    Raises:
        DataError: there are no rows, or a gold label is none of ``LABELS``.
    """
    if not rows:
        raise DataError("there are no rows to compute statistics of")
    for row in rows:
        if row.gold not in LABELS:
            raise DataError(f"row {row.doc_id}: gold label {row.gold!r} is none of {', '.join(LABELS)}")
    puzzle, puzzles = numbered_puzzles([row.puzzle for row in rows])
    return Sample(np.array([row.gold == ENTAILMENT for row in rows]), puzzle, puzzles)


def tells_three(rows: Sequence[Row]) -> bool:
    """Whether the rows say which of three answers is right, and mean the same by it as by their two labels."""
    told = [row for row in rows if row.truth]
    return bool(told) and all((row.truth == ENTAILMENT) == (row.gold == ENTAILMENT) for row in told)


def check_answers(rows: Sequence[Row], answers: ModelAnswers) -> None:
    """Answers must be one per row, in the rows' order.

    Raises:
        DataError: they are not, or one says a label that does not exist; names model and row.
    """
    who = f"the answers of {answers.name!r}"
    if len(answers.answers) != len(rows):
        raise DataError(f"{who} are {len(answers.answers):,}, but there are {len(rows):,} rows")
    for row, answer in zip(rows, answers.answers, strict=True):
        if row.doc_id != answer.doc_id:
            raise DataError(f"{who} are not in the rows' order: row {row.doc_id} meets an answer to {answer.doc_id}")
        if answer.predicted not in (*LABELS, UNPARSED):
            raise DataError(
                f"{who}, row {row.doc_id}: {answer.predicted!r} is none of {', '.join((*LABELS, UNPARSED))}"
            )
