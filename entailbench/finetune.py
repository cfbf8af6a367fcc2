"""``finetune(NAME)``: renders the samples, trains, and registers the checkpoint with its lineage."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entailbench.contracts import OpenContext, Trainer, TrainingJob, TrainingOutcome, TrainingOutline
from entailbench.errors import DivergedError, EntailbenchError, PreflightError, TrainingError, UsageError
from entailbench.lineage import commit_of
from entailbench.overlap import PUZZLES_NAME, Overlap, puzzles_of_pairs, puzzles_to_json
from entailbench.records import ModelSpec, SftPair
from entailbench.registry import LINEAGE_NAME, Registry
from entailbench.run_directory import to_json, write_atomically
from entailbench.sft import hash_pairs
from entailbench.training_data import TrainingData, training_data
from entailbench.training_folder import TrainingFolder, changes
from entailbench.training_leaks import training_leaks

__all__ = ["FinetuneConfig", "Finetuned", "finetune", "outline", "training_pairs"]


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
    """Replace an earlier checkpoint of this name, or one that was begun."""
    resume: bool = False
    """Go on with the training of this name that was begun."""
    target: str | None = None
    """What the samples teach to write, instead of the recipe's ``target``."""
    original_split: bool = False
    """Take the data set's splits as they were published, though they share puzzles; the model is marked leaked."""
    allow_leak: bool = False
    """Train also where validation or test samples are about puzzles of the training samples."""


@dataclass(frozen=True)
class Finetuned:
    """A finished training."""

    directory: Path
    lineage: dict[str, Any]


@dataclass(frozen=True)
class _Prepared:
    """A training of which all that can be checked beforehand is found sound."""

    spec: ModelSpec
    trainer: Trainer
    recipe: Any
    data: TrainingData
    job: TrainingJob
    outline: TrainingOutline
    folder: TrainingFolder
    overlaps: Mapping[str, Overlap]


def outline(config: FinetuneConfig, registry: Registry, notify: Callable[[str], None]) -> TrainingOutline:
    """What ``finetune`` would do; checks everything and writes nothing.

    Raises:
        PreflightError: all the reasons why it cannot work.
    """
    return _prepare(config, registry, notify, writes=False).outline


def finetune(config: FinetuneConfig, registry: Registry, notify: Callable[[str], None]) -> Finetuned:
    """Trains ``config.name`` as its recipe says; ``run --models NAME`` opens the result.

    Raises:
        PreflightError: all the reasons why it cannot work, before anything is computed.
        TrainingError: it had begun and failed; an earlier checkpoint of this name is untouched.
        KeyboardInterrupt: the user stopped it; what can be gone on with is kept.
    """
    prepared = _prepare(config, registry, notify, writes=True)
    name, folder = prepared.spec.name, prepared.folder
    with folder:
        described = _described(prepared, config)
        if config.resume:
            _check_same(folder.begun_job(), described, name)
        else:
            if folder.unfinished and not config.overwrite:
                # It was not there when everything else was checked.
                raise UsageError(_unfinished(folder))
            folder.begin(described)
        for line in prepared.outline.lines:
            notify(line)
        try:
            outcome = prepared.trainer.train(prepared.recipe, prepared.job)
            lineage = _lineage(config, prepared, outcome, registry)
            puzzles = puzzles_to_json(puzzles_of_pairs(prepared.data.train))
            write_atomically(folder.checkpoint / PUZZLES_NAME, puzzles)
            write_atomically(folder.checkpoint / LINEAGE_NAME, to_json(lineage, indent=2) + "\n")
            folder.finish()
        except TrainingError as error:
            said, left = str(error), _what_is_left(folder, error)
            if not folder.checkpoint.exists():
                said = said.replace(str(folder.checkpoint), str(folder.failed))
            raise type(error)(f"{said}{left}") from error
        except KeyboardInterrupt as stop:
            said = f"{stop}: " if str(stop) else ""
            if folder.unfinished:
                notify(f"{said}the same command with --resume goes on, with --overwrite it begins anew")
            raise
    return Finetuned(folder.target, lineage)


def training_pairs(
    config: FinetuneConfig, spec: ModelSpec, registry: Registry
) -> tuple[tuple[SftPair, ...], tuple[SftPair, ...]]:
    """Training and validation samples; see ``training_data``."""
    data = training_data(config, spec, registry)
    return data.train, data.validation


def _prepare(config: FinetuneConfig, registry: Registry, notify: Callable[[str], None], *, writes: bool) -> _Prepared:
    spec = registry.spec(config.name)
    trainer, recipe = registry.recipe(spec)
    context = registry.resolve(spec.name, notify=notify).context
    folder = TrainingFolder(registry.checkpoint(spec.name))
    problems = _folder_problems(config, folder, trainer) if writes else []
    problems += _problems(trainer, recipe, context)
    data = None
    try:
        data = training_data(config, spec, registry)
    except EntailbenchError as error:
        problems.append(str(error))
    if problems or data is None:
        raise PreflightError(problems)
    for line in data.lines():
        notify(line)
    overlaps = training_leaks(data, config, registry, allowed=config.allow_leak, notify=notify)
    job = TrainingJob(
        context,
        data.train,
        data.validation,
        folder.checkpoint,
        resume=config.resume,
        read_answer=data.read_answer,
        target=data.target,
        work=folder.work,
    )
    return _Prepared(spec, trainer, recipe, data, job, trainer.outline(recipe, job), folder, overlaps)


def _folder_problems(config: FinetuneConfig, folder: TrainingFolder, trainer: Trainer) -> list[str]:
    name, target = config.name, folder.target
    if config.resume and config.overwrite:
        return ["--resume goes on with what --overwrite would throw away: pass one of them"]
    if folder.busy:
        return [folder.in_use]
    if config.resume:
        if not trainer.resumes:
            return [f"trainer {trainer.name!r} cannot go on with a training that was stopped: --resume is not for it"]
        if not folder.begun:
            done = f"{target} is finished, and " if target.exists() else ""
            return [f"{done}no training of {name!r} was begun and stopped: there is nothing to resume"]
    elif not config.overwrite:
        if folder.unfinished:
            return [_unfinished(folder)]
        if target.exists():
            return [f"{target} already exists: pass --overwrite to train {name!r} anew"]
    return []


def _unfinished(folder: TrainingFolder) -> str:
    return (
        f"a training of {folder.target.name!r} was begun and not finished ({folder.path}): pass --resume to go on "
        "with it, or --overwrite to begin anew"
    )


def _what_is_left(folder: TrainingFolder, error: TrainingError) -> str:
    """What to do after a failure; and the log, where the trainer wrote one, is brought to safety."""
    if folder.unfinished and isinstance(error, DivergedError):
        return ". With the same recipe it would come to this again: change it, and begin anew with --overwrite"
    if folder.unfinished:
        return ". What it had reached is kept: --resume goes on with it, --overwrite begins anew"
    return folder.set_aside()


def _problems(trainer: Trainer, recipe: Any, context: OpenContext) -> list[str]:
    missing = [pip for module, pip in trainer.requires.items() if find_spec(module) is None]
    if missing:
        wanted = " ".join(dict.fromkeys(missing))
        return [f"trainer {trainer.name!r} needs a package that is not installed: pip install {wanted}"]
    problems = [f"model {context.name!r}: {problem}" for problem in trainer.check(recipe, context)]
    if context.base is not None:
        problems += context.base.problems()
    return problems


def _described(prepared: _Prepared, config: FinetuneConfig) -> dict[str, Any]:
    """What a training is: goes on only as long as all of this is the same."""
    data, base = prepared.data, prepared.job.context.base
    described = {
        "trainer": prepared.trainer.name,
        "recipe": asdict(prepared.recipe),
        "data": {
            "hash": hash_pairs(data.train, data.validation),
            "samples": len(data.train),
            "validation_samples": len(data.validation),
            "target": data.target,
            "task": data.task,
            "file": str(config.data) if config.data else None,
        },
        "base": None if base is None else {"name": base.spec.name, "options": asdict(base.options)},
        "versions": _versions(prepared.trainer),
    }
    # As it will be read again: tuples become lists, paths become text.
    plain: dict[str, Any] = json.loads(to_json(described))
    return plain


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    if found := list(changes(before, now)):
        raise PreflightError(
            [f"{change}: the training of {name!r} cannot be resumed with it" for change in found]
            if len(found) == 1
            else [*found, f"so the training of {name!r} cannot be resumed: change that back, or pass --overwrite"]
        )


def _versions(trainer: Trainer) -> dict[str, str]:
    """Of the packages that the trainer computes with."""
    found = {}
    for module in trainer.requires:
        try:
            found[module] = version(module)
        except PackageNotFoundError:
            continue
    return found


def _lineage(
    config: FinetuneConfig, prepared: _Prepared, outcome: TrainingOutcome, registry: Registry
) -> dict[str, Any]:
    if not outcome.losses:
        raise TrainingError("the trainer reported no training loss: nothing shows that it trained")
    if bad := [f"step {step}: {loss}" for step, loss in outcome.losses if not math.isfinite(loss)]:
        raise TrainingError(f"the training loss is not finite ({bad[0]}): try a lower learning rate")
    spec, data = prepared.spec, prepared.data
    return {
        "name": spec.name,
        "base": spec.base,
        "trainer": prepared.trainer.name,
        "task": data.task,
        "task_description": data.description or None,
        "data_file": str(config.data) if config.data else None,
        "data_arguments": dict(data.arguments),
        "data": hash_pairs(data.train, data.validation),
        "target": data.target,
        "longest_target": data.longest_target,
        "left_out": data.left_out or None,
        "overlap": {split: asdict(one) for split, one in prepared.overlaps.items()},
        "leaked": any(prepared.overlaps.values()),
        "samples": len(data.train),
        "validation_samples": len(data.validation),
        "recipe": asdict(prepared.recipe),
        "losses": outcome.losses,
        "validation_losses": outcome.validation_losses,
        "facts": dict(outcome.facts),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit_of(registry.workspace),
        "versions": {"python": sys.version.split()[0], "entailbench": version("entailbench")},
    }
