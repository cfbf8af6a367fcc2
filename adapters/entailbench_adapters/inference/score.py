"""Scoring: all candidates of a prompt behind one copy of it, logits only where a candidate's token is predicted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..training.samples import TokenSample
from . import flat
from .budget import LOGIT_BYTES, Budget, OutOfMemoryHereError, memory_errors
from .decode import common_beginning
from .flat import KeysValues
from .packed import PackedAttention
from .rows import Tokens, common, root_length, tree

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

SLICE = 64
"""Places whose logits are summed up at a time: a float32 copy of all would be large."""


@dataclass(frozen=True)
class Scored:
    """One candidate of one prompt, in tokens."""

    prompt: int
    """Number of the prompt."""
    context: Tokens
    """At least one token."""
    continuation: Tokens
    """At least one token."""


def score(
    session: Callable[[], AbstractContextManager[PreTrainedModel]],
    device: torch.device,
    budget: Budget,
    wanted: Sequence[Scored],
    vocabulary: int,
) -> Iterator[tuple[int, float, bool]]:
    """Yields (place in ``wanted``, log-probability, whether greedy decoding would write it), pass by pass.

    Args:
        session: opens the model for computing: the right adapter, our attention, no gradients.
        device: of the model.
        budget: what is computed at a time.
        wanted: any order; candidates of a prompt are computed in one pass where they fit.
        vocabulary: V, the width of the logits.

    Raises:
        ModelError: not even one candidate fits in memory.
    """
    inputs = [(*each.context, *each.continuation[:-1]) for each in wanted]
    shared = min(root_length(inputs), min((len(each.context) for each in wanted), default=1) - 1)
    root: KeysValues | None = None
    order = sorted(range(len(wanted)), key=lambda place: (inputs[place], place))
    waiting = deque(order)
    while waiting:
        places: list[int] = []
        try:
            with session() as model, memory_errors():
                if shared and root is None:
                    root = common_beginning(model, inputs[0][:shared], device)
                places = _next(waiting, wanted, inputs, budget, vocabulary)
                results = _score_pass(model, device, [wanted[place] for place in places], shared, root)
        except OutOfMemoryHereError:
            budget.halve(tokens=sum(len(inputs[place]) for place in places) if len(places) > 1 else 0)
            continue
        for place, (logprob, greedy) in zip(places, results, strict=True):
            waiting.popleft()
            yield place, logprob, greedy


def _next(
    waiting: deque[int], wanted: Sequence[Scored], inputs: Sequence[Tokens], budget: Budget, vocabulary: int
) -> list[int]:
    """The first of those that wait, as many as make one pass: prompts with all their candidates where they fit."""
    most_reads = max(1, LOGIT_BYTES // (4 * vocabulary))
    places: list[int] = []
    whole = size = reads = 0
    before: Tokens = ()
    for place in waiting:
        each = wanted[place]
        if places and wanted[places[-1]].prompt != each.prompt:
            whole = len(places)
        size += len(inputs[place]) - common(before, inputs[place])
        reads += len(each.continuation)
        if places and (size > budget.pass_tokens or reads > most_reads):
            # Cut between prompts, or the last one would be computed again for the rest of its candidates.
            return places[: whole or len(places)]
        places.append(place)
        before = inputs[place]
    return places


def _score_pass(
    model: PreTrainedModel, device: torch.device, wanted: Sequence[Scored], shared: int, root: KeysValues | None
) -> list[tuple[float, bool]]:
    import torch

    samples = [TokenSample(each.context[shared:], each.continuation, "", "") for each in wanted]
    packed = tree(samples)
    # A prompt's last token predicts the first token of all its candidates.
    unique, place_of_read = np.unique(packed.reads, return_inverse=True)
    tokens, positions, places, read, target = (
        torch.from_numpy(array).to(device)
        for array in (packed.tokens, packed.positions + shared, unique, place_of_read, packed.targets)
    )
    logits = flat.logits(model, tokens, positions, PackedAttention(packed, device, root), places)
    totals, likeliest = _summed(logits)
    each = (logits[read, target].float() - totals[read]).cpu().double()
    right = (likeliest[read] == target).cpu()
    number = torch.from_numpy(packed.sample)
    sums = torch.zeros(len(wanted), dtype=torch.float64).index_add_(0, number, each)
    missed = torch.zeros(len(wanted)).index_add_(0, number, (~right).float())
    return list(zip(sums.tolist(), (missed == 0).tolist(), strict=True))


def _summed(logits: Tensor) -> tuple[Tensor, Tensor]:
    """log Σ exp of each row in float32, NaN where it is not finite, and its likeliest token; of [U, V] both [U]."""
    import torch

    totals, likeliest = [], []
    for part in logits.split(SLICE):
        exact = part.float()
        likeliest.append(exact.argmax(dim=-1))
        totals.append(exact.logsumexp(dim=-1))
    total = torch.cat(totals)
    # Behind one infinite logit every other token would be impossible, and no NaN would tell of it.
    return total.where(total.isfinite(), torch.nan), torch.cat(likeliest)
