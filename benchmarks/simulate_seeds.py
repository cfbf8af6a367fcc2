"""Does the interval of a mean over finetune seeds hold for seeds and puzzles that were not drawn?

Recipes are sampled whose true accuracy is known: a puzzle is hard by so much, a seed is good by so much, and a seed
finds some puzzles harder than others do. Each sample goes through the code that makes a report. Prints a Markdown
table; docs/statistics.md has what it said.

    OMP_NUM_THREADS=1 python benchmarks/simulate_seeds.py --samples 4000
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entailbench.stats.counts import EE, EN, WIDTH
from entailbench.stats.intervals import Sums
from entailbench.stats.lines import Line, compare_lines, line_estimate
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Sample

ACCURACY = 0.6
PUZZLE_SPREAD = 0.12
"""Standard deviation of a puzzle's difficulty, which all seeds share."""
OWN_SPREAD = 0.12
"""Of what one seed makes of one puzzle."""
QUESTIONS = 3
"""About each puzzle."""


@dataclass(frozen=True)
class Found:
    """How often what should hold did."""

    covered: float
    """Share of samples whose interval held the recipe's accuracy."""
    rejected: float
    """Share in which two recipes of the same accuracy were told apart at 5%."""
    naive: float
    """Share covered by the interval over puzzles alone, as if there were no other seeds."""


def simulate(*, puzzles: int, seeds: int, spread: float, samples: int, draws: int, start: int = 0) -> Found:
    """Samples recipes of accuracy ``ACCURACY`` whose seeds lie ``spread`` apart (a standard deviation)."""
    sample = Sample(
        entailed=np.ones(puzzles * QUESTIONS, dtype=bool),
        puzzle=np.repeat(np.arange(puzzles), QUESTIONS),
        puzzles=puzzles,
    )
    resamples = weights(puzzles, draws, seed=0)
    covered = rejected = naive = 0
    for number in range(samples):
        rng = np.random.default_rng((start, number))
        hard = rng.normal(0, PUZZLE_SPREAD, (puzzles, 1))
        first, second = (_line(sample, resamples, rng, hard, seeds, spread) for _ in range(2))
        found = line_estimate(first, "overall")
        covered += _holds(found.low, found.high)
        alone = line_estimate(Line("", (first.side.sums,), first.right), "overall")
        naive += _holds(alone.low, alone.high)
        rejected += compare_lines(sample, first, second).p < 0.05
    return Found(covered / samples, rejected / samples, naive / samples)


def _line(
    sample: Sample,
    resamples: NDArray[np.float64],
    rng: np.random.Generator,
    hard: NDArray[np.float64],
    seeds: int,
    spread: float,
) -> Line:
    good = rng.normal(0, spread, seeds)
    own = rng.normal(0, OWN_SPREAD, (sample.puzzles, seeds))
    chance = np.clip(ACCURACY + hard + good + own, 0, 1)
    right = rng.random((len(sample.puzzle), seeds)) < chance[sample.puzzle]
    members = []
    for column in right.T:
        counts = np.zeros((len(column), WIDTH))
        counts[:, EE], counts[:, EN] = column, ~column
        members.append(Sums.of(sample.per_puzzle(counts), resamples))
    return Line("line", tuple(members), right.sum(axis=1))


def _holds(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low <= ACCURACY <= high


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=1000)
    chosen = parser.parse_args()
    start = time.perf_counter()
    print("| puzzles | seeds | spread of seeds | covered | covered without seeds | told apart, though alike |")
    print("|---|---|---|---|---|---|")
    for puzzles, seeds in ((100, 2), (100, 3), (100, 5), (300, 3)):
        for spread in (0.0, 0.02, 0.06):
            found = simulate(puzzles=puzzles, seeds=seeds, spread=spread, samples=chosen.samples, draws=chosen.draws)
            print(
                f"| {puzzles} | {seeds} | {100 * spread:.0f} points | {100 * found.covered:.1f}% "
                f"| {100 * found.naive:.1f}% | {100 * found.rejected:.1f}% |",
                flush=True,
            )
    print(f"\n{chosen.samples:,} samples each, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
