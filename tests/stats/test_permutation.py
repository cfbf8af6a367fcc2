"""The sign-flip test against a count of all patterns, its sampled form, McNemar and Holm."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from entailbench.stats import permutation
from entailbench.stats.permutation import SAMPLED, holm, mcnemar, sign_flip

differences = st.lists(st.integers(-40, 40), max_size=10)


def by_counting(values: list[int]) -> float:
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in product((1, -1), repeat=len(values))
    ]
    return sum(one >= abs(sum(values)) for one in sums) / len(sums)


@settings(deadline=None)
@given(differences)
def test_it_is_the_share_of_all_sign_patterns(values: list[int]) -> None:
    assert sign_flip(np.array(values, dtype=np.int64)) == pytest.approx(by_counting(values))


@given(differences)
def test_who_is_first_does_not_matter_nor_the_unit(values: list[int]) -> None:
    p = sign_flip(np.array(values, dtype=np.int64))
    assert sign_flip(-np.array(values, dtype=np.int64)) == pytest.approx(p)
    assert sign_flip(7 * np.array(values, dtype=np.int64)) == pytest.approx(p)
    assert 0 < p <= 1


@pytest.mark.parametrize("count", [1, 5, 6, 40, 400])
def test_when_all_puzzles_agree_p_is_two_halves_to_the_power(count: int) -> None:
    assert sign_flip(np.full(count, 3)) == pytest.approx(2 * 0.5**count)


def test_a_large_unit_is_divided_out_before_the_work_is_counted() -> None:
    assert sign_flip(np.full(40, 10**9)) == pytest.approx(2 * 0.5**40)


@pytest.mark.parametrize("largest", [1, 3, 20])
def test_sampling_gives_about_the_same_and_never_nought(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = largest
    values = np.random.default_rng(seed).integers(-largest, largest + 1, size=60)
    exact = sign_flip(values)
    monkeypatch.setattr(permutation, "EXACT_STEPS", 0)
    sampled = sign_flip(values, seed)
    assert sampled == pytest.approx(exact, abs=5 * (exact * (1 - exact) / SAMPLED) ** 0.5 + 2 / SAMPLED)
    assert sign_flip(values, seed) == sampled
    assert sign_flip(np.full(100, 5)) == 1 / (SAMPLED + 1)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_mcnemar_is_a_fair_coin(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)


def test_sign_flip_on_single_questions_of_one_weight_is_mcnemar() -> None:
    values = np.array([1] * 14 + [-1] * 5 + [0] * 30)
    assert sign_flip(values) == pytest.approx(mcnemar(14, 5))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()
