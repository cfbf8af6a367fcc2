"""litgpt's LoRA matrices as a PEFT adapter.

Per matrix the two are the same thing, ``B @ A * alpha / r``; only query, key and value, which litgpt adapts in one
fused matrix, have to be taken apart: ``lora_A`` holds ``r`` rows for each *enabled* one of them, in this order, and
``lora_B`` the rows that belong to its heads. (LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError

from .cache_folder import made_once
from .fingerprint import hash_weights
from .litgpt_checkpoint import LORA_WEIGHTS, Checkpoint, LoraSettings, load_weights, misfits
from .litgpt_names import LLAMA_FAMILY, Heads, hf_module, interleaved, modern, qkv_modules

if TYPE_CHECKING:
    import torch

PREFIX = "base_model.model."
"""What PEFT puts before a causal language model's own module names."""
KEY_LENGTH = 16


def lora_problems(checkpoint: Checkpoint, hf_config: Mapping[str, Any], base: str) -> list[str]:
    """Why a LoRA checkpoint cannot be put on the Hugging Face model ``base`` with this ``config.json``."""
    family = hf_config.get("model_type")
    if family not in LLAMA_FAMILY:
        return [
            f"{checkpoint.directory} is a LoRA for the architecture {family!r}, whose layers Hugging Face keeps in "
            "another form: merge it with `litgpt merge_lora` and open the merged weights"
        ]
    different = list(misfits(checkpoint.model_config, hf_config))
    if different:
        return [f"{checkpoint.directory} was not trained on {base}: it is for a model of {'; '.join(different)}"]
    return []


def peft_directory(checkpoint: Checkpoint, hf_config: Mapping[str, Any], home: Path) -> Path:
    """The PEFT form of a LoRA checkpoint in the cache, made once per content; without a tokenizer.

    Raises:
        ModelError: see ``write_peft``.
    """
    if checkpoint.peft:
        return checkpoint.directory
    text = f"{hash_weights(checkpoint.directory)} {hf_config.get('model_type')} {hf_config.get('vocab_size')}"
    target = home / "adapters" / hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
    return made_once(target, lambda folder: write_peft(checkpoint, hf_config, folder, base=None))


def write_peft(
    checkpoint: Checkpoint, hf_config: Mapping[str, Any], out: Path, *, base: str | None, dtype: str | None = None
) -> None:
    """Writes ``adapter_config.json`` and ``adapter_model.safetensors`` into the folder ``out``.

    Args:
        checkpoint: one with LoRA weights.
        hf_config: ``config.json`` of the model it belongs on.
        out: an existing folder.
        base: name or path of that model, for PEFT's ``AutoPeftModel``; None leaves it out.
        dtype: what to store the matrices in, e.g. ``"bfloat16"``; None is as they were trained.

    Raises:
        ModelError: the weights are not what ``hyperparameters.yaml`` says, or do not fit the model.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if checkpoint.lora is None:
        raise ModelError(f"{checkpoint.directory} has no {LORA_WEIGHTS}")
    for problem in lora_problems(checkpoint, hf_config, base or "its base"):
        raise ModelError(problem)
    if checkpoint.peft:
        weights = load_file(checkpoint.directory / "adapter_model.safetensors")
    else:
        weights = {}
        for name, (a, b) in _matrices(checkpoint, checkpoint.lora, hf_config).items():
            weights[f"{PREFIX}{name}.lora_A.weight"] = a
            weights[f"{PREFIX}{name}.lora_B.weight"] = b
    modules = sorted({name.rsplit(".", 3)[-3] for name in weights})
    # Copies, since a slice of a fused matrix would carry all of it into the file.
    stored = {
        name: weight.to(getattr(torch, dtype) if dtype else weight.dtype, copy=True).contiguous()
        for name, weight in weights.items()
    }
    save_file(stored, out / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": checkpoint.lora.r,
        "lora_alpha": checkpoint.lora.alpha,
        "lora_dropout": checkpoint.lora.dropout,
        "target_modules": modules,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _matrices(
    checkpoint: Checkpoint, lora: LoraSettings, hf_config: Mapping[str, Any]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """(A, B) by Hugging Face module; A has ``r`` rows, B ``r`` columns."""
    path = checkpoint.directory / LORA_WEIGHTS
    weights = {name: weight for name, weight in load_weights(path).items() if "lora_" in name}
    if not weights:
        raise ModelError(f"{path} has no LoRA weights in it")
    heads = Heads.of(checkpoint.model_config)
    qkv_targets = [target in lora.targets for target in ("query", "key", "value")]
    if interleaved(weights):
        if all(qkv_targets):
            # litgpt < 0.5 then added the three updates in the order Q, K, V to rows in another order.
            raise ModelError(
                f"{path} is from a litgpt before 0.5 and adapts query, key and value at once, which cannot be taken "
                "apart: merge it with the litgpt that trained it and open the merged weights"
            )
        weights = modern(weights, heads)

    matrices: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name in sorted(weights):
        module, _, kind = name.rpartition(".")
        if kind == "lora_B":
            continue
        a, b = weights[name], weights.get(f"{module}.lora_B")
        if b is None:
            raise ModelError(f"{path} has {name} without its lora_B")
        parts = qkv_modules(module)
        if parts is not None:
            matrices |= _qkv(path, module, a, b, parts, qkv_targets, heads, lora.r)
            continue
        renamed = hf_module(module)
        if renamed is None:
            raise ModelError(f"{path} adapts {module!r}, which no model of the Llama family has")
        if renamed == "lm_head" and (vocabulary := hf_config.get("vocab_size")) is not None:
            # litgpt pads a vocabulary to a round number; those rows belong to no token.
            b = b[:vocabulary]
        _check_shape(path, module, a, b, lora.r, rows=b.shape[0])
        matrices[renamed] = (a, b)
    _check_complete(path, lora, matrices, int(checkpoint.model_config.get("n_layer", 0)))
    return matrices


def _qkv(
    path: Path,
    module: str,
    a: torch.Tensor,
    b: torch.Tensor,
    names: tuple[str, str, str],
    targets: list[bool],
    heads: Heads,
    r: int,
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    enabled = [(name, rows) for name, rows, on in zip(names, heads.rows, targets, strict=True) if on]
    rows = [count for _, count in enabled]
    if a.shape[0] != r * len(enabled) or tuple(b.shape) != (sum(rows), r):
        raise ModelError(
            f"{path}: {module} has matrices of {tuple(a.shape)} and {tuple(b.shape)}; rank {r} on "
            f"{', '.join(name.rsplit('.', 1)[-1] for name, _ in enabled) or 'nothing'} would be "
            f"{(r * len(enabled), a.shape[1])} and {(sum(rows), r)}: hyperparameters.yaml belongs to another training"
        )
    import torch

    split = zip(torch.split(a, r), torch.split(b, rows), strict=True)
    return {name: pair for (name, _), pair in zip(enabled, split, strict=True)}


def _check_shape(path: Path, module: str, a: torch.Tensor, b: torch.Tensor, r: int, *, rows: int) -> None:
    if a.shape[0] != r or tuple(b.shape) != (rows, r):
        raise ModelError(
            f"{path}: {module} has matrices of {tuple(a.shape)} and {tuple(b.shape)}, not of rank {r}: "
            "hyperparameters.yaml belongs to another training"
        )


def _check_complete(path: Path, lora: LoraSettings, matrices: Mapping[str, Any], layers: int) -> None:
    """Without this an adapter that lacks a layer would load and quietly adapt less than was trained."""
    per_layer = {
        "query": ["self_attn.q_proj"],
        "key": ["self_attn.k_proj"],
        "value": ["self_attn.v_proj"],
        "projection": ["self_attn.o_proj"],
        "mlp": ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
    }
    expected = {
        f"model.layers.{layer}.{name}"
        for target in lora.targets
        for name in per_layer.get(target, ())
        for layer in range(layers)
    }
    expected |= {"lm_head"} if "head" in lora.targets else set()
    missing, surplus = sorted(expected - set(matrices)), sorted(set(matrices) - expected)
    if missing or surplus:
        what = f"lacks {missing[0]}" if missing else f"also adapts {surplus[0]}"
        raise ModelError(f"{path} {what}: hyperparameters.yaml, which adapts {', '.join(lora.targets)}, is not its own")
