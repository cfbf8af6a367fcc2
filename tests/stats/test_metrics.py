"""Figures: equal to scikit-learn's, known for known models, undefined with a reason, and independent of order."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_answers import answered_rows, constant, inverted, many_rows, model, noisy, perfect, rows_of, task
from sklearn import metrics as peer

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED, DataError
from entailbench.answered import Judged, ModelAnswers, Row
from entailbench.findings import METRICS, ModelResult
from entailbench.stats import analyse_task
from entailbench.stats.counts import FORMULAS, columns_of
from entailbench.stats.intervals import Sums
from entailbench.stats.metrics import point_values
from entailbench.stats.resampling import weights
from entailbench.stats.sample import sample_of

golds = st.lists(st.sampled_from(LABELS), min_size=1, max_size=30)
FEW_DRAWS = 50


def analysed(rows: list[Row], *models: ModelAnswers, draws: int = FEW_DRAWS) -> tuple[ModelResult, ...]:
    return analyse_task(task(rows, *models), draws=draws).models


@settings(deadline=None, max_examples=30)
@given(golds)
def test_a_perfect_model_has_the_best_of_every_figure(gold: list[str]) -> None:
    rows = rows_of(gold)
    (found,) = analysed(rows, perfect(rows))
    for name, figure in found.metrics.items():
        assert figure.value in (1.0, None), name
        assert figure.high in (1.0, None)
    assert found.unparsed == 0
    # A puzzle for each row: the exact interval in closed form.
    assert found.metrics["overall"].low == pytest.approx(0.025 ** (1 / len(gold)))


@settings(deadline=None, max_examples=30)
@given(golds)
def test_an_inverted_model_has_the_worst(gold: list[str]) -> None:
    rows = rows_of(gold)
    (found,) = analysed(rows, inverted(rows))
    assert found.value("overall") == 0.0
    assert found.metrics["overall"].high == pytest.approx(1 - 0.025 ** (1 / len(gold)))
    if len(set(gold)) == 2:
        assert (found.value("balanced"), found.value("mcc"), found.value("macro_f1")) == (0.0, -1.0, 0.0)


@settings(deadline=None, max_examples=30)
@given(golds, st.sampled_from(LABELS))
def test_a_constant_model_scores_the_share_of_its_label(gold: list[str], label: str) -> None:
    rows = rows_of(gold)
    (found,) = analysed(rows, constant(rows, label))
    assert found.value("overall") == pytest.approx(gold.count(label) / len(gold))
    if len(set(gold)) == 2:
        assert (found.value("balanced"), found.value("mcc"), found.value("kappa")) == (0.5, 0.0, 0.0)
        figure = found.metrics["balanced"]
        count, other = gold.count(label), len(gold) - gold.count(label)
        assert figure.low == pytest.approx(0.5 - (1 - 0.025 ** (1 / count)) / 2)
        assert figure.high == pytest.approx(0.5 + (1 - 0.025 ** (1 / other)) / 2)


@settings(deadline=None, max_examples=30)
@given(golds)
def test_unparsed_answers_are_wrong_counted_and_leave_nothing_to_read(gold: list[str]) -> None:
    rows = rows_of(gold)
    (found,) = analysed(rows, constant(rows, UNPARSED))
    assert (found.value("overall"), found.value("parsed"), found.unparsed) == (0.0, 0.0, len(gold))
    assert found.metrics["overall_parsed"].undefined == "no answer could be read"
    assert found.metrics["balanced_parsed"].value is None


def test_a_fair_coin_is_about_chance() -> None:
    rows = many_rows(3000, 1000)
    (found,) = analysed(rows, noisy(rows, 0.5, seed=1), draws=500)
    for name, chance in (("balanced", 0.5), ("overall", 0.5), ("mcc", 0.0), ("kappa", 0.0)):
        figure = found.metrics[name]
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < chance < figure.high, name
        assert figure.high - figure.low < 0.1


@settings(deadline=None, max_examples=30)
@given(answered_rows)
def test_formulas_equal_scikit_learns_on_samples_and_resamples(answers: list[tuple[str, str, str, int]]) -> None:
    rows = rows_of([gold for gold, *_ in answers], [f"puzzle {number}" for *_, number in answers])
    gold = [row.gold for row in rows]
    said = [one for _, one, _, _ in answers]
    answered = ModelAnswers("one", tuple(Judged(row.doc_id, label) for row, label in zip(rows, said, strict=True)))
    sample = sample_of(rows)
    resamples = weights(sample.puzzles, 5, seed=len(rows))
    sums = Sums.of(sample.per_puzzle(columns_of(rows, answered.answers)), resamples)
    exactly = point_values(rows, answered)
    assert set(exactly) == ({"macro_f1", "mcc", "kappa"} if len(set(gold)) == 2 else set())
    for name, value in exactly.items():
        assert float(FORMULAS[name](sums.total)) == pytest.approx(value, abs=1e-12)
    for line, resample in zip(sums.drawn, resamples, strict=True):
        weight = resample[sample.puzzle]
        drawn = {label for label, w in zip(gold, weight, strict=True) if w}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on answers that are no label of the sample
            assert float(FORMULAS["overall"](line)) == pytest.approx(
                peer.accuracy_score(gold, said, sample_weight=weight)
            )
            if len(drawn) < 2:
                assert np.isnan(FORMULAS["balanced"](line))
                assert np.isnan(FORMULAS["mcc"](line))
                assert np.isnan(FORMULAS["kappa"](line))
                assert np.isnan(FORMULAS["macro_f1"](line))
                continue
            assert float(FORMULAS["balanced"](line)) == pytest.approx(
                peer.balanced_accuracy_score(gold, said, sample_weight=weight)
            )
            assert float(FORMULAS["mcc"](line)) == pytest.approx(
                peer.matthews_corrcoef(gold, said, sample_weight=weight), abs=1e-12
            )
            assert float(FORMULAS["kappa"](line)) == pytest.approx(
                peer.cohen_kappa_score(gold, said, labels=[*LABELS, UNPARSED], sample_weight=weight), abs=1e-12
            )
            assert float(FORMULAS["macro_f1"](line)) == pytest.approx(
                peer.f1_score(gold, said, labels=LABELS, average="macro", sample_weight=weight, zero_division=0.0)
            )


@settings(deadline=None, max_examples=30)
@given(answered_rows, st.randoms())
def test_every_figure_is_a_number_or_has_a_reason_and_rows_may_come_in_any_order(
    answers: list[tuple[str, str, str, int]], shuffler: random.Random
) -> None:
    def found_of(order: list[tuple[str, str, str, int]]) -> object:
        rows = rows_of([gold for gold, *_ in order], [f"puzzle {number}" for *_, number in order])
        models = [
            ModelAnswers(name, tuple(Judged(i, line[place]) for i, line in enumerate(order)))
            for name, place in (("one", 1), ("two", 2))
        ]
        return analyse_task(task(rows, *models), draws=FEW_DRAWS)

    first = found_of(answers)
    for result in (*first.models, *first.baselines):  # type: ignore[attr-defined]
        for figure in result.metrics.values():
            if figure.value is None:
                assert figure.undefined
                assert figure.low is figure.high is figure.error is None
            else:
                lowest = -1.0 if figure in (result.metrics["mcc"], result.metrics["kappa"]) else 0.0
                assert lowest <= figure.low <= figure.value <= figure.high <= 1
                assert figure.low < figure.high
                assert figure.error is None or figure.error >= 0
    shuffled = list(answers)
    shuffler.shuffle(shuffled)
    assert repr(_rounded(found_of(shuffled))) == repr(_rounded(first))


def _rounded(found: object) -> object:
    """Sums of floats may differ in their last digits when rows are added in another order."""
    import dataclasses

    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return {field.name: _rounded(getattr(found, field.name)) for field in dataclasses.fields(found)}
    if isinstance(found, float):
        return round(found, 9) + 0.0
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    if isinstance(found, tuple):
        return tuple(map(_rounded, found))
    return found


@settings(deadline=None, max_examples=30)
@given(answered_rows)
def test_overall_is_the_weighted_mean_of_the_classes(answers: list[tuple[str, str, str, int]]) -> None:
    rows = rows_of([gold for gold, *_ in answers])
    (found,) = analysed(rows, model("one", rows, lambda row: answers[row.doc_id][1]))
    count = sum(row.gold == ENTAILMENT for row in rows)
    parts = (found.value("entailment") or 0) * count + (found.value("not_entailment") or 0) * (len(rows) - count)
    assert found.value("overall") == pytest.approx(parts / len(rows))


def test_by_hand() -> None:
    rows = rows_of([ENTAILMENT, ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT])
    said = [ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT, UNPARSED, ENTAILMENT]
    (found,) = analysed(rows, model("one", rows, lambda row: said[row.doc_id]))
    assert (found.value("overall"), found.value("entailment"), found.unparsed) == (0.4, 0.5, 1)
    assert found.value("not_entailment") == pytest.approx(1 / 3)
    assert found.value("balanced") == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (found.value("parsed"), found.value("overall_parsed")) == (0.8, 0.5)
    assert found.value("balanced_parsed") == 0.5
    assert found.confusion[NOT_ENTAILMENT] == {ENTAILMENT: 1, NOT_ENTAILMENT: 1, UNPARSED: 1}


def test_a_class_without_rows_leaves_figures_undefined() -> None:
    rows = rows_of([ENTAILMENT, ENTAILMENT])
    (found,) = analysed(rows, model("one", rows, lambda row: (ENTAILMENT, UNPARSED)[row.doc_id]))
    assert (found.value("overall"), found.value("entailment")) == (0.5, 0.5)
    assert found.metrics["not_entailment"].undefined == "no row has this label"
    for name in ("balanced", "macro_f1", "mcc", "kappa"):
        assert found.metrics[name].undefined == "all rows have one label"


def test_figures_of_a_perfect_model_go_as_low_as_its_class_accuracies_let_them() -> None:
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT] * 40)
    (found,) = analysed(rows, perfect(rows))
    wrong = 1 - 0.025 ** (1 / 40)
    # With one class at its lower end, MCC is that of the table [[1 - wrong, wrong], [0, 1]].
    one_class = 1 - (1 - wrong) / np.sqrt((1 - wrong) * (1 + wrong))
    assert found.metrics["mcc"].low == pytest.approx(1 - np.sqrt(2) * one_class)
    # Kappa is right + right - 1 where both labels have as many rows.
    assert found.metrics["kappa"].low == pytest.approx(1 - np.sqrt(2) * wrong)
    assert found.metrics["macro_f1"].low is not None
    assert 0.9 < found.metrics["macro_f1"].low < 1


def test_errors_agree_with_the_bootstrap() -> None:
    rows = many_rows(900, 300, seed=4)
    rng = np.random.default_rng(1)

    def answer(row: Row) -> Judged:
        right = rng.random() < 0.72
        return Judged(
            row.doc_id,
            row.gold if right else UNPARSED if rng.random() < 0.3 else LABELS[row.gold == ENTAILMENT],
            probability=float(rng.beta(3, 2) if row.gold == ENTAILMENT else rng.beta(2, 3)),
        )

    (found,) = analysed(rows, model("one", rows, answer), draws=2000)
    for name, figure in found.metrics.items():
        assert figure.error is not None, name
        assert figure.low is not None
        assert figure.high is not None
        assert figure.high - figure.low == pytest.approx(2 * 1.97 * figure.error, rel=0.1), name


def test_one_row_and_one_puzzle_have_wide_intervals() -> None:
    rows = rows_of([ENTAILMENT])
    (found,) = analysed(rows, perfect(rows))
    assert (found.metrics["overall"].low, found.metrics["overall"].high) == pytest.approx((0.025, 1.0))
    assert found.metrics["overall"].error is None
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT] * 50, ["the same"] * 100)
    (found,) = analysed(rows, noisy(rows, 0.7, seed=1))
    assert found.metrics["overall"].low is not None
    assert found.metrics["overall"].high is not None
    assert found.metrics["overall"].high - found.metrics["overall"].low > 0.8


def test_figures_stand_in_the_order_of_metrics_and_only_where_a_task_can_have_them() -> None:
    order = [metric.name for metric in METRICS]
    rows = many_rows(40, 20)
    (plain,) = analysed(rows, perfect(rows))
    assert not {"exact", "three_way", "proof_validity", "auroc", "brier", "ece"} & set(plain.metrics)
    assert list(plain.metrics) == [name for name in order if name in plain.metrics]
    full = model("full", rows, lambda row: Judged(row.doc_id, row.gold, exact=True, proof=False, probability=0.5))
    (found,) = analysed(rows, full)
    assert found.value("exact") == 1.0
    assert found.value("proof_validity") == 0.0
    assert list(found.metrics) == [name for name in order if name != "three_way"]


def test_what_one_model_gives_and_another_does_not_is_undefined_for_it() -> None:
    rows = many_rows(40, 20)
    giving = model("giving", rows, lambda row: Judged(row.doc_id, row.gold, exact=True, proof=True, probability=0.5))
    _, silent = analysed(rows, giving, model("silent", rows, lambda row: Judged(row.doc_id, row.gold)))
    assert silent.metrics["exact"].undefined == "it writes no answers"
    assert silent.metrics["proof_validity"].undefined == "it gives no proofs"
    for name in ("auroc", "brier", "ece"):
        assert silent.metrics[name].undefined == "no row has a probability"


def test_three_way_accuracy_counts_a_bare_not_entailment_as_wrong() -> None:
    contradiction, unknown = "not entailment - contradiction", "not entailment - unknown"
    truths = [ENTAILMENT, contradiction, unknown, unknown]
    rows = [
        Row(i, f"{i}", f"puzzle {i}", "c", "q", ENTAILMENT if t == ENTAILMENT else NOT_ENTAILMENT, truth=t)
        for i, t in enumerate(truths)
    ]
    # Of entailment there is but one kind, so the two labels say enough.
    says = [None, contradiction, contradiction, None]
    telling = model("telling", rows, lambda row: Judged(row.doc_id, row.gold, three_way=says[row.doc_id]))
    binary = model("binary", rows, lambda row: Judged(row.doc_id, row.gold))
    found, other = analysed(rows, telling, binary)
    assert found.value("three_way") == 0.5
    assert found.value("overall") == 1.0
    assert found.confusion[unknown] == {
        ENTAILMENT: 0,
        contradiction: 1,
        NOT_ENTAILMENT: 1,
    }
    assert other.metrics["three_way"].undefined == "its answers do not tell contradiction from unknown"


def test_three_labels_that_contradict_the_two_are_not_used() -> None:
    rows = [Row(0, "0", "a", "c", "q", ENTAILMENT, truth="not entailment - unknown"), *rows_of([ENTAILMENT] * 2)[1:]]
    (found,) = analysed(
        rows, model("one", rows, lambda row: Judged(row.doc_id, NOT_ENTAILMENT, three_way=rows[0].truth))
    )
    assert "three_way" not in found.metrics
    assert list(found.confusion) == list(LABELS)


def test_bad_answers_are_refused_by_name() -> None:
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT])
    with pytest.raises(DataError, match="no rows"):
        analyse_task(task([]))
    with pytest.raises(DataError, match=r"'short' are 1, but there are 2 rows"):
        analyse_task(task(rows, ModelAnswers("short", (Judged(0, ENTAILMENT),))))
    with pytest.raises(DataError, match="row 0 meets an answer to 1"):
        analyse_task(task(rows, ModelAnswers("turned", (Judged(1, ENTAILMENT), Judged(0, ENTAILMENT)))))
    with pytest.raises(DataError, match="row 1: 'maybe' is none of"):
        analyse_task(task(rows, ModelAnswers("odd", (Judged(0, ENTAILMENT), Judged(1, "maybe")))))
    with pytest.raises(DataError, match="gold label 'unparsed'"):
        analyse_task(task(rows_of([UNPARSED])))
