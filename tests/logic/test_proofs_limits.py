"""What provers do with too much, too hard, contradictory and unfit puzzles: a clear verdict, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from random import Random

import pytest

from entailbench.errors import DataError
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
)
from entailbench.logic.proofs import Decider, Inconsistent, TooHard, check, decide
from entailbench.logic.puzzle import Premise, Reading, Sentence
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT

NAMES = tuple(f"Person{number}" for number in range(200))


def reading(signature: Signature, formulas: list[Formula]) -> Reading:
    return Reading("", signature, tuple(Premise(Sentence(""), formula) for formula in formulas))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


def test_proofs_about_few_people_are_quick_enough_to_generate_by_the_thousand() -> None:
    rng = Random(3)
    puzzles = []
    for _ in range(300):
        row = rng.sample(NAMES, 8)
        facts: list[Formula] = [Before(row[i], row[j]) for i, j in (sorted(rng.sample(range(8), 2)) for _ in range(9))]
        puzzles.append((reading(Signature(groups=(tuple(sorted(row)),), places=8), facts), Before(*rng.sample(row, 2))))
    # Five hundred a second is promised of the generator; twice that leaves it room.
    with at_most(0.3):
        for puzzle, question in puzzles:
            decide(puzzle, question)


@pytest.mark.parametrize("named", [(5, 5, 5, 5, 5, 5), (5, 5, 4, 3, 5, 2)])
def test_grids_of_full_size(named: tuple[int, ...]) -> None:
    rng = Random(4)
    everything = [[f"thing{group}{value}" for value in "abcde"] for group in range(6)]
    truths = set()
    for _ in range(4):
        hidden = {
            name: place for group in everything for name, place in zip(group, rng.sample(range(1, 6), 5), strict=True)
        }
        groups = tuple(tuple(group[:count]) for group, count in zip(everything, named, strict=True))
        names = [name for group in groups for name in group]
        clues: list[Formula] = []
        while len(clues) < 28:
            clue = rng.choice((Same, Same, JustBefore, NextTo))(*rng.sample(names, 2))
            if holds(clue, hidden, 5):
                clues.append(clue)
        puzzle = reading(Signature(groups=groups, places=5), clues)
        decider = Decider(puzzle)
        with at_most(20):
            for name in rng.sample(names, 12):
                question = rng.choice(
                    (At(name, rng.randint(1, 5)), Same(name, rng.choice(names)), At(name, hidden[name]))
                )
                proved = decider.decide(question)
                assert check(puzzle, question, proved.proof.text).truth == proved.truth
                truths.add(proved.truth)
                assert proved.truth in (UNKNOWN, ENTAILMENT if holds(question, hidden, 5) else CONTRADICTION)
    assert truths == {ENTAILMENT, CONTRADICTION, UNKNOWN}


def test_200_people_and_10_000_comparisons() -> None:
    rng = Random(0)
    row = list(NAMES)
    rng.shuffle(row)
    facts: list[Formula] = [Before(a, b) for a, b in pairwise(row)]
    facts += [Before(row[i], row[j]) for i, j in (sorted(rng.sample(range(200), 2)) for _ in range(9_801))]
    rng.shuffle(facts)
    puzzle = reading(Signature(groups=(NAMES,), places=200), facts)
    for question, truth, premises in (
        (Before(row[3], row[150]), ENTAILMENT, None),
        (At(row[0], 1), ENTAILMENT, 199),
        (At(row[100], 50), CONTRADICTION, 50),
        (Before(row[7], row[7]), CONTRADICTION, 0),
    ):
        with at_most(10):
            proved = decide(puzzle, question)
            assert check(puzzle, question, proved.proof.text).truth == proved.truth == truth
        assert premises in (None, len(proved.proof.premises))
    looped = reading(puzzle.signature, [*facts, Before(row[190], row[3])])
    with at_most(10), pytest.raises(Inconsistent) as caught:
        decide(looped, Before(row[0], row[1]))
    assert 10_000 in caught.value.premises


def test_200_knights_and_10_000_claims() -> None:
    rng = Random(1)
    hidden = {name: rng.randint(0, 1) for name in NAMES}
    facts: list[Formula] = []
    for _ in range(10_000):
        speaker, a, b = rng.sample(NAMES, 3)
        claim = rng.choice((And, Or))((Knight(a), Not(Knight(b))))
        facts.append(Iff(Knight(speaker), claim if holds(claim, hidden, 0) == hidden[speaker] else Not(claim)))
    puzzle = reading(Signature(people=NAMES), facts)
    with at_most(20):
        proved = decide(puzzle, Knight(NAMES[0]))
        assert proved.truth == (ENTAILMENT if hidden[NAMES[0]] else CONTRADICTION)
        assert check(puzzle, Knight(NAMES[0]), proved.proof.text).truth == proved.truth


def test_premises_about_everybody() -> None:
    somebody = Or(tuple(Knight(name) for name in NAMES))
    puzzle = reading(
        Signature(people=NAMES), [somebody, Iff(Knight(NAMES[0]), Not(somebody)), *(Not(Knight(n)) for n in NAMES[2:])]
    )
    with at_most(10):
        proved = decide(puzzle, Knight(NAMES[1]))
        assert proved.truth == ENTAILMENT
        assert proved.proof.text.endswith(f"{NAMES[1]} knight")
        assert check(puzzle, Knight(NAMES[1]), proved.proof.text).truth == ENTAILMENT


@pytest.mark.parametrize("family", ["orders", "knights", "grids"])
def test_a_hard_search_is_given_up(family: str) -> None:
    rng = Random(2)

    def literal() -> Formula:
        if family == "knights":
            return rng.choice((Knight(rng.choice(NAMES)), Not(Knight(rng.choice(NAMES)))))
        return Before(*rng.sample(NAMES, 2))

    signature = {
        "orders": Signature(groups=(NAMES,), places=200),
        "knights": Signature(people=NAMES),
        "grids": Signature(groups=tuple(NAMES[start : start + 40] for start in range(0, 200, 40)), places=40),
    }[family]
    count = 850 if family == "knights" else 10_000
    puzzle = reading(signature, [Or((literal(), literal(), literal())) for _ in range(count)])
    with at_most(40), pytest.raises(TooHard, match="300,000 steps"):
        decide(puzzle, Knight(NAMES[0]) if family == "knights" else Before(NAMES[0], NAMES[1]))


def test_the_limit_can_be_chosen() -> None:
    puzzle = reading(Signature(people=NAMES[:4]), [Iff(Knight(a), Not(Knight(b))) for a, b in pairwise(NAMES[:4])])
    with pytest.raises(TooHard, match="within 3 steps") as caught:
        decide(puzzle, Knight(NAMES[0]), limit=3)
    assert caught.value.limit == 3
    assert decide(puzzle, Knight(NAMES[0])).truth == UNKNOWN


def test_premises_that_contradict_each_other_are_named() -> None:
    puzzle = reading(
        Signature(groups=(("Ann", "Bob", "Cal"),), places=3),
        [Before("Ann", "Cal"), Before("Ann", "Bob"), Before("Bob", "Cal"), Before("Cal", "Ann")],
    )
    with pytest.raises(Inconsistent, match=r"contradict each other \(premises 1, 4, counted from 1\)") as caught:
        decide(puzzle, Before("Ann", "Ann"))
    assert caught.value.premises == (0, 3)
    assert check(puzzle, Before("Cal", "Bob"), "Ann > Bob, Cal > Ann").truth is None


@pytest.mark.parametrize(
    ("signature", "premise", "question", "complaint"),
    [
        (Signature(people=("Ann",), groups=(("red",),), places=1), Knight("Ann"), Knight("Ann"), "both knights and"),
        (Signature(people=("Ann",)), Knight("Ann"), Knight("Zoe"), "the question is about 'Zoe', whom the puzzle"),
        (Signature(people=("Ann",)), Knight("Zoe"), Knight("Ann"), "premise 1 is about 'Zoe'"),
        (Signature(people=("Ann", "Bob")), Before("Ann", "Bob"), Knight("Ann"), "premise 1 is about places"),
        (Signature(groups=(("Ann", "Bob"),), places=2), Before("Ann", "Bob"), Knight("Ann"), "is about knights"),
        (Signature(groups=(("Ann", "Ann"),), places=2), Before("Ann", "Ann"), At("Ann", 1), "named twice"),
        (Signature(groups=(("Ann", "Bob"),), places=1), At("Ann", 1), At("Ann", 1), "2 things"),
    ],
)
def test_what_the_calculi_do_not_cover(
    signature: Signature, premise: Formula, question: Formula, complaint: str
) -> None:
    puzzle = reading(signature, [premise])
    for attempt in (
        lambda: decide(puzzle, question),
        lambda: Decider(puzzle).decide(question),
        lambda: check(puzzle, question, "yes"),
    ):
        with pytest.raises(DataError, match=complaint):
            attempt()


def test_nobody_and_nothing() -> None:
    for signature in (Signature(), Signature(groups=((),), places=0), Signature(groups=((),), places=3)):
        puzzle = reading(signature, [])
        proved = decide(puzzle, And(()))
        assert (proved.truth, proved.proof.text, proved.proof.premises) == (ENTAILMENT, "yes", ())
        assert check(puzzle, And(()), "yes").truth == ENTAILMENT
        assert decide(puzzle, Or(())).proof.text == "no"
        with pytest.raises(Inconsistent):
            decide(reading(signature, [Or(())]), And(()))


def test_a_long_text_is_not_checked_for_ever() -> None:
    people = NAMES[:60]
    facts: list[Formula] = [
        Or(tuple(Knight(name) for name in Random(seed).sample(people, 40))) for seed in range(2_000)
    ]
    puzzle = reading(Signature(people=people), facts)
    text = "".join(f"if {name} knave: " for name in people[:19]) + "yes, " * 30
    with at_most(30):
        assert check(puzzle, Knight(people[20]), text).truth is None
        assert check(puzzle, Knight(people[20]), f"{people[0]} = {people[0]}, " * 5_000 + "yes").truth is None
