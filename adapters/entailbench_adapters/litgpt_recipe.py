"""The recipe of the trainer ``litgpt-lora``, and the configuration that litgpt gets for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from entailbench import TrainingError, UnknownNameError

from .litgpt_checkpoint import TARGETS

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle

CHAT = "chat"
"""The prompt style that is the base's own chat template."""
MAX_WARMUP_STEPS = 100
VALIDATION_BATCHES = 100
"""Micro-batches per validation in between; the last one goes over everything."""


@dataclass(frozen=True)
class LoraRecipe:
    """What ``[models.NAME.train]`` may say for ``trainer = "litgpt-lora"``."""

    lora_r: int = 8
    """Rank, > 0."""
    lora_alpha: int = 16
    """The update is scaled by alpha / r."""
    lora_dropout: float = 0.05
    """Of the input of each LoRA, in [0, 1)."""
    lora_query: bool = True
    lora_key: bool = False
    lora_value: bool = True
    lora_projection: bool = False
    """The attention's output projection."""
    lora_mlp: bool = False
    lora_head: bool = False
    epochs: int = 3
    max_steps: int | None = None
    """Optimizer steps; training ends with the epochs or with these, whatever comes first."""
    micro_batch_size: int = 2
    """Samples per forward pass."""
    global_batch_size: int = 32
    """Samples per optimizer step; a multiple of ``micro_batch_size``."""
    learning_rate: float = 3e-4
    """Peak of AdamW's learning rate, which falls to 0 along a cosine."""
    weight_decay: float = 0.02
    warmup_steps: int | None = None
    """Steps of linear warm-up, at least 1; by default a tenth of all, at most 100."""
    precision: Literal["auto", "32-true", "bf16-true", "bf16-mixed", "16-true", "16-mixed"] = "auto"
    """``auto``: 32-true on a CPU, bf16-mixed on a GPU, bf16-true for a quantized base."""
    quantize: Literal["bnb.nf4", "bnb.nf4-dq", "bnb.fp4", "bnb.fp4-dq", "bnb.int8-training"] | None = None
    """Of the base during training; needs CUDA and bitsandbytes."""
    seed: int = 1337
    """Of the LoRA's initial values, the dropout and the order of the samples."""
    prompt_style: str = CHAT
    """``"chat"`` (the base's own chat template) or a litgpt style (``"alpaca"``, ``"llama2"`` …)."""
    mask_prompt: bool = True
    """Whether only the answer counts in the loss."""
    max_seq_length: int | None = None
    """Tokens a sample may have; by default the model's context. A longer one is an error, never cut."""
    eval_interval: int = 100
    """Optimizer steps between validations."""

    @property
    def targets(self) -> tuple[str, ...]:
        """What gets a LoRA."""
        return tuple(target for target in TARGETS if getattr(self, f"lora_{target}"))


@dataclass(frozen=True)
class Schedule:
    """How many steps a recipe makes of so many samples."""

    iterations_per_step: int
    """Micro-batches per optimizer step."""
    steps: int
    """Optimizer steps in all."""
    warmup_steps: int


def schedule(recipe: LoraRecipe, samples: int) -> Schedule:
    """The steps that ``recipe`` makes of ``samples`` training samples.

    Raises:
        TrainingError: there are too few samples, or too long a warm-up.
    """
    per_step = recipe.global_batch_size // recipe.micro_batch_size
    per_epoch = math.ceil(samples / recipe.micro_batch_size) // per_step
    if per_epoch == 0:
        raise TrainingError(
            f"{samples} training samples do not fill one batch of global_batch_size = {recipe.global_batch_size}: "
            "lower it or add samples"
        )
    # litgpt lays its cosine over this many steps; the few that left-over samples add would climb up again.
    steps = min(recipe.epochs * per_epoch, recipe.max_steps or recipe.epochs * per_epoch)
    if steps == 1:
        raise TrainingError(
            f"{samples} samples make 1 step in all, and the first is warm-up: raise epochs, max_steps or the number of "
            "samples, or lower global_batch_size"
        )
    warmup = recipe.warmup_steps
    if warmup is None:
        warmup = max(1, min(MAX_WARMUP_STEPS, steps // 10))
    if warmup >= steps:
        raise TrainingError(
            f"warmup_steps = {warmup}, and {samples} samples make {steps} steps in all: the warm-up must be shorter; "
            "train longer, or with a smaller global_batch_size or warmup_steps"
        )
    return Schedule(per_step, steps, warmup)


def litgpt_settings(
    recipe: LoraRecipe, plan: Schedule, style: PromptStyle, precision: str, work: Path, *, validates: bool
) -> dict[str, Any]:
    """The configuration file for ``litgpt finetune_lora``: everything said, nothing left to its defaults."""
    return {
        "out_dir": str(work / "out"),
        "precision": precision,
        "quantize": recipe.quantize,
        "devices": 1,
        "num_nodes": 1,
        "lora_r": recipe.lora_r,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        **{f"lora_{target}": target in recipe.targets for target in TARGETS},
        "data": {
            "class_path": "litgpt.data.JSON",
            "init_args": {
                "json_path": str(work / "sft-data"),
                "mask_prompt": recipe.mask_prompt,
                "prompt_style": {"class_path": f"litgpt.prompts.{type(style).__name__}"},
                "ignore_index": -100,
                "seed": recipe.seed,
                # Four processes that each tokenize a few hundred short texts cost more than they save.
                "num_workers": 0,
            },
        },
        "train": {
            "save_interval": None,
            "log_interval": 1,
            "global_batch_size": recipe.global_batch_size,
            "micro_batch_size": recipe.micro_batch_size,
            "lr_warmup_steps": plan.warmup_steps,
            "epochs": recipe.epochs,
            "max_steps": plan.steps,
            "max_seq_length": recipe.max_seq_length,
        },
        "eval": {
            "interval": recipe.eval_interval if validates else plan.steps + 1,
            # With more, litgpt may skip its sample generation, and then leaves the model without dropout.
            "max_new_tokens": 1,
            "max_iters": VALIDATION_BATCHES,
            "initial_validation": False,
            "final_validation": validates,
            "evaluate_example": "first",
        },
        # Spelt out because the bare name "AdamW" would mean a learning rate of 1e-3.
        "optimizer": {
            "class_path": "torch.optim.AdamW",
            "init_args": {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay},
        },
        "logger_name": "csv",
        "seed": recipe.seed,
    }


def recipe_problems(recipe: LoraRecipe) -> Iterator[str]:
    """What is wrong with the recipe's values and how they go together, one sentence each."""
    from .prompt_template import named_style

    at_least_one = ("lora_r", "lora_alpha", "epochs", "micro_batch_size", "global_batch_size", "eval_interval")
    for key in (*at_least_one, "max_steps", "warmup_steps", "max_seq_length"):
        value = getattr(recipe, key)
        if value is not None and value < 1:
            yield f"{key} = {value}: it must be at least 1"
    if recipe.micro_batch_size > 0 and recipe.global_batch_size % recipe.micro_batch_size:
        yield (
            f"global_batch_size = {recipe.global_batch_size} is not a multiple of "
            f"micro_batch_size = {recipe.micro_batch_size}"
        )
    if not recipe.targets:
        yield f"no LoRA target is enabled: set at least one of {', '.join(f'lora_{target}' for target in TARGETS)}"
    if not 0 <= recipe.lora_dropout < 1:
        yield f"lora_dropout = {recipe.lora_dropout}: it must be at least 0 and below 1"
    if not 0 < recipe.learning_rate < math.inf:
        yield f"learning_rate = {recipe.learning_rate}: it must be above 0"
    if not 0 <= recipe.weight_decay < math.inf:
        yield f"weight_decay = {recipe.weight_decay}: it must not be negative"
    if not 0 <= recipe.seed < 2**32:
        yield f"seed = {recipe.seed}: it must be at least 0 and below 2**32"
    if recipe.max_steps is not None and recipe.warmup_steps is not None and recipe.warmup_steps >= recipe.max_steps:
        yield f"warmup_steps = {recipe.warmup_steps} is not less than max_steps = {recipe.max_steps}"
    if recipe.prompt_style != CHAT:
        try:
            named_style(recipe.prompt_style)
        except UnknownNameError as error:
            yield str(error)


def hardware_problems(recipe: LoraRecipe) -> Iterator[str]:
    """What the recipe asks for and this machine does not have, one sentence each."""
    from importlib.util import find_spec

    import torch

    if recipe.quantize is not None:
        if not torch.cuda.is_available():
            yield f"quantize = {recipe.quantize!r} needs a CUDA GPU, and there is none here"
        elif find_spec("bitsandbytes") is None:
            yield f"quantize = {recipe.quantize!r} needs a package that is not installed: pip install bitsandbytes"
        if recipe.precision.endswith("mixed"):
            yield f"quantize = {recipe.quantize!r} does not go with precision = {recipe.precision!r}; use bf16-true"
    if recipe.precision in ("16-true", "16-mixed") and not torch.cuda.is_available():
        yield f"precision = {recipe.precision!r} needs a CUDA GPU; on a CPU use 32-true or bf16-true"
    if recipe.precision.startswith("bf16") and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        yield f"precision = {recipe.precision!r}: this GPU has no bfloat16; use 16-mixed or 32-true"


def precision_here(recipe: LoraRecipe) -> str:
    """The precision that the recipe means on this machine."""
    import torch

    if recipe.precision != "auto":
        return recipe.precision
    if not torch.cuda.is_available():
        return "32-true"
    width = "bf16" if torch.cuda.is_bf16_supported() else "16"
    return f"{width}-true" if recipe.quantize else f"{width}-mixed"
