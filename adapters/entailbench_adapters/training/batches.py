"""Which samples make which optimizer step: a pure function of the samples, the recipe and its seed.

Going on after an interruption is therefore no more than starting at a later step of the same plan.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entailbench import TrainingError

from ..litgpt_recipe import LoraRecipe, schedule

if TYPE_CHECKING:
    from .samples import TokenSample

MicroBatch = tuple[int, ...]
"""Numbers of samples; one may occur twice where classes are balanced."""
Step = tuple[MicroBatch, ...]
MOST_CLASSES = 20
"""More labels than this are no classes but free text."""


@dataclass(frozen=True)
class StepPlans:
    """All the steps of a training."""

    steps: tuple[Step, ...]
    epoch_samples: int
    """Samples that one epoch goes over, repeated ones included."""

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, step: int) -> Step:
        """The micro-batches of a step, counted from 0."""
        return self.steps[step]


def plan(samples: Sequence[TokenSample], recipe: LoraRecipe) -> StepPlans:
    """Lays out the steps that ``recipe`` makes of ``samples``.

    What an epoch leaves over begins the next one's first step, and what the last one leaves over is not trained on:
    both as litgpt's loop does it.

    Raises:
        TrainingError: there are too few samples for one step, or no classes that could be balanced.
    """
    epochs = _epochs(samples, recipe)
    epoch_samples = len(epochs[0])
    if recipe.batch_tokens is not None:
        steps = list(_by_tokens(samples, epochs, recipe))
        if not steps:
            total = sum(len(samples[number]) for epoch in epochs for number in epoch)
            raise TrainingError(
                f"{len(samples):,} training samples have {total:,} tokens in all epochs and do not fill one batch of "
                f"batch_tokens = {recipe.batch_tokens:,}: lower it or add samples"
            )
    else:
        planned = schedule(recipe, epoch_samples)
        batches = [batch for epoch in epochs for batch in _cut(epoch, recipe.micro_batch_size)]
        size = planned.iterations_per_step
        steps = [tuple(batches[step * size : (step + 1) * size]) for step in range(planned.steps)]
    return StepPlans(tuple(steps[: recipe.max_steps]), epoch_samples)


def _epochs(samples: Sequence[TokenSample], recipe: LoraRecipe) -> list[list[int]]:
    """The order of the samples in each epoch."""
    if not samples:
        raise TrainingError("there are no training samples")
    chosen = (
        [_balanced(samples, recipe.seed, epoch) for epoch in range(recipe.epochs)]
        if recipe.balance_classes
        else [list(range(len(samples)))] * recipe.epochs
    )
    if recipe.order == "puzzle":
        return [_by_puzzle(samples, numbers, recipe.seed, epoch) for epoch, numbers in enumerate(chosen)]
    return [
        [numbers[place] for place in places]
        for numbers, places in zip(chosen, _litgpt_order(len(chosen[0]), recipe), strict=False)
    ]


def _litgpt_order(size: int, recipe: LoraRecipe) -> Iterator[list[int]]:
    """Places in the order in which litgpt's loader would give them, epoch by epoch, by the very same loader."""
    import torch
    from torch.utils.data import DataLoader

    loader: DataLoader[int] = DataLoader(
        range(size),  # type: ignore[arg-type]
        batch_size=recipe.micro_batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(recipe.seed),
        collate_fn=list,
    )
    for _ in range(recipe.epochs):
        yield [place for batch in loader for place in batch]


def _by_puzzle(samples: Sequence[TokenSample], numbers: Sequence[int], seed: int, epoch: int) -> list[int]:
    puzzles: dict[str, list[int]] = {}
    for number in numbers:
        puzzles.setdefault(samples[number].puzzle, []).append(number)
    order = list(puzzles.values())
    random.Random(f"order {seed} {epoch}").shuffle(order)
    return [number for puzzle in order for number in puzzle]


def _balanced(samples: Sequence[TokenSample], seed: int, epoch: int) -> list[int]:
    """Every sample, those of the rarer labels as often again as it takes, others again in each epoch."""
    classes: dict[str, list[int]] = {}
    for number, sample in enumerate(samples):
        classes.setdefault(sample.label, []).append(number)
    if len(classes) > MOST_CLASSES:
        raise TrainingError(
            f"balance_classes = true, but the training samples have {len(classes):,} different labels: it needs a task "
            "that gives each row its label, or a file whose outputs are labels"
        )
    most = max(map(len, classes.values()))
    chosen = []
    for label, members in classes.items():
        whole, rest = divmod(most, len(members))
        chosen += members * whole + random.Random(f"balance {seed} {epoch} {label}").sample(members, rest)
    return sorted(chosen)


def _by_tokens(samples: Sequence[TokenSample], epochs: Sequence[Sequence[int]], recipe: LoraRecipe) -> Iterator[Step]:
    gathered: list[int] = []
    tokens = 0
    for epoch in epochs:
        for number in epoch:
            gathered.append(number)
            tokens += len(samples[number])
            if tokens >= (recipe.batch_tokens or 0):
                yield tuple(_cut(gathered, recipe.micro_batch_size))
                gathered, tokens = [], 0


def _cut(numbers: Sequence[int], size: int) -> Iterator[MicroBatch]:
    for start in range(0, len(numbers), size):
        yield tuple(numbers[start : start + size])
