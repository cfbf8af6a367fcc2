"""What a plugin implements: ``Backend`` and ``Model`` to answer prompts, ``Trainer`` to train.

A backend turns validated options into an open model. Declaring one must import nothing heavy:
``torch``, ``transformers``, ``openai`` and the like belong inside ``open``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from entailbench.errors import ModelError
from entailbench.limits import Limits
from entailbench.records import (
    EMPTY,
    Answer,
    CandidateScores,
    CostEstimate,
    Decoding,
    Message,
    ModelIdentity,
    ModelSpec,
    Prompt,
    SftPair,
    TaskOutline,
    Usage,
)

__all__ = [
    "Backend",
    "Model",
    "OpenContext",
    "ResolvedModel",
    "Shared",
    "Trainer",
    "TrainingJob",
    "TrainingOutcome",
    "TrainingOutline",
]

T = TypeVar("T")


class Shared:
    """Heavy things that several models of one run use, each made once (a base model's weights).

    The runner owns it and drops what no remaining model needs.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[Hashable, Any]] = {}

    def get(self, owner: str, key: Hashable, make: Callable[[], T]) -> T:
        """The thing under ``key``, made by ``make`` the first time; it lives as long as ``owner`` is kept."""
        made = self._made.setdefault(owner, {})
        if key not in made:
            made[key] = make()
        return cast(T, made[key])

    def keep_only(self, owners: Iterable[str]) -> None:
        """Drops everything that belongs to no one in ``owners``; calls ``close()`` where there is one."""
        wanted = set(owners)
        for owner in [name for name in self._made if name not in wanted]:
            for thing in self._made.pop(owner).values():
                close = getattr(thing, "close", None)
                if callable(close):
                    close()


@dataclass(frozen=True)
class OpenContext:
    """Where and for whom a model is checked, opened, trained or exported."""

    name: str
    """The model's registered name."""
    home: Path
    """Cache folder of this user (``ENTAILBENCH_HOME``); may not exist yet."""
    workspace: Path
    """Folder of ``entailbench.toml``, or the current one: relative paths in options start here."""
    trained: Path | None = None
    """The checkpoint that ``entailbench finetune`` wrote for this name, when there is one."""
    base: ResolvedModel | None = None
    """The model named by ``base = …``."""
    root: str = ""
    """Models with the same root share weights: those of one chain of ``base``, and of one ``Backend.weights_key``."""
    shared: Shared = field(default_factory=Shared)
    limits: Limits = field(default_factory=Limits)
    """What the run may cost, and how many rows may end as errors; for models that are paid, or that can fail by row."""
    notify: Callable[[str], None] = lambda message: None
    """Tells the user about a wait ("downloading …", "converting …"); one line each."""

    def path(self, value: str | Path) -> Path:
        """``value`` as a path, relative ones against the workspace, ``~`` expanded."""
        return self.workspace / Path(value).expanduser()


class Model(ABC):
    """An open model. Sync; one that talks to a network is concurrent inside."""

    chat: bool = True
    """Whether the model has a chat or prompt format of its own; without one a prompt is plain text to continue."""

    answer_tokens: int | None = None
    """Tokens that an answer of this model may need where that is known, e.g. since it was trained to write the proof
    before the label. A task's own limit is raised to it, for this model alone; None keeps the task's limit."""

    @property
    @abstractmethod
    def identity(self) -> ModelIdentity:
        """What determines the answers. May grow more precise once a server has answered."""

    @property
    def determined_by(self) -> Mapping[str, Any] | None:
        """Everything that determines the answers besides question and decoding: plain JSON, the same in every process.

        Hashes of weights and template, dtype, kind of device, versions of what computes; for a server the model's name
        and the endpoint. No paths and nothing secret: it keys the cache of answers and is written there, and a run that
        was interrupted only goes on where it is still the same. None, the default: nobody can tell, and nothing that
        this model answers is ever taken from a cache.
        """
        return None

    def repeatable(self, decoding: Decoding) -> bool:
        """Whether the same question gets the same answer again: greedy, or drawn from the seed that ``decoding`` has.

        Called only where ``determined_by`` is not None. What is drawn by chance is never taken from a cache.
        """
        return True

    @property
    def answered_by(self) -> Mapping[str, str]:
        """For a model behind a server: what came with the last answer of who gave it (served model, fingerprint).

        Kept with every answer; one in the cache counts only where the server has last said the same.
        """
        return EMPTY

    def recall(self, answered_by: Mapping[str, str]) -> None:  # noqa: B027 - optional: local models have no use for it
        """Is told what came with an answer of an earlier start or of the cache, so that ``identity`` names it too."""

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt text that the model really sees for ``messages``; by default JSON, as chat APIs take it."""
        return json.dumps([{"role": m.role, "content": m.content} for m in messages], ensure_ascii=False)

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Yields one answer per prompt, in any order, each as soon as it is known.

        Where one prompt cannot be answered and others can, its answer has the outcome "error" and says why.

        Raises:
            ModelError: the model cannot go on; what was yielded so far is kept.
            BudgetError: the next request could cost more than ``OpenContext.limits`` has left.
            RowErrorsError: more answers are errors than those limits allow.
        """

    def score(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> Iterator[CandidateScores | Answer]:
        """Yields the log-probabilities of ``candidates[i]`` as continuations of ``prompts[i]``, in any order.

        Where one prompt's cannot be computed and others' can, it yields an ``Answer`` with the outcome "error".

        Raises:
            ModelError: this model cannot score (its backend has ``scores = False``), or as for ``generate``.
        """
        raise ModelError(f"backend {self.identity.backend!r} cannot score candidates")

    @property
    def usage(self) -> Usage | None:
        """What answering took so far; None where nobody counts."""
        return None

    def close(self) -> None:  # noqa: B027 - optional: most models hold nothing of their own
        """Frees what the model holds. Called once, also after an error."""


class Backend(ABC):
    """Turns options into an open model."""

    name: ClassVar[str]
    """What ``backend = "…"`` names."""
    Options: ClassVar[type]
    """A frozen dataclass; its fields are the allowed keys, their types are checked before ``check`` is called."""
    uses_base: ClassVar[bool] = False
    """Whether ``base = "…"`` means something to it; where not, the key is refused."""
    scores: ClassVar[bool] = False
    """Whether its models can score candidates (``puzzte_mc``)."""
    caches: ClassVar[bool] = True
    """Whether keeping the answers of its models is of use; not where asking them costs nothing."""
    manner: ClassVar[frozenset[str]] = frozenset()
    """The options that change how the model is asked and not what it answers: they may change when a run goes on."""
    remote: ClassVar[bool] = False
    """Whether its models compute elsewhere: a run asks them, from a thread of their own, while others compute here."""
    requires: ClassVar[Mapping[str, str]] = {}
    """Importable modules it needs → what to ``pip install`` for them; checked before anything is opened."""
    export_formats: ClassVar[tuple[str, ...]] = ()
    """What ``entailbench export`` may write for its models."""
    export_dtypes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By export format, what the weights may be stored in; ``export`` then takes a keyword argument ``dtype``."""

    def check(self, options: Any, context: OpenContext) -> Iterable[str]:
        """Every reason why ``open`` would fail that can be known cheaply (missing key, folder, training)."""
        return ()

    def check_task(self, options: Any, context: OpenContext, task: TaskOutline) -> Iterable[str]:
        """Every reason why its model could not answer ``task`` that can be known before anything is opened.

        Called only when ``check`` found nothing (rows without a recorded answer, too many stop sequences).
        """
        return ()

    def estimate(
        self, options: Any, context: OpenContext, prompts: Sequence[Sequence[Message]], decoding: Decoding
    ) -> CostEstimate | None:
        """What answering these conversations will take, told without sending anything; None where it costs only time.

        Called only when ``check`` found nothing. Where it is not None and knows no price, ``run --budget`` is refused.
        """
        return None

    def weights_key(self, options: Any) -> str | None:
        """Models of which this is the same string share their weights in memory; None shares with nobody."""
        return None

    def describe(self, options: Any) -> str:
        """One short phrase for ``entailbench models``, e.g. the folder or the served model's name."""
        return ""

    def weight_files(self, options: Any, context: OpenContext) -> Iterable[Path]:
        """The large files that ``open`` will read, as far as they are on this machine: a run reads them ahead."""
        return ()

    def origin(self, options: Any, context: OpenContext) -> str:
        """The same where it depends on what was trained here: which weights the name means now."""
        return self.describe(options)

    def lineage(self, options: Any, context: OpenContext) -> Mapping[str, Any] | None:
        """How the model came to be (see ``entailbench.lineage``), told from small files; None where nobody knows.

        ``entailbench models show`` prints it, a run keeps it, an export's model card is written from it.
        """
        return None

    def trained_puzzles(self, options: Any, context: OpenContext) -> frozenset[str] | None:
        """Fingerprints (``entailbench.overlap``) of the puzzles that the model was trained on, told from small files.

        Empty for models that are not trained on puzzles; None where one was trained and nobody wrote down on what.

        Raises:
            EntailbenchError: what was written down cannot be read.
        """
        return frozenset()

    @abstractmethod
    def open(self, options: Any, context: OpenContext) -> Model:
        """Opens the model; may take long and use ``context.shared`` for weights.

        Raises:
            ModelError: with what is wrong and what to do.
        """

    def export(self, options: Any, context: OpenContext, format: str, out: Path) -> None:
        """Writes the model to the new folder ``out`` in one of ``export_formats``."""
        raise NotImplementedError(f"{self.name} declares export formats but does not export")


@dataclass(frozen=True)
class ResolvedModel:
    """A registered model with its backend found and its options validated."""

    spec: ModelSpec
    backend: Backend
    options: Any
    """An instance of ``backend.Options``."""
    context: OpenContext

    def problems(self) -> list[str]:
        """What keeps it from running here, each as a sentence; empty when it can run."""
        from importlib.util import find_spec

        missing = [pip for module, pip in self.backend.requires.items() if find_spec(module) is None]
        if missing:
            wanted = " ".join(dict.fromkeys(missing))
            return [f"model {self.spec.name!r} needs a package that is not installed: pip install {wanted}"]
        return [f"model {self.spec.name!r}: {problem}" for problem in self.backend.check(self.options, self.context)]

    def open(self) -> Model:
        """Opens it; see ``Backend.open``."""
        return self.backend.open(self.options, self.context)


@dataclass(frozen=True)
class TrainingJob:
    """Everything a trainer is given."""

    context: OpenContext
    """Of the model to be trained; ``context.base`` is the model it starts from."""
    train: tuple[SftPair, ...]
    validation: tuple[SftPair, ...]
    out: Path
    """An existing folder for the checkpoint; the caller moves it into place when training succeeded.

    It is empty, or, with ``resume``, holds what an earlier call of ``train`` for the same job left there.
    """
    resume: bool = False
    """Whether to go on from the last good state in ``work``."""
    read_answer: Callable[[str], str] | None = None
    """The label that a written answer gives, or "unparsed", as the task reads it; None for samples of a file, whose
    outputs are then classes themselves."""
    target: str = "label"
    """What the samples teach to write; see ``TrainSpec.target``."""
    work: Path | None = None
    """An existing folder for what ``resume`` goes on from; the caller removes it when the checkpoint is in its place.
    None is ``out``."""


@dataclass(frozen=True)
class TrainingOutline:
    """What a training will be, known before its first step; ``finetune --dry-run`` prints it."""

    facts: Mapping[str, Any]
    """Plain figures by name, in the order in which they are printed; also part of ``--json`` output."""
    lines: tuple[str, ...]
    """The same for people, a line each."""


@dataclass(frozen=True)
class TrainingOutcome:
    """What a trainer reports about its work."""

    losses: tuple[tuple[int, float], ...]
    """(optimizer step, training loss) pairs."""
    validation_losses: tuple[tuple[int, float], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further entries for the lineage: base weights hash, recipe as run, versions, seconds."""


class Trainer(ABC):
    """Trains a registered model and writes a checkpoint that its backend can open."""

    name: ClassVar[str]
    Recipe: ClassVar[type]
    """A frozen dataclass of the recipe's options."""
    requires: ClassVar[Mapping[str, str]] = {}
    resumes: ClassVar[bool] = False
    """Whether ``train`` leaves states from which it can go on."""

    def check(self, recipe: Any, context: OpenContext) -> Iterable[str]:
        """Every reason why training would fail that can be known before it starts."""
        return ()

    def outline(self, recipe: Any, job: TrainingJob) -> TrainingOutline:
        """What the training will be; called before ``train`` is, also when nothing but this is wanted.

        ``job.out`` does not exist yet when it is called: nothing is written there.

        Raises:
            PreflightError: every problem with the samples that would stop the training or spoil it (too long, too few).
        """
        return TrainingOutline({}, ())

    @abstractmethod
    def train(self, recipe: Any, job: TrainingJob) -> TrainingOutcome:
        """Trains and writes the checkpoint into ``job.out``.

        Raises:
            TrainingError: with what went wrong and where the log is.
        """
