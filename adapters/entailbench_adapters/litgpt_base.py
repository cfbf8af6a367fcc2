"""Which litgpt checkpoint a model's options mean, and which model lies under a LoRA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entailbench import ModelError, OpenContext, ResolvedModel

from . import embedded
from .explained_errors import raise_first
from .hf_weights import EMBEDDED, HfOptions, locate
from .litgpt_checkpoint import Checkpoint, recognize
from .litgpt_config import read_hf_config
from .peft_checkpoint import recognize_peft, shipped_directory


@dataclass(frozen=True)
class LitgptOptions:
    """What ``[models.NAME]`` may say for ``backend = "litgpt"``."""

    checkpoint: str | None = None
    """Directory with ``lit_model.pth`` or ``lit_model.pth.lora``; without it, what ``entailbench finetune`` wrote."""
    shipped: str | None = None
    """An adapter that comes with entailbench, opened as long as nothing was trained under this name."""
    prompt_style: str | None = None
    """``"chat"`` (the tokenizer's chat template) or a litgpt style; without it, the one recorded in the checkpoint."""
    allow_other_prompt: bool = False
    """Whether it may be prompted otherwise than it was trained: with another style, tokenizer or template."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """As for ``hf``. A LoRA computes in its base's dtype."""
    device: str = "auto"
    """As for ``hf``. A LoRA runs where its base is."""
    batch_size: int | None = None
    """Rows being written at a time, at most, > 0; without it the base's, or what suits the device."""
    truncate: Literal["no", "left"] = "no"
    """As for ``hf``."""


@dataclass(frozen=True)
class Base:
    """The model under a LoRA."""

    options: HfOptions
    """As the ``hf`` backend opens it."""
    context: OpenContext
    name: str
    """What to write into ``adapter_config.json``: a hub id, or, of a model that has none, the path of ``directory``."""
    directory: Path
    """Its Hugging Face directory."""
    litgpt_names: tuple[str, ...]
    """What litgpt's own table of models may call it."""


def checkpoint_of(options: LitgptOptions, context: OpenContext) -> Checkpoint:
    """The checkpoint that a model is, recognized.

    Raises:
        ModelError: it is not trained yet, or not a whole litgpt checkpoint.
    """
    if options.checkpoint is not None:
        return recognize(context.path(options.checkpoint))
    if context.trained is not None:
        return recognize(context.trained)
    shipped = shipped_directory(options.shipped) if options.shipped else None
    if shipped is not None:
        return recognize_peft(shipped)
    lacks = f"; the adapter {options.shipped!r} is not part of this installation" if options.shipped else ""
    raise ModelError(f"it is not trained yet: run `entailbench finetune {context.name}`{lacks}")


def origin_of(options: LitgptOptions, context: OpenContext) -> str:
    """Where the weights of a model come from here and now, in a few words."""
    if options.checkpoint is not None:
        return options.checkpoint
    if context.trained is not None:
        return "trained here"
    if options.shipped and shipped_directory(options.shipped):
        return f"shipped adapter {options.shipped}"
    return "not trained yet"


def opens_lora(checkpoint: Checkpoint, context: OpenContext) -> bool:
    """Whether the LoRA in a checkpoint is used rather than the merged weights that may lie beside it."""
    return checkpoint.lora is not None and (context.base is not None or not checkpoint.full)


def full_options(checkpoint: Checkpoint, options: LitgptOptions, context: OpenContext) -> HfOptions:
    """How the ``hf`` backend opens all the weights of a checkpoint, which are converted for it, once."""
    from .litgpt_to_hf import hf_directory

    return HfOptions(
        pretrained=str(hf_directory(checkpoint, context.home, context.notify).absolute()),
        dtype=options.dtype,
        device=options.device,
        batch_size=options.batch_size,
    )


def base_of(resolved: ResolvedModel | None) -> Base:
    """The model under a LoRA, on this disk; fetched or converted if need be.

    Raises:
        ModelError: there is none, or one that a LoRA cannot be put on.
    """
    raise_first(base_problems(resolved))
    if resolved is None:
        raise ModelError("a LoRA needs a base")
    options, context = resolved.options, resolved.context
    if isinstance(options, HfOptions):
        directory = locate(options.pretrained, context, options.revision)
        last_part = options.pretrained.removeprefix(EMBEDDED).rstrip("/").rpartition("/")[2]
        is_local = options.pretrained.startswith(EMBEDDED) or context.path(options.pretrained).exists()
        name = str(directory.absolute()) if is_local else options.pretrained
        if options.pretrained.startswith(EMBEDDED):
            name = embedded.HUB_ID
        return Base(options, context, name, directory, (last_part,))
    checkpoint = checkpoint_of(options, context)
    full = full_options(checkpoint, options, context)
    directory = Path(full.pretrained)
    return Base(full, context, str(directory), directory, (str(checkpoint.model_config.get("name")),))


def base_problems(resolved: ResolvedModel | None) -> Iterator[str]:
    """Why a LoRA cannot be put on (or trained on) this kind of model, whether or not it can be opened."""
    if resolved is None:
        yield 'it is a LoRA, which needs the model it belongs to: base = "…"'
        return
    name = repr(resolved.spec.name)
    if isinstance(resolved.options, HfOptions):
        if resolved.options.adapter is not None:
            yield f"its base {name} is an adapter itself; a LoRA goes on a whole model"
    elif isinstance(resolved.options, LitgptOptions):
        try:
            checkpoint = checkpoint_of(resolved.options, resolved.context)
        except ModelError as error:
            yield f"its base {name}: {error}"
        else:
            if opens_lora(checkpoint, resolved.context):
                yield f"its base {name} is a LoRA itself; a LoRA goes on a whole model"
    else:
        yield f"its base {name} has the backend {resolved.backend.name!r}; a LoRA goes on hf or litgpt weights"


def hf_directory_on_disk(resolved: ResolvedModel) -> Path | None:
    """Where the ``config.json`` of a base lies, if it can be told without fetching or converting anything."""
    try:
        if not isinstance(resolved.options, HfOptions):
            directory = checkpoint_of(resolved.options, resolved.context).directory
        elif resolved.options.pretrained.startswith(EMBEDDED):
            directory = resolved.context.home / "models" / embedded.NAME
        else:
            directory = resolved.context.path(resolved.options.pretrained)
    except ModelError:
        # The base's own check says what is wrong with it.
        return None
    return directory if (directory / "config.json").is_file() else None


def hf_config_on_disk(resolved: ResolvedModel) -> dict[str, Any] | None:
    """``config.json`` of a base, under the same condition."""
    directory = hf_directory_on_disk(resolved)
    try:
        return None if directory is None else read_hf_config(directory)
    except ModelError:
        return None
