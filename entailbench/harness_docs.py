"""A task that asks about other rows in its own way: the same prompt, filters and metrics."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from entailbench.harness_tasks import EVALUATION_SPLIT, LoadedTask

__all__ = ["with_docs"]


def with_docs(loaded: LoadedTask, name: str, docs: Sequence[Mapping[str, Any]]) -> LoadedTask:
    """The task under another name and about other rows.

    Args:
        loaded: the task; stays as it is.
        name: of the new one, under which lm-eval reports it.
        docs: rows with the columns of the task's own; at least one.
    """
    import datasets

    task = copy.copy(loaded.task)
    config = copy.copy(task.config)
    config.task = name
    config.process_docs = None  # the rows are those of the task, already processed
    task._config = config  # lm-eval has no other way to ask a task about other rows
    columns = list(dict.fromkeys(column for doc in docs for column in doc))
    rows = datasets.Dataset.from_list([{column: doc.get(column) for column in columns} for doc in docs])
    task.dataset = {EVALUATION_SPLIT: rows}
    task._instances = None  # the requests of the task's own rows
    return LoadedTask(name, loaded.split, loaded.labels, task, tuple(rows), loaded.source)
