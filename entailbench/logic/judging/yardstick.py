"""Which reading of a puzzle is meant: each is held against something that the grammar knows nothing of.

For a comparison puzzle that is the share of open questions that the data set states (Puzzte's ``ambiguity``);
for knights and knaves and for houses in a row, that the puzzle has exactly one solution.
"""

from __future__ import annotations

from dataclasses import dataclass

from entailbench.logic.enumeration import ModelTable, TooManyModels
from entailbench.logic.formula import Formula
from entailbench.logic.judging.budget import Budget, SolverOnBudget
from entailbench.logic.judging.checksum import open_share, same_share
from entailbench.logic.puzzle import Family, Reading
from entailbench.logic.solver import Solver, TimedOut
from entailbench.logic.truth import Truth

__all__ = ["FittedReading", "fitted"]


@dataclass(frozen=True)
class FittedReading:
    """A reading, held against its yardstick."""

    reading: Reading
    solver: SolverOnBudget
    consistent: bool | None
    """None if it could not be settled in time."""
    fits: bool | None
    """Consistent, and the yardstick holds; None if that could not be settled in time."""
    reason: str = ""
    """Why it does not fit, or was not settled, as a clause: ``"it has more than one solution"``."""
    open_share: float | None = None
    """Percent of open questions, where it was computed (comparisons with a stated share)."""
    table: ModelTable | None = None
    """Every model, where there are few enough ways to place everything."""

    def truth(self, formula: Formula) -> Truth:
        """What follows from this reading; it must be consistent.

        Raises:
            TimedOut: it could not be settled in time.
        """
        return self.solver.get().truth(formula) if self.table is None else self.table.truth(formula)


def fitted(reading: Reading, family: Family, stated: tuple[float, ...], budget: Budget) -> FittedReading:
    """Holds a reading against its yardstick.

    Args:
        reading: what exists and what is said.
        family: which yardstick.
        stated: shares of open questions, in percent, of which a comparison puzzle must have one; with none,
            every consistent reading fits.
        budget: at most half of what is left of it is used, so that something remains for the questions.
    """
    kept = SolverOnBudget(reading, budget)
    with budget.clock() as left:
        solver = Solver(reading, left / 2)
        try:
            consistent = solver.consistent()
        except TimedOut:
            return FittedReading(
                reading, kept, None, None, f"whether it is consistent was not settled in {left / 2:.3g} s"
            )
        if not consistent:
            return FittedReading(reading, kept, False, False, "its premises contradict each other")
        try:
            table = ModelTable(reading)
        except TooManyModels:
            table = None
        try:
            if family == "heights":
                fits, reason, share = _against_share(reading, stated, solver, table)
            else:
                (fits, reason), share = _against_uniqueness(solver, table), None
        except TimedOut:
            what = "its share of open questions" if family == "heights" else "whether it has one solution"
            return FittedReading(reading, kept, True, None, f"{what} was not settled in {left / 2:.3g} s", table=table)
        return FittedReading(reading, kept, True, fits, reason, share, table)


def _against_share(
    reading: Reading, stated: tuple[float, ...], solver: Solver, table: ModelTable | None
) -> tuple[bool, str, float | None]:
    """(whether the reading has one of the shares, why not, the share that it has)."""
    if not stated:
        return True, "", None
    share = open_share(reading, table.truth if table is not None else solver.truth)
    if any(same_share(share, one) for one in stated):
        return True, "", share
    said = " or ".join(f"{one:.4g}%" for one in stated)
    return False, f"{share:.4g}% of its questions are open, the data set says {said}", share


def _against_uniqueness(solver: Solver, table: ModelTable | None) -> tuple[bool, str]:
    """(whether there is exactly one solution, why not)."""
    count = table.size if table is not None else len(solver.solutions(2))
    if count == 1:
        return True, ""
    return False, f"it has {count:,} solutions" if table is not None else "it has more than one solution"
