"""Short forms of ``benchmarks/simulate_*.py``; docs/statistics.md has the results of the long ones."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from entailbench.stats.intervals import estimate
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Sample

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COVERAGES = ("overall", "entailment", "not_entailment", "balanced", "macro_f1", "mcc", "kappa", "difference")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulations() -> ModuleType:
    return script("simulate_intervals")


@pytest.fixture(scope="module")
def probabilities() -> ModuleType:
    return script("simulate_probabilities")


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_intervals_hold_the_truth_and_the_test_keeps_its_level(simulations: ModuleType, correlation: float) -> None:
    """300 samples have an error of ±1.3, so what is 95 shows as 91 to 99, and what is 5 as 1 to 9."""
    found = simulations.simulate(simulations.World(correlation=correlation), 300, seed=11, draws=800)
    for name in COVERAGES:
        assert 91 < found[name] / 3 < 99, name
    assert 1 < found["permutation"] / 3 < 9
    # Rows taken as independent: right without correlation only.
    assert (found["mcnemar"] / 3 < 9) == (correlation < 0.9)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_intervals_hold_the_truth_where_few_rows_are_wrong(simulations: ModuleType, correlation: float) -> None:
    world = simulations.World(correlation=correlation, first=(0.4, 0.95), second=(0.4, 0.95))
    found = simulations.simulate(world, 400, seed=3, draws=800)
    for name in COVERAGES:
        assert 92 < found[name] / 4 < 98.5, name


def test_near_the_end_they_hold_it_in_the_mean_over_truths(simulations: ModuleType) -> None:
    """With one question a puzzle, where nothing is unknown but the share."""
    world = simulations.WORLDS["200 puzzles, one question each, 90 to 100% right"]
    found = simulations.simulate(world, 400, seed=3, draws=800)
    for name in COVERAGES[:4]:
        assert 92 < found[name] / 4 < 98.5, name


@pytest.mark.parametrize(("sharpness", "correlation"), [(1.0, 0.9), (0.5, 0.3), (4.0, 0.6)])
def test_intervals_of_probabilities_hold_the_truth(
    probabilities: ModuleType, sharpness: float, correlation: float
) -> None:
    """300 samples have an error of ±1.3."""
    world = probabilities.World(sharpness=sharpness, correlation=correlation)
    for name, held in probabilities.simulate(world, 300, seed=2, draws=400).items():
        assert 91 < held / 3 < 99, name


def test_mcnemar_keeps_its_level_on_single_questions(simulations: ModuleType) -> None:
    found = simulations.simulate(simulations.World(puzzles=150, sizes=(1,)), 400, seed=5, draws=50)
    assert found["mcnemar"] / 4 < 7.5


def test_an_interval_that_takes_rows_as_independent_would_be_noticed(simulations: ModuleType) -> None:
    """What tools do that know of no clusters: the simulation must not find that right."""
    world, rng, held = simulations.World(correlation=0.9), np.random.default_rng(0), 0
    for _ in range(100):
        drawn = simulations.draw(world, rng)
        rows = len(drawn.first)
        sample = Sample(drawn.sample.entailed, np.arange(rows), rows)
        figure = estimate("overall", simulations.sums_of(sample, drawn.first, weights(rows, 200, 0)))
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= 0.7 <= figure.high
    assert held < 88


@pytest.mark.soak
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "name",
    [
        "100 puzzles, 70% right",
        "100 puzzles, 40% and 95% right",
        "400 puzzles, 70% right",
        "400 puzzles, 95% right",
    ],
)
def test_four_thousand_samples(simulations: ModuleType, name: str, correlation: float) -> None:
    found = simulations.simulate(replace(simulations.WORLDS[name], correlation=correlation), 4000, seed=0)
    for figure in COVERAGES:
        assert 93 < found[figure] / 40 < 97, figure
    assert 4 < found["permutation"] / 40 < 6


@pytest.mark.soak
@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("name", ["100 puzzles, probabilities true", "100 puzzles, overconfident"])
def test_four_thousand_samples_of_probabilities(probabilities: ModuleType, name: str, correlation: float) -> None:
    world, _ = probabilities.WORLDS[name]
    for figure, held in probabilities.simulate(replace(world, correlation=correlation), 4000, seed=0).items():
        assert 93 < held / 40 < 97, figure
