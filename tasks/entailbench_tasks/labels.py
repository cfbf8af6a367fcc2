"""Labels: how the published ones map to the task's two, and how a model's answer is read."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED, Label
from entailbench_tasks.proof_answers import ProofAnswer, read_proof_answer

__all__ = [
    "CONTRADICTION",
    "PUBLISHED_LABELS",
    "UNKNOWN",
    "ReadAnswer",
    "read_answers",
    "read_label",
    "read_proof",
    "score_answer",
    "score_choice",
]

CONTRADICTION = "not entailment - contradiction"
UNKNOWN = "not entailment - unknown"

PUBLISHED_LABELS: Mapping[str, Label] = MappingProxyType(
    {
        ENTAILMENT: ENTAILMENT,
        CONTRADICTION: NOT_ENTAILMENT,
        UNKNOWN: NOT_ENTAILMENT,
        "non-entailment": NOT_ENTAILMENT,
    }
)
"""Puzzte's four labels; "non-entailment" stands at knights and knaves only and is no entailment either."""

ALLOWED = frozenset((*PUBLISHED_LABELS, NOT_ENTAILMENT))
"""What an answer may be, letter by letter."""

NEGATIVE = re.compile(
    # No word boundary around "not entail": a denial glued to other letters must not leave a bare "entailment".
    r"(?:(?:can)?not|non|\bno)\s*(?:(?:be|an?|logically|necessarily|logical)\s+)*entail\w*"
    r"|\b(?:contradict(?:ions?|ed|s|ory)?|unknown)\b"
)
POSITIVE = re.compile(r"\bentail(?:ments?|ed|s)\b")
NEGATED_NEGATIVE = re.compile(r"\b(?:not|non|no|cannot)\s+(?:(?:be|an?)\s+)?(?:contradict\w*|unknown)\b")

# Marks that a label has been found; upper case cannot occur in a normalised line.
YES, NO, BREAK, DOUBT = "YES", "NO", "|", "?"

NAMING_WORDS = frozenset("answer label output response result reply final correct right conclusion verdict".split())  # noqa: SIM905
LEADING_WORDS = NAMING_WORDS | frozenset(
    """a an as be by claim context do does hence hypothesis i in is it logical logically my no ok okay premise premises
    puzzle question relation relationship say so statement sure that the therefore think this thus to would yes
    """.split()  # noqa: SIM905 - a set literal of single words would be longer than what it says
)
"""What may stand before a label; after any other word the line talks about the label instead of giving it."""

REVERSING_WORDS = frozenset(
    """cannot fails false incorrect lacks neither never no non none nor not unlikely untrue without wrong
    """.split()  # noqa: SIM905
)
"""What turns "entailment" into something else."""


class ReadAnswer(str):
    """The label that was read, which also knows the answer that it was read from.

    lm-eval hands a task's ``process_results`` nothing but what the filters made of an answer; to all else that sees
    it, this is the label.
    """

    text: str

    def __new__(cls, label: str, text: str = "") -> ReadAnswer:
        """A label and the whole answer."""
        made = super().__new__(cls, label)
        made.text = text
        return made

    @property
    def exact(self) -> bool:
        """Whether the answer is a published label, or a proof and a label, and nothing more."""
        said = self.text.strip()
        return said in ALLOWED or ("\n" not in said and read_proof_answer(said) is not None)

    @property
    def three_way(self) -> str | None:
        """Which of three the answer says, in so many words; None where it says no more than "not entailment"."""
        if self == ENTAILMENT:
            return ENTAILMENT
        if self != NOT_ENTAILMENT:
            return None
        line = _first_line(self.text)[0].casefold()
        said = [kind for word, kind in (("contradict", CONTRADICTION), ("unknown", UNKNOWN)) if word in line]
        return said[0] if len(said) == 1 else None


def read_label(answer: str) -> Label:
    """The label that a model's free-text answer gives, or ``"unparsed"``.

    The first line that says anything decides. A proof before the label does not matter (``proof_answers``). Case,
    punctuation, quotes, Markdown and lead-ins such as "Answer:" do not matter; "contradiction" and "unknown" are
    read as "not entailment". A line that mentions both labels, negates the one it mentions, or merely talks about
    it, is unparsed. A line without a label that begins with "yes" or "no" answers the question itself, which the
    labels are defined by.
    """
    line, words = _first_line(answer)
    proved = read_proof_answer(line)
    return proved.label if proved else _read_words(words) if words else UNPARSED


def read_proof(answer: str) -> ProofAnswer | None:
    """The proof and the label of an answer that gives both; None for any other."""
    return read_proof_answer(_first_line(answer)[0])


def read_answers(answers: Iterable[Sequence[str]], docs: Sequence[Mapping[str, Any]]) -> list[list[ReadAnswer]]:
    """lm-eval filter: ``read_label`` for every answer to every row."""
    return [[ReadAnswer(read_label(answer), answer) for answer in row] for row in answers]


def score_answer(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """lm-eval ``process_results``: accuracy, where unparsed answers are wrong, and the share of those."""
    label = results[0]
    return {"acc": float(label == doc["label"]), "unparsed": float(label == UNPARSED)}


def score_choice(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """lm-eval ``process_results`` of the two labels as candidates: accuracy, where a row without scores (NaN) is wrong.

    lm-eval's own would take the first candidate of such a row for the likeliest.
    """
    logprobs = [logprob for logprob, _ in results]
    if any(map(math.isnan, logprobs)):
        return {"acc": 0.0}
    return {"acc": float(LABELS[logprobs.index(max(logprobs))] == doc["label"])}


def _first_line(answer: str) -> tuple[str, list[str]]:
    """The first line that says anything, and its normalised words; empty where none does."""
    for line in answer.splitlines():
        words = _normalised(line).split()
        if any(word not in NAMING_WORDS and word not in (BREAK, DOUBT) for word in words):
            return line, words
    return "", []


def _normalised(line: str) -> str:
    """Lower-case words, ``|`` for punctuation that separates, ``?`` for doubt, and ``YES``/``NO`` for labels."""
    line = unicodedata.normalize("NFKC", line)
    line = "".join(char for char in line if unicodedata.category(char) != "Cf").casefold()
    line = re.sub(r"\s[-\u2010-\u2015]+\s|[\u2013-\u2015.,:;!|/=>]+", f" {BREAK} ", line)
    line = line.replace("?", f" {DOUBT} ")
    line = re.sub(r"n['\u2018\u2019]t\b", " not", line)
    line = re.sub(r"[^\w\s|?]|[_\d]", " ", line)
    line = NEGATED_NEGATIVE.sub(" not ", line)
    return POSITIVE.sub(f" {YES} ", NEGATIVE.sub(f" {NO} ", line))


def _read_words(words: Sequence[str]) -> Label:
    found = {word for word in words if word in (YES, NO)}
    if not found:
        return _read_yes_or_no(words)
    if len(found) != 1 or DOUBT in words:
        return UNPARSED
    label = found.pop()
    place = words.index(label)
    before, after = words[:place], words[place + 1 :]
    if not LEADING_WORDS.union((BREAK,)).issuperset(before):
        return UNPARSED
    if label == YES:
        return UNPARSED if REVERSING_WORDS.intersection(words) else ENTAILMENT
    return UNPARSED if REVERSING_WORDS.intersection(after) else NOT_ENTAILMENT


def _read_yes_or_no(words: Sequence[str]) -> Label:
    said = list(words)
    while said and (said[0] in NAMING_WORDS or said[0] == BREAK):
        said = said[1:]
    alone = said[1:2] in ([], [BREAK])
    if not alone or DOUBT in words or {"yes", "no"} <= set(words):
        return UNPARSED
    return {"yes": ENTAILMENT, "no": NOT_ENTAILMENT}.get(said[0], UNPARSED)
