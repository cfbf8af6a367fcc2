"""From answers to a report: the one place where the figures of all formats are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from entailbench import stats
from entailbench.answered import TaskAnswers
from entailbench.findings import Report
from entailbench.records import ModelIdentity
from entailbench.stats.robustness import robustness_of

__all__ = ["analyse"]


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
        tasks=tuple(replace(stats.analyse_task(task), robustness=robustness_of(task)) for task in tasks),
        identities=dict(identities),
        versions=dict(versions),
    )
