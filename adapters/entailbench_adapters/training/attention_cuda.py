"""Attention over a pack on a CUDA GPU: FlexAttention, told beforehand which blocks of the mask are empty.

The blocks follow from the ends of the subtrees, on the CPU and in a matrix of (T / 128)²: neither the mask itself nor
a search over it ever exists.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import PackAttention

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn.attention.flex_attention import BlockMask

    from .tree import Ints, Pack

BLOCK = 128
"""Tokens along the side of a block of FlexAttention's mask."""


class FlexAttention(PackAttention):
    """PyTorch's FlexAttention over a pack whose length is a multiple of ``BLOCK`` (``tree.padded``)."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        self._mask = block_mask(pack.ends, device)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        return _flex(q, k, v, self._mask, scale)

    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        # One layer of many: the rows nobody asked for cost less than a second kind of kernel would.
        full = q.new_zeros(q.shape[0], k.shape[1], q.shape[2]).index_copy(1, places, q)
        return _flex(full, k, v, self._mask, scale)[places]


def block_mask(ends: Ints, device: torch.device) -> BlockMask:
    """The rule ``j <= i < ends[j]`` for FlexAttention.

    Args:
        ends: [T] of a pack; T is a multiple of ``BLOCK``.
        device: where it is used.
    """
    import torch
    from torch.nn.attention.flex_attention import BlockMask

    partial, full = blocks(ends)
    on_device = torch.from_numpy(ends).to(device, non_blocking=True)

    def sees(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return (j <= i) & (i < on_device[j])

    return BlockMask.from_kv_blocks(
        *_rows(partial, device), *_rows(full, device), BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(len(ends),) * 2
    )


def blocks(ends: Ints) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Which blocks are visible in part, and which as a whole: two [T / BLOCK, T / BLOCK], query blocks in rows."""
    if len(ends) % BLOCK:
        raise ValueError(f"{len(ends)} tokens are no multiple of {BLOCK}")
    inside = ends.reshape(-1, BLOCK)
    begin = np.arange(0, len(ends), BLOCK)
    before = begin[None, :] < begin[:, None]
    seen = before & (inside.max(axis=1)[None, :] > begin[:, None])
    full = seen & (inside.min(axis=1)[None, :] >= begin[:, None] + BLOCK)
    return (seen & ~full) | np.eye(len(begin), dtype=np.bool_), full


def _rows(visible: np.ndarray[Any, np.dtype[np.bool_]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Per query block how many key blocks it sees, [1, 1, N] int32, and which, first in each row of [1, 1, N, N]."""
    import torch

    counts = visible.sum(axis=1, dtype=np.int32)
    indices = np.argsort(~visible, axis=1, kind="stable").astype(np.int32)
    return (
        torch.from_numpy(counts).to(device, non_blocking=True)[None, None],
        torch.from_numpy(indices).to(device, non_blocking=True)[None, None],
    )


@cache
def _compiled_flex() -> Any:
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


def _flex(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask, scale: float) -> Tensor:
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    # Uncompiled it would write down the whole matrix of scores; inside a compiled block it is compiled with that.
    run = flex_attention if torch.compiler.is_compiling() else _compiled_flex()
    shared = q.shape[0] // k.shape[0]
    out = run(
        q[None],
        k.repeat_interleave(shared, dim=0)[None],
        v.repeat_interleave(shared, dim=0)[None],
        block_mask=mask,
        scale=scale,
    )
    return out[0].transpose(0, 1).flatten(1)
