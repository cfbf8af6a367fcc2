"""Worked proofs of comparisons: the checker takes every one of them, and each choice in them is the rule's."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from random_readings import random_question, random_reading, truth_by_trial

from entailbench.logic.formula import And, At, Before, Formula, Not, Or, Signature
from entailbench.logic.generator import Dials, generate_rows
from entailbench.logic.generator.spec import Wording
from entailbench.logic.language import read_puzzle, read_question
from entailbench.logic.proofs import Inconsistent, check, decide
from entailbench.logic.puzzle import Premise, Question, Reading, Sentence
from entailbench.logic.truth import UNKNOWN
from entailbench.logic.working import work

BETWEEN = Or(
    (
        And((Before("Bob", "Ann"), Before("Ann", "Cem"))),
        And((Before("Cem", "Ann"), Before("Ann", "Bob"))),
    )
)


def reading(people: str, *formulas: Formula) -> Reading:
    names = tuple(people.split())
    premises = tuple(Premise(Sentence(str(formula)), formula) for formula in formulas)
    return Reading("", Signature(groups=(names,), places=len(names)), premises)


def worked(puzzle: Reading, formula: Formula) -> str:
    return work(puzzle, formula, decide(puzzle, formula))


# The people of a signature stand in an order of its own: no choice may depend on it.
FORK = reading(
    "Dan Cem Bob Ann Eve", And((Before("Ann", "Bob"), Before("Bob", "Dan"))), Before("Cem", "Bob"), Before("Ann", "Eve")
)
FORK_SAID = "Ann > Bob > Dan, Cem > Bob, Ann > Eve"


@pytest.mark.parametrize(
    ("puzzle", "formula", "text"),
    [
        pytest.param(FORK, Before("Ann", "Dan"), f"{FORK_SAID}; Ann > Bob > Dan", id="yes, as soon as met"),
        pytest.param(FORK, Before("Ann", "Eve"), f"{FORK_SAID}; Ann > Bob > Dan, Ann > Eve", id="deepest first"),
        pytest.param(
            FORK, Before("Dan", "Cem"), f"{FORK_SAID}; Dan > none; Cem > Bob > Dan", id="no, from the other end"
        ),
        pytest.param(
            FORK,
            Before("Eve", "Dan"),
            f"{FORK_SAID}; Eve > none; Dan > none; Eve ? Dan",
            id="open, nobody after either",
        ),
        pytest.param(
            FORK,
            Before("Eve", "Bob"),
            f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Bob",
            id="open, somebody after one",
        ),
        pytest.param(
            FORK,
            At("Ann", 1),
            f"{FORK_SAID}; Ann < none; Ann > Bob > Dan, Ann > Eve; Ann ? Cem",
            id="perhaps the first",
        ),
        pytest.param(FORK, At("Bob", 1), f"{FORK_SAID}; Bob < Ann", id="not the first"),
        pytest.param(FORK, At("Cem", -1), f"{FORK_SAID}; Cem > Bob", id="not the last"),
        pytest.param(
            FORK,
            At("Dan", -1),
            f"{FORK_SAID}; Dan > none; Dan < Bob < Ann, Bob < Cem; Dan ? Eve",
            id="perhaps the last",
        ),
        pytest.param(FORK, At("Bob", 2), f"{FORK_SAID}; Bob < Ann, Bob < Cem", id="not the second"),
        pytest.param(
            reading("Ann Bob Cem", BETWEEN, Before("Bob", "Cem")),
            Before("Ann", "Cem"),
            "Bob > Cem, Bob > Ann > Cem; Ann > Cem",
            id="between, once it can be told",
        ),
        pytest.param(
            reading("Ann Bob Cem", At("Cem", 1), At("Bob", -1)),
            Before("Ann", "Cem"),
            "Cem > all, all > Bob; Ann > Bob; Cem > Bob, Cem > Ann",
            id="first and last of all",
        ),
        pytest.param(
            reading("Ann Bob Cem Dan", At("Cem", 2), Before("Ann", "Cem")),
            Before("Cem", "Dan"),
            "Cem 2, Ann > Cem, Cem > Bob, Cem > Dan; Cem > Bob, Cem > Dan",
            id="a place, and what follows from it",
        ),
        pytest.param(
            reading("Ann Bob Cem Dan", At("Cem", 2), Before("Ann", "Bob")),
            Before("Dan", "Ann"),
            "Cem 2, Ann > Bob; Dan > none; Ann > Bob; Dan > Cem > Ann > Bob or Ann > Cem > Bob > Dan",
            id="open, but a place says more than pairs",
        ),
        pytest.param(reading("Ann Bob Cem", At("Cem", 2)), At("Cem", -2), "Cem 2", id="a place that was told"),
        pytest.param(reading("Ann Bob Cem", At("Cem", 2)), At("Bob", 2), "Cem 2", id="a place that is another's"),
        pytest.param(FORK, Before("Ann", "Ann"), "Ann = Ann", id="nobody before themselves"),
    ],
)
def test_what_is_said_and_in_which_order(puzzle: Reading, formula: Formula, text: str) -> None:
    assert worked(puzzle, formula) == text
    assert check(puzzle, formula, text).truth == decide(puzzle, formula).truth


@pytest.mark.parametrize("wording", ["plain", "wide"])
def test_every_generated_question_has_a_worked_proof_that_its_text_vouches_for(wording: Wording) -> None:
    dials = Dials(families=("heights",), questions=6, wording=wording)
    open_ones = 0
    for puzzle in islice(generate_rows("heights", "train", 3, dials, worked=True), 150):
        read = read_puzzle(puzzle[0].context)
        for row in puzzle:
            question = read_question(read, row.question)
            assert isinstance(question, Question)
            found = check(read.readings[0], question.formula, row.worked)
            assert found.truth == row.label_published, (row, found)
            open_ones += row.label_published == UNKNOWN
    assert open_ones > 100


def test_whatever_the_premises_are_the_checker_takes_it() -> None:
    rng = Random(8)
    walked = 0
    for _ in range(1500):
        puzzle = random_reading(rng, "heights")
        formula = random_question(rng, puzzle)
        try:
            proved = decide(puzzle, formula)
        except Inconsistent:
            continue
        text = work(puzzle, formula, proved)
        assert check(puzzle, formula, text).truth == proved.truth == truth_by_trial(puzzle, formula), text
        walked += text != proved.proof.text
    assert walked > 500


def test_without_being_asked_rows_have_none() -> None:
    (row, *_) = next(generate_rows("heights", "train", 3, Dials(families=("heights",))))
    assert not row.worked
    assert '"worked"' not in row.to_json()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "Dan > Ann, Ann > Eve > Cem > Bob > Dan or Ann > Cem > Eve > Bob > Dan", id="untrue before orders"
        ),
        pytest.param("Ann > Bob, or Ann > Cem > Eve > Bob > Dan", id="an order too few"),
        pytest.param("if Ann > Bob: Ann > Eve > Cem > Bob > Dan or Ann > Cem > Eve > Bob > Dan", id="a case"),
        pytest.param("Ann > all", id="not before all"),
        pytest.param("all > Dan", id="not after all"),
        pytest.param("all > all", id="nobody"),
        pytest.param("Ann < all", id="all on the wrong side"),
        pytest.param("Ann > Bob > all", id="all in a chain"),
        pytest.param("Ann > Bob < Dan", id="two signs"),
        pytest.param("Eve < Cem", id="an untrue way back"),
        pytest.param("Ann 1", id="a place that nobody told"),
        pytest.param("Ann 6", id="no place"),
        pytest.param("Ann -0", id="no place from the end"),
        pytest.param("Bob > none", id="somebody after"),
        pytest.param("Dan < none", id="somebody before"),
        pytest.param("none > Ann", id="none on the wrong side"),
        pytest.param("Eve = none", id="none with another sign"),
        pytest.param("Ann > none > Eve", id="none in a chain"),
    ],
)
def test_what_is_not_so_is_refused(text: str) -> None:
    for formula in (Before("Eve", "Cem"), At("Ann", 1), At("Dan", -1), Not(Before("Ann", "Dan"))):
        assert check(FORK, formula, text).truth is None
        assert check(FORK, formula, f"Ann > Bob, {text}").truth is None


@pytest.mark.parametrize(
    ("formula", "text", "reason"),
    [
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Bob", ""),
        (Before("Bob", "Eve"), f"{FORK_SAID}; Bob > Dan; Eve > none; Eve ? Bob", ""),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Bob ? Eve", ""),
        (At("Ann", 1), f"{FORK_SAID}; Ann < none; Ann > Bob > Dan, Ann > Eve; Ann ? Cem", ""),
        (At("Bob", 3), f"{FORK_SAID}; Bob < Ann, Bob < Cem; Bob > Dan; Bob ? Eve", ""),
        (At("Bob", -2), f"{FORK_SAID}; Bob > Dan; Bob < Ann, Bob < Cem; Bob ? Eve", ""),
        (At("Bob", 2), f"{FORK_SAID}; Bob < Ann, Bob < Cem; Bob > Dan; Bob ? Eve", "cannot be"),
        (At("Bob", -1), f"{FORK_SAID}; Bob < Ann, Bob < Cem; Bob > Dan; Bob ? Eve", "cannot be"),
        (At("Bob", 3), f"{FORK_SAID}; Bob < Ann, Bob < Cem; Bob > Dan; Eve ? Bob", "not answer what was asked"),
        (At("Bob", 3), f"{FORK_SAID}; Bob < Ann; Bob > Dan; Bob ? Eve", "not everybody before Bob"),
        (At("Bob", 3), f"{FORK_SAID}; Bob > Dan; Bob ? Eve", "not everybody before Bob"),
        (Before("Eve", "Bob"), "Ann > Bob > Dan, Cem > Bob; Eve > none; Bob > Dan; Eve ? Bob", "premise 3 says more"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > none; Eve ? Bob", "there is somebody"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Eve ? Bob", "not everybody after Bob"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Bob > Dan; Eve ? Bob", "not everybody after Eve"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Cem > Bob; Eve ? Bob", "not everybody after Eve"),
        (Before("Eve", "Bob"), f"{FORK_SAID}, Eve > none, Bob > Dan; Eve ? Bob", "not everybody after"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan, Eve ? Bob", "preceded by ';'"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Cem", "not answer what was asked"),
        (Before("Ann", "Dan"), f"{FORK_SAID}; Ann > Bob > Dan, Ann > Eve; Dan > none; Ann ? Dan", "one stands before"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Eve", "are the same"),
        (Before("Eve", "Bob"), f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Bob ? Ann", "once, at the end"),
        (Before("Eve", "Bob"), "Eve ? Bob", "preceded by ';'"),
        (Before("Eve", "Bob"), "?", "once, at the end"),
        (Not(Before("Eve", "Bob")), f"{FORK_SAID}; Eve > none; Bob > Dan; Eve ? Bob", "not answer what was asked"),
    ],
)
def test_who_stands_in_neither_order_must_have_been_searched_for(formula: Formula, text: str, reason: str) -> None:
    found = check(FORK, formula, text)
    assert (found.truth == UNKNOWN) == (not reason)
    assert reason in found.reason


def test_no_question_is_open_because_a_place_was_left_out() -> None:
    puzzle = reading("Ann Bob Cem", At("Bob", 2), Before("Ann", "Bob"))
    text = "Bob 2, Ann > Bob; Ann > Bob; Cem > none; Ann ? Cem"
    assert "premise 1 says more" in check(puzzle, Before("Ann", "Cem"), text).reason


def test_places_that_are_told_may_be_repeated() -> None:
    puzzle = reading("Ann Bob Cem Dan", At("Cem", -2), Before("Ann", "Cem"))
    for text in ("Cem 3, Ann > Cem", "Cem -2, Ann > Cem"):
        assert check(puzzle, Before("Ann", "Cem"), text).truth == "entailment"
    assert check(puzzle, Before("Ann", "Cem"), "Cem 2, Ann > Cem").truth is None


def test_chains_may_be_written_from_the_back() -> None:
    assert check(FORK, Before("Ann", "Dan"), "Dan < Bob < Ann").truth == "entailment"
