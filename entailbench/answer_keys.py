"""What an answer is kept under: a hash of what the model is, and one of what it was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from entailbench.records import Decoding, Prompt

__all__ = ["model_key", "question_key"]

DIGITS = 40
"""Of a key, in hexadecimal: 160 bits."""


def model_key(determined_by: Mapping[str, Any], answered_by: Mapping[str, str]) -> str:
    """The key of a model: see ``Model.determined_by`` and ``Model.answered_by``."""
    return _hash({"determined by": dict(determined_by), "answered by": dict(answered_by)})


def question_key(prompt: Prompt, decoding: Decoding | None, candidates: Sequence[str] = ()) -> str:
    """The key of one question.

    Args:
        prompt: text and conversation count, and where answers are drawn also which prompt it is: a draw depends on it.
        decoding: every field counts; None where candidates are scored.
        candidates: what is scored, in their order.
    """
    asked: dict[str, Any] = {
        "text": prompt.text,
        "messages": [[message.role, message.content] for message in prompt.messages],
    }
    if decoding is None:
        asked["candidates"] = list(candidates)
    else:
        asked["decoding"] = [decoding.max_tokens, list(decoding.stop), decoding.temperature, decoding.seed]
        if decoding.temperature > 0:
            asked["prompt"] = prompt.id
    return _hash(asked)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGITS]
