"""The judge: reads a puzzle and its questions, finds the reading that fits, and says what follows and how surely.

English is ambiguous, so a puzzle may have several readings, each held against a yardstick (``yardstick.py``). A
label is *verified* if every sentence was read and the yardstick holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from entailbench.logic import language, proofs
from entailbench.logic.formula import And, Formula, entities
from entailbench.logic.judging.budget import Budget, SolverOnBudget
from entailbench.logic.judging.yardstick import FittedReading, fitted
from entailbench.logic.language.conventions import ALL_READINGS, Conventions
from entailbench.logic.puzzle import Family, Puzzle, Question, Reading, Sentence, Unread
from entailbench.logic.solver import Inconsistent, TimedOut
from entailbench.logic.truth import UNKNOWN, Truth

__all__ = ["DEFAULT_TIMEOUT", "STATUSES", "JudgedPuzzle", "Rival", "Status", "Verdict", "judge_puzzle"]

Status = Literal["verified", "unsure", "unread", "inconsistent", "timed out"]
"""Verified: proved, every sentence read, and the yardstick holds. Unsure: proved from what was read, but one of
these fails. The other three give no label: the question, or a sentence that the answer may hang on, was not
understood; the premises contradict each other; the time was up."""
STATUSES: tuple[Status, ...] = ("verified", "unsure", "unread", "inconsistent", "timed out")

DEFAULT_TIMEOUT = 10.0
"""Seconds for one puzzle and all of its questions."""

PROOF_STEPS = 30_000
"""How far the prover may search for one proof, less than a second; Puzzte's validation split needs 4,000 at most. A
fixed number, so that it does not hang on the machine whether a row has a proof."""

HOPELESS = 4
"""So many searches without a proof, and no more are made for that reading: the time is for the labels."""

LONGEST = 1_000_000
"""Characters; to read so long a puzzle takes longer than anybody will wait."""

NO_FAMILY = "The puzzle is of no family that can be read: comparisons, knights and knaves, houses in a row."


@dataclass(frozen=True)
class Rival:
    """Another way to read the puzzle, in which the answer differs."""

    reading: str
    truth: Truth


@dataclass(frozen=True)
class Verdict:
    """What is known about the answer to one question."""

    truth: Truth | None
    """None where no label can be given."""
    status: Status
    reason: str = ""
    """A sentence where the status is not "verified"."""
    reading: str = ""
    """The name of the reading that the label is from; empty where the puzzle has only one."""
    proof: str = ""
    """A derivation that ``proofs.check`` accepts; empty where the prover found none."""
    premises: tuple[Sentence, ...] = ()
    """The sentences that the label follows from."""
    rivals: tuple[Rival, ...] = ()
    formula: Formula | None = None
    """What the question asks, if it was read."""


@dataclass(frozen=True)
class _Decision:
    truth: Truth
    proof: str
    premises: tuple[int, ...]
    """Indices into the reading's premises."""


def judge_puzzle(
    text: str,
    conventions: Conventions = ALL_READINGS,
    ambiguity: float | Sequence[float] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> JudgedPuzzle:
    """Reads a puzzle, ready to be asked.

    Args:
        text: the puzzle.
        conventions: the meanings that are considered.
        ambiguity: the stated share of open questions, in percent, which a reading of a comparison puzzle must
            have. Several are alternatives, for a data set whose rows disagree.
        timeout: seconds for the puzzle and all of its questions; > 0.
    """
    stated = (float(ambiguity),) if isinstance(ambiguity, int | float) else tuple(ambiguity or ())
    return JudgedPuzzle(text, conventions, stated, timeout)


class JudgedPuzzle:
    """A puzzle that was read, its readings held against their yardstick. ``judge_puzzle`` makes it.

    All questions of a puzzle share the work that is done once for it, and one budget of time.
    """

    def __init__(self, text: str, conventions: Conventions, stated: tuple[float, ...], timeout: float) -> None:
        self.text = text
        self.stated = stated
        """The shares of open questions, in percent, one of which a reading of a comparison puzzle must have."""
        self._budget = Budget(timeout)
        self._decisions: dict[tuple[str, Formula], _Decision] = {}
        self._hopeless: Counter[str] = Counter()
        self._with_somebody: dict[str, SolverOnBudget] = {}
        with self._budget.clock():
            self.family: Family | None = language.family_of(text) if len(text) <= LONGEST else None
            """None for a text of no known family."""
            self.puzzle: Puzzle | None = None
            """What was read; None for a text of no known family."""
            if self.family is not None:
                self.puzzle = language.read_puzzle(text, conventions, self.family)

    @cached_property
    def readings(self) -> tuple[FittedReading, ...]:
        """Every reading, the preferred one first."""
        if self.puzzle is None:
            return ()
        return tuple(fitted(one, self.puzzle.family, self.stated, self._budget) for one in self.puzzle.readings)

    @property
    def fits(self) -> bool | None:
        """Whether a reading fits; None if that could not be settled in time."""
        found = {one.fits for one in self.readings}
        return True if True in found else None if None in found else False

    @property
    def out_of_time(self) -> bool:
        """Whether nothing is left of the puzzle's time: what is asked now has no answer."""
        return self._budget.left == 0

    @property
    def chosen(self) -> FittedReading | None:
        """The reading that labels are from: the first that fits, else the first that may be consistent."""
        return next(iter(self._contenders), None)

    def read_question(self, text: str) -> Question | Unread:
        """What a question asks of this puzzle."""
        if self.puzzle is None:
            return Unread(Sentence(text), "its puzzle was not read")
        with self._budget.clock():
            return language.read_question(self.puzzle, text)

    def verdict(self, question: str) -> Verdict:
        """What follows, how surely, and why.

        Raises:
            RuntimeError: solver and prover disagree, which is a bug of ours.
        """
        if self.puzzle is None:
            long = f"The puzzle has over {LONGEST:,} characters: no puzzle so long is read."
            return Verdict(None, "unread", long if len(self.text) > LONGEST else NO_FAMILY)
        read = self.read_question(question)
        if isinstance(read, Unread):
            return Verdict(None, "unread", f"The question {read.sentence.text!r} was not read: {read.reason}.")
        return self._answer(self.puzzle, read.formula)

    def truth(self, formula: Formula) -> Truth | None:
        """The label of a formula without a proof; None where no label can be given."""
        chosen = next((one for one in self._contenders if not _missing(one.reading, formula)), None)
        if self.puzzle is None or chosen is None:
            return None
        try:
            with self._budget.clock():
                truth = chosen.truth(formula)
            hangs = self._hangs_on_the_unread(chosen, formula, truth)
        except (TimedOut, Inconsistent):
            return None
        return None if hangs else truth

    @cached_property
    def _contenders(self) -> list[FittedReading]:
        """The readings that labels may be from, the one that is preferred first.

        Those that fit, else all that are consistent; and whichever could not be settled in time.
        """
        fit = [one for one in self.readings if one.fits]
        possible = fit or [one for one in self.readings if one.consistent is not False]
        return possible + [one for one in self.readings if one.fits is None and one not in possible]

    def _answer(self, puzzle: Puzzle, formula: Formula) -> Verdict:
        contenders = self._contenders
        if not contenders:
            return Verdict(None, "inconsistent", self._conflict(), formula=formula)
        able = [one for one in contenders if not _missing(one.reading, formula)]
        if not able:
            who = ", ".join(map(repr, _missing(contenders[0].reading, formula)))
            return Verdict(None, "unread", f"The question is about {who}, of whom no premise tells.", formula=formula)
        chosen, *others = able
        try:
            decision = self._decide(chosen, formula)
            with self._budget.clock():
                truths = [(one.reading.name, one.truth(formula)) for one in others]
            hangs = self._hangs_on_the_unread(chosen, formula, decision.truth)
        except TimedOut:
            reason = f"No answer was found within the {self._budget.seconds:g} s that one puzzle has."
            return Verdict(None, "timed out", reason, chosen.reading.name, formula=formula)
        except Inconsistent:  # found out only now: there was no time for it before
            return Verdict(None, "timed out", "It was not settled in time which reading is meant.", formula=formula)
        if hangs:
            reason = f"The answer may hang on a sentence that was not read: {_unread(puzzle)}."
            return Verdict(None, "unread", reason, chosen.reading.name, formula=formula)
        rivals = tuple(Rival(name, truth) for name, truth in truths if truth != decision.truth)
        if rivals and any(one.fits is None for one in able):
            # With more time another reading might be the one that is meant: the clock must not choose the label.
            reason = "Readings give different answers, and it was not settled in time which of them is meant."
            return Verdict(None, "timed out", reason, chosen.reading.name, rivals=rivals, formula=formula)
        status, reason = _standing(puzzle, chosen, rivals)
        return Verdict(
            truth=decision.truth,
            status=status,
            reason=reason,
            reading=chosen.reading.name,
            proof=decision.proof,
            premises=tuple(chosen.reading.premises[index].sentence for index in decision.premises),
            rivals=rivals,
            formula=formula,
        )

    def _hangs_on_the_unread(self, chosen: FittedReading, formula: Formula, truth: Truth) -> bool:
        """Whether a sentence that was not read could change the answer by what it says, or by whom it names.

        More premises leave what follows as it is. But they may be about somebody else, who may be the tallest, so the
        answer must be the same with one more person of whom nothing is known.
        """
        if self.puzzle is None or not self.puzzle.unread:
            return False
        if truth == UNKNOWN or self.puzzle.family != "heights":
            return truth == UNKNOWN
        name = chosen.reading.name
        with self._budget.clock():
            if name not in self._with_somebody:
                self._with_somebody[name] = SolverOnBudget(_with_somebody_else(chosen.reading), self._budget)
            return self._with_somebody[name].get().truth(formula) != truth

    def _decide(self, chosen: FittedReading, formula: Formula) -> _Decision:
        key = (chosen.reading.name, formula)
        if key not in self._decisions:
            with self._budget.clock():
                hopeless = self._hopeless[chosen.reading.name] >= HOPELESS
                self._decisions[key] = found = _decided(chosen, formula, 0 if hopeless else PROOF_STEPS)
            self._hopeless[chosen.reading.name] += not found.proof
        return self._decisions[key]

    def _conflict(self) -> str:
        first = self.readings[0]
        reading = first.reading
        try:
            with self._budget.clock():
                indices = first.solver.get().minimal_premises(And(()))
        except TimedOut:
            return "The premises contradict each other."
        sentences = dict.fromkeys(reading.premises[index].sentence.text for index in indices)
        return f"The premises contradict each other: {' + '.join(map(repr, sentences))}."


def _with_somebody_else(reading: Reading) -> Reading:
    """The same clues about one row of people in which there is one more, of whom nothing is known."""
    signature = reading.signature
    somebody = "".join(signature.entities) + "_"  # longer than every name, so nobody's
    groups = tuple((*group, somebody) for group in signature.groups)
    return replace(reading, signature=replace(signature, groups=groups, places=signature.places + len(groups)))


def _missing(reading: Reading, formula: Formula) -> list[str]:
    """Whom or what the formula is about and the reading does not have."""
    known = set(reading.signature.entities)
    return [name for name in entities(formula) if name not in known]


def _decided(chosen: FittedReading, formula: Formula, steps: int) -> _Decision:
    """Solver and prover, one checking the other. Where the prover gives up, the solver alone decides."""
    reading, solver = chosen.reading, chosen.solver.get()
    truth = solver.truth(formula)
    try:
        if not steps:
            raise proofs.TooHard(steps)
        proved = proofs.decide(reading, formula, limit=steps)
    except proofs.TooHard:
        return _Decision(truth, "", solver.minimal_premises(formula))
    except proofs.Inconsistent as error:
        raise RuntimeError(f"{formula}: the solver says {truth!r}, the prover says {error} ({reading})") from error
    if proved.truth != truth:
        raise RuntimeError(f"{formula}: the solver says {truth!r}, the prover says {proved.truth!r} ({reading})")
    return _Decision(truth, proved.proof.text, proved.proof.premises)


def _unread(puzzle: Puzzle) -> str:
    """The first sentence that was not read, and how many more there are."""
    more = len(puzzle.unread) - 1
    return f"{puzzle.unread[0]}{f' and {more} more' if more else ''}"


def _standing(puzzle: Puzzle, chosen: FittedReading, rivals: Sequence[Rival]) -> tuple[Status, str]:
    """How sure a proved label is, and why not surer."""
    if puzzle.unread:
        return "unsure", f"Unsure, because a sentence was not read: {_unread(puzzle)}."
    if not chosen.fits:
        return "unsure", f"Unsure of how the puzzle is to be read, because {chosen.reason}."
    if rivals:
        named = "; ".join(f"{rival.truth!r} if read with {rival.reading!r}" for rival in rivals)
        return "unsure", f"Unsure, because other readings fit too: {named}."
    return "verified", ""
