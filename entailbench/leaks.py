"""Whether the models of a run were trained on the puzzles that they are to be asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from entailbench.contracts import ResolvedModel
from entailbench.errors import EntailbenchError
from entailbench.harness import LoadedTask
from entailbench.overlap import Overlap, overlap, puzzles_of_docs

__all__ = ["Leaks", "find_leaks"]


@dataclass(frozen=True)
class Leaks:
    """What is known of a run's models and tasks before it begins."""

    overlaps: Mapping[tuple[str, str], Overlap] = field(default_factory=dict)
    """(model, task) → what they share; only of models whose training puzzles are known."""
    problems: tuple[str, ...] = ()
    """Leaks that nobody allowed, and names allowed for nothing."""

    def rows(self, model: str, task: str) -> int:
        """Rows of a task whose puzzle a model was trained on, as far as is known."""
        found = self.overlaps.get((model, task))
        return found.shared_rows if found else 0


def find_leaks(
    models: Sequence[ResolvedModel],
    tasks: Sequence[LoadedTask],
    limit: int | None,
    allowed: Collection[str],
    notify: Callable[[str], None],
) -> Leaks:
    """Compares what each model was trained on with the rows of each task, and says so for every trained model.

    Args:
        models: those that can be opened.
        tasks: what they are to be asked.
        limit: only the first rows of each task.
        allowed: names of models whose leaks are no error.
        notify: is told one line for each model and task.
    """
    overlaps: dict[tuple[str, str], Overlap] = {}
    problems: list[str] = []
    asked = {task.name: puzzles_of_docs(task.docs[:limit]) for task in tasks}
    for model in models:
        name = model.spec.name
        try:
            trained = _trained_puzzles(model)
        except EntailbenchError as error:
            problems.append(f"model {name!r}: {error}")
            continue
        if trained is None:
            notify(
                f"{name}: nobody wrote down which puzzles it was trained on, so its overlap with the test is unknown"
            )
            continue
        for task in tasks if trained else ():
            found = overlaps[name, task.name] = overlap(trained, asked[task.name])
            notify(f"{name} was trained on the puzzles of {found} of {task.name}, {task.split} split")
            if found and name not in allowed:
                problems.append(
                    f"model {name!r} was trained on the puzzles of {found} of task {task.name!r}, {task.split} split: "
                    f"it may only remember them; pass --allow-leak {name} to run it all the same, marked in the table"
                )
    return Leaks(overlaps, tuple(problems))


def _trained_puzzles(model: ResolvedModel) -> frozenset[str] | None:
    """Those of the model and of every model that it builds on; None where one of them is not known."""
    found = model.backend.trained_puzzles(model.options, model.context)
    if found is None or model.context.base is None:
        return found
    below = _trained_puzzles(model.context.base)
    return None if below is None else found | below
