"""A task's ``generation_kwargs`` as a ``Decoding``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entailbench.errors import UsageError
from entailbench.records import Decoding

__all__ = ["decoding_of", "with_room_for"]

LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens")
"""What lm-eval's arguments call the upper bound on generated tokens."""
DEFAULT_LIMIT = 256
"""lm-eval's own."""


def decoding_of(arguments: Mapping[str, Any]) -> Decoding:
    """lm-eval's generation arguments as ours.

    Raises:
        UsageError: an argument that would change the answers and that we do not know.
    """
    given = dict(arguments)
    until = given.pop("until", None) or []
    stop = (until,) if isinstance(until, str) else tuple(until)
    sample = given.pop("do_sample", None)
    temperature = float(given.pop("temperature", 0.0) or 0.0)
    if sample and not temperature:
        raise UsageError("generation_kwargs of the task ask for do_sample without a temperature: name one")
    limit = next((given.pop(key) for key in LIMITS if key in given), DEFAULT_LIMIT)
    seed = int(given.pop("seed", 0))
    if given:
        raise UsageError(f"generation_kwargs of the task that entailbench does not know: {', '.join(sorted(given))}")
    return Decoding(int(limit), stop, temperature if sample is not False else 0.0, seed)


def with_room_for(answer_tokens: int | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """lm-eval's generation arguments with a limit that answers of so many tokens fit into; all else as it is.

    Args:
        answer_tokens: ``Model.answer_tokens``; None changes nothing, and neither does a number below the limit.
        arguments: a task's ``generation_kwargs``.
    """
    given = dict(arguments)
    key = next((key for key in LIMITS if key in given), LIMITS[0])
    if answer_tokens is not None and answer_tokens > int(given.get(key, DEFAULT_LIMIT)):
        given[key] = answer_tokens
    return given
