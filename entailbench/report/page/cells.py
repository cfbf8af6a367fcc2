"""Cells of the page's tables: the same text as every other format has, in two lines and with an order to sort by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entailbench.findings import Comparison, Estimate, Metric, ModelResult
from entailbench.report import figures

__all__ = ["Cell", "cell", "comparison_cells", "count", "figure_cells", "reported_cells", "written_cell"]


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str
    under: str = ""
    """The interval; or why there is no figure."""
    order: float | None = None
    """What the column is sorted by; None comes last."""


def cell(estimate: Estimate | None, metric: Metric) -> Cell:
    """A figure over its interval."""
    text, _, ends = figures.estimate(estimate, metric).partition(" (")
    if estimate is None:
        return Cell(text)
    return Cell(text, ends.removesuffix(")") or estimate.undefined, estimate.value)


def count(number: int) -> Cell:
    """How many."""
    return Cell(figures.count(number), order=number)


def figure_cells(result: ModelResult, metrics: tuple[Metric, ...]) -> tuple[Cell, ...]:
    """A line of the main table behind the name: metrics, unparsed answers, seconds."""
    # A model that gives no proof has no share of valid ones to be undefined.
    found = {name: one for name, one in result.metrics.items() if name != "proof_validity" or one.value is not None}
    share = f"{figures.percent(result.unparsed / result.rows)}%" if result.unparsed else ""
    return (
        *(cell(found.get(metric.name), metric) for metric in metrics),
        Cell(figures.count(result.unparsed), share, result.unparsed),
        Cell(figures.seconds(result.seconds), order=result.seconds),
    )


def reported_cells(line: Mapping[str, Any], metrics: tuple[Metric, ...]) -> tuple[Cell, ...]:
    """The same of what somebody else reported."""
    told = line.get("metrics", {})
    return (
        *(cell(Estimate(told[metric.name]) if metric.name in told else None, metric) for metric in metrics),
        Cell(figures.ABSENT),
        Cell(figures.ABSENT),
    )


def written_cell(text: str) -> Cell:
    """A cell that another table has as text, ``"58.2 (52.1–64.0)"``."""
    value, _, ends = text.partition(" (")
    return Cell(value, ends.removesuffix(")"), 0.0)


def comparison_cells(one: Comparison) -> tuple[Cell, ...]:
    """A line of the table of comparisons behind the names."""
    text, _, ends = figures.change(one.difference).partition(" (")
    smallest = Cell(figures.UNDEFINED) if one.smallest is None else Cell(figures.percent(one.smallest))
    return (
        Cell(text, ends.removesuffix(")") or one.difference.undefined, one.difference.value),
        *(Cell(figures.p_value(p), order=p) for p in (one.p, one.p_holm, one.mcnemar)),
        count(one.only_first),
        count(one.only_second),
        Cell(smallest.text, order=one.smallest),
    )
