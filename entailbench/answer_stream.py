"""What a model yields, held to the contract: every prompt answered exactly once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from entailbench.errors import ModelError
from entailbench.records import Answer, CandidateScores, Prompt

__all__ = ["checked"]


def checked(
    stream: Iterable[Answer | CandidateScores], prompts: Sequence[Prompt], name: str
) -> Iterator[tuple[Prompt, Answer | CandidateScores]]:
    """Each answer as it comes, with the prompt it belongs to and a text that can be written to a file.

    Args:
        stream: what ``Model.generate`` or ``Model.score`` gave.
        prompts: what it was asked.
        name: the model's, for errors.

    Raises:
        ModelError: a prompt was answered twice, not at all, or without having been asked, or a candidate's
            log-probability is NaN, of which no label can be read.
    """
    missing = {prompt.id: prompt for prompt in prompts}
    wanted = dict(missing)
    for answer in stream:
        if answer.prompt_id not in missing:
            how = "twice" if answer.prompt_id in wanted else "though it was not asked"
            raise ModelError(f"backend of {name!r} answered prompt {answer.prompt_id!r} {how}")
        if isinstance(answer, Answer):
            answer = replace(answer, text=_encodable(answer.text))
        elif any(map(math.isnan, answer.logprobs)):
            raise ModelError(f"backend of {name!r} scored prompt {answer.prompt_id!r} with NaN: {answer.logprobs}")
        yield missing.pop(answer.prompt_id), answer
    if missing:
        raise ModelError(f"backend of {name!r} left {len(missing)} prompts unanswered, first {next(iter(missing))!r}")


def _encodable(text: str) -> str:
    """Half an emoji, which an API may send, as its escape: nothing could write it to a file."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
