"""What is wrong with a recipe of ``litgpt-lora``, in itself and on this machine, one sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterator

from entailbench import UnknownNameError

from .litgpt_checkpoint import TARGETS
from .litgpt_recipe import CHAT, INT8, LoraRecipe, has_bf16

AT_LEAST_ONE = (
    *("lora_r", "lora_alpha", "epochs", "micro_batch_size", "global_batch_size", "eval_interval"),
    *("max_steps", "warmup_steps", "max_seq_length", "batch_tokens", "pack_tokens", "validate_every", "patience"),
    "save_every_steps",
)
ONLY_PACKED = (
    *("batch_tokens", "pack_tokens", "sharing", "order", "balance_classes", "loss_average", "schedule"),
    *("max_grad_norm", "validate_every", "early_stopping", "patience", "save_every_steps", "save_every_minutes"),
    *("compile", "logger"),
)
"""What litgpt's own loop knows nothing of. A key's default is nobody's wish, and passes."""
LITGPT_DOES = {
    "sharing": ("none",),
    "loss_average": ("micro_batch",),
    "max_grad_norm": (0, None),
    "compile": (False,),
    "save_every_minutes": (0,),
}
"""Values other than the defaults that come to what it does anyway."""


def recipe_problems(recipe: LoraRecipe) -> Iterator[str]:
    """What is wrong with the recipe's values and how they go together, one sentence each."""
    from .prompt_template import named_style

    for key in AT_LEAST_ONE:
        value = getattr(recipe, key)
        if value is not None and value < 1:
            yield f"{key} = {value}: it must be at least 1"
    if recipe.micro_batch_size > 0 and recipe.global_batch_size % recipe.micro_batch_size:
        yield (
            f"global_batch_size = {recipe.global_batch_size} is not a multiple of "
            f"micro_batch_size = {recipe.micro_batch_size}"
        )
    for key in ("max_grad_norm", "save_every_minutes"):
        value = getattr(recipe, key)
        if value is not None and not 0 <= value < math.inf:
            yield f"{key} = {value}: it must not be negative"
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
    if recipe.engine == "litgpt":
        yield from _litgpt_cannot(recipe)


def _litgpt_cannot(recipe: LoraRecipe) -> Iterator[str]:
    """What litgpt's own loop would not do, although the recipe says so."""
    plain = LoraRecipe()
    refused = {key: getattr(recipe, key) for key in ONLY_PACKED if getattr(recipe, key) != getattr(plain, key)}
    allowed = {key: value for key, value in LITGPT_DOES.items() if key in refused and refused[key] in value}
    for key, value in refused.items():
        if key not in allowed:
            shown = str(value).lower() if isinstance(value, bool) else repr(value)
            yield f'{key} = {shown} is nothing that litgpt\'s own loop does: remove it, or use engine = "packed"'


def hardware_problems(recipe: LoraRecipe) -> Iterator[str]:
    """What the recipe asks for and this machine does not have, one sentence each."""
    from importlib.util import find_spec

    import torch

    on_gpu = torch.cuda.is_available() and recipe.device != "cpu"
    if recipe.device == "cuda" and not torch.cuda.is_available():
        yield 'device = "cuda": there is no CUDA GPU here, or torch was installed without CUDA; use device = "cpu"'
        return
    if recipe.quantize is not None:
        if not on_gpu:
            yield f"quantize = {recipe.quantize!r} needs a CUDA GPU, and there is none here"
        elif find_spec("bitsandbytes") is None:
            yield f"quantize = {recipe.quantize!r} needs a package that is not installed: pip install bitsandbytes"
        if recipe.quantize == INT8 and recipe.precision not in ("auto", "16-true"):
            yield f'quantize = {recipe.quantize!r} computes in float16 alone: use precision = "16-true"'
        elif recipe.precision.endswith("mixed"):
            yield f"quantize = {recipe.quantize!r} does not go with precision = {recipe.precision!r}; use bf16-true"
    if recipe.precision in ("16-true", "16-mixed") and not on_gpu:
        yield f"precision = {recipe.precision!r} needs a CUDA GPU; on a CPU use 32-true or bf16-true"
    if recipe.precision.startswith("bf16") and on_gpu and not has_bf16():
        yield f"precision = {recipe.precision!r}: this GPU has no bfloat16; use 16-mixed or 32-true"
