"""Attention over a pack: token i sees token j if and only if ``j <= i < ends[j]``.

``prepare`` turns a pack into what its device computes that with; everything behind it is one small interface, so that
a device with a better way gets a module of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .tree import Pack


class PackAttention(ABC):
    """Who sees whom in one pack of T tokens; made once per pack, used by every layer.

    H query heads share G key-value heads: query head h reads key-value head ``h // (H // G)``.
    """

    @abstractmethod
    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Softmax attention of all tokens.

        Args:
            q: [H, T, D], positions already encoded.
            k: [G, T, D], and ``v``: [G, T, D].
            scale: factor of the scores.

        Returns:
            [T, H * D], heads side by side, in the dtype of ``v``.
        """

    @abstractmethod
    def attend_from(self, places: Tensor, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """The same for some tokens only: ``places`` [U] are theirs, ``q`` is [H, U, D]; returns [U, H * D]."""


def length_multiple(device: torch.device) -> int:
    """What the length of a pack must be a multiple of on ``device``: see ``tree.padded``."""
    # A few lengths only, since kernels are compiled for each; and whole blocks of FlexAttention.
    return 1024 if device.type == "cuda" else 1


def prepare(pack: Pack, device: torch.device, dtype: torch.dtype) -> PackAttention:
    """The best way that ``device`` has; ``dtype`` is that of queries, keys and values."""
    if device.type == "cuda":
        from .attention_cuda import FlexAttention

        return FlexAttention(pack, device)
    if device.type == "cpu":
        from .attention_cpu import BlockAttention

        return BlockAttention(pack)
    from .attention_dense import DenseAttention

    return DenseAttention(pack, device)
