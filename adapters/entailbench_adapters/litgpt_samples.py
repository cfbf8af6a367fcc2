"""Training samples in litgpt's layout, and the proof that litgpt reads from them what the benchmark will send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from entailbench import SftPair, TrainingError

from .litgpt_prompting import render
from .prompt_template import split_user

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class SampleSizes:
    """Tokens of a set of samples, as litgpt counts them."""

    longest: int
    """Tokens of the longest sample, prompt and answer together."""
    total: int
    """Tokens of all samples, without padding."""
    longest_answer: int
    """Tokens of the longest answer with its EOS."""


def litgpt_rows(
    pairs: Sequence[SftPair], style: PromptStyle | None, tokenizer: PreTrainedTokenizerBase
) -> list[dict[str, str]]:
    """Rows with the keys instruction, input and output.

    Args:
        pairs: the samples.
        style: the litgpt style that will be applied to the rows; None for rows that carry the whole prompt, as the
            tokenizer's chat template writes it, and get litgpt's default style, which leaves it as it is.
        tokenizer: with the chat template that the benchmark uses.
    """
    rows = []
    for pair in pairs:
        instruction, input = split_user(style, pair.user) if style else (render(tokenizer, pair.user), "")
        rows.append({"instruction": instruction, "input": input, "output": pair.output})
    return rows


def write_rows(train: Sequence[dict[str, str]], validation: Sequence[dict[str, str]], folder: Path) -> None:
    """Writes ``train.json`` and ``val.json``, the layout of the original study's ``data/sft-data``."""
    folder.mkdir(parents=True)
    for name, rows in (("train", train), ("val", validation)):
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def check_samples(
    split: str,
    pairs: Sequence[SftPair],
    rows: Sequence[dict[str, str]],
    *,
    litgpt_directory: Path,
    style: PromptStyle,
    tokenizer: PreTrainedTokenizerBase,
    limit: int,
    limited_by: str,
) -> SampleSizes:
    """Compares, sample by sample, the tokens litgpt will train on with those the benchmark would send.

    Args:
        split: ``"training"`` or ``"validation"``, for the messages.
        pairs: the samples.
        rows: the same as ``litgpt_rows`` made them.
        litgpt_directory: what litgpt will be given: its tokenizer and its rule for the BOS.
        style: what litgpt will apply to the rows.
        tokenizer: with the chat template that the trained model will be opened with.
        limit: tokens that prompt and answer may have together.
        limited_by: what sets the limit, for the message.

    Raises:
        TrainingError: a sample would be cut, is empty, or is read differently by the two; named by its number.
    """
    from litgpt.tokenizer import Tokenizer

    litgpt_tokenizer = Tokenizer(litgpt_directory)
    longest = total = longest_answer = 0
    for number, (pair, row) in enumerate(zip(pairs, rows, strict=True)):
        where = f"{split} sample {number}"
        if not pair.output:
            raise TrainingError(f"{where} has an empty output: there is nothing to learn from it")
        text = style.apply(prompt=row["instruction"], **{"input": row["input"], "output": row["output"]})
        trained = litgpt_tokenizer.encode(text).tolist()
        sent = list(tokenizer.encode(render(tokenizer, pair.user), add_special_tokens=False))
        if trained != sent:
            shared = min(len(trained), len(sent))
            at = next((i for i in range(shared) if trained[i] != sent[i]), shared)
            raise TrainingError(
                f"{where} would be trained with another prompt than the benchmark sends, from token {at} on: "
                f"{tokenizer.decode(trained[at : at + 8])!r} instead of {tokenizer.decode(sent[at : at + 8])!r}"
            )
        answer = litgpt_tokenizer.encode(row["output"], bos=False, eos=True)
        length = len(trained) + len(answer)
        if length > limit:
            raise TrainingError(
                f"{where} has {length} tokens (prompt {len(trained)}, answer {len(answer)}); {limited_by} allows "
                f"{limit} and would cut it: leave it out, or raise the limit"
            )
        longest, total = max(longest, length), total + length
        longest_answer = max(longest_answer, len(answer))
    return SampleSizes(longest, total, longest_answer)
