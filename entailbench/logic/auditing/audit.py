"""The audit of a data set: which labels are right, which are wrong, and which cannot be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from entailbench.logic.auditing.agreement import BINARY, COMPATIBLE, Agreement, agreement, chance
from entailbench.logic.auditing.lag import LagTable, Numbered, lags_of_puzzle, merged
from entailbench.logic.auditing.question_order import last_number
from entailbench.logic.auditing.self_checks import SelfChecks, check_puzzle, joined
from entailbench.logic.formula import Before, Formula, conjuncts, normal
from entailbench.logic.judging.judge import DEFAULT_TIMEOUT, STATUSES, JudgedPuzzle, Status, Verdict, judge_puzzle
from entailbench.logic.language.conventions import ALL_READINGS, Conventions
from entailbench.logic.puzzle import FAMILIES, Family, Question
from entailbench.logic.truth import UNKNOWN, Truth

__all__ = ["AuditReport", "AuditRow", "AuditedRow", "FamilyFigures", "PuzzleFigures", "audit_puzzle", "audit_rows"]


@dataclass(frozen=True)
class AuditRow:
    """A row to be judged."""

    id: str
    where: str
    """The split, or the file and line, it is from."""
    context: str
    question: str
    published: str | None = None
    """One of ``COMPATIBLE``; None for a row without a label."""
    ambiguity: float | None = None
    """The share of open questions that the data set states for the puzzle, in percent."""
    qid: int | None = None
    """The question's number within its puzzle, from 1."""


@dataclass(frozen=True)
class AuditedRow:
    """A row and what was found."""

    row: AuditRow
    puzzle: int
    """Which of the report's puzzles it belongs to."""
    family: Family | None
    verdict: Verdict
    reflexive: bool = False
    """Whether it asks to compare somebody with themself."""
    restates: bool = False
    """Whether a premise says word for word what it asks."""
    astray: bool = False
    """Whether it must be taken for another puzzle's question, with that puzzle's number, under this one's text: its
    number is the last one or beyond, or it states another share of open questions than its puzzle's other rows."""

    @property
    def agrees(self) -> bool | None:
        """Whether the published label can mean what is true; None where one of the two is missing."""
        if self.row.published is None or self.verdict.truth is None:
            return None
        return self.verdict.truth in COMPATIBLE[self.row.published]


@dataclass(frozen=True)
class PuzzleFigures:
    """What was found about one puzzle."""

    family: Family | None
    rows: int
    readings: int
    reading: str
    """The one that labels are from."""
    unread: tuple[str, ...]
    """Sentences that were not read, each with the reason."""
    fits: bool | None
    """Whether a reading has the stated share of open questions (comparisons; True if none is stated), or exactly one
    solution (the others). None if it was not settled in time."""
    reason: str
    """Why none fits."""
    stated_share: tuple[float, ...]
    open_share: float | None
    """Percent of open questions; computed for comparisons with a stated share."""


@dataclass(frozen=True)
class FamilyFigures:
    """One line of the table."""

    family: Family | None
    """None for texts of no known family."""
    puzzles: int
    puzzles_read: int
    """Puzzles of which every sentence was read."""
    puzzles_fit: int
    """Those of them that have the stated share of open questions, or exactly one solution."""
    rows: int
    statuses: dict[Status, int]
    three_way: Agreement
    """Of published labels with definite ones."""
    three_way_chance: float | None
    binary: Agreement
    binary_chance: float | None

    @property
    def name(self) -> str:
        """The family, or "other"."""
        return self.family or "other"

    @property
    def definite(self) -> int:
        """Rows with a label: entailed, contradicted or unknown."""
        return self.statuses["verified"] + self.statuses["unsure"]


@dataclass(frozen=True)
class AuditReport:
    """What an audit found."""

    rows: tuple[AuditedRow, ...]
    """In the order in which they were given."""
    puzzles: tuple[PuzzleFigures, ...]
    families: tuple[FamilyFigures, ...]
    lags: LagTable
    checks: SelfChecks

    @property
    def contradictions(self) -> tuple[AuditedRow, ...]:
        """Verified rows whose published label is wrong, the plainest first: the fewer steps one must follow."""
        wrong = [one for one in self.rows if one.verdict.status == "verified" and one.agrees is False]
        return tuple(sorted(wrong, key=_effort))


def audit_rows(
    rows: Sequence[AuditRow],
    conventions: Conventions = ALL_READINGS,
    timeout: float = DEFAULT_TIMEOUT,
    on_puzzle: Callable[[int], object] = lambda rows: None,
) -> AuditReport:
    """Judges every row.

    Args:
        rows: in any order; rows with the same context are one puzzle.
        conventions: the meanings that are considered.
        timeout: seconds for one puzzle and all of its questions.
        on_puzzle: told how many rows were done, puzzle by puzzle.

    Raises:
        RuntimeError: solver and prover disagree, which is a bug of ours.
    """
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row.context, []).append(index)
    found: dict[int, AuditedRow] = {}
    puzzles: list[PuzzleFigures] = []
    lags: list[LagTable] = []
    checks: list[SelfChecks] = []
    for number, (context, indices) in enumerate(groups.items()):
        own = [rows[index] for index in indices]
        judged = judge_puzzle(context, conventions, _stated([row.ambiguity for row in own]), timeout)
        audited, lag = audit_puzzle(judged, own, number)
        found.update(zip(indices, audited, strict=True))
        puzzles.append(_puzzle_figures(judged, own))
        lags.append(lag)
        checks.append(check_puzzle(judged))
        on_puzzle(len(own))
    ordered = tuple(found[index] for index in range(len(rows)))
    return AuditReport(ordered, tuple(puzzles), _by_family(ordered, puzzles), merged(lags), joined(checks))


def audit_puzzle(judged: JudgedPuzzle, rows: Sequence[AuditRow], number: int = 0) -> tuple[list[AuditedRow], LagTable]:
    """Judges the rows of one puzzle, and compares each label with the truths of its neighbours."""
    said = _said(judged)
    last = last_number(judged.puzzle, judged.chosen.reading) if judged.puzzle and judged.chosen else None
    audited: list[AuditedRow] = []
    numbered: list[Numbered] = []
    for row in rows:
        verdict = judged.verdict(row.question)
        formula = verdict.formula
        audited.append(
            AuditedRow(
                row,
                number,
                judged.family,
                verdict,
                reflexive=isinstance(formula, Before) and formula.first == formula.second,
                restates=formula is not None and normal(formula) in said,
                astray=(row.ambiguity is not None and row.ambiguity not in judged.stated)
                or (last is not None and row.qid is not None and row.qid >= last),
            )
        )
        # A question that was not read may be another puzzle's, and its number too.
        if row.qid is not None and row.published is not None and formula is not None and not audited[-1].astray:
            numbered.append(Numbered(row.qid, Question(row.question, formula), row.published, verdict.truth))
    return audited, lags_of_puzzle(judged, numbered)


def _stated(shares: Iterable[float | None]) -> tuple[float, ...]:
    """The share that most rows of a puzzle state; all of the most frequent ones if there are several.

    In Puzzte some rows at the border of two puzzles carry the other one's share.
    """
    counts = Counter(share for share in shares if share is not None)
    most = max(counts.values(), default=0)
    return tuple(share for share, count in counts.items() if count == most)


def _said(judged: JudgedPuzzle) -> set[Formula]:
    """Every statement that a premise makes, in normal form."""
    chosen = judged.chosen
    if chosen is None:
        return set()
    return {normal(part) for premise in chosen.reading.premises for part in conjuncts(premise.formula)}


def _puzzle_figures(judged: JudgedPuzzle, rows: Sequence[AuditRow]) -> PuzzleFigures:
    chosen = judged.chosen
    return PuzzleFigures(
        family=judged.family,
        rows=len(rows),
        readings=len(judged.readings),
        reading=chosen.reading.name if chosen else "",
        unread=tuple(map(str, judged.puzzle.unread)) if judged.puzzle else (),
        fits=judged.fits,
        reason=(chosen or judged.readings[0]).reason if judged.readings else "",
        stated_share=judged.stated,
        open_share=chosen.open_share if chosen else None,
    )


def _by_family(rows: Sequence[AuditedRow], puzzles: Sequence[PuzzleFigures]) -> tuple[FamilyFigures, ...]:
    figures = []
    for family in (*FAMILIES, None):
        own = [one for one in rows if one.family == family]
        if not own:
            continue
        theirs = [one for one in puzzles if one.family == family]
        read = [one for one in theirs if family is not None and not one.unread]
        statuses = Counter(one.verdict.status for one in own)
        pairs: list[tuple[str, Truth]] = [
            (one.row.published, one.verdict.truth)
            for one in own
            if one.row.published is not None and one.verdict.truth is not None
        ]
        figures.append(
            FamilyFigures(
                family=family,
                puzzles=len(theirs),
                puzzles_read=len(read),
                puzzles_fit=sum(one.fits is True for one in read),
                rows=len(own),
                statuses={status: statuses[status] for status in STATUSES},
                three_way=agreement(pairs, COMPATIBLE),
                three_way_chance=chance(pairs, COMPATIBLE),
                binary=agreement(pairs, BINARY),
                binary_chance=chance(pairs, BINARY),
            )
        )
    return tuple(figures)


def _effort(one: AuditedRow) -> tuple[bool, bool, bool, int, int]:
    opened = one.verdict.truth == UNKNOWN  # to see that nothing follows is harder than to follow a step
    return not one.reflexive, not one.restates, opened, len(one.verdict.premises), len(one.verdict.proof)
