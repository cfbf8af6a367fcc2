"""Exports of ``hf`` models: a PEFT adapter folder, or one plain model directory with the adapter merged in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError, OpenContext, bounded

from . import embedded
from .cache_folder import new_folder
from .checkpoint_files import adapter_problems
from .explained_errors import explained, raise_first
from .hf_weights import EMBEDDED, HfOptions, load, load_tokenizer, locate, own_tokenizer
from .prompt_record import read_record, record_prompt
from .shared_base import quiet_peft

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from .shared_base import SharedBase

TIED_HEAD = (
    "this adapter has a LoRA of the output head, which the base ties to its embeddings: lm-eval's hf cannot open it; "
    "for lm-eval export with --format hf"
)
"""What to tell about a PEFT export that transformers trips over when it ties the weights of the wrapped model."""


def export_adapter(options: HfOptions, context: OpenContext, out: Path) -> None:
    """Writes the adapter, its tokenizer and the name of its base into the new folder ``out``.

    Raises:
        ModelError: the model has no adapter, or a folder cannot be read or written.
    """
    if options.adapter is None:
        raise ModelError(
            f"model {context.name!r} has no adapter to export as peft; use --format hf for the whole model"
        )
    source = context.path(options.adapter)
    raise_first(adapter_problems(source))
    base = locate(options.pretrained, context, options.revision)
    config = bounded.read_json(source / "adapter_config.json")
    local = context.path(options.pretrained).exists()
    config["base_model_name_or_path"] = str(base.resolve()) if local else options.pretrained
    if options.pretrained.startswith(EMBEDDED):
        config["base_model_name_or_path"] = embedded.HUB_ID
    tokenizer = _tokenizer(source, base, options)
    with new_folder(out) as folder, explained(f"cannot write {out}"):
        shutil.copyfile(source / "adapter_model.safetensors", folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        tokenizer.save_pretrained(folder)
        _pass_on_record(source, tokenizer, folder)
        if adapts_head(folder) and _tied(base, options):
            context.notify(TIED_HEAD)


def adapts_head(adapter: Path) -> bool:
    """Whether a PEFT adapter folder has LoRA matrices for the output head."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as tensors:
        return any(".lm_head.lora_" in key or ".embed_out.lora_" in key for key in tensors.keys())  # noqa: SIM118


def export_model(options: HfOptions, context: OpenContext, out: Path) -> None:
    """Writes the whole model into the new folder ``out``: a copy, or with its adapter merged.

    A merged model has the tokenizer of the adapter, where that has one, and is stored in ``options.dtype``, by
    default in the dtype of its base.

    Raises:
        ModelError: a folder cannot be read or written, or the adapter does not fit.
    """
    import torch

    base = locate(options.pretrained, context, options.revision)
    with new_folder(out) as folder, explained(f"cannot write {out}"):
        if options.adapter is None:
            for path in base.iterdir():
                if path.is_file():
                    shutil.copyfile(path, folder / path.name)
            return
        source = context.path(options.adapter)
        raise_first(adapter_problems(source))
        # Summed in float32 and only then rounded to the dtype the base is stored in.
        loaded = load(base, torch.device("cpu"), torch.float32, options.trust_remote_code)
        merge_adapter(loaded, source, folder, dtype=_stored_dtype(options.dtype, base))
        tokenizer = _tokenizer(source, base, options)
        tokenizer.save_pretrained(folder)
        _pass_on_record(source, tokenizer, folder)


def merge_adapter(base: SharedBase, adapter: Path, out: Path, *, dtype: torch.dtype) -> None:
    """Writes ``base`` with ``adapter`` added into its weights as a model directory ``out``, without a tokenizer.

    An adapter on the output head (or the embeddings) of a model with tied embeddings makes the two differ: the
    merged model is then untied and has an ``lm_head.weight`` of its own. ``base`` is used up by this.
    """
    import torch
    from peft import PeftModel

    model: Any = base.model
    with quiet_peft(), explained(f"cannot merge {adapter} into {base.directory}"):
        if getattr(model.config, "tie_word_embeddings", False):
            head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
            head.weight = torch.nn.Parameter(embeddings.weight.detach().clone())
            model.config.tie_word_embeddings = False
            merged: Any = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
            head, embeddings = merged.get_output_embeddings(), merged.get_input_embeddings()
            if torch.equal(head.weight, embeddings.weight):
                merged.config.tie_word_embeddings = True
                merged.tie_weights()
        else:
            merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        merged.to(dtype).save_pretrained(out)


def _pass_on_record(source: Path, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    record = read_record(source)
    if record is not None:
        record_prompt(
            folder,
            tokenizer,
            prompt_style=record.prompt_style,
            bos=record.bos,
            target=record.target,
            answer_tokens=record.answer_tokens,
        )


def _tokenizer(adapter: Path, base: Path, options: HfOptions) -> PreTrainedTokenizerBase:
    code = options.trust_remote_code
    return own_tokenizer(adapter, trust_remote_code=code) or load_tokenizer(base, trust_remote_code=code)


def _tied(base: Path, options: HfOptions) -> bool:
    from transformers import AutoConfig

    # Not from config.json itself: architectures differ in what its absence means.
    config: Any = AutoConfig.from_pretrained(str(base), trust_remote_code=options.trust_remote_code)
    return bool(getattr(config, "tie_word_embeddings", False))


def _stored_dtype(wanted: str, base: Path) -> torch.dtype:
    import torch

    if wanted == "auto":
        config = bounded.read_json(base / "config.json")
        wanted = config.get("dtype") or config.get("torch_dtype") or "float32"
    return getattr(torch, wanted)  # type: ignore[no-any-return]
