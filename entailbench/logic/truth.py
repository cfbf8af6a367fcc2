"""The three answers that a question can have, and the two labels that a task asks for."""

from __future__ import annotations

from typing import Literal

from entailbench.records import ENTAILMENT, NOT_ENTAILMENT, Label

__all__ = ["CONTRADICTION", "TRUTHS", "UNKNOWN", "Truth", "binary_label"]

Truth = Literal["entailment", "not entailment - contradiction", "not entailment - unknown"]
"""Under Puzzte's names: the premises make the answer certainly yes, certainly no, or leave it open."""

CONTRADICTION: Literal["not entailment - contradiction"] = "not entailment - contradiction"
UNKNOWN: Literal["not entailment - unknown"] = "not entailment - unknown"
TRUTHS: tuple[Truth, ...] = (ENTAILMENT, CONTRADICTION, UNKNOWN)


def binary_label(truth: Truth) -> Label:
    """The label of the binary task: contradicted and open questions are both not entailed."""
    return ENTAILMENT if truth == ENTAILMENT else NOT_ENTAILMENT
