"""From scores to what each key counts, in float32 whatever the dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def shares(scores: Tensor, bias: Tensor | None, scale: float, softcap: float | None, dtype: torch.dtype) -> Tensor:
    """Softmax over the last axis of ``scale * scores + bias``; the argument may be overwritten.

    Args:
        scores: products of queries and keys, [..., rows, keys].
        bias: float32, broadcast to the scores: 0, or -inf where nothing is seen; None sees all.
        scale: factor of the scores.
        softcap: see ``FlatAttention.attend``.
        dtype: of the result.
    """
    import torch

    exact = scores.float().mul_(scale)
    if softcap is not None:
        exact = exact.div_(softcap).tanh_().mul_(softcap)
    if bias is not None:
        exact = exact.add_(bias)
    return torch.softmax(exact, dim=-1).to(dtype)
