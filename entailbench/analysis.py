"""From answers to a report: the one place where the figures of all formats are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from entailbench import stats
from entailbench.answered import TaskAnswers
from entailbench.findings import Report, TaskResult
from entailbench.records import ModelIdentity
from entailbench.stats.robustness import robustness_of

__all__ = ["analyse", "with_leaks_told"]


def analyse(
    tasks: Sequence[TaskAnswers],
    directory: str,
    identities: Mapping[str, ModelIdentity],
    versions: Mapping[str, str],
) -> Report:
    """Computes metrics, intervals, tests and verdicts of every task.

    Args:
        tasks: all answers to them.
        directory: where the run is kept.
        identities: what the models are, by name.
        versions: of Python and the packages that took part.
    """
    return Report(
        directory=directory,
        tasks=tuple(
            replace(with_leaks_told(stats.analyse_task(task)), robustness=robustness_of(task)) for task in tasks
        ),
        identities=dict(identities),
        versions=dict(versions),
    )


def with_leaks_told(found: TaskResult) -> TaskResult:
    """The same findings; a verdict about a model that was trained on puzzles of the test ends with saying so."""
    leaked = {model.name: model.leaked for model in found.models if model.leaked}
    comparisons = []
    for pair in found.comparisons:
        notes = [
            f"{name} was trained on the puzzles of {leaked[name]:,} of these questions"
            for name in (pair.first, pair.second)
            if name in leaked
        ]
        comparisons.append(replace(pair, verdict="; ".join([pair.verdict, *notes])))
    return replace(found, comparisons=tuple(comparisons))
