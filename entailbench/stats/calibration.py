"""Probabilities of entailment: do they order the rows (AUROC), and are they true (reliability, ECE)?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from entailbench.findings import Estimate, ReliabilityBin
from entailbench.stats.counts import ratio
from entailbench.stats.resampling import (
    Weights,
    bca_interval,
    blocks,
    drawn_sums,
    group_left_out,
    jackknife_error,
    leave_one_out,
)
from entailbench.stats.sample import Floats, Sample
from entailbench.stats.shares import binomial_interval

__all__ = ["BINS", "auroc", "expected_calibration_error", "reliability"]

BINS = 10
"""Bins of equal width in which probabilities are compared with what is true."""
NULL_DRAWS = 1000
"""Samples of puzzles on which probabilities are true."""
FEW = 5
"""With fewer puzzles than this, resampling alone says too little."""
GROUPS = 200
"""For AUROC, which is no sum over puzzles, at most so many parts of the sample are left out in turn."""
BLOCK = 4_000_000
"""Weights that are looked at in one go; bounds the memory."""


def auroc(sample: Sample, given: NDArray[np.bool_], probability: Floats, weights: Weights) -> Estimate:
    """Chance that a row that is entailed is given more probability than one that is not; ties count half.

    Args:
        sample: the rows.
        given: (rows,): whether the row has a probability; the others are left out.
        probability: (rows,): of entailment.
        weights: (draws, puzzles): the resamples.
    """
    from sklearn.metrics import roc_auc_score

    entailed, puzzle, scores = sample.entailed[given], sample.puzzle[given], probability[given]
    if not len(entailed):
        return Estimate(None, undefined="no row has a probability")
    if entailed.all() or not entailed.any():
        return Estimate(None, undefined="all rows have one label")
    value = float(roc_auc_score(entailed, scores))
    order = np.argsort(scores, kind="stable")
    drawn = _auroc(entailed[order], puzzle[order], scores[order], weights)
    one_out = group_left_out(sample.puzzles, GROUPS)
    left_out = _auroc(entailed[order], puzzle[order], scores[order], one_out)
    puzzles = min(_effective(puzzle[entailed]), _effective(puzzle[~entailed]))
    ends = bca_interval(value, drawn, left_out, puzzles)
    if ends is None or ends[0] == ends[1] or puzzles < FEW:
        ends = binomial_interval(value, puzzles)
    return _within(value, ends, left_out)


def _auroc(entailed: NDArray[np.bool_], puzzle: NDArray[np.intp], scores: Floats, weights: Weights) -> Floats:
    """Of each resample, (draws,): rows come in the order of their scores."""
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    found = []
    for block in np.array_split(weights, max(1, math.ceil(len(weights) * len(scores) / BLOCK))):
        of_rows = block[:, puzzle].astype(np.float64)
        yes, no = of_rows * entailed, of_rows * ~entailed
        if len(starts) < len(scores):
            yes, no = (np.add.reduceat(one, starts, axis=1) for one in (yes, no))
        below = np.cumsum(no, axis=1) - no / 2
        found.append(ratio((yes * below).sum(axis=1), yes.sum(axis=1) * no.sum(axis=1)))
    return np.concatenate(found)


def _effective(puzzle: NDArray[np.intp]) -> float:
    sizes = np.bincount(puzzle).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _bin_sums(sample: Sample, given: NDArray[np.bool_], probability: Floats) -> Floats:
    """(puzzles, 3 · ``BINS``): by bin the rows, the sum of their probabilities, and how many are entailed."""
    place = np.minimum((np.where(given, probability, 0.0) * BINS).astype(int), BINS - 1)
    columns = np.zeros((len(place), 3, BINS))
    rows = np.flatnonzero(given)
    columns[rows, 0, place[rows]] = 1
    columns[rows, 1, place[rows]] = probability[rows]
    columns[rows, 2, place[rows]] = sample.entailed[rows]
    return sample.per_puzzle(columns.reshape(len(place), 3 * BINS))


def _ece(sums: Floats) -> Floats:
    counts, said, entailed = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, BINS), -2, 0)
    return ratio(np.abs(said - entailed).sum(-1), counts.sum(-1))


def expected_calibration_error(
    sample: Sample, given: NDArray[np.bool_], probability: Floats, weights: Weights
) -> Estimate:
    """How far the mean probability of a bin is from the share that is entailed, averaged over rows.

    Naeini, Cooper and Hauskrecht (AAAI 2015), for the probability of one class. Noise adds to it. The middle of the
    interval is the value less what resampling adds to it (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 10), and its width is by Student's t and the jackknife over puzzles: resamples vary too little, since in
    bins whose error is noise it adds up whatever its sign. The interval begins at 0 where probabilities that are true
    would show as much in one of 20 samples.

    Args:
        sample: the rows.
        given: (rows,): whether the row has a probability.
        probability: (rows,): of entailment.
        weights: (draws, puzzles): the resamples.
    """
    from scipy.special import stdtrit

    if not given.any():
        return Estimate(None, undefined="no row has a probability")
    per_puzzle = _bin_sums(sample, given, probability)
    value = float(_ece(per_puzzle.sum(axis=0)))
    left_out = _ece(leave_one_out(per_puzzle))
    puzzles = _effective(sample.puzzle[given])
    error = jackknife_error(left_out)
    if puzzles < FEW:
        return _within(value, (0.0, 1.0), left_out)
    if error is None or error < 1e-12:
        return _within(value, binomial_interval(value, puzzles), left_out)
    middle = value - (float(np.nanmean(_ece(drawn_sums(weights, per_puzzle)))) - value)
    reach = float(stdtrit(puzzles - 1, 0.975)) * error
    low = 0.0 if value <= _of_true_probabilities(per_puzzle, puzzles) else middle - reach
    return _within(value, (low, middle + reach), left_out)


def _of_true_probabilities(per_puzzle: Floats, puzzles: float) -> float:
    """The calibration error that is passed in 5% of samples if the probabilities are true.

    Each puzzle's errors are as likely to have the other sign, all of them at once (the wild bootstrap by cluster of
    Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008), so rows of a puzzle may be alike. Widened
    for few puzzles as the bootstrap's intervals are. All of the 5% are on one side: no calibration error is below 0.
    """
    from scipy.special import ndtri, stdtrit

    counts, said, entailed = np.moveaxis(per_puzzle.reshape(len(per_puzzle), 3, BINS), 1, 0)
    rng, errors = np.random.default_rng(0), np.empty(NULL_DRAWS)
    for block in blocks(NULL_DRAWS, len(per_puzzle)):
        signs = rng.choice([-1.0, 1.0], size=(block.stop - block.start, len(per_puzzle)))
        errors[block] = np.abs(signs @ (said - entailed)).sum(axis=1) / counts.sum()
    widened = math.sqrt(puzzles / (puzzles - 1)) * float(stdtrit(puzzles - 1, 0.975) / ndtri(0.975))
    return widened * float(np.quantile(errors, 0.95))


def _within(value: float, ends: tuple[float, float], left_out: Floats) -> Estimate:
    """The figure with an interval within [0, 1] that holds it."""
    low, high = ends
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)), error=jackknife_error(left_out))


def reliability(entailed: Sequence[bool], probability: Sequence[float]) -> tuple[ReliabilityBin, ...]:
    """The bins of a reliability plot that have rows.

    Args:
        entailed: whether each row's label is entailment.
        probability: what the model said of each.
    """
    said, truth = np.asarray(probability, dtype=float), np.asarray(entailed, dtype=bool)
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    return tuple(
        ReliabilityBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            rows=int(here.sum()),
            probability=float(said[here].mean()),
            entailed=float(truth[here].mean()),
        )
        for number in range(BINS)
        if (here := place == number).any()
    )
