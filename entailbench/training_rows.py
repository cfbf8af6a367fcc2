"""The train split of a task that is being tested, for the baselines that learn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entailbench import harness
from entailbench.answered import Row
from entailbench.errors import first_line

__all__ = ["training_rows"]

TRAIN = "train"


def training_rows(
    loaded: harness.LoadedTask, paths: Sequence[Path], metadata: Mapping[str, Any]
) -> tuple[tuple[Row, ...] | None, str]:
    """The rows that a baseline may learn from.

    Args:
        loaded: the task as it is tested.
        paths: folders with task YAML.
        metadata: what the task's loader was given for the rows that are tested; it is given the same again.

    Returns:
        The rows and an empty string, or None and why there are none, as half a sentence.
    """
    if loaded.split == TRAIN:
        return None, "the train split itself is what is asked about"
    entry = harness.list_tasks(paths).get(loaded.name)
    if entry is None or TRAIN not in entry.splits:
        return None, f"the task {loaded.name} has no train split"
    try:
        tasks, problems = harness.load_tasks([loaded.name], paths, split=TRAIN, metadata=metadata)
    except Exception as error:  # whatever a plugin's loader raises: a run is not lost for want of a baseline
        return None, _unread(first_line(error))
    if problems:
        return None, _unread(problems[0].removeprefix(f"task {loaded.name!r}: ").splitlines()[0])
    return tuple(harness.rows_of(tasks[0])), ""


def _unread(reason: str) -> str:
    return f"the train split cannot be read ({reason})"
