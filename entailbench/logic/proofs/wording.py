"""Write proof texts: names that can be told apart from the language's own words, and statements with separators."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from entailbench.logic.formula import Before, Formula, JustBefore, NextTo, Not, Same
from entailbench.logic.proofs.scope import KEYWORDS

__all__ = ["Line", "Written", "text_of", "trivial_text", "written"]

PLAIN = re.compile(r'[^\s<>=,;:?"]+(?: [^\s<>=,;:?"]+)*')


@dataclass(frozen=True)
class Line:
    """One part of a proof text."""

    kind: Literal["if", "fact", "end"]
    text: str
    """Of a supposition, only what is supposed; of an end, ``false``, ``yes`` or ``no``."""
    otherwise: bool = False
    """It begins the other case, after one that was answered."""


@dataclass(frozen=True)
class Written:
    """A proof as it was written down."""

    text: str
    """Empty if nothing needs saying."""
    premises: frozenset[int]
    """Those that it uses."""
    size: int = 0
    """How much it says: names and ends of cases. Unlike the text's length it does not depend on the names."""


def written(name: str) -> str:
    """A name as it stands in a proof: in quotes (JSON's) where it would be misread without."""
    if PLAIN.fullmatch(name) and not any(
        word in KEYWORDS or word.removeprefix("-").isdecimal() for word in name.split()
    ):
        return name
    return json.dumps(name)


def text_of(lines: Iterable[Line]) -> str:
    """The text: facts are separated by commas; after a case, and before the other one, stands a semicolon."""
    text, separator = "", ""
    for line in lines:
        text += separator + ("else " if line.otherwise else "")
        if line.kind == "if":
            text += f"if {line.text}"
            separator = ": "
        else:
            text += line.text
            separator = "; " if line.kind == "end" else ", "
    return text


def trivial_text(formula: Formula, value: bool) -> str:
    """The proof of what needs none: ``Ann = Ann`` where one thing is compared with itself, else yes or no."""
    while isinstance(formula, Not):
        formula = formula.part
    if isinstance(formula, Before | JustBefore | NextTo | Same) and formula.first == formula.second:
        return f"{written(formula.first)} = {written(formula.first)}"
    return "yes" if value else "no"
