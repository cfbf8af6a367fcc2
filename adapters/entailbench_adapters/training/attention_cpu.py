"""Attention over a pack on a CPU: plain matrix products over blocks of rows that see almost all of their keys.

PyTorch's own attention reaches a third of a CPU's rate or less, and a mask over the whole pack would compute mostly
what nobody sees. Here the pack is cut into blocks of tokens with common ancestors: a block's keys are those ancestors
and itself. The query heads that share a key-value head are rows of one matrix, and blocks of about the same size are
multiplied together, filled up to the largest of them, since small products keep two cores busy only in numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .attention import PackAttention

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .tree import Ints, Pack

ROWS = 64
"""Tokens of a block, at most: fewer make smaller products, more cost more scores that the mask throws away."""
FILLED_UP = 1.2
"""How many scores blocks that are multiplied together may cost, against what they would cost one by one."""


@dataclass(frozen=True)
class Block:
    """Consecutive tokens, and what all of them see besides what they see of each other."""

    start: int
    stop: int
    """One past the last token."""
    above: tuple[tuple[int, int], ...]
    """Ranges of tokens, (first, one past the last), in ascending order."""

    @property
    def keys(self) -> int:
        """Tokens that its rows may see."""
        return self.stop - self.start + sum(last - first for first, last in self.above)


def blocks(ends: Ints, rows: int = ROWS) -> list[Block]:
    """Cuts a pack, given by its ``ends`` [T], into blocks of at most ``rows`` tokens."""
    found: list[Block] = []
    # Where one token's subtree ends elsewhere than the token before: there a run of tokens without a branch ends.
    changes = np.append(np.flatnonzero(np.diff(ends)) + 1, len(ends))

    def cut(first: int, last: int, above: tuple[tuple[int, int], ...]) -> None:
        """Subtrees side by side."""
        begin = first
        while first < last:
            end = int(ends[first])
            if end - begin > rows:
                if begin < first:
                    found.append(Block(begin, first, above))
                if end - first > rows:
                    descend(first, end, above)
                    begin = end
                else:
                    begin = first
            first = end
        if begin < last:
            found.append(Block(begin, last, above))

    def descend(first: int, end: int, above: tuple[tuple[int, int], ...]) -> None:
        """One subtree that is too large: the run at its root, cut, and then what is below it."""
        run_end = int(changes[np.searchsorted(changes, first, side="right")])
        pieces = -(-(run_end - first) // rows)
        edges = [first + (run_end - first) * piece // pieces for piece in range(pieces + 1)]
        for start, stop in pairwise(edges):
            found.append(Block(start, stop, _extended(above, first, start)))
        cut(run_end, end, _extended(above, first, run_end))

    cut(0, len(ends), ())
    return found


def together(found: Sequence[Block]) -> list[list[Block]]:
    """Blocks that are multiplied together."""
    groups: list[list[Block]] = []
    alone = rows = keys = 0
    for block in sorted(found, key=lambda block: (-block.keys, block.start - block.stop)):
        size = block.stop - block.start
        alone, rows, keys = alone + size * block.keys, max(rows, size), max(keys, block.keys)
        if groups and rows * keys * (len(groups[-1]) + 1) <= FILLED_UP * alone:
            groups[-1].append(block)
        else:
            groups.append([block])
            alone, rows, keys = size * block.keys, size, block.keys
    return groups


def _extended(above: tuple[tuple[int, int], ...], first: int, last: int) -> tuple[tuple[int, int], ...]:
    if first == last:
        return above
    if above and above[-1][1] == first:
        return (*above[:-1], (above[-1][0], last))
    return (*above, (first, last))


class BlockAttention(PackAttention):
    """The blocks of one pack, and where their rows and keys are found."""

    def __init__(self, pack: Pack, rows: int = ROWS) -> None:
        import torch

        self._ends = torch.from_numpy(pack.ends)
        self._groups = together(blocks(pack.ends, rows))
        self._plans: dict[tuple[int, int, torch.dtype], _Plan] = {}

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        import torch

        if torch.compiler.is_compiling():
            return self.attend_from(torch.arange(q.shape[1]), q, k, v, scale)
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
        key = (q.shape[0], k.shape[0], v.dtype)
        if key not in self._plans:
            self._plans[key] = _plan(self._groups, self._ends.numpy(), *key)
        with torch.autocast("cpu", enabled=False):
            out: Tensor = _function().apply(q, k, v, scale, self._plans[key])
        return out

    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        from .attention_dense import attend_masked

        return attend_masked(self._ends, places, q, k, v, scale)


@dataclass(frozen=True)
class _Plan:
    """How the heads of a pack of T tokens become groups of B matrices with M rows and N keys, and back again."""

    shapes: tuple[tuple[int, int, int], ...]
    """Of each group: B (key-value heads times blocks), M (query heads that share one times tokens), N."""
    masks: tuple[Tensor, ...]
    """Of each group [blocks, 1, tokens, N]: what is added to scores."""
    rows: Tensor
    """[rows of all groups] where they stand in queries [H * T, D]."""
    rows_of_out: Tensor
    """The same in the output, [T * H, D]."""
    spare: Tensor
    """The rows that only fill up."""
    keys: Tensor
    """[keys of all groups] where they stand in keys and values [G * T, D]."""
    places: Tensor
    """[H * T] the row of each head of each token."""
    places_of_out: Tensor
    """[T * H] the same in the order of the output."""


def _plan(groups: list[list[Block]], ends: Ints, heads: int, key_heads: int, dtype: torch.dtype) -> _Plan:
    import torch

    tokens = len(ends)
    shapes, masks, rows, keys, filling = [], [], [], [], []
    for group in groups:
        most_rows = max(block.stop - block.start for block in group)
        most_keys = max(block.keys for block in group)
        at = np.zeros((len(group), most_rows), np.int64)
        spare = np.ones((len(group), most_rows), np.bool_)
        seen = np.zeros((len(group), most_keys), np.int64)
        hidden = np.zeros((len(group), most_rows, most_keys), np.bool_)
        for number, block in enumerate(group):
            size = block.stop - block.start
            at[number, :size] = here = np.arange(block.start, block.stop)
            spare[number, :size] = False
            all_keys = np.concatenate([np.arange(*span) for span in (*block.above, (block.start, block.stop))])
            seen[number, : block.keys] = all_keys
            hidden[number, :size, block.keys :] = True
            hidden[number, :size, : block.keys] = (all_keys > here[:, None]) | (here[:, None] >= ends[all_keys])
        shared = heads // key_heads
        shapes.append((key_heads * len(group), shared * most_rows, most_keys))
        masks.append(
            torch.zeros(hidden.shape, dtype=dtype).masked_fill_(torch.from_numpy(hidden), float("-inf"))[:, None]
        )
        head = np.arange(heads).reshape(key_heads, 1, shared, 1)
        rows.append((head * tokens + at[:, None]).ravel())
        filling.append(np.broadcast_to(spare[:, None], (key_heads, len(group), shared, most_rows)).ravel())
        keys.append((np.arange(key_heads)[:, None, None] * tokens + seen).ravel())
    row, spare_row = np.concatenate(rows), np.concatenate(filling)
    places = np.empty(heads * tokens, np.int64)
    places[row[~spare_row]] = np.flatnonzero(~spare_row)
    arrays = (
        *(row, row % tokens * heads + row // tokens, np.flatnonzero(spare_row), np.concatenate(keys)),
        *(places, places.reshape(heads, tokens).T.ravel()),
    )
    return _Plan(tuple(shapes), tuple(masks), *map(torch.from_numpy, arrays))


@cache
def _function() -> Any:
    import torch
    from torch.autograd.function import once_differentiable

    class Attention(torch.autograd.Function):
        """Softmax attention of the blocks, its probabilities kept for the gradient."""

        @staticmethod
        def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float, plan: _Plan) -> Tensor:
            heads, tokens, size = q.shape
            k, v = k.reshape(-1, size), v.reshape(-1, size)
            rows = q.reshape(-1, size).index_select(0, plan.rows).to(v.dtype).mul_(scale)
            out = torch.empty_like(rows)
            kept = []
            for here, there, keys, values, mask in zip(
                *(_rows(plan, tensor) for tensor in (rows, out)),
                *(_keys(plan, tensor.index_select(0, plan.keys)) for tensor in (k, v)),
                plan.masks,
                strict=True,
            ):
                scores = torch.bmm(here, keys.mT)
                scores.view(-1, len(mask), heads * tokens // len(k), *mask.shape[2:]).add_(mask)
                shares = torch.softmax(scores, dim=-1)
                torch.bmm(shares, values, out=there)
                kept.append(shares)
            ctx.save_for_backward(rows, k, v, *kept)
            ctx.scale, ctx.plan = scale, plan
            return out.index_select(0, plan.places_of_out).view(tokens, heads * size)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> Any:
            rows, k, v, *kept = ctx.saved_tensors
            plan, size, tokens = ctx.plan, rows.shape[1], len(gradient)
            of_out = gradient.reshape(-1, size).index_select(0, plan.rows_of_out).index_fill_(0, plan.spare, 0)
            of_rows = torch.empty_like(rows)
            keys, values = (tensor.index_select(0, plan.keys) for tensor in (k, v))
            of_keys, of_values = torch.empty_like(keys), torch.empty_like(values)
            for here, of_here, of_there, key, value, of_key, of_value, shares in zip(
                *(_rows(plan, tensor) for tensor in (rows, of_rows, of_out)),
                *(_keys(plan, tensor) for tensor in (keys, values, of_keys, of_values)),
                kept,
                strict=True,
            ):
                torch.bmm(shares.mT, of_there, out=of_value)
                of_scores = torch._softmax_backward_data(torch.bmm(of_there, value.mT), shares, -1, shares.dtype)
                torch.bmm(of_scores, key, out=of_here)
                torch.bmm(of_scores.mT, here, out=of_key)
            of_q = of_rows.index_select(0, plan.places).mul_(ctx.scale).view(-1, tokens, size)
            return (
                of_q,
                *(_summed(plan, tensor, k).view(-1, tokens, size) for tensor in (of_keys, of_values)),
                None,
                None,
            )

    def _rows(plan: _Plan, tensor: Tensor) -> list[Tensor]:
        """Per group its rows, [B, M, D]."""
        parts = tensor.split([batch * rows for batch, rows, _ in plan.shapes])
        return [part.view(batch, rows, -1) for part, (batch, rows, _) in zip(parts, plan.shapes, strict=True)]

    def _keys(plan: _Plan, tensor: Tensor) -> list[Tensor]:
        """Per group its keys or values, [B, N, D]."""
        parts = tensor.split([batch * keys for batch, _, keys in plan.shapes])
        return [part.view(batch, keys, -1) for part, (batch, _, keys) in zip(parts, plan.shapes, strict=True)]

    def _summed(plan: _Plan, parts: Tensor, like: Tensor) -> Tensor:
        """The gradients of keys or values from all blocks that saw them; there may be too many to add up in 16 bits."""
        exact = torch.promote_types(like.dtype, torch.float32)
        total = torch.zeros(like.shape, dtype=exact).index_add_(0, plan.keys, parts.to(exact))
        return total.to(like.dtype)

    return Attention
