"""What a litgpt checkpoint directory holds, told without loading its weights.

A directory is a litgpt checkpoint when ``model_config.yaml`` stands beside ``lit_model.pth`` (all the weights),
``lit_model.pth.lora`` (LoRA matrices alone, made by ``litgpt finetune_lora``, with ``hyperparameters.yaml``), or both.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError, bounded

from .prompt_record import PromptRecord, read_record

if TYPE_CHECKING:
    import torch

FULL_WEIGHTS = "lit_model.pth"
LORA_WEIGHTS = "lit_model.pth.lora"
MODEL_CONFIG = "model_config.yaml"
HYPERPARAMETERS = "hyperparameters.yaml"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")

TARGETS = ("query", "key", "value", "projection", "mlp", "head")
"""What litgpt can put a LoRA on, as in ``lora_query``, ``lora_key`` …"""


@dataclass(frozen=True)
class LoraSettings:
    """The LoRA part of ``hyperparameters.yaml``."""

    r: int
    """Rank, > 0."""
    alpha: int
    """The update is scaled by alpha / r."""
    dropout: float
    targets: tuple[str, ...]
    """A non-empty subset of ``TARGETS``, in that order."""


@dataclass(frozen=True)
class Checkpoint:
    """A recognized litgpt checkpoint."""

    directory: Path
    model_config: Mapping[str, Any]
    """Contents of ``model_config.yaml``: the fields of ``litgpt.Config``."""
    full: bool
    """Whether it has ``lit_model.pth``."""
    lora: LoraSettings | None
    """None without ``lit_model.pth.lora``."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Contents of ``hyperparameters.yaml``; empty without that file."""
    record: PromptRecord | None = None
    peft: bool = False
    """Whether it is a LoRA in the form of PEFT, as an adapter is shipped; ``model_config`` is empty then."""


def recognize(directory: Path) -> Checkpoint:
    """Reads the small files of a litgpt checkpoint and checks that its weight files are whole.

    Raises:
        ModelError: it is none, or parts of it are missing, malformed or cut off.
    """
    if not directory.exists():
        raise ModelError(f"the checkpoint directory {directory} does not exist")
    if not directory.is_dir():
        raise ModelError(f"{directory} is a file; a litgpt checkpoint is a directory with {FULL_WEIGHTS} in it")
    full, lora = (directory / FULL_WEIGHTS).is_file(), (directory / LORA_WEIGHTS).is_file()
    if not (full or lora):
        raise ModelError(f"{directory} is not a litgpt checkpoint: {_what_it_is(directory)}")
    for name in (FULL_WEIGHTS, LORA_WEIGHTS):
        if (directory / name).is_file():
            check_weights_file(directory / name)
    model_config = _yaml_mapping(directory / MODEL_CONFIG, "litgpt writes it beside the weights")
    hyperparameters: Mapping[str, Any] = {}
    if lora or (directory / HYPERPARAMETERS).is_file():
        hyperparameters = _yaml_mapping(
            directory / HYPERPARAMETERS, "it holds the rank and alpha without which the LoRA weights mean nothing"
        )
    return Checkpoint(
        directory=directory,
        model_config=model_config,
        full=full,
        lora=_lora_settings(hyperparameters, directory / HYPERPARAMETERS) if lora else None,
        hyperparameters=hyperparameters,
        record=read_record(directory),
    )


def check_weights_file(path: Path) -> None:
    """Sees whether a ``.pth`` file can be whole, without reading it.

    ``torch.save`` writes a ZIP archive whose table of contents comes last, so a file that was cut off has none.

    Raises:
        ModelError: it is empty, cut off, or no file of weights.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    size = f"{path.stat().st_size:,} bytes"
    if not start:
        raise ModelError(f"{path} is empty")
    # Before torch 1.6 a file was a bare pickle, which tells nothing about its end.
    if start[:1] == b"\x80":
        return
    if start != b"PK\x03\x04":
        raise ModelError(f"{path} ({size}) is not a file of weights; a Git LFS pointer or an error page, perhaps")
    try:
        with zipfile.ZipFile(path) as archive:
            archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(
            f"{path} ({size}) is truncated: the end of the archive is missing; copy or download it again"
        ) from error


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a ``.pth`` file by name, memory-mapped, on the CPU.

    Raises:
        ModelError: the file is damaged, or holds anything but tensors.
    """
    import pickle

    import torch

    check_weights_file(path)
    with path.open("rb") as stream:
        is_archive = stream.read(2) == b"PK"
    try:
        content = torch.load(path, map_location="cpu", mmap=is_archive, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path} cannot be read as weights: {reason}") from error
    if isinstance(content, dict):
        content = content.get("model", content)
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ModelError(f"{path} does not hold a table of tensors")
    return content


def adds_bos(trained_as: str, tokenizer_config: Mapping[str, Any]) -> bool:
    """Whether litgpt 0.5 puts a BOS in front of the prompts of a model that lies in a directory of this name.

    Args:
        trained_as: the name of the directory that litgpt was given, of which it looks at the part before the
            last dot, and, for one case, at the end.
        tokenizer_config: contents of ``tokenizer_config.json``.
    """
    stem = Path(trained_as).stem
    if stem.startswith(("Meta-Llama-3", "Llama-3")):
        return True
    if stem.startswith("SmolLM2") and trained_as.endswith("Instruct"):
        return True
    if "add_bos_token" in tokenizer_config:
        return bool(tokenizer_config["add_bos_token"])
    return tokenizer_config.get("tokenizer_class") == "LlamaTokenizer"


def checkpoint_adds_bos(checkpoint: Checkpoint) -> bool:
    """Whether a BOS stood in front of this checkpoint's prompts in training: recorded, or by litgpt's rule.

    For weights that were only converted, not trained, the directory's own name stands in for the one trained from.
    """
    if checkpoint.record is not None:
        return checkpoint.record.bos
    trained_from = checkpoint.hyperparameters.get("checkpoint_dir")
    name = Path(str(trained_from)).name if trained_from else checkpoint.directory.name
    return adds_bos(name, read_tokenizer_config(checkpoint.directory))


def read_tokenizer_config(directory: Path) -> dict[str, Any]:
    """``tokenizer_config.json``, or nothing where there is none.

    Raises:
        ModelError: it is malformed.
    """
    return _json_mapping(directory / "tokenizer_config.json")


def misfits(config: Mapping[str, Any], hf_config: Mapping[str, Any]) -> Iterator[str]:
    """Where a ``model_config.yaml`` differs from a Hugging Face ``config.json``, e.g. ``"30 layers, not 2"``."""
    heads = hf_config.get("num_attention_heads")
    width = hf_config.get("hidden_size")
    head_size = hf_config.get("head_dim") or (width // heads if heads and width else None)
    n_head, n_embd = config.get("n_head"), config.get("n_embd")
    own_head_size = config.get("head_size") or (n_embd // n_head if n_head and n_embd else None)
    pairs = (
        ("layers", config.get("n_layer"), hf_config.get("num_hidden_layers")),
        ("hidden units", n_embd, width),
        ("attention heads", n_head, heads),
        ("key-value heads", config.get("n_query_groups") or n_head, hf_config.get("num_key_value_heads") or heads),
        ("dimensions a head", own_head_size, head_size),
        ("MLP units", config.get("intermediate_size"), hf_config.get("intermediate_size")),
    )
    for what, own, other in pairs:
        if own is not None and other is not None and own != other:
            yield f"{own} {what}, not {other}"
    own_vocabulary = config.get("padded_vocab_size") or config.get("vocab_size")
    vocabulary = hf_config.get("vocab_size")
    if own_vocabulary is not None and vocabulary is not None and own_vocabulary < vocabulary:
        yield f"{own_vocabulary} tokens, not {vocabulary}"


def _what_it_is(directory: Path) -> str:
    if (directory / "adapter_config.json").is_file():
        return f'it is a PEFT adapter; use backend = "hf" with adapter = "{directory}"'
    if (directory / "config.json").is_file():
        return 'it is a Hugging Face directory; use backend = "hf"'
    final = directory / "final"
    if any((final / name).is_file() for name in (LORA_WEIGHTS, FULL_WEIGHTS)):
        return f"its checkpoint lies in {final}"
    if not any(directory.iterdir()):
        return "it is empty"
    return f"it has neither {FULL_WEIGHTS} nor {LORA_WEIGHTS}"


def _lora_settings(hyperparameters: Mapping[str, Any], path: Path) -> LoraSettings:
    r, alpha, dropout = (hyperparameters.get(f"lora_{key}") for key in ("r", "alpha", "dropout"))
    if not isinstance(r, int) or not isinstance(alpha, int | float) or r < 1:
        raise ModelError(f"{path} has no usable lora_r and lora_alpha")
    targets = tuple(target for target in TARGETS if hyperparameters.get(f"lora_{target}"))
    if not targets:
        raise ModelError(f"{path} enables no LoRA target (lora_query, lora_value, …)")
    return LoraSettings(r, int(alpha), float(dropout or 0.0), targets)


def _yaml_mapping(path: Path, why: str) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path} is missing; {why}")
    try:
        content = bounded.parse_yaml(bounded.read_bounded(path).decode("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a table of settings")
    return content


def _json_mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = bounded.read_json(path)
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a table of settings")
    return content
