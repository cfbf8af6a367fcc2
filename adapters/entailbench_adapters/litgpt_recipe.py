"""The recipe of the trainer ``litgpt-lora``, and what it means for so many samples on this machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from entailbench import TrainingError

from .litgpt_checkpoint import TARGETS

CHAT = "chat"
"""The prompt style that is the base's own chat template."""
MAX_WARMUP_STEPS = 100
INT8 = "bnb.int8-training"
"""Quantization that computes in float16 and nothing else."""


@dataclass(frozen=True)
class LoraRecipe:
    """What ``[models.NAME.train]`` may say for ``trainer = "litgpt-lora"``."""

    engine: Literal["packed", "litgpt"] = "packed"
    """``packed``: litgpt's modules in our own loop over packs of tokens, resumable; ``litgpt``: its own command."""
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
    """Samples per forward pass of litgpt's loop. Ours packs as many as ``pack_tokens`` allow; micro-batches matter to
    it for ``loss_average = "micro_batch"`` and for what an epoch leaves over."""
    global_batch_size: int = 32
    """Samples per optimizer step; a multiple of ``micro_batch_size``."""
    batch_tokens: int | None = None
    """Tokens per optimizer step, instead of ``global_batch_size``: whole samples until there are as many."""
    pack_tokens: int | None = None
    """Tokens of one forward pass, shared ones counted once; None is what suits the device."""
    sharing: Literal["tree", "prefix", "none"] = "tree"
    """What is computed once for several samples: every common beginning, the one that all have, or nothing."""
    order: Literal["litgpt", "puzzle"] = "litgpt"
    """Of the samples: shuffled as litgpt's loader does, or whole puzzles together, the puzzles shuffled."""
    balance_classes: bool = False
    """Whether samples of the rarer labels are repeated until an epoch has as many of each."""
    loss_average: Literal["token", "micro_batch"] | None = None
    """Over what a step's loss is the mean: all its answer tokens, or those of each micro-batch and then the
    micro-batches, as litgpt does; None is the engine's: ``token`` for ours."""
    learning_rate: float = 3e-4
    """Peak of AdamW's learning rate."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Of the learning rate after the warm-up: down to 0 along a cosine or a line, or as it is."""
    max_grad_norm: float | None = 1.0
    """Longer gradients are shortened to this; None or 0 clips none (and litgpt's own loop never does)."""
    weight_decay: float = 0.02
    warmup_steps: int | None = None
    """Steps of linear warm-up, at least 1; by default a tenth of all, at most 100."""
    precision: Literal["auto", "32-true", "bf16-true", "bf16-mixed", "16-true", "16-mixed"] = "auto"
    """``auto``: 32-true on a CPU, bf16-mixed on a GPU, bf16-true for a quantized base (16-true for 8 bits)."""
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
    """Optimizer steps between validation losses."""
    validate_every: int | None = None
    """Optimizer steps between validations that let the model answer, which takes longer; None: only at the end, and
    with ``early_stopping`` every ``eval_interval`` steps."""
    early_stopping: bool = False
    """Whether training ends when balanced accuracy on the validation samples rises no more; the best state is taken."""
    patience: int = 3
    """Validations in a row without a new best that ``early_stopping`` waits for."""
    save_every_steps: int | None = None
    """Optimizer steps between states that ``--resume`` can go on from; None leaves it to the minutes."""
    save_every_minutes: float = 5.0
    """Minutes between such states; 0 leaves it to the steps."""
    compile: Literal["auto"] | bool = "auto"
    """Whether torch compiles the model's blocks first, which takes a minute; ``auto``: on a GPU, not quantized."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; ``auto`` takes a GPU if there is one."""
    logger: Literal["none", "tensorboard", "wandb"] = "none"
    """Where curves go besides ``losses.csv``."""

    @property
    def averages(self) -> Literal["token", "micro_batch"]:
        """``loss_average``, or the engine's where the recipe leaves it open."""
        return self.loss_average or ("micro_batch" if self.engine == "litgpt" else "token")

    @property
    def clip(self) -> float | None:
        """The norm that gradients are shortened to, or None."""
        return self.max_grad_norm or None

    @property
    def answers_every(self) -> int | None:
        """Steps between validations that let the model answer; None for the last one alone."""
        return self.validate_every or (self.eval_interval if self.early_stopping else None)

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
    return Schedule(per_step, steps, warmup_of(recipe, steps, samples))


def warmup_of(recipe: LoraRecipe, steps: int, samples: int) -> int:
    """Steps of warm-up in a training of so many steps, which that many samples make.

    Raises:
        TrainingError: the warm-up would take all of them.
    """
    size = "global_batch_size" if recipe.batch_tokens is None else "batch_tokens"
    if steps == 1:
        raise TrainingError(
            f"{samples} samples make 1 step in all, and the first is warm-up: raise epochs, max_steps or the number of "
            f"samples, or lower {size}"
        )
    warmup = recipe.warmup_steps
    if warmup is None:
        warmup = max(1, min(MAX_WARMUP_STEPS, steps // 10))
    if warmup >= steps:
        raise TrainingError(
            f"warmup_steps = {warmup}, and {samples} samples make {steps} steps in all: the warm-up must be shorter; "
            f"train longer, or with a smaller {size} or warmup_steps"
        )
    return warmup


def device_here(recipe: LoraRecipe) -> Literal["cpu", "cuda"]:
    """The device that the recipe means on this machine."""
    import torch

    if recipe.device != "auto":
        return recipe.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def compiles_here(recipe: LoraRecipe) -> bool:
    """Whether the recipe means compiled blocks on this machine."""
    if recipe.compile != "auto":
        return recipe.compile
    return device_here(recipe) == "cuda" and recipe.quantize is None


def precision_here(recipe: LoraRecipe) -> str:
    """The precision that the recipe means on this machine."""

    if recipe.precision != "auto":
        return recipe.precision
    if recipe.quantize == INT8:
        return "16-true"
    if device_here(recipe) == "cpu":
        return "32-true"
    width = "bf16" if has_bf16() else "16"
    return f"{width}-true" if recipe.quantize else f"{width}-mixed"


def has_bf16() -> bool:
    """Whether the GPU computes in bfloat16 by itself; torch also counts those that only emulate it, slowly."""
    import torch

    return torch.cuda.is_bf16_supported(including_emulation=False)
