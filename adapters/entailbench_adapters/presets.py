"""The models that have a name without any configuration file."""

from __future__ import annotations

from collections.abc import Iterable

from entailbench import ModelSpec, TrainSpec, hookimpl

SOURCE = "built in"


@hookimpl
def entailbench_models() -> Iterable[ModelSpec]:
    """``base``: a small chat model from PyPI; ``lora``: an adapter trained on it; ``gpt35``: the paid reference."""
    return [
        ModelSpec("base", backend="hf", options={"pretrained": "embedded:SmolLM2-135M-Instruct"}, source=SOURCE),
        ModelSpec(
            "lora",
            backend="litgpt",
            base="base",
            train=TrainSpec(
                trainer="litgpt-lora",
                task="puzzte_generated",
                samples=128,
                validation_samples=32,
                recipe={
                    "epochs": 1,
                    "micro_batch_size": 8,
                    "global_batch_size": 16,
                    "learning_rate": 1e-3,
                    "precision": "32-true",
                    "lora_r": 16,
                    "lora_alpha": 32,
                    # A small model learns to reason only when all its linear layers may move.
                    "lora_query": True,
                    "lora_key": True,
                    "lora_value": True,
                    "lora_projection": True,
                    "lora_mlp": True,
                },
            ),
            source=SOURCE,
        ),
        ModelSpec("gpt35", backend="openai", options={"model": "gpt-3.5-turbo"}, source=SOURCE),
    ]
