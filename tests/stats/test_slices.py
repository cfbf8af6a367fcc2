"""Slices: which there are, in what order, and that each is the table of its rows."""

from __future__ import annotations

from dataclasses import replace

from made_up_answers import many_rows, model, noisy, perfect, rows_of, task

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT
from entailbench.stats import analyse_task


def test_a_slice_is_the_table_of_its_rows() -> None:
    golds = [LABELS[n % 2] for n in range(90)]
    puzzles = [f"puzzle {n % 30:02}" for n in range(90)]
    families = ["knights" if n % 30 < 12 else "heights" for n in range(90)]
    rows = rows_of(golds, puzzles, family=families)
    answered = noisy(rows, 0.7, 1)
    first, second = analyse_task(task(rows, answered), draws=200).slices
    assert [(s.facet, s.value, s.rows, s.puzzles) for s in (first, second)] == [
        ("family", "heights", 54, 18),
        ("family", "knights", 36, 12),
    ]
    chosen = [row for row in rows if row.facets["family"] == "heights"]
    alone = rows_of([row.gold for row in chosen], [row.puzzle for row in chosen])
    said = [answered.answers[row.doc_id].predicted for row in chosen]
    (table,) = analyse_task(task(alone, model("noisy", alone, lambda row: said[row.doc_id])), draws=200).models
    assert first.overall["noisy"] == table.metrics["overall"]
    assert first.balanced["noisy"] == table.metrics["balanced"]


def test_numbers_come_in_their_order_and_what_tells_no_rows_apart_is_left_out() -> None:
    rows = rows_of(
        [ENTAILMENT, NOT_ENTAILMENT] * 3,
        depth=[10, 2, 10, 2, 9, 9],
        family=["same"] * 6,
        question_form=["b", "a", "b", "a", "a", "a"],
    )
    slices = analyse_task(task(rows, perfect(rows)), draws=20).slices
    assert [(s.facet, s.value) for s in slices] == [
        ("depth", "2"),
        ("depth", "9"),
        ("depth", "10"),
        ("question_form", "a"),
        ("question_form", "b"),
    ]


def test_a_slice_with_one_label_has_no_balanced_accuracy() -> None:
    rows = rows_of([ENTAILMENT, ENTAILMENT, NOT_ENTAILMENT], depth=[1, 1, 2])
    one, _ = analyse_task(task(rows, perfect(rows)), draws=20).slices
    assert one.overall["perfect"].value == 1.0
    assert one.balanced["perfect"].undefined == "all rows have one label"


def test_rows_without_a_facet_are_in_none_of_its_slices() -> None:
    rows = [*rows_of([ENTAILMENT, NOT_ENTAILMENT], depth=[1, 2]), *many_rows(5, 5)]
    slices = analyse_task(task([replace(row, doc_id=n) for n, row in enumerate(rows)]), draws=20).slices
    assert [s.rows for s in slices] == [1, 1]


def test_numbers_come_before_words() -> None:
    rows = rows_of([ENTAILMENT] * 3, premises=[3, "many", 2])
    slices = analyse_task(task(rows, perfect(rows)), draws=20).slices
    assert [s.value for s in slices] == ["2", "3", "many"]


def test_many_numbers_are_put_into_ranges_of_about_as_many_rows() -> None:
    rows = rows_of([ENTAILMENT, NOT_ENTAILMENT] * 60, premises=[2 + n % 40 for n in range(120)])
    slices = analyse_task(task(rows, perfect(rows)), draws=20).slices
    assert len(slices) == 12
    assert (slices[0].value, slices[-1].value) == ("2–5", "39–41")
    assert sum(s.rows for s in slices) == 120
    assert {s.rows for s in slices} <= {9, 12}
