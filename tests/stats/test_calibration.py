"""Probabilities: AUROC and Brier against scikit-learn, calibration by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_answers import many_rows, model, rows_of, task
from scipy.stats import t
from sklearn.metrics import brier_score_loss, roc_auc_score

from entailbench import ENTAILMENT, NOT_ENTAILMENT
from entailbench.answered import Judged, ModelAnswers, Row
from entailbench.findings import ModelResult
from entailbench.stats import analyse_task
from entailbench.stats.calibration import _auroc, reliability

scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
scored = st.lists(st.tuples(st.booleans(), scores, st.integers(0, 5)), min_size=2, max_size=40)


def saying(rows: list[Row], probabilities: list[float | None], name: str = "one") -> ModelAnswers:
    return model(name, rows, lambda row: Judged(row.doc_id, row.gold, probability=probabilities[row.doc_id]))


def analysed(rows: list[Row], *models: ModelAnswers, draws: int = 100) -> tuple[ModelResult, ...]:
    return analyse_task(task(rows, *models), draws=draws).models


@settings(deadline=None)
@given(scored, st.data())
def test_auroc_of_resamples_is_scikit_learns_with_weights(
    answers: list[tuple[bool, float, int]], data: st.DataObject
) -> None:
    entailed = np.array([truth for truth, _, _ in answers])
    said = np.array([score for _, score, _ in answers])
    puzzle = np.array([number for *_, number in answers])
    drawn = np.array(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=4)))
    order = np.argsort(said, kind="stable")
    found = _auroc(entailed[order], puzzle[order], said[order], drawn.astype(float))
    for line, value in zip(drawn, found, strict=True):
        weight = line[puzzle].astype(float)
        if not (weight * entailed).any() or not (weight * ~entailed).any():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(roc_auc_score(entailed, said, sample_weight=weight))


@settings(deadline=None, max_examples=30)
@given(scored)
def test_auroc_and_brier_are_scikit_learns(answers: list[tuple[bool, float, int]]) -> None:
    truths = [truth for truth, *_ in answers]
    said = [score for _, score, _ in answers]
    rows = rows_of(
        [ENTAILMENT if t else NOT_ENTAILMENT for t in truths], [f"puzzle {number}" for *_, number in answers]
    )
    (found,) = analysed(rows, saying(rows, said))
    assert found.value("brier") == pytest.approx(brier_score_loss(truths, said))
    if len(set(truths)) == 2:
        figure = found.metrics["auroc"]
        assert figure.value == pytest.approx(roc_auc_score(truths, said))
        assert 0 <= figure.low <= figure.value <= figure.high <= 1  # type: ignore[operator]
        assert figure.low < figure.high  # type: ignore[operator]
    else:
        assert found.metrics["auroc"].undefined == "all rows have one label"


def test_auroc_does_not_change_when_scores_are_stretched() -> None:
    rows = many_rows(100, 50)
    said = np.random.default_rng(0).random(100)
    one, other = analysed(rows, saying(rows, said.tolist()), saying(rows, (said**3).tolist(), "stretched"))
    assert one.metrics["auroc"] == other.metrics["auroc"]


def test_blocks_do_not_change_auroc(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_rows(100, 50)
    said: list[float | None] = np.random.default_rng(0).random(100).tolist()
    (whole,) = analysed(rows, saying(rows, said))
    monkeypatch.setattr("entailbench.stats.calibration.BLOCK", 777)
    (blocks,) = analysed(rows, saying(rows, said))
    assert blocks.metrics["auroc"] == whole.metrics["auroc"]


def test_leaving_out_groups_gives_about_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_rows(600, 250)
    rng = np.random.default_rng(0)
    answered = saying(rows, [0.5 * rng.random() + 0.3 * (row.gold == ENTAILMENT) for row in rows])
    (groups,) = analysed(rows, answered)
    monkeypatch.setattr("entailbench.stats.calibration.GROUPS", 1000)
    (single,) = analysed(rows, answered)
    assert groups.metrics["auroc"].error == pytest.approx(single.metrics["auroc"].error, rel=0.1)
    assert groups.metrics["auroc"].low == pytest.approx(single.metrics["auroc"].low, abs=0.002)


def test_perfect_probabilities() -> None:
    rows = rows_of([ENTAILMENT] * 30 + [NOT_ENTAILMENT] * 60)
    (found,) = analysed(rows, saying(rows, [1.0] * 30 + [0.0] * 60))
    assert (found.value("auroc"), found.value("brier"), found.value("ece")) == (1.0, 0.0, 0.0)
    assert found.metrics["auroc"].low == pytest.approx(0.025 ** (1 / 30))
    assert found.metrics["brier"].high == pytest.approx(1 - 0.025 ** (1 / 90))
    ece = found.metrics["ece"]
    assert (ece.low, ece.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 90)))


def test_inverted_probabilities() -> None:
    rows = rows_of([ENTAILMENT] * 30 + [NOT_ENTAILMENT] * 60)
    (found,) = analysed(rows, saying(rows, [0.0] * 30 + [1.0] * 60))
    assert (found.value("auroc"), found.value("brier"), found.value("ece")) == (0.0, 1.0, 1.0)
    assert found.metrics["auroc"].high == pytest.approx(1 - 0.025 ** (1 / 30))
    for name in ("brier", "ece"):
        assert found.metrics[name].low == pytest.approx(0.025 ** (1 / 90))


def test_the_same_probability_for_all_rows() -> None:
    """One bin, so the calibration error is the distance of a share from a number, and its interval the share's."""
    rows = rows_of([ENTAILMENT] * 60 + [NOT_ENTAILMENT] * 40)
    (found,) = analysed(rows, saying(rows, [0.1] * 100), draws=2000)
    ece = found.metrics["ece"]
    assert ece.value == pytest.approx(0.5)
    reach = t.ppf(0.975, 99) * np.sqrt(0.6 * 0.4 / 99)
    assert (ece.low, ece.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.005)


def test_noise_is_taken_off_the_interval_of_the_calibration_error() -> None:
    """Half of the bins are far off, and the other half are right but for noise, which adds to the figure."""
    rng = np.random.default_rng(8)
    said = rng.random(400)
    chance = np.where(said < 0.5, said, 1 - said)
    rows = rows_of([ENTAILMENT if rng.random() < p else NOT_ENTAILMENT for p in chance])
    (found,) = analysed(rows, saying(rows, said.tolist()), draws=1000)
    ece = found.metrics["ece"]
    assert (ece.low + ece.high) / 2 < ece.value - 0.003  # type: ignore[operator]
    # Its truth is ∫ |2p − 1| over the upper half, a quarter.
    assert ece.low < 0.25 < ece.high  # type: ignore[operator]


def test_probabilities_that_are_true_of_puzzles_whose_rows_are_alike() -> None:
    """The calibration error of 40 puzzles of 10 equal rows is that of 40 rows, which is large by chance alone."""
    rng = np.random.default_rng(5)
    said = np.repeat(rng.random(40), 10)
    labels = np.repeat(rng.random(40), 10) < said
    golds = [ENTAILMENT if truth else NOT_ENTAILMENT for truth in labels]
    alike, apart = rows_of(golds, [f"puzzle {row // 10}" for row in range(400)]), rows_of(golds)
    (found,) = analysed(alike, saying(alike, said.tolist()))
    assert found.value("ece") > 0.08  # type: ignore[operator]
    assert found.metrics["ece"].low == 0.0
    # As rows that have nothing to do with each other they would prove the probabilities wrong.
    (found,) = analysed(apart, saying(apart, said.tolist()))
    assert found.metrics["ece"].low > 0  # type: ignore[operator]


def test_reliability_by_hand() -> None:
    first, last = reliability([True, False, True, True], [0.05, 0.0, 1.0, 0.9])
    assert (first.low, first.high, first.rows, first.probability, first.entailed) == (0.0, 0.1, 2, 0.025, 0.5)
    assert (last.low, last.rows, last.probability, last.entailed) == (0.9, 2, 0.95, 1.0)


@settings(deadline=None, max_examples=30)
@given(scored)
def test_the_calibration_error_is_that_of_the_plot(answers: list[tuple[bool, float, int]]) -> None:
    rows = rows_of([ENTAILMENT if t else NOT_ENTAILMENT for t, *_ in answers])
    (found,) = analysed(rows, saying(rows, [score for _, score, _ in answers]))
    bins = found.reliability
    assert sum(one.rows for one in bins) == len(rows)
    by_bins = sum(one.rows * abs(one.probability - one.entailed) for one in bins) / len(rows)
    assert found.value("ece") == pytest.approx(by_bins)
    figure = found.metrics["ece"]
    assert 0 <= figure.low <= figure.value <= figure.high <= 1  # type: ignore[operator]


def test_true_probabilities_cannot_be_told_from_a_calibration_error_of_nought() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(300)
    rows = rows_of([ENTAILMENT if rng.random() < p else NOT_ENTAILMENT for p in said])
    (true, shifted) = analysed(
        rows, saying(rows, said.tolist()), saying(rows, [min(1.0, p + 0.3) for p in said], "shifted")
    )
    assert true.value("ece") > 0.02  # type: ignore[operator]
    assert true.metrics["ece"].low == 0.0
    assert shifted.metrics["ece"].low > 0.1  # type: ignore[operator]


def test_rows_without_a_probability_are_left_out() -> None:
    rows = many_rows(60, 30)
    said: list[float | None] = np.random.default_rng(0).random(60).tolist()
    said[7] = None
    (found,) = analysed(rows, saying(rows, said))
    kept = [(row.gold == ENTAILMENT, p) for row, p in zip(rows, said, strict=True) if p is not None]
    assert found.value("auroc") == pytest.approx(roc_auc_score(*zip(*kept, strict=True)))
    assert sum(one.rows for one in found.reliability) == 59
