"""What a model is trained and validated on: samples of its recipe's task, or of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from entailbench import harness
from entailbench.errors import ConfigError, PreflightError, UsageError
from entailbench.overlap import hold_out
from entailbench.records import ModelSpec, SftPair
from entailbench.registry import Registry
from entailbench.runner import task_paths
from entailbench.sft import read_pairs

__all__ = ["TrainingData", "Wanted", "training_data"]

VALIDATION_SHARE = 0.05
"""Of a ``--data`` file without a validation file of its own: at least so many samples, those of its last puzzles."""


class Wanted(Protocol):
    """What the user may say about the data; see ``FinetuneConfig``."""

    @property
    def data(self) -> Path | None: ...
    @property
    def validation_data(self) -> Path | None: ...
    @property
    def data_dir(self) -> Path | None: ...
    @property
    def target(self) -> str | None: ...
    @property
    def original_split(self) -> bool: ...


@dataclass(frozen=True)
class TrainingData:
    """Samples, and how an answer to one of them is read."""

    train: tuple[SftPair, ...]
    validation: tuple[SftPair, ...]
    task: str | None = None
    """None for the samples of a file."""
    description: str = ""
    """What the task says of itself."""
    target: str = "label"
    longest_target: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the task's loader was given besides the split and the data folder."""
    left_out: int = 0
    """Rows of both splits that have no such target, or too long a one."""
    read_answer: Callable[[str], str] | None = None
    """See ``TrainingJob.read_answer``."""

    def lines(self) -> Iterator[str]:
        """What the user should know about the samples."""
        target = "" if self.target == "label" else f", which teach to write the {self.target}"
        yield f"{len(self.train):,} training samples and {len(self.validation):,} for validation{target}"
        if self.left_out:
            limit = f" of at most {self.longest_target:,} characters" if self.longest_target else ""
            yield f"{self.left_out:,} rows were left out: they have no {self.target}{limit}"


def training_data(config: Wanted, spec: ModelSpec, registry: Registry) -> TrainingData:
    """The samples of ``--data``, else of the recipe's task.

    Raises:
        UsageError: the data is missing, malformed or too small.
    """
    if config.data is not None and config.original_split:
        raise UsageError("--original-split is for a recipe's task: --data FILE has no other split")
    if config.data is not None:
        return _of_file(config.data, config.validation_data)
    train = spec.train
    if train is None or train.task is None:
        raise ConfigError(
            f"model {spec.name!r} has no training data: set `task` in [models.{spec.name}.train], or pass --data FILE"
        )
    target = config.target or train.target
    arguments = {**train.data, **({"original_split": True} if config.original_split else {})}
    if problems := harness.argument_problems(train.task, task_paths(registry), arguments):
        raise PreflightError([f"training data: {problem}" for problem in problems])
    metadata = {**arguments, "data_dir": str(registry.workspace / config.data_dir) if config.data_dir else None}
    loaded = {}
    rows = {}
    for split, limit in (("train", train.samples), ("validation", train.validation_samples)):
        tasks, problems = harness.load_tasks(
            [train.task], task_paths(registry), split=split, metadata=metadata, target=target
        )
        if problems:
            raise PreflightError(problems)
        loaded[split] = tasks[0]
        rows[split] = harness.sft_pairs(tasks[0], limit, target=target, longest=train.longest_target)
    return TrainingData(
        rows["train"].pairs,
        rows["validation"].pairs,
        task=train.task,
        description=str((loaded["train"].task.config.metadata or {}).get("description") or ""),
        target=target,
        longest_target=train.longest_target,
        arguments=arguments,
        left_out=rows["train"].left_out + rows["validation"].left_out,
        read_answer=harness.answer_reader(loaded["train"]),
    )


def _of_file(path: Path, validation_path: Path | None) -> TrainingData:
    pairs = read_pairs(path)
    if validation_path is not None:
        return TrainingData(pairs, read_pairs(validation_path))
    train, validation = hold_out(pairs, VALIDATION_SHARE)
    if not train:
        raise UsageError(f"{path} has {len(pairs)} samples: too few puzzles to train on and to validate with")
    return TrainingData(train, validation)
