"""Truth by transitive closure against an enumeration of every order of heights that fits the premises."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import DataError
from entailbench.logic.generate import random_puzzle
from entailbench.logic.heights import CONTRADICTION, RELATIONS, UNKNOWN, Premise, Puzzle, Question, taller_closure


def puzzle(*facts: tuple[str, str]) -> Puzzle:
    people = tuple(sorted({person for fact in facts for person in fact}))
    return Puzzle(people, tuple(Premise(f"{a} is taller than {b}.", ((a, b),)) for a, b in facts))


def holds(question: Question, tallest_first: Sequence[str]) -> bool:
    """Whether the answer is yes in one world, where everybody's height is known."""
    place = tallest_first.index
    if question.relation == "tallest":
        return tallest_first[0] == question.person
    if question.relation == "shortest":
        return tallest_first[-1] == question.person
    assert question.other is not None
    if question.relation == "taller":
        return place(question.person) < place(question.other)
    return place(question.person) > place(question.other)


def truth_by_enumeration(asked: Puzzle, question: Question) -> str:
    worlds = [
        order for order in permutations(asked.people) if all(order.index(a) < order.index(b) for a, b in asked.facts)
    ]
    answers = {holds(question, world) for world in worlds}
    return {(True,): "entailment", (False,): CONTRADICTION}.get(tuple(answers), UNKNOWN)


def every_question(asked: Puzzle) -> list[Question]:
    """Also whether somebody is taller than themselves."""
    pairs = [Question(relation, a, b) for relation in RELATIONS[:2] for a in asked.people for b in asked.people]
    return pairs + [Question(relation, a) for relation in RELATIONS[2:] for a in asked.people]


@st.composite
def puzzles(draw: st.DrawFn) -> Puzzle:
    """Any puzzle of up to five people that contradicts nothing, also one that falls apart into pieces."""
    order = draw(st.permutations("ABCDE"))
    pairs = [(a, b) for place, a in enumerate(order) for b in order[place + 1 :]]
    return puzzle(*draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=7)))


@given(puzzles())
def test_truth_is_what_every_fitting_order_says(asked: Puzzle) -> None:
    for question in every_question(asked):
        assert asked.truth(question) == truth_by_enumeration(asked, question), question


@given(st.integers(min_value=0))
def test_generated_puzzles_have_the_truth_of_the_enumeration(seed: int) -> None:
    asked = random_puzzle(random.Random(seed))
    for question in random.Random(seed).sample(every_question(asked), 6):
        assert asked.truth(question) == truth_by_enumeration(asked, question), question


def test_superlatives() -> None:
    asked = puzzle(("Ann", "Ben"), ("Ann", "Cem"))
    assert asked.truth(Question("tallest", "Ann")) == "entailment"
    assert asked.truth(Question("tallest", "Ben")) == CONTRADICTION
    assert asked.truth(Question("shortest", "Ben")) == UNKNOWN
    assert asked.ask(Question("shortest", "Ben")) == "Is Ben the shortest of the three?"


@pytest.mark.parametrize(
    ("question", "hops"),
    [
        (Question("taller", "A", "B"), 1),
        (Question("shorter", "C", "A"), 2),
        (Question("taller", "D", "A"), 3),
        (Question("tallest", "A"), 3),
        (Question("shortest", "D"), 3),
        (Question("shortest", "A"), 1),
        (Question("taller", "A", "E"), 0),
    ],
)
def test_hops(question: Question, hops: int) -> None:
    asked = puzzle(("A", "B"), ("B", "C"), ("C", "D"))
    if question.other == "E":
        asked = puzzle(("A", "B"), ("E", "B"))
    assert asked.hops(question) == hops


def test_contradicting_premises_are_refused() -> None:
    with pytest.raises(DataError, match="A would be taller than A"):
        taller_closure([("A", "B"), ("B", "C"), ("C", "A")])


def test_the_canonical_text_forgets_names_and_nothing_else() -> None:
    one, other = puzzle(("Ann", "Anna"), ("Anna", "Cem")), puzzle(("Zoe", "Ann"), ("Ann", "Anna"))
    assert one.canonical == other.canonical == "#0 is taller than #1. #1 is taller than #2."
    assert puzzle(("Ann", "Anna"), ("Ann", "Cem")).canonical != one.canonical
