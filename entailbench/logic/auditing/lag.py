"""Whether a data set's labels stand on the right rows: published label of question q against the truth of q + k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from entailbench.logic.auditing.agreement import COMPATIBLE, Agreement
from entailbench.logic.auditing.question_order import Asked, infer_order
from entailbench.logic.judging.judge import JudgedPuzzle
from entailbench.logic.puzzle import FAMILIES, Family, Question
from entailbench.logic.truth import Truth

__all__ = ["LAGS", "MINIMUM", "SOURCES", "LagTable", "Numbered", "Source", "lags_of_puzzle", "merged", "peak", "total"]

LAGS = range(-3, 4)
MINIMUM = 20
"""Rows that must have been compared before a lag counts as measured."""

Source = Literal["rows at hand", "inferred order"]
"""Where the question q + k is from: another row of the same puzzle, or the order in which questions are asked."""


SOURCES: tuple[Source, ...] = ("rows at hand", "inferred order")

LagTable = Mapping[tuple[Source, Family, int], Agreement]
"""(source, family, k) → agreement of published[q] with truth[q + k]."""


@dataclass(frozen=True)
class Numbered:
    """A row of a puzzle, for comparison with its neighbours."""

    qid: int
    question: Question
    published: str
    """One of ``COMPATIBLE``."""
    truth: Truth | None
    """The row's own definite label, None where there is none."""


def lags_of_puzzle(judged: JudgedPuzzle, rows: Sequence[Numbered]) -> LagTable:
    """Compares the published labels of one puzzle's rows with the truths of their neighbours."""
    family = judged.family
    if family is None:
        return {}
    counts: Counter[tuple[Source, Family, int, bool]] = Counter()
    texts: dict[int, set[str]] = {}
    for row in rows:
        texts.setdefault(row.qid, set()).add(row.question.text)
    # Where two different questions have one number, one of them belongs to another puzzle.
    truths = {row.qid: row.truth for row in rows if row.truth is not None and len(texts[row.qid]) == 1}
    chosen = judged.chosen
    asked = [Asked(row.qid, row.question) for row in rows]
    order = None
    if judged.puzzle is not None and chosen is not None and asked:
        order = infer_order(judged.puzzle, chosen.reading, asked)
    for row in rows:
        allowed = COMPATIBLE[row.published]
        for lag in LAGS:
            neighbour = truths.get(row.qid + lag)
            if neighbour is not None:
                counts["rows at hand", family, lag, neighbour in allowed] += 1
            formula = order(row.qid + lag) if order else None
            truth = judged.truth(formula) if formula is not None else None
            if truth is not None:
                counts["inferred order", family, lag, truth in allowed] += 1
    keys = {(source, kind, lag) for source, kind, lag, _ in counts}
    return {key: Agreement(counts[*key, True], counts[*key, True] + counts[*key, False]) for key in keys}


def merged(tables: Iterable[LagTable]) -> LagTable:
    """The sum of several tables."""
    agree: Counter[tuple[Source, Family, int]] = Counter()
    rows: Counter[tuple[Source, Family, int]] = Counter()
    for table in tables:
        for key, agreement in table.items():
            agree[key] += agreement.agree
            rows[key] += agreement.rows
    return {key: Agreement(agree[key], rows[key]) for key in rows}


def peak(table: LagTable, source: Source, families: Sequence[Family] = FAMILIES) -> int | None:
    """The lag at which the labels agree best; the nearest to 0 of several.

    None where fewer than ``MINIMUM`` rows were compared with themselves or with one of their two neighbours.
    """
    totals = {lag: total(table, source, families, lag) for lag in LAGS}
    if any(totals[lag].rows < MINIMUM for lag in (-1, 0, 1)):
        return None
    measured = {lag: one.share for lag, one in totals.items() if one.rows >= MINIMUM and one.share is not None}
    return max(measured, key=lambda lag: (measured[lag], -abs(lag)))


def total(table: LagTable, source: Source, families: Sequence[Family], lag: int) -> Agreement:
    """One lag's agreement over several families."""
    own = [table[source, family, lag] for family in families if (source, family, lag) in table]
    return Agreement(sum(one.agree for one in own), sum(one.rows for one in own))
