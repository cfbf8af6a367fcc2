"""Training samples as tokens: a prompt exactly as the benchmark sends it, and the answer to learn."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from entailbench import SftPair, TrainingError, TrainingJob

from ..litgpt_prompting import render

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHUNK = 4096
"""Texts per call of the tokenizer."""
SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class TokenSample:
    """One sample; its tokens are what litgpt's own loader would make of it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """Ends with the end-of-sequence token; empty, but for that, where the sample has no output."""
    label: str
    """The class it belongs to: the row's label, or the output itself where only that is known."""
    puzzle: str
    """The same for all the samples of one puzzle."""

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Prompt and answer."""
        return self.prompt + self.answer

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def tokenize(pairs: Sequence[SftPair], tokenizer: PreTrainedTokenizerBase) -> tuple[TokenSample, ...]:
    """The samples of ``pairs``, in their order.

    Args:
        pairs: what to learn.
        tokenizer: with the chat template that the trained model will be opened with.

    Raises:
        TrainingError: the tokenizer has no token that ends an answer.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise TrainingError("the base's tokenizer has no end-of-sequence token, so no answer could ever end")
    with _uncollected():
        prompts = _encoded([render(tokenizer, pair.user) for pair in pairs], tokenizer)
        # There are few different answers where only a label is learnt.
        answers = list(dict.fromkeys(pair.output for pair in pairs))
        answer_tokens = dict(zip(answers, _encoded(answers, tokenizer), strict=True))
        samples = [
            TokenSample(prompt, (*answer_tokens[pair.output], int(end)), pair.label or pair.output, pair.puzzle)
            for pair, prompt in zip(pairs, prompts, strict=True)
        ]
        return _with_puzzles(samples)


def samples_of(job: TrainingJob, tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[TokenSample, ...], ...]:
    """The training and the validation samples of a job, tokenized once for its outline and its training."""

    def of(pairs: tuple[SftPair, ...]) -> tuple[TokenSample, ...]:
        key = ("samples", pairs, str(tokenizer.chat_template))
        return job.context.shared.get(job.context.name, key, lambda: tokenize(pairs, tokenizer))

    return of(job.train), of(job.validation)


def sample_problems(split: str, samples: Sequence[TokenSample], *, limit: int, limited_by: str) -> Iterator[str]:
    """Why samples cannot be trained on, the first few of each kind by number, and how many more there are.

    Args:
        split: ``"training"`` or ``"validation"``.
        samples: in the order of the data.
        limit: tokens that prompt and answer may have together.
        limited_by: what sets the limit.
    """
    empty = [number for number, sample in enumerate(samples) if len(sample.answer) <= 1]
    for number in empty[:SHOWN_PROBLEMS]:
        yield f"{split} sample {number} has an empty output: there is nothing to learn from it"
    long = [number for number, sample in enumerate(samples) if len(sample) > limit]
    for number in long[:SHOWN_PROBLEMS]:
        sample = samples[number]
        yield (
            f"{split} sample {number} has {len(sample):,} tokens (prompt {len(sample.prompt):,}, answer "
            f"{len(sample.answer):,}); {limited_by} allows {limit:,} and would cut it: leave it out, or raise the limit"
        )
    for numbers, what in ((empty, "an empty output"), (long, f"more than {limit:,} tokens")):
        if len(numbers) > SHOWN_PROBLEMS:
            yield f"{len(numbers) - SHOWN_PROBLEMS:,} more {split} samples have {what}"


def _encoded(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    # One object for each token of the vocabulary: of its own at each place it would take four times the memory.
    numbers = list(range(len(tokenizer)))
    for start in range(0, len(texts), CHUNK):
        ids = tokenizer(list(texts[start : start + CHUNK]), add_special_tokens=False, return_attention_mask=False)
        found += [tuple(map(numbers.__getitem__, sample)) for sample in ids["input_ids"]]
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which looks through all the samples again and again while they become more."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _with_puzzles(samples: Sequence[TokenSample]) -> tuple[TokenSample, ...]:
    """Names the puzzles of samples that came without: prompts that share most of what makes them different.

    Sorted, the prompts of one puzzle are neighbours. Two neighbours are of one puzzle when they share at least half of
    the shorter one, not counting the instruction with which all prompts begin.
    """
    unnamed = sorted(
        (number for number, sample in enumerate(samples) if not sample.puzzle), key=lambda n: samples[n].prompt
    )
    if not unnamed:
        return tuple(samples)
    common = _shared(samples[unnamed[0]].prompt, samples[unnamed[-1]].prompt)
    names: dict[int, str] = {}
    puzzle = f"prompt {unnamed[0]}"
    for before, number in zip([unnamed[0], *unnamed], unnamed, strict=False):
        first, second = samples[before].prompt, samples[number].prompt
        own = min(len(first), len(second)) - common
        if 2 * (_shared(first, second) - common) < own:
            puzzle = f"prompt {number}"
        names[number] = puzzle
    return tuple(
        TokenSample(sample.prompt, sample.answer, sample.label, names.get(number, sample.puzzle))
        for number, sample in enumerate(samples)
    )


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
