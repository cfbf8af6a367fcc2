"""The smallest difference: the formula, its floor, and whether it is found as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from entailbench.stats.permutation import sign_flip
from entailbench.stats.power import smallest_difference


def test_the_normal_formula() -> None:
    assert smallest_difference(0.01, 500, 0.0001) == pytest.approx((1.959964 + 0.841621) * 0.01, rel=1e-5)
    assert smallest_difference(0.01, 500, 0.0001, level=0.05 / 3) == pytest.approx(
        (2.393980 + 0.841621) * 0.01, rel=1e-5
    )


def test_where_hardly_anything_differs_six_puzzles_must() -> None:
    found = smallest_difference(0.0, 500, 0.001)
    assert found is not None
    assert poisson.sf(5, found / 0.001) == pytest.approx(0.8)


def test_too_few_puzzles_show_nothing() -> None:
    assert smallest_difference(0.1, 5, 0.1) is None
    assert smallest_difference(0.01, 6, 0.01) is not None
    assert smallest_difference(0.5, 100, 0.01) is None


@pytest.mark.parametrize("share", [0.06, 0.3, 0.6])
def test_it_is_found_in_four_of_five_samples(share: float) -> None:
    """One question a puzzle; so many of 300 differ, a little more of them for one model than for the other."""
    puzzles, samples = 300, 800
    rng = np.random.default_rng(0)
    difference = smallest_difference(np.sqrt(share / puzzles), puzzles, 1 / puzzles)
    assert difference is not None
    for_first = (share + difference) / 2
    steps = rng.choice([1, -1, 0], p=[for_first, share - for_first, 1 - share], size=(samples, puzzles))
    power = np.mean([sign_flip(step) < 0.05 for step in steps])
    assert 0.74 < power < 0.88
