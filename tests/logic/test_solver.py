"""Z3 against the enumeration of every model, and both against the definition of truth in a model."""

from __future__ import annotations

import random
import time

import pytest
from random_readings import random_question, random_reading

from entailbench.logic.enumeration import ModelTable, TooManyModels
from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    Knight,
    NextTo,
    Not,
    Or,
    Same,
    Signature,
    holds,
    normal,
    renamed,
)
from entailbench.logic.puzzle import FAMILIES, Family, Premise, Reading, Sentence
from entailbench.logic.solver import Inconsistent, Solver, TimedOut
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT

PUZZLES = [400, pytest.param(4_000, marks=pytest.mark.soak)]
QUESTIONS = 2


def reading(signature: Signature, *formulas: Formula) -> Reading:
    return Reading("", signature, tuple(Premise(Sentence(str(formula)), formula) for formula in formulas))


def order(*people: str) -> Signature:
    return Signature(groups=(people,), places=len(people))


@pytest.mark.parametrize("count", PUZZLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_z3_and_enumeration_agree_on_random_puzzles(family: Family, count: int) -> None:
    rng = random.Random(f"solver {family}")
    truths = set()
    inconsistent = 0
    for _ in range(count):
        puzzle = random_reading(rng, family)
        table, solver = ModelTable(puzzle), Solver(puzzle)
        assert solver.consistent() == bool(table.size)
        assert len(solver.solutions(2)) == min(2, table.size)
        if not table.size:
            inconsistent += 1
            continue
        for _ in range(QUESTIONS):
            question = random_question(rng, puzzle)
            truth = solver.truth(question)
            assert truth == table.truth(question), (puzzle, question)
            truths.add(truth)
    assert truths == {ENTAILMENT, CONTRADICTION, UNKNOWN}
    assert 0 < inconsistent < count / 2


@pytest.mark.parametrize("family", FAMILIES)
def test_enumeration_agrees_with_the_definition_of_truth(family: Family) -> None:
    rng = random.Random(f"definition {family}")
    for _ in range(200):
        puzzle = random_reading(rng, family)
        everything = ModelTable(Reading("", puzzle.signature, ()))
        places = puzzle.signature.places
        models = [
            model
            for model in everything.models()
            if all(holds(premise.formula, model, places) for premise in puzzle.premises)
        ]
        table = ModelTable(puzzle)
        assert list(table.models()) == models
        question = random_question(rng, puzzle)
        found = {holds(question, model, places) for model in models}
        expected = {(): None, (True,): ENTAILMENT, (False,): CONTRADICTION, (False, True): UNKNOWN}
        assert models == [] or table.truth(question) == expected[tuple(sorted(found))]


@pytest.mark.parametrize("family", FAMILIES)
def test_minimal_premises_settle_the_question_and_none_can_be_left_out(family: Family) -> None:
    rng = random.Random(f"minimal {family}")
    settled = 0
    for _ in range(150):
        puzzle = random_reading(rng, family)
        question = random_question(rng, puzzle)
        chosen = Solver(puzzle).minimal_premises(question)

        contradictory = not ModelTable(puzzle).size

        def decided(
            indices: tuple[int, ...],
            puzzle: Reading = puzzle,
            question: Formula = question,
            contradictory: bool = contradictory,
        ) -> bool:
            table = ModelTable(Reading("", puzzle.signature, tuple(puzzle.premises[i] for i in indices)))
            return not table.size if contradictory else table.truth(question) != UNKNOWN

        if not contradictory and ModelTable(puzzle).truth(question) == UNKNOWN:
            assert chosen == ()
            continue
        settled += 1
        assert decided(chosen)
        for left_out in chosen:
            assert not decided(tuple(index for index in chosen if index != left_out))
    assert settled > 20


@pytest.mark.parametrize("family", FAMILIES)
def test_a_normal_form_says_the_same(family: Family) -> None:
    rng = random.Random(f"normal {family}")
    for _ in range(300):
        puzzle = random_reading(rng, family)
        for premise in puzzle.premises:
            same = Iff(premise.formula, normal(premise.formula))
            assert ModelTable(Reading("", puzzle.signature, ())).truth(same) == ENTAILMENT
            assert normal(normal(premise.formula)) == normal(premise.formula)


@pytest.mark.parametrize("family", FAMILIES)
def test_truth_does_not_depend_on_names_or_the_order_of_premises(family: Family) -> None:
    rng = random.Random(f"names {family}")
    for _ in range(200):
        puzzle = random_reading(rng, family)
        question = random_question(rng, puzzle)
        if not Solver(puzzle).consistent():
            continue
        names = dict(
            zip(puzzle.signature.entities, rng.sample(range(1000), len(puzzle.signature.entities)), strict=True)
        )
        new = {old: f"n{number}" for old, number in names.items()}.__getitem__
        premises = [Premise(p.sentence, renamed(p.formula, new)) for p in puzzle.premises]
        rng.shuffle(premises)
        signature = Signature(
            tuple(map(new, puzzle.signature.people)),
            tuple(tuple(map(new, group)) for group in puzzle.signature.groups),
            puzzle.signature.places,
        )
        other = Reading("", signature, tuple(premises))
        assert Solver(other).truth(renamed(question, new)) == Solver(puzzle).truth(question)


def test_a_strict_order_is_irreflexive() -> None:
    puzzle = reading(order("Ann", "Bob"), Before("Ann", "Bob"))
    assert Solver(puzzle).truth(Before("Ann", "Ann")) == CONTRADICTION
    assert Solver(puzzle).minimal_premises(Before("Ann", "Ann")) == ()


def test_ranks_are_counted_from_either_end() -> None:
    puzzle = reading(order("Ann", "Bob", "Cy"), Before("Ann", "Bob"), At("Cy", 2))
    for formula in (At("Ann", 1), At("Ann", -3), At("Bob", -1), At("Bob", 3), Before("Cy", "Bob")):
        assert Solver(puzzle).truth(formula) == ENTAILMENT


def test_a_row_may_have_more_places_than_names() -> None:
    puzzle = reading(Signature(groups=(("Ann", "Bob"),), places=3), Before("Ann", "Bob"))
    assert Solver(puzzle).truth(At("Ann", 1)) == ModelTable(puzzle).truth(At("Ann", 1)) == UNKNOWN


def test_contradictory_premises_are_found_and_the_conflict_is_minimal() -> None:
    puzzle = reading(
        order("Ann", "Bob", "Cy", "Di"),
        Before("Di", "Ann"),
        Before("Ann", "Bob"),
        Before("Bob", "Cy"),
        Before("Cy", "Ann"),
    )
    solver = Solver(puzzle)
    assert not solver.consistent()
    assert solver.minimal_premises(Before("Di", "Bob")) == (1, 2, 3)
    with pytest.raises(Inconsistent):
        solver.truth(Before("Ann", "Bob"))


def test_entities_may_be_called_anything() -> None:
    names = ("premise!0", "premise 0", "true", "(and)", "Ĳ 🙂")
    puzzle = reading(Signature(people=names), *(Knight(name) for name in names[:-1]))
    assert Solver(puzzle).truth(Knight("premise!0")) == ENTAILMENT
    assert Solver(puzzle).truth(Knight(names[-1])) == UNKNOWN


def test_deep_nesting_costs_no_more_than_its_length() -> None:
    deep: Formula = Knight("Ann")
    for _ in range(100):
        deep = Iff(Knight("Bob"), Iff(Knight("Ann"), deep))
    puzzle = reading(Signature(people=("Ann", "Bob")), deep)
    assert Solver(puzzle).truth(Knight("Bob")) == ModelTable(puzzle).truth(Knight("Bob"))


def test_many_people_and_premises_are_decided_by_order_alone() -> None:
    people = tuple(f"P{number}" for number in range(200))
    rng = random.Random(0)
    pairs = [sorted(rng.sample(range(200), 2)) for _ in range(10_000)]
    puzzle = reading(order(*people), *(Before(people[a], people[b]) for a, b in pairs))
    solver = Solver(puzzle, timeout=120)
    assert solver.truth(Before("P3", "P150")) == ENTAILMENT
    assert solver.truth(At("P150", 1)) == CONTRADICTION


def test_a_solver_that_takes_too_long_is_stopped() -> None:
    # A pigeonhole: n + 1 values cannot stand next to each other's neighbours in a row too short, and Z3 must search.
    size = 40
    groups = tuple(tuple(f"{letter}{number}" for number in range(size)) for letter in "abcdef")
    clues: list[Formula] = []
    rng = random.Random(1)
    for _ in range(400):
        one, other = rng.sample(groups, 2)
        clues.append(Or((NextTo(rng.choice(one), rng.choice(other)), JustBefore(rng.choice(other), rng.choice(one)))))
        clues.append(Not(Same(rng.choice(one), rng.choice(other))))
    puzzle = reading(Signature(groups=groups, places=size), *clues)
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"no answer within 0\.5 s"):
        Solver(puzzle, timeout=0.5).solutions(1000)
    assert time.monotonic() - began < 60


def test_too_many_models_are_not_enumerated() -> None:
    puzzle = reading(order(*(f"P{number}" for number in range(12))))
    with pytest.raises(TooManyModels, match="479,001,600 ways"):
        ModelTable(puzzle)


def test_a_puzzle_about_nothing_has_one_solution() -> None:
    assert Solver(reading(Signature(places=5))).solutions() == [{}]


def test_empty_formulas() -> None:
    puzzle = reading(order("Ann", "Bob"))
    assert Solver(puzzle).truth(And(())) == ModelTable(puzzle).truth(And(())) == ENTAILMENT
    assert Solver(puzzle).truth(Or(())) == ModelTable(puzzle).truth(Or(())) == CONTRADICTION
