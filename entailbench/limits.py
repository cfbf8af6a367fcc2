"""What a run may cost and how much of it may go wrong: ``Limits``, and the ``Purse`` that its models pay from."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from entailbench.errors import RowErrorsError

__all__ = ["MAX_ERRORS", "Limits", "Purse"]

MAX_ERRORS = 10
"""How many rows of a model may end as errors unless the user says otherwise."""


class Purse:
    """What a run may still spend, in US dollars, shared by all its models; safe from several threads.

    Before a request is sent, the most that it can cost is put aside; when it is answered, what it did cost is taken of
    that. So spent and put aside together never pass the budget, however many requests are in flight.
    """

    def __init__(self, budget: float | None = None) -> None:
        """An unspent purse.

        Args:
            budget: US dollars; None sets no bound, and ``spent`` is counted all the same.
        """
        self.budget = budget
        self._lock = threading.Lock()
        self._spent = 0.0
        self._uncertain = 0.0
        self._aside = 0.0

    @property
    def spent(self) -> float:
        """Dollars gone, with what may have been billed for requests of which no answer came."""
        return self._spent

    @property
    def uncertain(self) -> float:
        """The part of ``spent`` that nobody knows to have been billed: the most that such requests can have cost."""
        return self._uncertain

    @property
    def pending(self) -> bool:
        """Whether anything is put aside: some of it may come back."""
        # What is left of sums of fractions is not quite 0.
        return self._aside > 1e-12

    def put_aside(self, dollars: float) -> bool:
        """Puts an amount aside; False, and nothing is done, where the budget has not that much left."""
        with self._lock:
            if self.budget is not None and self._spent + self._aside + dollars > self.budget:
                return False
            self._aside += dollars
            return True

    def settle(self, aside: float, spent: float, *, uncertain: bool = False) -> None:
        """Turns an amount that was put aside into what was spent of it.

        Args:
            aside: as it was put aside.
            spent: dollars; 0 gives all of it back.
            uncertain: whether nobody knows if it was billed.
        """
        with self._lock:
            self._aside -= aside
            self._spent += spent
            self._uncertain += spent if uncertain else 0.0


@dataclass(frozen=True)
class Limits:
    """The bounds of one run that its models have to keep themselves, since only they see what they send."""

    max_errors: int = 0
    """How many rows of a model may end as errors; with one more it stops."""
    purse: Purse = field(default_factory=Purse)
    """Where the answers of all models are paid from."""

    def too_many(self, name: str, errors: int, reason: str) -> RowErrorsError | None:
        """What ends the run of a model that has so many error rows; None while it may go on.

        Args:
            name: the model's.
            errors: over all of its tasks.
            reason: of the last one.
        """
        if errors <= self.max_errors:
            return None
        if errors == 1:
            return RowErrorsError(f"{reason}; `run --max-errors N` goes on after up to N rows without an answer")
        return RowErrorsError(
            f"{name}: {errors:,} rows without an answer, and --max-errors allows {self.max_errors:,}; the last one: "
            f"{reason}"
        )
