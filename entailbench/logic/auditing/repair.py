"""Undoes labels that stand one row too low: the answer to question q is published with question q + 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from entailbench.errors import DataError
from entailbench.logic.auditing.agreement import COMPATIBLE
from entailbench.logic.auditing.audit import AuditedRow, AuditReport
from entailbench.logic.auditing.lag import MINIMUM, SOURCES, LagTable, peak, total
from entailbench.logic.puzzle import FAMILIES
from entailbench.logic.truth import TRUTHS

__all__ = ["OUTCOMES", "Outcome", "RepairedRow", "repair_labels"]

Outcome = Literal["confirmed", "contradicted", "unchecked", "out of reach"]
"""Confirmed or contradicted by the solver; unchecked where it has no label of its own; out of reach where the next
question of the puzzle is not at hand, or where it is not clear which row that is."""
OUTCOMES: tuple[Outcome, ...] = ("confirmed", "contradicted", "unchecked", "out of reach")

SHIFT = -1
"""published[q] = truth[q - 1]."""

LEAST_SHARE = 0.8
"""At the shift so many of a family's labels must agree: the best of seven lags of random labels is no shift."""


@dataclass(frozen=True)
class RepairedRow:
    """A row and the label that the next one carries."""

    audited: AuditedRow
    outcome: Outcome
    label: str | None
    """One of ``COMPATIBLE``; three-way wherever the published label or the solver is. None out of reach."""


def repair_labels(report: AuditReport) -> tuple[RepairedRow, ...]:
    """Gives every row the label published with the next question of its puzzle.

    Args:
        report: the audit of all rows at hand, of all splits together: a row's successor may be in any of them.

    Raises:
        DataError: it is not measured that the labels stand one row too low.
    """
    _check_shift(report.lags)
    at: dict[tuple[int, int], list[AuditedRow]] = {}
    for one in report.rows:
        if one.row.qid is not None:
            at.setdefault((one.puzzle, one.row.qid), []).append(one)
    # Two questions under one number: one of them is another puzzle's, and it is not clear which.
    shared = {key for key, ones in at.items() if len({one.row.question for one in ones}) > 1}
    return tuple(_repaired(one, at, shared) for one in report.rows)


def _repaired(
    one: AuditedRow,
    at: dict[tuple[int, int], list[AuditedRow]],
    shared: set[tuple[int, int]],
) -> RepairedRow:
    nothing = RepairedRow(one, "out of reach", None)
    if one.row.qid is None:
        return nothing
    own, following = (one.puzzle, one.row.qid), (one.puzzle, one.row.qid + 1)
    successors = at.get(following, [])
    if {own, following} & shared or any(row.astray for row in (one, *successors)) or _names_a_stranger(one):
        return nothing
    labels = {row.row.published for row in successors if row.row.published is not None}
    if len(labels) != 1:
        return nothing
    label = labels.pop()
    truth = one.verdict.truth
    if truth is None:
        return RepairedRow(one, "unchecked", label)
    if truth not in COMPATIBLE[label]:
        return RepairedRow(one, "contradicted", label)
    return RepairedRow(one, "confirmed", label if label in TRUTHS else truth)


def _names_a_stranger(one: AuditedRow) -> bool:
    """Whether a question that was not read has a name that its puzzle's text has not: it is another puzzle's."""
    if one.verdict.formula is not None:
        return False
    there = set(re.findall(r"\w+", one.row.context.casefold()))
    named = [word.casefold() for word in re.findall(r"\b[A-Z]\w*", one.row.question)[1:]]
    # Puzzte writes A in the puzzle and AA in the question.
    return any(word not in there and word[: len(word) // 2] * 2 != word for word in named)


def _check_shift(lags: LagTable) -> None:
    advice = "repair is for labels that stand one row too low; `entailbench audit` shows the lags"
    measured = False
    for family in FAMILIES:
        for source in SOURCES:
            lag = peak(lags, source, [family])
            if lag == 0:
                raise DataError(
                    f"{family}: the published labels agree best with the answers to their own questions ({source}), "
                    f"so there is nothing to repair: {advice}"
                )
            if lag not in (None, SHIFT):
                raise DataError(
                    f"{family}: the published labels agree best with the answers {abs(lag)} rows "
                    f"{'above' if lag < 0 else 'below'} ({source}): {advice}"
                )
            share = total(lags, source, [family], SHIFT).share
            if lag is not None and share is not None and share < LEAST_SHARE:
                raise DataError(
                    f"{family}: only {100 * share:.1f}% of the published labels agree with the answers one row above "
                    f"({source}), so they are not merely one row too low: {advice}"
                )
            measured |= lag is not None
    if not measured:
        raise DataError(
            f"no lag can be measured: fewer than {MINIMUM} rows have neighbours, by their number `qid`, with a proved "
            f"answer: {advice}"
        )
