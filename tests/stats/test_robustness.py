"""What becomes of answers when questions are put otherwise, against figures computed by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench.answered import PERTURBATIONS, Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.errors import DataError
from entailbench.findings import Estimate, ModelRobustness, Robustness
from entailbench.records import ENTAILMENT as YES
from entailbench.records import LABELS, UNPARSED
from entailbench.records import NOT_ENTAILMENT as NO
from entailbench.stats.robustness import robustness_of

ANSWERS = (YES, NO, UNPARSED)


def task_of(
    golds: Sequence[str],
    perturbed: Sequence[tuple[str, int, str]],
    before: Sequence[str],
    after: Sequence[str],
    puzzles: Sequence[str] | None = None,
) -> TaskAnswers:
    """A task with one model; ``perturbed`` are (perturbation, row, gold)."""
    rows = tuple(
        Row(number, f"id{number}", puzzles[number] if puzzles else f"p{number}", "C.", "Q?", gold)
        for number, gold in enumerate(golds)
    )
    twins = tuple(PerturbedRow(i, of, name, "C'.", "Q'?", gold) for i, (name, of, gold) in enumerate(perturbed))
    model = ModelAnswers(
        "m",
        tuple(Judged(number, said) for number, said in enumerate(before)),
        perturbed=tuple(Judged(number, said) for number, said in enumerate(after)),
    )
    return TaskAnswers("t", "test", "labels", rows, (model,), perturbed=twins)


def by_name(found: Sequence[Robustness]) -> dict[str, tuple[Robustness, ModelRobustness]]:
    return {one.perturbation: (one, one.models[0]) for one in found}


def values(model: ModelRobustness) -> tuple[float | None, ...]:
    figures = (model.before, model.after, model.change, model.consistency, model.contradictions)
    return tuple(figure.value for figure in figures)


def test_by_hand() -> None:
    task = task_of(
        golds=[YES, YES, NO, NO],
        perturbed=[("shuffled", 0, YES), ("shuffled", 1, YES), ("shuffled", 2, NO), ("shuffled", 3, NO),
                   ("renamed", 0, YES), ("renamed", 2, NO),
                   ("negated", 0, NO), ("negated", 2, YES), ("negated", 3, NO)],
        before=[YES, NO, NO, YES],
        after=[YES, YES, NO, UNPARSED, NO, NO, YES, NO, YES],
    )  # fmt: skip
    found = by_name(robustness_of(task))
    assert list(found) == ["all", *PERTURBATIONS]
    # shuffled: before 1 of 2 and 1 of 2 right, after 2 of 2 and 1 of 2; the answers to rows 0 and 2 stay.
    assert values(found["shuffled"][1]) == pytest.approx((0.5, 0.75, 0.25, 0.5, None))
    assert values(found["renamed"][1]) == pytest.approx((1.0, 0.5, -0.5, 0.5, None))
    # negated: rows 0, 2, 3, before YES NO YES, after YES NO YES; affirmed both times are rows 0 and 3.
    assert values(found["negated"][1]) == pytest.approx((0.75, 0.0, None, None, 2 / 3))
    assert values(found["all"][1]) == pytest.approx((4 / 6, 4 / 6, 0.0, 0.5, None))
    assert [found[name][0].rows for name in ("all", "shuffled", "renamed", "negated", "flipped")] == [6, 4, 2, 3, 0]
    assert found["flipped"][1].consistency == Estimate(None, undefined="no row could be perturbed so")


def test_a_constant_model_is_consistent_and_no_better_for_it() -> None:
    golds = [YES, NO] * 20
    perturbed = [("renamed", number, gold) for number, gold in enumerate(golds)]
    found = by_name(robustness_of(task_of(golds, perturbed, [NO] * 40, [NO] * 40)))["renamed"][1]
    assert values(found)[:4] == (0.5, 0.5, 0.0, 1.0)
    assert found.consistency.low is not None
    assert 0.8 < found.consistency.low < 1.0
    assert found.consistency.high == 1.0


def test_an_unparsed_answer_says_nothing() -> None:
    perturbed = [("renamed", 0, YES), ("renamed", 1, NO), ("negated", 0, NO), ("negated", 1, YES)]
    found = by_name(robustness_of(task_of([YES, NO], perturbed, [UNPARSED] * 2, [UNPARSED] * 4)))
    assert values(found["renamed"][1])[:4] == (0.0, 0.0, 0.0, 0.0)
    assert found["negated"][1].contradictions.value == 0.0


def test_what_makes_no_sense_says_why() -> None:
    found = by_name(robustness_of(task_of([YES], [("renamed", 0, YES), ("negated", 0, NO)], [YES], [YES, NO])))
    assert found["renamed"][1].after.undefined == 'no row has the label "not entailment"'
    assert found["renamed"][1].change.undefined == 'no row has the label "not entailment"'
    assert found["renamed"][1].contradictions.undefined == "the question was not negated"
    assert found["negated"][1].consistency.undefined == "a negated question has another answer"
    assert found["renamed"][1].consistency.value == 1.0


def test_intervals_are_clustered_by_puzzle() -> None:
    rng = random.Random(3)
    golds = [YES, NO] * 100
    perturbed = [("shuffled", number, gold) for number, gold in enumerate(golds)]
    # Whole puzzles of ten rows change their answers: 200 rows say no more than 20.
    moved = [rng.random() < 0.5 for _ in range(20)]
    after = [(NO if gold == YES else YES) if moved[number // 10] else gold for number, gold in enumerate(golds)]

    def width(puzzles: list[str]) -> float:
        found = by_name(robustness_of(task_of(golds, perturbed, golds, after, puzzles)))["shuffled"][1].consistency
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    alone, together = width([str(n) for n in range(200)]), width([str(n // 10) for n in range(200)])
    assert together > 2.5 * alone


def test_left_out_rows_are_counted() -> None:
    task = replace(task_of([YES], [], [YES], []), not_perturbed={"flipped": {"no premise can be said so": 1}})
    found = by_name(robustness_of(task))
    assert found["flipped"][0].left_out == {"no premise can be said so": 1}
    assert found["all"][0].rows == 0


def test_nothing_perturbed_is_nothing_found() -> None:
    assert robustness_of(task_of([YES], [], [YES], [])) == ()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (task_of([YES], [("renamed", 0, YES)], [YES], []), "the answers of 'm' to perturbed rows"),
        (task_of([YES], [("renamed", 7, YES)], [YES], [YES]), "perturbed row 0 is of no row"),
        (task_of([YES], [("mangled", 0, YES)], [YES], [YES]), "in an unknown way"),
    ],
)
def test_what_does_not_fit_together(task: TaskAnswers, message: str) -> None:
    with pytest.raises(DataError, match=message):
        robustness_of(task)


@st.composite
def tasks(draw: st.DrawFn) -> TaskAnswers:
    golds = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=12))
    names = st.sampled_from(list(PERTURBATIONS))
    chosen = draw(st.lists(st.tuples(names, st.integers(0, len(golds) - 1)), max_size=20, unique=True))
    perturbed = [(name, of, draw(st.sampled_from(LABELS)) if name == "negated" else golds[of]) for name, of in chosen]
    said = [draw(st.lists(st.sampled_from(ANSWERS), min_size=n, max_size=n)) for n in (len(golds), len(chosen))]
    puzzles = draw(st.lists(st.sampled_from("abc"), min_size=len(golds), max_size=len(golds)))
    return task_of(golds, perturbed, *said, puzzles)


@settings(max_examples=60, deadline=None)
@given(tasks(), st.randoms(use_true_random=False))
def test_any_answers(task: TaskAnswers, rng: random.Random) -> None:
    found = robustness_of(task, draws=50)
    for one in found:
        for model in one.models:
            for figure in (model.before, model.after, model.change, model.consistency, model.contradictions):
                assert (figure.value is None) == bool(figure.undefined)
                if figure.value is not None:
                    assert figure.low is not None
                    assert figure.high is not None
                    assert -1 <= figure.low <= figure.value <= figure.high <= 1
    order = list(range(len(task.perturbed)))
    rng.shuffle(order)
    (model,) = task.models
    shuffled = replace(
        task,
        perturbed=tuple(task.perturbed[i] for i in order),
        models=(replace(model, perturbed=tuple(model.perturbed[i] for i in order)),),
    )
    for one, other in zip(found, robustness_of(shuffled, draws=50), strict=True):
        for first, second in zip(values(one.models[0]), values(other.models[0]), strict=True):
            assert first == pytest.approx(second)
