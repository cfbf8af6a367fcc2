"""Opening the models of a run and asking them: one after the other here, those that compute elsewhere meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entailbench import harness
from entailbench.answer_cache import AnswerCache
from entailbench.contracts import Model, ResolvedModel
from entailbench.decoding import with_room_for
from entailbench.elsewhere import AskedModel, Elsewhere, Listener
from entailbench.errors import EntailbenchError
from entailbench.free_memory import give_back
from entailbench.outcomes import Tally, prediction, what_it_took
from entailbench.reading_ahead import ReadingAhead
from entailbench.records import Answer, CandidateScores, Prompt
from entailbench.remembering import RememberingModel
from entailbench.resuming import Progress, check_same_model
from entailbench.run_directory import PredictionsFile, RunDirectory
from entailbench.run_plan import Observer, Plan
from entailbench.writing_behind import WritingBehind

__all__ = ["Work", "answer_all"]

MANY_ANSWERS = 10_000
"""After so many of one model, what asking them took is worth being given back to the system."""


@dataclass(frozen=True)
class Work:
    """What answering needs to know."""

    plan: Plan
    limit: int | None
    """Only the first rows of each task."""
    directory: RunDirectory
    observer: Observer
    cache: AnswerCache | None = None
    """Where answers are looked up and kept; None does neither."""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """By model, what an earlier start of the run has done."""

    def before(self, model: ResolvedModel) -> Progress:
        """What an earlier start has done of a model; nothing where there was none."""
        return self.progress.get(model.spec.name, Progress())


def answer_all(work: Work) -> None:
    """Asks all models about all tasks; their answers are then in the run directory, and nowhere else.

    Models that compute elsewhere are asked while the others take their turns here. When one fails, what has begun is
    finished and kept, nothing new is begun, and then its error is raised.
    """
    plan, observer = work.plan, work.observer
    finished = [one for one in plan.models if work.before(one).finished]
    remote = [one for one in plan.models if one.backend.remote and one not in finished] if len(plan.models) > 1 else []
    here = [one for one in plan.models if one not in (*remote, *finished)]
    failures: list[EntailbenchError] = []
    opened: list[_Opened] = []
    with Elsewhere(observer.notify) as elsewhere, ReadingAhead(observer.notify) as ahead:
        try:
            for resolved in remote:
                opened.append(_ask(resolved, work, elsewhere))
            for index, resolved in enumerate(here):
                if elsewhere.failed.is_set():
                    break
                name, later = resolved.spec.name, here[index + 1 :]
                try:
                    if index == 0:
                        # Opening the first one imports for seconds before it reads.
                        ahead.begin(name, _unread_files(resolved, ()))
                    model = _opened(resolved, work)
                    if later:
                        ahead.begin(later[0].spec.name, _unread_files(later[0], here[: index + 1]))
                    _answer(model, work)
                except EntailbenchError as error:
                    failures.append(error)
                    if remote:
                        observer.notify(f"{name} failed: {error}; the models that are being asked are waited for")
                    break
                plan.shared.keep_only(one.context.root for one in later)
            while opened:
                model = opened.pop(0)
                try:
                    _answer(model, work)
                except EntailbenchError as error:
                    failures.append(error)
        finally:
            if opened:
                elsewhere.stop()
            for model in opened:
                _close(model, work, {})
    if failures:
        raise failures[0]


@dataclass(frozen=True)
class _Opened:
    """A model at work."""

    resolved: ResolvedModel
    model: RememberingModel
    lineage: Mapping[str, Any] | None
    asked: AskedModel | None = None
    """Where it computes elsewhere and is being asked."""


def _opened(resolved: ResolvedModel, work: Work) -> _Opened:
    lineage = resolved.backend.lineage(resolved.options, resolved.context)
    name, before = resolved.spec.name, work.before(resolved)
    work.observer.notify(f"opening {name}")
    model = resolved.open()
    try:
        check_same_model(name, model, before.described)
    except BaseException:
        model.close()
        raise
    for answered_by in before.answered_by:
        model.recall(answered_by)
    if before.described:
        # lm-eval puts its files beside those of the earlier start; it is told every answer again.
        shutil.rmtree(work.directory.path / "lm_eval" / name, ignore_errors=True)
    cache = work.cache if resolved.backend.caches else None
    if cache and model.determined_by is None:
        work.observer.notify(
            f"{name}: backend {resolved.backend.name!r} does not say what determines its answers, so "
            "they are neither kept in the cache nor taken from it"
        )
    remembering = RememberingModel(model, name, cache, before.answers, before.described.get("seconds"))
    opened = _Opened(resolved, remembering, lineage)
    try:
        _describe(opened, work, {})
    except BaseException:
        model.close()
        raise
    return opened


def _unread_files(resolved: ResolvedModel, earlier: Sequence[ResolvedModel]) -> list[Path]:
    """The weights of a model that none of the ``earlier`` ones has read."""
    read = {path for one in earlier for path in one.backend.weight_files(one.options, one.context)}
    return [path for path in resolved.backend.weight_files(resolved.options, resolved.context) if path not in read]


def _ask(resolved: ResolvedModel, work: Work, elsewhere: Elsewhere) -> _Opened:
    """Opens a model that computes elsewhere, and begins to ask it about all tasks."""
    one, name, plan = _opened(resolved, work), resolved.spec.name, work.plan
    try:
        tasks = {
            loaded.name: (
                harness.questions(one.model, name, loaded, limit=work.limit if loaded in plan.tasks else None),
                _listener(one, loaded, work, behind=False),
            )
            for loaded in plan.asked
        }
    except BaseException:
        _close(one, work, {})
        raise
    return replace(one, asked=elsewhere.ask(name, one.model, tasks))


def _listener(opened: _Opened, loaded: harness.LoadedTask, work: Work, *, behind: bool) -> Listener:
    """Writes a model's answers to one task as they come, and shows how far it is.

    Args:
        opened: the model.
        loaded: the task.
        work: where to, and who is told.
        behind: whether they are written by a thread of its own, for a model whose computing no disk is to hold up.
    """
    name, model = opened.resolved.spec.name, opened.model
    files: list[PredictionsFile | WritingBehind] = []

    def on_start(rows: int) -> None:
        if not files:
            lines = work.directory.predictions(name)
            files.append(WritingBehind(lines) if behind else lines)
        work.observer.start(name, loaded.name, rows)

    def on_answer(prompt: Prompt, answer: Answer | CandidateScores) -> None:
        if not model.is_earlier(prompt.id):
            line = prediction(
                prompt,
                answer,
                loaded.split,
                asked=model.asked(prompt.id),
                cached=model.is_cached(prompt.id),
                answered_by=model.answered_by_of(prompt.id),
            )
            files[0].append(line)
        work.observer.advance(name)

    def on_end() -> None:
        work.observer.finish(name)
        for file in files:
            file.close()

    return Listener(on_start, on_answer, on_end)


def _answer(opened: _Opened, work: Work) -> None:
    """Runs an open model over all tasks, writes its judged answers and closes it."""
    name, model, plan, directory = opened.resolved.spec.name, opened.model, work.plan, work.directory
    done: dict[str, Tally] = {}
    try:
        for loaded in plan.asked:
            listener = _listener(opened, loaded, work, behind=not opened.resolved.backend.remote)
            if opened.asked:
                # Who asked it has heard everything already.
                listener = Listener(lambda rows: None, lambda prompt, answer: None, lambda: None)
            try:
                answers = harness.evaluate(
                    *(opened.asked or model, name, loaded),
                    limit=work.limit if loaded in plan.tasks else None,
                    on_start=listener.on_start,
                    on_answer=listener.on_answer,
                    out=directory.path / "lm_eval",
                    max_errors=plan.limits.max_errors,
                )
            finally:
                listener.on_end()
            directory.write_lines(f"judged/{loaded.name}/{name}.jsonl", answers)
            # Only now: what could not be written is not done.
            done[loaded.name] = Tally.of(answers)
            if len(answers) > MANY_ANSWERS:
                del answers
                give_back()
            _describe(opened, work, done)
        if took := what_it_took(name, done.values(), model.usage, sum(model.cached(task) for task in done)):
            work.observer.notify(took)
    finally:
        _close(opened, work, done)


def _close(opened: _Opened, work: Work, done: Mapping[str, Tally]) -> None:
    """Writes down what a model was, and closes it."""
    if opened.asked:
        opened.asked.close()
    try:
        _describe(opened, work, done)
    finally:
        opened.model.close()


def _describe(opened: _Opened, work: Work, done: Mapping[str, Tally]) -> None:
    """Writes ``models/NAME.json``: when a model is opened, after each task, and at its end.

    Args:
        opened: the model.
        work: where to.
        done: by task that it is through with, what became of the rows.
    """
    resolved, model, plan = opened.resolved, opened.model, work.plan
    name = resolved.spec.name
    described = {
        "name": name,
        "identity": model.identity,
        "determined_by": model.determined_by,
        "options": repr(resolved.options),  # a backend's repr hides what is secret
        "decoding": {task.name: _decoding_arguments(task, model) for task in plan.tasks},
        "overlap": {task.name: plan.leaks.overlaps.get((name, task.name)) for task in plan.tasks},
        "source": resolved.spec.source,
        # What an earlier start was through with it has written down; a kill of this one must not lose it.
        "seconds": {**work.before(resolved).described.get("seconds", {}), **{t: model.seconds(t) for t in done}},
        "cached": {task: model.cached(task) for task in done},
        "cut": {task: tally.cut for task, tally in done.items()},
        "leaked": {task.name: plan.leaks.rows(name, task.name) for task in plan.tasks},
        "lineage": opened.lineage,
        "usage": model.usage,
        "finished": {task.name for task in plan.asked} <= set(done),
    }
    work.directory.write(f"models/{name}.json", described)


def _decoding_arguments(task: harness.LoadedTask, model: Model) -> dict[str, Any] | None:
    """As lm-eval names them; None where nothing is generated."""
    if task.scores_candidates:
        return None
    return with_room_for(model.answer_tokens, task.task.config.generation_kwargs or {})
