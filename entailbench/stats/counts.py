"""Answers → columns of counts per row, and the figures that are computed from sums of them.

Each formula takes sums with the columns on the last axis, so one call serves the sample (columns,) and all of its
resamples (draws, columns). What is undefined is NaN here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from entailbench.answered import Judged, Row
from entailbench.records import ENTAILMENT, NOT_ENTAILMENT, UNPARSED
from entailbench.stats.sample import Floats

__all__ = ["FORMULAS", "SHARES", "WIDTH", "columns_of", "ratio"]

ANSWERS = (ENTAILMENT, NOT_ENTAILMENT, UNPARSED)
# Gold label and answer: entailed or not, times the three answers.
EE, EN, EU, NE, NN, NU = range(6)
THREE_RIGHT, THREE_ROWS, EXACT, WRITTEN, PROVED, BRIER, GIVEN = range(6, 13)
WIDTH = 13
"""How many columns there are."""


def columns_of(rows: Sequence[Row], answers: Sequence[Judged]) -> Floats:
    """What each row adds to each count, (rows, ``WIDTH``)."""
    columns = np.zeros((len(rows), WIDTH))
    for line, row, answer in zip(columns, rows, answers, strict=True):
        line[(EE if row.gold == ENTAILMENT else NE) + ANSWERS.index(answer.predicted)] = 1
        if row.truth:
            line[THREE_ROWS] = 1
            line[THREE_RIGHT] = (answer.three_way or answer.predicted) == row.truth
        if answer.exact is not None:
            line[WRITTEN], line[EXACT] = 1, answer.exact
        line[PROVED] = bool(answer.proof)
        if answer.probability is not None:
            line[GIVEN] = 1
            line[BRIER] = (answer.probability - (row.gold == ENTAILMENT)) ** 2
    return columns


def ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, NaN where there is nothing to divide by."""
    defined = whole != 0
    return np.where(defined, part / np.where(defined, whole, 1.0), np.nan)


SHARES: Mapping[str, tuple[tuple[float, tuple[int, ...], tuple[int, ...]], ...]] = {
    "overall": ((1.0, (EE, NN), (EE, EN, EU, NE, NN, NU)),),
    "entailment": ((1.0, (EE,), (EE, EN, EU)),),
    "not_entailment": ((1.0, (NN,), (NE, NN, NU)),),
    "balanced": ((0.5, (EE,), (EE, EN, EU)), (0.5, (NN,), (NE, NN, NU))),
    "three_way": ((1.0, (THREE_RIGHT,), (THREE_ROWS,)),),
    "parsed": ((1.0, (EE, EN, NE, NN), (EE, EN, EU, NE, NN, NU)),),
    "exact": ((1.0, (EXACT,), (WRITTEN,)),),
    "overall_parsed": ((1.0, (EE, NN), (EE, EN, NE, NN)),),
    "balanced_parsed": ((0.5, (EE,), (EE, EN)), (0.5, (NN,), (NE, NN))),
    "proof_validity": ((1.0, (PROVED,), (EE, EN, EU, NE, NN, NU)),),
    "brier": ((1.0, (BRIER,), (GIVEN,)),),
}
"""The figures that are weighted sums of shares: the weight, the columns counted, and those that they are a share of."""


def _weighted_shares(name: str) -> Callable[[Floats], Floats]:
    def formula(s: Floats) -> Floats:
        parts = [weight * ratio(s[..., part].sum(-1), s[..., whole].sum(-1)) for weight, part, whole in SHARES[name]]
        total: Floats = np.sum(parts, axis=0)
        return total

    return formula


def _macro_f1(s: Floats) -> Floats:
    entailed, other = s[..., EE : EU + 1].sum(-1), s[..., NE : NU + 1].sum(-1)
    first = ratio(2 * s[..., EE], entailed + s[..., EE] + s[..., NE])
    second = ratio(2 * s[..., NN], other + s[..., EN] + s[..., NN])
    return np.where((entailed > 0) & (other > 0), (first + second) / 2, np.nan)


def _tables(s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Rows, right ones, and rows by label and by answer, (…, 3) each."""
    table = s[..., EE : NU + 1].reshape(*s.shape[:-1], 2, 3)
    labels = np.concatenate([table.sum(-1), np.zeros((*s.shape[:-1], 1))], axis=-1)
    return table.sum((-1, -2)), s[..., EE] + s[..., NN], labels, table.sum(-2)


def _mcc(s: Floats) -> Floats:
    """Gorodkin's R_K (Computational Biology and Chemistry 28, 2004); 0 where all answers are one."""
    rows, right, labels, answers = _tables(s)
    covariance = right * rows - (labels * answers).sum(-1)
    of_labels, of_answers = rows**2 - (labels**2).sum(-1), rows**2 - (answers**2).sum(-1)
    found = ratio(covariance, np.sqrt(of_labels * of_answers))
    return np.where((of_labels > 0) & (of_answers == 0), 0.0, found)


def _kappa(s: Floats) -> Floats:
    """Cohen (Educational and Psychological Measurement 20, 1960)."""
    rows, right, labels, answers = _tables(s)
    expected = (labels * answers).sum(-1)
    found = ratio(right * rows - expected, rows**2 - expected)
    return np.where((labels[..., 0] > 0) & (labels[..., 1] > 0), found, np.nan)


FORMULAS: Mapping[str, Callable[[Floats], Floats]] = {
    **{name: _weighted_shares(name) for name in SHARES},
    "macro_f1": _macro_f1,
    "mcc": _mcc,
    "kappa": _kappa,
}
"""By the metric's name: sums (…, ``WIDTH``) → figure (…,)."""
