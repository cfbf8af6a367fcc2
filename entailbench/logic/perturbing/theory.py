"""Whether two texts say the same: the formulas that are read from them, and what the solver makes of those."""

from __future__ import annotations

from collections.abc import Callable

from entailbench.errors import DataError
from entailbench.logic import language
from entailbench.logic.formula import Formula, conjuncts, entities, normal, renamed
from entailbench.logic.judging.judge import JudgedPuzzle
from entailbench.logic.language.conventions import PUZZTE
from entailbench.logic.perturbing.rewrite import Rewrite
from entailbench.logic.puzzle import Family, Puzzle, Reading, Unread
from entailbench.logic.solver import Inconsistent, TimedOut
from entailbench.logic.truth import Truth

__all__ = ["asked", "read", "same_premises", "settled"]


def read(text: str, family: Family) -> Puzzle | None:
    """A text as its family's grammar reads it; None where it cannot be read at all."""
    try:
        return language.read_puzzle(text, PUZZTE, family)
    except DataError:
        return None


def same_premises(puzzle: Puzzle, rewrite: Rewrite, other: Puzzle | None) -> bool:
    """Whether a rewritten text was read whole and says, reading by reading, what the puzzle says, names apart.

    The same statements in any order and parted into sentences in any way; each reading's people or things are the same.
    The sentence that was added is the only one that may be left unread.

    Args:
        puzzle: the puzzle.
        rewrite: its new text.
        other: what was read of that.
    """
    if other is None or language.family_of(rewrite.context) != puzzle.family:
        return False
    if any(one.sentence.text.strip() != rewrite.added.strip() for one in other.unread):
        return False
    if other.dimension != puzzle.dimension or len(other.readings) != len(puzzle.readings):
        return False
    called = {one.name: _theory(one, str) for one in other.readings}
    return all(
        called.get(one.name) == _theory(one, lambda name: rewrite.names.get(name, name)) for one in puzzle.readings
    )


def _theory(reading: Reading, name: Callable[[str], str]) -> tuple[object, ...]:
    signature = reading.signature
    stated = frozenset(
        part for premise in reading.premises for part in conjuncts(normal(renamed(premise.formula, name)))
    )
    return (
        frozenset(map(name, signature.people)),
        frozenset(frozenset(map(name, group)) for group in signature.groups),
        signature.places,
        stated,
    )


def asked(puzzle: Puzzle, question: str) -> Formula | None:
    """What a question asks; None where it was not read."""
    found = language.read_question(puzzle, question)
    return None if isinstance(found, Unread) else found.formula


def settled(judged: JudgedPuzzle, formula: Formula) -> Truth | None:
    """The answer in which all readings agree that may be meant; None where there is none, or not in time."""
    fitting = [one for one in judged.readings if one.fits] or [one for one in judged.readings if one.consistent]
    able = [one for one in fitting if set(entities(formula)) <= set(one.reading.signature.entities)]
    try:
        truths = {one.truth(formula) for one in able}
    except (TimedOut, Inconsistent):
        return None
    return truths.pop() if len(truths) == 1 else None
