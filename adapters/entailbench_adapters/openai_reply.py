"""Reads a chat completion. A server may send anything, so nothing is taken for what its type says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from entailbench import Usage

from .label_probability import Token, label_probability

__all__ = ["NOT_WHOLE", "BadReplyError", "Reply", "read_reply"]

NOT_WHOLE = "cut at the token limit"
"""The reason that goes with an answer that has no end."""


class BadReplyError(Exception):
    """A reply that arrived whole and is no answer; says why, without naming the server."""


@dataclass(frozen=True)
class Reply:
    """What a completion says."""

    text: str
    outcome: Literal["answered", "refused", "filtered"]
    reason: str
    probability: float | None
    usage: Usage | None
    """None where the server does not count, or counts nonsense."""
    model: str | None
    """The model that the server says it is."""
    fingerprint: str | None


def read_reply(completion: Any, read_label: Callable[[str], str] | None) -> Reply:
    """Takes a parsed completion apart.

    Args:
        completion: what the client made of the body, whatever that was.
        read_label: the task's reading of an answer, for its probability.

    Raises:
        BadReplyError: it is no chat completion with one answer.
    """
    choices = getattr(completion, "choices", None)
    if not isinstance(choices, list):
        raise BadReplyError("answered, but not with a chat completion: does base_url end in /v1?")
    if not choices:
        raise BadReplyError("answered with an empty list of choices")
    if len(choices) > 1:
        raise BadReplyError(f"answered with {len(choices)} choices, and one was asked for")
    choice = choices[0]
    message = getattr(choice, "message", None)
    content, refusal = getattr(message, "content", None), getattr(message, "refusal", None)
    finish = getattr(choice, "finish_reason", None)
    if message is None or not isinstance(content, str | None):
        raise BadReplyError("answered with a choice that has no text")
    text, outcome, reason = content or "", "answered", ""
    probability = None
    if finish == "content_filter":
        outcome, reason = "filtered", "a content filter of the server ended the answer"
    elif isinstance(refusal, str) and refusal and not content:
        text, outcome, reason = refusal, "refused", "the model declined"
    else:
        reason = NOT_WHOLE if finish == "length" else ""
        probability = _probability(choice, text, read_label)
    return Reply(
        text=text,
        outcome=outcome,  # type: ignore[arg-type]
        reason=reason,
        probability=probability,
        usage=_usage(getattr(completion, "usage", None)),
        model=_word(getattr(completion, "model", None)),
        fingerprint=_word(getattr(completion, "system_fingerprint", None)),
    )


def _probability(choice: Any, text: str, read_label: Callable[[str], str] | None) -> float | None:
    told = getattr(getattr(choice, "logprobs", None), "content", None)
    if read_label is None or not isinstance(told, list):
        return None
    tokens = [token for one in told if (token := _token(one)) is not None]
    if len(tokens) < len(told) or "".join(token.text for token in tokens) != text:
        return None
    return label_probability(tokens, read_label(text))


def _token(told: Any) -> Token | None:
    alternatives = getattr(told, "top_logprobs", None)
    every = [told, *(alternatives if isinstance(alternatives, list) else [])]
    known = {}
    for one in every:
        text, logprob = getattr(one, "token", None), getattr(one, "logprob", None)
        if not isinstance(text, str) or not isinstance(logprob, int | float) or math.isnan(logprob):
            return None
        known[text] = float(logprob)
    return Token(str(told.token), known)


def _usage(told: Any) -> Usage | None:
    tokens_in, tokens_out = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    if tokens_in is None or tokens_out is None:
        return None
    cached = _count(getattr(told, "prompt_tokens_details", None), "cached_tokens") or 0
    thought = _count(getattr(told, "completion_tokens_details", None), "reasoning_tokens") or 0
    return Usage(
        input_tokens=tokens_in,
        cached_tokens=min(cached, tokens_in),
        output_tokens=tokens_out,
        reasoning_tokens=min(thought, tokens_out),
    )


def _count(told: Any, name: str) -> int | None:
    value = getattr(told, name, None)
    return value if type(value) is int and value >= 0 else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
