"""What a training will be, and about what it will cost, before it begins: what ``finetune --dry-run`` prints.

Samples, tokens and steps are counted, on the very plan that the training will follow. Time is the arithmetic of those
tokens, divided by the rate of a matrix product measured here for a moment, and by the share of that rate which whole
trainings reached (``REACHED``). Memory is the sum of what must be there at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from entailbench import PreflightError, TrainingError, TrainingJob, TrainingOutline

from ..litgpt_checkpoint import MODEL_CONFIG
from ..litgpt_recipe import LoraRecipe, device_here, precision_here, warmup_of
from . import batches
from .feed import lay_out, pack_budget
from .model import lora_settings
from .outline_lines import gib, lines
from .problems import disk_bytes, disk_problems, free_disk_bytes, notices, training_problems
from .samples import TokenSample, samples_of

if TYPE_CHECKING:
    from litgpt.lora import GPT

    from ..litgpt_start import Start
    from .batches import StepPlans

SAMPLED_STEPS = 24
"""Steps whose packs are laid out to see what sharing saves; they stand for all."""
MATMUL_SECONDS = 0.3
REACHED = {"cpu": (0.35, 0.75), "cuda": (0.3, 0.65)}
"""Least and greatest share of a large product's rate that a whole training step is expected to reach.

CPU: measured with SmolLM2-135M on one core, in processor seconds: 0.60 to 0.63 in float32, 0.54 to 0.57 in bfloat16,
0.48 to 0.51 with a LoRA on every layer; the range is wider, for packing, updates and other work on the machine. CUDA:
bare loops over litgpt's and PEFT's 7B models reached 0.50 to 0.54; small models, whose kernels are short, less.
"""
GENERATING = 0.1
"""The same for a model that writes answers, a token a row a time."""
MEMORY_MARGIN = (0.8, 1.4)
"""Around the sum. SmolLM2-135M in bfloat16 on a CPU: 1.8 GiB at its peak, 1.5 to 2.5 estimated."""
PROCESS_BYTES = {"cpu": 0.7 * 2**30, "cuda": 0.6 * 2**30}
"""Of Python with its packages, and of CUDA's context, before anything is loaded."""
BYTES = {"32-true": 4.0, "bf16-true": 2.0, "16-true": 2.0, "bf16-mixed": 4.0, "16-mixed": 4.0}
"""Per parameter of the base, by precision."""
QUANTIZED_BYTES = {"bnb.nf4": 0.57, "bnb.nf4-dq": 0.52, "bnb.fp4": 0.57, "bnb.fp4-dq": 0.52, "bnb.int8-training": 1.1}
"""Per parameter of a linear layer, its scales included."""
FAST_BF16 = 1.5
"""From this ratio of rates on, a CPU's bfloat16 is worth a word."""


@dataclass(frozen=True)
class Work:
    """The tokens of a training."""

    tokens: int
    """Of all samples in all steps."""
    computed: int
    """That go through the model for them."""
    unshared: int
    """That would go through it if nothing were shared or padded."""
    reads: int
    """Places at which the vocabulary's logits are computed."""
    most_reads: int
    """The same in one forward pass."""
    longest: int
    """Tokens of the longest forward pass."""


@dataclass(frozen=True)
class Sizes:
    """Parameters of a model with its LoRA."""

    base: int
    linear: int
    """Of the linear layers of all blocks, without the head."""
    head: int
    lora: int


def outline(recipe: LoraRecipe, job: TrainingJob, start: Start) -> TrainingOutline:
    """Counts and estimates the training of ``job``; computes nothing but a few matrix products.

    Args:
        recipe: found sound by itself.
        job: what to train on.
        start: on what base.

    Raises:
        PreflightError: with everything that would stop or spoil it.
    """
    train, validation = samples_of(job, start.tokenizer)
    problems = list(training_problems(recipe, job, start, train, validation))
    model = meta_model(recipe, start) if not problems else None
    sizes = sizes_of(model) if model is not None else None
    if sizes is not None:
        problems += disk_problems(job.work or job.out, sizes.lora)
    if problems or model is None or sizes is None:
        raise PreflightError(problems)

    device, precision = device_here(recipe), precision_here(recipe)
    plans = batches.plan(train, recipe)
    budget = _budget(recipe, model, device)
    work = work_of(recipe, plans, train, budget)
    rate = matmul_rate(device, precision, model.config)
    low, high = seconds_of(recipe, job.target, work, sizes, model.config, train, validation, len(plans), rate, device)
    memory = memory_bytes(recipe, sizes, model.config, work, precision, device)
    room = _memory_here(device)
    told = [*notices(recipe, train, validation), *_hardware_notices(recipe, device, precision, rate, model.config)]
    if memory * MEMORY_MARGIN[0] > room:
        told.append(
            f"this may need {gib(memory)} of memory, and there are {gib(room)}: lower pack_tokens, or use a smaller "
            "precision"
        )
    facts: dict[str, Any] = {
        "engine": recipe.engine,
        "base": start.base.name,
        "device": device,
        "precision": precision,
        "target": job.target,
        "samples": len(train),
        "validation_samples": len(validation),
        "tokens": sum(map(len, train)),
        "longest_prompt_tokens": max(len(sample.prompt) for sample in (*train, *validation)),
        "longest_answer_tokens": max(len(sample.answer) for sample in (*train, *validation)),
        "longest_sample_tokens": max(map(len, (*train, *validation))),
        "mean_answer_tokens": round(sum(len(sample.answer) for sample in train) / len(train), 1),
        "token_limit": start.limit,
        "padding_share": padding_share(train, recipe),
        "epochs": recipe.epochs,
        "steps": len(plans),
        "warmup_steps": warmup_of(recipe, len(plans), len(train)),
        "trained_tokens": work.tokens,
        "unshared_tokens": work.unshared,
        "computed_tokens": work.computed,
        "pack_tokens": budget if recipe.engine == "packed" else None,
        "trainable_parameters": sizes.lora,
        "parameters": sizes.base + sizes.lora,
        "trainable_share": round(sizes.lora / (sizes.base + sizes.lora), 6),
        "memory_bytes": [round(memory * margin) for margin in MEMORY_MARGIN],
        "memory_there_bytes": room,
        "disk_bytes": disk_bytes(sizes.lora),
        "disk_free_bytes": free_disk_bytes(job.work or job.out),
        "matmul_flops_per_second": round(rate),
        "seconds": [round(low, 1), round(high, 1)],
        "notices": told,
    }
    return TrainingOutline(facts, tuple(lines(facts, recipe)))


def meta_model(recipe: LoraRecipe, start: Start) -> GPT:
    """The model to be trained, without its numbers."""
    import torch
    from litgpt.lora import GPT, Config, mark_only_lora_as_trainable

    with torch.device("meta"):
        model = GPT(Config.from_file(start.directory / MODEL_CONFIG, **lora_settings(recipe)))
    mark_only_lora_as_trainable(model)
    return model


def sizes_of(model: GPT) -> Sizes:
    """Its parameters, by what is done with them."""
    named = dict(model.named_parameters())
    frozen = {name: weight.numel() for name, weight in named.items() if not weight.requires_grad}
    return Sizes(
        base=sum(frozen.values()),
        linear=sum(size for name, size in frozen.items() if name.startswith("transformer.h.") and "norm" not in name),
        head=sum(size for name, size in frozen.items() if name.startswith("lm_head.")),
        lora=sum(weight.numel() for weight in named.values() if weight.requires_grad),
    )


def padding_share(samples: Sequence[TokenSample], recipe: LoraRecipe) -> float | None:
    """Share of the tokens of litgpt's own batches that are padding, in its order, in one epoch; None below one step."""
    plain = replace(recipe, order="litgpt", batch_tokens=None, balance_classes=False, epochs=1, max_steps=None)
    try:
        plans = batches.plan(samples, plain)
    except TrainingError:
        return None
    rows = [[len(samples[number]) for number in batch] for step in plans.steps for batch in step]
    padded = sum(max(lengths) * len(lengths) for lengths in rows)
    return round(1 - sum(map(sum, rows)) / padded, 4)


def work_of(recipe: LoraRecipe, plans: StepPlans, samples: Sequence[TokenSample], budget: int) -> Work:
    """The tokens of all steps; what sharing saves is seen on some of them."""
    numbers = [[number for batch in step for number in batch] for step in plans.steps]
    tokens = sum(len(samples[number]) for step in numbers for number in step)
    if recipe.engine == "litgpt":
        rows = [[len(samples[number]) for number in batch] for step in plans.steps for batch in step]
        computed = sum(max(lengths) * len(lengths) for lengths in rows)
        most = max(max(lengths) * len(lengths) for lengths in rows)
        return Work(tokens, computed, tokens, computed, most, most)
    # An answer's last token is predicted, but never read.
    unshared = sum(len(samples[number]) - 1 for step in numbers for number in step)
    every = max(1, len(plans) // SAMPLED_STEPS)
    laid_out = [lay_out(step, plans[step], samples, recipe, budget) for step in range(0, len(plans), every)]
    seen = sum(len(samples[number]) - 1 for step in range(0, len(plans), every) for number in numbers[step])
    packs = [packed for step in laid_out for packed in step.packs]
    return Work(
        tokens=tokens,
        computed=round(sum(map(len, packs)) / seen * unshared),
        unshared=unshared,
        reads=round(sum(len(packed.reads) for packed in packs) / seen * unshared),
        most_reads=max(len(packed.reads) for packed in packs),
        longest=max(map(len, packs)),
    )


def flops_of(work: Work, sizes: Sizes, config: Any, context: float, *, packed: bool = True) -> float:
    """Floating-point operations of the training: forward, and backward without the frozen weights' gradients.

    A frozen weight costs 2 operations a token forward and 2 backward, a trained one 2 and 4 (Kaplan et al. 2020,
    https://arxiv.org/abs/2001.08361, section 2.1); attention 4 a layer, head dimension and token seen forward, and
    twice that backward.

    Args:
        work: tokens.
        sizes: parameters.
        config: litgpt's, of the model.
        context: tokens that a token sees on average.
        packed: whether the last block runs only where a token is predicted, and so hardly counts.
    """
    blocks = config.n_layer - 1 if packed else config.n_layer
    linear = (4 * sizes.linear + 6 * sizes.lora) * blocks / config.n_layer * work.computed
    head = 4 * sizes.head * work.reads
    attention = 12 * blocks * config.n_head * config.head_size * context * work.computed
    return float(linear + head + attention)


def seconds_of(
    recipe: LoraRecipe,
    target: str,
    work: Work,
    sizes: Sizes,
    config: Any,
    train: Sequence[TokenSample],
    validation: Sequence[TokenSample],
    steps: int,
    rate: float,
    device: str,
) -> tuple[float, float]:
    """The range in which the training's time should lie, validations included, start-up not."""
    context = sum(len(sample) ** 2 for sample in train) / (2 * sum(map(len, train)))
    flops = flops_of(work, sizes, config, context, packed=recipe.engine == "packed")
    generated = 0.0
    if validation:
        forward = 2 * (sizes.linear + sizes.lora) * sum(map(len, validation)) * work.computed / max(1, work.unshared)
        flops += forward * (1 + steps // recipe.eval_interval)
        if recipe.engine == "packed" and target != "label":
            times = 1 + (steps // recipe.answers_every if recipe.answers_every else 0)
            answers = sum(len(sample.answer) for sample in validation)
            generated = 2 * (sizes.linear + sizes.lora + sizes.head) * answers * times
    slow, fast = REACHED[device]
    extra = generated / (rate * GENERATING)
    return flops / (rate * fast) + extra / 2, flops / (rate * slow) + extra


def memory_bytes(recipe: LoraRecipe, sizes: Sizes, config: Any, work: Work, precision: str, device: str) -> float:
    """What the training has in memory at its peak: of the GPU, or of this process."""
    if recipe.quantize is not None:
        weights = QUANTIZED_BYTES[recipe.quantize] * (sizes.linear + sizes.head)
        weights += 2 * (sizes.base - sizes.linear - sizes.head)
    else:
        weights = BYTES[precision] * sizes.base
    width = 4 if precision == "32-true" else 2
    # Its value, gradient and two moments in float32, and where it computes in 16 bits value and gradient there.
    lora = (16 if precision.endswith(("mixed", "32-true")) else 20) * sizes.lora
    inner = config.intermediate_size or 4 * config.n_embd
    per_token = config.n_layer * width * (12 * config.n_embd + 4 * inner)
    # Logits, their float32 copy, and the gradients of both.
    logits = work.most_reads * config.padded_vocab_size * (2 * width + 8)
    return float(PROCESS_BYTES[device] + weights + lora + per_token * work.longest + logits)


def matmul_rate(device: str, precision: str, config: Any) -> float:
    """Operations a second of a product as large as the model's, the best of what ``MATMUL_SECONDS`` allow."""
    import torch

    dtype = torch.float32 if precision == "32-true" else torch.float16 if precision[:2] == "16" else torch.bfloat16
    inner = config.intermediate_size or 4 * config.n_embd
    rows = 2048
    one = torch.ones(rows, config.n_embd, dtype=dtype, device=device)
    other = torch.ones(config.n_embd, inner, dtype=dtype, device=device)
    operations = 2.0 * rows * config.n_embd * inner
    best, began = 0.0, time.perf_counter()
    while time.perf_counter() - began < MATMUL_SECONDS or not best:
        repeats = 16 if device == "cuda" else 1
        before = _now(device)
        for _ in range(repeats):
            one @ other
        best = max(best, repeats * operations / max(_now(device) - before, 1e-9))
    return best


def _now(device: str) -> float:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _budget(recipe: LoraRecipe, model: GPT, device: str) -> int:
    import torch

    return pack_budget(recipe, model, torch.device(device))


def _hardware_notices(recipe: LoraRecipe, device: str, precision: str, rate: float, config: Any) -> list[str]:
    """Whether a CPU's bfloat16 is what the user takes it for: measured, since no flag says it everywhere."""
    if device != "cpu" or precision not in ("32-true", "bf16-true", "bf16-mixed"):
        return []
    other = matmul_rate(device, "bf16-true" if precision == "32-true" else "32-true", config)
    if precision == "32-true":
        if other > FAST_BF16 * rate:
            return [f'this CPU is {other / rate:.1f} times as fast in bfloat16: try precision = "bf16-true"']
    elif rate < other:
        return [
            f"this CPU has no fast bfloat16: it is {other / rate:.1f} times as fast in float32; "
            'use precision = "32-true"'
        ]
    return []


def _memory_here(device: str) -> int:
    """Bytes of memory that the device has, or that this machine has left for more processes."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil  # type: ignore[import-untyped]

    return int(psutil.virtual_memory().available)
