"""The lag of labels and its repair, on a made-up data set whose right answers are known."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

import made_up_puzzte
from entailbench import DataError
from entailbench.logic.auditing.audit import AuditReport, AuditRow, audit_rows
from entailbench.logic.auditing.lag import LAGS, peak, total
from entailbench.logic.auditing.question_order import Asked, QuestionOrder, infer_order
from entailbench.logic.auditing.repair import repair_labels
from entailbench.logic.formula import At, Before, Knight, Not
from entailbench.logic.judging.judge import judge_puzzle
from entailbench.logic.puzzle import FAMILIES, Question


def audited(data: list[dict[str, Any]]) -> AuditReport:
    return audit_rows(
        [
            AuditRow(
                id=str(number),
                where="a test",
                context=row["puzzle_text"],
                question=row["question"],
                published=row["answer"],
                ambiguity=row["ambiguity"],
                qid=int(row["qid"]),
            )
            for number, row in enumerate(data)
        ]
    )


@pytest.fixture(scope="module")
def shifted() -> AuditReport:
    return audited(made_up_puzzte.rows(shift=1))


@pytest.mark.parametrize("shift", [-2, 0, 1, 3])
def test_the_lag_is_found_wherever_the_labels_stand(shift: int) -> None:
    report = audited(made_up_puzzte.rows(shift))
    for source in ("rows at hand", "inferred order"):
        assert peak(report.lags, source) == -shift
        assert total(report.lags, source, FAMILIES, -shift).share == 1.0


def test_lags_count_only_rows_that_have_a_neighbour(shifted: AuditReport) -> None:
    """Each puzzle's first rows have none above, its last ones none below. The last row itself is left out: in Puzzte
    it is another puzzle's."""
    sizes = [len(asked) for _, asked in made_up_puzzte.puzzles()]
    for lag in LAGS:
        assert total(shifted.lags, "rows at hand", FAMILIES, lag).rows == sum(size - 1 - abs(lag) for size in sizes)


def test_a_few_rows_give_their_neighbours_by_the_order_of_questions() -> None:
    """Hardly any row's neighbour is at hand, but most neighbours' questions are known."""
    few = made_up_puzzte.rows(shift=1)[::3]
    report = audited(few)
    assert total(report.lags, "rows at hand", FAMILIES, -1).rows == 0
    inferred = total(report.lags, "inferred order", FAMILIES, -1)
    assert inferred.rows > 30
    assert inferred.share == 1.0
    assert peak(report.lags, "inferred order") == -1
    assert peak(report.lags, "rows at hand") is None


def test_the_repair_is_exact(shifted: AuditReport) -> None:
    """Every label comes back, but those of each puzzle's last two questions: the last row may not be its own."""
    repaired = repair_labels(shifted)
    right = [row["right"] for row in made_up_puzzte.rows()]
    ends = list(itertools.accumulate(len(asked) for _, asked in made_up_puzzte.puzzles()))
    last = {end - 1 for end in ends} | {end - 2 for end in ends}
    for number, (one, truth) in enumerate(zip(repaired, right, strict=True)):
        if number in last:
            assert (one.outcome, one.label) == ("out of reach", None)
        else:
            assert (one.outcome, one.label) == ("confirmed", truth)


def test_a_last_question_under_the_next_puzzles_text() -> None:
    """As in Puzzte: its number would be taken for its text's own, and its label for the answer before it."""
    data = made_up_puzzte.rows(shift=1, border=True)
    report = audited(data)
    assert total(report.lags, "rows at hand", FAMILIES, -1).share == 1.0
    assert total(report.lags, "inferred order", FAMILIES, -1).share == 1.0
    strays = [number for number, row in enumerate(data) if row["right"] is None]
    assert len(strays) == 4
    assert any(report.rows[number].verdict.truth for number in strays), "some name only people of both puzzles"
    repaired = repair_labels(report)
    for number, (one, row) in enumerate(zip(repaired, data, strict=True)):
        if number in strays:
            assert (one.outcome, one.label) == ("out of reach", None)
        else:
            assert one.label in (row["right"], None)
    assert Counter(one.outcome for one in repaired)["confirmed"] > 100


def test_the_repair_does_not_take_the_solvers_word(shifted: AuditReport) -> None:
    """A wrong label on the next row is contradicted, not mended."""
    data = made_up_puzzte.rows(shift=1)
    data[10]["answer"] = "entailment" if data[10]["answer"] != "entailment" else "not entailment - unknown"
    repaired = repair_labels(audited(data))
    assert repaired[9].outcome == "contradicted"
    assert repaired[9].label == data[10]["answer"]
    assert Counter(one.outcome for one in repaired)["contradicted"] == 1


def test_a_row_of_another_puzzle_is_left_alone() -> None:
    """At the borders some rows carry the next puzzle's text; a second question under one number gives them away, or
    a share of open questions that the puzzle's other rows do not state."""
    data = made_up_puzzte.rows(shift=1)
    twice = {**data[9], "question": "Is Pim taller than Pim ?"}
    assert data[9]["question"] != twice["question"]
    report = audited([*data, twice])
    alone = total(audited(data).lags, "rows at hand", FAMILIES, 0).rows
    assert total(report.lags, "rows at hand", FAMILIES, 0).rows == alone - 1, "of two questions, neither is compared"
    repaired = repair_labels(report)
    assert {repaired[index].outcome for index in (8, 9, -1)} == {"out of reach"}
    strange = [*data[:20], {**data[20], "ambiguity": 99.0}, *data[21:]]
    repaired = repair_labels(audited(strange))
    assert [repaired[index].outcome for index in (18, 19, 20, 21)] == [
        "confirmed",
        "out of reach",
        "out of reach",
        "confirmed",
    ]


def test_two_labels_for_one_question_repair_nothing() -> None:
    data = made_up_puzzte.rows(shift=1)
    other = "entailment" if data[10]["answer"] != "entailment" else "not entailment - unknown"
    repaired = repair_labels(audited([*data, {**data[10], "answer": other}]))
    assert [repaired[index].outcome for index in (8, 9)] == ["confirmed", "out of reach"]


def test_a_question_about_a_stranger_is_another_puzzles() -> None:
    """One that is merely not understood is repaired, though nobody can check it."""
    data = made_up_puzzte.rows(shift=1)
    data[4]["question"] = "Is Zoe the tallest ?"
    data[6]["question"] = "Is Quin, all things considered, the tallest ?"
    repaired = repair_labels(audited(data))
    assert (repaired[4].outcome, repaired[4].label) == ("out of reach", None)
    assert (repaired[6].outcome, repaired[6].label) == ("unchecked", data[6]["right"])


@pytest.mark.parametrize(
    ("shift", "message"),
    [(0, "agree best with the answers to their own questions"), (2, "answers 2 rows above"), (-1, "1 rows below")],
)
def test_labels_that_do_not_stand_one_row_too_low_are_not_repaired(shift: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        repair_labels(audited(made_up_puzzte.rows(shift)))


def test_noise_that_happens_to_peak_one_row_above_is_not_repaired() -> None:
    """Of seven lags of any labels one is the best."""
    data = made_up_puzzte.rows(shift=1)
    for row in data[::3]:
        row["answer"] = "entailment" if row["answer"] != "entailment" else "not entailment - unknown"
    report = audited(data)
    assert peak(report.lags, "rows at hand") == -1
    with pytest.raises(DataError, match=r"only 6\d\.\d% of the published labels agree with the answers one row above"):
        repair_labels(report)


def test_a_row_that_states_no_share_is_its_puzzles_own() -> None:
    data = made_up_puzzte.rows(shift=1)
    report = audited([{**row, "ambiguity": row["ambiguity"] if row["qid"] == 1 else None} for row in data])
    assert total(report.lags, "rows at hand", FAMILIES, 0) == total(audited(data).lags, "rows at hand", FAMILIES, 0)


def test_without_numbers_nothing_is_repaired() -> None:
    with pytest.raises(DataError, match="no lag can be measured"):
        repair_labels(audited(made_up_puzzte.rows(1)[:5]))


def order_of(text: str, asked: dict[int, str]) -> QuestionOrder | None:
    judged = judge_puzzle(text)
    assert judged.puzzle is not None
    assert judged.chosen is not None
    rows = []
    for qid, question in asked.items():
        read = judged.read_question(question)
        assert isinstance(read, Question)
        rows.append(Asked(qid, read))
    return infer_order(judged.puzzle, judged.chosen.reading, rows)


THREE = "Asta is taller than Bror. Cleo is shorter than Bror."


def test_the_order_of_questions() -> None:
    """3 people: 1-3 one superlative, 4-6 the other, 7-15 one comparison, 16-24 the other."""
    order = order_of(THREE, {2: "Is Cleo the shortest ?", 16: "Is Bror shorter than Bror ?"})
    assert order is not None
    assert [order(qid) for qid in (1, 2, 3)] == [At("Bror", -1), At("Cleo", -1), At("Asta", -1)]
    assert order(6) == At("Asta", 1)
    assert order(8) == Before("Bror", "Cleo")  # is Bror taller than Cleo
    assert order(17) == Before("Cleo", "Bror")  # is Bror shorter than Cleo
    assert order(15) == Before("Asta", "Asta")
    assert order(0) is None
    assert order(25) is None


def test_what_the_rows_leave_open_is_not_guessed() -> None:
    order = order_of(THREE, {2: "Is Cleo the shortest ?"})
    assert order is not None
    assert order(1) is None, "Asta or Bror"
    assert order(5) == At("Cleo", 1)
    assert order(8) is None, "which comparison comes first is not known either"


@pytest.mark.parametrize(
    "asked",
    [
        {2: "Is Cleo the shortest ?", 3: "Is Cleo the shortest ?"},
        {2: "Is Cleo the shortest ?", 3: "Is Bror the tallest ?"},
        {2: "Is Cleo taller than Bror ?"},
        {7: "Is Cleo taller than Bror ?"},
        {25: "Is Cleo taller than Bror ?"},
        {7: "Is Cleo taller than Cleo ?", 2: "Is Cleo the tallest ?"},
    ],
    ids=["one name twice", "two kinds in one block", "not a superlative", "not X with X", "too far", "two slots"],
)
def test_rows_that_fit_no_order_give_none(asked: dict[int, str]) -> None:
    assert order_of(THREE, asked) is None


def test_the_order_of_knights_and_knaves() -> None:
    _, text, _ = made_up_puzzte.LIARS[1]
    order = order_of(text, {1: "Is Lou the knight ?", 6: "Is Kit the knave ?"})
    assert order is not None
    assert [order(qid) for qid in range(1, 8)] == [
        Knight("Lou"),
        Not(Knight("Lou")),
        Knight("Moe"),
        Not(Knight("Moe")),
        Knight("Kit"),
        Not(Knight("Kit")),
        None,
    ]
    assert order_of(text, {2: "Is Lou the knight ?"}) is None
    assert order_of(text, {1: "Is Lou the knave ?"}) is None
