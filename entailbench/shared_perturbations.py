"""The perturbed rows that several runs have in common, so that their answers can be set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from entailbench.answered import ModelAnswers, TaskAnswers
from entailbench.records import EMPTY

__all__ = ["shared_perturbations"]

Key = tuple[str, str, str, str, str]


def shared_perturbations(parts: Sequence[TaskAnswers]) -> tuple[list[TaskAnswers], str]:
    """The same task of several runs, each with those perturbed rows that all of them asked, in the first one's order.

    Args:
        parts: each with its own rows, whose ids tell them apart.

    Returns:
        The parts, and a note where something was left out; empty otherwise.
    """
    known = [_places(task) for task in parts]
    shared = [key for key in known[0] if all(key in places for places in known)]
    found = [
        replace(
            task,
            perturbed=tuple(
                replace(parts[0].perturbed[known[0][key]], doc_id=number) for number, key in enumerate(shared)
            ),
            not_perturbed=parts[0].not_perturbed if shared else EMPTY,
            models=tuple(_chosen(model, [places[key] for key in shared]) for model in task.models),
        )
        for task, places in zip(parts, known, strict=True)
    ]
    most = max(map(len, known))
    if len(shared) == most:
        return found, ""
    return found, (
        f"{parts[0].task}: {most - len(shared):,} of {most:,} perturbed questions were not asked in all of these runs: "
        "left out"
    )


def _places(task: TaskAnswers) -> dict[Key, int]:
    """What tells a perturbed row from others → where it stands."""
    ids = {row.doc_id: row.id for row in task.rows}
    return {
        (ids[row.of], row.perturbation, row.context, row.question, row.gold): place
        for place, row in enumerate(task.perturbed)
    }


def _chosen(model: ModelAnswers, places: Sequence[int]) -> ModelAnswers:
    return replace(
        model,
        perturbed=tuple(replace(model.perturbed[place], doc_id=number) for number, place in enumerate(places)),
    )
