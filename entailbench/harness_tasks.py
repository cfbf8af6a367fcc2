"""Tasks as lm-eval reads them: their YAML files, their rows, and what a model can be trained to write for those."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench.decoding import decoding_of
from entailbench.errors import (
    DataError,
    EntailbenchError,
    RunError,
    UnknownNameError,
    UsageError,
    first_line,
    nearest_hint,
)
from entailbench.names import is_file_name
from entailbench.records import LABELS, TaskOutline
from entailbench.table_rows import TableRows

if TYPE_CHECKING:
    from lm_eval.api.task import Task

__all__ = [
    "DEFAULT_TARGET",
    "LoadedTask",
    "TaskEntry",
    "argument_problems",
    "list_tasks",
    "load_tasks",
    "quiet_lm_eval",
    "target_names",
    "target_templates",
    "without_pickled_caches",
]

EVALUATION_SPLIT = "evaluation"
"""What our tasks call the split that was asked for; lm-eval's YAML cannot take it from the command line."""

MANY_ROWS = 10_000
"""Rows of a split that are not all made at once."""

DEFAULT_TARGET = "label"
"""What a model is trained to write unless a recipe says otherwise; every task has it."""


@dataclass(frozen=True)
class TaskEntry:
    """A task that can be asked for by name."""

    name: str
    path: Path
    """Its YAML file."""
    output_type: str
    """lm-eval's: ``generate_until`` or ``multiple_choice``."""
    splits: tuple[str, ...]
    labels: str
    """Who says what is right."""
    description: str
    targets: tuple[str, ...] = (DEFAULT_TARGET,)
    """What a model can be trained to write for its rows."""


@dataclass(frozen=True)
class LoadedTask:
    """A task with its documents read and checked."""

    name: str
    split: str
    labels: str
    task: Task
    docs: Sequence[Mapping[str, Any]]
    """Every row of the split, in order; ``--limit`` takes the first ones. Of a large one they are made when they are
    looked at."""
    source: str
    """Where the rows came from, as the loader says; empty for what ships with the task."""

    def outline(self, limit: int | None) -> TaskOutline:
        """What a backend may want to know beforehand."""
        decoding = None if self.scores_candidates else decoding_of(self.task.config.generation_kwargs or {})
        return TaskOutline(self.name, self.docs[:limit], decoding, len(self.docs))

    @property
    def fingerprint(self) -> str:
        """``sha256:…`` over all rows, in order."""
        digest = hashlib.sha256()
        for doc in self.docs:
            digest.update(json.dumps(doc, sort_keys=True, default=str).encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def scores_candidates(self) -> bool:
        """Whether models must be able to score candidates."""
        return str(self.task.OUTPUT_TYPE) == "multiple_choice"


@contextlib.contextmanager
def quiet_lm_eval() -> Iterator[None]:
    """Keeps lm-eval's log lines, its bar while it builds requests, and git's complaint off the terminal.

    Nor does it describe the machine, for which it would run pip and a dozen other programs for seconds, at every model.
    """
    import lm_eval.api.task
    import lm_eval.evaluator

    def no_bar(rows: Iterable[Any], *_: Any, **__: Any) -> Iterable[Any]:
        return rows

    def no_commit() -> None:
        # It would ask git about the user's folder, and git complains on stderr where that is no repository.
        return None

    def no_description(results: dict[str, Any]) -> None:
        results["pretty_env_info"] = "see versions.json of the run"

    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            _replaced(lm_eval.api.task, "tqdm", no_bar),
            _replaced(lm_eval.evaluator, "get_git_commit_hash", no_commit),
            _replaced(lm_eval.evaluator, "add_env_info", no_description),
        ):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def without_pickled_caches() -> Iterator[None]:
    """Refuses lm-eval's two caches, whoever asks for them: they hold pickles, and reading one runs whatever is in it.

    Raises:
        UsageError: where one would be read.
    """
    import lm_eval.api.model
    import lm_eval.api.task

    def load_from_cache(file_name: str, cache: bool = False) -> None:
        if cache:
            raise UsageError(_PICKLED.format("--cache_requests"))

    def caching_model(*_: Any, **__: Any) -> None:
        raise UsageError(_PICKLED.format("--use_cache"))

    with (
        _replaced(lm_eval.api.task, "load_from_cache", load_from_cache),
        _replaced(lm_eval.api.model, "CachingLM", caching_model),
    ):
        yield


_PICKLED = (
    "lm-eval's {} reads pickles, which can run any code when they are read: leave it out (with plain lm_eval, at your "
    "own risk, it is still there)"
)


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def list_tasks(paths: Sequence[Path]) -> dict[str, TaskEntry]:
    """The tasks that the YAML files under ``paths`` define, by name.

    Raises:
        RunError: a YAML file that lm-eval cannot read; it would skip it without a word.
    """
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    for folder in paths:
        for path in sorted(Path(folder).glob("*.yaml")):
            # lm-eval leaves a file that it cannot read out of its index, without a word.
            try:
                load_yaml(path, resolve_func=False, recursive=True)
            except Exception as error:  # whatever its YAML parser raises
                raise RunError(f"task file {path} cannot be read: {first_line(error)}") from error
    with quiet_lm_eval():
        manager = TaskManager(include_path=[str(path) for path in paths], include_defaults=False)
        entries = {}
        for name, entry in manager.task_index.items():
            if entry.yaml_path is None or name not in manager.all_subtasks:
                continue
            if not is_file_name(name):
                raise RunError(f"task file {entry.yaml_path} calls its task {name[:100]!r}: that can be no file's name")
            config = load_yaml(entry.yaml_path, resolve_func=False, recursive=True)
            metadata = config.get("metadata") or {}
            entries[name] = TaskEntry(
                name=name,
                path=Path(entry.yaml_path),
                output_type=str(config.get("output_type", "generate_until")),
                splits=tuple(metadata.get("splits", ())),
                labels=str(metadata.get("labels", "labels of the data set")),
                description=str(metadata.get("description", "")).strip(),
                targets=target_names(name, metadata),
            )
    return entries


def load_tasks(
    names: Sequence[str],
    paths: Sequence[Path],
    *,
    split: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    target: str | None = None,
) -> tuple[list[LoadedTask], list[str]]:
    """Reads tasks and their rows; collects what is wrong with each instead of stopping at the first.

    Args:
        names: task names.
        paths: folders with task YAML.
        split: the split to evaluate, default "test".
        metadata: passed to the tasks' own loaders, e.g. ``data_dir``.
        target: what a model is to be trained to write; a task without it is a problem before its rows are made.

    Returns:
        The tasks that could be read, and every problem as a sentence.
    """
    from lm_eval.tasks import TaskManager

    known = list_tasks(paths)
    loaded: list[LoadedTask] = []
    problems: list[str] = []
    split = split or "test"
    given = {key: value for key, value in (metadata or {}).items() if value is not None}
    with quiet_lm_eval():
        manager = TaskManager(
            include_path=[str(path) for path in paths], include_defaults=False, metadata={**given, "split": split}
        )
        for name in names:
            if name not in known:
                problems.append(str(UnknownNameError("task", name, known)))
                continue
            if known[name].splits and split not in known[name].splits:
                problems.append(f"task {name!r} has no split {split!r} (it has {', '.join(known[name].splits)})")
                continue
            if target is not None and target not in known[name].targets:
                problems.append(f"task {name!r}: {UnknownNameError('target', target, known[name].targets)}")
                continue
            try:
                task = manager.load([name])["tasks"][name]
                loaded.append(_checked(known[name], split, task))
            except EntailbenchError as error:
                problems.append(f"task {name!r}: {error}")
    return loaded, problems


def argument_problems(name: str, paths: Sequence[Path], arguments: Mapping[str, Any]) -> list[str]:
    """What a task's loader would pass over in silence: arguments that it does not have, each as a sentence.

    Args:
        name: a task's name; of an unknown one nothing is said here.
        paths: folders with task YAML.
        arguments: what it is to be given, besides the split and the data folder.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    entry = list_tasks(paths).get(name) if arguments else None
    if entry is None:
        return []
    loader = load_yaml(entry.path, resolve_func=True, recursive=True).get("custom_dataset")
    if not callable(loader):
        return [f"task {name!r} takes no arguments, got {', '.join(arguments)}"]
    known = [
        parameter.name
        for parameter in inspect.signature(loader).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in ("split", "data_dir")
    ]
    return [
        f"task {name!r} has no argument {key!r}{nearest_hint(key, known)} (known: {', '.join(known) or 'none'})"
        for key in arguments
        if key not in known
    ]


def _checked(entry: TaskEntry, split: str, task: Task) -> LoadedTask:
    if str(task.OUTPUT_TYPE) not in ("generate_until", "multiple_choice"):
        raise UsageError(
            f"its output type is {task.OUTPUT_TYPE!r}; entailbench runs generate_until and multiple_choice tasks "
            "(`entailbench lm-eval` runs any)"
        )
    if task.config.test_split != EVALUATION_SPLIT:
        raise UsageError(
            f"{entry.path} must have `test_split: {EVALUATION_SPLIT}` and a custom_dataset that takes `split`; "
            "`entailbench lm-eval` runs tasks of any form"
        )
    docs = _listed(task.test_docs())
    if not docs:
        raise DataError(f"the {split} split has no rows")
    for number, doc in enumerate(docs):
        if doc.get("label") not in LABELS:
            raise DataError(
                f"row {number} has the label {doc.get('label')!r}; a task's rows need `label`, one of {LABELS}"
            )
    source = str(getattr(task.dataset[EVALUATION_SPLIT].info, "description", "") or "")
    return LoadedTask(entry.name, split, entry.labels, task, docs, source)


def _listed(docs: Any) -> Sequence[Mapping[str, Any]]:
    """The rows; where there is a table of them, all at once, or if they are many in batches when they are looked at."""
    if not hasattr(docs, "to_list"):
        return tuple(docs)
    return TableRows(docs) if len(docs) > MANY_ROWS else tuple(docs.to_list())


def target_names(task: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """What a model can be trained to write for a task's rows; "label" is always among them."""
    return tuple(dict.fromkeys((DEFAULT_TARGET, *map(str, target_templates(task, metadata)))))


def target_templates(task: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = metadata.get("targets") or {}
    if not isinstance(declared, Mapping):
        raise DataError(f"task {task!r}: `targets` in its metadata must map names to templates, got {declared!r}")
    return declared
