"""Whether a model would be judged on the puzzles that it is to be trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entailbench import harness
from entailbench.overlap import Overlap, check_overlap
from entailbench.records import SftPair
from entailbench.registry import Registry
from entailbench.runner import task_paths
from entailbench.training_data import TrainingData, Wanted

__all__ = ["training_leaks"]


def training_leaks(
    data: TrainingData, config: Wanted, registry: Registry, *, allowed: bool, notify: Callable[[str], None]
) -> dict[str, Overlap]:
    """Compares the training samples with those for validation and, of a task that has one, with its test split.

    Args:
        data: the samples.
        config: where the data set's files are.
        registry: knows the tasks.
        allowed: whether an overlap is no error; the original split of a data set is always allowed to have one, since
            whoever asks for it knows.
        notify: is told one line for each split.

    Raises:
        PreflightError: puzzles are shared and that is not allowed; with counts.
    """
    others: dict[str, Sequence[SftPair] | Sequence[Mapping[str, Any]]] = {"validation": data.validation}
    if data.task is not None and "test" in harness.list_tasks(task_paths(registry))[data.task].splits:
        metadata = {
            **data.arguments,
            "data_dir": str(registry.workspace / config.data_dir) if config.data_dir else None,
        }
        tasks, problems = harness.load_tasks([data.task], task_paths(registry), split="test", metadata=metadata)
        if problems:
            notify(f"overlap with the test split: unknown, it cannot be read ({problems[0]})")
        else:
            others["test"] = tasks[0].docs
    allowed = allowed or data.arguments.get("original_split") is True
    advice = "take a task that is split by puzzle, or pass --allow-leak to train all the same"
    found = check_overlap(data.train, others, allowed=allowed, advice=advice)
    for name, one in found.items():
        notify(f"overlap with the {name} split: {one} are about puzzles of the training samples")
    return found
