"""The hooks. A plugin is a module that implements any of them and stands in the entry-point group ``entailbench``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from entailbench.contracts import Backend, Trainer
from entailbench.records import ModelSpec, ReportedResult

if TYPE_CHECKING:
    import click

PROJECT = "entailbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def entailbench_backends() -> Iterable[Backend]:  # type: ignore[empty-body]
    """Backends, each under its ``name``. Called once when the registry is built; must load nothing heavy."""


@hookspec
def entailbench_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Named models. Called once when the registry is built; ``entailbench.toml`` may override a name."""


@hookspec
def entailbench_trainers() -> Iterable[Trainer]:  # type: ignore[empty-body]
    """Trainers, each under its ``name``. Called once when the registry is built."""


@hookspec
def entailbench_task_paths() -> Iterable[Path]:  # type: ignore[empty-body]
    """Folders with lm-eval task YAML files. Called when tasks are listed or run."""


@hookspec
def entailbench_reported_results() -> Iterable[ReportedResult]:  # type: ignore[empty-body]
    """Figures that others published, in the order of their table. Called for ``--with-reported``."""


@hookspec
def entailbench_commands(cli: click.Group) -> None:
    """Adds subcommands to the command line. Called each time the command line starts: import nothing heavy."""
