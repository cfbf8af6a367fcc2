"""The models that have a name without any configuration file."""

from __future__ import annotations

from collections.abc import Iterable

from entailbench import ModelSpec, TrainSpec, hookimpl

SOURCE = "built in"
ALL_LINEAR_LAYERS = {
    # A small model learns to reason only when all its linear layers may move.
    "lora_query": True,
    "lora_key": True,
    "lora_value": True,
    "lora_projection": True,
    "lora_mlp": True,
}
FULL = TrainSpec(
    trainer="litgpt-lora",
    task="puzzte_training",
    target="worked",
    longest_target=400,
    data={"seed": 1, "heights": 260_000, "knights": 80_000, "zebra": 12_000, "questions": 2},
    validation_samples=270,
    recipe={
        "epochs": 4,
        "max_steps": 5000,
        "order": "puzzle",
        "micro_batch_size": 16,
        "global_batch_size": 256,
        "learning_rate": 1.2e-3,
        "eval_interval": 1000,
        "weight_decay": 0.0,
        "lora_dropout": 0.0,
        "precision": "bf16-true",
        "lora_r": 16,
        "lora_alpha": 32,
        **ALL_LINEAR_LAYERS,
    },
)
"""Minutes on a GPU, many hours on a CPU."""
QUICK = TrainSpec(
    trainer="litgpt-lora",
    task="puzzte_generated",
    target="proof",
    longest_target=200,
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
        **ALL_LINEAR_LAYERS,
    },
)
"""A training that shows the path on a laptop; it is far too short to teach much."""


@hookimpl
def entailbench_models() -> Iterable[ModelSpec]:
    """``base``: a small chat model; ``lora``, ``quick``: adapters for it, of a long and a short training; ``gpt35``."""
    return [
        ModelSpec("base", backend="hf", options={"pretrained": "embedded:SmolLM2-135M-Instruct"}, source=SOURCE),
        ModelSpec(
            "lora", backend="litgpt", base="base", options={"shipped": "smollm2-proofs"}, train=FULL, source=SOURCE
        ),
        ModelSpec("quick", backend="litgpt", base="base", train=QUICK, source=SOURCE),
        ModelSpec("gpt35", backend="openai", options={"model": "gpt-3.5-turbo"}, source=SOURCE),
    ]
