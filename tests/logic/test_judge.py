"""Verdicts: the label, how sure it is, and why; bad input gets a clear one in bounded time."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Any

import pytest

import made_up_puzzte
from entailbench.logic import proofs
from entailbench.logic.formula import Before
from entailbench.logic.judging import judge
from entailbench.logic.judging.judge import JudgedPuzzle, Verdict, judge_puzzle
from entailbench.logic.language.conventions import PUZZTE
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT

CHAIN = "Asta is taller than Bror. Cleo is shorter than Bror."


@pytest.mark.parametrize("shift", [0, 1])
def test_every_right_answer_is_verified(shift: int) -> None:
    """Whatever is published: the judge never sees it."""
    data = made_up_puzzte.rows(shift)
    puzzles: dict[str, JudgedPuzzle] = {}
    for row in data:
        text = row["puzzle_text"]
        judged = puzzles.setdefault(text, judge_puzzle(text, PUZZTE, row["ambiguity"]))
        verdict = judged.verdict(row["question"])
        assert (verdict.truth, verdict.status, verdict.reason) == (row["right"], "verified", "")


def test_a_verdict_says_what_it_follows_from() -> None:
    text = f"Dag is taller than Asta. {CHAIN}"
    judged = judge_puzzle(text)
    verdict = judged.verdict("Is Asta taller than Cleo ?")
    assert verdict.truth == ENTAILMENT
    assert verdict.formula == Before("Asta", "Cleo")
    assert [sentence.text for sentence in verdict.premises] == [
        "Asta is taller than Bror.",
        "Cleo is shorter than Bror.",
    ]
    assert judged.puzzle is not None
    assert proofs.check(judged.puzzle.readings[0], verdict.formula, verdict.proof).truth == ENTAILMENT


FRIENDS = "There are four friends, Asta, Bror, Cleo and Dag. Asta is taller than Bror. Asta is taller than Cleo."


@pytest.mark.parametrize(
    ("ambiguity", "truth"),
    [(25.0, ENTAILMENT), (52.5, UNKNOWN), ((52.5, 1.0), UNKNOWN)],
    ids=["those who are mentioned", "all who are introduced", "alternatives"],
)
def test_the_checksum_chooses_the_reading(ambiguity: float, truth: str) -> None:
    """Whether Dag, of whom nothing is said, counts among those of whom Asta may be the tallest."""
    verdict = judge_puzzle(FRIENDS, ambiguity=ambiguity).verdict("Is Asta the tallest ?")
    assert (verdict.truth, verdict.status) == (truth, "verified")


def test_without_a_checksum_readings_that_differ_leave_it_unsure() -> None:
    judged = judge_puzzle(FRIENDS)
    verdict = judged.verdict("Is Asta the tallest ?")
    assert (verdict.truth, verdict.status) == (ENTAILMENT, "unsure")
    (rival,) = verdict.rivals
    assert rival.truth == UNKNOWN
    assert "other readings fit too" in verdict.reason
    assert rival.reading in verdict.reason
    same = judged.verdict("Is Asta taller than Bror ?")
    assert (same.truth, same.status, same.rivals) == (ENTAILMENT, "verified", ())


def test_a_checksum_that_no_reading_has() -> None:
    judged = judge_puzzle(CHAIN, ambiguity=12.5)
    assert judged.fits is False
    verdict = judged.verdict("Is Asta taller than Cleo ?")
    assert (verdict.truth, verdict.status) == (ENTAILMENT, "unsure")
    assert "0% of its questions are open, the data set says 12.5%" in verdict.reason


def test_somebody_of_whom_only_another_reading_tells() -> None:
    """By the checksum the puzzle is about three people; the question names the fourth."""
    verdict = judge_puzzle(FRIENDS, ambiguity=25.0).verdict("Is Dag the tallest ?")
    assert (verdict.truth, verdict.status) == (None, "unread")
    assert "'Dag'" in verdict.reason


LIARS = f"{made_up_puzzte.ISLAND} You meet two inhabitants: Kit and Lou."


def test_several_solutions() -> None:
    judged = judge_puzzle(f"{LIARS} Kit says that Lou is a knave.")
    verdict = judged.verdict("Is Kit the knight ?")
    assert (verdict.truth, verdict.status) == (UNKNOWN, "unsure")
    assert "it has 2 solutions" in verdict.reason


def test_premises_that_contradict_each_other() -> None:
    """From them everything would follow, so nothing is said; the ones at fault are named."""
    text = f"{CHAIN} Cleo is taller than Asta. Dag is taller than Asta."
    verdict = judge_puzzle(text).verdict("Is Dag the tallest ?")
    assert (verdict.truth, verdict.status) == (None, "inconsistent")
    for guilty in ("Asta is taller than Bror", "Cleo is shorter than Bror", "Cleo is taller than Asta"):
        assert guilty in verdict.reason
    assert "Dag" not in verdict.reason
    liar = judge_puzzle(f"{LIARS} Kit says that Kit is a knave.").verdict("Is Kit the knight ?")
    assert (liar.truth, liar.status) == (None, "inconsistent")


def test_a_sentence_that_was_not_read() -> None:
    """What follows from the rest still follows; that something does not follow cannot be said."""
    judged = judge_puzzle(f"{CHAIN} Bror is far from being as tall as Dag would be on Asta's shoulders.")
    assert judged.puzzle is not None
    assert judged.puzzle.unread
    known = judged.verdict("Is Asta taller than Cleo ?")
    assert (known.truth, known.status) == (ENTAILMENT, "unsure")
    assert "a sentence was not read" in known.reason
    assert "shoulders" in known.reason
    opened = judge_puzzle(f"{CHAIN} Dag is taller than Cleo. Bror glorps Dag.")
    assert opened.puzzle is not None
    assert opened.puzzle.unread
    verdict = opened.verdict("Is Dag taller than Asta ?")
    assert (verdict.truth, verdict.status) == (None, "unread")
    assert "may hang on a sentence that was not read" in verdict.reason
    assert opened.truth(Before("Dag", "Asta")) is None


@pytest.mark.parametrize(
    ("context", "question", "says"),
    [
        ("", "Is Asta taller than Bror ?", "of no family"),
        ("The moon is made of green cheese.", "Is it ?", "of no family"),
        ("安娜比贝贝高。贝贝比西西高。", "安娜最高吗？", "of no family"),
        (CHAIN, "Is Zoe taller than Bror ?", "Zoe"),
        (CHAIN, "Why is Asta taller than Bror ?", "The question"),
        (CHAIN, "", "The question"),
        (CHAIN, "安娜最高吗？", "The question"),
        (CHAIN, "Is " * 5000, "The question"),
    ],
    ids=["empty", "no family", "Chinese", "a stranger", "no yes/no", "no question", "Chinese question", "very long"],
)
def test_what_cannot_be_read_is_said(context: str, question: str, says: str) -> None:
    started = time.monotonic()
    verdict = judge_puzzle(context).verdict(question)
    assert (verdict.truth, verdict.status, verdict.proof) == (None, "unread", "")
    assert says in verdict.reason
    assert time.monotonic() - started < 5


def people(count: int) -> list[str]:
    """That many names, none of which is another's beginning."""
    letters = "bdfghklmnp"
    return [
        f"{letters[i // 100 % 10]}a{letters[i // 10 % 10]}e{letters[i % 10]}o{letters[i // 1000]}".capitalize()
        for i in range(count)
    ]


def timed(text: str, question: str, ambiguity: float | None, timeout: float) -> tuple[Verdict, float]:
    started = time.monotonic()
    verdict = judge_puzzle(text, ambiguity=ambiguity, timeout=timeout).verdict(question)
    return verdict, time.monotonic() - started


@pytest.mark.parametrize("ambiguity", [None, 0.0])
def test_200_people(ambiguity: float | None) -> None:
    names = people(200)
    text = " ".join(f"{one} is taller than {other}." for one, other in itertools.pairwise(names))
    verdict, seconds = timed(text, f"Is {names[0]} taller than {names[-1]} ?", ambiguity, timeout=4)
    assert seconds < 15
    assert verdict.truth in (ENTAILMENT, None)
    assert verdict.truth == ENTAILMENT or verdict.status == "timed out"
    if ambiguity is not None and verdict.truth:
        assert (verdict.status, "was not settled in" in verdict.reason) == ("unsure", True)


def test_10_000_premises() -> None:
    names = people(60)
    pairs = [(names[i], names[j]) for i in range(60) for j in range(i + 1, 60)]
    text = " ".join(f"{one} is taller than {other}." for one, other in (pairs * 6)[:10_000])
    verdict, seconds = timed(text, f"Is {names[5]} shorter than {names[2]} ?", None, timeout=4)
    assert seconds < 30
    assert verdict.truth == ENTAILMENT or verdict.status in ("timed out", "unread")
    assert verdict.truth or verdict.reason


def test_no_time_at_all_is_reported() -> None:
    verdict = judge_puzzle(CHAIN, timeout=1e-9).verdict("Is Asta taller than Cleo ?")
    assert (verdict.truth, verdict.status) == (None, "timed out")
    assert "within the 1e-09 s" in verdict.reason


def test_a_pause_between_questions_costs_nothing() -> None:
    judged = judge_puzzle(CHAIN, timeout=1.0)
    assert judged.verdict("Is Asta the tallest ?").truth == ENTAILMENT
    time.sleep(1.1)
    assert judged.verdict("Is Cleo the tallest ?").truth == CONTRADICTION


def test_solver_and_prover_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disagreement is a bug, and must not end in a table."""
    real = proofs.decide

    def wrong(reading, formula, *rest, **more):  # type: ignore[no-untyped-def]
        return real(reading, Before(formula.second, formula.first), *rest, **more)

    monkeypatch.setattr(judge.proofs, "decide", wrong)
    with pytest.raises(RuntimeError, match=r"solver says 'entailment', the prover says 'not entailment - contrad"):
        judge_puzzle(CHAIN).verdict("Is Asta taller than Cleo ?")


def test_whom_an_unread_sentence_names_may_be_the_tallest() -> None:
    """More premises cannot undo what follows, but more people can."""
    judged = judge_puzzle("Asta is taller than Bror. Dag glorps Asta.")
    tallest = judged.verdict("Is Asta the tallest ?")
    assert (tallest.truth, tallest.status, tallest.proof) == (None, "unread", "")
    assert "may hang on a sentence that was not read: 'Dag glorps Asta" in tallest.reason
    assert tallest.formula is not None
    assert judged.truth(tallest.formula) is None
    for question, truth in (("Is Bror the tallest ?", CONTRADICTION), ("Is Asta taller than Bror ?", ENTAILMENT)):
        verdict = judged.verdict(question)
        assert (verdict.truth, verdict.status) == (truth, "unsure")


def unsettled(monkeypatch: pytest.MonkeyPatch, number: int, **unknown: None) -> None:
    """As if the time had not been enough for one of a puzzle's readings."""
    real, calls = judge.fitted, itertools.count()

    def fitted(*arguments: Any) -> Any:
        found = real(*arguments)
        return replace(found, **unknown) if next(calls) == number else found

    monkeypatch.setattr(judge, "fitted", fitted)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("ambiguity", [25.0, 52.5, 12.5], ids=["the first fits", "the second fits", "none fits"])
def test_the_clock_does_not_choose_the_label(monkeypatch: pytest.MonkeyPatch, number: int, ambiguity: float) -> None:
    """Where one of two readings was not settled in time, only what both say is said."""
    unsettled(monkeypatch, number, fits=None)
    judged = judge_puzzle(FRIENDS, ambiguity=ambiguity)
    verdict = judged.verdict("Is Asta the tallest ?")
    assert (verdict.truth, verdict.status) == (None, "timed out")
    assert "not settled in time which of them is meant" in verdict.reason
    assert judged.verdict("Is Asta taller than Bror ?").truth == ENTAILMENT


def test_a_contradiction_that_is_found_late(monkeypatch: pytest.MonkeyPatch) -> None:
    unsettled(monkeypatch, 0, consistent=None, fits=None, table=None)
    verdict = judge_puzzle(f"{CHAIN} Cleo is taller than Asta.").verdict("Is Asta the tallest ?")
    assert (verdict.truth, verdict.status) == (None, "timed out")


def test_where_the_prover_gives_up_the_solver_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the same number of steps on every machine; and a hopeless puzzle is not searched again and again."""
    limits = []

    def decide(reading: Any, formula: Any, limit: int) -> Any:
        limits.append(limit)
        raise proofs.TooHard(limit)

    monkeypatch.setattr(judge.proofs, "decide", decide)
    judged = judge_puzzle(f"{CHAIN} Dag is shorter than Cleo.", ambiguity=0.0)
    for one, other in itertools.combinations(("Asta", "Bror", "Cleo", "Dag"), 2):
        verdict = judged.verdict(f"Is {one} taller than {other} ?")
        assert (verdict.truth, verdict.status, verdict.proof) == (ENTAILMENT, "verified", "")
        assert verdict.premises
    assert limits == [judge.PROOF_STEPS] * judge.HOPELESS


def test_a_puzzle_longer_than_any() -> None:
    started = time.monotonic()
    verdict = judge_puzzle(f"{CHAIN} " * 50_000).verdict("Is Asta the tallest ?")
    assert (verdict.truth, verdict.status) == (None, "unread")
    assert "over 1,000,000 characters" in verdict.reason
    assert time.monotonic() - started < 2


def test_equations_that_no_search_solves() -> None:
    """Sums modulo two among many people: as hard for a solver as puzzles get."""
    names = people(200)
    text = " ".join(
        f"{one} claims that {names[(7 * i + 3) % 200]} and {names[(11 * i + 5) % 200]} are not the same."
        for i, one in enumerate(names)
    )
    text = f"{made_up_puzzte.ISLAND} You meet 200 inhabitants: {', '.join(names[:-1])} and {names[-1]}. {text}"
    verdict, seconds = timed(text, f"Is {names[0]} the knight ?", None, timeout=1)
    assert seconds < 12
    assert (verdict.truth is None) == (verdict.status in ("timed out", "inconsistent", "unread"))
