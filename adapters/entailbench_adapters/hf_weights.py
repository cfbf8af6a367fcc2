"""Finds, fetches and loads Hugging Face models: the weights behind the backends ``hf`` and ``litgpt``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from entailbench import ModelError, OpenContext

from . import embedded
from .checkpoint_files import has_tokenizer, model_problems
from .explained_errors import explained, raise_first
from .quantization import Quantize, bitsandbytes_config, quantize_problems

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from .causal_lm import SharedBase

EMBEDDED = "embedded:"
HUB_ID = re.compile(r"(?=.{3,96}$)(?!.*(?:\.\.|--))[A-Za-z0-9_](?:[\w.-]*\w)?/[A-Za-z0-9_](?:[\w.-]*\w)?", re.ASCII)
"""As the hub allows it."""
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class HfOptions:
    """What ``[models.NAME]`` may say for ``backend = "hf"``."""

    pretrained: str
    """``embedded:SmolLM2-135M-Instruct``, a model directory (relative to the workspace), or a hub id ``org/name``."""
    adapter: str | None = None
    """A PEFT adapter directory; its own tokenizer and chat template are used where it has them."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """``auto``: float32 on a CPU, bfloat16 on a GPU that has it, else float16."""
    device: str = "auto"
    """``auto`` (a CUDA GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    quantize: Quantize | None = None
    """Weights in 4 or 8 bits, through bitsandbytes on CUDA; computing stays in ``dtype``."""
    batch_size: int | None = None
    """Rows being written at a time, at most, > 0; without it what suits the device and fits in memory."""
    truncate: Literal["no", "left"] = "no"
    """``left``: a prompt too long for the model is cut at its beginning instead of being an error row."""
    allow_other_prompt: bool = False
    """Whether a model that records its training prompt (``entailbench.json``) may be prompted otherwise."""
    trust_remote_code: bool = False
    """Whether code that comes with the checkpoint may run on this machine."""


def locate(pretrained: str, context: OpenContext, revision: str | None = None) -> Path:
    """The local Hugging Face directory of ``pretrained``; prepares the embedded model or fetches from the hub.

    Raises:
        ModelError: it is nowhere, or cannot be fetched.
    """
    if pretrained.startswith(EMBEDDED):
        raise_first(pretrained_problems(pretrained, context))
        return embedded.prepare(context.home, context.notify)
    directory = context.path(pretrained)
    if directory.exists() or not _is_hub_id(pretrained, context):
        raise_first(pretrained_problems(pretrained, context))
        return directory
    return _download(pretrained, revision, context)


def directory_here(pretrained: str, context: OpenContext, revision: str | None = None) -> Path | None:
    """Where ``locate`` will find the model, if that can be told without fetching or making anything."""
    if pretrained.startswith(EMBEDDED):
        directory = context.home / "models" / embedded.NAME
    elif _is_hub_id(pretrained, context) and not context.path(pretrained).exists():
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(pretrained, "config.json", revision=revision)
        directory = Path(found).parent if isinstance(found, str) else context.path(pretrained)
    else:
        directory = context.path(pretrained)
    return directory if (directory / "config.json").is_file() else None


def shared_base(options: HfOptions, context: OpenContext) -> SharedBase:
    """The loaded model of ``options``, once per run for all models with the same root.

    Raises:
        ModelError: it cannot be found, fetched or loaded.
    """
    directory = locate(options.pretrained, context, options.revision)
    raise_first(quantize_problems(options.quantize, options.device))
    device = _device(options.device)
    dtype = _dtype(options.dtype, device)
    key = ("hf", directory.resolve(), str(device), str(dtype), options.trust_remote_code, options.quantize)
    return context.shared.get(
        context.root or context.name,
        key,
        lambda: load(directory, device, dtype, options.trust_remote_code, options.quantize, context.home),
    )


def load_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer in ``directory``.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    with explained(f"cannot load the tokenizer of {directory}"):
        return AutoTokenizer.from_pretrained(str(directory), trust_remote_code=trust_remote_code, local_files_only=True)


def own_tokenizer(adapter: Path, *, trust_remote_code: bool = False) -> PreTrainedTokenizerBase | None:
    """The tokenizer that travels with an adapter: it carries the prompt format the adapter was trained with."""
    if not has_tokenizer(adapter):
        return None
    return load_tokenizer(adapter, trust_remote_code=trust_remote_code)


def pretrained_problems(pretrained: str, context: OpenContext) -> Iterable[str]:
    """Why ``pretrained = …`` names no model here; whether a hub id exists is only known when it is fetched."""
    if pretrained.startswith(EMBEDDED):
        name = pretrained.removeprefix(EMBEDDED)
        if name != embedded.NAME:
            return [f"there is no embedded model {name!r}; the only one is {EMBEDDED}{embedded.NAME}"]
        return embedded.problems(context.home)
    directory = context.path(pretrained)
    if directory.exists() or not _is_hub_id(pretrained, context):
        if not directory.exists() and HUB_ID.fullmatch(pretrained) is None:
            return [f"no directory {directory} (pretrained = {pretrained!r}); a hub id has the form org/name"]
        return model_problems(directory)
    return []


def _is_hub_id(pretrained: str, context: OpenContext) -> bool:
    """Whether what is no directory is meant as ``org/name``: not when the part before the slash is a folder here."""
    return (
        HUB_ID.fullmatch(pretrained) is not None
        and not pretrained.startswith(".")
        and not context.path(pretrained.split("/")[0]).is_dir()
    )


def _download(repository: str, revision: str | None, context: OpenContext) -> Path:
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    patterns = ["*.json", "*.jinja", "*.txt", "*.model", "model*.safetensors", "*.py"]
    if not isinstance(try_to_load_from_cache(repository, "config.json", revision=revision), str):
        context.notify(f"downloading {repository} from the hub, once")
    with explained(f"cannot fetch {repository} from the hub"):
        directory = Path(snapshot_download(repository, revision=revision, allow_patterns=patterns))
    raise_first(model_problems(directory))
    return directory


def load(
    directory: Path,
    device: torch.device,
    dtype: torch.dtype,
    trust_remote_code: bool,
    quantize: Quantize | None = None,
    home: Path | None = None,
) -> SharedBase:
    """Loads the model in ``directory``; for itself alone, ``shared_base`` is what models share.

    Args:
        directory: config, weights and tokenizer.
        device: what computes.
        dtype: of what is computed.
        trust_remote_code: whether code of the checkpoint may run.
        quantize: how the weights are quantized.
        home: see ``fingerprint.hash_weights``.

    Raises:
        ModelError: it cannot be read, or some of its weights are missing.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    from .causal_lm import SharedBase
    from .fingerprint import hash_weights

    logging.disable_progress_bar()  # `notify` has said what the wait is for
    tokenizer = load_tokenizer(directory, trust_remote_code=trust_remote_code)
    # bitsandbytes quantizes each weight as it comes to the device; such a model cannot be moved afterwards.
    placed: dict[str, Any] = {}
    if quantize is not None:
        placed = {"quantization_config": bitsandbytes_config(quantize, dtype), "device_map": {"": device}}
    with explained(f"cannot load the model {directory}"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(directory),
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            use_safetensors=True,  # a pickle beside them is never read
            output_loading_info=True,
            **placed,
        )
        model, report = loaded
        missing = sorted(report["missing_keys"])
        if missing:
            # transformers only warns, and answers with random numbers in their place.
            raise ModelError(f"{directory} is incomplete: no weights for {missing[0]} ({len(missing)} tensors missing)")
        model = model.eval() if placed else model.to(device).eval()
    return SharedBase(model, tokenizer, directory=directory, weights=hash_weights(directory, home), quantize=quantize)


def _device(wanted: str) -> torch.device:
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    raise_first(device_problems(wanted))
    return torch.device(wanted)


def device_problems(device: str) -> list[str]:
    """Why ``device = …`` names nothing to compute on here; torch is imported only for what is not always there."""
    if not DEVICE.fullmatch(device):
        return [f"device = {device!r}: known are auto, cpu, cuda, cuda:N, mps"]
    if device in ("auto", "cpu"):
        return []
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        there = torch.cuda.device_count() > int(number or 0)
    else:
        there = kind != "mps" or torch.backends.mps.is_available()
    return [] if there else [f'device = {device!r}: torch {torch.__version__} sees no such device here; use "auto"']


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    import torch

    if wanted != "auto":
        return getattr(torch, wanted)  # type: ignore[no-any-return]
    if device.type == "cpu":
        return torch.float32
    if device.type != "cuda" or torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float16
