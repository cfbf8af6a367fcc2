"""What is wrong with a model or adapter folder, told from its files alone.

Reads names, sizes and headers, never weights, and imports nothing heavy: fit for checks before anything is opened.
"""

from __future__ import annotations

import struct
from pathlib import Path

from entailbench import bounded

HEADER_LIMIT_BYTES = 100_000_000
"""The largest header the safetensors format allows."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
PROMPT_LEARNING = frozenset(
    {"PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "ADAPTION_PROMPT", "CPT", "CARTRIDGE"}
)
"""PEFT methods that put virtual tokens before the prompt instead of changing layers."""


def model_problems(directory: Path) -> list[str]:
    """Why ``directory`` cannot be opened as a Hugging Face model with a tokenizer; empty when nothing is seen."""
    if not directory.is_dir():
        return [f"{directory} is not a directory" if directory.exists() else f"no directory {directory}"]
    if not (directory / "config.json").is_file():
        return [
            f"{directory} is not a Hugging Face model directory (no config.json); "
            'if it is a litgpt checkpoint use backend = "litgpt"'
        ]
    problems = []
    try:
        if "model_type" not in bounded.read_json(directory / "config.json"):
            problems.append(f"{directory / 'config.json'} names no model_type: it is not a model's configuration")
    except (ValueError, TypeError) as error:
        problems.append(f"{directory / 'config.json'} is not JSON: {error}")
    problems += _weight_problems(directory)
    if not has_tokenizer(directory):
        problems.append(f"{directory} has no tokenizer ({', '.join(TOKENIZER_FILES[:2])} or vocab.json)")
    return problems


def adapter_problems(directory: Path) -> list[str]:
    """Why ``directory`` cannot be opened as a PEFT adapter; empty when nothing is seen."""
    if not directory.is_dir():
        return [
            f"adapter {directory} is not a directory" if directory.exists() else f"no adapter directory {directory}"
        ]
    config = directory / "adapter_config.json"
    if not config.is_file():
        return [f"{directory} is not a PEFT adapter directory (no adapter_config.json)"]
    problems = []
    try:
        method = bounded.read_json(config).get("peft_type")
        if isinstance(method, str) and method in PROMPT_LEARNING:
            problems.append(f"{config}: adapters of type {method} are not supported, only those that change layers")
    except (ValueError, AttributeError) as error:
        problems.append(f"{config} is not a JSON object: {error}")
    weights = directory / "adapter_model.safetensors"
    if not weights.is_file():
        problems.append(f"{directory} has no adapter_model.safetensors")
    elif problem := safetensors_problem(weights):
        problems.append(problem)
    return problems


def has_tokenizer(directory: Path) -> bool:
    """Whether ``directory`` holds a tokenizer's vocabulary."""
    return any((directory / name).is_file() for name in TOKENIZER_FILES)


def safetensors_problem(path: Path) -> str | None:
    """Why ``path`` is no complete safetensors file (format: https://github.com/huggingface/safetensors#format)."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            prefix = stream.read(8)
            if prefix.startswith(b"version "):
                return f"{path} is a git-lfs pointer, not the weights: fetch them with git lfs pull"
            if len(prefix) < 8:
                return f"{path} is truncated: {size} bytes"
            (length,) = struct.unpack("<Q", prefix)
            if length > HEADER_LIMIT_BYTES:
                return f"{path} is not a safetensors file"
            header = stream.read(length)
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    if len(header) < length:
        return f"{path} is truncated: {size} bytes, its header alone has {8 + length}"
    try:
        tensors = bounded.parse_json(header.decode("utf-8"))
        ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        return f"{path} is not a safetensors file"
    expected = 8 + length + max(ends, default=0)
    if size < expected:
        return f"{path} is truncated: {size} of {expected} bytes; copy or download it again"
    if size > expected:
        return f"{path} is damaged: {size} bytes where its header says {expected}; copy or download it again"
    return None


def _weight_problems(directory: Path) -> list[str]:
    index = directory / "model.safetensors.index.json"
    if (directory / "model.safetensors").is_file():
        shards = [directory / "model.safetensors"]
    elif index.is_file():
        try:
            names = sorted(set(map(str, bounded.read_json(index)["weight_map"].values())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return [f"{index} is not an index of weight files: {error}"]
        if astray := [name for name in names if not _is_plain_name(name)]:
            return [f"{index} names {str(astray[0])[:100]!r}, which is no file beside it"]
        shards = [directory / name for name in names]
    elif any(directory.glob("pytorch_model*.bin")):
        return [
            f"{directory} has its weights only as pytorch_model.bin, a pickle, which can run code when it is read: "
            "take a revision or a copy of the model with model.safetensors"
        ]
    else:
        return [f"{directory} has no weights (model.safetensors)"]
    missing = [f"{index} names {shard.name}, which is missing" for shard in shards if not shard.is_file()]
    return missing or [problem for shard in shards if (problem := safetensors_problem(shard))]


def _is_plain_name(name: object) -> bool:
    """Whether it can only be a file of the same folder."""
    return (
        isinstance(name, str) and len(name) < 200 and name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}
    )
