"""The built-in tasks: lm-eval YAML files beside this module, and the functions they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from entailbench import hookimpl


@hookimpl
def entailbench_task_paths() -> Iterable[Path]:
    """This folder."""
    return [Path(__file__).parent]
