"""The negation of a question, which no consistent model affirms together with the question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from entailbench.logic.formula import Before, Formula, Not, normal
from entailbench.logic.perturbing.pairs import pair_of
from entailbench.logic.perturbing.rewrite import CannotPerturb, everybody
from entailbench.logic.perturbing.theory import asked, read
from entailbench.logic.puzzle import Puzzle

__all__ = ["negated"]

_KINDS = {"knight": "knave", "knave": "knight", "liar": "truth-teller", "truth-teller": "liar"}
_KIND = re.compile(rf"(Is .+ (?:an?|the) )({'|'.join(_KINDS)})(\s*\?)")
_ASKED = re.compile(r"(?P<verb>Is|Are|Was|Were|Does|Do|Did) (?P<said>.+?)(?P<end>\s*\?)")
_LONGEST = 40
"""Words of a question; where its subject ends is found by trying."""


def negated(puzzle: Puzzle, question: str) -> tuple[str, Formula]:
    """A question that asks the contrary, and what it asks.

    The opposite word where there is one ("taller" and "shorter" of two different people, who are never equal; "knight"
    and "knave"), else "Is it true that A is not …?".

    Raises:
        CannotPerturb: there is no such question, or none that can be read.
    """
    formula = asked(puzzle, question)
    if formula is None:
        raise CannotPerturb("the question was not read")
    wanted = normal(Not(formula))
    for text in _opposites(puzzle, question):
        found = asked(puzzle, text)
        if found is not None and (normal(found) == wanted or found == _converse(formula)):
            return text, found
    for statement, end in _denials(question):
        text = f"Is it true that {statement}{end}"
        if puzzle.family == "zebra":
            # Its grammar knows no such question: the statement is read as a clue instead.
            if _says(puzzle, statement, wanted):
                return text, Not(formula)
        elif (found := asked(puzzle, text)) is not None and normal(found) == wanted:
            return text, found
    raise CannotPerturb("no negation of the question can be read")


def _converse(formula: Formula) -> Formula | None:
    """The same of two different people the other way round: in a strict order the negation."""
    if isinstance(formula, Before) and formula.first != formula.second:
        return Before(formula.second, formula.first)
    return None


def _opposites(puzzle: Puzzle, question: str) -> Iterator[str]:
    if puzzle.family == "heights" and (pair := pair_of(question, everybody(puzzle))):
        yield pair.opposite()
    if puzzle.family == "knights" and (match := _KIND.fullmatch(question)):
        yield f"{match[1]}{_KINDS[match[2]]}{match[3]}"


def _denials(question: str) -> Iterator[tuple[str, str]]:
    """Statements that deny what a question asks, and its end; where its subject ends is tried out."""
    match = _ASKED.fullmatch(question)
    if match is None:
        return
    words = match["said"].split()
    for cut in range(1, min(len(words), _LONGEST)):
        yield " ".join([*words[:cut], match["verb"].lower(), "not", *words[cut:]]), match["end"]


def _says(puzzle: Puzzle, statement: str, wanted: Formula) -> bool:
    """Whether a statement, as one more premise of the puzzle, says just what is wanted, in every reading."""
    last = puzzle.readings[0].premises[-1:]
    end = last[0].sentence.start + len(last[0].sentence.text) if last else len(puzzle.text)
    sentence = f"{statement[0].upper()}{statement[1:]}."
    other = read(f"{puzzle.text[:end]} {sentence}{puzzle.text[end:]}", puzzle.family)
    if other is None or other.unread or len(other.readings) != len(puzzle.readings):
        return False
    return all(
        [normal(p.formula) for p in one.premises if p.sentence.text == sentence] == [wanted]
        and one.signature == old.signature
        for one, old in zip(other.readings, puzzle.readings, strict=True)
    )
