"""The configuration of ``litgpt finetune_lora`` for a recipe: what it is run with, and what a checkpoint says of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .litgpt_checkpoint import TARGETS
from .litgpt_recipe import LoraRecipe, Schedule

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle

VALIDATION_BATCHES = 100
"""Micro-batches per validation in between; the last one goes over everything."""


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
