"""Reading puzzles: controlled English to typed formulas.

Each family has a module with ``read_puzzle`` and ``read_question`` and a grammar (``*.lark``) whose comments list
every form that is read. ``english`` splits a text into sentences and sentences into words, ``skeleton`` puts
numbers for the names so that the grammars see none, ``background`` knows the sentences that state nothing,
``relations`` and ``conventions`` are the vocabulary of comparisons and the ambiguities of English. What no grammar
covers is ``Unread`` and named: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from entailbench.errors import DataError
from entailbench.logic.language.conventions import ALL_READINGS, PUZZTE, Conventions
from entailbench.logic.language.relations import RELATIONS, Relation
from entailbench.logic.puzzle import Family, Puzzle, Question, Unread

__all__ = [
    "ALL_READINGS",
    "PUZZTE",
    "RELATIONS",
    "Conventions",
    "Relation",
    "family_of",
    "read_puzzle",
    "read_question",
]

_KNIGHTS = re.compile(r"\bkna(?:ve|ves)\b", re.IGNORECASE)
_HOUSES = re.compile(r"\bhouses?\b|\b(?:left|right) of\b|\bon the (?:left|right)\b|\bnext to\b", re.IGNORECASE)
_HINT = re.compile(r"(?:^|[\s.:?!])\d{1,3}[.)](?!\d)")
_COMPARISON = re.compile(
    r"\b(?:"
    + "|".join(word for r in RELATIONS for word in (r.more, r.less, r.most, r.least, f"in {r.name}"))
    + "".join(f"|{r.verb}" for r in RELATIONS if r.verb != "is")
    + r"|(?:less|as|so) [a-z]{1,12} (?:than|as))\b",
    re.IGNORECASE,
)


def family_of(text: str) -> Family | None:
    """Which family a puzzle's words belong to; None where they belong to none.

    Knaves make it knights and knaves; houses, sides or numbered hints a grid, unless comparisons outnumber them;
    a comparative or superlative (``relations.RELATIONS``) a comparison.
    """
    if _KNIGHTS.search(text):
        return "knights"
    houses, comparisons = len(_HOUSES.findall(text)), len(_COMPARISON.findall(text))
    if houses > comparisons:
        return "zebra"
    if comparisons:
        return "heights"
    return "zebra" if _HINT.search(text) else None


def read_puzzle(text: str, conventions: Conventions = ALL_READINGS, family: Family | None = None) -> Puzzle:
    """What a puzzle says.

    Args:
        text: the puzzle without the question that is put to it; any text, it is not trusted.
        conventions: the meanings that are considered where English leaves several.
        family: whose grammar reads it; found out by ``family_of`` where it is None.

    Raises:
        DataError: the text is empty or of no known family. A text of a family is always a ``Puzzle``; what could not
            be read of it stands in ``Puzzle.unread``.
    """
    if not text.strip():
        raise DataError("the puzzle is empty")
    found = family or family_of(text)
    if found is None:
        start = " ".join(text[:200].split())
        raise DataError(
            f"no family of puzzles is recognized in {start[:60]!r}: neither a comparison such as 'taller', "
            "nor knights and knaves, nor houses or numbered hints"
        )
    read: Callable[[str, Conventions], Puzzle] = _module(found).read_puzzle
    return read(text, conventions)


def read_question(puzzle: Puzzle, text: str) -> Question | Unread:
    """What a yes/no question about a puzzle asks, by the grammar of the puzzle's family."""
    read: Callable[[Puzzle, str], Question | Unread] = _module(puzzle.family).read_question
    return read(puzzle, text)


def _module(family: Family) -> ModuleType:
    """The family's module, loaded when first needed: ``read_puzzle`` and ``read_question`` for its texts."""
    return import_module(f"{__name__}.{family}")
