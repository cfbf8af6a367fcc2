"""The whole of a task: what unparsed answers look like, that it repeats, and how long it takes."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest
from made_up_answers import constant, many_rows, model, noisy, perfect, rows_of, task
from statsmodels.stats.proportion import proportion_confint

from entailbench import ENTAILMENT, NOT_ENTAILMENT, UNPARSED
from entailbench.answered import Judged, ModelAnswers
from entailbench.stats import analyse_task, clustered_mean


def test_unparsed_answers_are_shown_by_how_they_begin() -> None:
    texts = ["", "  I am\nnot sure.", "I am not sure.", "x" * 100_000, "entailment"]
    rows = rows_of([ENTAILMENT] * 5)
    answered = ModelAnswers(
        "one", tuple(Judged(i, UNPARSED if i < 4 else ENTAILMENT, text=text) for i, text in enumerate(texts))
    )
    (found,) = analyse_task(task(rows, answered), draws=20).models
    assert found.unparsed_examples == ("2 × “I am not sure.”", "1 × (nothing)", f"1 × “{'x' * 60}…”")


def test_the_same_seed_gives_the_same_figures_and_another_moves_the_intervals_alone() -> None:
    rows = many_rows(200, 80)
    answers = task(rows, noisy(rows, 0.7, 1, "one"), noisy(rows, 0.6, 2, "two"))
    assert analyse_task(answers, draws=200) == analyse_task(answers, draws=200)
    one, other = analyse_task(answers, draws=200).models[0], analyse_task(answers, draws=200, seed=1).models[0]
    assert one.metrics["overall"].value == other.metrics["overall"].value
    assert one.metrics["overall"].low != other.metrics["overall"].low


def test_it_is_plain_data_without_nan() -> None:
    rows = many_rows(50, 20)
    odd = model("odd", rows, lambda row: Judged(row.doc_id, UNPARSED, text="<b>", exact=False))
    found = analyse_task(
        task(rows, odd, perfect(rows), constant(rows), baselines=[constant(rows, name="base")]), draws=50
    )
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_a_thousand_rows_of_three_models_and_four_baselines_take_seconds() -> None:
    rows = [
        dataclasses.replace(
            row, facets={"family": f"f{n % 3}", "depth": n % 9, "premises": n % 11, "difficulty": n % 6}
        )
        for n, row in enumerate(many_rows(1000, 420))
    ]
    models = [noisy(rows, 0.5 + 0.15 * n, n, f"model {n}", unparsed=0.02) for n in range(3)]
    bases = [noisy(rows, 0.5, 10 + n, f"baseline {n}") for n in range(4)]
    began = time.process_time()
    found = analyse_task(task(rows, *models, baselines=bases))
    assert time.process_time() - began < 20
    assert (found.rows, len(found.slices), len(found.comparisons)) == (1000, 29, 3)


def test_puzzles_that_are_all_the_same_do_not_make_a_share_certain() -> None:
    """Half of each puzzle's rows are right, so every resample is as the sample."""
    found = clustered_mean([True, False] * 40, [f"puzzle {row // 2}" for row in range(80)], draws=200)
    assert found.value == 0.5
    # Without a spread to learn from each puzzle counts once, as 40 independent rows would.
    assert (found.low, found.high) == pytest.approx(proportion_confint(20, 40, method="jeffreys"))


def test_a_clustered_mean_is_what_a_table_has() -> None:
    rows = many_rows(120, 50)
    answered = noisy(rows, 0.8, 3)
    right = [row.gold == answer.predicted for row, answer in zip(rows, answered.answers, strict=True)]
    (found,) = analyse_task(task(rows, answered), draws=200).models
    assert clustered_mean(right, [row.puzzle for row in rows], draws=200) == found.metrics["overall"]
    assert clustered_mean([], [], undefined="nothing was asked").undefined == "nothing was asked"


def test_labels_and_titles_are_carried_over() -> None:
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT], ["one", "one", "two"])
    found = analyse_task(task(rows, perfect(rows)), draws=20)
    assert (found.rows, found.entailment_rows, found.puzzles) == (3, 1, 2)
    assert found.title == "made-up · test split · 3 rows (1 entailment, 2 not entailment) · labels made up"
