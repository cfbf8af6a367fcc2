"""The same weights under litgpt's names and under those of Hugging Face, for models of the Llama family.

litgpt keeps query, key and value of a layer in one matrix ``[Q | K | V]``, one above the other; Hugging Face keeps
three. Everything else differs by name only. Checked against litgpt 0.5.13 and, for the interleaved matrices of
older checkpoints, 0.4.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from entailbench import ModelError

if TYPE_CHECKING:
    import torch

LLAMA_FAMILY = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""``model_type`` of the architectures whose layers Hugging Face names like Llama's."""

OUTSIDE = {
    "transformer.wte": "model.embed_tokens",
    "transformer.ln_f": "model.norm",
    "lm_head": "lm_head",
}
INSIDE = {
    "norm_1": "input_layernorm",
    "norm_2": "post_attention_layernorm",
    "attn.norm_q": "self_attn.q_norm",
    "attn.norm_k": "self_attn.k_norm",
    "attn.proj": "self_attn.o_proj",
    "mlp.fc_1": "mlp.gate_proj",
    "mlp.fc_2": "mlp.up_proj",
    "mlp.proj": "mlp.down_proj",
}
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
LAYER = re.compile(r"transformer\.h\.(\d+)\.(.+)")
HF_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")


@dataclass(frozen=True)
class Heads:
    """How the rows of a query-key-value matrix are shared out."""

    query: int
    """Number of query heads."""
    key_value: int
    """Number of key heads, and of value heads."""
    size: int
    """Rows per head."""

    @property
    def rows(self) -> tuple[int, int, int]:
        """Rows of query, key and value."""
        return self.query * self.size, self.key_value * self.size, self.key_value * self.size

    @classmethod
    def of(cls, model_config: Mapping[str, Any]) -> Heads:
        """From the fields of ``litgpt.Config``.

        Raises:
            ModelError: they are not there.
        """
        try:
            n_head = int(model_config["n_head"])
            size = model_config.get("head_size") or model_config["n_embd"] // n_head
            return cls(n_head, int(model_config.get("n_query_groups") or n_head), int(size))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"model_config.yaml does not say how many heads there are ({error})") from error


def hf_module(module: str) -> str | None:
    """The Hugging Face name of one of litgpt's modules; None for the query-key-value matrix and unknown ones."""
    if module in OUTSIDE:
        return OUTSIDE[module]
    match = LAYER.fullmatch(module)
    inside = INSIDE.get(match.group(2)) if match else None
    return f"model.layers.{match.group(1)}.{inside}" if match and inside else None


def qkv_modules(module: str) -> tuple[str, str, str] | None:
    """The Hugging Face names of the three parts of a litgpt query-key-value matrix; None for other modules."""
    match = LAYER.fullmatch(module)
    if match is None or match.group(2) != "attn.qkv":
        return None
    q, k, v = (f"model.layers.{match.group(1)}.{name}" for name in QKV)
    return q, k, v


def to_hf(weights: Mapping[str, torch.Tensor], heads: Heads) -> dict[str, torch.Tensor]:
    """litgpt's weights under Hugging Face names; query, key and value are views into litgpt's matrix.

    Raises:
        ModelError: a weight that no model of the Llama family has.
    """
    import torch

    converted: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        module, _, kind = name.rpartition(".")
        parts = qkv_modules(module)
        if parts is not None:
            _check_rows(name, weight, sum(heads.rows))
            for part, tensor in zip(parts, torch.split(weight, list(heads.rows)), strict=True):
                converted[f"{part}.{kind}"] = tensor
        elif (renamed := hf_module(module)) is not None:
            converted[f"{renamed}.{kind}"] = weight
        else:
            raise ModelError(f"no model of the Llama family has a weight {name!r}")
    return converted


def to_litgpt(weights: Mapping[str, torch.Tensor], *, tied: bool) -> dict[str, torch.Tensor]:
    """Hugging Face weights under litgpt's names.

    Args:
        weights: the state dict of a model of the Llama family.
        tied: whether the output head is the embedding matrix.

    Raises:
        ModelError: a weight is missing, or one that no such model has.
    """
    import torch

    inside = {hf: lit for lit, hf in INSIDE.items()}
    outside = {hf: lit for lit, hf in OUTSIDE.items()}
    converted: dict[str, torch.Tensor] = {}
    qkv: dict[tuple[str, str], dict[str, torch.Tensor]] = {}
    for name, weight in weights.items():
        module, _, kind = name.rpartition(".")
        match = HF_LAYER.fullmatch(name)
        if module in outside:
            converted[f"{outside[module]}.{kind}"] = weight
        elif match and match.group(2) in QKV:
            qkv.setdefault((match.group(1), kind), {})[match.group(2)] = weight
        elif match and match.group(2) in inside:
            converted[f"transformer.h.{match.group(1)}.{inside[match.group(2)]}.{kind}"] = weight
        elif not name.endswith("rotary_emb.inv_freq"):
            raise ModelError(f"no model of the Llama family has a weight {name!r}")
    for (layer, kind), parts in qkv.items():
        if set(parts) != set(QKV):
            raise ModelError(f"layer {layer} has only {', '.join(sorted(parts))} of query, key and value")
        converted[f"transformer.h.{layer}.attn.qkv.{kind}"] = torch.cat([parts[name] for name in QKV])
    if "transformer.wte.weight" not in converted:
        raise ModelError("there are no embeddings (model.embed_tokens.weight)")
    if tied or "lm_head.weight" not in converted:
        # A copy: `litgpt merge_lora` adds a LoRA on the head in place, and would add it to the embeddings as well.
        converted["lm_head.weight"] = converted["transformer.wte.weight"].clone()
    return converted


def modern(weights: Mapping[str, torch.Tensor], heads: Heads) -> dict[str, torch.Tensor]:
    """Weights as litgpt names and orders them since 0.5; those of today's checkpoints pass unchanged.

    Before, the matrix was ``attn.attn``, with the rows of each key-value head after those of its query heads.
    """
    return {
        name.replace(".attn.attn.", ".attn.qkv."): (
            _uninterleaved(name, weight, heads) if ".attn.attn." in name and "lora_" not in name else weight
        )
        for name, weight in weights.items()
    }


def interleaved(names: Iterable[str]) -> bool:
    """Whether these are the weights of a litgpt before 0.5."""
    return any(".attn.attn." in name for name in names)


def _uninterleaved(name: str, weight: torch.Tensor, heads: Heads) -> torch.Tensor:
    import torch

    _check_rows(name, weight, sum(heads.rows))
    group = (heads.query // heads.key_value + 2) * heads.size
    queries = group - 2 * heads.size
    blocks = weight.reshape(heads.key_value, group, *weight.shape[1:])
    parts = torch.split(blocks, [queries, heads.size, heads.size], dim=1)
    return torch.cat([part.flatten(0, 1) for part in parts])


def _check_rows(name: str, weight: torch.Tensor, rows: int) -> None:
    if weight.shape[0] != rows:
        raise ModelError(f"the weight {name!r} has {weight.shape[0]} rows; its model_config.yaml means {rows}")
