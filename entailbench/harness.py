"""Benchmarking through lm-eval, the only part of the core that imports it: this module and ``harness_*``.

Documents, requests, filters, metrics and result files are lm-eval's; a model enters as one ``LM``.
lm_eval is imported when a function is called, since it takes seconds.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench.answered import Judged
from entailbench.errors import RunError
from entailbench.harness_parts import PartResults, parts_of, rename_samples
from entailbench.harness_prompts import conversations_of
from entailbench.harness_rows import judged_of, rows_of
from entailbench.harness_samples import SftRows, answer_reader, sft_pairs
from entailbench.harness_tasks import (
    LoadedTask,
    TaskEntry,
    argument_problems,
    list_tasks,
    load_tasks,
    quiet_lm_eval,
    without_pickled_caches,
)

if TYPE_CHECKING:
    from entailbench.contracts import Model
    from entailbench.harness_model import HarnessModel, OnAnswer
    from entailbench.harness_questions import Question

__all__ = [
    "LoadedTask",
    "SftRows",
    "TaskEntry",
    "answer_reader",
    "argument_problems",
    "conversations_of",
    "evaluate",
    "list_tasks",
    "load_tasks",
    "questions",
    "quiet_lm_eval",
    "rows_of",
    "run_lm_eval_cli",
    "sft_pairs",
]


SEED = 1234
"""lm-eval's own default."""


def evaluate(
    model: Model,
    name: str,
    loaded: LoadedTask,
    *,
    limit: int | None,
    on_start: Callable[[int], None],
    on_answer: OnAnswer,
    out: Path,
    max_errors: int = 0,
) -> tuple[Judged, ...]:
    """Runs one model over one task through lm-eval and writes lm-eval's own result and sample files.

    Args:
        model: an open model.
        name: its registered name, for lm-eval's files.
        loaded: the task.
        limit: only the first rows.
        on_start: called with the number of prompts when the model is about to be asked.
        on_answer: called for every answer as it comes.
        out: the files go to its folder ``name``.
        max_errors: how many rows may end as errors.

    Returns:
        The answers in the order of the rows.

    Raises:
        ModelError: the model stopped answering, or did not answer every prompt once.
        RowErrorsError: more rows ended as errors.
        RunError: lm-eval's files could not be written.
    """
    from lm_eval.loggers import EvaluationTracker

    from entailbench.harness_model import HarnessModel

    wrapped = HarnessModel(
        model,
        name=name,
        on_start=on_start,
        on_answer=on_answer,
        read_label=answer_reader(loaded),
        max_errors=max_errors,
    )
    tracker = EvaluationTracker(output_path=str(out))
    tracker.date_id = written = datetime.now().isoformat().replace(":", "-")
    answers: list[Judged] = []
    with quiet_lm_eval(), without_pickled_caches():
        found = PartResults(loaded)
        for first, part, rows in parts_of(loaded, limit):
            wrapped.begin_part(first)
            results = _evaluated(wrapped, part, rows, tracker)
            samples = sorted(results.pop("samples")[loaded.name], key=lambda sample: int(sample["doc_id"]))
            for sample in samples:
                sample["doc_id"] += first
                answers.append(judged_of(loaded, sample, wrapped.answers.get(sample["doc_id"])))
            found.add(samples)
            tracker.save_results_samples(task_name=loaded.name, samples=samples)
            part.task._instances = None  # else every row's request is kept until the next model
        results = found.complete(results)
        results["config"].update(model=name, model_args=None, limit=limit)
        tracker.save_results_aggregated(results=results, samples=found.hashes())
        rename_samples(out / name, loaded.name, written, str(tracker.date_id))
    if not any((out / name).glob("results_*.json")) or not any((out / name).glob(f"samples_{loaded.name}_*.jsonl")):
        raise RunError(f"lm-eval could not write its results to {out}: is the disk full, or the folder read-only?")
    return tuple(answers)


def questions(model: Model, name: str, loaded: LoadedTask, *, limit: int | None) -> tuple[Question, ...]:
    """What ``evaluate`` will ask ``model``, without asking it; arguments as there.

    Raises:
        ModelError: the model cannot render the task's conversations.
    """
    from entailbench.harness_questions import AskedError, ListeningModel

    listening = ListeningModel(model, name=name, read_label=answer_reader(loaded))
    with quiet_lm_eval():
        for first, part, rows in parts_of(loaded, limit):
            listening.begin_part(first)
            with contextlib.suppress(AskedError):
                _evaluated(listening, part, rows, None)
    return listening.questions


def _evaluated(wrapped: HarnessModel, loaded: LoadedTask, limit: int | None, tracker: Any) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    results: dict[str, Any] = simple_evaluate(
        model=wrapped,
        model_args=f"pretrained={wrapped.name}",  # names the folder of lm-eval's files
        tasks=[loaded.task],
        limit=limit,
        # Seeding torch imports it, which takes 150 MB; a model that computes with it has done so.
        torch_random_seed=SEED if "torch" in sys.modules else None,
        bootstrap_iters=0,  # intervals that respect puzzles are ours to compute
        log_samples=True,
        evaluation_tracker=tracker,
        apply_chat_template=wrapped.model.chat,
        task_manager=TaskManager(include_path=None, include_defaults=False),
    )
    return results


def run_lm_eval_cli(arguments: Sequence[str], paths: Sequence[Path]) -> None:
    """lm-eval's own command line, with our models (``--model entailbench``) and every plugin's tasks.

    Args:
        arguments: what follows ``entailbench lm-eval``, e.g. ``["run", "--tasks", "puzzte", …]``.
        paths: task folders of all plugins; lm-eval's ``--include_path`` takes only one.
    """
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
        with without_pickled_caches():
            cli.execute(parsed)
    finally:
        sys.argv = before
