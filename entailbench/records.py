"""The frozen records that cross module borders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

__all__ = [
    "EMPTY",
    "ENTAILMENT",
    "LABELS",
    "NOT_ENTAILMENT",
    "OUTCOMES",
    "UNPARSED",
    "Answer",
    "CandidateScores",
    "CostEstimate",
    "Decoding",
    "Label",
    "Message",
    "ModelIdentity",
    "ModelSpec",
    "Prompt",
    "ReportedResult",
    "SftPair",
    "TaskOutline",
    "TrainSpec",
    "Usage",
]

Label = Literal["entailment", "not entailment", "unparsed"]
ENTAILMENT: Literal["entailment"] = "entailment"
NOT_ENTAILMENT: Literal["not entailment"] = "not entailment"
UNPARSED: Literal["unparsed"] = "unparsed"
LABELS: tuple[str, str] = (ENTAILMENT, NOT_ENTAILMENT)
"""The two labels that the binary task knows; ``unparsed`` is an answer that is neither."""

EMPTY: Mapping[str, Any] = MappingProxyType({})
"""The default of fields that hold a mapping."""


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
    read_label: Callable[[str], str] | None = field(default=None, compare=False, repr=False)
    """Reads a label, or ``"unparsed"``, from an answer as the task does, for a backend that chooses among several; None
    where nobody knows the task."""


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


OUTCOMES = ("answered", "refused", "filtered", "error")
"""What came of asking; see ``Answer.outcome``."""


@dataclass(frozen=True)
class Usage:
    """Tokens that answering took, as the server counted them, and what they cost."""

    requests: int = 0
    """Requests that were sent, repeated ones included."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input tokens that the server had in its cache."""
    output_tokens: int = 0
    """With what a reasoning model thinks and does not show."""
    reasoning_tokens: int = 0
    """Those of the output tokens that it does not show."""
    dollars: float | None = None
    """US dollars; None where nobody knows the price."""
    uncertain: float | None = None
    """Dollars, part of ``dollars``: the most that may have been billed for requests of which no answer came."""


@dataclass(frozen=True)
class Answer:
    """What a model wrote for one prompt, as it wrote it, or why there is nothing."""

    prompt_id: str
    text: str
    """Empty where ``outcome`` is "error"."""
    outcome: Literal["answered", "refused", "filtered", "error"] = "answered"
    """What came of asking. "refused": the model declined, as the API says itself, and ``text`` is what it said instead;
    "filtered": a content filter of the server took the prompt or the answer away; "error": no answer came. Only
    "answered" has a label."""
    reason: str = ""
    """For an outcome other than "answered": why, on one line."""
    probability: float | None = None
    """Of "entailment" rather than "not entailment" where the answer says one of them, from the probabilities of its
    tokens; None where those are not known."""
    usage: Usage | None = None
    """What this answer took; None where nobody counts."""
    cut: int = 0
    """Tokens left out at the beginning of a prompt too long for the model's context; 0 where it was read whole."""


@dataclass(frozen=True)
class CostEstimate:
    """What answering some prompts will take, known before anything is sent."""

    requests: int
    input_tokens: int
    """About so many, at a usual number of bytes a token."""
    input_most: int
    """Never more."""
    output_most: int
    """The same where every answer is as long as allowed."""
    dollars: float | None
    """Of ``input_tokens`` and ``output_most``; None where nobody knows the price."""
    dollars_most: float | None
    """Never more, at this price and without repeated requests."""
    price: str
    """What a token costs and who says so, or why nobody knows; half a sentence."""


@dataclass(frozen=True)
class CandidateScores:
    """How likely a model finds each candidate continuation of one prompt."""

    prompt_id: str
    logprobs: tuple[float, ...]
    """Natural-log probability of each whole candidate given the prompt, in the order the candidates were given."""
    greedy: tuple[bool, ...]
    """Whether greedy decoding would have written that candidate."""
    cut: int = 0
    """See ``Answer.cut``."""


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
    docs: Sequence[Mapping[str, Any]]
    """The rows that will be asked, in order; ``doc_id`` is the place in it."""
    decoding: Decoding | None
    """None for a task that scores candidates."""
    rows: int | None = None
    """How many rows the split has, of which ``docs`` may be the first; None where that is not known."""


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
class ReportedResult:
    """Figures that somebody published about a model: they stand under ours where asked for, and in no statistics."""

    model: str
    """What its publication calls it."""
    metrics: Mapping[str, float]
    """Name of a metric (``entailbench.findings.METRICS``) → its value; shares in [0, 1]."""
    rows: int | None = None
    """How many rows it was measured on."""
    source: str = ""
    """Where it was published, as a sentence."""
    remark: str = ""
    """What a reader must know to set it beside ours, as a sentence or two."""
    tasks: tuple[str, ...] = ()
    """The tasks under whose tables it may stand; empty is any."""
