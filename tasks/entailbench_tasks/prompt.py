"""The one place where a row becomes a prompt: for tests and, through the same tasks, for training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["INSTRUCTION", "user_message"]

INSTRUCTION = (
    "Your whole answer must be one of two labels, entailment or not entailment. "
    "Write entailment if the context makes the answer to the question certainly yes. "
    "Write not entailment if the context makes the answer no or leaves it open."
)
"""Has no blank line: the first blank line of a user message ends the instruction."""


def user_message(doc: Mapping[str, Any]) -> str:
    """What a model is told about one row (``context`` and ``question``)."""
    return f"{INSTRUCTION}\n\nContext: {doc['context']}\nQuestion: {doc['question']}"
