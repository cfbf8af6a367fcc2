"""The only module of the core that imports lm_eval.

Documents, requests, filters, metrics and result files are lm-eval's; a model enters as one ``LM``.
lm_eval is imported when a function is called, since it takes seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench.decoding import decoding_of
from entailbench.errors import DataError, EntailbenchError, RunError, UnknownNameError, UsageError, first_line
from entailbench.records import LABELS, UNPARSED, SftPair, TaskOutline

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from entailbench.contracts import Model
    from entailbench.harness_model import OnAnswer

__all__ = [
    "Evaluation",
    "LoadedTask",
    "Sample",
    "TaskEntry",
    "evaluate",
    "list_tasks",
    "load_tasks",
    "quiet_lm_eval",
    "run_lm_eval_cli",
    "sft_pairs",
]

EVALUATION_SPLIT = "evaluation"
"""What our tasks call the split that was asked for; lm-eval's YAML cannot take it from the command line."""


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


@dataclass(frozen=True)
class LoadedTask:
    """A task with its documents read and checked."""

    name: str
    split: str
    labels: str
    task: Task
    docs: tuple[Mapping[str, Any], ...]
    """Every row of the split, in order; ``--limit`` takes the first ones."""
    source: str
    """Where the rows came from, as the loader says; empty for what ships with the task."""

    def outline(self, limit: int | None) -> TaskOutline:
        """What a backend may want to know beforehand."""
        decoding = None if self.scores_candidates else decoding_of(self.task.config.generation_kwargs or {})
        return TaskOutline(self.name, self.docs[:limit], decoding)

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


@dataclass(frozen=True)
class Sample:
    """One row as it was answered and judged."""

    doc_id: int
    id: str
    """The row's own id."""
    puzzle: str
    gold: str
    predicted: str
    """A label, or ``"unparsed"``."""


@dataclass(frozen=True)
class Evaluation:
    """What one model did on one task."""

    samples: tuple[Sample, ...]
    seconds: float
    """Wall time of answering."""


@contextlib.contextmanager
def quiet_lm_eval() -> Iterator[None]:
    """Keeps lm-eval's log lines, its bar while it builds requests, and git's complaint off the terminal."""
    import lm_eval.api.task
    import lm_eval.evaluator

    def no_bar(rows: Iterable[Any], *_: Any, **__: Any) -> Iterable[Any]:
        return rows

    def no_commit() -> None:
        # It would ask git about the user's folder, and git complains on stderr where that is no repository.
        return None

    logger = logging.getLogger("lm_eval")
    before = logger.level, lm_eval.api.task.tqdm, lm_eval.evaluator.get_git_commit_hash
    logger.setLevel(logging.ERROR)
    lm_eval.api.task.tqdm, lm_eval.evaluator.get_git_commit_hash = no_bar, no_commit
    try:
        yield
    finally:
        logger.setLevel(before[0])
        lm_eval.api.task.tqdm, lm_eval.evaluator.get_git_commit_hash = before[1:]


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
            config = load_yaml(entry.yaml_path, resolve_func=False, recursive=True)
            metadata = config.get("metadata") or {}
            entries[name] = TaskEntry(
                name=name,
                path=Path(entry.yaml_path),
                output_type=str(config.get("output_type", "generate_until")),
                splits=tuple(metadata.get("splits", ())),
                labels=str(metadata.get("labels", "labels of the data set")),
                description=str(metadata.get("description", "")).strip(),
            )
    return entries


def load_tasks(
    names: Sequence[str], paths: Sequence[Path], *, split: str | None = None, metadata: Mapping[str, Any] | None = None
) -> tuple[list[LoadedTask], list[str]]:
    """Reads tasks and their rows; collects what is wrong with each instead of stopping at the first.

    Args:
        names: task names.
        paths: folders with task YAML.
        split: the split to evaluate, default "test".
        metadata: passed to the tasks' own loaders, e.g. ``data_dir``.

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
            try:
                task = manager.load([name])["tasks"][name]
                loaded.append(_checked(known[name], split, task))
            except EntailbenchError as error:
                problems.append(f"task {name!r}: {error}")
    return loaded, problems


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
    docs = tuple(task.test_docs())
    if not docs:
        raise DataError(f"the {split} split has no rows")
    for number, doc in enumerate(docs):
        if doc.get("label") not in LABELS:
            raise DataError(
                f"row {number} has the label {doc.get('label')!r}; a task's rows need `label`, one of {LABELS}"
            )
    source = str(getattr(task.dataset[EVALUATION_SPLIT].info, "description", "") or "")
    return LoadedTask(entry.name, split, entry.labels, task, docs, source)


def evaluate(
    model: Model,
    name: str,
    loaded: LoadedTask,
    *,
    limit: int | None,
    on_start: Callable[[int], None],
    on_answer: OnAnswer,
    out: Path,
) -> Evaluation:
    """Runs one model over one task through lm-eval and writes lm-eval's own result and sample files.

    Args:
        model: an open model.
        name: its registered name, for lm-eval's files.
        loaded: the task.
        limit: only the first rows.
        on_start: called with the number of prompts when the model is about to be asked.
        on_answer: called for every answer as it comes.
        out: the files go to its folder ``name``.

    Raises:
        ModelError: the model stopped answering, or did not answer every prompt once.
        RunError: lm-eval's files could not be written.
    """
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    from entailbench.harness_model import HarnessModel

    wrapped = HarnessModel(model, name=name, on_start=on_start, on_answer=on_answer)
    tracker = EvaluationTracker(output_path=str(out))
    with quiet_lm_eval():
        results = simple_evaluate(
            model=wrapped,
            model_args=f"pretrained={name}",  # names the folder of lm-eval's files
            tasks=[loaded.task],
            limit=limit,
            bootstrap_iters=0,  # intervals that respect puzzles are ours to compute
            log_samples=True,
            evaluation_tracker=tracker,
            apply_chat_template=model.chat,
            task_manager=TaskManager(include_path=None, include_defaults=False),
        )
        rows = results.pop("samples")
        samples = tuple(_sample(loaded, row) for row in rows[loaded.name])
        results["config"].update(model=name, model_args=None)
        tracker.save_results_aggregated(results=results, samples=rows)
        tracker.save_results_samples(task_name=loaded.name, samples=rows[loaded.name])
    if not any((out / name).glob("results_*.json")) or not any((out / name).glob(f"samples_{loaded.name}_*.jsonl")):
        raise RunError(f"lm-eval could not write its results to {out}: is the disk full, or the folder read-only?")
    return Evaluation(samples, wrapped.seconds)


def _sample(loaded: LoadedTask, row: Mapping[str, Any]) -> Sample:
    doc = row["doc"]
    if loaded.scores_candidates:
        choices = loaded.task.doc_to_choice(doc)
        logprobs = [float(pair[0]) for pair in row["filtered_resps"]]
        predicted = choices[max(range(len(choices)), key=logprobs.__getitem__)]
    else:
        predicted = row["filtered_resps"][0]
    return Sample(
        doc_id=row["doc_id"],
        id=str(doc.get("id", row["doc_id"])),
        puzzle=str(doc.get("puzzle", "")),
        gold=doc["label"],
        predicted=predicted if predicted in LABELS else UNPARSED,
    )


def sft_pairs(loaded: LoadedTask, limit: int | None = None) -> tuple[SftPair, ...]:
    """Training samples from a task's rows, by the code that renders its test prompts.

    The user message splits at its first blank line into instruction and input.

    Raises:
        UsageError: the split has fewer rows than asked for.
    """
    if limit is not None and limit > len(loaded.docs):
        raise UsageError(
            f"task {loaded.name!r} has {len(loaded.docs):,} rows in its {loaded.split} split, {limit:,} were asked for"
        )
    pairs = []
    for doc in loaded.docs[:limit]:
        instruction, _, rest = str(loaded.task.doc_to_text(doc)).partition("\n\n")
        target = loaded.task.doc_to_target(doc)
        if isinstance(target, int):
            target = loaded.task.doc_to_choice(doc)[target]
        pairs.append(SftPair(instruction=instruction, input=rest, output=str(target)))
    return tuple(pairs)


def run_lm_eval_cli(arguments: Sequence[str], paths: Sequence[Path]) -> None:
    """lm-eval's own command line, with our models (``--model entailbench``) and every plugin's tasks.

    Args:
        arguments: what follows ``entailbench lm-eval``, e.g. ``["run", "--tasks", "puzzte", …]``.
        paths: task folders of all plugins; lm-eval's ``--include_path`` takes only one.
    """
    import sys

    import lm_eval.models  # noqa: F401 - must come first, or its own models are never registered
    from lm_eval._cli import HarnessCLI
    from lm_eval.api.registry import model_registry

    from entailbench.harness_model import EntailbenchLM

    if "entailbench" not in model_registry:
        model_registry.register("entailbench", target=EntailbenchLM)
    before, sys.argv = sys.argv, ["lm-eval", *arguments]
    try:
        cli = HarnessCLI()
        parsed = cli.parse_args()
        if hasattr(parsed, "include_path"):
            # A list is more than its parser gives, and what its task manager takes.
            parsed.include_path = [*map(str, paths), *([parsed.include_path] if parsed.include_path else [])]
        cli.execute(parsed)
    finally:
        sys.argv = before
