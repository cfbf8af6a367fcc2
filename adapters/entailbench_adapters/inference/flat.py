"""A transformers model over one flat token axis: any architecture that asks ``AttentionInterface`` for its attention.

The model runs with a batch of one, whose tokens may belong to any number of rows: linear layers need no padding,
position ids say where in its row each token stands, and an attention function of ours, registered with transformers,
decides which keys each token sees. No model code is written again here.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

NAME = "entailbench_flat"
"""What the attention function is called in transformers' ``AttentionInterface``."""


class FlatAttention(ABC):
    """Who sees whom in one forward pass of T tokens.

    H query heads share G key-value heads: query head h reads key-value head ``h // (H // G)``.
    """

    window: int | None = None
    """The narrowest sliding window that a layer asked for, in tokens; it is only noted here, see ``probe``."""

    @abstractmethod
    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float, softcap: float | None) -> Tensor:
        """Softmax attention of all T tokens in one layer.

        Args:
            layer: its number, from 0.
            q: [H, T, D], positions already encoded.
            k: [G, T, D], and ``v``: [G, T, E], of the same tokens.
            scale: factor of the scores.
            softcap: scores become ``softcap * tanh(scores / softcap)``, where it is not None.

        Returns:
            [T, H, E] in the dtype of ``v``.
        """


@dataclass(frozen=True)
class KeysValues:
    """Keys and values of P tokens in all layers."""

    keys: list[Tensor]
    """By layer, [G, P, D]."""
    values: list[Tensor]
    """By layer, [G, P, E]."""
    length: int
    """P."""


_ACTIVE: ContextVar[FlatAttention] = ContextVar("entailbench_flat_attention")


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any = None,
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The function that transformers calls: [1, H, T, D] and [1, G, T, D] to [1, T, H, E]."""
    attention = _ACTIVE.get()
    if sliding_window is not None:
        attention.window = sliding_window if attention.window is None else min(sliding_window, attention.window)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # Positions may have been encoded in float32 where the model is narrower, see ``processor.Products``.
    q, k = (part[0].to(value.dtype) for part in (query, key))
    return attention.attend(module.layer_idx, q, k, value[0], scale, softcap)[None], None


@cache
def _register() -> None:
    from transformers import AttentionInterface

    # No mask function is registered under this name, so transformers builds no masks.
    AttentionInterface.register(NAME, _attend)


@contextlib.contextmanager
def flat(model: PreTrainedModel) -> Iterator[None]:
    """``model`` asks our attention function as long as this is open; it is left as it was."""
    _register()
    with attention_by(model, NAME):
        yield


@contextlib.contextmanager
def attention_by(model: PreTrainedModel, name: str) -> Iterator[None]:
    """``model`` computes attention by transformers' implementation of that name as long as this is open."""
    before = model.config._attn_implementation
    model.config._attn_implementation = name
    try:
        yield
    finally:
        model.config._attn_implementation = before


def logits(
    model: PreTrainedModel, tokens: Tensor, positions: Tensor, attention: FlatAttention, reads: Tensor
) -> Tensor:
    """What the model expects after the tokens at ``reads``: [U, V], in its dtype. Call inside ``flat(model)``.

    Args:
        model: on the device of the tensors.
        tokens: [T].
        positions: [T] their places in their rows, from 0.
        attention: asked once by each layer.
        reads: [U] places on the token axis; the head runs nowhere else.
    """
    token = _ACTIVE.set(attention)
    try:
        forward: Any = model
        out = forward(
            input_ids=tokens[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=reads,
            return_dict=True,
        )
    finally:
        _ACTIVE.reset(token)
    result: Tensor = out.logits[0]
    if len(result) != len(reads):
        raise NotImplementedError("it computes logits at places where they were not asked for")
    return result
