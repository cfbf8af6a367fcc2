"""Puts what others published under our figures: reported, not measured here."""

from __future__ import annotations

import dataclasses
import math

from entailbench.errors import ConfigError
from entailbench.findings import METRICS, Report
from entailbench.plugins import Plugins
from entailbench.records import ReportedResult

__all__ = ["with_reported"]

METRIC = {metric.name: metric for metric in METRICS}


def with_reported(report: Report, plugins: Plugins) -> Report:
    """The same report with the published figures that plugins know under its tables.

    Raises:
        ConfigError: a plugin gives a figure that no table could show.
    """
    found: list[ReportedResult] = []
    for plugin, results in plugins.call("entailbench_reported_results"):
        for result in results:
            _check(plugin, result)
            found.append(result)
    tasks = tuple(
        dataclasses.replace(
            task, reported=tuple(dataclasses.asdict(one) for one in found if not one.tasks or task.task in one.tasks)
        )
        for task in report.tasks
    )
    return dataclasses.replace(report, tasks=tasks)


def _check(plugin: str, result: ReportedResult) -> None:
    for name, value in result.metrics.items():
        where = f"plugin {plugin!r} reports {name!r} = {value!r} of {result.model!r}"
        if name not in METRIC:
            raise ConfigError(f"{where}: there is no such metric (known: {', '.join(METRIC)})")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{where}: not a number")
        if METRIC[name].percent and not 0 <= value <= 1:
            raise ConfigError(f"{where}: a share lies in [0, 1]")
