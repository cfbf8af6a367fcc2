"""What is asked of a chat completions endpoint, and how many tokens that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from entailbench import Decoding, Message

__all__ = ["Parameter", "bytes_as_tokens", "fewer_tokens", "request_body", "stop_problems"]

Parameter = Literal["temperature", "seed", "stop", "max_tokens"]
"""A parameter that the user may leave out; "max_tokens" whatever the server calls it."""
LOGPROBS: Mapping[str, Any] = {"logprobs": True, "top_logprobs": 5}
"""Asks for the probabilities of an answer's tokens and their likeliest alternatives. The answer stays the same."""
MOST_STOPS = 4
"""The API takes no more stop sequences than this."""
TOKENS_AROUND = 16
"""Never fewer than what a server puts around a message, and before an answer."""
BYTES_A_TOKEN = 4
"""About; English text."""


def request_body(
    model: str,
    messages: Sequence[Message],
    decoding: Decoding,
    *,
    limit_field: str,
    without: Sequence[Parameter] = (),
    logprobs: bool = False,
) -> dict[str, Any]:
    """The arguments of ``chat.completions.create``: all that the task asks for, but for what the user left out.

    Args:
        model: its name at the endpoint.
        messages: the conversation.
        decoding: how to answer.
        limit_field: what the server calls the limit on generated tokens.
        without: what is not sent.
        logprobs: whether to ask for the probabilities of the answer's tokens.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
    }
    parameters: dict[Parameter, tuple[str, Any]] = {
        "temperature": ("temperature", decoding.temperature),
        "seed": ("seed", decoding.seed),
        "max_tokens": (limit_field, decoding.max_tokens),
        "stop": ("stop", list(decoding.stop)),
    }
    body.update(value for name, value in parameters.items() if name not in without and value[1] != [])
    return {**body, **LOGPROBS} if logprobs else body


def stop_problems(decoding: Decoding) -> list[str]:
    """What the API does not take of the stop sequences."""
    if len(decoding.stop) <= MOST_STOPS:
        return []
    return [f"the API takes at most {MOST_STOPS} stop sequences, the task has {len(decoding.stop)}"]


def bytes_as_tokens(messages: Sequence[Message]) -> int:
    """Tokens that a conversation never has more of: no token is shorter than a byte."""
    return TOKENS_AROUND + sum(TOKENS_AROUND + len(message.content.encode()) for message in messages)


def fewer_tokens(messages: Sequence[Message]) -> int:
    """Tokens that a conversation has, about; no tokenizer of the model is at hand."""
    return sum(TOKENS_AROUND // 4 + len(message.content.encode()) // BYTES_A_TOKEN for message in messages)
