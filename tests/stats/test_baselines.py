"""Baselines: what each can see, what each answers, and what becomes of one that cannot be had."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench.answered import ModelAnswers, Row
from entailbench.records import ENTAILMENT, LABELS, NOT_ENTAILMENT
from entailbench.stats.baselines import NEAREST, QUESTION_ONLY, RANDOM, baselines


def row(number: int, context: str, question: str, gold: str) -> Row:
    return Row(doc_id=number, id=str(number), puzzle=context, context=context, question=question, gold=gold)


def rows_of(
    golds: Sequence[str], context: str = "Ann is taller than Bob.", question: str = "Is Ann tall?"
) -> list[Row]:
    return [row(number, f"{context} {number}", question, gold) for number, gold in enumerate(golds)]


def predicted(found: ModelAnswers) -> list[str]:
    return [answer.predicted for answer in found.answers]


def test_four_baselines_in_their_order() -> None:
    test, train = rows_of([ENTAILMENT, NOT_ENTAILMENT, NOT_ENTAILMENT]), rows_of([ENTAILMENT, NOT_ENTAILMENT])
    found = baselines(test, train, "")
    assert [one.name for one in found] == ['always "not entailment"', RANDOM, QUESTION_ONLY, NEAREST]
    assert all(not one.unavailable for one in found)
    for one in found:
        assert [answer.doc_id for answer in one.answers] == [0, 1, 2]
        assert (one.identity, one.seconds, one.lineage) == (None, None, None)
        assert all(answer.prompt == answer.text == "" and answer.exact is None for answer in one.answers)


@pytest.mark.parametrize(
    ("golds", "label"),
    [
        ([ENTAILMENT] * 3 + [NOT_ENTAILMENT] * 2, ENTAILMENT),
        ([ENTAILMENT] * 2 + [NOT_ENTAILMENT] * 3, NOT_ENTAILMENT),
        ([ENTAILMENT, NOT_ENTAILMENT], NOT_ENTAILMENT),
        ([ENTAILMENT], ENTAILMENT),
    ],
)
def test_the_best_constant_is_of_the_test_rows(golds: list[str], label: str) -> None:
    constant = baselines(rows_of(golds), rows_of([ENTAILMENT, NOT_ENTAILMENT]), "")[0]
    assert (constant.name, set(predicted(constant))) == (f'always "{label}"', {label})


def test_without_a_train_split_two_remain() -> None:
    test = rows_of([ENTAILMENT] * 30 + [NOT_ENTAILMENT] * 10)
    constant, chance, question, nearest = baselines(test, None, "the task t has no train split")
    assert not constant.unavailable
    assert chance.name == f"{RANDOM} (shares of the test rows)"
    assert len(chance.answers) == 40
    for one in (question, nearest):
        assert (one.unavailable, one.answers) == ("the task t has no train split", ())


def test_an_empty_train_split_is_none() -> None:
    found = baselines(rows_of([ENTAILMENT, NOT_ENTAILMENT]), [], "")
    assert [bool(one.unavailable) for one in found] == [False, False, True, True]
    assert found[2].unavailable == "the train split has no rows"


def test_random_labels_have_the_shares_of_the_train_split() -> None:
    test = rows_of([ENTAILMENT] * 2000)
    train = rows_of([ENTAILMENT] * 300 + [NOT_ENTAILMENT] * 700)
    share = predicted(baselines(test, train, "")[1]).count(ENTAILMENT) / 2000
    assert share == pytest.approx(0.3, abs=0.04)
    assert predicted(baselines(test, train, "", seed=0)[1]) == predicted(baselines(test, train, "", seed=0)[1])
    assert predicted(baselines(test, train, "", seed=0)[1]) != predicted(baselines(test, train, "", seed=1)[1])


def test_the_question_alone_gives_away_what_its_words_do_and_no_more() -> None:
    rng = random.Random(1)

    def drawn(count: int, gold_in_question: bool) -> list[Row]:
        found = []
        for number in range(count):
            gold = rng.choice(LABELS)
            told = "certainly" if gold == ENTAILMENT else "hardly"
            name = rng.choice(("Ann", "Bob", "Cem"))
            context = f"{name} is here {number}." if gold_in_question else f"{name} is {told} here {number}."
            found.append(row(number, context, f"Is {name} {told if gold_in_question else 'ever'} here?", gold))
        return found

    def accuracy(gold_in_question: bool) -> float:
        train, test = drawn(300, gold_in_question), drawn(300, gold_in_question)
        question = baselines(test, train, "")[2]
        return sum(a == r.gold for a, r in zip(predicted(question), test, strict=True)) / 300

    assert accuracy(gold_in_question=True) == 1.0
    assert accuracy(gold_in_question=False) == pytest.approx(0.5, abs=0.1)


def test_the_question_model_does_not_hide_behind_the_commoner_label() -> None:
    # 9 in 10 are "not entailment" whatever the question; "all" makes entailment likelier than it is.
    train = [row(i, str(i), "Is it all?", ENTAILMENT if i < 30 else NOT_ENTAILMENT) for i in range(100)]
    train += [row(i, str(i), "Is it some?", NOT_ENTAILMENT) for i in range(100, 300)]
    test = [row(0, "a", "Is it all?", ENTAILMENT), row(1, "b", "Is it some?", NOT_ENTAILMENT)]
    assert predicted(baselines(test, train, "")[2]) == [ENTAILMENT, NOT_ENTAILMENT]


def test_the_nearest_row_lends_its_label() -> None:
    train = [
        row(0, "Ann is taller than Bob. Cem is old.", "Is Ann taller than Bob?", ENTAILMENT),
        row(1, "Dan owns a cat. Eve owns a dog.", "Does Dan own a dog?", NOT_ENTAILMENT),
    ]
    test = [
        row(0, "Dan owns a cat. Eve owns a horse.", "Does Dan own a horse?", ENTAILMENT),
        row(1, "Ann is taller than Cem. Bob is old.", "Is Ann taller than Cem?", NOT_ENTAILMENT),
    ]
    assert predicted(baselines(test, train, "")[3]) == [NOT_ENTAILMENT, ENTAILMENT]


def test_a_row_that_is_like_no_other_gets_the_commoner_label() -> None:
    train = [row(0, "alpha", "beta", NOT_ENTAILMENT), row(1, "gamma", "delta", ENTAILMENT)]
    train.append(row(2, "epsilon", "zeta", ENTAILMENT))
    assert predicted(baselines([row(0, "omega", "psi", NOT_ENTAILMENT)], train, "")[3]) == [ENTAILMENT]


def test_rows_more_than_a_block_find_their_own() -> None:
    train = [row(i, f"word{i} here", "so", random.Random(i).choice(LABELS)) for i in range(700)]
    assert predicted(baselines(train, train, "")[3]) == [one.gold for one in train]


def test_one_label_teaches_that_label() -> None:
    found = baselines(rows_of([ENTAILMENT, NOT_ENTAILMENT]), rows_of([NOT_ENTAILMENT] * 3), "")
    assert [set(predicted(one)) for one in found] == [{NOT_ENTAILMENT}] * 4


@pytest.mark.parametrize(
    ("context", "question", "reasons"),
    [
        ("Ann is tall.", "", ["the rows of the train split have no question", ""]),
        (
            "",
            "",
            ["the rows of the train split have no question", "the rows of the train split have no puzzle or question"],
        ),
        ("...", "?!", ["the train split's texts have no words"] * 2),
    ],
)
def test_texts_without_words(context: str, question: str, reasons: list[str]) -> None:
    train = [row(i, context, question, gold) for i, gold in enumerate(LABELS)]
    found = baselines(rows_of([ENTAILMENT, NOT_ENTAILMENT]), train, "")
    assert [one.unavailable for one in found[2:]] == reasons


texts = st.text(max_size=20)
some_rows = st.lists(st.tuples(texts, texts, st.sampled_from(LABELS)), min_size=1, max_size=12).map(
    lambda drawn: [row(number, *one) for number, one in enumerate(drawn)]
)


@settings(max_examples=60, deadline=None)
@given(some_rows, st.none() | some_rows)
def test_any_rows_have_answers_or_a_reason(test: list[Row], train: list[Row] | None) -> None:
    found = baselines(test, train, "there is none")
    assert len(found) == 4
    for one in found:
        assert bool(one.unavailable) == (not one.answers)
        assert len(one.answers) in (0, len(test))
        assert set(predicted(one)) <= set(LABELS)
    assert found == baselines(test, train, "there is none")
