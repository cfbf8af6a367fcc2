"""The step loop: packs → backward → clip → AdamW; and in between lines, validations and states.

Nothing in a step waits for the device. Losses stay there until a line, a validation or a state is due; then they are
fetched, and are all found finite before anything is saved.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import DivergedError, TrainingError

from . import randomness, state
from .feed import Feed, StepPacks
from .forward import token_losses
from .interruption import Interruption
from .progress import Pace, Progress
from .state import State
from .updates import Updates, rate

if TYPE_CHECKING:
    import torch
    from lightning import Fabric
    from litgpt.lora import GPT

    from ..litgpt_recipe import LoraRecipe
    from .batches import StepPlans
    from .curves import Curves
    from .samples import TokenSample
    from .validation import Validation


@dataclass
class Training:
    """What a training works with."""

    fabric: Fabric
    model: GPT
    updates: Updates
    samples: Sequence[TokenSample]
    plans: StepPlans
    recipe: LoraRecipe
    warmup: int
    """Steps."""
    budget: int
    """Tokens of a pack."""
    base_weights: str
    """Hash of what is trained on: a state belongs to it alone."""
    states: Path
    """Folder of the states."""
    curves: Curves
    validation: Validation | None
    compiled: bool
    """Whether the blocks run through ``torch.compile``."""
    notify: Callable[[str], None]

    def learning_rate(self, step: int) -> float:
        """Of a step, from 0."""
        return rate(
            step,
            peak=self.recipe.learning_rate,
            warmup=self.warmup,
            steps=len(self.plans),
            schedule=self.recipe.schedule,
        )


class Interrupted(Exception):
    """Somebody asked for the end; the state of the last step is saved."""


def run(training: Training, progress: Progress, interruption: Interruption) -> None:
    """Goes on from ``progress`` to the last step; the last state it leaves is the final one.

    Raises:
        DivergedError: a loss or a weight is no longer finite.
        TrainingError: a state cannot be written.
        Interrupted: see there.
    """
    feed = Feed(training.plans, training.samples, training.recipe, first=progress.step, budget=training.budget)
    pace = Pace(progress)
    pending: list[_Done] = []
    last_saved = began = time.monotonic()
    steps = len(training.plans)
    try:
        for packs in feed:
            loss_there, norm_there = _step(training, packs)
            progress.step = packs.number + 1
            progress.samples += packs.samples
            progress.tokens += packs.tokens
            pending.append(_Done(progress.step, loss_there, norm_there, progress.samples, progress.tokens))
            progress.computed_tokens += sum(map(len, packs.packs))
            step, ended = progress.step, progress.step == steps
            leaving = interruption.asked is not None
            validates = _validates(training, step, steps)
            saves = ended or leaving or _saves(training.recipe, step, time.monotonic() - last_saved)
            if not (pace.due or validates or saves):
                continue
            _fetch(training, pending, progress, began)
            if pace.due or ended:
                training.notify(pace.line(steps))
            if validates:
                _validate(training, progress, step, ended=ended)
                saves = saves or _is_best(training.recipe, progress)
                ended = ended or progress.stopped_early
            if saves or ended:
                save(training, progress)
                last_saved = time.monotonic()
            if ended:
                return
            if leaving:
                raise Interrupted(step)
            began = time.monotonic()
    finally:
        feed.close()


@dataclass(frozen=True)
class _Done:
    """A step that was computed, or will be when the device gets there."""

    step: int
    """Counted from 1."""
    loss: torch.Tensor
    norm: torch.Tensor | None
    """Of the gradients, where they are clipped."""
    samples: int
    """Trained on when it is done; ``tokens`` likewise."""
    tokens: int


def _step(training: Training, step: StepPacks) -> tuple[torch.Tensor, torch.Tensor | None]:
    """One optimizer step; its loss and the norm of its gradients stay on the device."""
    import torch

    fabric, total = training.fabric, torch.zeros((), device=training.fabric.device)
    for pack in step.packs:
        weights = torch.from_numpy(pack.weights).to(fabric.device, non_blocking=True)
        with fabric.autocast():
            loss = (token_losses(training.model, pack, compiled=training.compiled) * weights).sum()
        fabric.backward(loss)
        training.updates.gather()
        total += loss.detach()
    return total, training.updates.step(training.learning_rate(step.number))


def _fetch(training: Training, pending: list[_Done], progress: Progress, began: float) -> None:
    """Takes the figures of the last steps, since ``began``, from the device."""
    import torch

    losses = torch.stack([done.loss for done in pending]).tolist()
    there = [done.norm for done in pending if done.norm is not None]
    norms: Sequence[float | None] = torch.stack(there).tolist() if there else [None] * len(pending)
    # Also the time of the steps before, which only now are known to be done.
    progress.seconds += time.monotonic() - began
    for done, loss, norm in zip(pending, losses, norms, strict=True):
        if not math.isfinite(loss):
            raise DivergedError(f"the training loss became {loss} at step {done.step}: {_too_fast(training.recipe)}")
        progress.losses.append((done.step, loss))
        training.curves.train(
            done.step,
            loss,
            training.learning_rate(done.step - 1),
            epoch=done.samples / training.plans.epoch_samples,
            gradient_norm=norm,
            samples=done.samples,
            tokens=done.tokens,
            seconds=progress.seconds if done is pending[-1] else None,
        )
    pending.clear()


def _too_fast(recipe: LoraRecipe) -> str:
    advice = f"lower learning_rate = {recipe.learning_rate:g}"
    return advice if recipe.clip else f"{advice}, or clip gradients with max_grad_norm = 1.0"


def _saves(recipe: LoraRecipe, step: int, seconds: float) -> bool:
    by_steps = recipe.save_every_steps is not None and step % recipe.save_every_steps == 0
    return by_steps or (recipe.save_every_minutes > 0 and seconds >= recipe.save_every_minutes * 60)


def _validates(training: Training, step: int, steps: int) -> bool:
    if training.validation is None:
        return False
    every = training.recipe.answers_every
    return step == steps or step % training.recipe.eval_interval == 0 or (every is not None and step % every == 0)


def _validate(training: Training, progress: Progress, step: int, *, ended: bool) -> None:
    """Adds a validation to the figures, and sees whether it is the best so far or the one too many."""
    if training.validation is None:
        return
    recipe = training.recipe
    every = recipe.answers_every
    answers = ended or (every is not None and step % every == 0)
    figures = training.validation.scores() if answers else {"loss": training.validation.loss()}
    if not math.isfinite(figures["loss"]):
        raise DivergedError(f"the validation loss became {figures['loss']} at step {step}: {_too_fast(recipe)}")
    progress.validation_losses.append((step, figures["loss"]))
    if answers:
        progress.scores.append({"step": step, **figures})
        balanced = figures["balanced_accuracy"]
        if progress.best is None or balanced > progress.best[1]:
            progress.best, progress.stale = (step, balanced), 0
        else:
            progress.stale += 1
        if recipe.early_stopping and progress.stale >= recipe.patience and not ended:
            progress.stopped_early = True
    training.curves.validation(step, figures)
    training.notify(f"validation at step {step}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))


def _is_best(recipe: LoraRecipe, progress: Progress) -> bool:
    return recipe.early_stopping and progress.best is not None and progress.best[0] == progress.step


def save(training: Training, progress: Progress) -> Path:
    """Writes the state after ``progress.step``, and removes those that are no longer needed.

    Raises:
        DivergedError: a weight is not finite.
        TrainingError: the state cannot be written.
    """
    if not training.updates.finite():
        raise DivergedError(f"a weight is not finite after step {progress.step}: {_too_fast(training.recipe)}")
    tensors, facts = training.updates.state()
    generators, generator_facts = randomness.capture()
    tensors |= {f"random/{name}": tensor for name, tensor in generators.items()}
    plain: dict[str, Any] = {
        "base_weights": training.base_weights,
        "updates": facts,
        "random": generator_facts,
        "progress": progress.facts(),
    }
    path = state.save(training.states, State(progress.step, tensors, plain))
    state.prune(training.states, [progress.best[0]] if training.recipe.early_stopping and progress.best else [])
    return path


def restore(training: Training, found: State) -> Progress:
    """Puts everything back to where it was when ``found`` was saved.

    Raises:
        TrainingError: it is a state of a training on another base.
    """
    if found.facts["base_weights"] != training.base_weights:
        raise TrainingError(
            "the base has other weights than when this training was begun: put those back to resume it, or pass "
            "--overwrite to begin anew"
        )
    training.updates.restore(found.tensors, found.facts["updates"])
    prefix = "random/"
    generators = {name.removeprefix(prefix): found.tensors[name] for name in found.tensors if name.startswith(prefix)}
    randomness.restore(generators, found.facts["random"])
    return Progress.of(found.facts["progress"])
