"""Accuracy by class: properties, and the models whose score is known beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED, UsageError
from entailbench.scoring import best_constant, score

golds = st.lists(st.sampled_from(LABELS), min_size=1, max_size=60)


@given(golds)
def test_a_perfect_model_scores_one(gold: list[str]) -> None:
    found = score(gold, gold)
    assert found.overall == 1.0
    assert found.unparsed == 0
    assert found.balanced in (1.0, None)


@given(golds)
def test_an_inverted_model_scores_zero(gold: list[str]) -> None:
    other = {ENTAILMENT: NOT_ENTAILMENT, NOT_ENTAILMENT: ENTAILMENT}
    assert score(gold, [other[g] for g in gold]).overall == 0.0


@given(golds)
def test_the_best_constant_scores_the_base_rate(gold: list[str]) -> None:
    label, found = best_constant(gold)
    share = max(gold.count(x) for x in LABELS) / len(gold)
    assert found.overall == pytest.approx(share)
    assert gold.count(label) == max(gold.count(x) for x in LABELS)
    if set(gold) == set(LABELS):
        assert found.balanced == 0.5


@given(golds)
def test_unparsed_is_wrong_and_counted(gold: list[str]) -> None:
    found = score(gold, [UNPARSED] * len(gold))
    assert found.overall == 0.0
    assert found.unparsed == len(gold)


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, UNPARSED))), min_size=1), st.randoms())
def test_order_of_rows_does_not_matter_and_overall_is_the_weighted_mean(rows, random) -> None:  # type: ignore[no-untyped-def]
    gold, predicted = [g for g, _ in rows], [p for _, p in rows]
    found = score(gold, predicted)
    random.shuffle(rows)
    assert score([g for g, _ in rows], [p for _, p in rows]) == found
    n = gold.count(ENTAILMENT)
    parts = (found.entailment or 0) * n + (found.not_entailment or 0) * (len(gold) - n)
    assert found.overall == pytest.approx(parts / len(gold))


def test_a_class_that_does_not_occur_has_no_accuracy() -> None:
    found = score([ENTAILMENT, ENTAILMENT], [ENTAILMENT, UNPARSED])
    assert (found.overall, found.entailment, found.not_entailment, found.balanced) == (0.5, 0.5, None, None)
    assert score([], []).overall is None


def test_hand_computed() -> None:
    gold = [ENTAILMENT, ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT]
    found = score(gold, [ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT, UNPARSED, ENTAILMENT])
    assert (found.overall, found.entailment, found.unparsed) == (0.4, 0.5, 1)
    assert found.not_entailment == pytest.approx(1 / 3)
    assert found.balanced == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_labels_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="row 1: gold label 'maybe'"):
        score([ENTAILMENT, "maybe"], [ENTAILMENT, ENTAILMENT])
    with pytest.raises(UsageError, match="row 0: gold label 'unparsed'"):
        score([UNPARSED], [ENTAILMENT])
    with pytest.raises(UsageError, match="2 gold labels but 1"):
        score([ENTAILMENT, ENTAILMENT], [ENTAILMENT])
