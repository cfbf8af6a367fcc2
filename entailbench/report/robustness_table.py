"""The table of ``run --perturb``: what became of the answers when the questions were put otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from entailbench.findings import METRICS, Estimate, ModelRobustness, Robustness, TaskResult
from entailbench.report import figures
from entailbench.report.tables import Group, Table

__all__ = ["robustness_table"]

HEADS = ("model", "balanced % before", "balanced % after", "change, points", "consistent %", "contradictions %")
MEANING = (
    "Consistent is the share of questions that were answered the same when put otherwise; contradictions, the share of "
    "which both the question and its negation were affirmed. Neither looks at a label, and a model that always says "
    "the same is perfectly consistent: read them beside the balanced accuracy, which is of the same rows before and "
    "after. An unparsed answer is consistent with nothing."
)
BALANCED = next(metric for metric in METRICS if metric.name == "balanced")


def robustness_table(task: TaskResult) -> Table | None:
    """A group of lines for each perturbation; None where nothing was perturbed."""
    if not task.robustness:
        return None
    groups = tuple(
        Group(
            f"{part.title}: {_counted(part.rows, 'question')} on {_counted(part.puzzles, 'puzzle')}",
            tuple(_line(model) for model in part.models),
        )
        for part in task.robustness
        if part.rows
    )
    return Table("Robustness: the same questions put otherwise", HEADS, groups, (MEANING, *_left_out(task.robustness)))


def _line(model: ModelRobustness) -> tuple[str, ...]:
    change, consistency, contradictions = model.change, model.consistency, model.contradictions
    return (
        model.name,
        figures.estimate(model.before, BALANCED),
        figures.estimate(model.after, BALANCED),
        figures.ABSENT if _pointless(change) else figures.change(change),
        figures.ABSENT if _pointless(consistency) else figures.estimate(consistency, BALANCED),
        figures.ABSENT if _pointless(contradictions) else figures.estimate(contradictions, BALANCED),
    )


def _counted(number: int, what: str) -> str:
    return f"{figures.count(number)} {what}{'' if number == 1 else 's'}"


def _pointless(found: Estimate) -> bool:
    """Whether a figure makes no sense for this perturbation."""
    return found.value is None and "negated" in found.undefined


def _left_out(parts: tuple[Robustness, ...]) -> Iterator[str]:
    """How many rows were not perturbed, and why."""
    for part in parts:
        if part.left_out:
            why = "; ".join(f"{figures.count(rows)}: {reason}" for reason, rows in part.left_out.items())
            yield f"Not asked with {part.title}: {why}."
