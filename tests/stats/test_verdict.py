"""The sentences, word by word."""

from __future__ import annotations

import dataclasses

from entailbench.findings import Estimate
from entailbench.stats.paired import Pair
from entailbench.stats.verdict import verdict

PAIR = Pair("balanced", Estimate(0.412, 0.36, 0.461), 0.00001, 0.0, 500, 20, 0.04)


def said(pair: Pair, p_holm: float | None = None, pairs: int = 1) -> str:
    p = pair.p if p_holm is None else p_holm
    return verdict("lora", "base", pair, p, pairs=pairs, rows=1000, puzzles=420)


def test_a_clear_difference() -> None:
    assert said(PAIR) == (
        "lora beats base by 41.2 points of balanced accuracy (95% CI 36.0–46.1, p < 0.001 by permutation over puzzles, "
        "n = 1,000 questions on 420 puzzles)"
    )


def test_the_winner_stands_first() -> None:
    turned = dataclasses.replace(PAIR, difference=Estimate(-0.412, -0.461, -0.36))
    assert said(turned) == said(PAIR).replace("lora beats base", "base beats lora")


def test_no_clear_difference_names_what_would_have_been_one() -> None:
    pair = dataclasses.replace(PAIR, difference=Estimate(-0.012, -0.044, 0.02), p=0.479, smallest=0.0456)
    assert said(pair) == (
        "cannot tell lora and base apart: 1.2 points of balanced accuracy in favour of base (95% CI −2.0 to 4.4, "
        "p = 0.48 by permutation over puzzles, n = 1,000 questions on 420 puzzles); this sample would have shown a "
        "difference of 4.6 points or more with a chance of 80%"
    )


def test_equal_answers_and_too_small_a_sample() -> None:
    pair = Pair("overall", Estimate(0.0, -0.9, 0.9), 1.0, 1.0, 0, 0, None)
    assert verdict("a", "b", pair, 1.0, pairs=1, rows=1, puzzles=1) == (
        "cannot tell a and b apart: both are right on the same rows (95% CI −90.0 to 90.0, p = 1.00 by permutation "
        "over puzzles, n = 1 question on 1 puzzle); a sample this small could not have shown any difference"
    )


def test_a_difference_of_nought() -> None:
    pair = dataclasses.replace(PAIR, difference=Estimate(0.0, -0.02, 0.02), p=1.0)
    assert said(pair).startswith("cannot tell lora and base apart: the same balanced accuracy (95% CI −2.0 to 2.0, p =")


def test_what_counts_is_the_corrected_p() -> None:
    pair = dataclasses.replace(PAIR, p=0.03)
    assert "beats" in said(pair, 0.03)
    assert said(pair, 0.09, pairs=3).startswith("cannot tell")
    assert "p = 0.090 by permutation over puzzles, corrected for 3 pairs (Holm)" in said(pair, 0.09, pairs=3)
