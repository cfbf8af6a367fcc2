"""A puzzle as it was read: its sentences, what each of them says, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from entailbench.logic.formula import Formula, Signature

__all__ = ["FAMILIES", "Family", "Premise", "Puzzle", "Question", "Reading", "Sentence", "Unread"]

Family = Literal["heights", "knights", "zebra"]
"""Comparisons of any kind (taller, older, faster …); knights and knaves; houses in a row and what is where."""
FAMILIES: tuple[Family, ...] = ("heights", "knights", "zebra")


@dataclass(frozen=True)
class Sentence:
    """A stretch of a text."""

    text: str
    start: int = 0
    """Where it begins in the whole text, in characters from 0."""


@dataclass(frozen=True)
class Premise:
    """A sentence and what it says."""

    sentence: Sentence
    formula: Formula


@dataclass(frozen=True)
class Unread:
    """A sentence that the grammar does not cover, or that cannot be about this puzzle."""

    sentence: Sentence
    reason: str
    """Why, as half a sentence: ``"names 'Zoe', whom the puzzle does not have"``."""

    def __str__(self) -> str:
        return f"{self.sentence.text!r} (at character {self.sentence.start}): {self.reason}"


@dataclass(frozen=True)
class Reading:
    """One way to understand a puzzle."""

    name: str
    """How its ambiguities were resolved, e.g. ``"left of: immediately"``; empty where there are none."""
    signature: Signature
    premises: tuple[Premise, ...]


@dataclass(frozen=True)
class Puzzle:
    """A puzzle's text, read."""

    family: Family
    text: str
    readings: tuple[Reading, ...]
    """At least one; the one that is tried first comes first."""
    unread: tuple[Unread, ...] = ()
    """What may be a premise and was not understood: without it no question can be said to be open."""
    background: tuple[Sentence, ...] = ()
    """Sentences that state no premise: who there is, what is asked."""
    dimension: str = ""
    """What a comparison compares (the ``name`` of its relation, e.g. ``"height"``)."""


@dataclass(frozen=True)
class Question:
    """A yes/no question and what it asks."""

    text: str
    formula: Formula
