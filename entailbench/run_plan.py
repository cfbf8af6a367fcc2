"""What a run will do, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from entailbench import harness
from entailbench.contracts import ResolvedModel, Shared
from entailbench.costs import TaskCost
from entailbench.leaks import Leaks
from entailbench.limits import Limits
from entailbench.robustness import PerturbedTask

__all__ = ["Observer", "Plan"]


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
    costs: tuple[TaskCost, ...] = ()

    @property
    def asked(self) -> tuple[harness.LoadedTask, ...]:
        """The tasks, and their perturbed twins."""
        return (*self.tasks, *(twin.loaded for twin in self.perturbed.values() if twin.loaded))
