"""What a run will do, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from entailbench import harness
from entailbench.contracts import ResolvedModel, Shared
from entailbench.leaks import Leaks
from entailbench.limits import MAX_ERRORS, Limits
from entailbench.robustness import PerturbedTask

__all__ = ["DEFAULT_TASK", "Observer", "Plan", "RunConfig"]

DEFAULT_TASK = "puzzte_generated"


class Observer(Protocol):
    """Is told how far a run is, by several models at a time and from several threads."""

    def notify(self, message: str) -> None:
        """One line about a wait."""

    def start(self, model: str, task: str, rows: int) -> None:
        """A model starts on a task."""

    def advance(self, model: str) -> None:
        """The model answered one row."""

    def finish(self, model: str) -> None:
        """The model is through with the task, or was stopped."""


@dataclass(frozen=True)
class RunConfig:
    """What a run is asked to do."""

    models: tuple[str, ...]
    tasks: tuple[str, ...] = (DEFAULT_TASK,)
    limit: int | None = None
    """Only the first rows of each task."""
    split: str | None = None
    """Default "test"."""
    output: Path | None = None
    """The run directory; default a new one under ``runs/`` of the workspace."""
    data_dir: Path | None = None
    """A folder with the data set's published files, instead of the hub."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the tasks' loaders."""
    allow_leak: tuple[str, ...] = ()
    """Models that may be run although they were trained on puzzles of the test; their figures are marked."""
    perturb: bool = False
    """Whether every question is asked again, put otherwise, see ``entailbench.robustness``."""
    budget: float | None = None
    """US dollars that all models together may cost; None sets no bound."""
    cache: bool = True
    """Whether answers are taken from the cache and kept there."""
    cache_dir: Path | None = None
    """The folder of the cache; default the registry's ``home``."""
    max_errors: int = MAX_ERRORS
    """How many rows of a model may end as errors."""
    truncate: str | None = None
    """"left": prompts longer than a model's context are cut at their beginning; "no": they are error rows. Goes before
    the models' own option of that name; None leaves it to them."""


@dataclass(frozen=True)
class Plan:
    """What a run will do, checked."""

    models: tuple[ResolvedModel, ...]
    tasks: tuple[harness.LoadedTask, ...]
    shared: Shared
    leaks: Leaks
    task_paths: tuple[Path, ...]
    metadata: Mapping[str, Any]
    """What the tasks' loaders were given."""
    limits: Limits
    """The same that the models have."""
    perturbed: Mapping[str, PerturbedTask] = field(default_factory=dict)
    """By the task's name."""

    @property
    def asked(self) -> tuple[harness.LoadedTask, ...]:
        """The tasks, and their perturbed twins."""
        return (*self.tasks, *(twin.loaded for twin in self.perturbed.values() if twin.loaded))
