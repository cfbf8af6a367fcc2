"""The rule written down as a mask: quadratic in the pack, right everywhere, and what the fast ways are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attention import PackAttention

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .tree import Pack


class DenseAttention(PackAttention):
    """PyTorch's own attention with a [T, T] mask."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        import torch

        self._ends = torch.from_numpy(pack.ends).to(device)
        self._places = torch.arange(len(pack), device=device)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        return attend_masked(self._ends, self._places, q, k, v, scale)

    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        return attend_masked(self._ends, places, q, k, v, scale)


def attend_masked(ends: Tensor, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """``PackAttention.attend_from`` with a mask of [U, T]; ``ends`` [T] are the pack's."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    here = places[:, None]
    mask = (torch.arange(len(ends), device=ends.device) <= here) & (here < ends)
    shared = q.shape[0] // k.shape[0]
    out = scaled_dot_product_attention(
        q[None],
        k.repeat_interleave(shared, dim=0)[None],
        v.repeat_interleave(shared, dim=0)[None],
        attn_mask=mask,
        scale=scale,
    )
    return out[0].transpose(0, 1).flatten(1)
