"""Whether a model may go through the engine: tried on a few tokens, against the model's own way of computing.

What an architecture does with its tokens is not known from its name. A recurrent layer, an attention bias that our
attention is not told of, attention that does not ask ``AttentionInterface``: each shows as other logits or an error.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.samples import TokenSample
from . import flat
from .decode import common_beginning
from .packed import PackedAttention
from .rows import tree
from .slots import Slots

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
"""Root mean square of the differences of logits, as a share of the logits' own spread."""


@dataclass(frozen=True)
class Probed:
    """What was found out about a model."""

    problem: str | None
    """Why the engine cannot take it, as the end of a sentence; None when it can."""
    bytes_per_token: int = 0
    """Of keys and values in all layers."""
    longest: int | None = None
    """Tokens of a row, answer included, beyond which the engine would compute something else: a sliding window."""


def probe(
    model: PreTrainedModel,
    device: torch.device,
    fast: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> Probed:
    """Computes two short rows with a common beginning both ways.

    Args:
        model: in evaluation mode on ``device``.
        device: where it is computed.
        fast: open while the engine computes, see ``processor.Products``; the model's own way goes without.
    """
    import torch

    parameters = inspect.signature(model.forward).parameters
    if "logits_to_keep" not in parameters or "position_ids" not in parameters:
        return Probed("its forward pass takes no position ids, or computes logits everywhere")
    if reason := _changing_positions(model):
        return Probed(reason)
    try:
        with torch.inference_mode():
            return _compared(model, device, fast)
    except Exception as error:  # whatever an architecture we have never seen may raise
        return Probed(
            f"it fails there ({type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''})"
        )


def _compared(model: PreTrainedModel, device: torch.device, fast: Callable[[], AbstractContextManager[None]]) -> Probed:
    import torch

    embedding: Any = model.get_input_embeddings()
    vocabulary = int(embedding.weight.shape[0])
    drawn = np.random.default_rng(0).integers(0, vocabulary, 64).tolist()
    root, first, second, last = tuple(drawn[:9]), tuple(drawn[9:16]), tuple(drawn[16:40]), drawn[40]
    own: Any = model
    rows = [(*root, *first, last), (*root, *second, last)]
    # "eager" is what an architecture means; the others leave out what they cannot do (Gemma 2's cap on scores).
    with flat.attention_by(model, "eager"):
        expected = [own(input_ids=torch.tensor([row], device=device), use_cache=False).logits[0, -2:] for row in rows]
    with flat.flat(model), fast():
        shared = common_beginning(model, root, device)
        samples = [TokenSample(first, (0,), "", ""), TokenSample(second, (0,), "", "")]
        packed = tree(samples)
        attention = PackedAttention(packed, device, shared, keep=True)
        tokens, positions, reads = (
            torch.from_numpy(array).to(device) for array in (packed.tokens, packed.positions + len(root), packed.reads)
        )
        prompts = flat.logits(model, tokens, positions, attention, reads)
        slots = Slots(2, shared, device)
        paths = [np.nonzero(packed.ends[: read + 1] > read)[0] for read in packed.reads]
        slots.add(paths, attention.keys, attention.values)
        slots.advance()
        steps = flat.logits(
            model,
            torch.tensor([last, last], device=device),
            torch.tensor([len(row) - 1 for row in rows], device=device)[packed.sample],
            slots,
            torch.arange(2, device=device),
        )
    layers = len(attention.keys)
    if not layers or layers != len(shared.keys):
        return Probed("its attention does not ask transformers' AttentionInterface")
    wanted = torch.stack(expected)[packed.sample].float()
    found = torch.stack([prompts, steps], dim=1).float()
    allowed = TOLERANCE.get(str(wanted.dtype if model.dtype is None else model.dtype).removeprefix("torch."), 1e-3)
    difference = float((wanted - found).square().mean().sqrt() / wanted.std())
    # NaN or infinity in both is a sick model, which the engine names when it answers.
    if not difference <= allowed and bool(torch.isfinite(wanted).all()):
        return Probed(f"its logits would differ by {difference:.1e} of their spread")
    width = sum(part.shape[0] * part.shape[2] for part in (*attention.keys, *attention.values))
    windows = [each.window for each in (attention, slots) if each.window is not None]
    return Probed(None, width * attention.keys[0].element_size(), min(windows, default=None))


def _changing_positions(model: PreTrainedModel) -> str | None:
    """Rotary angles that depend on the longest row of a batch: then even the model's own answers depend on it."""
    text_config: Any = getattr(model.config, "text_config", None) or model.config
    rope = getattr(text_config, "rope_parameters", None) or {}
    kinds = {rope.get("rope_type")} | {part.get("rope_type") for part in rope.values() if isinstance(part, dict)}
    changing = kinds & {"dynamic", "longrope"}
    return f"its positions are {changing.pop()!r}: they depend on what is computed together" if changing else None
