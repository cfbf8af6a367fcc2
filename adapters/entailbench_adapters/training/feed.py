"""The packs of each step, laid out by a thread while the step before is computed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tree import Pack, pack

if TYPE_CHECKING:
    import torch
    from litgpt.lora import GPT

    from ..litgpt_recipe import LoraRecipe
    from .batches import Step, StepPlans
    from .samples import TokenSample

AHEAD = 3
"""Steps laid out before they are needed."""


CPU_TOKENS = 1024
GPU_FEWEST_TOKENS, GPU_MOST_TOKENS = 1024, 65536
GPU_SHARE = 0.6
"""Of the free memory, for what a pack's forward pass keeps."""


@dataclass(frozen=True)
class StepPacks:
    """One optimizer step, ready to be computed."""

    number: int
    """Counted from 0."""
    packs: tuple[Pack, ...]
    samples: int
    tokens: int
    """Tokens of its samples, shared ones counted for each."""


def lay_out(number: int, step: Step, samples: Sequence[TokenSample], recipe: LoraRecipe, budget: int) -> StepPacks:
    """The packs of one step, with weights such that the step's loss is the weighted sum over them.

    Args:
        number: the step's, from 0.
        step: its micro-batches of sample numbers.
        samples: all of them.
        recipe: averaging and sharing.
        budget: tokens that a pack may have.
    """
    numbers = [number for batch in step for number in batch]
    if recipe.averages == "micro_batch":
        answers = [sum(len(samples[number].answer) for number in batch) for batch in step]
        weights = [1 / (len(step) * tokens) for batch, tokens in zip(step, answers, strict=True) for _ in batch]
    else:
        weights = [1 / sum(len(samples[number].answer) for number in numbers)] * len(numbers)
    chosen = [samples[number] for number in numbers]
    packs = pack(chosen, weights, sharing=recipe.sharing, budget=budget)
    return StepPacks(number, tuple(packs), len(chosen), sum(map(len, chosen)))


def pack_budget(recipe: LoraRecipe, model: GPT, device: torch.device) -> int:
    """Tokens of a pack: the recipe's, or what suits the device.

    A CPU is as fast with small packs, whose attention is cheaper; a GPU gets what keeps it busy and fits its memory.
    """
    import torch

    if recipe.pack_tokens is not None:
        return recipe.pack_tokens
    if device.type != "cuda":
        return CPU_TOKENS
    config = model.config
    width = 2 if next(model.parameters()).dtype != torch.float32 else 4
    # What a block keeps for the backward pass, per token: about 12 vectors of the residual's width and 4 of the MLP's.
    per_token = config.n_layer * width * (12 * config.n_embd + 4 * (config.intermediate_size or 4 * config.n_embd))
    # Not what is free at the moment: a training that is gone on with should get the same packs.
    free = torch.cuda.get_device_properties(device).total_memory - torch.cuda.memory_allocated(device)
    return max(GPU_FEWEST_TOKENS, min(GPU_MOST_TOKENS, int(GPU_SHARE * free / per_token)))


class Feed:
    """Yields the steps of a plan from ``first`` on; close it when leaving early."""

    def __init__(
        self, plans: StepPlans, samples: Sequence[TokenSample], recipe: LoraRecipe, *, first: int, budget: int
    ) -> None:
        self._arguments = (plans, samples, recipe, first, budget)
        self._queue: queue.Queue[StepPacks | BaseException | None] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="packing", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[StepPacks]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        while self._thread.is_alive():
            # Makes room, should it be waiting for some.
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue

    def _work(self) -> None:
        plans, samples, recipe, first, budget = self._arguments
        try:
            for number in range(first, len(plans)):
                self._queue.put(lay_out(number, plans[number], samples, recipe, budget))
                if self._closed.is_set():
                    return
            self._queue.put(None)
        except BaseException as error:
            # For whoever waits for the packs.
            self._queue.put(error)
