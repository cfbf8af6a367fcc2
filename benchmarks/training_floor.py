"""The arithmetic that a training step cannot do without, and how fast the device does arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from entailbench_adapters.training.tree import Pack


def flops(model: Any, packs: Sequence[Pack]) -> float:
    """Floating-point operations of a forward and a backward pass that trains LoRA matrices only.

    Counted are the products with frozen weights, twice (forward, and the gradient of the input; weights have none), and
    attention over the pairs of tokens that see each other. The matrices of the LoRA and everything that is no product
    are left out. The first block's queries, keys and values need no gradient of their input; of the last block all but
    keys and values is needed only where an answer token is predicted, and so is the head.
    """
    config = model.config
    tokens = sum(map(len, packs))
    reads = sum(len(np.unique(pack.reads)) for pack in packs)
    pairs = sum(int((pack.ends - np.arange(len(pack))).sum()) for pack in packs)
    block = model.transformer.h[0]
    fused = block.attn.qkv.linear.weight.numel()
    keys_values = 2 * config.n_query_groups * config.head_size * config.n_embd
    rest = sum(w.numel() for name, w in block.named_parameters() if w.ndim == 2 and "lora_" not in name) - fused
    if config.n_expert:
        rest = rest * config.n_expert_per_token // config.n_expert
    head = config.padded_vocab_size * config.n_embd
    whole_blocks = (config.n_layer - 1) * (fused + rest) + keys_values
    of_reads = fused - keys_values + rest + head
    products = 4 * (tokens * whole_blocks + reads * of_reads) - 2 * tokens * fused
    attention = (4 + 8) * pairs * config.n_head * config.head_size * (config.n_layer - 1)
    return float(products + attention)


def product_rate(model: Any, rows: int, wait: Callable[[], None], seconds: float = 1.0) -> float:
    """Floating-point operations a second in the largest matrix products of the model, the best of several tries.

    Args:
        model: gives shapes, precision and device.
        rows: tokens of a pack.
        wait: returns when the device is done.
        seconds: how long to try.
    """
    config = model.config
    weight = model.transformer.wte.weight
    x = torch.randn(rows, config.n_embd, dtype=weight.dtype, device=weight.device)
    matrix = torch.randn(config.intermediate_size, config.n_embd, dtype=weight.dtype, device=weight.device)
    best = float("inf")
    until = time.perf_counter() + seconds
    tries = 4
    while time.perf_counter() < until:
        wait()
        began = time.perf_counter()
        for _ in range(tries):
            up = torch.nn.functional.linear(x, matrix)
            up @ matrix
        wait()
        best = min(best, (time.perf_counter() - began) / tries)
    return 4 * rows * matrix.numel() / best
