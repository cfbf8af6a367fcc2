"""Binomial intervals of shares: closed forms, boundaries, and what clusters do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from entailbench.stats.shares import WeightedShare, binomial_interval, clustered_error, combined_interval, share_of

puzzles = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30)


@given(st.integers(1, 300), st.data())
def test_the_binomial_interval_is_that_of_jeffreys(rows: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, rows))
    # At the ends, where that of Jeffreys is too short, Clopper and Pearson's.
    method = "jeffreys" if 0 < hits < rows else "beta"
    assert binomial_interval(hits / rows, rows) == pytest.approx(
        proportion_confint(hits, rows, method=method), abs=1e-9
    )


@pytest.mark.parametrize("rows", [30, 100])
def test_its_coverage_is_95_in_the_mean_over_shares(rows: int) -> None:
    truths = (np.arange(2000) + 0.5) / 2000
    ends = np.array([binomial_interval(hits / rows, rows) for hits in range(rows + 1)])
    chances = binom.pmf(np.arange(rows + 1)[:, None], rows, truths)
    held = (ends[:, :1] <= truths) & (truths <= ends[:, 1:])
    coverage = (chances * held).sum(axis=0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.006)
    # That of a single truth goes up and down, as of every interval for something that is counted.
    assert coverage.min() < 0.93


@given(st.integers(1, 500))
def test_all_right_on_single_questions_has_a_closed_form(count: int) -> None:
    share = share_of(np.ones(count), np.ones(count))
    assert share is not None
    assert (share.value, share.high) == (1.0, 1.0)
    assert share.low == pytest.approx(0.025 ** (1 / count))


@given(st.integers(1, 100), st.integers(1, 9))
def test_all_wrong_counts_puzzles_and_not_their_rows(count: int, size: int) -> None:
    share = share_of(np.zeros(count), np.full(count, float(size)))
    assert share is not None
    assert share.puzzles == pytest.approx(count)
    assert (share.value, share.low) == (0.0, 0.0)
    assert share.high == pytest.approx(1 - 0.025 ** (1 / count))


@given(puzzles)
def test_the_value_lies_within_and_the_interval_is_not_empty(sizes: list[tuple[int, int]]) -> None:
    hits, misses = np.array(sizes, dtype=float).T
    share = share_of(hits, hits + misses)
    if not (hits + misses).any():
        assert share is None
        return
    assert share is not None
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low < share.high
    other = share_of(misses, hits + misses)
    assert other is not None
    if share.value != 0.5:
        assert (1 - other.high, 1 - other.low) == pytest.approx((share.low, share.high), abs=1e-9)


def test_rows_that_are_alike_are_worth_one() -> None:
    # 60 puzzles of 5 rows, all or none of them right: as good as 60 rows.
    hits = np.array([5.0] * 40 + [0.0] * 20)
    share = share_of(hits, np.full(60, 5.0))
    assert share is not None
    assert (share.low, share.high) == pytest.approx(binomial_interval(2 / 3, 60), abs=0.003)


def test_independent_rows_are_worth_what_they_are() -> None:
    hits = np.random.default_rng(0).binomial(5, 0.5, size=2000).astype(float)
    share = share_of(hits, np.full(2000, 5.0))
    assert share is not None
    assert share.high - share.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(10_000), rel=0.05)


def test_with_few_wrong_rows_one_more_puzzle_is_imagined() -> None:
    # Ten wrong rows in 100 puzzles of 5: no sign that rows are alike (deff 1), and one imagined puzzle with deff 5.
    share = share_of(np.array([5.0] * 90 + [4.0] * 10), np.full(100, 5.0))
    assert share is not None
    assert share.rare == 10
    assert (share.low, share.high) == pytest.approx(binomial_interval(490 / 500, 500 / (15 / 11)), abs=1e-4)


def test_one_wrong_row_does_not_make_a_share_seem_surer_than_none() -> None:
    one = share_of(np.array([5.0] * 99 + [4.0]), np.full(100, 5.0))
    none = share_of(np.full(100, 5.0), np.full(100, 5.0))
    assert one is not None
    assert none is not None
    # Taken by itself it would: of the imagined puzzle's rows and the wrong one half are alike, of no wrong ones all.
    assert binomial_interval(499 / 500, 500 / 3)[0] > none.low
    assert one.low == none.low
    assert one.high == pytest.approx(binomial_interval(499 / 500, 500 / 3)[1], abs=1e-4)


def test_shares_of_the_same_puzzles_move_together() -> None:
    """A sum of two shares that are the same one is twice as uncertain, and their difference is certain."""
    hits, sizes = np.array([2.0, 0, 1, 2, 0, 2, 2, 1]), np.full(8, 2.0)
    share = share_of(hits, sizes)
    assert share is not None
    low, high = combined_interval(2 * share.value, [WeightedShare(1, share), WeightedShare(1, share)])
    assert (low, high) == pytest.approx((2 * share.low, 2 * share.high))
    # The ends of a difference are not symmetric, so it is not quite certain.
    low, high = combined_interval(0.0, [WeightedShare(1, share), WeightedShare(-1, share)])
    assert high - low < 0.25 * (share.high - share.low)


def test_one_large_puzzle_leaves_few_effective_ones() -> None:
    share = share_of(np.array([90.0, 1, 1]), np.array([90.0, 1, 1]))
    assert share is not None
    assert share.puzzles < 1.1
    assert share.low < 0.05


@given(puzzles, st.floats(0.1, 3))
def test_the_error_is_that_of_ordinary_least_squares_with_clusters(sizes: list[tuple[int, int]], weight: float) -> None:
    hits, misses = np.array(sizes, dtype=float).T
    share = share_of(hits, hits + misses)
    groups = np.repeat(np.arange(len(sizes)), (hits + misses).astype(int))
    if share is None or len(set(groups.tolist())) < 2:
        return
    answers = np.concatenate([[1.0] * int(h) + [0.0] * int(m) for h, m in sizes])
    fit = sm.OLS(answers, np.ones(len(answers)))
    # statsmodels multiplies by (n - 1) / (n - parameters), which is 1 here, and k / (k - 1).
    peer = fit.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse[0]
    assert clustered_error([WeightedShare(weight, share)]) == pytest.approx(weight * peer, abs=1e-9)


def test_a_difference_of_shares_adds_their_errors() -> None:
    # The puzzles of one have no rows of the other, so nothing moves them together.
    first, second = np.array([100.0, 100.0, 0, 0]), np.array([0, 0, 100.0, 100.0])
    one, other = share_of(0.5 * first, first), share_of(0.5 * second, second)
    assert one is not None
    assert other is not None
    low, high = combined_interval(0.0, [WeightedShare(1, one), WeightedShare(-1, other)])
    assert high == pytest.approx(math.hypot(one.high - 0.5, 0.5 - other.low))
    assert low == pytest.approx(-high)
