"""``run(config) -> Report``: several models over several tasks. Prints nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from entailbench import harness
from entailbench.analysis import analyse
from entailbench.answer_cache import FILE, AnswerCache
from entailbench.answered import Row, TaskAnswers
from entailbench.answering import Work, answer_all
from entailbench.config import CONFIG_NAME
from entailbench.contracts import ResolvedModel, Shared
from entailbench.costs import TaskCost, budget_problems, cost_lines, estimate_costs
from entailbench.errors import EntailbenchError, PreflightError, UsageError
from entailbench.findings import Report
from entailbench.free_memory import give_back
from entailbench.leaks import find_leaks
from entailbench.limits import Limits, Purse
from entailbench.records import Prompt
from entailbench.registry import Registry
from entailbench.results import read_rows, read_run
from entailbench.resuming import (
    PLAN,
    Progress,
    check_same_plan,
    described_plan,
    find_unfinished,
    progress_of,
    told,
)
from entailbench.robustness import PerturbedTask, perturbed_task
from entailbench.run_directory import RunDirectory, to_json
from entailbench.run_plan import DEFAULT_TASK, Observer, Plan, RunConfig
from entailbench.stats.baselines import baselines
from entailbench.training_rows import training_rows
from entailbench.unasked import unasked

__all__ = ["DEFAULT_TASK", "Observer", "Outcome", "RunConfig", "costs", "run"]

FREE_BYTES = 64 * 2**20
"""A run writes a few MB; with less than this left it could not finish."""
PACKAGES = ("entailbench", "lm-eval", "litgpt", "torch", "transformers", "tokenizers", "peft", "datasets", "openai")


@dataclass(frozen=True)
class Outcome:
    """What a run found, and the answers that it was found in."""

    report: Report
    tasks: tuple[TaskAnswers, ...]


def run(config: RunConfig, registry: Registry, observer: Observer, *, resume: bool = False) -> Outcome:
    """Checks everything, then answers, judges and tabulates.

    Args:
        config: what is to be done.
        registry: the models.
        observer: is told how far it is.
        resume: whether ``config.output`` is a run that was interrupted, and is to go on; what it has answered is not
            asked again. See ``resuming.recorded_config``.

    Raises:
        PreflightError: all the reasons why the run cannot work, before any weights are read.
        UsageError: the run directory cannot be used, or the run that is to go on would not be the same.
        RunError: it had begun and could not be finished; what was answered is in the run directory. A
            ``BudgetError`` or ``RowErrorsError`` where that is what stopped it.
    """
    plan = _preflight(config, registry, observer)
    versions = _versions()
    questions = {task.name: _hash_of(harness.rows_of(task, config.limit)) for task in plan.tasks}
    tasks = {task.name: _described(task, plan.perturbed.get(task.name)) for task in plan.tasks}
    described = described_plan(plan, config, questions, tasks, versions)
    with _directory(config, registry, described, observer, resume=resume) as directory:
        progress: dict[str, Progress] = {}
        if resume:
            progress = {model.spec.name: progress_of(directory.path, model.spec.name) for model in plan.models}
            for line in told(progress):
                observer.notify(line)
            plan.limits.purse.settle(0.0, sum(one.dollars for one in progress.values()))
        else:
            _write_down(directory, config, plan, tasks, versions)
            # The last one: a run that has it can go on.
            directory.write(PLAN, described)
        command = _resume_command(directory.path, registry)
        with _or_told(observer, f"what was answered so far is kept in {directory.path}; go on with it: {command}"):
            try:
                with contextlib.ExitStack() as stack:
                    folder = _cache_folder(config, registry)
                    cache = stack.enter_context(AnswerCache(folder, observer.notify)) if config.cache else None
                    expected = _costs(plan, config, cache, progress)
                    if any(cost.estimate for cost in expected):
                        for line in cost_lines(expected, config.budget):
                            observer.notify(line)
                    answer_all(Work(plan, config.limit, directory, observer, cache, progress))
            finally:
                plan.shared.keep_only(())
            observer.notify("computing intervals and tests")
            _write_baselines(plan, directory)
    del plan, progress  # and with them the tasks' own rows, of which nothing more is needed
    give_back()
    command = f"entailbench report {_typed(directory.path)}"
    with _or_told(observer, f"all answers are kept in {directory.path}; what makes the tables of them: {command}"):
        # Only what is written counts, and the same as `entailbench report` reads.
        found = read_run(directory.path, prompts=False)
        return Outcome(analyse(found.tasks, str(directory.path), found.identities, found.versions), found.tasks)


def _write_down(
    directory: RunDirectory, config: RunConfig, plan: Plan, tasks: Mapping[str, Any], versions: Mapping[str, str]
) -> None:
    """What is asked, of whom and by what, before anything is."""
    directory.write("config.json", config)
    directory.write("tasks.json", tasks)
    directory.write("versions.json", versions)
    for task in plan.tasks:
        directory.write_lines(f"rows/{task.name}.jsonl", harness.rows_of(task, config.limit))
    for name, twin in plan.perturbed.items():
        directory.write_lines(f"perturbed/{name}.jsonl", twin.rows)


@contextlib.contextmanager
def _or_told(observer: Observer, message: str) -> Iterator[None]:
    """Says where a run can be taken up again when something ends it here."""
    try:
        yield
    except BaseException:
        observer.notify(message)
        raise


def _directory(
    config: RunConfig, registry: Registry, described: dict[str, Any], observer: Observer, *, resume: bool
) -> RunDirectory:
    """The run's folder, held against other runs: a new one, or that of the run which is to go on.

    Raises:
        UsageError: it cannot be used; see ``run``.
    """
    parent, chosen = registry.workspace / "runs", config.output and registry.workspace / config.output
    if resume:
        assert chosen is not None
        directory = RunDirectory.reopen(chosen)
        with contextlib.ExitStack() as stack:
            stack.enter_context(directory)
            check_same_plan(directory.path, described)
            observer.notify(f"going on in the run directory: {directory.path}")
            stack.pop_all()
        return directory
    unfinished = find_unfinished(chosen.parent if chosen else parent, described)
    if unfinished is not None:
        command = _resume_command(unfinished, registry)
        sentence = f"{unfinished} is the same run and was not finished; to go on with it: {command}"
        if unfinished == chosen:
            raise UsageError(sentence)
        observer.notify(sentence)
    directory = RunDirectory.create(chosen, parent)
    observer.notify(f"run directory: {directory.path}")
    return directory


def _hash_of(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{to_json(row)}\n".encode())
    return digest.hexdigest()


def costs(config: RunConfig, registry: Registry, observer: Observer) -> tuple[TaskCost, ...]:
    """Checks everything as ``run`` does, and says what it would cost; opens, sends and writes nothing.

    Raises:
        PreflightError: as ``run``.
    """
    plan = _preflight(config, registry, observer)
    folder = _cache_folder(config, registry)
    if not config.cache or not (folder / FILE).is_file():
        return _costs(plan, config, None, {})
    with AnswerCache(folder, observer.notify) as cache:
        return _costs(plan, config, cache, {})


def _costs(
    plan: Plan, config: RunConfig, cache: AnswerCache | None, progress: Mapping[str, Progress]
) -> tuple[TaskCost, ...]:
    """What is left to pay for."""

    def left(model: ResolvedModel, task: harness.LoadedTask, limit: int | None) -> Sequence[Prompt] | None:
        return unasked(model, task, limit, cache, progress.get(model.spec.name, Progress()).answers)

    return estimate_costs(plan.models, [(one, config.limit if one in plan.tasks else None) for one in plan.asked], left)


def _cache_folder(config: RunConfig, registry: Registry) -> Path:
    return registry.workspace / (config.cache_dir or registry.home)


def _write_baselines(plan: Plan, directory: RunDirectory) -> None:
    """What each task's baselines say, beside the answers."""
    for task in plan.tasks:
        rows = read_rows(directory.path, task.name)
        directory.write(
            f"baselines/{task.name}.json",
            [
                {"name": one.name, "unavailable": one.unavailable, "predicted": [a.predicted for a in one.answers]}
                for one in baselines(rows, *training_rows(task, plan.task_paths, plan.metadata))
            ],
        )


def _preflight(config: RunConfig, registry: Registry, observer: Observer) -> Plan:
    """Everything that can be known before the first token; all problems at once."""
    problems: list[str] = []
    if not config.models:
        problems.append("no model was named: pass --models, for example --models base")
    problems += [
        f"--allow-leak names {name!r}, which is none of the models of this run ({', '.join(config.models)})"
        for name in config.allow_leak
        if name not in config.models
    ]
    for kind, names in (("model", config.models), ("task", config.tasks)):
        problems += [f"{kind} {name!r} is named twice" for name in sorted({n for n in names if names.count(n) > 1})]
    shared = Shared()
    limits = Limits(config.max_errors, Purse(config.budget))
    told = {"truncate": config.truncate} if config.truncate else {}
    models: list[ResolvedModel] = []
    for name in dict.fromkeys(config.models):
        try:
            resolved = registry.resolve(name, shared=shared, notify=observer.notify, limits=limits, options=told)
            problems += resolved.problems()
            models.append(resolved)
        except EntailbenchError as error:
            problems.append(str(error))
    problems += _options_in_vain(told, models, observer)
    metadata = {**config.metadata, "data_dir": str(registry.workspace / config.data_dir) if config.data_dir else None}
    paths = task_paths(registry)
    tasks, task_problems = harness.load_tasks(
        list(dict.fromkeys(config.tasks)), paths, split=config.split, metadata=metadata
    )
    problems += task_problems
    for task in tasks:
        problems += _task_problems(task, models, config.limit)
        problems += [
            f"model {model.spec.name!r} cannot run {task.name!r}: backend {model.spec.backend} scores no candidates"
            for model in models
            if task.scores_candidates and not model.backend.scores
        ]
        if config.limit is not None and config.limit > len(task.docs):
            problems.append(
                f"--limit {config.limit} is more than the {len(task.docs)} rows of {task.name!r}, split {task.split!r}"
            )
    sound = [model for model in models if not model.problems()]
    leaks = find_leaks(sound, tasks, config.limit, config.allow_leak, observer.notify)
    problems += leaks.problems
    problems += _output_problems(registry.workspace / (config.output or "runs"))
    perturbed = _perturbed(tasks, config, observer) if config.perturb and not problems else {}
    for twin in perturbed.values():
        problems += _task_problems(twin.loaded, models, None) if twin.loaded else []
    if not problems and config.budget is not None:
        twins = [(twin.loaded, None) for twin in perturbed.values() if twin.loaded]
        problems += budget_problems(estimate_costs(models, [*((task, config.limit) for task in tasks), *twins]))
    if problems:
        raise PreflightError(problems)
    return Plan(tuple(models), tuple(tasks), shared, leaks, tuple(paths), metadata, limits, perturbed)


def _options_in_vain(told: Mapping[str, Any], models: Sequence[ResolvedModel], observer: Observer) -> list[str]:
    """Says which models an option of the command line means nothing to; a problem where it is all of them."""
    problems = []
    for option in told:
        without = [one for one in models if not hasattr(one.options, option)]
        names = ", ".join(f"{one.spec.name!r} (backend {one.spec.backend})" for one in without)
        if without and len(without) == len(models):
            problems.append(f"--{option} means nothing to {names}: it is for backends that compute here")
        elif without:
            observer.notify(f"--{option} means nothing to {names}")
    return problems


def _perturbed(tasks: Sequence[harness.LoadedTask], config: RunConfig, observer: Observer) -> dict[str, PerturbedTask]:
    """The tasks' rows put otherwise, by task."""
    found = {}
    for task in tasks:
        observer.start("perturbing", task.name, len(task.docs[: config.limit]))

        def advance(rows: int) -> None:
            for _ in range(rows):
                observer.advance("perturbing")

        try:
            twin = found[task.name] = perturbed_task(task, config.limit, advance=advance)
        finally:
            observer.finish("perturbing")
        observer.notify(f"{task.name}: {len(twin.rows):,} questions put otherwise, each confirmed by the solver")
    return found


def _task_problems(task: harness.LoadedTask, models: Sequence[ResolvedModel], limit: int | None) -> list[str]:
    try:
        outline = task.outline(limit)
    except UsageError as error:
        return [f"task {task.name!r}: {error}"]
    return [
        f"model {model.spec.name!r}: {problem}"
        for model in models
        if not model.problems()
        for problem in model.backend.check_task(model.options, model.context, outline)
    ]


def task_paths(registry: Registry) -> list[Path]:
    """The task folders of all plugins."""
    return [Path(path) for _, paths in registry.plugins.call("entailbench_task_paths") for path in paths]


def _described(task: harness.LoadedTask, perturbed: PerturbedTask | None) -> dict[str, Any]:
    return {
        **({"not_perturbed": perturbed.left_out} if perturbed else {}),
        "split": task.split,
        "labels": task.labels,
        "source": task.source or "shipped with the task",
        "title": " · ".join(part for part in (task.labels, task.source) if part),
        "scored": task.scores_candidates,
        "rows": len(task.docs),
        "sha256": task.fingerprint,
    }


def _output_problems(path: Path) -> list[str]:
    existing = next(candidate for candidate in (path, *path.parents) if candidate.exists())
    if not existing.is_dir():
        return [f"the output folder {path} is not a folder"]
    if not os.access(existing, os.W_OK | os.X_OK) or _mounted_read_only(existing):
        return [f"the output folder {path} cannot be written (read-only): choose another --output"]
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES:
        return [f"only {free / 2**20:.0f} MB are free for the output folder {path}: choose another --output"]
    return []


def _resume_command(path: Path, registry: Registry) -> str:
    """What goes on with the run in ``path``, to be typed into a shell here."""
    command = f"entailbench run --resume {_typed(path)}"
    config = registry.config.path
    if config is not None and config.absolute() != Path.cwd() / CONFIG_NAME:
        command += f" --config {_typed(config.absolute())}"
    return command


def _typed(path: Path) -> str:
    """Relative to the current folder where it lies in it."""
    try:
        return shlex.quote(str(path.relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(path))


def _mounted_read_only(path: Path) -> bool:
    # For root, os.access says yes to everything; the mount's flag does not lie.
    return bool(hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY)


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
