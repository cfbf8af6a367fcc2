"""What a CPU does fast, and PyTorch does not do by itself: oneDNN's products, cores, and memory that is kept.

PyTorch gives float32 products to MKL, which leaves more than half of an AMD core's rate unused; oneDNN does not. A
weight laid out for oneDNN beforehand also saves that work in every step. And glibc gives large blocks back to the
system whenever they are freed: the next layer then waits for every page of the same memory again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from .budget import available

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import LayerNorm, Linear, Module
    from transformers import PreTrainedModel

PACKED_SHARE = 0.1
"""Of the memory available, for second copies of the weights in oneDNN's layout."""
PACKED_ROWS = 32
"""Tokens of a step that the layout is chosen for."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's ``mallopt``."""
KEPT_BYTES = 2**31 - 1

_PACKED: WeakKeyDictionary[Module, Tensor] = WeakKeyDictionary()


@cache
def prepare() -> None:
    """Threads for the cores that this process may use, unless the environment says otherwise; and freed memory kept."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ and hasattr(os, "sched_getaffinity"):
        torch.set_num_threads(cores())
    _keep_memory()


def cores() -> int:
    """How many cores this process may use: by its affinity, and by a container's share of time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            allowed = min(allowed, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return allowed


def _keep_memory() -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


@cache
def has_onednn(dtype: torch.dtype) -> bool:
    """Whether PyTorch's oneDNN products are there and compute what they should, seen on one small product."""
    import torch

    try:
        generator = torch.Generator().manual_seed(0)
        x, weight = (torch.randn(shape, generator=generator).to(dtype) for shape in ((5, 64), (48, 64)))
        bias = torch.randn(48, generator=generator).to(dtype)
        with torch.inference_mode():
            found = _product(x, _laid_out(weight), bias).double()
        exact = x.double() @ weight.double().T + bias.double()
        return float((found - exact).abs().max() / exact.std()) <= 16 * torch.finfo(dtype).eps
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


class Products:
    """The linear layers of a model on a CPU, by oneDNN, as long as ``fast`` is open.

    In 16 bits they also keep what layers add to in float32 (``wide``): the embedding starts it so, sums of both widths
    are float32 to PyTorch, norms are computed in float32 anyway, and each product narrows its own input. That takes no
    time and most of the rounding away.

    Args:
        model: in evaluation mode; PEFT's LoRA layers may be in it.
        adapter: PEFT's name of the adapter that is active; None where none is.
        wide: whether sums are kept in float32; an architecture that computes with weights outside of linear layers and
            norms may be unable to.
    """

    def __init__(self, model: PreTrainedModel, adapter: str | None, *, wide: bool = True) -> None:
        import torch
        from torch.nn import LayerNorm, Linear

        self._forwards: list[tuple[Module, Callable[..., Tensor]]] = []
        on_cpu = model.device.type == "cpu"
        self.wide = wide and on_cpu and model.dtype in (torch.bfloat16, torch.float16)
        """Whether sums are kept in float32."""
        by_onednn = on_cpu and has_onednn(model.dtype)
        if not by_onednn and not self.wide:
            return
        multiply = _product if by_onednn else torch.nn.functional.linear
        linears = [each for each in model.modules() if type(each) is Linear and each.weight.dtype == model.dtype]
        wanted = sum(each.weight.nbytes for each in linears if each not in _PACKED)
        packs = by_onednn and wanted <= PACKED_SHARE * available(model.device)
        narrow = _Narrow(model.dtype) if self.wide else _as_it_is
        ways = {}
        for each in linears:
            ways[each] = _linear(each, multiply, narrow, packed=packs or each in _PACKED)
            self._forwards.append((each, ways[each]))
        for layer in model.modules():
            if _is_plain_lora(layer):
                base: Any = layer.base_layer
                adapted: Any = layer
                if base not in ways:
                    continue
                if adapter is None or adapter not in adapted.lora_A:
                    self._forwards.append((layer, ways[base]))
                elif adapter not in adapted.lora_variant:
                    self._forwards.append((layer, _lora(adapted, adapter, ways[base], model.dtype, narrow)))
            elif self.wide and type(layer) is LayerNorm:
                self._forwards.append((layer, _layer_norm(layer)))
        if self.wide:
            self._forwards.append((model.get_input_embeddings(), _widened(model.get_input_embeddings())))

    @contextlib.contextmanager
    def fast(self) -> Iterator[None]:
        """The model's own ``forward`` functions stand aside."""
        for module, forward in self._forwards:
            module.__dict__["forward"] = forward
        try:
            yield
        finally:
            for module, _ in self._forwards:
                module.__dict__.pop("forward", None)


class _Narrow:
    """A vector in 16 bits; the layers that read one and the same vector after each other share it."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._last: tuple[ReferenceType[Tensor], Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if x.dtype == self._dtype:
            return x
        if self._last is not None and self._last[0]() is x:
            return self._last[1]
        narrowed = x.to(self._dtype)
        self._last = (ref(x), narrowed)
        return narrowed


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _widened(embedding: Module) -> Callable[..., Tensor]:
    own = type(embedding).forward.__get__(embedding)

    def forward(*arguments: Any, **named: Any) -> Tensor:
        result: Tensor = own(*arguments, **named)
        return result.float()

    return forward


def _layer_norm(module: LayerNorm) -> Callable[..., Tensor]:
    """PyTorch's own takes no vector wider than its weights."""
    import torch

    weight, bias = (None if each is None else each.detach().float() for each in (module.weight, module.bias))

    def forward(x: Tensor) -> Tensor:
        return torch.nn.functional.layer_norm(x.float(), module.normalized_shape, weight, bias, module.eps)

    return forward


def _linear(
    module: Linear, multiply: Callable[..., Tensor], narrow: Callable[[Tensor], Tensor], *, packed: bool
) -> Callable[..., Tensor]:
    if packed and module not in _PACKED:
        _PACKED[module] = _laid_out(module.weight.detach())
    weight = _PACKED[module] if packed else module.weight.detach()
    bias = None if module.bias is None else module.bias.detach()

    def forward(x: Tensor) -> Tensor:
        return multiply(narrow(x), weight, bias)

    return forward


def _is_plain_lora(module: Module) -> bool:
    kind = type(module)
    return (
        kind.__name__ == "Linear"
        and kind.__module__ == "peft.tuners.lora.layer"
        and not module.merged
        and not getattr(module, "fan_in_fan_out", False)
    )


def _lora(
    layer: Any, adapter: str, base: Callable[..., Tensor], dtype: torch.dtype, narrow: Callable[[Tensor], Tensor]
) -> Callable[..., Tensor]:
    """``x Wᵀ + s x Aᵀ Bᵀ``, the second product added in place; PEFT's own way makes four more vectors as wide."""
    import torch

    a = layer.lora_A[adapter].weight.detach().to(dtype)
    b = layer.lora_B[adapter].weight.detach().to(dtype).T
    scaling = float(layer.scaling[adapter])
    if layer.lora_A[adapter].bias is not None or layer.lora_B[adapter].bias is not None:
        return type(layer).forward.__get__(layer)  # type: ignore[no-any-return]

    def forward(x: Tensor) -> Tensor:
        out = base(x)
        inner = torch.nn.functional.linear(narrow(x), a)
        out.view(-1, out.shape[-1]).addmm_(inner.view(-1, inner.shape[-1]), b, alpha=scaling)
        return out

    return forward


def _laid_out(weight: Tensor) -> Tensor:
    import torch

    laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_ROWS)
    return laid_out


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    import torch

    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result
