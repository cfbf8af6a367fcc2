"""Keys and values of the rows being written: a slot a row, a column a token, room made as they grow.

What all rows begin with is kept once, beside the slots: a row's query sees both, in one softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .flat import FlatAttention, KeysValues
from .softmax import shares

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..training.tree import Ints

COLUMNS = 32
"""Columns are added by so many at a time: each time copies what there is."""


class Slots(FlatAttention):
    """The rows 0 … B - 1 of at most S; as attention, every row's next token is one token of the flat axis.

    A slot's columns hold its row's tokens behind the root, from 0; nothing is padded on the left.
    """

    def __init__(self, capacity: int, root: KeysValues | None, device: torch.device) -> None:
        """Takes no memory yet.

        Args:
            capacity: S.
            root: of what all rows begin with.
            device: where it is computed.
        """
        self.capacity = capacity
        self._root = root
        self._device = device
        self._lengths: list[int] = []
        self._keys: list[Tensor] = []
        """By layer, [S, G, columns, D]; zero where a slot in use has no token: what is hidden must be a number."""
        self._values: list[Tensor] = []
        self._columns = 0
        self._used = 0
        self._bias: Tensor | None = None
        self._write: Tensor | None = None

    def __len__(self) -> int:
        """B."""
        return len(self._lengths)

    def add(self, paths: Sequence[Ints], keys: Sequence[Tensor], values: Sequence[Tensor]) -> None:
        """Further rows, whose tokens lie at ``paths`` of a pack's ``keys`` and ``values`` (by layer, [G, T, D])."""
        import torch

        widest = max(map(len, paths))
        places = np.zeros((len(paths), widest), np.int64)
        for row, path in enumerate(paths):
            places[row, : len(path)] = path
        where = torch.from_numpy(places.ravel()).to(self._device)
        first, last = len(self), len(self) + len(paths)
        if not self._keys:
            self._keys, self._values = [], []
            for kept, new in ((self._keys, keys), (self._values, values)):
                kept += [part.new_empty(self.capacity, part.shape[0], 0, part.shape[2]) for part in new]
        self._make_room(widest + 1)
        for kept, new in ((self._keys, keys), (self._values, values)):
            for layer, part in enumerate(new):
                rows = part.index_select(1, where).view(part.shape[0], len(paths), widest, part.shape[2])
                kept[layer][first:last, :, :widest] = rows.transpose(0, 1)
                kept[layer][first:last, :, widest:] = 0
        self._lengths += [len(path) for path in paths]

    def remove(self, row: int) -> int:
        """Frees the slot of ``row``; the last row moves there. Returns the number that the last row had."""
        last = len(self) - 1
        if row != last:
            used = self._lengths[last]
            for kept in (self._keys, self._values):
                for part in kept:
                    part[row, :, :used] = part[last, :, :used]
            self._lengths[row] = used
        self._lengths.pop()
        return last

    def advance(self) -> None:
        """Makes room for one more token of every row; the next forward pass writes it."""
        import torch

        lengths = torch.tensor(self._lengths)
        self._used = max(self._lengths) + 1
        self._make_room(self._used)
        if self._keys[0].element_size() < 4:
            # Products in 16 bits copy keys that do not lie side by side.
            self._used = self._columns
        # Tokens that a row sees, the new one among them.
        hidden = torch.arange(self._used) > lengths[:, None]
        bias = torch.zeros(hidden.shape).masked_fill_(hidden, float("-inf")) if bool(hidden.any()) else None
        self._bias = None if bias is None else bias[:, None, None].to(self._device)
        groups = self._keys[0].shape[1]
        begin = (torch.arange(len(lengths))[:, None] * groups + torch.arange(groups)) * self._columns
        self._write = (begin + lengths[:, None]).ravel().to(self._device)
        self._lengths = [length + 1 for length in self._lengths]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float, softcap: float | None) -> Tensor:
        import torch

        heads, rows, _ = q.shape
        groups = k.shape[0]
        shared = heads // groups
        for kept, new in ((self._keys[layer], k), (self._values[layer], v)):
            flat = kept.view(-1, kept.shape[3])
            flat.index_copy_(0, self._write, new.transpose(0, 1).reshape(rows * groups, -1))  # type: ignore[arg-type]
        # [B * G, columns, D], a view.
        keys, values = (kept[:rows, :, : self._used].flatten(0, 1) for kept in (self._keys[layer], self._values[layer]))
        queries = q.transpose(0, 1).reshape(rows * groups, shared, -1)
        scores = torch.bmm(queries, keys.mT).view(rows, groups, shared, -1)
        bias = self._bias
        if self._root is None:
            weights = shares(scores, bias, scale, softcap, v.dtype)
            out = torch.bmm(weights.flatten(0, 1), values)
            return out.view(rows, heads, -1)
        # The rows' queries of one key-value head in one product: [G, B * H / G, D] with [G, D, P].
        below, behind = self._root.keys[layer], self._root.values[layer]
        together = queries.view(rows, groups, shared, -1).transpose(0, 1).reshape(groups, rows * shared, -1)
        of_root = torch.bmm(together, below.mT).view(groups, rows, shared, -1).transpose(0, 1)
        length = self._root.length
        if bias is not None:
            bias = torch.nn.functional.pad(bias, (length, 0))
        weights = shares(torch.cat((of_root, scores), dim=-1), bias, scale, softcap, v.dtype)
        own = torch.bmm(weights[..., length:].flatten(0, 1), values).view(rows, groups, shared, -1)
        common = weights[..., :length].transpose(0, 1).reshape(groups, rows * shared, length)
        out = own + torch.bmm(common, behind).view(groups, rows, shared, -1).transpose(0, 1)
        return out.reshape(rows, heads, -1)

    def _make_room(self, columns: int) -> None:
        if columns <= self._columns:
            return
        self._columns = -(-columns // COLUMNS) * COLUMNS
        for kept in (self._keys, self._values):
            # One after the other: at no time are there two copies of all.
            for layer, part in enumerate(kept):
                wider = part.new_empty(*part.shape[:2], self._columns, part.shape[3])
                wider[: len(self), :, : part.shape[2]] = part[: len(self)]
                wider[: len(self), :, part.shape[2] :] = 0
                kept[layer] = wider
