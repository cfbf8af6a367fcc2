"""The frozen records that cross module borders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "ENTAILMENT",
    "LABELS",
    "NOT_ENTAILMENT",
    "UNPARSED",
    "Answer",
    "CandidateScores",
    "Decoding",
    "Label",
    "Message",
    "ModelIdentity",
    "ModelResult",
    "ModelSpec",
    "Prompt",
    "Report",
    "SftPair",
    "TaskOutline",
    "TaskResult",
    "TrainSpec",
]

Label = Literal["entailment", "not entailment", "unparsed"]
ENTAILMENT: Literal["entailment"] = "entailment"
NOT_ENTAILMENT: Literal["not entailment"] = "not entailment"
UNPARSED: Literal["unparsed"] = "unparsed"
LABELS: tuple[str, str] = (ENTAILMENT, NOT_ENTAILMENT)
"""The two labels that the binary task knows; ``unparsed`` is an answer that is neither."""

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """One question put to a model."""

    id: str
    """Unique within a call, e.g. ``"puzzte_generated/17"``; an answer names it."""
    task: str
    """The task's name."""
    doc_id: int
    """The row's number within the task's split, from 0."""
    messages: tuple[Message, ...]
    """The conversation, for models that take one (chat APIs)."""
    text: str
    """The same conversation as the model's own ``render`` wrote it: what a text model must continue, verbatim."""
    doc: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The task's row, with its gold label: for ``replay``; a model must not look at it."""


@dataclass(frozen=True)
class Decoding:
    """How an answer is to be generated. Greedy unless a task says otherwise."""

    max_tokens: int
    """Upper bound on generated tokens, > 0."""
    stop: tuple[str, ...] = ()
    """Generation ends before the first of these strings."""
    temperature: float = 0.0
    """0 is greedy."""
    seed: int = 0
    """Passed to backends that sample or take a seed."""


@dataclass(frozen=True)
class Answer:
    """What a model wrote for one prompt, as it wrote it."""

    prompt_id: str
    text: str


@dataclass(frozen=True)
class CandidateScores:
    """How likely a model finds each candidate continuation of one prompt."""

    prompt_id: str
    logprobs: tuple[float, ...]
    """Natural-log probability of each whole candidate given the prompt, in the order the candidates were given."""
    greedy: tuple[bool, ...]
    """Whether greedy decoding would have written that candidate."""


@dataclass(frozen=True)
class ModelIdentity:
    """What determines a model's answers, apart from the prompt and the decoding parameters."""

    backend: str
    weights: str | None
    """Hash of the weights, ``"sha256:…"``; for an adapter, of base and adapter; None where unknowable (an API)."""
    template: str | None = None
    """Hash of tokenizer and prompt template together; None for chat APIs."""
    served: str | None = None
    """For remote models: the model the server says it is, and where, so that a stand-in cannot pass for another."""
    details: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Further facts worth keeping: paths, dtype, device, library versions, endpoint."""
    remark: str | None = None
    """What a reader of its figures must know, shown beside its name: that it is prompted otherwise than trained."""


@dataclass(frozen=True)
class TaskOutline:
    """What a backend may want to know of a task before anything is opened."""

    name: str
    docs: tuple[Mapping[str, Any], ...]
    """The rows that will be asked, in order; ``doc_id`` is the place in it."""
    decoding: Decoding | None
    """None for a task that scores candidates."""


@dataclass(frozen=True)
class SftPair:
    """One supervised training sample, in the layout of the original study."""

    instruction: str
    input: str
    output: str
    label: str = ""
    """The class it belongs to: the row's gold label; empty where only the output is known."""
    puzzle: str = ""
    """What the samples of one puzzle have in common; empty where that is not known."""

    @property
    def user(self) -> str:
        """The user message a test prompt of the same row carries."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


@dataclass(frozen=True)
class TrainSpec:
    """How ``entailbench finetune NAME`` trains a model."""

    trainer: str
    """A registered trainer's name."""
    recipe: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The trainer's own options, unvalidated."""
    task: str | None = None
    """The task whose train and validation splits give the samples."""
    target: str = "label"
    """What a sample teaches to write: one of the task's ``targets``: "label", "proof" (the proof, then the label)."""
    longest_target: int | None = None
    """Characters that a target may have; rows with a longer one are left out, and counted. None is no limit."""
    data: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """Further arguments of the task's loader."""
    samples: int | None = None
    """How many training samples, from the start of the split; None is all."""
    validation_samples: int | None = None
    """How many validation samples; None is all."""


@dataclass(frozen=True)
class ModelSpec:
    """A named model: how to open it and, perhaps, how to train it."""

    name: str
    backend: str
    options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The backend's own options, unvalidated."""
    base: str | None = None
    """The registered model whose weights this one builds on and shares."""
    train: TrainSpec | None = None
    source: str = "unknown"
    """Where it was declared: a plugin, or a file."""


@dataclass(frozen=True)
class ModelResult:
    """One line of a results table."""

    name: str
    """The registered name, or what the constant baseline answers."""
    rows: int
    overall: float | None
    """Accuracies are shares in [0, 1]; None where the class does not occur. Unparsed answers count as wrong."""
    entailment: float | None
    not_entailment: float | None
    balanced: float | None
    unparsed: int
    proof_validity: float | None
    """Share of all answers whose proof the solver accepts, and which proves the label given; None without proofs."""
    seconds: float | None
    """Wall time of answering, without opening the model; None for a baseline."""
    identity: ModelIdentity | None
    """None for a baseline."""
    leaked: int = 0
    """Rows whose puzzle the model was trained on; not 0 only where the user allowed it by name."""

    @property
    def title(self) -> str:
        """The name, with who served it and where, how it is prompted if not as trained, and if it knows the test."""
        served = self.identity.served if self.identity else None
        remark = self.identity.remark if self.identity else None
        notes = "; ".join(note for note in (served, remark) if note)
        name = f"{self.name} ({notes})" if notes else self.name
        return f"{name} (leaked: trained on the puzzles of {self.leaked:,} rows)" if self.leaked else name


@dataclass(frozen=True)
class TaskResult:
    """The table of one task."""

    task: str
    split: str
    rows: int
    entailment_rows: int
    """Rows whose gold label is "entailment"."""
    labels: str
    """Who says what is right, e.g. "published labels"."""
    models: tuple[ModelResult, ...]
    constant: ModelResult
    """What the best constant answer scores on the same rows."""

    @property
    def title(self) -> str:
        """Which task, split, rows and labels the table is about."""
        other = self.rows - self.entailment_rows
        return (
            f"{self.task} · {self.split} split · {self.rows:,} rows "
            f"({self.entailment_rows:,} entailment, {other:,} not entailment) · {self.labels}"
        )


@dataclass(frozen=True)
class Report:
    """What a run found."""

    directory: str
    """The run directory."""
    tasks: tuple[TaskResult, ...]
    identities: Mapping[str, ModelIdentity]
    """By model name."""
    versions: Mapping[str, str]
    """Of Python and the packages that took part."""
