"""Models that compute elsewhere: each is asked in a thread of its own, while others compute here.

lm-eval runs in one thread only. So what a task asks such a model is found out beforehand (``harness.questions``), its
thread asks it and keeps the answers, and when its turn comes the harness is given them through ``AskedModel``.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from entailbench.answer_stream import checked
from entailbench.contracts import Model
from entailbench.errors import EntailbenchError
from entailbench.records import Answer, CandidateScores, Decoding, Message, ModelIdentity, Prompt

if TYPE_CHECKING:
    from entailbench.harness_questions import Question

__all__ = ["AskedModel", "Elsewhere", "Listener"]

STOP_SECONDS = 2.0
"""How long a thread is waited for that was told to stop; it may be in the middle of a request."""


@dataclass(frozen=True)
class Listener:
    """Is told what becomes of one task's questions, in the thread that asks them."""

    on_start: Callable[[int], None]
    """With the number of prompts of a question, when it is put."""
    on_answer: Callable[[Prompt, Answer | CandidateScores], None]
    """Each answer as it comes."""
    on_end: Callable[[], None]
    """Once, also after an error."""


@dataclass
class _Task:
    """One task's questions and what came of them."""

    questions: Sequence[Question]
    listener: Listener
    came: queue.SimpleQueue[Answer | CandidateScores | None] = field(default_factory=queue.SimpleQueue)
    """The answers to all questions; None after those of each."""
    failure: BaseException | None = None
    """Why no further answers come; set before the None that ends them."""


class Elsewhere:
    """All models that compute elsewhere, for the length of a ``with`` block; what still runs at its end is stopped.

    Args:
        notify: told in one line when a model failed, from its thread.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._models: list[AskedModel] = []
        self.failed = threading.Event()
        """Set when a model failed: nothing new should be begun."""

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Asks nothing more; answers that are on their way are waited for a moment."""
        for model in self._models:
            model.stopped.set()
        deadline = time.monotonic() + STOP_SECONDS
        for model in self._models:
            model.wait(deadline)

    def ask(self, name: str, model: Model, tasks: Mapping[str, tuple[Sequence[Question], Listener]]) -> AskedModel:
        """Starts asking ``model``; returns at once.

        Args:
            name: its registered name.
            model: open; it stays so until the caller closes it.
            tasks: by name, in the order in which they are asked: the questions and who hears of them.
        """
        asked = {task: _Task(questions, listener) for task, (questions, listener) in tasks.items()}
        found = AskedModel(model, asked, lambda stopped: self._run(name, model, asked, stopped), name)
        self._models.append(found)
        return found

    def _run(self, name: str, model: Model, tasks: Mapping[str, _Task], stopped: threading.Event) -> None:
        failure: BaseException | None = None
        for task in tasks.values():
            try:
                if failure is None and not stopped.is_set():
                    _ask(name, model, task, stopped)
            except BaseException as error:  # raised again where the answers are waited for
                failure = error
            try:
                task.listener.on_end()
            except BaseException as error:
                failure = failure or error
            task.failure = failure
            task.came.put(None)
            if failure is not None and not self.failed.is_set() and not stopped.is_set():
                self.failed.set()
                if isinstance(failure, EntailbenchError):
                    self._notify(f"{name} failed: {failure}")


class AskedModel(Model):
    """A model that is being asked already: gives back what came, in its order, and waits for the rest."""

    def __init__(
        self, model: Model, tasks: Mapping[str, _Task], ask: Callable[[threading.Event], None], name: str
    ) -> None:
        self._model = model
        self._tasks = tasks
        self.chat = model.chat
        self.answer_tokens = model.answer_tokens
        self.stopped = threading.Event()
        """Set when nothing more is to be asked."""
        # A daemon: what answers a request may take minutes, and Ctrl-C must not wait for it.
        self._thread = threading.Thread(
            target=ask, args=(self.stopped,), daemon=True, name=f"entailbench-asking-{name}"
        )
        self._thread.start()

    @property
    def identity(self) -> ModelIdentity:
        return self._model.identity

    def render(self, messages: Sequence[Message]) -> str:
        return self._model.render(messages)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        for answer in self._came(prompts):
            assert isinstance(answer, Answer)
            yield answer

    def score(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> Iterator[CandidateScores | Answer]:
        yield from self._came(prompts)

    def close(self) -> None:
        """Asks nothing more. The model itself is closed by who opened it."""
        self.stopped.set()
        self.wait(time.monotonic() + STOP_SECONDS)

    def wait(self, deadline: float) -> None:
        """Until it is through, or ``time.monotonic()`` is ``deadline``."""
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _came(self, prompts: Sequence[Prompt]) -> Iterator[Answer | CandidateScores]:
        task = self._tasks[prompts[0].task]
        wanted = [(prompt.id, prompt.text) for prompt in prompts]
        if wanted not in [[(prompt.id, prompt.text) for prompt in question.prompts] for question in task.questions]:
            raise RuntimeError(f"the questions of {prompts[0].task!r} are not those that were asked beforehand")
        while (answer := task.came.get()) is not None:
            yield answer
        if task.failure is not None:
            raise task.failure


def _ask(name: str, model: Model, task: _Task, stopped: threading.Event) -> None:
    for place, question in enumerate(task.questions):
        if place:
            task.came.put(None)
        task.listener.on_start(len(question.prompts))
        stream = _put(model, question)
        for prompt, answer in checked(stream, question.prompts, name):
            task.listener.on_answer(prompt, answer)
            task.came.put(answer)
            if stopped.is_set():
                _end(stream)
                return


def _put(model: Model, question: Question) -> Iterator[Answer | CandidateScores]:
    if question.decoding is None:
        return model.score(question.prompts, question.candidates)
    return model.generate(question.prompts, question.decoding)


def _end(stream: Iterator[Answer | CandidateScores]) -> None:
    """Lets a generator clean up in the thread that ran it."""
    close = getattr(stream, "close", None)
    if callable(close):
        close()
