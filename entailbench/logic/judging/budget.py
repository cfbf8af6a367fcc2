"""Time that is used up only while something works on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from entailbench.logic.puzzle import Reading
from entailbench.logic.solver import Solver

__all__ = ["Budget", "SolverOnBudget"]

PAUSE = 0.5
"""Seconds; a solver that has waited longer than this has lost too much of its time."""


class Budget:
    """Seconds for one puzzle and all of its questions, however long the pauses between them.

    Args:
        seconds: how many there are; > 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._spent = 0.0

    @property
    def left(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self.seconds - self._spent)

    @contextmanager
    def clock(self) -> Iterator[float]:
        """Counts what happens inside; gives the seconds that it may take."""
        began = time.monotonic()
        try:
            yield self.left
        finally:
            self._spent += time.monotonic() - began


class SolverOnBudget:
    """A solver whose time is what is left of a budget.

    It is kept for the next question, since making one takes longer than asking it; but its own clock does not stand
    still between questions, so after a pause a new one takes its place.
    """

    def __init__(self, reading: Reading, budget: Budget) -> None:
        self._reading = reading
        self._budget = budget
        self._solver: Solver | None = None
        self._deadline = 0.0

    def get(self) -> Solver:
        """The solver; to be used at once."""
        left = self._budget.left
        if self._solver is None or self._deadline - time.monotonic() < left - PAUSE:
            self._solver, self._deadline = Solver(self._reading, left), time.monotonic() + left
        return self._solver
