"""The engine ``litgpt``: litgpt's own command, with what it gets wrong routed around or checked.

litgpt decides by a directory's name whether prompts get a BOS, cuts long prompts without a word, and trains by default
on another prompt than anybody tests with. Here every sample is tokenized both ways before training starts, and what
litgpt wrote down afterwards is compared with what it was asked for.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import TrainingError, TrainingJob, TrainingOutcome, bounded

from .litgpt_checkpoint import HYPERPARAMETERS, LORA_WEIGHTS, load_weights
from .litgpt_finish import device_name, versions, write_small_files
from .litgpt_recipe import LoraRecipe, Schedule, device_here, precision_here, schedule
from .litgpt_settings import litgpt_settings
from .litgpt_start import Start

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def train_litgpt(recipe: LoraRecipe, job: TrainingJob, start: Start) -> TrainingOutcome:
    """Trains by ``litgpt finetune_lora`` and writes the checkpoint into ``job.out``.

    Raises:
        TrainingError: the samples are not what litgpt would read, it failed, or it wrote something else.
    """
    work = job.out.absolute() / ".work"
    work.mkdir()
    try:
        return _train(recipe, job, start, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _train(recipe: LoraRecipe, job: TrainingJob, start: Start, work: Path) -> TrainingOutcome:
    from .fingerprint import hash_weights
    from .litgpt_process import read_losses, run_litgpt
    from .litgpt_samples import check_samples, litgpt_rows, write_rows
    from .prompt_template import named_style

    began = time.monotonic()
    if not job.train:
        raise TrainingError("there are no training samples")
    plan = schedule(recipe, len(job.train))
    applied = start.style or named_style("default")
    view = training_view(start.directory, start.tokenizer, start.bos, work / "base")

    job.context.notify(f"checking {len(job.train) + len(job.validation)} samples")
    train_rows = litgpt_rows(job.train, start.style, start.tokenizer)
    validation_rows = litgpt_rows(job.validation, start.style, start.tokenizer)
    sizes = [
        check_samples(
            split,
            pairs,
            rows,
            litgpt_directory=view,
            style=applied,
            tokenizer=start.tokenizer,
            limit=start.limit,
            limited_by=start.limited_by,
        )
        for split, pairs, rows in (
            ("training", job.train, train_rows),
            ("validation", job.validation, validation_rows),
        )
    ]
    write_rows(train_rows, validation_rows or train_rows[:1], work / "sft-data")

    precision, device = precision_here(recipe), device_here(recipe)
    config = litgpt_settings(recipe, plan, applied, precision, work, validates=bool(validation_rows))
    final = work / "out" / "final"
    _skip_merge(final)
    job.context.notify(f"training: {plan.steps} steps of {recipe.global_batch_size} samples, {precision}")
    figures = run_litgpt(
        view, config, work, job.out / "train.log", plan.steps, job.context.notify, on_cpu=device == "cpu"
    )

    losses = read_losses(work / "out", plan.iterations_per_step)
    written = _check_result(final, {"checkpoint_dir": str(view), **config}, losses.train, plan)
    shutil.copyfile(final / LORA_WEIGHTS, job.out / LORA_WEIGHTS)
    longest_answer = max(size.longest_answer for size in sizes)
    write_small_files(start, recipe, written, job.out, target=job.target, longest_answer=longest_answer)
    for metrics in sorted((work / "out").glob("logs/csv/version_*/metrics.csv")):
        shutil.copyfile(metrics, job.out / "metrics.csv")
    return TrainingOutcome(
        losses=losses.train,
        validation_losses=losses.validation if validation_rows else (),
        facts={
            "base": start.base.name,
            "base_weights": hash_weights(start.base.directory),
            "recipe": {**asdict(recipe), "precision": precision, "warmup_steps": plan.warmup_steps},
            "steps": plan.steps,
            "samples": len(job.train),
            "validation_samples": len(job.validation),
            "sample_tokens": sizes[0].total,
            "longest_sample_tokens": max(size.longest for size in sizes),
            **figures,
            "bos": start.bos,
            "device": device_name(device),
            "seconds": round(time.monotonic() - began, 1),
            "versions": versions(),
        },
    )


def training_view(litgpt_base: Path, tokenizer: PreTrainedTokenizerBase, bos: bool, view: Path) -> Path:
    """The same checkpoint under a name that means nothing to litgpt, so that the file decides about the BOS."""
    from .litgpt_to_hf import write_litgpt_tokenizer

    view.mkdir()
    for path in litgpt_base.iterdir():
        if path.suffix in (".pth", ".yaml") or path.name in ("config.json", "generation_config.json"):
            (view / path.name).symlink_to(path.absolute())
    write_litgpt_tokenizer(tokenizer, litgpt_base, view, add_bos=bos)
    return view


def _skip_merge(final: Path) -> None:
    """litgpt merges when it has trained, unless merged weights are there already.

    The merge writes the whole model again, which nobody reads here: the LoRA is opened over its base.
    """
    final.mkdir(parents=True)
    (final / "lit_model.pth").touch()


def _check_result(
    final: Path, asked: Mapping[str, Any], losses: tuple[tuple[int, float], ...], plan: Schedule
) -> dict[str, Any]:
    """The hyperparameters written; TrainingError unless all is there, finite, and of the training asked for."""
    import torch

    from .litgpt_process import differences

    if not (final / LORA_WEIGHTS).is_file():
        raise TrainingError(f"litgpt wrote no {LORA_WEIGHTS}")
    broken = [name for name, weight in load_weights(final / LORA_WEIGHTS).items() if not torch.isfinite(weight).all()]
    if broken:
        raise TrainingError(f"the trained {broken[0]} is not finite: lower the learning rate")
    written: dict[str, Any] = bounded.parse_yaml((final / HYPERPARAMETERS).read_text(encoding="utf-8"))
    wrong = list(differences(asked, written))
    if wrong:
        raise TrainingError(f"litgpt trained with other hyperparameters than asked for: {'; '.join(wrong)}")
    if losses[-1][0] != plan.steps:
        raise TrainingError(f"litgpt made {losses[-1][0]} steps instead of {plan.steps}")
    return written
