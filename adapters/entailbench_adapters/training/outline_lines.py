"""The outline of a training as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .progress import duration

if TYPE_CHECKING:
    from ..litgpt_recipe import LoraRecipe


def lines(facts: Mapping[str, Any], recipe: LoraRecipe) -> list[str]:
    """One line for each kind of fact, their texts under each other; then one for each notice."""
    validation = f", {facts['validation_samples']:,} for validation" if facts["validation_samples"] else ""
    padding = facts["padding_share"]
    padded = (
        "" if padding is None else f"; litgpt's batches of {recipe.micro_batch_size} would be {padding:.0%} padding"
    )
    batch = f"{recipe.batch_tokens:,} tokens" if recipe.batch_tokens else f"{recipe.global_batch_size} samples"
    low, high = facts["seconds"]
    memory = facts["memory_bytes"]
    where = "GPU" if facts["device"] == "cuda" else "machine"
    rows = [
        ("base", f"{facts['base']}, {facts['precision']} on {facts['device']}"),
        ("samples", f"{facts['samples']:,} to learn {facts['target']}s{validation}"),
        (
            "longest",
            f"{facts['longest_sample_tokens']:,} of {facts['token_limit']:,} tokens "
            f"(prompt {facts['longest_prompt_tokens']:,}, answer {facts['longest_answer_tokens']:,})",
        ),
        ("tokens", f"{facts['tokens']:,} an epoch, {facts['tokens'] / facts['samples']:.0f} a sample{padded}"),
        ("computed", _computed(facts, recipe)),
        (
            "steps",
            f"{facts['steps']:,} of {batch} in at most {facts['epochs']} epochs, the first {facts['warmup_steps']:,} "
            "to warm up",
        ),
        (
            "trained",
            f"{facts['trainable_parameters']:,} of {facts['parameters']:,} parameters "
            f"({facts['trainable_share']:.2%}): LoRA of rank {recipe.lora_r} on {', '.join(recipe.targets)}",
        ),
        (
            "memory",
            f"{gib(memory[0])} to {gib(memory[1])} (estimate); the {where} has {gib(facts['memory_there_bytes'])} free",
        ),
        ("disk", f"{facts['disk_bytes'] / 1e6:,.0f} MB of {facts['disk_free_bytes'] / 1e9:,.1f} GB free"),
        (
            "time",
            f"{duration(low)} to {duration(high)} (estimate from {facts['matmul_flops_per_second'] / 1e9:,.0f} "
            "GFLOP/s, measured just now)",
        ),
    ]
    rows += [("note", notice) for notice in facts["notices"]]
    return [f"{name:<10}{text}" for name, text in rows]


def _computed(facts: Mapping[str, Any], recipe: LoraRecipe) -> str:
    tokens, computed = facts["trained_tokens"], facts["computed_tokens"]
    if recipe.engine == "litgpt":
        return f"{computed:,} tokens in all, padding included"
    shared = (
        "nothing is shared" if recipe.sharing == "none" else f"samples share beginnings (sharing = {recipe.sharing})"
    )
    return f"{computed:,} instead of {tokens:,} tokens in all ({computed / tokens:.0%}), since {shared}"


def gib(size: float) -> str:
    """``"1.5 GiB"`` for a number of bytes."""
    return f"{size / 2**30:.1f} GiB"
