"""The labels: what the drawing counts, what the prover proves, what Z3 finds and what an enumeration sees are one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from entailbench.logic import proofs
from entailbench.logic.enumeration import ModelTable
from entailbench.logic.formula import At, Before, renamed
from entailbench.logic.generator import Dials, Row, generate_rows
from entailbench.logic.generator.draft import Draft, Worded
from entailbench.logic.generator.grid import Clue, holds, solutions
from entailbench.logic.generator.heights import HeightDraft, draw_heights
from entailbench.logic.generator.knights import draw_knights
from entailbench.logic.generator.zebra import ZebraDraft, _clue, draw_zebra
from entailbench.logic.language import read_puzzle, read_question
from entailbench.logic.puzzle import FAMILIES, Family, Premise, Puzzle, Question, Reading
from entailbench.logic.solver import Solver
from entailbench.logic.truth import UNKNOWN

DRAWS = {"heights": draw_heights, "knights": draw_knights, "zebra": draw_zebra}
SMALL = {"heights": (3, 7), "knights": (3, 8), "zebra": (3, 4)}
DIALS = Dials(categories=(3, 3))


def drawn(family: Family, count: int, seed: int) -> Iterator[tuple[Draft, Worded]]:
    rng = random.Random(seed)
    for _ in range(count):
        draft = DRAWS[family](rng, DIALS, rng.randint(*SMALL[family]))
        yield draft, draft.worded(rng, DIALS)


def some_rows(family: Family, puzzles: int, seed: int = 11) -> list[Row]:
    return [row for rows in itertools.islice(generate_rows(family, "test", seed, Dials()), puzzles) for row in rows]


@pytest.mark.parametrize(("family", "count"), [("heights", 250), ("knights", 250), ("zebra", 40)])
def test_the_drawing_knows_every_truth(family: Family, count: int) -> None:
    rng = random.Random(0)
    for draft, worded in drawn(family, count, seed=8):
        models = ModelTable(worded.reading)
        assert models.size
        candidates = draft.candidates(rng)
        assert candidates or any(phrasing.startswith("either") for phrasing in worded.phrasings)
        for candidate in candidates:
            assert models.truth(draft.asked(candidate)) == candidate.truth, (worded.text, candidate)


def extra_premises(draft: Draft, worded: Worded) -> list[Premise]:
    """The distractors, by how each family tells them."""
    premises = list(worded.reading.premises)
    if isinstance(draft, ZebraDraft):
        return [premise for premise, clue in zip(premises, draft.clues, strict=True) if clue in draft.extra]
    if isinstance(draft, HeightDraft):
        row = draft.row
        pairs = {Before(row[first], row[later]) for first, later in draft.extra_pairs}
        places = {person + 1 for person in draft.extra_ranked}
        return [
            premise
            for premise in premises
            if premise.formula in pairs
            or (
                isinstance(premise.formula, At)
                and premise.formula.place % (draft.size + (premise.formula.place < 0)) in places
            )
        ]
    everything, found = models_of(worded.reading, premises), []
    for premise in premises[::-1]:
        without = [other for other in premises if other is not premise and other not in found]
        if models_of(worded.reading, without) == everything:
            found.append(premise)
    return found


def models_of(reading: Reading, premises: Sequence[Premise]) -> int:
    return ModelTable(replace(reading, premises=tuple(premises))).size


@pytest.mark.parametrize("family", FAMILIES)
def test_distractors_follow_from_the_other_premises_and_no_other_premise_does(family: Family) -> None:
    counts = set()
    for draft, worded in drawn(family, 60, seed=9):
        extra = extra_premises(draft, worded)
        assert len(extra) == draft.distractors, worded.text
        counts.add(len(extra))
        everything = models_of(worded.reading, worded.reading.premises)
        core = [premise for premise in worded.reading.premises if premise not in extra]
        assert models_of(worded.reading, core) == everything
        for premise in core:
            assert models_of(worded.reading, [other for other in core if other is not premise]) > everything, (
                worded.text
            )
    assert {0, 1, 2, 3} <= counts


def understood(row: Row) -> tuple[Puzzle, Question]:
    puzzle = read_puzzle(row.context)
    question = read_question(puzzle, row.question)
    assert isinstance(question, Question)
    return puzzle, question


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_read_from_their_text_alone_have_their_labels_by_z3(family: Family) -> None:
    for row in some_rows(family, 25):
        puzzle, question = understood(row)
        for reading in puzzle.readings:
            solver = Solver(reading)
            if solver.consistent():
                assert solver.truth(question.formula) == row.label_published, row


@pytest.mark.parametrize("family", FAMILIES)
def test_proofs_are_accepted_and_minimal(family: Family) -> None:
    for row in some_rows(family, 25):
        puzzle, question = understood(row)
        reading = puzzle.readings[0]
        checked = proofs.check(reading, question.formula, row.proof)
        assert checked.truth == row.label_published, (row, checked)
        assert row.depth == len(row.proof_premises)
        assert (row.depth == 0) == (row.label_published == UNKNOWN)
        if row.depth:
            used = tuple(reading.premises[place] for place in row.proof_premises)
            assert Solver(replace(reading, premises=used)).truth(question.formula) == row.label_published
            for premise in used:
                fewer = tuple(other for other in used if other is not premise)
                assert Solver(replace(reading, premises=fewer)).truth(question.formula) == UNKNOWN


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_do_not_depend_on_names_or_on_the_order_of_premises(family: Family) -> None:
    rng = random.Random(6)
    for row in some_rows(family, 20):
        puzzle, question = understood(row)
        reading = puzzle.readings[0]
        names = reading.signature.entities
        new = dict(zip(names, rng.sample([f"x{place}" for place in range(len(names))], len(names)), strict=True))
        people = tuple(new[name] for name in reading.signature.people)
        groups = [tuple(new[name] for name in group) for group in reading.signature.groups]
        rng.shuffle(groups)
        premises = [replace(p, formula=renamed(p.formula, new.__getitem__)) for p in reading.premises]
        rng.shuffle(premises)
        other = Reading(
            "",
            replace(reading.signature, people=people, groups=tuple(rng.sample(groups, len(groups)))),
            tuple(premises),
        )
        proved = proofs.decide(other, renamed(question.formula, new.__getitem__))
        assert proved.truth == row.label_published
        assert (proved.truth == UNKNOWN) == (not proved.proof.premises)


def test_the_solutions_of_a_grid_are_those_of_an_enumeration() -> None:
    rng = random.Random(3)
    for _ in range(150):
        houses, categories = rng.choice([(3, 3), (3, 4), (4, 3)])
        truth = tuple(tuple(rng.sample(range(houses), houses)) for _ in range(categories))
        clues: list[Clue] = [_clue(rng, houses, categories, truth) for _ in range(rng.randint(1, 9))]
        orders = list(itertools.permutations(range(houses)))
        every = [s for s in itertools.product(orders, repeat=categories) if all(holds(clue, s) for clue in clues)]
        assert sorted(solutions(houses, categories, clues, len(every)) or []) == sorted(every)
        assert solutions(houses, categories, clues, len(every) - 1) is None
    assert solutions(3, 2, [Clue("at", (0, 0), house=0), Clue("at", (0, 0), house=1)], 10) == []
