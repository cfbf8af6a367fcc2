"""The bootstrap's parts: weights, BCa against scipy, the jackknife."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, sem
from scipy.stats import t as student

from entailbench.stats.resampling import (
    bca_interval,
    group_left_out,
    jackknife_error,
    leave_one_out,
    t_interval,
    weights,
)


def test_weights_draw_as_many_puzzles_as_there_are_each_as_often() -> None:
    drawn = weights(50, 4000, seed=1)
    assert (drawn.sum(axis=1) == 50).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert drawn.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert (weights(50, 10, seed=1) == drawn[:10]).all()


def test_bca_is_scipys_on_a_skewed_mean() -> None:
    values = np.random.default_rng(0).lognormal(sigma=1.2, size=400)
    drawn = weights(400, 6000, seed=0) @ values / 400
    left_out = leave_one_out(values[:, None])[:, 0] / 399
    ours = bca_interval(float(values.mean()), drawn, left_out, 1e9)
    peer = bootstrap((values,), np.mean, n_resamples=6000, method="BCa", rng=1, batch=500).confidence_interval
    assert ours is not None
    width = peer.high - peer.low
    assert ours == pytest.approx((peer.low, peer.high), abs=0.05 * width)
    # Skewed enough to tell BCa from plain quantiles.
    assert abs(np.quantile(drawn, 0.975) - peer.high) > 0.1 * width


def test_a_figure_that_resampling_moves_is_moved_back() -> None:
    drawn = np.random.default_rng(0).normal(0.3, 1.0, size=200_000)
    found = bca_interval(0.0, drawn, np.array([-1.0, 1.0]), 1e9)
    assert found == pytest.approx((-0.3 - 1.96, -0.3 + 1.96), abs=0.03)


def test_few_puzzles_widen_it() -> None:
    drawn = np.random.default_rng(0).normal(size=200_000)
    found = bca_interval(0.0, drawn, np.array([-1.0, 1.0]), 10)
    # √(10/9) times t with 9 degrees of freedom.
    assert found == pytest.approx((-2.3846, 2.3846), abs=0.03)


def test_resamples_that_say_nothing() -> None:
    assert bca_interval(0.5, np.full(100, 0.5), np.full(9, 0.5), 9) == (0.5, 0.5)
    assert bca_interval(0.5, np.array([0.5, np.nan, np.nan]), np.array([0.5]), 9) is None
    assert t_interval(0.5, np.full(100, 0.5), 9) == (0.5, 0.5)
    assert t_interval(0.5, np.array([0.4, 0.6]), 1) == (0.5, 0.5)
    assert t_interval(0.5, np.array([0.5, np.nan, np.nan]), 9) is None


@pytest.mark.parametrize("puzzles", [6, 60])
def test_the_symmetric_interval_of_a_mean_is_students(puzzles: int) -> None:
    values = np.random.default_rng(0).normal(size=puzzles)
    ours = t_interval(float(values.mean()), weights(puzzles, 20_000, seed=0) @ values / puzzles, puzzles)
    assert ours == pytest.approx(student.interval(0.95, puzzles - 1, values.mean(), sem(values)), rel=0.02)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=40)
    left_out = (values.sum() - values) / 39
    assert jackknife_error(left_out) == pytest.approx(sem(values))
    assert jackknife_error(np.array([1.0, np.nan])) is None


def test_groups_are_left_out_once_each() -> None:
    assert (group_left_out(4, 9) == 1 - np.eye(4)).all()
    groups = group_left_out(10, 3)
    assert groups.shape == (3, 10)
    assert ((1 - groups).sum(axis=0) == 1).all()
