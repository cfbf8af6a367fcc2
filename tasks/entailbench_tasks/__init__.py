"""The built-in tasks: lm-eval YAML files beside this module, and the functions they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from entailbench import ReportedResult, hookimpl

from .reported import reported_results


@hookimpl
def entailbench_task_paths() -> Iterable[Path]:
    """This folder."""
    return [Path(__file__).parent]


@hookimpl
def entailbench_reported_results() -> Iterable[ReportedResult]:
    """The table of the study that this project began with."""
    return reported_results()
