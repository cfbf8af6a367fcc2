"""``finetune(NAME)``: renders the samples, trains, and registers the checkpoint with its lineage."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entailbench import harness
from entailbench.contracts import OpenContext, Trainer, TrainingJob, TrainingOutcome
from entailbench.errors import ConfigError, EntailbenchError, PreflightError, TrainingError, UsageError
from entailbench.records import ModelSpec, SftPair
from entailbench.registry import LINEAGE_NAME, Registry
from entailbench.run_directory import to_json, write_atomically
from entailbench.runner import task_paths
from entailbench.sft import hash_pairs, read_pairs

__all__ = ["FinetuneConfig", "Finetuned", "finetune", "training_pairs"]

VALIDATION_SHARE = 0.05
"""Of a ``--data`` file without a validation file of its own: its last samples."""


@dataclass(frozen=True)
class FinetuneConfig:
    """What ``entailbench finetune`` is asked to do."""

    name: str
    data: Path | None = None
    """A file with instruction, input and output instead of the recipe's task."""
    validation_data: Path | None = None
    """Its validation file; default the last 5% of ``data``."""
    data_dir: Path | None = None
    """A folder with the data set's published files, for tasks that need one."""
    overwrite: bool = False
    """Replace an earlier checkpoint of this name."""


@dataclass(frozen=True)
class Finetuned:
    """A finished training."""

    directory: Path
    lineage: dict[str, Any]


def finetune(config: FinetuneConfig, registry: Registry, notify: Callable[[str], None]) -> Finetuned:
    """Trains ``config.name`` as its recipe says; ``run --models NAME`` opens the result.

    Raises:
        PreflightError: all the reasons why it cannot work, before anything heavy is loaded.
        TrainingError: it had begun and failed; an earlier checkpoint of this name is untouched.
    """
    spec = registry.spec(config.name)
    trainer, recipe = registry.recipe(spec)
    context = registry.resolve(spec.name, notify=notify).context
    target = registry.checkpoint(spec.name)
    problems = _problems(trainer, recipe, context)
    if target.exists() and not config.overwrite:
        problems.append(f"{target} already exists: pass --overwrite to train {spec.name!r} anew")
    train: tuple[SftPair, ...] = ()
    validation: tuple[SftPair, ...] = ()
    try:
        train, validation = training_pairs(config, spec, registry)
    except EntailbenchError as error:
        problems.append(str(error))
    if problems:
        raise PreflightError(problems)
    notify(f"training {spec.name} on {len(train):,} samples, {len(validation):,} for validation")
    partial = target.with_name(f".{spec.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot write the checkpoint to {target.parent}: {error.strerror}") from error
    try:
        outcome = trainer.train(recipe, TrainingJob(context, train, validation, partial))
        lineage = _lineage(config, spec, recipe, train, validation, outcome)
        write_atomically(partial / LINEAGE_NAME, to_json(lineage, indent=2) + "\n")
    except TrainingError as error:
        # The log in there says why; the name shows that it is no checkpoint.
        failed = target.with_name(f".{spec.name}.failed")
        shutil.rmtree(failed, ignore_errors=True)
        partial.rename(failed)
        message = str(error).replace(str(partial), str(failed))
        raise TrainingError(f"{message}; what was written is kept in {failed}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if target.exists():
        old = target.with_name(f".{spec.name}.old-{os.getpid()}")
        target.rename(old)
        partial.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.rename(target)
    return Finetuned(target, lineage)


def training_pairs(
    config: FinetuneConfig, spec: ModelSpec, registry: Registry
) -> tuple[tuple[SftPair, ...], tuple[SftPair, ...]]:
    """Training and validation samples: from ``--data``, else from the recipe's task.

    Raises:
        UsageError: the data is missing, malformed or too small.
    """
    if config.data is not None:
        pairs = read_pairs(config.data)
        if config.validation_data is not None:
            return pairs, read_pairs(config.validation_data)
        held_out = max(1, math.ceil(len(pairs) * VALIDATION_SHARE))
        if len(pairs) <= held_out:
            raise UsageError(f"{config.data} has {len(pairs)} samples: too few to train on and to validate with")
        return pairs[:-held_out], pairs[-held_out:]
    if spec.train is None or spec.train.task is None:
        raise ConfigError(
            f"model {spec.name!r} has no training data: set `task` in [models.{spec.name}.train], or pass --data FILE"
        )
    loaded = {}
    for split in ("train", "validation"):
        metadata = {"data_dir": str(registry.workspace / config.data_dir) if config.data_dir else None}
        tasks, problems = harness.load_tasks([spec.train.task], task_paths(registry), split=split, metadata=metadata)
        if problems:
            raise PreflightError(problems)
        loaded[split] = tasks[0]
    return (
        harness.sft_pairs(loaded["train"], spec.train.samples),
        harness.sft_pairs(loaded["validation"], spec.train.validation_samples),
    )


def _problems(trainer: Trainer, recipe: Any, context: OpenContext) -> list[str]:
    missing = [pip for module, pip in trainer.requires.items() if find_spec(module) is None]
    if missing:
        wanted = " ".join(dict.fromkeys(missing))
        return [f"trainer {trainer.name!r} needs a package that is not installed: pip install {wanted}"]
    problems = [f"model {context.name!r}: {problem}" for problem in trainer.check(recipe, context)]
    if context.base is not None:
        problems += context.base.problems()
    return problems


def _lineage(
    config: FinetuneConfig,
    spec: ModelSpec,
    recipe: Any,
    train: tuple[SftPair, ...],
    validation: tuple[SftPair, ...],
    outcome: TrainingOutcome,
) -> dict[str, Any]:
    if not outcome.losses:
        raise TrainingError("the trainer reported no training loss: nothing shows that it trained")
    if bad := [f"step {step}: {loss}" for step, loss in outcome.losses if not math.isfinite(loss)]:
        raise TrainingError(f"the training loss is not finite ({bad[0]}): try a lower learning rate")
    return {
        "name": spec.name,
        "base": spec.base,
        "trainer": spec.train.trainer if spec.train else None,
        "task": None if config.data else (spec.train.task if spec.train else None),
        "data_file": str(config.data) if config.data else None,
        "data": hash_pairs(train, validation),
        "samples": len(train),
        "validation_samples": len(validation),
        "recipe": asdict(recipe),
        "losses": outcome.losses,
        "validation_losses": outcome.validation_losses,
        "facts": dict(outcome.facts),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": sys.version.split()[0], "entailbench": version("entailbench")},
    }
