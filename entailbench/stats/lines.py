"""A line of a table as the comparisons see it: one model, or the mean of several finetune seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from entailbench.findings import Estimate
from entailbench.stats.counts import FORMULAS
from entailbench.stats.intervals import Sums, estimate
from entailbench.stats.paired import Pair, Side, compare, difference_of
from entailbench.stats.permutation import sign_flip
from entailbench.stats.power import smallest_difference
from entailbench.stats.resampling import jackknife_error
from entailbench.stats.sample import Sample
from entailbench.stats.seeds import SeedPart, between, p_of, widened

__all__ = ["CORRELATIONS", "Line", "compare_lines", "line_difference", "line_estimate"]

CORRELATIONS = ("mcc", "kappa")
"""The metrics that may be negative."""


@dataclass(frozen=True)
class Line:
    """A model, or several that are one line."""

    name: str
    members: tuple[Sums, ...]
    right: NDArray[np.int64]
    """(rows,): how many members are right."""

    @property
    def side(self) -> Side:
        """The mean of the members' counts; where a row is right or not, most of them decide."""
        per_puzzle = np.mean([one.per_puzzle for one in self.members], axis=0)
        drawn = np.mean([one.drawn for one in self.members], axis=0)
        left_out = np.mean([one.left_out for one in self.members], axis=0)
        return Side(Sums(per_puzzle, drawn, left_out), 2 * self.right > len(self.members))

    def seed_parts(self, metric: str) -> list[SeedPart]:
        """Of the seeds, in one of ``counts.FORMULAS``; none for a single model."""
        if len(self.members) == 1:
            return []
        formula = FORMULAS[metric]
        values = [float(formula(one.total)) for one in self.members]
        return [between(values, np.stack([formula(one.drawn) for one in self.members], axis=1))]


def line_estimate(line: Line, metric: str) -> Estimate:
    """The mean over the line's members of one of ``counts.FORMULAS``; its interval holds for other seeds too.

    The part of the interval that is over puzzles is that of the counts of all members together: for a share the same as
    the mean's, for F1 and the correlations close to it.
    """
    values = [float(FORMULAS[metric](one.total)) for one in line.members]
    over_puzzles = _moved(estimate(metric, line.side.sums), fmean(values))
    return widened(over_puzzles, line.seed_parts(metric), -1.0 if metric in CORRELATIONS else 0.0)


def _moved(found: Estimate, value: float) -> Estimate:
    """The same interval around another value."""
    if found.value is None or found.low is None or found.high is None:
        return replace(found, value=value, undefined="")
    shift = value - found.value
    return replace(found, value=value, low=found.low + shift, high=found.high + shift)


def line_difference(sample: Sample, first: Line, second: Line) -> Estimate:
    """The difference in balanced accuracy (overall, where one class has no rows), its interval for other seeds too."""
    parts = _seed_parts(sample, first, second)
    return widened(_over_puzzles(sample, first, second), parts, -1.0)


def _over_puzzles(sample: Sample, first: Line, second: Line) -> Estimate:
    found = difference_of(sample, first.side, second.side)
    if len(first.members) == len(second.members) == 1:
        return found
    # Its error is of what most members answered; that of the mean is smaller.
    formula = FORMULAS[_metric(sample)]
    return replace(found, error=jackknife_error(formula(first.side.sums.left_out) - formula(second.side.sums.left_out)))


def _seed_parts(sample: Sample, first: Line, second: Line) -> list[SeedPart]:
    metric = _metric(sample)
    return [*first.seed_parts(metric), *second.seed_parts(metric)]


def _metric(sample: Sample) -> str:
    return "balanced" if sample.entailed.any() and not sample.entailed.all() else "overall"


def compare_lines(sample: Sample, first: Line, second: Line, *, level: float = 0.05, seed: int = 0) -> Pair:
    """Tests two lines against each other; as ``paired.compare`` where both are single models.

    With seeds, p is the larger of the sign-flip test over puzzles, on the sums over all pairs of members, and of the
    level at which the interval that holds for other seeds too would reach 0. McNemar and the rows that only one got
    right are of what most members answered.
    """
    pair = compare(sample, first.side, second.side, level=level, seed=seed)
    parts = _seed_parts(sample, first, second)
    if not parts or pair.difference.value is None:
        return pair
    over_puzzles = _over_puzzles(sample, first, second)
    error = over_puzzles.error or 0.0
    difference = widened(over_puzzles, parts, -1.0)
    return replace(
        pair,
        difference=difference,
        p=max(
            sign_flip(_whole_differences(sample, first, second), seed),
            p_of(pair.difference.value, error, sample.puzzles, parts),
        ),
        smallest=smallest_difference(difference.error or error, sample.puzzles, 1 / len(sample.entailed), level),
    )


def _whole_differences(sample: Sample, first: Line, second: Line) -> NDArray[np.int64]:
    """By puzzle, the difference in what is compared, as whole numbers of one unit."""
    entailed, others = int(sample.entailed.sum()), int((~sample.entailed).sum())
    scale = np.where(sample.entailed, others, entailed) if entailed and others else np.ones(len(sample.entailed))
    gain = (len(second.members) * first.right - len(first.members) * second.right) * scale
    whole: NDArray[np.int64] = sample.per_puzzle(gain[:, None].astype(float))[:, 0].round().astype(np.int64)
    return whole
