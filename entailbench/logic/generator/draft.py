"""A puzzle before and after it is put into words."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from entailbench.logic.formula import Formula, Signature
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.structure import structure_of
from entailbench.logic.generator.style import TIDY, Style
from entailbench.logic.puzzle import Family, Premise, Reading, Sentence
from entailbench.logic.truth import Truth

__all__ = ["Candidate", "Draft", "Statement", "Worded"]


@dataclass(frozen=True)
class Statement:
    """A sentence of a puzzle that is a premise."""

    text: str
    formula: Formula
    phrasing: str
    """The name of its wording."""


class Candidate(NamedTuple):
    """A question that could be asked; a puzzle has many, so these are made quickly."""

    form: str
    """What kind of question it is, apart from who it is about, e.g. ``"more"``."""
    about: tuple[str, ...]
    """Whom or what it names, in the order of the text."""
    truth: Truth
    steps: int
    """About how many premises an answer needs; 0 if it is open. Only to ask easy and hard questions alike."""
    matter: object
    """Two questions of the same matter give each other's answers away."""
    place: int = 0
    """Which place it asks about, if any, as ``At`` counts."""


@dataclass(frozen=True)
class Worded:
    """A puzzle's text, made of background sentences and premises."""

    text: str
    reading: Reading
    phrasings: tuple[str, ...]
    """Of the premises, in order."""
    relation: str = ""
    """What a comparison compares; else empty."""
    style: Style = TIDY
    """How its sentences are set."""

    @classmethod
    def of(
        cls,
        signature: Signature,
        before: Sequence[str],
        statements: Iterable[Statement],
        *,
        relation: str = "",
        numbered: bool = False,
    ) -> Worded:
        """Joins sentences to a text and notes where each premise stands.

        Args:
            signature: who and what there is.
            before: background sentences.
            statements: the premises.
            relation: what a comparison compares.
            numbered: whether the premises bear numbers.
        """
        text, premises, phrasings = " ".join(before), [], []
        for number, statement in enumerate(statements, start=1):
            text += f"{' ' if text else ''}{f'{number}. ' if numbered else ''}"
            premises.append(Premise(Sentence(statement.text, len(text)), statement.formula))
            phrasings.append(statement.phrasing)
            text += statement.text
        return cls(text, Reading("", signature, tuple(premises)), tuple(phrasings), relation)

    def styled(self, style: Style, rng: random.Random, before: Sequence[str], after: Sequence[str] = ()) -> Worded:
        """The same premises in another style, between other background sentences."""
        text = ""
        premises = []
        sentences = [*before, *(premise.sentence.text for premise in self.reading.premises), *after]
        for place, sentence in enumerate(sentences, start=-len(before)):
            text += style.gap(rng) if text else ""
            styled = style.set(sentence, rng)
            if 0 <= place < len(self.reading.premises):
                premises.append(Premise(Sentence(styled, len(text)), self.reading.premises[place].formula))
            text += styled
        return replace(self, text=text, reading=replace(self.reading, premises=tuple(premises)), style=style)


class Draft(ABC):
    """What a puzzle says, before it is put into words."""

    family: ClassVar[Family]
    signature: Signature
    size: int
    """How many people, or houses."""
    distractors: int
    """How many premises follow from the others."""

    @abstractmethod
    def formulas(self) -> Iterable[Formula]:
        """What is stated; its words may state it in other formulas that say the same."""

    def structure(self) -> str:
        """The key of the puzzle's structure; see ``structure``."""
        return structure_of(self.family, self.signature, self.formulas())

    @abstractmethod
    def worded(self, rng: random.Random, dials: Dials) -> Worded:
        """The puzzle in English."""

    @abstractmethod
    def candidates(self, rng: random.Random) -> list[Candidate]:
        """Questions that can be asked, with their truth."""

    @abstractmethod
    def asked(self, candidate: Candidate) -> Formula:
        """What a question asks."""

    @abstractmethod
    def question(self, candidate: Candidate, worded: Worded, rng: random.Random) -> str:
        """A question in English."""
