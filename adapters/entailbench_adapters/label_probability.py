"""The probability of "entailment" in a written answer, from what the server says about its tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entailbench import ENTAILMENT, NOT_ENTAILMENT

__all__ = ["Token", "label_probability"]


@dataclass(frozen=True)
class Token:
    """One token of an answer."""

    text: str
    alternatives: Mapping[str, float]
    """Token → natural-log probability, of the likeliest that could have stood here, this one included."""


def label_probability(tokens: Sequence[Token], label: str) -> float | None:
    """The share of "entailment" in the probability of both labels, at the token that decides between them.

    That is the first token of the label, given all that the answer says before it, a proof for example. Every token
    that could begin one of the labels counts for it: "ent", "Entail", " not". What is not among the likeliest tokens
    counts as impossible.

    Args:
        tokens: of the whole answer.
        label: what the task read from it.

    Returns:
        None where the answer does not write out the label exactly once, or no token tells.
    """
    if label not in (ENTAILMENT, NOT_ENTAILMENT):
        return None
    start = _place("".join(token.text for token in tokens), label)
    if start is None:
        return None
    end = 0
    for token in tokens:
        begin, end = end, end + len(token.text)
        if end > start:
            return _share(token, begin, start)
    return None


def _place(text: str, label: str) -> int | None:
    """Where the only label of the answer begins."""
    lower = text.lower()
    if len(lower) != len(text) or lower.count(ENTAILMENT) != 1:
        return None
    place = lower.index(ENTAILMENT)
    denied = lower[:place].endswith(NOT_ENTAILMENT.removesuffix(ENTAILMENT))
    if denied != (label == NOT_ENTAILMENT):
        return None  # "non-entailment", "no entailment": read as a label, and not written as one
    return place - len(NOT_ENTAILMENT) + len(ENTAILMENT) if denied else place


def _share(token: Token, begin: int, start: int) -> float | None:
    ahead = token.text[: start - begin].lower()
    sums = {ENTAILMENT: 0.0, NOT_ENTAILMENT: 0.0}
    for text, logprob in token.alternatives.items():
        said = text.lower()
        # Other tokens may come with other white space: "entail" beside " not".
        said = said[len(ahead) :] if ahead.strip() and said.startswith(ahead) else said.lstrip()
        for label in sums:
            if said and (label.startswith(said) or said.startswith(label)):
                sums[label] += math.exp(min(0.0, logprob))
    total = sum(sums.values())
    return sums[ENTAILMENT] / total if total > 0 else None
