"""Whole litgpt weights as a Hugging Face directory, and back; each made once and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError

from .cache_folder import made_once
from .fingerprint import hash_weights
from .litgpt_checkpoint import FULL_WEIGHTS, TOKENIZER_FILES, Checkpoint, load_weights, read_tokenizer_config
from .litgpt_config import hf_config_from_litgpt, litgpt_config, read_hf_config, write_model_config
from .litgpt_names import LLAMA_FAMILY, Heads, interleaved, modern, to_hf, to_litgpt

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

SHARD_BYTES = 4_000_000_000
"""Bytes per weight file: what is copied out of the memory-mapped original at a time."""
KEY_LENGTH = 16


def hf_directory(checkpoint: Checkpoint, home: Path, notify: Callable[[str], None]) -> Path:
    """The Hugging Face form of a litgpt checkpoint with all its weights, made once per content.

    It carries the checkpoint's tokenizer files as they are.

    Raises:
        ModelError: the architecture or a file stands in the way.
    """
    key = _key(hash_weights(checkpoint.directory, home), checkpoint.directory)
    target = home / "converted" / key

    def make(folder: Path) -> None:
        notify(f"converting {checkpoint.directory} to the Hugging Face form, once")
        write_hf(checkpoint, folder)

    return made_once(target, make)


def write_hf(checkpoint: Checkpoint, out: Path) -> None:
    """Writes the Hugging Face form of a full checkpoint into the folder ``out``."""
    if not checkpoint.full:
        raise ModelError(f"{checkpoint.directory} has no {FULL_WEIGHTS}")
    source = checkpoint.directory
    weights = load_weights(source / FULL_WEIGHTS)
    if any("lora_" in name for name in weights):
        raise ModelError(f"{source / FULL_WEIGHTS} has unmerged LoRA weights in it; run `litgpt merge_lora` first")
    heads = Heads.of(checkpoint.model_config)
    if (source / "config.json").is_file():
        config = read_hf_config(source)
    else:
        config = hf_config_from_litgpt(checkpoint.model_config, source)
    if config.get("model_type") in LLAMA_FAMILY:
        state = to_hf(modern(weights, heads), heads)
    elif interleaved(weights):
        raise ModelError(
            f"{source} was written by a litgpt before 0.5 for {config.get('model_type')!r}: convert it there"
        )
    else:
        state = _converted_by_litgpt(source, out)
    write_model(state, config, out)
    for name in (*TOKENIZER_FILES, "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"):
        _copy(source / name, out)
    _copy(source / "generation_config.json", out)


def write_model(state: Mapping[str, torch.Tensor], config: Mapping[str, Any], out: Path) -> None:
    """Writes weights and ``config.json``; ties or unties the output head as the weights have it."""
    import torch

    state = dict(state)
    config = dict(config)
    head, embeddings = state.get("lm_head.weight"), state.get("model.embed_tokens.weight")
    vocabulary = config.get("vocab_size")
    if head is not None and embeddings is not None:
        if vocabulary is not None and embeddings.shape[0] > vocabulary:
            # litgpt pads a vocabulary to a round number; those rows belong to no token.
            head, embeddings = head[:vocabulary], embeddings[:vocabulary]
            state |= {"lm_head.weight": head, "model.embed_tokens.weight": embeddings}
        tied = bool(config.get("tie_word_embeddings")) and torch.equal(head, embeddings)
        config["tie_word_embeddings"] = tied
        if tied:
            del state["lm_head.weight"]
    for old in ("torch_dtype", "dtype"):
        config.pop(old, None)
    config["dtype"] = str(next(iter(state.values())).dtype).removeprefix("torch.")
    _save_shards(state, out)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def hf_state(directory: Path) -> dict[str, torch.Tensor]:
    """The weights of a Hugging Face directory by name, memory-mapped where the format allows."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(directory.glob("*.safetensors"))
    state: dict[str, torch.Tensor] = {}
    try:
        for path in files:
            state |= load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read the weights in {directory}: {error}") from error
    if not state:
        raise ModelError(f"{directory} has no weights (*.safetensors)")
    return state


def litgpt_directory(
    source: Path,
    tokenizer: PreTrainedTokenizerBase,
    home: Path,
    notify: Callable[[str], None],
    names: tuple[str, ...] = (),
) -> Path:
    """The litgpt form of a Hugging Face directory of the Llama family, made once per content.

    Args:
        source: the Hugging Face directory.
        tokenizer: its tokenizer, as the benchmark uses it: litgpt gets the very same.
        home: the cache.
        notify: told about the wait.
        names: what the model may be called, for litgpt's own table of models.

    Raises:
        ModelError: the architecture or a file stands in the way.
    """
    config = litgpt_config(read_hf_config(source), names=names, where=str(source))
    key = _key(hash_weights(source, home), source)
    target = home / "litgpt" / key / config.name

    def make(folder: Path) -> None:
        notify(f"converting {source} to litgpt's form, once")
        write_litgpt(source, tokenizer, folder, names=names)

    return made_once(target, make)


def write_litgpt(source: Path, tokenizer: PreTrainedTokenizerBase, out: Path, *, names: tuple[str, ...] = ()) -> None:
    """Writes the litgpt form of a Hugging Face directory of the Llama family into the folder ``out``."""
    import torch

    hf_config = read_hf_config(source)
    config = litgpt_config(hf_config, names=names, where=str(source))
    state = to_litgpt(hf_state(source), tied=bool(hf_config.get("tie_word_embeddings")))
    torch.save(state, out / FULL_WEIGHTS)
    write_model_config(config, out)
    for name in ("config.json", "generation_config.json", "chat_template.jinja"):
        _copy(source / name, out)
    write_litgpt_tokenizer(tokenizer, source, out)


def write_litgpt_tokenizer(
    tokenizer: PreTrainedTokenizerBase, source: Path, out: Path, *, add_bos: bool | None = None
) -> None:
    """Writes the tokenizer files that litgpt reads.

    Args:
        tokenizer: what to write.
        source: folder with the original ``tokenizer_config.json``, whose further keys are kept.
        out: where to write.
        add_bos: whether litgpt shall put a BOS in front; None leaves that as it is in ``source``.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"the tokenizer of {source} has no tokenizer.json form, which litgpt needs")
    # Straight from what tokenizes the test prompts; a file in ``source`` may be read differently by transformers.
    backend.save(str(out / "tokenizer.json"))
    config = read_tokenizer_config(source)
    config.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
    for role in ("bos_token", "eos_token"):
        config[role] = getattr(tokenizer, role)
    if add_bos is not None:
        config["add_bos_token"] = add_bos
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _converted_by_litgpt(source: Path, out: Path) -> dict[str, torch.Tensor]:
    """Weights of an architecture outside the Llama family, through litgpt's own converter."""
    from litgpt.scripts.convert_lit_checkpoint import convert_lit_checkpoint

    work = out / "work"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            convert_lit_checkpoint(source, work)
        state = load_weights(work / "model.pth")
        # The file goes away, so its mapping must not be what the tensors live in.
        return {name: tensor.clone() for name, tensor in state.items()}
    except (NotImplementedError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"litgpt cannot convert {source} to the Hugging Face form: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _save_shards(state: Mapping[str, torch.Tensor], out: Path) -> None:
    from safetensors.torch import save_file

    sizes = {name: tensor.numel() * tensor.element_size() for name, tensor in state.items()}
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if filled and filled + size > SHARD_BYTES:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    single = len(shards) == 1
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = "model.safetensors" if single else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({name: state[name].clone().contiguous() for name in names}, out / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
    if not single:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _key(weights: str, directory: Path) -> str:
    """Cache key: the weights and every small file that goes into the other form."""
    digest = hashlib.sha256(weights.encode())
    small = ("config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja")
    for name in (*small, *TOKENIZER_FILES):
        path = directory / name
        if path.is_file():
            digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:KEY_LENGTH]


def _copy(path: Path, out: Path) -> None:
    if path.is_file():
        shutil.copyfile(path, out / path.name)
