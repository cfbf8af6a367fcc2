"""The engine ``packed``: from samples to a checkpoint that looks as if litgpt's own command had written it."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import PreflightError, TrainingError, TrainingJob, TrainingOutcome

from ..litgpt_checkpoint import LORA_WEIGHTS
from ..litgpt_finish import device_name, versions, write_small_files
from ..litgpt_recipe import LoraRecipe, Schedule, compiles_here, precision_here, warmup_of
from ..litgpt_settings import litgpt_settings
from ..litgpt_start import Start
from . import batches, loop, state
from .interruption import listening
from .progress import Progress
from .samples import TokenSample, sample_problems, samples_of

if TYPE_CHECKING:
    import torch
    from lightning import Fabric
    from litgpt.lora import GPT

    from .validation import Validation

STATES = "states"
"""Folder of the states in the job's working folder."""


def train_packed(recipe: LoraRecipe, job: TrainingJob, start: Start) -> TrainingOutcome:
    """Trains, or goes on with a training, and writes the checkpoint into ``job.out``.

    Raises:
        PreflightError: every problem with the samples.
        TrainingError: it could not be finished; names the last good state.
        KeyboardInterrupt: somebody asked for the end; the state of the last step is saved.
    """
    states = (job.work or job.out) / STATES
    try:
        return _train(recipe, job, start, states)
    except TrainingError as error:
        raise type(error)(f"{error}; {_last_good(states)}") from error
    except OSError as error:
        reason = f"cannot write {error.filename or job.out}: {error.strerror or error}"
        raise TrainingError(f"{reason}; {_last_good(states)}") from error
    except RuntimeError as error:
        # What torch raises on a GPU, and what it says on a CPU.
        if type(error).__name__ != "OutOfMemoryError" and "not enough memory" not in str(error):
            raise
        raise TrainingError(f"memory ran out: set a lower pack_tokens; {_last_good(states)}") from error


def _last_good(states: Path) -> str:
    kept = state.newest(states)
    if kept is None:
        return "no state was saved yet"
    return f"the last good state, of step {int(kept.name.removeprefix('step-'))}, is {kept}"


def prepare_samples(
    recipe: LoraRecipe, job: TrainingJob, start: Start
) -> tuple[tuple[TokenSample, ...], tuple[TokenSample, ...]]:
    """The training and the validation samples as tokens.

    Raises:
        PreflightError: with each that is empty or too long.
    """
    train, validation = samples_of(job, start.tokenizer)
    problems = [
        problem
        for split, samples in (("training", train), ("validation", validation))
        for problem in sample_problems(split, samples, limit=start.limit, limited_by=start.limited_by)
    ]
    if not train:
        problems.append("there are no training samples")
    if recipe.early_stopping and not validation:
        problems.append("early_stopping = true, but there are no validation samples to stop by")
    if problems:
        raise PreflightError(problems)
    return train, validation


def _train(recipe: LoraRecipe, job: TrainingJob, start: Start, states: Path) -> TrainingOutcome:
    import torch

    from ..fingerprint import hash_weights
    from .curves import Curves
    from .feed import pack_budget
    from .model import build_model, make_fabric, trained_parameters
    from .updates import Updates

    began = time.monotonic()
    notify = job.context.notify
    train, validation = prepare_samples(recipe, job, start)
    plans = batches.plan(_as_targets(train, recipe), recipe)
    warmup = warmup_of(recipe, len(plans), len(train))
    precision = precision_here(recipe)
    fabric = make_fabric(recipe)
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    model = build_model(fabric, start.directory, recipe)
    parameters = trained_parameters(model)
    found = state.latest(states, notify) if job.resume else None
    budget = pack_budget(recipe, model, fabric.device)
    training = loop.Training(
        fabric=fabric,
        model=model,
        updates=Updates(parameters, recipe, getattr(fabric.strategy.precision, "scaler", None)),
        samples=_as_targets(train, recipe),
        plans=plans,
        recipe=recipe,
        warmup=warmup,
        budget=budget,
        base_weights=hash_weights(start.base.directory),
        states=states,
        curves=Curves(job.out, recipe, resumed_at=found.step if found else 0, name=job.context.name),
        validation=_validation(fabric, model, start, validation, job, recipe, budget),
        compiled=compiles_here(recipe),
        notify=notify,
    )
    progress = loop.restore(training, found) if found else Progress()
    if job.resume:
        notify(f"going on after step {found.step}" if found else "no state was saved yet: starting from the beginning")
    if not (progress.step == len(plans) or progress.stopped_early):
        notify(f"training: {len(plans)} steps of {_batch(recipe)}, {precision} on {device_name(fabric.device.type)}")
        with listening(notify) as interruption:
            try:
                loop.run(training, progress, interruption)
            except loop.Interrupted as stop:
                raise KeyboardInterrupt(f"stopped after step {stop}; its state is saved") from stop
    if recipe.early_stopping and progress.best is not None and progress.best[0] != progress.step:
        notify(f"taking the weights of step {progress.best[0]}, balanced accuracy {progress.best[1]:.4f}")
        training.updates.put_weights(state.load(state.at(states, progress.best[0])).tensors)
    training.curves.close()
    _write_weights(training.updates.weights(), model, job.out / LORA_WEIGHTS)
    longest_answer = max(len(sample.answer) for sample in (*train, *validation))
    settings = _hyperparameters(recipe, start, Schedule(1, len(plans), warmup), precision, bool(validation))
    write_small_files(start, recipe, settings, job.out, target=job.target, longest_answer=longest_answer)
    peak = torch.cuda.max_memory_allocated() if fabric.device.type == "cuda" else None
    if peak is not None:
        notify(f"peak memory: {peak / 2**30:.1f} GiB")
    return TrainingOutcome(
        losses=tuple(progress.losses),
        validation_losses=tuple(progress.validation_losses),
        facts={
            "base": start.base.name,
            "base_weights": training.base_weights,
            "recipe": {**asdict(recipe), "precision": precision, "warmup_steps": warmup},
            "steps": progress.step,
            "planned_steps": len(plans),
            "best_step": progress.best[0] if recipe.early_stopping and progress.best else None,
            "validation_scores": progress.scores,
            "samples": len(train),
            "validation_samples": len(validation),
            "sample_tokens": sum(map(len, train)),
            "longest_sample_tokens": max(map(len, (*train, *validation))),
            "trainable_parameters": sum(parameter.numel() for parameter in parameters.values()),
            "trained_samples": progress.samples,
            "trained_tokens": progress.tokens,
            "computed_tokens": progress.computed_tokens,
            "bos": start.bos,
            "device": device_name(fabric.device.type),
            "peak_memory_bytes": peak,
            "training_seconds": round(progress.seconds, 1),
            "seconds": round(time.monotonic() - began, 1),
            "versions": versions(),
        },
    )


def _as_targets(samples: Sequence[TokenSample], recipe: LoraRecipe) -> Sequence[TokenSample]:
    """Samples of which the "answer" is all that counts in the loss."""
    if recipe.mask_prompt:
        return samples
    return [replace(sample, prompt=sample.prompt[:1], answer=sample.prompt[1:] + sample.answer) for sample in samples]


def _validation(
    fabric: Fabric,
    model: GPT,
    start: Start,
    samples: Sequence[TokenSample],
    job: TrainingJob,
    recipe: LoraRecipe,
    budget: int,
) -> Validation | None:
    from .validation import Validation

    targets = _as_targets(samples, recipe)
    return Validation(fabric, model, start.tokenizer, samples, targets, job, recipe, budget) if samples else None


def _batch(recipe: LoraRecipe) -> str:
    if recipe.batch_tokens is not None:
        return f"{recipe.batch_tokens:,} tokens"
    return f"{recipe.global_batch_size} samples"


def _write_weights(weights: dict[str, torch.Tensor], model: GPT, path: Path) -> None:
    """``lit_model.pth.lora`` as litgpt writes it; under its name only when it is whole."""
    import torch

    # In the order of litgpt's own file.
    names = [name for name in model.state_dict() if name in weights]
    # Through memory, because torch would write the path's name into the file.
    content = io.BytesIO()
    torch.save({"model": {name: weights[name].cpu().clone() for name in names}}, content)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content.getvalue())
    partial.rename(path)


def _hyperparameters(
    recipe: LoraRecipe, start: Start, plan: Schedule, precision: str, validates: bool
) -> dict[str, Any]:
    """What litgpt's own command would have written down: other programs read it there."""
    from ..prompt_template import named_style

    style = start.style or named_style("default")
    return litgpt_settings(recipe, plan, style, precision, Path(), validates=validates)
