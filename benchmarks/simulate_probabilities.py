"""Do the 95% intervals of AUROC, Brier score and calibration error hold the truth 95 times in 100?

As ``simulate_intervals.py``, for models that give probabilities. The truth is that of a very large sample, labels
replaced by their chances; that of the calibration error is of its ten bins, as is the figure.

    OMP_NUM_THREADS=1 python benchmarks/simulate_probabilities.py --samples 4000
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from entailbench.findings import Estimate
from entailbench.stats.calibration import BINS, auroc, expected_calibration_error
from entailbench.stats.intervals import clustered_mean
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Floats, Sample

LARGE = 200_000
"""Puzzles of the sample that stands for the truth."""
DRAWS = 800
"""Resamples of an interval."""
REDRAWN = 100
"""So many samples share a set of resamples."""
FIGURES = ("AUROC", "Brier", "ECE")


@dataclass(frozen=True)
class World:
    """Where samples come from."""

    puzzles: int = 100
    sharpness: float = 1.0
    """How much more the labels follow the score than the model says: with 1 its probabilities are true, with less it
    is overconfident, with more it is timid."""
    correlation: float = 0.0
    """Within a puzzle, of the scores, and of the luck by which labels come of their chances; both are normal."""


@dataclass(frozen=True)
class Drawn:
    """One sample of a world."""

    sample: Sample
    probability: Floats
    """(rows,): of entailment, as the model says it."""
    chance: Floats
    """(rows,): of entailment, as it is."""


def draw(world: World, puzzles: int, rng: np.random.Generator) -> Drawn:
    """A sample of so many puzzles with 1 to 4 questions; some 40% are entailed."""
    from scipy.special import expit, ndtr

    puzzle = np.repeat(np.arange(puzzles), rng.choice((1, 2, 2, 3, 4), size=puzzles))

    def alike() -> NDArray[np.float64]:
        own, of_puzzle = rng.normal(size=len(puzzle)), rng.normal(size=puzzles)[puzzle]
        return math.sqrt(world.correlation) * of_puzzle + math.sqrt(1 - world.correlation) * own

    score, luck = 1.5 * (alike() - 0.4), ndtr(alike())
    chance = expit(world.sharpness * score)
    return Drawn(Sample(luck < chance, puzzle, puzzles), expit(score), chance)


def figures(drawn: Drawn, resamples: Floats) -> tuple[Estimate, Estimate, Estimate]:
    """AUROC, Brier score and calibration error, as a report has them."""
    sample, probability = drawn.sample, drawn.probability
    given = np.ones(len(probability), dtype=np.bool_)
    squares = (probability - sample.entailed) ** 2
    return (
        auroc(sample, given, probability, resamples),
        clustered_mean(squares.tolist(), [f"{number:07}" for number in sample.puzzle], draws=len(resamples)),
        expected_calibration_error(sample, given, probability, resamples),
    )


def truth(world: World, rng: np.random.Generator) -> tuple[float, float, float]:
    """The same figures of a very large sample in which each row is entailed as far as its chance is."""
    from sklearn.metrics import roc_auc_score

    drawn = draw(world, LARGE, rng)
    said, chance = drawn.probability, drawn.chance
    labels, both = np.repeat([1, 0], len(said)), np.concatenate([chance, 1 - chance])
    gaps = np.bincount(np.minimum((said * BINS).astype(int), BINS - 1), said - chance, minlength=BINS)
    return (
        float(roc_auc_score(labels, np.tile(said, 2), sample_weight=both)),
        float((chance * (1 - said) ** 2 + (1 - chance) * said**2).mean()),
        float(np.abs(gaps).sum()) / len(said),
    )


def simulate(world: World, samples: int, seed: int, draws: int = DRAWS) -> Mapping[str, int]:
    """How often the interval of each figure held the truth, of so many samples."""
    rng = np.random.default_rng([seed, world.puzzles, round(1000 * world.correlation), round(1000 * world.sharpness)])
    right, held = truth(world, rng), np.zeros(len(FIGURES), dtype=int)
    for number in range(samples):
        if number % REDRAWN == 0:
            resamples = weights(world.puzzles, draws, seed + number)
        found = figures(draw(world, world.puzzles, rng), resamples)
        held += [
            one.low is not None and one.high is not None and one.low <= value <= one.high
            for one, value in zip(found, right, strict=True)
        ]
    return dict(zip(FIGURES, held.tolist(), strict=True))


WORLDS: Mapping[str, tuple[World, tuple[float, ...]]] = {
    "100 puzzles, probabilities true": (World(), (0.0, 0.3, 0.6, 0.9)),
    "100 puzzles, overconfident": (World(sharpness=0.5), (0.0, 0.3, 0.6, 0.9)),
    "100 puzzles, timid": (World(sharpness=4.0), (0.0, 0.3, 0.6, 0.9)),
    "400 puzzles, probabilities true": (World(puzzles=400), (0.0, 0.9)),
    "400 puzzles, overconfident": (World(puzzles=400, sharpness=0.5), (0.0, 0.9)),
}
"""With the correlations that are looked at."""


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000, help="samples of each world")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    print(f"| world | correlation | {' | '.join(FIGURES)} |\n|---|---|{'---|' * len(FIGURES)}")
    for name, (world, correlations) in WORLDS.items():
        for correlation in correlations:
            held = simulate(replace(world, correlation=correlation), options.samples, options.seed)
            shares = " | ".join(f"{100 * count / options.samples:.1f}" for count in held.values())
            print(f"| {name} | {correlation} | {shares} |", flush=True)
    print(f"\n{time.perf_counter() - began:,.0f} s")


if __name__ == "__main__":
    main()
