"""Do the 95% intervals of AUROC, Brier score and calibration error hold the truth 95 times in 100?

As ``simulate_intervals.py``, for models that give probabilities. The truth is what a very large sample shows; that of
the calibration error is of its ten bins, as is the figure.

    OMP_NUM_THREADS=1 python benchmarks/simulate_probabilities.py --samples 1000
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from entailbench.findings import Estimate
from entailbench.stats.calibration import auroc, expected_calibration_error
from entailbench.stats.intervals import clustered_mean
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Floats, Sample

LARGE = 200_000
"""Puzzles of the sample that stands for the truth."""
DRAWS = 800


@dataclass(frozen=True)
class World:
    """Where samples come from."""

    puzzles: int
    separation: float
    """How far the scores of entailed rows lie above the others', in standard deviations; with 0 the labels are drawn
    from the probabilities, which then are true."""
    of_puzzle: float
    """Share of a score's standard deviation that its puzzle decides."""


WORLDS: Mapping[str, World] = {
    "100 puzzles, probabilities true": World(100, 0.0, 0.0),
    "400 puzzles, probabilities true, alike within puzzles": World(400, 0.0, 0.7),
    "100 puzzles, overconfident, alike within puzzles": World(100, 0.5, 0.9),
    "400 puzzles, overconfident, alike within puzzles": World(400, 0.5, 0.7),
}


def draw(world: World, puzzles: int, rng: np.random.Generator) -> tuple[Sample, Floats]:
    """A sample of so many puzzles, and the model's probability of entailment for each row."""
    sizes = rng.choice((1, 2, 2, 3, 4), size=puzzles)
    puzzle = np.repeat(np.arange(puzzles), sizes)
    entailed = rng.random(len(puzzle)) < 0.35
    own = rng.normal(size=len(puzzle)) * np.sqrt(1 - world.of_puzzle**2)
    score = own + world.of_puzzle * rng.normal(size=puzzles)[puzzle] + world.separation * (entailed - 0.35)
    probability = 1 / (1 + np.exp(-1.5 * score))
    if not world.separation:
        entailed = rng.random(len(puzzle)) < probability
    return Sample(entailed, puzzle, puzzles), probability


def figures(sample: Sample, probability: Floats, resamples: Floats) -> tuple[Estimate, Estimate, Estimate]:
    """AUROC, Brier score and calibration error, as a report has them."""
    given = np.ones(len(probability), dtype=np.bool_)
    squares = (probability - sample.entailed) ** 2
    return (
        auroc(sample, given, probability, resamples),
        clustered_mean(squares.tolist(), [f"{number:07}" for number in sample.puzzle], draws=len(resamples)),
        expected_calibration_error(sample, given, probability, resamples),
    )


def truth(world: World, rng: np.random.Generator) -> tuple[float, float, float]:
    """The same figures of a very large sample, without intervals."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    sample, probability = draw(world, LARGE, rng)
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = np.bincount(bins, probability - sample.entailed, minlength=10)
    error = float(np.abs(gaps).sum()) / len(bins)
    return roc_auc_score(sample.entailed, probability), brier_score_loss(sample.entailed, probability), error


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000, help="samples of each world")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| world | AUROC | Brier | ECE |\n|---|---|---|---|")
    for name, world in WORLDS.items():
        rng = np.random.default_rng(options.seed)
        right = truth(world, rng)
        resamples = weights(world.puzzles, DRAWS, options.seed)
        held = np.zeros(3)
        for _ in range(options.samples):
            found = figures(*draw(world, world.puzzles, rng), resamples)
            held += [
                one.low is not None and one.high is not None and one.low <= value <= one.high
                for one, value in zip(found, right, strict=True)
            ]
        print(f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in held / options.samples)} |", flush=True)


if __name__ == "__main__":
    main()
