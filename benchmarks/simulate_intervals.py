"""Do 95% intervals hold the truth 95 times in 100, and does the test cry wolf 5 times in 100?

Worlds whose truth is known are sampled, and each sample goes through the code that makes a report: intervals of the
metrics, the interval of a difference, and both tests. Prints Markdown tables; docs/statistics.md has what they said.

    OMP_NUM_THREADS=1 python benchmarks/simulate_intervals.py --samples 4000
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entailbench.stats.counts import FORMULAS, WIDTH
from entailbench.stats.intervals import DRAWS, Sums, estimate
from entailbench.stats.paired import Side, compare
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Sample

METRICS = ("overall", "entailment", "not_entailment", "balanced", "macro_f1", "mcc", "kappa")
ENTAILED = 0.35
"""Share of rows whose label is entailment, as in Puzzte."""
REDRAWN = 100
"""So many samples share a set of resamples."""


@dataclass(frozen=True)
class World:
    """Where samples come from: puzzles, their questions, and two models' chances to be right."""

    puzzles: int = 100
    correlation: float = 0.0
    """Of the answers to two questions about one puzzle, and of the same label, by one model: 0 is independent."""
    first: tuple[float, float] = (0.7, 0.7)
    """The first model's accuracy where the label is entailment, and where it is not."""
    second: tuple[float, float] = (0.7, 0.7)
    shared: float = 0.5
    """With what chance both models meet a puzzle in the same way; they are alike in what is hard for them."""
    sizes: tuple[int, ...] = (1, 2, 2, 3, 4)
    """Numbers of questions about a puzzle, equally likely."""
    around: float = 0.0
    """How far the truth varies from sample to sample: the shares of wrong answers are multiplied by a number between 1
    minus and 1 plus this, all equally likely. What is counted is then the mean coverage over such truths."""


@dataclass(frozen=True)
class Drawn:
    """One sample of a world."""

    sample: Sample
    first: NDArray[np.bool_]
    """(rows,): whether the first model is right."""
    second: NDArray[np.bool_]


def varied(world: World, rng: np.random.Generator) -> World:
    """The world that the next sample is of."""
    if not world.around:
        return world
    factor = 1 + world.around * rng.uniform(-1, 1)
    first, second = (
        (1 - factor * (1 - of_entailed), 1 - factor * (1 - of_others))
        for of_entailed, of_others in (world.first, world.second)
    )
    return replace(world, first=first, second=second, around=0.0)


def draw(world: World, rng: np.random.Generator) -> Drawn:
    """Beta-binomial answers: a puzzle's chance has the model's accuracy as its mean, spread by the correlation."""
    sizes = rng.choice(world.sizes, size=world.puzzles)
    puzzle = np.repeat(np.arange(world.puzzles), sizes)
    entailed = rng.random(len(puzzle)) < ENTAILED
    # The same number decides on the same puzzle for both models, where they meet it in the same way.
    luck = rng.random((2, world.puzzles))
    luck[1] = np.where(rng.random(world.puzzles) < world.shared, luck[0], luck[1])
    right = [
        rng.random(len(puzzle)) < _chances(world.correlation, accuracies, luck[model])[entailed.astype(int), puzzle]
        for model, accuracies in enumerate((world.first, world.second))
    ]
    return Drawn(Sample(entailed, puzzle, world.puzzles), *right)


def _chances(correlation: float, accuracies: tuple[float, float], luck: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, puzzles): the chance to be right, by label (not entailed first) and puzzle."""
    from scipy.special import betaincinv

    if correlation == 0:
        return np.stack([np.full(len(luck), accuracy) for accuracy in accuracies[::-1]])
    scale = 1 / correlation - 1
    return np.stack([betaincinv(a * scale, (1 - a) * scale, luck) for a in accuracies[::-1]])


def sums_of(sample: Sample, right: NDArray[np.bool_], resamples: NDArray[np.float64]) -> Sums:
    """A model's counts; all of its answers can be read."""
    columns = np.zeros((len(right), WIDTH))
    answered = np.where(right, sample.entailed, ~sample.entailed)
    columns[np.arange(len(right)), np.where(sample.entailed, 0, 3) + np.where(answered, 0, 1)] = 1
    return Sums.of(sample.per_puzzle(columns), resamples)


def truths(world: World) -> Mapping[str, float]:
    """The figures of the first model in a sample without end."""
    e, n = world.first
    table = np.zeros(WIDTH)
    table[:6] = [ENTAILED * e, ENTAILED * (1 - e), 0, (1 - ENTAILED) * (1 - n), (1 - ENTAILED) * n, 0]
    return {name: float(FORMULAS[name](table)) for name in METRICS}


def simulate(world: World, samples: int, seed: int, draws: int = DRAWS) -> Counter[str]:
    """How often each interval held the truth, and how often each test rejected at 5%, of so many samples."""
    rng = np.random.default_rng([seed, round(1000 * world.correlation), world.puzzles])
    found: Counter[str] = Counter(dict.fromkeys((*METRICS, "difference", "analytic", "permutation", "mcnemar"), 0))
    for number in range(samples):
        if number % REDRAWN == 0:
            resamples = weights(world.puzzles, draws, seed + number)
        this = varied(world, rng)
        truth, difference = truths(this), sum(this.first) / 2 - sum(this.second) / 2
        drawn = draw(this, rng)
        one = sums_of(drawn.sample, drawn.first, resamples)
        for name in METRICS:
            figure = estimate(name, one)
            found[name] += figure.low is not None and figure.low <= truth[name] <= (figure.high or 0.0)
            if name == "balanced":
                reach = 1.959964 * (figure.error or 0.0)
                found["analytic"] += abs((figure.value or 0.0) - truth[name]) <= reach
        other = sums_of(drawn.sample, drawn.second, resamples)
        pair = compare(drawn.sample, Side(one, drawn.first), Side(other, drawn.second))
        low, high = pair.difference.low, pair.difference.high
        found["difference"] += low is not None and high is not None and low <= difference <= high
        found["permutation"] += pair.p < 0.05
        found["mcnemar"] += pair.mcnemar < 0.05
    return found


CORRELATIONS = (0.0, 0.3, 0.6, 0.9)
WORLDS: Mapping[str, World] = {
    "100 puzzles, 70% right": World(),
    "100 puzzles, 90% right": World(first=(0.9, 0.9), second=(0.9, 0.9)),
    "100 puzzles, 40% and 95% right": World(first=(0.4, 0.95), second=(0.4, 0.95)),
    "400 puzzles, 70% right": World(puzzles=400),
    "400 puzzles, 95% right": World(puzzles=400, first=(0.95, 0.95), second=(0.95, 0.95)),
    "100 puzzles, biased in opposite ways": World(first=(0.8, 0.6), second=(0.6, 0.8)),
    "200 puzzles, one question each": World(puzzles=200, sizes=(1,)),
    "100 puzzles, 85 to 95% right": World(first=(0.9, 0.9), second=(0.9, 0.9), around=0.5),
    "100 puzzles, 95% right": World(first=(0.95, 0.95), second=(0.95, 0.95)),
    "100 puzzles, 90 to 100% right": World(first=(0.95, 0.95), second=(0.95, 0.95), around=1.0),
    "200 puzzles, one question each, 95% right": World(200, 0.0, (0.95, 0.95), (0.95, 0.95), sizes=(1,)),
    "200 puzzles, one question each, 90 to 100% right": World(
        200, 0.0, (0.95, 0.95), (0.95, 0.95), sizes=(1,), around=1.0
    ),
}


def _work(arguments: tuple[World, int, int]) -> Counter[str]:
    return simulate(*arguments)


def _tables(samples: int, seed: int, workers: int, only: str) -> Iterator[str]:
    cells = [
        (name, replace(world, correlation=c)) for name, world in WORLDS.items() for c in CORRELATIONS if only in name
    ]
    cells = [cell for cell in cells if cell[1].sizes != (1,) or cell[1].correlation == 0]
    columns: tuple[str, ...] = (*METRICS, "difference", "analytic", "permutation", "mcnemar")
    error = 100 * math.sqrt(0.95 * 0.05 / samples)
    yield f"{samples:,} samples a line, {DRAWS:,} resamples an interval; the simulation's own error is ±{error:.1f}.\n"
    yield "| world | correlation | " + " | ".join(columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    with ProcessPoolExecutor(workers) as pool:
        for (name, world), found in zip(cells, pool.map(_work, [(w, samples, seed) for _, w in cells]), strict=True):
            figures = " | ".join(f"{100 * found[column] / samples:.1f}" for column in columns)
            yield f"| {name} | {world.correlation} | {figures} |"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000, help="samples of each world")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only the worlds with this in their name")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options: Any = parser.parse_args()
    began = time.perf_counter()
    for line in _tables(options.samples, options.seed, options.workers, options.only):
        print(line, flush=True)
    print(f"\n{time.perf_counter() - began:,.0f} s")


if __name__ == "__main__":
    main()
