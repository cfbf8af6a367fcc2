"""litgpt's layers over a flat token axis: the modules themselves, or on a CPU the same arithmetic done faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def norm(module: Any, x: Tensor) -> Tensor:
    """A norm of litgpt's over the last axis of [T, C]."""
    from litgpt.model import RMSNorm

    if not (_by_hand(x) and type(module) is RMSNorm and not module.weight.requires_grad):
        return module(x)  # type: ignore[no-any-return]
    from .layers_cpu import rms_norm

    return rms_norm(x, 1 + module.weight if module.add_unit_offset else module.weight, module.eps)


def mlp(module: Any, x: Tensor) -> Tensor:
    """The feed-forward part of a block, [T, C] to [T, C]."""
    from litgpt.lora import LLaMAMLP

    if not (_by_hand(x) and type(module) is LLaMAMLP):
        # Mixtures of experts insist on a batch axis.
        return module(x[None])[0]  # type: ignore[no-any-return]
    from .layers_cpu import swiglu

    return linear(module.proj, swiglu(linear(module.fc_1, x), linear(module.fc_2, x)))


def linear(module: Any, x: Tensor) -> Tensor:
    """A linear layer with or without LoRA, [T, C] to [T, N]."""
    from litgpt.lora import LoRALinear, LoRAQKVLinear
    from torch.nn import Dropout, Linear

    if not (
        _by_hand(x)
        and type(module) in (LoRALinear, LoRAQKVLinear)
        and type(module.linear) is Linear
        and not module.linear.weight.requires_grad
        and x.dtype == module.linear.weight.dtype
    ):
        return module(x[None])[0]  # type: ignore[no-any-return]
    base = module.linear
    if module.merged or not hasattr(module, "lora_A"):
        return base(x)  # type: ignore[no-any-return]
    from .layers_cpu import lora_linear

    dropout = module.lora_dropout
    return lora_linear(
        x,
        base.weight,
        base.bias,
        module.lora_A,
        module.lora_B,
        parts=_parts(module),
        scaling=module.scaling,
        dropout=dropout.p if isinstance(dropout, Dropout) and dropout.training else 0.0,
    )


def rotary(x: Tensor, cos: Tensor, sin: Tensor, *, interleaved: bool) -> Tensor:
    """Positions encoded into the first columns of each head.

    Args:
        x: [T, H, D].
        cos: [T, E] with E <= D, and ``sin``: [T, E].
        interleaved: whether neighbouring columns are a pair, not those of the two halves.
    """
    import torch
    from litgpt.model import apply_rope, apply_rope_interleave

    size, turning = x.shape[-1], cos.shape[-1]
    if _by_hand(x) and not interleaved and turning == size and size % 2 == 0:
        from .layers_cpu import rotated

        return rotated(x, cos, sin)
    rope = apply_rope_interleave if interleaved else apply_rope
    turned = rope(x[..., :turning].transpose(0, 1)[None], cos[None], sin[None])[0].transpose(0, 1)
    return torch.cat((turned, x[..., turning:]), dim=-1) if turning < size else turned


def _by_hand(x: Tensor) -> bool:
    """The compiler, and on a GPU also eager kernels, do better; mixed precision is a matter of the modules."""
    import torch

    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


def _parts(module: Any) -> Any:
    """The columns that a LoRA adds to: all, or for the fused queries, keys and values those that have one."""
    from .layers_cpu import Part

    if not hasattr(module, "enable_lora"):
        return (Part(0, module.linear.out_features),)
    sizes = [module.head_size * heads for heads in (module.n_head, module.n_query_groups, module.n_query_groups)]
    ends = [sum(sizes[: place + 1]) for place in range(3)]
    return tuple(Part(end - size, end) for size, end, on in zip(sizes, ends, module.enable_lora, strict=True) if on)
