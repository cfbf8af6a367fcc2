"""Backend ``replay``: answers recorded earlier, so that a paid run can be scored again without paying.

It generates nothing. Recorded are a ``.jsonl`` or ``.csv`` file of your own, or the
``runs/<id>/predictions/<model>.jsonl`` of an earlier run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from entailbench import (
    UNPARSED,
    Answer,
    Backend,
    DataError,
    Decoding,
    Model,
    ModelError,
    ModelIdentity,
    OpenContext,
    Prompt,
    TaskOutline,
    hookimpl,
)

from .recorded_answers import RecordedAnswers, read_answers

__all__ = ["ReplayBackend", "ReplayOptions", "most_agreed"]

SHOWN = 3
"""How many unanswered prompts a message names."""


@dataclass(frozen=True)
class ReplayOptions:
    """Where the recorded answers are."""

    answers: str
    """A ``.jsonl`` or ``.csv`` file; relative to the folder of ``entailbench.toml``."""
    answer_column: str | tuple[str, ...] | None = None
    """The column with the answer, or several with one answer each; default the one of answer, output, prediction,
    response, text that is there."""
    key: Literal["auto", "doc_id", "text", "order"] = "auto"
    """How a row finds its question: by ``id`` or ``doc_id``, by its ``context`` and ``question``, or by its place."""
    samples: int | None = None
    """How many answers each row has; default 1, or as many as there are answer columns."""
    sample: int | None = None
    """Which of several answers counts, from 1; default the one that most of them agree with."""


class ReplayBackend(Backend):
    """Opens files of recorded answers."""

    name: ClassVar[str] = "replay"
    Options: ClassVar[type] = ReplayOptions
    caches: ClassVar[bool] = False

    def check(self, options: ReplayOptions, context: OpenContext) -> Iterable[str]:
        """Reads the whole file: a mistake in its last line is known before the first token."""
        try:
            _read(options, context)
        except DataError as error:
            return [str(error)]
        return []

    def check_task(self, options: ReplayOptions, context: OpenContext, task: TaskOutline) -> Iterable[str]:
        """Looks every row up as ``generate`` will."""
        if task.decoding is None:
            return []
        prompts = (Prompt(f"{task.name}/{i}", task.name, i, (), "", doc) for i, doc in enumerate(task.docs))
        try:
            recorded = _read(options, context)
        except DataError as error:
            return [str(error)]
        problems = [_other_length(options, recorded, task), _missing(options, recorded, prompts, len(task.docs))]
        return [problem for problem in problems if problem is not None][:1]

    def describe(self, options: ReplayOptions) -> str:
        """The file."""
        return f"answers in {options.answers}"

    def open(self, options: ReplayOptions, context: OpenContext) -> Model:
        """Reads the file.

        Raises:
            DataError: see ``read_answers``.
        """
        return _ReplayModel(options, _read(options, context))


class _ReplayModel(Model):
    """Answers what was recorded."""

    def __init__(self, options: ReplayOptions, recorded: RecordedAnswers) -> None:
        self._options = options
        self._recorded = recorded
        self._task: str | None = None

    @property
    def identity(self) -> ModelIdentity:
        """The file is the model: its hash stands for the weights."""
        return ModelIdentity(
            backend="replay",
            weights=f"sha256:{self._recorded.sha256}",
            details={"answers": self._options.answers, "key": self._recorded.kind},
            remark=_which(self._options.sample, self._recorded.samples),
        )

    @property
    def determined_by(self) -> Mapping[str, Any]:
        """The file, and what of it is read; a run that was interrupted goes on with the same one only."""
        options = self._options
        return {
            "backend": "replay",
            "answers": self._recorded.sha256,
            "read": [options.answer_column, options.key, options.samples, options.sample],
        }

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Yields the recorded texts in order.

        Raises:
            ModelError: before the first answer, when any prompt has none.
        """
        self._check_task(prompts)
        if missing := _missing(self._options, self._recorded, prompts, len(prompts)):
            raise ModelError(missing)
        for prompt in prompts:
            texts = self._recorded.find(prompt)
            if texts is not None:
                chosen = self._options.sample
                text = most_agreed(texts, prompt.read_label) if chosen is None else texts[chosen - 1]
                outcome = self._recorded.outcome(prompt)
                reason = "" if outcome == "answered" else "as recorded"
                yield Answer(prompt.id, text, outcome, reason)  # type: ignore[arg-type]

    def _check_task(self, prompts: Sequence[Prompt]) -> None:
        """Row numbers of one task say nothing about another's."""
        for task in dict.fromkeys(prompt.task for prompt in prompts):
            self._task = self._task or task
            if task != self._task and self._recorded.kind in ("doc_id", "order") and not self._recorded.by_task:
                raise ModelError(
                    f"{self._options.answers} numbers its rows without saying of which task, and is asked for both "
                    f"{self._task!r} and {task!r}: add a column `task`"
                )


def most_agreed(texts: Sequence[str], read_label: Callable[[str], str] | None) -> str:
    """The first answer with the label that most of them have.

    Answers without a label do not vote; of labels that tie, the one that was given first wins.

    Args:
        texts: one or more answers to one prompt.
        read_label: the task's own reading of an answer; without it the answers themselves are counted.
    """
    labels = [read_label(text) if read_label else " ".join(text.split()) for text in texts]
    votes = Counter(label for label in labels if label != UNPARSED)
    return texts[labels.index(votes.most_common(1)[0][0])] if votes else texts[0]


def _which(sample: int | None, samples: int) -> str | None:
    """Which of several answers was taken; stands beside the model's name."""
    if samples == 1:
        return None
    return f"majority of {samples} answers" if sample is None else f"answer {sample} of {samples}"


def _read(options: ReplayOptions, context: OpenContext) -> RecordedAnswers:
    recorded = read_answers(context.path(options.answers), options.answer_column, options.key, options.samples)
    if options.sample is not None and not 1 <= options.sample <= recorded.samples:
        raise DataError(
            f"sample = {options.sample}, but {options.answers} is read with {recorded.samples} "
            f"answer{'' if recorded.samples == 1 else 's'} a row: `samples` says how many it has"
        )
    return recorded


def _other_length(options: ReplayOptions, recorded: RecordedAnswers, task: TaskOutline) -> str | None:
    """Why answers in the rows' order cannot be those of this task; None where they can."""
    if recorded.kind != "order":
        return None
    wanted = len(task.docs) if task.rows is None else task.rows
    found = recorded.rows_of(task.name)
    if found == wanted:
        return None
    return (
        f'{options.answers} has {found} rows and task {task.name!r} has {wanted}: with key = "order" they must be as '
        "many, or a row that is missing somewhere would shift all others"
    )


def _missing(options: ReplayOptions, recorded: RecordedAnswers, prompts: Iterable[Prompt], count: int) -> str | None:
    """Which prompts have no answer, in one sentence; None when all have."""
    missing = [prompt for prompt in prompts if recorded.find(prompt) is None]
    if not missing:
        return None
    named = ", ".join(prompt.id for prompt in missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
    task = f" of task {missing[0].task!r}" if recorded.by_task else ""
    if recorded.kind == "text":
        wanted = f"the context and question of {missing[0].id}{task}"
    else:
        wanted = f"{recorded.kind} {recorded.wanted(missing[0])[0]!r}{task}"
    return f"{options.answers} has no answer for {len(missing)} of {count} prompts: {named} (looked for {wanted}, …)"


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``replay`` backend."""
    return [ReplayBackend()]
