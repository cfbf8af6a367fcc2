"""The layers of a Llama block with gradients written by hand, for a CPU and weights that do not learn.

On a CPU the time beside the matrix products goes into reading and writing activations: each of these makes few passes
over them, keeps little for the gradient, and computes no gradient of frozen weights. The arithmetic is litgpt's, in
float32 inside, rounded where litgpt rounds or later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Which columns of a linear layer's output a LoRA of rank r adds to."""

    start: int
    stop: int
    """One past the last column."""


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """``x / sqrt(mean(x²) + eps) * weight`` over the last axis of [T, C]."""
    out: Tensor = _functions().norm.apply(x, weight, eps)
    return out


def swiglu(gate: Tensor, value: Tensor) -> Tensor:
    """``silu(gate) * value``."""
    out: Tensor = _functions().swiglu.apply(gate, value)
    return out


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: pairs (i, i + D / 2) of [T, H, D] turned by angles given as [T, D], both halves alike."""
    out: Tensor = _functions().rotate.apply(x, cos, sin)
    return out


def lora_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    a: Tensor,
    b: Tensor,
    *,
    parts: tuple[Part, ...],
    scaling: float,
    dropout: float,
) -> Tensor:
    """A frozen linear layer, ``x Wᵀ + bias``, with a LoRA on some of its outputs: in each part ``+ s drop(x) Aᵀ Bᵀ``.

    Args:
        x: [T, C].
        weight: [N, C], and ``bias``: [N] or None.
        a: [r * len(parts), C], the matrices of the parts above each other.
        b: [columns of all parts, r], likewise.
        parts: of the N columns, in ascending order.
        scaling: s.
        dropout: share of x that is dropped in the LoRA's branch; 0 for none.
    """
    lost = _lost(x, dropout) if dropout else None
    out: Tensor = _functions().lora.apply(x, weight, bias, a, b, parts, scaling / (1 - dropout), lost)
    return out


def _lost(x: Tensor, dropout: float) -> Tensor:
    """Which elements are dropped, each independently: sixteen random bits decide, faster than Bernoulli's numbers."""
    import torch

    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    return bits < round(dropout * 2**16) - 2**15


@dataclass(frozen=True)
class _Functions:
    norm: Any
    swiglu: Any
    rotate: Any
    lora: Any


@cache
def _functions() -> _Functions:
    import torch
    from torch.autograd.function import once_differentiable
    from torch.nn.functional import linear, silu

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
            factor = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
            ctx.save_for_backward(x, weight, factor)
            return _scaled(x, factor).mul_(weight.float()).to(x.dtype)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> Any:
            x, weight, factor = ctx.saved_tensors
            normed = _scaled(x, factor)
            of_normed = _scaled(gradient, weight.float())
            share = torch.linalg.vecdot(of_normed, normed).div_(x.shape[-1]).neg_().unsqueeze(-1)
            return of_normed.addcmul_(normed, share).mul_(factor).to(x.dtype), None, None

    class Swiglu(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, gate: Tensor, value: Tensor) -> Tensor:
            ctx.save_for_backward(gate, value)
            return silu(gate).mul_(value)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> Any:
            gate, value = ctx.saved_tensors
            of_gate = torch.ops.aten.silu_backward(gradient * value, gate)
            return of_gate, silu(gate).mul_(gradient)

    class Rotate(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
            ctx.save_for_backward(cos, sin)
            return _turned(x, cos, sin, 1)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> Any:
            cos, sin = ctx.saved_tensors
            return _turned(gradient, cos, sin, -1), None, None

    class Lora(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any,
            x: Tensor,
            weight: Tensor,
            bias: Tensor | None,
            a: Tensor,
            b: Tensor,
            parts: tuple[Part, ...],
            scale: float,
            lost: Tensor | None,
        ) -> Tensor:
            out = linear(x, weight, bias)
            inner = linear(x if lost is None else x.masked_fill(lost, 0), a)
            for columns, of_inner, of_b in _slices(parts, b):
                out[:, columns].addmm_(inner[:, of_inner], b[of_b].T, alpha=scale)
            ctx.save_for_backward(x, weight, a, b, lost, inner)
            ctx.parts, ctx.scale = parts, scale
            return out

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, gradient: Tensor) -> Any:
            x, weight, a, b, lost, inner = ctx.saved_tensors
            of_inner, of_b = torch.empty_like(inner), torch.empty_like(b)
            for columns, inside, rows in _slices(ctx.parts, b):
                here = gradient[:, columns]
                torch.mm(here, b[rows], out=of_inner[:, inside])
                torch.mm(here.T, inner[:, inside], out=of_b[rows])
            of_inner.mul_(ctx.scale)
            of_a = of_inner.T @ (x if lost is None else x.masked_fill(lost, 0))
            of_x = None
            if ctx.needs_input_grad[0]:
                of_x = gradient @ weight
                if lost is None:
                    of_x.addmm_(of_inner, a)
                else:
                    of_x.add_((of_inner @ a).masked_fill_(lost, 0))
            return of_x, None, None, of_a, of_b.mul_(ctx.scale), None, None, None

    def _scaled(x: Tensor, factor: Tensor) -> Tensor:
        """``x * factor`` in float32; operands of unlike precision would be converted piece by piece, and slowly."""
        return x * factor if x.dtype == torch.float32 else x.float().mul_(factor)

    def _turned(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
        tokens, heads, size = x.shape
        half = size // 2
        # Head by head, as attention wants it, and so that angles and values lie in the same order.
        exact = torch.empty(heads, tokens, size, dtype=cos.dtype).copy_(x.transpose(0, 1))
        signed = torch.cat((sin[:, :half] * -sign, sin[:, half:] * sign), dim=-1)
        out = torch.addcmul(exact * cos, exact.roll(half, dims=-1), signed)
        return out.to(x.dtype).transpose(0, 1)

    def _slices(parts: tuple[Part, ...], b: Tensor) -> list[tuple[slice, slice, slice]]:
        """Per part its columns of the output, of ``x Aᵀ``, and its rows of B."""
        rank, done, found = b.shape[1], 0, []
        for number, part in enumerate(parts):
            size = part.stop - part.start
            inside = slice(number * rank, (number + 1) * rank)
            found.append((slice(part.start, part.stop), inside, slice(done, done + size)))
            done += size
        return found

    return _Functions(Norm, Swiglu, Rotate, Lora)
