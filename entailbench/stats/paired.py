"""Two models on the same rows: the difference, its interval, its tests, and what the sample could have shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entailbench.findings import Estimate
from entailbench.stats.counts import EE, FORMULAS, NE, NU
from entailbench.stats.intervals import Sums, with_interval
from entailbench.stats.permutation import mcnemar, sign_flip
from entailbench.stats.power import smallest_difference
from entailbench.stats.sample import Floats, Sample
from entailbench.stats.shares import WeightedShare, share_of

__all__ = ["Pair", "Side", "compare", "difference_of"]


@dataclass(frozen=True)
class Side:
    """One of two models."""

    sums: Sums
    """Its counts; both sides have the same resamples."""
    right: NDArray[np.bool_]
    """(rows,): whether its answer is right."""


@dataclass(frozen=True)
class Pair:
    """What a comparison found, before it is corrected for the other pairs."""

    metric: str
    """"balanced", or "overall" where one class has no rows."""
    difference: Estimate
    p: float
    mcnemar: float
    only_first: int
    only_second: int
    smallest: float | None


def compare(
    sample: Sample,
    first: Side,
    second: Side,
    *,
    level: float = 0.05,
    seed: int = 0,
) -> Pair:
    """Tests two models against each other.

    Args:
        sample: the rows.
        first: one model.
        second: the other.
        level: at which a difference counts as shown, for the smallest that would have been.
        seed: of the permutation, where it is sampled.
    """
    only_first, only_second = first.right & ~second.right, second.right & ~first.right
    plus, minus = _by_class(sample, only_first), _by_class(sample, only_second)
    entailed, others = int(sample.entailed.sum()), int((~sample.entailed).sum())
    # Balanced accuracy times 2·entailed·others (overall: times all rows) is a whole number, puzzle by puzzle.
    scale = np.array([others, entailed]) if entailed and others else np.array([1, 1])
    unit = 2 * entailed * others if entailed and others else entailed + others
    differences: NDArray[np.int64] = ((plus - minus) @ scale).astype(np.int64)
    size = np.abs(differences[differences != 0])
    difference = difference_of(sample, first, second)
    return Pair(
        metric="balanced" if entailed and others else "overall",
        difference=difference,
        p=sign_flip(differences, seed),
        mcnemar=mcnemar(int(only_first.sum()), int(only_second.sum())),
        only_first=int(only_first.sum()),
        only_second=int(only_second.sum()),
        smallest=smallest_difference(
            difference.error or 0.0,
            sample.puzzles,
            float(size.mean()) / unit if len(size) else 1 / (entailed + others),
            level,
        ),
    )


def difference_of(sample: Sample, first: Side, second: Side) -> Estimate:
    """The difference in balanced accuracy (overall, where one class has no rows) with the interval of the paired
    cluster bootstrap: both models on the same resamples."""
    one, other = first.sums, second.sums
    classes = (EE, NE) if sample.entailed.any() and not sample.entailed.all() else ()
    formula = FORMULAS["balanced" if classes else "overall"]
    value = float(formula(one.total) - formula(other.total))
    return with_interval(
        value,
        formula(one.drawn) - formula(other.drawn),
        formula(one.left_out) - formula(other.left_out),
        _parts(sample, first, second),
        lowest=-1.0,
        difference=True,
    )


def _by_class(sample: Sample, chosen: NDArray[np.bool_]) -> Floats:
    """(puzzles, 2): how many chosen rows of a puzzle are entailed, and are not."""
    return sample.per_puzzle(np.stack([chosen & sample.entailed, chosen & ~sample.entailed], axis=1).astype(float))


def _parts(sample: Sample, first: Side, second: Side) -> list[WeightedShare]:
    """The difference as shares of rows that only one got right, by class, with their weights."""
    plus = _by_class(sample, first.right & ~second.right)
    minus = _by_class(sample, second.right & ~first.right)
    counts = first.sums.per_puzzle
    sizes = np.stack([counts[:, EE:NE].sum(axis=1), counts[:, NE : NU + 1].sum(axis=1)], axis=1)
    present = [c for c in (0, 1) if sizes[:, c].any()]
    parts = []
    for c in present:
        for sign, rows in ((1, plus), (-1, minus)):
            share = share_of(rows[:, c], sizes[:, c])
            if share is not None:
                parts.append(WeightedShare(sign / len(present), share))
    return parts
