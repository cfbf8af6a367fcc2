"""What a model is, as a hash: its weights, and its tokenizer with the prompt template.

These hashes key every cache of answers, so two models that can answer differently must not share one,
and moving a model to another folder must not change it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError, bounded

from .remembered_hash import remembered_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHUNK_BYTES = 1 << 22
LITGPT_WEIGHTS = ("lit_model.pth", "lit_model.pth.lora")
# Where a checkpoint lies and who wrote it does not change what it answers.
UNRELATED_KEYS = frozenset({"_name_or_path", "base_model_name_or_path", "transformers_version", "revision"})


def hash_weights(directory: Path, home: Path | None = None) -> str:
    """``"sha256:…"`` over all weight files of a model or adapter folder and the settings they are applied with.

    Counted are the names and contents of ``*.safetensors`` and of litgpt's ``lit_model.pth`` and
    ``lit_model.pth.lora``, by name; and what decides how the numbers are used: ``config.json`` and
    ``adapter_config.json`` without paths and versions, litgpt's ``model_config.yaml``, and the LoRA settings in
    litgpt's ``hyperparameters.yaml``. (Two adapters with the same matrices and another ``lora_alpha`` are two models.)

    Args:
        directory: of the model or adapter.
        home: cache folder; what large files hash to is remembered there (``remembered_hash``). None reads all of them.

    Raises:
        ModelError: the folder has no weights, or they cannot be read.
    """
    files = weight_files(directory)
    if not files:
        raise ModelError(f"no weights in {directory} (*.safetensors or lit_model.pth)")
    try:
        settings = _settings(directory)

        def read() -> str:
            digest = hashlib.sha256()
            for path in files:
                digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
                with path.open("rb") as stream:
                    while chunk := stream.read(CHUNK_BYTES):
                        digest.update(chunk)
            for name, text in settings:
                digest.update(f"{name}\0{text}\0".encode())
            return f"sha256:{digest.hexdigest()}"

        return read() if home is None else remembered_hash(files, settings, home, read)
    except OSError as error:
        raise ModelError(f"cannot read the weights in {directory}: {error}") from error


def weight_files(directory: Path) -> list[Path]:
    """The files in ``directory`` that hold weights, by name."""
    files = list(directory.glob("*.safetensors"))
    files += [directory / name for name in LITGPT_WEIGHTS if (directory / name).is_file()]
    return sorted(files, key=lambda path: path.name)


def _settings(directory: Path) -> list[tuple[str, str]]:
    """(file name, canonical text) of the settings that belong to the weights."""
    settings = []
    for name in ("adapter_config.json", "config.json"):
        if (directory / name).is_file():
            try:
                content = bounded.read_json(directory / name)
            except ValueError as error:
                raise ModelError(f"{directory / name} is not JSON: {error}") from error
            kept = {key: value for key, value in content.items() if key not in UNRELATED_KEYS}
            settings.append((name, json.dumps(kept, sort_keys=True)))
    if (directory / "hyperparameters.yaml").is_file():
        lines = (directory / "hyperparameters.yaml").read_text(encoding="utf-8").splitlines()
        settings.append(("hyperparameters.yaml", "\n".join(sorted(line for line in lines if line.startswith("lora_")))))
    if (directory / "model_config.yaml").is_file():
        settings.append(("model_config.yaml", (directory / "model_config.yaml").read_text(encoding="utf-8")))
    return settings


def hash_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """``"sha256:…"`` over the tokenizer (serialized) and its chat template: all that turns messages into tokens."""
    content: dict[str, Any] = {
        "chat_template": tokenizer.chat_template,
        "special_tokens": {key: str(value) for key, value in tokenizer.special_tokens_map.items()},
    }
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        serialized = json.loads(backend.to_str())
        # Padding and truncation are the caller's passing state, not the tokenizer.
        content["tokenizer"] = {key: serialized[key] for key in serialized if key not in ("padding", "truncation")}
    else:
        content["tokenizer"] = [type(tokenizer).__name__, tokenizer.get_vocab()]
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
