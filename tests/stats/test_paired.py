"""Comparisons: what is equal cannot be told apart, what differs is found, and rows of a puzzle count as one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from made_up_answers import answered_rows, constant, inverted, many_rows, model, noisy, perfect, rows_of, task

from entailbench import ENTAILMENT, NOT_ENTAILMENT
from entailbench.answered import Judged, ModelAnswers, Row
from entailbench.findings import Comparison
from entailbench.stats import analyse_task


def compared(rows: list[Row], *models: ModelAnswers, draws: int = 300) -> tuple[Comparison, ...]:
    return analyse_task(task(rows, *models), draws=draws).comparisons


def test_a_perfect_model_beats_a_constant_one() -> None:
    rows = many_rows(200, 100)
    (pair,) = compared(rows, constant(rows), perfect(rows))
    assert (pair.first, pair.second, pair.metric) == ("constant", "perfect", "balanced")
    assert pair.difference.value == -0.5
    assert pair.difference.high is not None
    assert pair.difference.high < -0.4
    assert pair.p < 1e-6
    assert (pair.only_first, pair.only_second) == (0, sum(row.gold == ENTAILMENT for row in rows))


def test_the_same_answers_cannot_be_told_apart_and_their_interval_is_not_empty() -> None:
    golds = [ENTAILMENT, NOT_ENTAILMENT] * 50
    rows = rows_of(golds)
    (pair,) = compared(rows, noisy(rows, 0.7, 1, "one"), noisy(rows, 0.7, 1, "two"))
    assert (pair.p, pair.p_holm, pair.mcnemar, pair.difference.value) == (1.0, 1.0, 1.0, 0.0)
    # Four shares of nought in 50 rows each, weighed by a half.
    reach = math.sqrt(2) / 2 * (1 - 0.025 ** (1 / 50))
    assert (pair.difference.low, pair.difference.high) == pytest.approx((-reach, reach))
    assert pair.smallest is not None


def test_the_interval_of_a_difference_is_as_far_on_either_side() -> None:
    rows = many_rows(300, 120)
    (pair,) = compared(rows, noisy(rows, 0.9, 1, "one"), noisy(rows, 0.6, 2, "two"), draws=2000)
    low, value, high, error = (
        pair.difference.low,
        pair.difference.value,
        pair.difference.high,
        pair.difference.error,
    )
    assert high - value == pytest.approx(value - low)  # type: ignore[operator]
    assert high - value == pytest.approx(1.99 * error, rel=0.05)  # type: ignore[operator]


def test_two_constants_of_the_two_labels_are_equal_in_balanced_accuracy() -> None:
    rows = many_rows(200, 80)
    (pair,) = compared(rows, constant(rows, ENTAILMENT, "yes"), constant(rows, NOT_ENTAILMENT, "no"))
    assert pair.difference.value == 0
    assert pair.p > 0.9


@settings(deadline=None, max_examples=30)
@given(answered_rows)
def test_turning_a_pair_round_turns_its_sign(answers: list[tuple[str, str, str, int]]) -> None:
    rows = rows_of([gold for gold, *_ in answers], [f"puzzle {number}" for *_, number in answers])
    one, two = (
        ModelAnswers(name, tuple(Judged(i, line[place]) for i, line in enumerate(answers)))
        for name, place in (("one", 1), ("two", 2))
    )
    (there,), (back,) = compared(rows, one, two, draws=60), compared(rows, two, one, draws=60)
    assert there.difference.value is not None
    assert there.difference.low is not None
    assert there.difference.high is not None
    assert -1 <= there.difference.low <= there.difference.value <= there.difference.high <= 1
    assert there.difference.low < there.difference.high
    assert back.difference.value == pytest.approx(-there.difference.value)
    assert back.p == pytest.approx(there.p)
    assert (back.only_first, back.only_second) == (there.only_second, there.only_first)
    assert back.smallest == pytest.approx(there.smallest) if there.smallest is not None else back.smallest is None
    assert (there.metric == "overall") == (len({gold for gold, *_ in answers}) == 1)


def test_without_one_class_overall_accuracy_is_compared() -> None:
    rows = rows_of([ENTAILMENT] * 30)
    (pair,) = compared(rows, perfect(rows), inverted(rows))
    assert (pair.metric, pair.difference.value) == ("overall", 1.0)
    assert pair.verdict.startswith("perfect beats inverted by 100.0 points of accuracy (")


def test_copies_of_questions_do_not_make_a_difference_surer() -> None:
    once = rows_of([ENTAILMENT, NOT_ENTAILMENT] * 40)
    one, two = noisy(once, 0.8, 3, "one"), noisy(once, 0.6, 4, "two")
    (alone,) = compared(once, one, two, draws=1000)
    copies = rows_of([row.gold for row in once for _ in range(5)], [row.puzzle for row in once for _ in range(5)])
    (copied,) = compared(
        copies,
        *(model(m.name, copies, lambda row, m=m: m.answers[row.doc_id // 5].predicted) for m in (one, two)),
        draws=1000,
    )
    assert copied.p == pytest.approx(alone.p)
    assert (copied.difference.low, copied.difference.high) == pytest.approx(
        (alone.difference.low, alone.difference.high), abs=0.01
    )
    assert copied.smallest == pytest.approx(alone.smallest)
    # The test that ignores puzzles is taken in.
    assert copied.mcnemar < alone.mcnemar / 10


def test_the_bootstrap_agrees_with_the_clustered_error() -> None:
    rows = many_rows(1200, 400, seed=2)
    (pair,) = compared(rows, noisy(rows, 0.75, 1, "one"), noisy(rows, 0.7, 2, "two"), draws=4000)
    assert pair.difference.error is not None
    assert pair.difference.low is not None
    assert pair.difference.high is not None
    width = pair.difference.high - pair.difference.low
    assert width == pytest.approx(2 * 1.96 * pair.difference.error, rel=0.06)
    assert pair.smallest == pytest.approx((1.959964 + 0.841621) * pair.difference.error, rel=1e-5)


def test_all_pairs_are_compared_and_corrected() -> None:
    rows = many_rows(300, 150)
    pairs = compared(rows, noisy(rows, 0.9, 1, "a"), noisy(rows, 0.6, 2, "b"), noisy(rows, 0.6, 3, "c"))
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(pair.p_holm >= pair.p for pair in pairs)
    assert "corrected for 3 pairs" in pairs[0].verdict
    # What is needed to pass the first step of Holm's correction.
    assert pairs[2].smallest == pytest.approx((2.393980 + 0.841621) * pairs[2].difference.error, rel=1e-5)
    assert compared(rows, perfect(rows)) == ()


def test_a_model_that_does_not_beat_a_baseline_is_marked() -> None:
    rows = many_rows(400, 200)
    bases = (constant(rows), noisy(rows, 0.52, 5, "random"), ModelAnswers("none", (), unavailable="no train split"))
    found = analyse_task(
        task(rows, perfect(rows), noisy(rows, 0.5, 6, "coin"), constant(rows, name="same"), baselines=bases), draws=300
    )
    assert [result.not_better_than for result in found.models] == [
        (),
        ("constant", "random"),
        ("constant", "random"),
    ]
    assert [base.not_better_than for base in found.baselines] == [(), (), ()]
    last = found.baselines[-1]
    assert (last.unavailable, last.baseline, dict(last.metrics)) == ("no train split", True, {})


def test_three_right_answers_beat_no_baseline() -> None:
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT, ENTAILMENT])
    (found,) = analyse_task(task(rows, perfect(rows), baselines=[constant(rows)]), draws=200).models
    assert found.not_better_than == ("constant",)


def test_numbers_are_plain_python() -> None:
    rows = many_rows(60, 30)
    (pair,) = compared(rows, perfect(rows), noisy(rows, 0.5, 1))
    for value in (pair.p, pair.p_holm, pair.mcnemar, pair.smallest, pair.difference.value, pair.difference.low):
        assert type(value) is float
    assert type(pair.only_first) is type(pair.rows) is int
    assert not isinstance(pair.p, np.floating)
