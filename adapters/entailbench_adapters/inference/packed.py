"""Attention inside a pack: what token i may see is one comparison, ``j <= i < ends[j]``, and a common beginning.

The pack is cut into blocks of tokens with common ancestors (``training.attention_cpu.blocks``); a block's keys are the
common beginning of all rows, those ancestors, and itself. Query heads that share a key-value head are rows of one
matrix product. The plain products run on any device; on a CPU they are faster than PyTorch's own attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..training.attention_cpu import Block, blocks, together
from .flat import FlatAttention, KeysValues
from .softmax import shares

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..training.tree import Ints, Pack

CPU_ROWS = 64
"""Tokens of a block, at most: fewer make smaller products, more cost more scores that the mask throws away."""
GPU_ROWS = 256


class PackedAttention(FlatAttention):
    """The tokens of one pack, behind the tokens of ``root``, which all of them see."""

    def __init__(self, pack: Pack, device: torch.device, root: KeysValues | None = None, *, keep: bool = False) -> None:
        """Plans the products; each layer then runs the same plan.

        Args:
            pack: its tokens are those of the forward pass.
            device: where it is computed.
            root: keys and values of what all rows begin with; the pack's positions go on from there.
            keep: whether ``keys`` and ``values`` are remembered.
        """
        self._root = root
        self._keep = keep
        self.keys: list[Tensor] = []
        """By layer, [G, T, D], with ``keep``."""
        self.values: list[Tensor] = []
        shift = 0 if root is None else root.length
        rows = CPU_ROWS if device.type == "cpu" else GPU_ROWS
        self._groups = [
            _group(group, pack.ends, shift, device) for group in together(_behind(blocks(pack.ends, rows), shift))
        ]
        # Where each token's row stands, block after block.
        places = np.empty(len(pack), np.int64)
        done = 0
        for group in self._groups:
            places[group.tokens] = done + np.flatnonzero(group.is_token)
            done += len(group.is_token)
        import torch

        self._places = torch.from_numpy(places).to(device)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float, softcap: float | None) -> Tensor:
        import torch

        if self._keep:
            self.keys.append(k)
            self.values.append(v)
        if self._root is not None:
            k = torch.cat((self._root.keys[layer], k), dim=1)
            v = torch.cat((self._root.values[layer], v), dim=1)
        heads, groups, width = q.shape[0], k.shape[0], v.shape[2]
        # [T, G, H / G, D] and [P + T, G, D]: a block's rows are then found in one place.
        queries = q.transpose(0, 1).reshape(q.shape[1], groups, heads // groups, -1)
        keys, values = (part.transpose(0, 1).contiguous() for part in (k, v))
        parts = []
        for group in self._groups:
            count, rows, seen = group.shape
            here = queries.index_select(0, group.rows).view(count, rows, groups, heads // groups, -1)
            here = here.permute(0, 2, 3, 1, 4).reshape(count * groups, heads // groups * rows, -1)
            there = keys.index_select(0, group.keys).view(count, seen, groups, -1).permute(0, 2, 3, 1)
            scores = torch.bmm(here, there.reshape(count * groups, -1, seen))
            bias = group.bias.view(count, 1, 1, rows, seen)
            weights = shares(scores.view(count, groups, heads // groups, rows, seen), bias, scale, softcap, v.dtype)
            there = values.index_select(0, group.keys).view(count, seen, groups, width).transpose(1, 2)
            out = torch.bmm(
                weights.view(count * groups, heads // groups * rows, seen), there.reshape(count * groups, seen, width)
            )
            parts.append(
                out.view(count, groups, heads // groups, rows, width).permute(0, 3, 1, 2, 4).reshape(-1, heads, width)
            )
        return torch.cat(parts).index_select(0, self._places) if len(parts) > 1 else parts[0][self._places]


@dataclass(frozen=True)
class _Group:
    """Blocks that are multiplied together, filled up to the largest of them."""

    shape: tuple[int, int, int]
    """How many blocks, rows of each, keys of each."""
    tokens: Ints
    """The tokens that are rows, in the order of the rows."""
    is_token: np.ndarray[tuple[int], np.dtype[np.bool_]]
    """[blocks * rows] whether a row is a token; the others only fill up."""
    rows: Tensor
    """[blocks * rows] the token of each row."""
    keys: Tensor
    """[blocks * keys] places of the keys, the root's first."""
    bias: Tensor
    """[blocks, rows, keys] float32: 0 where a row sees a key, else -inf."""


def _behind(found: list[Block], shift: int) -> list[Block]:
    """The blocks with ``shift`` keys before all others; their own tokens keep their numbers."""
    if not shift:
        return found
    return [
        Block(block.start, block.stop, ((0, shift), *((first + shift, last + shift) for first, last in block.above)))
        for block in found
    ]


def _group(group: list[Block], ends: Ints, shift: int, device: torch.device) -> _Group:
    import torch

    most_rows = max(block.stop - block.start for block in group)
    most_keys = max(block.keys for block in group)
    rows = np.zeros((len(group), most_rows), np.int64)
    is_token = np.zeros((len(group), most_rows), np.bool_)
    keys = np.zeros((len(group), most_keys), np.int64)
    # A row that only fills up sees everything, so that its softmax is a number.
    hidden = np.zeros((len(group), most_rows, most_keys), np.bool_)
    # One past the last token that sees each key, in the numbering of the keys.
    until = np.concatenate([np.full(shift, shift + len(ends)), ends + shift])
    for number, block in enumerate(group):
        size = block.stop - block.start
        here = np.arange(block.start, block.stop)
        rows[number, :size] = here
        is_token[number, :size] = True
        seen = np.concatenate([np.arange(*span) for span in (*block.above, (block.start + shift, block.stop + shift))])
        keys[number, : len(seen)] = seen
        hidden[number, :size, len(seen) :] = True
        here = here + shift
        hidden[number, :size, : len(seen)] = (seen > here[:, None]) | (here[:, None] >= until[seen])
    bias = torch.zeros(hidden.shape).masked_fill_(torch.from_numpy(hidden), float("-inf"))
    return _Group(
        (len(group), most_rows, most_keys),
        rows[is_token],
        is_token.ravel(),
        torch.from_numpy(rows.ravel()).to(device),
        torch.from_numpy(keys.ravel()).to(device),
        bias.to(device),
    )
