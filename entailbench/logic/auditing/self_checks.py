"""What must hold whatever a data set says; where it does not, the fault is ours.

A premise, asked as a question, is entailed. Nobody is taller than themself. Where a puzzle of knights and knaves
has one solution, everybody is entailed to be one of the two, and not the other. Where the questions can be worded
they go through the grammar, as a user's would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from entailbench.logic.auditing.agreement import Agreement
from entailbench.logic.formula import Before, conjuncts
from entailbench.logic.judging.judge import JudgedPuzzle
from entailbench.logic.language.relations import RELATIONS
from entailbench.logic.puzzle import Question, Reading
from entailbench.logic.truth import CONTRADICTION, Truth
from entailbench.records import ENTAILMENT

__all__ = ["CHECKS", "SelfChecks", "check_puzzle", "joined"]

CHECKS = (
    "premises, asked as questions, are entailed",
    "nobody is taller than themself",
    "exactly one of knight and knave is entailed",
)


@dataclass(frozen=True)
class SelfChecks:
    """How many checks passed."""

    passed: tuple[Agreement, ...]
    """One for each of ``CHECKS``."""
    failures: tuple[str, ...] = ()
    """A sentence each."""


def check_puzzle(judged: JudgedPuzzle) -> SelfChecks:
    """The checks that apply to one puzzle; those of an unread or contradictory one are none."""
    chosen = judged.chosen
    results: list[Iterable[tuple[str, bool]]] = [(), (), ()]
    if judged.puzzle is not None and chosen is not None and chosen.consistent:
        results = [
            list(_in_time(judged, _premises(judged, chosen.reading))),
            list(_in_time(judged, _reflexive(judged, chosen.reading))),
            list(_in_time(judged, _knights(judged, chosen.reading))) if chosen.fits else [],
        ]
    counts = tuple(Agreement(sum(good for _, good in one), len(list(one))) for one in results)
    failures = tuple(
        f"{check}: not so for {what!r}"
        for check, one in zip(CHECKS, results, strict=True)
        for what, good in one
        if not good
    )
    return SelfChecks(counts, failures)


def joined(checks: Iterable[SelfChecks]) -> SelfChecks:
    """The sum of several puzzles' checks."""
    agree: Counter[int] = Counter()
    rows: Counter[int] = Counter()
    failures: list[str] = []
    for one in checks:
        failures += one.failures
        for index, agreement in enumerate(one.passed):
            agree[index] += agreement.agree
            rows[index] += agreement.rows
    return SelfChecks(tuple(Agreement(agree[index], rows[index]) for index in range(len(CHECKS))), tuple(failures))


def _in_time(judged: JudgedPuzzle, results: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Those that were found before the puzzle's time was up: what has no answer for want of time is no fault."""
    for result in results:
        if judged.out_of_time:
            return
        yield result


def _premises(judged: JudgedPuzzle, reading: Reading) -> Iterator[tuple[str, bool]]:
    for premise in reading.premises:
        for part in conjuncts(premise.formula):
            yield premise.sentence.text, judged.truth(part) == ENTAILMENT
            if isinstance(part, Before) and judged.family == "heights":
                for text in _comparisons(judged, part.first, part.second):
                    yield text, _truth(judged, text) == ENTAILMENT


def _reflexive(judged: JudgedPuzzle, reading: Reading) -> Iterator[tuple[str, bool]]:
    if judged.family == "heights":
        for person in reading.signature.entities:
            for text in _comparisons(judged, person, person):
                yield text, _truth(judged, text) == CONTRADICTION


def _knights(judged: JudgedPuzzle, reading: Reading) -> Iterator[tuple[str, bool]]:
    for person in reading.signature.people:
        truths = {_truth(judged, f"Is {person} the {kind}?") for kind in ("knight", "knave")}
        yield f"{person} the knight or knave", truths == {ENTAILMENT, CONTRADICTION}


def _comparisons(judged: JudgedPuzzle, front: str, back: str) -> Iterator[str]:
    """The two ways to ask whether one stands before the other."""
    dimension = judged.puzzle.dimension if judged.puzzle else ""
    for relation in RELATIONS:
        if relation.name == dimension:
            verb = {"be": "Is {} {} than {}?"}.get(relation.base, f"Did {{}} {relation.base} {{}} than {{}}?")
            yield verb.format(front, relation.more, back)
            yield verb.format(back, relation.less, front)


def _truth(judged: JudgedPuzzle, text: str) -> Truth | None:
    read = judged.read_question(text)
    return judged.truth(read.formula) if isinstance(read, Question) else None
