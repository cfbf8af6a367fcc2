"""The next token of each row from its logits: the likeliest, or a draw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Choose = Callable[["Tensor", list[int]], "Tensor"]
"""Logits [B, V] and the rows' numbers to tokens [B]."""


def likeliest(logits: Tensor, rows: list[int]) -> Tensor:
    """Greedy decoding; of tokens that tie the first."""
    return logits.argmax(dim=-1)


def drawn(names: Sequence[str], temperature: float, seed: int) -> Choose:
    """Draws from softmax(logits / temperature), with a random stream of its own for each row.

    The Gumbel-max trick (Maddison et al. 2014, "A* Sampling"): a row's draw depends on the seed and its name only, so
    an interrupted run that goes on with other batches writes the same texts.

    Args:
        names: of the rows, by number.
        temperature: > 0.
        seed: of all streams.
    """
    import torch

    streams: dict[int, torch.Generator] = {}

    def stream(row: int) -> torch.Generator:
        if row not in streams:
            digest = hashlib.sha256(f"{seed}\0{names[row]}".encode()).digest()
            streams[row] = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
        return streams[row]

    def choose(logits: Tensor, rows: list[int]) -> Tensor:
        uniform = torch.stack(
            [torch.rand(logits.shape[1], generator=stream(row), dtype=torch.float64) for row in rows]
        ).clamp_min(1e-300)
        noise = -torch.log(-torch.log(uniform))
        return (logits.float() / temperature + noise.to(logits.device, torch.float32)).argmax(dim=-1)

    return choose
