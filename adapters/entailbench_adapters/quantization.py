"""Weights in 4 or 8 bits through bitsandbytes, on CUDA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig

__all__ = ["Quantize", "bitsandbytes_config", "quantize_problems"]

Quantize = Literal["bnb.nf4", "bnb.nf4-dq", "bnb.int8"]
"""As litgpt names them: 4-bit NormalFloat, the same with quantized scales ("double quantization"), LLM.int8()."""


def quantize_problems(quantize: Quantize | None, device: str) -> Iterator[str]:
    """Why weights cannot be quantized here, one sentence each.

    Args:
        quantize: what was asked for; None asks for nothing.
        device: as the ``hf`` backend's option says it.
    """
    if quantize is None:
        return
    from importlib.util import find_spec

    import torch

    setting = f"quantize = {quantize!r}"
    if device != "auto" and not device.startswith("cuda"):
        yield f'{setting} needs a CUDA GPU, not device = {device!r}: use device = "cuda", or remove quantize'
    elif not torch.cuda.is_available():
        yield f"{setting} needs a CUDA GPU, and torch {torch.__version__} sees none here: remove quantize"
    if find_spec("bitsandbytes") is None:
        yield f"{setting} needs bitsandbytes, which is not installed: pip install 'entailbench[quantize]'"


def bitsandbytes_config(quantize: Quantize, dtype: torch.dtype) -> BitsAndBytesConfig:
    """What transformers is to load weights with.

    Args:
        quantize: how.
        dtype: what a 4-bit layer computes in; LLM.int8() computes its outliers in float16 whatever is said.
    """
    from transformers import BitsAndBytesConfig

    if quantize == "bnb.int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=quantize == "bnb.nf4-dq",
    )
