"""A puzzle put otherwise: its new text, and what became of its names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from entailbench.logic.puzzle import Puzzle, Sentence
from entailbench.records import EMPTY

__all__ = ["CannotPerturb", "Rewrite", "any_name", "ends", "everybody", "premise_sentences", "with_sentences"]


class CannotPerturb(Exception):
    """A puzzle cannot be put otherwise in this way; the message is the reason, as half a sentence."""


@dataclass(frozen=True)
class Rewrite:
    """A puzzle's new text and how its questions change with it."""

    context: str
    question: Callable[[str], str] = str
    """Puts a question otherwise; may raise ``CannotPerturb``."""
    names: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Old name → new name, where they differ."""
    added: str = ""
    """A sentence that is about something else; empty where none was added."""


def premise_sentences(puzzle: Puzzle) -> tuple[Sentence, ...]:
    """The sentences that state premises, each once, in the order of the text.

    Raises:
        CannotPerturb: they do not stand in the text as they were read, so that they cannot be replaced.
    """
    found = {premise.sentence.start: premise.sentence for reading in puzzle.readings for premise in reading.premises}
    if any(puzzle.text[one.start : one.start + len(one.text)] != one.text for one in found.values()):
        raise CannotPerturb("its sentences cannot be told apart")
    return tuple(found[start] for start in sorted(found))


def with_sentences(text: str, new: Mapping[Sentence, str]) -> str:
    """The text with other words in the place of some sentences."""
    for sentence in sorted(new, key=lambda one: one.start, reverse=True):
        end = sentence.start + len(sentence.text)
        text = text[: sentence.start] + new[sentence] + text[end:]
    return text


def ends(sentence: str) -> bool:
    """Whether a sentence has the sign that ends it."""
    return sentence.rstrip(" \"'”’»)")[-1:] in (".", "!", "?", "…")


def everybody(puzzle: Puzzle) -> tuple[str, ...]:
    """Everybody and everything that the puzzle's readings know."""
    return tuple(dict.fromkeys(name for reading in puzzle.readings for name in reading.signature.entities))


def any_name(names: Sequence[str]) -> str:
    """A regular expression for any of the names; one of a single letter may be written twice, as "AA"."""
    known = {form for name in names for form in ((name, name * 2) if len(name) == 1 else (name,))}
    return r"(?<!\w)(?:" + "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True)) + r")(?!\w)"
