"""Worked proofs about knights: what they say is checked, and what they may say at a case's end proves nothing false."""

from __future__ import annotations

import re
from itertools import pairwise, product
from random import Random

import pytest
from random_readings import all_models, random_question, random_reading, truth_by_trial
from test_proofs_check import mutants

from entailbench.logic.formula import (
    And,
    At,
    Formula,
    Iff,
    JustBefore,
    Knight,
    Not,
    Or,
    Signature,
    conjuncts,
    entities,
    holds,
    renamed,
)
from entailbench.logic.generator.knights import draw_knights
from entailbench.logic.generator.spec import Dials
from entailbench.logic.proofs import Inconsistent, TooHard, check, check_domains, decide
from entailbench.logic.puzzle import Family, Premise, Reading, Sentence
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.logic.working import domain_statements
from entailbench.logic.working.domains import work_domains
from entailbench.records import ENTAILMENT

PUZZLES = [400, pytest.param(5_000, marks=pytest.mark.soak)]


def reading(signature: Signature, *formulas: Formula) -> Reading:
    return Reading("", signature, tuple(Premise(Sentence(str(formula)), formula) for formula in formulas))


def says(speaker: str, said: Formula) -> Formula:
    return Iff(Knight(speaker), said)


PEOPLE = Signature(people=("Ann", "Bob", "Cal"))
LIAR = reading(PEOPLE, says("Bob", And((Knight("Ann"), Knight("Cal")))), says("Cal", Not(Knight("Bob"))))
"""Bob cannot be a knight."""
LIARS = reading(PEOPLE, says("Bob", And((Knight("Ann"), Knight("Cal")))), says("Ann", Not(Knight("Bob"))))
CHAIN = reading(PEOPLE, says("Ann", Knight("Bob")), says("Bob", Iff(Knight("Ann"), Knight("Cal"))))
"""Cal is a knight, whatever the other two are."""
FORK = reading(
    Signature(people=("Eve", "Dee", "Cal", "Bob", "Ann")),
    says("Ann", And((Knight("Bob"), Not(Knight("Cal"))))),
    says("Eve", And((Knight("Cal"), Not(Knight("Dee"))))),
    says("Cal", Not(Knight("Ann"))),
    says("Bob", Knight("Ann")),
)
SELF = reading(
    PEOPLE,
    says("Ann", Iff(Knight("Ann"), Knight("Bob"))),
    says("Bob", Not(Knight("Cal"))),
    Not(Knight("Ann")),
)
FREE = reading(PEOPLE, says("Ann", Not(Knight("Bob"))))
"""Either of Ann and Bob is a knight; nobody speaks of Cal."""
EITHER = reading(PEOPLE, Or((Knight("Ann"), Knight("Bob"))), Or((Not(Knight("Ann")), Not(Knight("Cal")))))
STREET = reading(Signature(groups=(("red", "blue"), ("cat", "dog")), places=3), JustBefore("red", "blue"))


@pytest.mark.parametrize(
    ("puzzle", "question", "text", "truth"),
    [
        (LIAR, Knight("Bob"), "if Bob knight: Ann knight, Cal knight, false; Bob knave", CONTRADICTION),
        (LIARS, Knight("Bob"), "if Bob knight: Ann knight, false; Bob knave", CONTRADICTION),
        (LIAR, Not(Knight("Bob")), "if Bob knave: Cal knight; Ann knave, yes; else Bob knight; Ann knight, Cal knight, "
         "false", ENTAILMENT),
        (CHAIN, Knight("Cal"), "if Cal knight: if Ann knight: Bob knight, yes; yes; else Cal knave; if Ann knight: Bob "
         "knight, false; Ann knave; Bob knave, false", ENTAILMENT),
        (CHAIN, Knight("Ann"), "if Ann knight: Bob knight, Cal knight, yes; else Ann knave; Bob knave, Cal knight, no",
         UNKNOWN),
        (FREE, Not(Knight("Cal")), "if Cal knave: if Ann knight: Bob knave, yes; yes; else Cal knight; if Ann knight: "
         "Bob knave, no", UNKNOWN),
        (EITHER, Or((Knight("Bob"), Knight("Cal"))), "if Bob knight: if Cal knight: Ann knave, yes; yes; else Bob "
         "knave; Ann knight; Cal knave, no", UNKNOWN),
        # Dee knows nothing that is new; Cal, who does, is still to be followed up.
        (FORK, Knight("Eve"), "if Eve knight: Cal knight, Dee knave; Cal knight; Ann knave; Bob knave, yes; else Eve "
         "knave; if Ann knight: Bob knight, Cal knave; Bob knight; if Dee knight: no", UNKNOWN),
        # By themselves the statements make Bob a knight and Ann a knave. Ann is followed up first, and in vain.
        (SELF, Knight("Cal"), "Bob knight, Ann knave; Bob knight; Cal knave", CONTRADICTION),
        (FREE, Or((Knight("Cal"), Not(Knight("Cal")))), "yes", ENTAILMENT),
        (FREE, Or(()), "no", CONTRADICTION),
    ],
)  # fmt: skip
def test_the_order_of_work(puzzle: Reading, question: Formula, text: str, truth: Truth) -> None:
    assert truth_by_trial(puzzle, question) == truth
    assert work_domains(puzzle, question) == text
    assert check(puzzle, question, text).truth == truth


@pytest.mark.parametrize("count", PUZZLES)
def test_accepted_with_the_truth_of_exhaustive_trial(count: int) -> None:
    seen: dict[Truth | None, int] = {}
    for seed in range(count):
        rng = Random(f"worked {seed}")
        puzzle = random_reading(rng, "knights")
        question = random_question(rng, puzzle)
        truth = truth_by_trial(puzzle, question)
        seen[truth] = seen.get(truth, 0) + 1
        if truth is None:
            with pytest.raises(Inconsistent):
                work_domains(puzzle, question)
            continue
        text = work_domains(puzzle, question)
        checked = check(puzzle, question, text)
        assert checked.truth == truth, f"{seed}: {text!r} for {question}: {checked.reason}"
    assert set(seen) == {ENTAILMENT, CONTRADICTION, UNKNOWN, None}
    assert min(seen.values()) > count / 50


@pytest.mark.parametrize("wording", ["plain", "wide"])
def test_puzzles_of_the_generator(wording: str) -> None:
    dials = Dials(families=("knights",), people=(3, 8), wording=wording)  # type: ignore[arg-type]
    for seed in range(150):
        rng = Random(f"drawn {seed}")
        draft = draw_knights(rng, dials, rng.randint(3, 8))
        puzzle = draft.worded(rng, dials).reading
        for candidate in draft.candidates(rng):
            text = work_domains(puzzle, draft.asked(candidate))
            assert check(puzzle, draft.asked(candidate), text).truth == candidate.truth


def fits(known: dict[str, int], statements: list[Formula]) -> bool:
    """Whether none of the statements, by itself, contradicts what is known."""
    for said in statements:
        others = [name for name in entities(said) if name not in known]
        ways = product((0, 1), repeat=len(others))
        if not any(holds(said, known | dict(zip(others, way, strict=True)), 0) for way in ways):
            return False
    return True


def test_each_step_is_told_by_the_fact_before() -> None:
    facts = repeated = suppositions = 0
    for seed in range(400):
        rng = Random(f"steps {seed}")
        puzzle = random_reading(rng, "knights")
        question = random_question(rng, puzzle)
        if truth_by_trial(puzzle, question) is None:
            continue
        said = [part for premise in puzzle.premises for part in conjuncts(premise.formula)]
        about = {name: [part for part in said if name in entities(part)] for name in puzzle.signature.people}
        known: dict[str, int] = {}
        cases: list[tuple[dict[str, int], str, int]] = []
        followed = newest = ""
        for separator, words in re.findall(r"([,;:]|^) ?([^,;:]+)", work_domains(puzzle, question)):
            marker, name, kind = ["", "", *words.split()][-3:]
            value = int(kind == "knight")
            if kind in ("false", "yes", "no"):
                assert (kind != "false") or not fits(known, about[newest])
                if cases:
                    known, newest, supposed = cases.pop()
                    known[newest] = 1 - supposed
            elif marker == "if":
                others = [other for other in about if other not in known]
                assert all(fits(known | {other: way}, said) for other in others for way in (0, 1)), "not all was said"
                cases.append((dict(known), name, value))
                known[name], newest = value, name
                suppositions += 1
            elif name in known:
                assert separator != ","
                assert known[name] == value
                newest = name
                repeated += 1
            else:
                followed = followed if separator == "," else newest
                by_itself = not fits({name: 1 - value}, said)
                assert (not followed and by_itself) or not fits(known | {name: 1 - value}, about[followed])
                known[name], newest = value, name
                facts += 1
    assert min(facts, repeated, suppositions) > 200


def test_grids_have_their_minimal_proof() -> None:
    assert work_domains(STREET, Not(At("red", 3))) == decide(STREET, Not(At("red", 3))).proof.text


def test_statements_about_too_many_to_try_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_statements, "LOCAL_CASES", 1)
    monkeypatch.setattr(check_domains, "LOCAL_CASES", 1)
    for seed in range(400):
        rng = Random(f"loose {seed}")
        puzzle = random_reading(rng, "knights")
        question = random_question(rng, puzzle)
        truth = truth_by_trial(puzzle, question)
        if truth is not None:
            text = work_domains(puzzle, question)
            assert check(puzzle, question, text).truth == truth, f"{seed}: {text!r} for {question}"


def test_forty_people() -> None:
    people = tuple(f"P{number}" for number in range(40))
    chain = [says(one, Knight(other)) for one, other in pairwise(people)]
    crowd = Or(tuple(map(Knight, people)))
    puzzle = reading(Signature(people=people), *chain, crowd)
    text = work_domains(puzzle, Not(Knight("P20")))
    assert check(puzzle, Not(Knight("P20")), text).truth == CONTRADICTION
    with pytest.raises(TooHard):
        work_domains(puzzle, Not(Knight("P20")), limit=5)


@pytest.mark.parametrize("premise", [Or(()), Iff(Knight("Ann"), Not(Knight("Ann"))), Not(Or((And(()), Knight("Ann"))))])
def test_a_premise_that_contradicts_itself(premise: Formula) -> None:
    puzzle = reading(PEOPLE, says("Ann", Knight("Bob")), premise)
    for question in (Knight("Ann"), Knight("Cal"), And(())):
        with pytest.raises(Inconsistent):
            work_domains(puzzle, question)


def test_too_many_cases_in_each_other() -> None:
    people = tuple(f"P{number}" for number in range(3_000))
    puzzle = reading(Signature(people=people), *(Or((Knight(one), Knight(other))) for one, other in pairwise(people)))
    with pytest.raises(TooHard):
        work_domains(puzzle, Knight("P0"))


def test_names_change_nothing_but_the_names() -> None:
    for seed in range(200):
        rng = Random(f"renamed {seed}")
        puzzle = random_reading(rng, "knights")
        question = random_question(rng, puzzle)
        if truth_by_trial(puzzle, question) is None:
            continue
        people = list(puzzle.signature.people)
        names = dict(zip(people, (f"N{place}" for place in rng.sample(range(10, 90), len(people))), strict=True))
        # Nor does the order in which the signature lists them, which is not the text's.
        shuffled = rng.sample(sorted(names.values()), len(names))
        formulas = [renamed(premise.formula, names.__getitem__) for premise in puzzle.premises]
        other = work_domains(reading(Signature(tuple(shuffled)), *formulas), renamed(question, names.__getitem__))
        text = work_domains(puzzle, question)
        for name, new in names.items():
            text = text.replace(name, new)
        assert text == other


def test_names_that_look_like_the_language_stand_in_quotes() -> None:
    puzzle = reading(Signature(people=("if", "7")), says("if", Not(Knight("7"))))
    text = work_domains(puzzle, Knight("7"))
    assert text == 'if "7" knight: "if" knave, yes; else "7" knave; "if" knight, no'
    assert check(puzzle, Knight("7"), text).truth == UNKNOWN


@pytest.mark.parametrize(
    ("puzzle", "question", "text", "truth"),
    [
        (FREE, Knight("Ann"), "if Ann knight: Bob knave, yes; else Ann knave, Bob knight, no", UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knight: Bob knave, yes; Bob knight", UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knight: Bob knave, yes; else Bob knight, if Cal knave: no", UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knight: Bob knave, yes; else Bob knight, if Cal knave: no; no", UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knight: if Cal knave: Bob knave, yes; yes; else Bob knight", UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knave: if Cal knave: Bob knight, no; no; if Bob knave: if Cal knight: yes",
         UNKNOWN),
        (FREE, Knight("Ann"), "if Ann knight: if Bob knight: false; yes; else Bob knight", UNKNOWN),
        # Of the first case it is not shown that it can be; of the second, that it is one.
        (EITHER, Knight("Ann"), "if Ann knight: yes; else Ann knave, Bob knight, no", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; else Ann knave, no", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; else Bob knight", UNKNOWN),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; yes", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, no; else Bob knight", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; else Bob knight, yes", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; else Bob knight, false", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, false; Bob knight", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; else Bob knight, no; no", None),
        (EITHER, Knight("Ann"), "if Ann knight: Cal knave, yes; if Ann knave: Bob knight, no", UNKNOWN),
        # What closes a case twice says the second time what is so without the first supposition.
        (EITHER, Knight("Ann"), "if Ann knight: if Cal knight: yes; yes; else Bob knight, no", UNKNOWN),
        (EITHER, Knight("Ann"), "if Ann knight: if Bob knight: yes; yes; else Bob knight, no", None),
        (EITHER, Knight("Ann"), "Ann knight, Bob knave, Cal knave or Ann knave, Bob knight", UNKNOWN),
        (CHAIN, Knight("Cal"), "if Cal knight: if Ann knight: Bob knight, yes; yes; else Cal knave, no", None),
        (STREET, At("red", 1), "if red 1: blue 2, cat 1, yes; else red 2, blue 3, no", None),
        (STREET, At("red", 1), "if red 1: blue 2, if cat 1: if dog 2: yes; yes; yes; else red 2, blue 3, no", None),
        (STREET, At("red", 1), "if red 1: blue 2, if cat 1: if dog 2: yes; yes; yes; else red 2, blue 3, if cat 3: "
         "if dog 1: no", UNKNOWN),
        (STREET, At("red", 1), "if red 1: blue 2, if cat 1: if dog 2: yes; yes; yes; else red 2, blue 3, if cat 3: "
         "if dog 3: no", None),
        (STREET, At("red", 1), "if red 1: if blue 3: if cat 1: if dog 2: yes; yes; yes; yes; else red 2, if cat 3: "
         "if dog 1: no", None),
    ],
)  # fmt: skip
def test_witnesses_by_hand(puzzle: Reading, question: Formula, text: str, truth: Truth | None) -> None:
    result = check(puzzle, question, text)
    assert result.truth == truth, result.reason
    assert bool(result.reason) == (truth is None)


def test_no_spoilt_text_proves_what_is_not_so() -> None:
    accepted = rejected = 0
    for seed in range(150):
        rng = Random(f"spoilt work {seed}")
        puzzle = random_reading(rng, "knights")
        questions = [random_question(rng, puzzle) for _ in range(3)]
        truths = [truth_by_trial(puzzle, question) for question in questions]
        if None in truths:
            continue
        texts = [work_domains(puzzle, question) for question in questions]
        for question, truth, text in zip(questions, truths, texts, strict=True):
            for spoilt in mutants(rng, text, texts):
                result = check(puzzle, question, spoilt)
                assert result.truth in (None, truth), f"{seed}: {spoilt!r} for {question}"
                accepted += result.truth is not None
                rejected += result.truth is None
    assert rejected > 3_000
    assert accepted > 500


@pytest.mark.parametrize("family", ["knights", "zebra"])
def test_texts_of_random_cases(family: Family) -> None:
    # Cases that suppose nearly everything, taken from models more or less, and closed at random: what makes witnesses.
    seen: dict[Truth, int] = {}
    for seed in range(300):
        rng = Random(f"cases {family} {seed}")
        puzzle = random_reading(rng, family)
        question = random_question(rng, puzzle)
        truth = truth_by_trial(puzzle, question)
        if truth is None:
            continue
        places = puzzle.signature.places
        asked = entities(question) if rng.random() < 0.7 else ()
        models = [
            model
            for model in all_models(puzzle.signature)
            if sum(not holds(premise.formula, model, places) for premise in puzzle.premises) <= (rng.random() < 0.3)
        ]
        for _ in range(20):
            parts: list[str] = []
            depth = 0
            for _ in range(rng.choice((1, 2, 2, 2, 3))):
                model = dict(rng.choice(models))
                if rng.random() < 0.1:
                    model = dict(model | dict([rng.choice([*rng.choice(models).items()])]))
                names = rng.sample(sorted(model), max(1, len(model) - (rng.random() < 0.2)))
                # Where the question's come first, it stays answered while the cases within are closed.
                for name in sorted(names, key=lambda name: name not in asked):
                    kind = ("knave", "knight")[model[name]] if family == "knights" else str(model[name])
                    supposed = rng.random() < 0.95
                    parts.append(f"if {name} {kind}:" if supposed else f"{name} {kind},")
                    depth += supposed
                answer = rng.choice(("yes", "no")) if rng.random() < 0.1 else None
                for _ in range(rng.randint(0, depth) if rng.random() < 0.2 else depth):
                    right = "yes" if holds(question, model, places) else "no"
                    parts.append((answer or right) + ";" if rng.random() < 0.95 else "false;")
                    depth -= 1
            text = " ".join(parts).rstrip(",;:")
            result = check(puzzle, question, text)
            assert result.truth in (None, truth), f"{family} {seed}: {text!r} for {question}"
            if result.truth is not None:
                seen[result.truth] = seen.get(result.truth, 0) + 1
    assert seen[UNKNOWN] > 30
    assert {ENTAILMENT, CONTRADICTION} <= set(seen)
