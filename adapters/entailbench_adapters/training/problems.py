"""What would stop or spoil a training and can be known before its first step: all of it at once, a sentence each.

What the recipe and this machine alone decide stands in ``litgpt_recipe_checks``; this is about the samples, the base
and the disk.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import SftPair, TrainingError, TrainingJob

from ..litgpt_checkpoint import FULL_WEIGHTS, MODEL_CONFIG, load_weights
from ..litgpt_recipe import LoraRecipe, warmup_of
from . import batches
from .samples import SHOWN_PROBLEMS, TokenSample, sample_problems

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..litgpt_start import Start

STOP = "\n\n"
"""Where our tasks stop reading an answer."""
STATES = 4
"""On the disk at most: the last two, the best one, and one that is being written."""
STATE_BYTES, CHECKPOINT_BYTES = 12, 4
"""Per trained parameter: its value and two moments in float32; its value."""
SMALL_FILES_BYTES = 16 * 2**20
"""Tokenizer, configuration, curves and log."""


def training_problems(
    recipe: LoraRecipe,
    job: TrainingJob,
    start: Start,
    train: Sequence[TokenSample],
    validation: Sequence[TokenSample],
) -> Iterator[str]:
    """Everything that must be changed before this training can begin.

    Args:
        recipe: found sound by itself.
        job: with the samples as text.
        start: with the base in litgpt's form.
        train: the samples as tokens; ``validation`` likewise.
    """
    yield from _empty(recipe, train, validation)
    for split, samples, pairs in (("training", train, job.train), ("validation", validation, job.validation)):
        yield from sample_problems(split, samples, limit=start.limit, limited_by=start.limited_by)
        yield from _ambiguous(split, samples, pairs, start.tokenizer, judged=job.read_answer is not None)
    yield from _base(recipe, start, [*train, *validation])
    yield from _steps(recipe, train)


def _empty(recipe: LoraRecipe, train: Sequence[TokenSample], validation: Sequence[TokenSample]) -> Iterator[str]:
    if not train:
        yield "there are no training samples: the train split, or the file, is empty"
    if not validation and recipe.early_stopping:
        yield "early_stopping = true, but there are no validation samples to stop by"
    elif not validation:
        yield (
            "there are no validation samples, so nothing would show whether the model learns: the validation split, "
            "or the file, is empty"
        )


def _ambiguous(
    split: str,
    samples: Sequence[TokenSample],
    pairs: Sequence[SftPair],
    tokenizer: PreTrainedTokenizerBase,
    *,
    judged: bool,
) -> Iterator[str]:
    """Answers of which the model would be read only a part."""
    special = set(tokenizer.all_special_ids)
    marked: list[int] = []
    stopped: list[int] = []
    for number, (sample, pair) in enumerate(zip(samples, pairs, strict=True)):
        if special.intersection(sample.answer[:-1]):
            marked.append(number)
        if judged and STOP in pair.output:
            stopped.append(number)
    for number in marked[:SHOWN_PROBLEMS]:
        token = next(token for token in samples[number].answer[:-1] if token in special)
        yield (
            f"{split} sample {number} has {tokenizer.decode([token])!r} in its output, which the prompt's format means "
            "as a mark: an answer would end there, or be misread; take it out"
        )
    for number in stopped[:SHOWN_PROBLEMS]:
        yield (
            f"{split} sample {number} has an empty line in its output, and the task stops reading an answer there: "
            "write it in one paragraph"
        )
    for numbers, what in ((marked, "a mark of the prompt's format"), (stopped, "an empty line")):
        if len(numbers) > SHOWN_PROBLEMS:
            yield f"{len(numbers) - SHOWN_PROBLEMS:,} more {split} samples have {what} in their output"


def _base(recipe: LoraRecipe, start: Start, samples: Sequence[TokenSample]) -> Iterator[str]:
    """Whether the base's weights are what its configuration says, and can be trained by the recipe's engine."""
    from litgpt.config import Config

    from .forward import supported

    config = Config.from_file(start.directory / MODEL_CONFIG)
    expected = weight_shapes(config)
    found = {name: tuple(weight.shape) for name, weight in load_weights(start.directory / FULL_WEIGHTS).items()}
    differ = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if differ:
        name = differ[0]
        more = f", and {len(differ) - 1:,} more" if len(differ) > 1 else ""
        yield (
            f"the base's weights do not fit its {MODEL_CONFIG} ({start.directory}): {name} is "
            f"{_shape(found.get(name))}, and should be {_shape(expected.get(name))}{more}; is it all of one model?"
        )
    highest = max((max(sample.tokens, default=0) for sample in samples), default=0)
    if highest >= config.padded_vocab_size:
        yield (
            f"the tokenizer gives token {highest:,}, and the base knows {config.padded_vocab_size:,}: "
            "they are not of one model"
        )
    if recipe.engine == "packed":
        longest = max(map(len, samples), default=0)
        for reason in supported(config, longest):
            yield f'the base cannot be trained by engine = "packed": {reason}; use engine = "litgpt"'


def _steps(recipe: LoraRecipe, train: Sequence[TokenSample]) -> Iterator[str]:
    if not train:
        return
    try:
        plans = batches.plan(train, recipe)
        warmup_of(recipe, len(plans), len(train))
    except TrainingError as error:
        yield str(error)


def disk_problems(out: Path, trained_parameters: int) -> Iterator[str]:
    """Whether there is room for the states and the checkpoint of a training."""
    needed, free = disk_bytes(trained_parameters), free_disk_bytes(out)
    if free < needed:
        yield (
            f"the states and the checkpoint of this training take {needed / 1e6:,.0f} MB, and the disk of "
            f"{_existing(out)} has {free / 1e6:,.0f} MB left: make room, or train fewer parameters (lora_r)"
        )


def disk_bytes(trained_parameters: int) -> int:
    """What a training writes at most at a time."""
    return trained_parameters * (STATES * STATE_BYTES + CHECKPOINT_BYTES) + SMALL_FILES_BYTES


def free_disk_bytes(path: Path) -> int:
    """Room on the disk on which ``path`` is or will be."""
    return shutil.disk_usage(_existing(path)).free


def notices(recipe: LoraRecipe, train: Sequence[TokenSample], validation: Sequence[TokenSample]) -> Iterator[str]:
    """What the user may not have meant, a sentence each; the training can begin all the same."""
    for split, samples in (("training", train), ("validation", validation)):
        yield from _repeated(split, samples)
        labels = {sample.label for sample in samples}
        if len(labels) == 1 and len(samples) > 1:
            yield (
                f"all {len(samples):,} {split} samples are {labels.pop()!r}: "
                + ("the model will learn to say nothing else" if split == "training" else "accuracy means little there")
            )
    if recipe.early_stopping and train:
        try:
            steps = len(batches.plan(train, recipe))
        except TrainingError:
            return
        every = recipe.answers_every or steps
        if steps // every <= recipe.patience:
            yield (
                f"early_stopping compares every {every:,} steps, and {steps:,} steps are too few for it to end "
                f"anything with patience = {recipe.patience}: lower validate_every"
            )


def _repeated(split: str, samples: Sequence[TokenSample]) -> Iterator[str]:
    answers: dict[tuple[int, ...], Counter[tuple[int, ...]]] = {}
    for sample in samples:
        answers.setdefault(sample.prompt, Counter())[sample.answer] += 1
    again = sum(count - 1 for counted in answers.values() for count in counted.values())
    torn = sum(len(counted) > 1 for counted in answers.values())
    if again:
        yield f"{again:,} of the {len(samples):,} {split} samples are there more than once"
    if torn:
        yield f"{torn:,} {split} prompts are there with different answers: at most one of them can be learnt"


def weight_shapes(config: Any) -> Mapping[str, tuple[int, ...]]:
    """The shapes, by name, of all weights that a model of this litgpt ``Config`` has."""
    import torch
    from litgpt.model import GPT

    with torch.device("meta"):
        return {name: tuple(weight.shape) for name, weight in GPT(config).state_dict().items()}


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"{list(shape)}"


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())
