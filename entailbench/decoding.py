"""A task's ``generation_kwargs`` as a ``Decoding``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entailbench.errors import UsageError
from entailbench.records import Decoding

__all__ = ["decoding_of"]


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
    limit = next((given.pop(key) for key in ("max_gen_toks", "max_new_tokens", "max_tokens") if key in given), 256)
    seed = int(given.pop("seed", 0))
    if given:
        raise UsageError(f"generation_kwargs of the task that entailbench does not know: {', '.join(sorted(given))}")
    return Decoding(int(limit), stop, temperature if sample is not False else 0.0, seed)
