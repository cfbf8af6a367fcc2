"""The model to be trained: litgpt's own ``litgpt.lora.GPT``, with the random start that litgpt's command gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import TrainingError

from ..litgpt_checkpoint import FULL_WEIGHTS, MODEL_CONFIG, TARGETS, load_weights
from ..litgpt_recipe import LoraRecipe, device_here, precision_here

if TYPE_CHECKING:
    import torch
    from lightning import Fabric
    from litgpt.lora import GPT


def make_fabric(recipe: LoraRecipe) -> Fabric:
    """Lightning Fabric on one device, in the recipe's precision and quantization, as litgpt sets it up."""
    import torch
    from lightning import Fabric

    precision: Any = precision_here(recipe)
    plugins = None
    if recipe.quantize is not None:
        from lightning.fabric.plugins import BitsandbytesPrecision

        dtype = {"16-true": torch.float16, "bf16-true": torch.bfloat16, "32-true": torch.float32}[precision]
        plugins = BitsandbytesPrecision(recipe.quantize.removeprefix("bnb."), dtype)  # type: ignore[arg-type]
        precision = None
    return Fabric(accelerator=device_here(recipe), devices=1, precision=precision, plugins=plugins)


def build_model(fabric: Fabric, litgpt_directory: Path, recipe: LoraRecipe) -> GPT:
    """The base with fresh LoRA matrices on it, on the fabric's device, in training mode.

    Random numbers are drawn in the order of litgpt's ``finetune/lora.py``, so the same seed gives the same matrices.
    Where that puts bitsandbytes' ``StableEmbedding`` into quantized models, we do not: it normalizes the embeddings, so
    the matrices would be trained on another model than they are used on (SmolLM2's loss on plain text is 2.0, and 4.9
    with it).

    Args:
        fabric: of ``make_fabric``.
        litgpt_directory: the base in litgpt's form.
        recipe: rank, targets, dropout, seed, quantization.
    """
    from lightning.fabric.utilities.seed import seed_everything
    from litgpt.lora import GPT, Config, mark_only_lora_as_trainable

    config = Config.from_file(litgpt_directory / MODEL_CONFIG, **lora_settings(recipe))
    seed_everything(recipe.seed, verbose=False)
    with fabric.init_module(empty_init=False):
        model = GPT(config)
    mark_only_lora_as_trainable(model)
    fabric.setup_module(model)
    unknown = model.load_state_dict(load_weights(litgpt_directory / FULL_WEIGHTS), strict=False)
    # Without strictness, which the LoRA matrices would fail, a checkpoint of another model would load in part.
    # Quantized layers take their weights out of the table themselves.
    wrong = [name for name in (*unknown.missing_keys, *unknown.unexpected_keys) if "lora_" not in name]
    if wrong and recipe.quantize is None:
        raise TrainingError(f"{litgpt_directory / FULL_WEIGHTS} is not of this model: {wrong[0]} is missing or unknown")
    # The model was cast as a whole, and positions in bfloat16 are too coarse beyond 256 tokens; litgpt's loop computes
    # them anew, too, when it sets the longest sequence.
    model.cos, model.sin = model.rope_cache(device=fabric.device)
    model.train()
    return model


def lora_settings(recipe: LoraRecipe) -> dict[str, Any]:
    """The LoRA fields of ``litgpt.lora.Config``."""
    return {
        "lora_r": recipe.lora_r,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        **{f"lora_{target}": target in recipe.targets for target in TARGETS},
    }


def trained_parameters(model: GPT) -> dict[str, torch.nn.Parameter]:
    """The LoRA matrices by name, in the model's order."""
    # By name as well: bitsandbytes makes new parameters when it quantizes.
    return {name: each for name, each in model.named_parameters() if each.requires_grad and "lora_" in name}
