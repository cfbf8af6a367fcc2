"""What was trained with litgpt, written so that plain PEFT, transformers, lm-eval, vLLM or litgpt open it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from entailbench import ModelError

from .cache_folder import new_folder
from .hf_export import TIED_HEAD, adapts_head
from .hf_weights import load_tokenizer
from .litgpt_base import Base
from .litgpt_checkpoint import FULL_WEIGHTS, MODEL_CONFIG, Checkpoint, checkpoint_adds_bos
from .litgpt_config import litgpt_config, read_hf_config, write_model_config
from .litgpt_names import to_litgpt
from .litgpt_prompting import prompting_tokenizer, starts_with_bos, style_for_litgpt, trained_style
from .litgpt_to_hf import hf_state, write_hf, write_litgpt_tokenizer, write_model
from .litgpt_to_peft import PREFIX, peft_directory, write_peft
from .prompt_parity import CHAT
from .prompt_record import record_prompt
from .prompt_template import style_name, write_style

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

GENERATION_CONFIG = "generation_config.json"


def export(
    checkpoint: Checkpoint,
    prompt_style: str | None,
    base: Base | None,
    home: Path,
    format: str,
    out: Path,
    notify: Callable[[str], None],
    *,
    dtype: str | None = None,
) -> None:
    """Writes a checkpoint into the new folder ``out``; nothing is there if it fails.

    Args:
        checkpoint: what to export.
        prompt_style: the user's choice, or None for what the checkpoint says.
        base: the model under a LoRA; None exports all the weights that the checkpoint has itself.
        home: the cache.
        format: ``"peft"``, ``"hf"`` or ``"litgpt"``.
        out: must not exist, or be empty.
        notify: told what others cannot do with the result.
        dtype: what ``"peft"`` stores the LoRA in; None is as it was trained.

    Raises:
        ModelError: the format cannot hold this checkpoint, or something stands in the way of writing it.
    """
    if format == "peft" and base is None:
        raise ModelError(f"{checkpoint.directory} has all its weights merged, so there is no adapter to export; use hf")
    base_tokenizer = load_tokenizer(base.directory) if base else None
    tokenizer = prompting_tokenizer(checkpoint, prompt_style, base_tokenizer)
    with new_folder(out) as folder:
        if format == "peft" and base is not None:
            hf_config = read_hf_config(base.directory)
            write_peft(checkpoint, hf_config, folder, base=base.name, dtype=dtype)
            tokenizer.save_pretrained(folder)
            if hf_config.get("tie_word_embeddings") and adapts_head(folder):
                notify(TIED_HEAD)
        elif format == "hf":
            if base is None:
                write_hf(checkpoint, folder)
            else:
                write_model(merged_state(checkpoint, base, home), read_hf_config(base.directory), folder)
                _copy(base.directory / GENERATION_CONFIG, folder)
            tokenizer.save_pretrained(folder)
        elif format == "litgpt":
            _export_litgpt(checkpoint, prompt_style, base, home, tokenizer, folder)
        else:
            raise ModelError(f"there is no export format {format!r}; use peft, hf or litgpt")
        _write_record(checkpoint, prompt_style, tokenizer, folder)


def merged_state(checkpoint: Checkpoint, base: Base, home: Path) -> dict[str, torch.Tensor]:
    """The base's weights with the LoRA added, under Hugging Face names.

    All are in the finer one of the base's and the LoRA's precisions: what training computed is not rounded away. A
    LoRA on the output head gives the model a head of its own, also where the base's is its embedding matrix.

    Raises:
        ModelError: the LoRA does not fit.
    """
    import torch
    from safetensors.torch import load_file

    hf_config = read_hf_config(base.directory)
    adapter = load_file(peft_directory(checkpoint, hf_config, home) / "adapter_model.safetensors")
    if checkpoint.lora is None:
        raise ModelError(f"{checkpoint.directory} has no LoRA to merge")
    state = hf_state(base.directory)
    if hf_config.get("tie_word_embeddings"):
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    tensors = (*state.values(), *adapter.values())
    precision = reduce(torch.promote_types, (tensor.dtype for tensor in tensors))
    scale = checkpoint.lora.alpha / checkpoint.lora.r
    for key, a in adapter.items():
        if not key.endswith(".lora_A.weight"):
            continue
        module = key.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        name = f"{module}.weight"
        b = adapter[f"{PREFIX}{module}.lora_B.weight"]
        if name not in state or state[name].shape != (b.shape[0], a.shape[1]):
            raise ModelError(f"{checkpoint.directory} does not fit {base.directory}: no matching {name}")
        state[name] = (state[name].float() + scale * (b.float() @ a.float())).to(precision)
    return {name: weight.to(precision) for name, weight in state.items()}


def _export_litgpt(
    checkpoint: Checkpoint,
    prompt_style: str | None,
    base: Base | None,
    home: Path,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
) -> None:
    import torch

    if base is None:
        for name in (FULL_WEIGHTS, MODEL_CONFIG, "config.json", GENERATION_CONFIG):
            _copy(checkpoint.directory / name, folder)
    else:
        hf_config = read_hf_config(base.directory)
        torch.save(to_litgpt(merged_state(checkpoint, base, home), tied=False), folder / FULL_WEIGHTS)
        write_model_config(litgpt_config(hf_config, names=base.litgpt_names, where=str(base.directory)), folder)
        for name in ("config.json", GENERATION_CONFIG):
            _copy(base.directory / name, folder)
    chat = trained_style(checkpoint, prompt_style) is None
    add_bos = _adds_bos(checkpoint, chat, tokenizer)
    tokenizer.save_pretrained(folder)
    write_litgpt_tokenizer(tokenizer, folder, folder, add_bos=add_bos)
    write_style(style_for_litgpt(checkpoint, prompt_style, tokenizer), folder)


def _write_record(
    checkpoint: Checkpoint, prompt_style: str | None, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """What the export is to be prompted with, so that nobody has to guess it again."""
    style, own = trained_style(checkpoint, prompt_style), checkpoint.record
    record_prompt(
        folder,
        tokenizer,
        prompt_style=CHAT if style is None else style_name(style),
        bos=_adds_bos(checkpoint, style is None, tokenizer),
        target=own.target if own else None,
        answer_tokens=own.answer_tokens if own else None,
    )


def _adds_bos(checkpoint: Checkpoint, chat: bool, tokenizer: PreTrainedTokenizerBase) -> bool:
    return starts_with_bos(tokenizer) if chat and tokenizer.chat_template else checkpoint_adds_bos(checkpoint)


def _copy(path: Path, folder: Path) -> None:
    if path.is_file():
        shutil.copyfile(path, folder / path.name)
