"""One forward pass of litgpt's LoRA model over a pack, up to the loss of every answer token.

litgpt's ``GPT.forward`` takes no mask, computes the vocabulary's logits at every place, and knows batches only. Here
its modules are driven over one flat token axis, and what nobody reads is not computed: the head, the last norm, and
of the last block all but keys and values run on the places that predict an answer token.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import attention
from .layers import linear, mlp, norm, rotary
from .tree import padded

if TYPE_CHECKING:
    from torch import Tensor

    from .attention import PackAttention
    from .tree import Pack


def supported(config: Any, longest: int | None = None) -> Iterator[str]:
    """Why a model of this litgpt configuration cannot be trained over packs, one sentence each.

    Args:
        config: litgpt's ``Config``.
        longest: tokens of the longest sample, where that is known.
    """
    if config.latent_attention:
        yield "its attention is latent (multi-head latent attention)"
    if config.attention_logit_softcapping is not None:
        yield "its attention caps scores (attention_logit_softcapping)"
    window = config.sliding_window_size
    slides = window is not None and config.sliding_window_indices is not None and any(config.sliding_window_indices)
    if slides and (longest is None or longest > window):
        yield f"its attention slides over {window} tokens, and samples may be longer"
    if config.norm_qk and config.norm_qk_type not in ("default", "olmo2"):
        yield f"its norm of queries and keys is of an unknown kind, {config.norm_qk_type!r}"


def token_losses(model: Any, pack: Pack, *, compiled: bool = False) -> Tensor:
    """Negative log-likelihood of every target of ``pack``, float32 [R], in the order of ``pack.reads``.

    Args:
        model: litgpt's ``litgpt.lora.GPT`` (Fabric's wrapping of it as well) on its device, in training mode for
            dropout. For a mixed precision the caller holds ``fabric.autocast()`` open.
        pack: from ``tree.pack``; its samples may not be longer than the model's ``max_seq_length``.
        compiled: whether the blocks run through ``torch.compile``, which takes a minute at first and pays on a GPU.
    """
    import torch

    weight = model.transformer.wte.weight
    device = weight.device
    pack = padded(pack, attention.length_multiple(device))
    tokens, positions, targets, places, place_of_read = (
        torch.from_numpy(array).to(device, non_blocking=True)
        # Found here and not on the device, which would make the host wait for it.
        for array in (pack.tokens, pack.positions, pack.targets, *np.unique(pack.reads, return_inverse=True))
    )
    visible = attention.prepare(pack, device, weight.dtype)
    logits = place_logits(model, tokens, positions, visible, places, compiled=compiled)
    return (_compiled_losses() if compiled else _losses)(logits, place_of_read, targets)


def _losses(logits: Tensor, place_of_read: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of each target [R] by the logits [U, V] of its place, ``place_of_read`` [R].

    The rows of logits are not repeated for places that are read more than once: adding their gradients up again
    would take longer than all the rest.
    """
    import torch

    wide = logits.float()
    return torch.logsumexp(wide, dim=-1)[place_of_read] - wide[place_of_read, targets]


@cache
def _compiled_losses() -> Any:
    """``_losses`` through ``torch.compile``, without ever writing the logits down in float32."""
    import torch

    return torch.compile(_losses, dynamic=True)


def place_logits(
    model: Any, tokens: Tensor, positions: Tensor, visible: PackAttention, places: Tensor, *, compiled: bool = False
) -> Tensor:
    """What the model expects after the tokens at ``places`` [U]: logits [U, V], V the padded vocabulary.

    Args:
        model: as for ``token_losses``.
        tokens: [T] on the model's device, and ``positions``: [T] their places within their samples.
        visible: who sees whom; asked once by each block, in their order.
        places: [U] where the logits are read.
        compiled: as for ``token_losses``.
    """
    import torch

    config = model.config
    x = model.transformer.wte(tokens)
    if config.scale_embeddings:
        x = x * torch.tensor(config.n_embd**0.5, dtype=x.dtype)
    cos, sin = model.cos[positions], model.sin[positions]
    last = len(model.transformer.h) - 1
    run = _block
    if compiled:
        run = _compiled_block()
        for block in model.transformer.h:
            # litgpt makes it at the first use, which would have each block compiled twice.
            getattr(block.attn.qkv, "lora_ind", None)
    for number, block in enumerate(model.transformer.h):
        angles = (cos, sin)
        if config.rope_indices is not None:
            angles = (cos[..., config.rope_indices[number]], sin[..., config.rope_indices[number]])
        x = _block(block, x, *angles, visible, places) if number == last else run(block, x, *angles, visible, None)
    logits = linear(model.lm_head, norm(model.transformer.ln_f, x))
    if config.final_logit_softcapping is not None:
        cap = config.final_logit_softcapping
        logits = torch.tanh(logits / cap) * cap
    return logits


@cache
def _compiled_block() -> Any:
    """``_block`` through ``torch.compile``: compiled once, for all blocks are alike."""
    import torch

    return torch.compile(_block)


def _block(block: Any, x: Tensor, cos: Tensor, sin: Tensor, visible: PackAttention, places: Tensor | None) -> Tensor:
    """litgpt's ``Block`` over [T, C]; with ``places`` [U] only the rows there come out, [U, C]."""
    config = block.config
    normed = norm(block.norm_1, x)
    attended = norm(block.post_attention_norm, _attention(block.attn, normed, cos, sin, visible, places))
    if places is not None:
        x, normed = x[places], normed[places]
    if config.parallel_residual:
        if not config.shared_attention_norm:
            normed = norm(block.norm_2, x)
        x = attended + x
    else:
        x = attended + x
        normed = norm(block.norm_2, x)
    return norm(block.post_mlp_norm, mlp(block.mlp, normed)) + x


def _attention(attn: Any, x: Tensor, cos: Tensor, sin: Tensor, visible: PackAttention, places: Tensor | None) -> Tensor:
    """litgpt's ``CausalSelfAttention`` over [T, C]."""
    config = attn.config
    heads, groups, size = config.n_head, config.n_query_groups, config.head_size
    q, k, v = linear(attn.qkv, x).split((heads * size, groups * size, groups * size), dim=-1)
    if places is not None:
        q = q[places]
    if config.norm_qk and config.norm_qk_type == "olmo2":
        q, k = norm(attn.norm_q, q), norm(attn.norm_k, k)
    q, k, v = (part.unflatten(-1, (-1, size)) for part in (q, k, v))
    if config.norm_qk and config.norm_qk_type == "default":
        q, k = norm(attn.norm_q, q), norm(attn.norm_k, k)
    of_q = (cos, sin) if places is None else (cos[places], sin[places])
    q = rotary(q, *of_q, interleaved=config.rope_interleave).transpose(0, 1)
    k = rotary(k, cos, sin, interleaved=config.rope_interleave).transpose(0, 1)
    v = v.transpose(0, 1)
    scale = attn.mscale * attn.mscale / math.sqrt(config.attention_scores_scalar or size)
    attended = visible.attend(q, k, v, scale) if places is None else visible.attend_from(places, q, k, v, scale)
    return linear(attn.proj, attended)
