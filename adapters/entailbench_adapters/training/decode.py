"""Greedy continuations by the model in training: the prompts in one pass over packs, then a token a row a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import attention
from .attention import PackAttention
from .forward import place_logits
from .samples import TokenSample
from .tree import pack, padded

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .tree import Ints


CPU_CACHE_BYTES = 2**30
"""What keys and values of one batch may take on a CPU; more rows at once would hardly be faster there."""
CUDA_CACHE_SHARE = 0.4
"""Of the GPU's free memory, for the same."""
CPU_PASS_TOKENS = 2048
CUDA_PASS_TOKENS = (1024, 32768)
"""Of a forward pass without gradients: at least and at most."""
CUDA_PASS_SHARE = 0.4
"""Of the GPU's free memory, for what such a pass holds at a time."""
DROP_BELOW = 0.75
"""Share of the rows still being written at which the others are dropped: each time copies the cache."""
CPU_STEPS_BETWEEN_LOOKS = 1
CUDA_STEPS_BETWEEN_LOOKS = 8
"""Steps until the host asks which rows have ended: asking makes it wait for the GPU."""


def continuations(
    model: Any, prompts: Sequence[tuple[int, ...]], *, end: int, max_tokens: int, cache_bytes: int | None = None
) -> list[tuple[int, ...]]:
    """The tokens that greedy decoding writes after each prompt, without the end token.

    Args:
        model: litgpt's ``litgpt.lora.GPT`` in evaluation mode; for a mixed precision under ``fabric.autocast()``.
        prompts: at least one token each.
        end: the token that ends a continuation.
        max_tokens: bound on its length; it also ends where the model's ``max_seq_length`` does.
        cache_bytes: of keys and values at a time; None is what suits the device.
    """
    order = sorted(range(len(prompts)), key=lambda number: (-len(prompts[number]), prompts[number]))
    done: dict[int, tuple[int, ...]] = {}
    budget = cache_bytes or _cache_bytes(model)
    start = 0
    while start < len(order):
        # The longest first, so the first row's length is the batch's.
        columns = len(prompts[order[start]]) + max_tokens
        rows = order[start : start + max(1, budget // (columns * _bytes_per_token(model)))]
        written = _continue(model, [prompts[number] for number in rows], end, max_tokens)
        done.update(zip(rows, written, strict=True))
        start += len(rows)
    return [done[number] for number in range(len(prompts))]


def _continue(model: Any, prompts: Sequence[tuple[int, ...]], end: int, max_tokens: int) -> list[tuple[int, ...]]:
    import torch

    device = model.transformer.wte.weight.device
    cache = _Cache(len(prompts), max(map(len, prompts)), max_tokens, device)
    token = _prefill(model, prompts, cache)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    room = model.cos.shape[0]
    steps = min(max_tokens, room - min(map(len, prompts)) + 1)
    look_every = CUDA_STEPS_BETWEEN_LOOKS if device.type == "cuda" else CPU_STEPS_BETWEEN_LOOKS

    rows = torch.arange(len(prompts), device=device)
    written = torch.full((len(prompts), steps), end, device=device)
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    for step in range(steps):
        # A row that has ended goes on writing ends until it is dropped.
        token = token.masked_fill(ended, end)
        written[rows, step] = token
        # The next token would be read at a place beyond the context.
        ended = ended | (token == end) | (lengths + step >= room)
        if step + 1 == steps:
            break
        if step % look_every == look_every - 1:
            going = int((~ended).sum())
            if not going:
                break
            if going <= DROP_BELOW * len(ended):
                keep = (~ended).nonzero()[:, 0]
                rows, token, lengths, ended = rows[keep], token[keep], lengths[keep], ended[keep]
                cache.keep(keep)
        positions = (lengths + step).clamp_max(room - 1)
        cache.advance()
        token = place_logits(model, token, positions, cache, torch.arange(len(token), device=device)).argmax(dim=-1)
    return [tuple(row[: row.index(end)] if end in row else row) for row in written.tolist()]


def _prefill(model: Any, prompts: Sequence[tuple[int, ...]], cache: _Cache) -> Tensor:
    """Runs the prompts, beginnings that they share once, into the cache; returns the token after each, [B]."""
    import torch

    device = model.transformer.wte.weight.device
    # The answer's only token is predicted, not read: the pack holds the prompts alone.
    samples = [TokenSample(prompt, (0,), "", "") for prompt in prompts]
    budget = pass_tokens(model)
    first = torch.empty(len(prompts), dtype=torch.long, device=device)
    for packed in pack(samples, [0.0] * len(samples), sharing="tree", budget=budget):
        rows = torch.from_numpy(packed.sample).to(device)
        ends = packed.ends
        paths = [np.nonzero(ends[: read + 1] > read)[0] for read in packed.reads]
        packed = padded(packed, attention.length_multiple(device))
        tokens, positions, places = (
            torch.from_numpy(array).to(device) for array in (packed.tokens, packed.positions, packed.reads)
        )
        recorded = _Recorded(attention.prepare(packed, device, model.transformer.wte.weight.dtype))
        logits = place_logits(model, tokens, positions, recorded, places)
        first[rows] = logits.argmax(dim=-1)
        cache.fill(rows, paths, recorded.keys, recorded.values)
    return first


class _Recorded(PackAttention):
    """Attention that remembers keys and values, block by block."""

    def __init__(self, inner: PackAttention) -> None:
        self._inner = inner
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        self.keys.append(k)
        self.values.append(v)
        return self._inner.attend(q, k, v, scale)

    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        self.keys.append(k)
        self.values.append(v)
        return self._inner.attend_from(places, q, k, v, scale)


class _Cache(PackAttention):
    """Keys and values of B rows, padded between prompt and continuation; one new token a row is its flat axis.

    All rows write their n-th new token into the same column, so that a step scatters nothing.
    """

    def __init__(self, rows: int, prompt: int, further: int, device: torch.device) -> None:
        import torch

        self._prompt = prompt
        self._columns = prompt + further
        self._used = prompt
        self._visible = torch.zeros(rows, self._columns, dtype=torch.bool, device=device)
        self._keys: list[Tensor] = []
        """One [G, B, columns, D] a block."""
        self._values: list[Tensor] = []
        self._block = 0
        self._bias = self._visible

    def fill(self, rows: Tensor, paths: Sequence[Ints], keys: list[Tensor], values: list[Tensor]) -> None:
        """Takes the prompts ``rows``, whose tokens lie at ``paths`` of a pack's ``keys`` and ``values`` ([G, T, D])."""
        import torch

        widest = max(map(len, paths))
        places = np.zeros((len(paths), widest), np.int64)
        visible = np.zeros((len(paths), widest), np.bool_)
        for row, path in enumerate(paths):
            places[row, : len(path)] = path
            visible[row, : len(path)] = True
        device = rows.device
        where = torch.from_numpy(places).to(device)
        self._visible[rows, :widest] = torch.from_numpy(visible).to(device)
        for kept, new in ((self._keys, keys), (self._values, values)):
            for block, part in enumerate(new):
                if block == len(kept):
                    kept.append(part.new_zeros(part.shape[0], len(self._visible), self._columns, part.shape[2]))
                kept[block][:, rows, :widest] = part[:, where]

    def advance(self) -> None:
        """Makes room for one more token a row."""
        import torch

        self._visible[:, self._used] = True
        self._used += 1
        self._block = 0
        hidden = ~self._visible[:, : self._used]
        self._bias = torch.zeros_like(hidden, dtype=torch.float32).masked_fill_(hidden, -torch.inf)[:, None]

    def keep(self, rows: Tensor) -> None:
        """Drops all but the rows ``rows``."""
        self._visible = self._visible[rows]
        for kept in (self._keys, self._values):
            # One after the other: at no time are there two copies of all.
            for block, part in enumerate(kept):
                kept[block] = part[:, rows]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        keys, values = self._keys[self._block], self._values[self._block]
        self._block += 1
        keys[:, :, self._used - 1] = k
        values[:, :, self._used - 1] = v
        keys, values = keys[:, :, : self._used], values[:, :, : self._used]
        groups, rows, _, size = keys.shape
        # [G, B, H / G, D]: the query heads of one key-value head are rows of one product.
        queries = q.view(groups, -1, rows, size).transpose(1, 2)
        scores = (queries @ keys.mT).float() * scale + self._bias
        out: Tensor = scores.softmax(dim=-1).to(values.dtype) @ values
        return out.permute(1, 0, 2, 3).reshape(rows, -1)

    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        # Every row's one token is asked for.
        return self.attend(q, k, v, scale)


def pass_tokens(model: Any) -> int:
    """Tokens of a forward pass without gradients that suit the model and its device."""
    import torch

    device = model.transformer.wte.weight.device
    if device.type != "cuda":
        return CPU_PASS_TOKENS
    config = model.config
    # In 16 bits the vectors inside one block; and, where every token is predicted, its logits and a float32 copy.
    per_token = 2 * (8 * config.n_embd + 3 * (config.intermediate_size or 4 * config.n_embd))
    per_token += 6 * config.padded_vocab_size
    least, most = CUDA_PASS_TOKENS
    free = torch.cuda.mem_get_info(device)[0]
    return max(least, min(most, int(CUDA_PASS_SHARE * free / per_token)))


def _bytes_per_token(model: Any) -> int:
    config = model.config
    width = 2 * config.n_layer * config.n_query_groups * config.head_size
    return int(width * model.transformer.wte.weight.element_size())


def _cache_bytes(model: Any) -> int:
    import torch

    device = model.transformer.wte.weight.device
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * CUDA_CACHE_SHARE)
    return CPU_CACHE_BYTES
