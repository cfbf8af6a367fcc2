"""``compare(RUN…)``: the answers of several runs side by side, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from entailbench.analysis import analyse, with_leaks_told
from entailbench.answered import ModelAnswers, Row, TaskAnswers
from entailbench.errors import DataError, PreflightError, UsageError
from entailbench.findings import Report
from entailbench.records import ModelIdentity
from entailbench.results import RunRecord, read_run
from entailbench.seed_groups import seed_groups
from entailbench.shared_perturbations import shared_perturbations

__all__ = ["Merged", "analyse_merged", "compare", "merge"]

SHOWN = 3
"""How many rows a message names."""
SAME: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("texts", lambda row: f"{row.context}\n{row.question}"),
    ("puzzles", lambda row: row.puzzle),
    ("labels", lambda row: row.gold),
    ("proved answers", lambda row: row.truth),
)
"""What must be the same for the rows of one id; a difference in the prompts is named apart."""


@dataclass(frozen=True)
class Merged:
    """Several runs as one."""

    tasks: tuple[TaskAnswers, ...]
    identities: Mapping[str, ModelIdentity]
    """By the name that a model has in ``tasks``."""
    versions: Mapping[str, str]
    """Of every package; all of them where the runs differ."""
    notes: tuple[str, ...]
    """What was renamed, left out or taken once, a sentence each."""


def compare(paths: Sequence[Path]) -> Merged:
    """Reads run directories and merges them; see ``merge``.

    Raises:
        UsageError: no run, or one named twice.
        DataError: one of them is no finished run, or is damaged.
        PreflightError: they cannot be compared.
    """
    if not paths:
        raise UsageError("no run was named: entailbench compare runs/A runs/B")
    seen: dict[Path, Path] = {}
    for path in paths:
        if path.resolve() in seen:
            raise UsageError(f"{path} is named twice" + _also(path, seen[path.resolve()]))
        seen[path.resolve()] = path
    return merge([read_run(path) for path in paths])


def merge(runs: Sequence[RunRecord]) -> Merged:
    """The tasks that all runs have, each with the models of all of them, paired by the rows' ids.

    A model that several runs have under one name is called ``NAME@RUN``, unless it is the same model with the same
    answers, which is taken once.

    Raises:
        DataError: the runs have no task in common.
        PreflightError: rows, prompts or labels differ; names the rows.
    """
    labels = _labels([run.directory for run in runs])
    shared = [task.task for task in runs[0].tasks if all(task.task in _names(run) for run in runs)]
    if not shared:
        listing = "; ".join(f"{label}: {', '.join(_names(run))}" for label, run in zip(labels, runs, strict=True))
        raise DataError(f"the runs have no task in common ({listing})")
    notes = [
        f"{label} also has the task {task.task!r}, which not all of these runs have: left out"
        for label, run in zip(labels, runs, strict=True)
        for task in run.tasks
        if task.task not in shared
    ]
    problems: list[str] = []
    aligned: dict[str, list[TaskAnswers]] = {}
    for name in shared:
        found = [next(task for task in run.tasks if task.task == name) for run in runs]
        problems += _differences(found, labels)
        if not problems:
            found, left_out = shared_perturbations(found)
            notes += [left_out] if left_out else []
            aligned[name] = [found[0], *(_in_order_of(found[0], task) for task in found[1:])]
    if problems:
        raise PreflightError(list(dict.fromkeys(problems)))
    names, told = _model_names(aligned, labels)
    tasks = tuple(_joined(parts, names) for parts in aligned.values())
    identities = {model.name: model.identity for task in tasks for model in task.models if model.identity}
    return Merged(tasks, identities, _versions(runs), (*notes, *told))


def analyse_merged(merged: Merged, directory: str = "", *, each_seed: bool = False) -> Report:
    """The report of several runs; finetune seeds of one recipe are one line.

    Args:
        merged: the runs.
        directory: where the report is going to be kept; empty is nowhere.
        each_seed: a line for each seed instead.
    """
    from entailbench.stats.seed_lines import with_seeds

    report = analyse(merged.tasks, directory, merged.identities, merged.versions)
    if each_seed:
        return report
    tasks = []
    for task, found in zip(merged.tasks, report.tasks, strict=True):
        groups = seed_groups(task.models)
        tasks.append(with_leaks_told(with_seeds(task, found, groups)) if groups else found)
    return replace(report, tasks=tuple(tasks))


def _names(run: RunRecord) -> list[str]:
    return [task.task for task in run.tasks]


def _labels(paths: Sequence[Path]) -> list[str]:
    """What to call each run: its folder, with as many folders above it as tell it from the others."""
    parts = [path.resolve().parts for path in paths]
    depth = 1
    while len({part[-depth:] for part in parts}) < len(parts) and depth < max(map(len, parts)):
        depth += 1
    return ["/".join(part[-depth:]) for part in parts]


def _also(path: Path, first: Path) -> str:
    return f" (it is also {first})" if path != first else ""


def _differences(tasks: Sequence[TaskAnswers], labels: Sequence[str]) -> list[str]:
    """Why the first run's task and another's cannot be set side by side, each as a sentence."""
    first = tasks[0]
    problems = []
    for task, label in zip(tasks[1:], labels[1:], strict=True):
        pair = f"{labels[0]} and {label} cannot be compared on {first.task!r}"
        if first.split != task.split:
            problems.append(f"{pair}: one asked the {first.split} split, the other the {task.split} split")
            continue
        if first.scored != task.scored:
            problems.append(f"{pair}: in one of them candidates were scored, in the other answers were written")
            continue
        problems += [
            f"{pair}: {difference}" for difference in _row_differences(first.rows, task.rows, labels[0], label)
        ]
    return problems


def _row_differences(first: Sequence[Row], second: Sequence[Row], one: str, other: str) -> Iterable[str]:
    ours, theirs = _by_id(first), _by_id(second)
    only_ours, only_theirs = [i for i in ours if i not in theirs], [i for i in theirs if i not in ours]
    for label, ids in ((one, only_ours), (other, only_theirs)):
        if ids:
            yield (
                f"only {label} has {_counted(ids)}; run both with the same --limit, --split and data, "
                "or one of them again"
            )
    both = {i: (ours[i], theirs[i]) for i in ours if i in theirs}
    for what, read in SAME:
        if unlike := {i: (read(a), read(b)) for i, (a, b) in both.items() if read(a) != read(b)}:
            one_label, other_label = next(iter(unlike.values()))
            values = f" ({one_label!r} and {other_label!r})" if what in ("labels", "proved answers") else ""
            yield f"the {what} of {_counted(list(unlike))} differ{values}"
            return
    if reworded := [i for i, (a, b) in both.items() if a.prompt and b.prompt and a.prompt != b.prompt]:
        yield f"the prompts of {_counted(reworded)} differ: the task asked in other words"


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows by their ids, or by their numbers where ids repeat."""
    found = {row.id: row for row in rows}
    return found if len(found) == len(rows) else {f"number {row.doc_id}": row for row in rows}


def _counted(ids: Sequence[str]) -> str:
    """``"2 rows: g-0001, g-0002"``."""
    named = ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
    return f"{len(ids):,} row{'' if len(ids) == 1 else 's'}: {named}"


def _in_order_of(first: TaskAnswers, task: TaskAnswers) -> TaskAnswers:
    """The same answers in another run's order of rows, under its numbers; those to perturbed rows have it already."""
    places = {row_id: place for place, row_id in enumerate(_by_id(task.rows))}
    order = [(row.doc_id, places[row_id]) for row_id, row in _by_id(first.rows).items()]

    def moved(model: ModelAnswers) -> ModelAnswers:
        if not model.answers:
            return model
        return replace(model, answers=tuple(replace(model.answers[place], doc_id=number) for number, place in order))

    return replace(
        task,
        rows=first.rows,
        models=tuple(map(moved, task.models)),
        baselines=tuple(map(moved, task.baselines)),
    )


def _model_names(
    tasks: Mapping[str, Sequence[TaskAnswers]], labels: Sequence[str]
) -> tuple[dict[tuple[int, str], str], list[str]]:
    """(number of the run, name there) → name in the whole; a model that was taken before has none. And the notes."""
    owners: dict[str, list[int]] = {}
    for run in range(len(labels)):
        # All models of a run answer all of its tasks.
        for model in next(iter(tasks.values()))[run].models:
            owners.setdefault(model.name, []).append(run)
    names: dict[tuple[int, str], str] = {}
    notes = []
    for name, runs in owners.items():
        kept = [
            run
            for number, run in enumerate(runs)
            if not any(_same_model(tasks, name, run, before) for before in runs[:number])
        ]
        names |= {(run, name): name if len(kept) == 1 else f"{name}@{labels[run]}" for run in kept}
        if len(kept) < len(runs):
            notes.append(f"{name} is the same model with the same answers in several runs: taken once")
    return names, notes


def _same_model(tasks: Mapping[str, Sequence[TaskAnswers]], name: str, one: int, other: int) -> bool:
    def told(task: TaskAnswers) -> list[object]:
        # Details hold paths and versions; what determines the answers stands in the other fields.
        return [
            (model.identity and replace(model.identity, details={}), model.leaked, model.answers, model.perturbed)
            for model in task.models
            if model.name == name
        ]

    return all(told(parts[one]) == told(parts[other]) for parts in tasks.values())


def _joined(parts: Sequence[TaskAnswers], names: Mapping[tuple[int, str], str]) -> TaskAnswers:
    models = [
        replace(model, name=names[run, model.name])
        for run, task in enumerate(parts)
        for model in task.models
        if (run, model.name) in names
    ]
    baselines: dict[str, ModelAnswers] = {}
    for baseline in (one for task in parts for one in task.baselines):
        known = baselines.get(baseline.name)
        if known is None or (known.unavailable and not baseline.unavailable):
            baselines[baseline.name] = baseline
    return replace(parts[0], models=tuple(models), baselines=tuple(baselines.values()))


def _versions(runs: Sequence[RunRecord]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for run in runs:
        for package, number in run.versions.items():
            if number not in found.setdefault(package, []):
                found[package].append(number)
    return {package: " and ".join(numbers) for package, numbers in found.items()}
