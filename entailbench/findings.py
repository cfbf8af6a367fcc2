"""What statistics found: estimates with their uncertainty, comparisons with their tests, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entailbench.records import EMPTY, ModelIdentity, Usage

__all__ = [
    "METRICS",
    "Comparison",
    "Estimate",
    "Metric",
    "ModelResult",
    "ModelRobustness",
    "ReliabilityBin",
    "Report",
    "Robustness",
    "Slice",
    "TaskResult",
]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95% interval."""

    value: float | None
    """None where it is undefined."""
    low: float | None = None
    """The interval's ends; None where there is none."""
    high: float | None = None
    undefined: str = ""
    """Why there is no value, as half a sentence: ``"no row has this label"``."""
    error: float | None = None
    """Clustered standard error, the interval's cross-check, see docs/statistics.md; None where there is none."""


@dataclass(frozen=True)
class Metric:
    """A figure that tables show."""

    name: str
    """Its key in ``ModelResult.metrics``, and in JSON and CSV."""
    title: str
    """A column's head."""
    meaning: str
    """One sentence."""
    percent: bool = True
    """Whether it is a share, shown in percent; otherwise a number with three decimals."""


METRICS: tuple[Metric, ...] = (
    Metric("overall", "overall %", "Accuracy over all rows; an unparsed answer is wrong."),
    Metric("entailment", "entailment %", "Accuracy over the rows whose label is entailment."),
    Metric("not_entailment", "not entailment %", "Accuracy over the rows whose label is not entailment."),
    Metric("balanced", "balanced %", "Mean of the two class accuracies."),
    Metric("macro_f1", "macro F1", "Mean of the two labels' F1.", percent=False),
    Metric("mcc", "MCC", "Matthews' correlation of labels and answers, unparsed a third answer.", percent=False),
    Metric("kappa", "kappa", "Cohen's kappa of labels and answers, unparsed a third answer.", percent=False),
    Metric("three_way", "three-way %", "Accuracy over entailment, contradiction and unknown, where answers tell them."),
    Metric("parsed", "parsed %", "Share of answers that a label could be read from."),
    Metric("exact", "exact %", "Share of answers that are a label and nothing more (after a proof, if asked for one)."),
    Metric("overall_parsed", "overall of parsed %", "Accuracy over the answers that a label could be read from."),
    Metric("balanced_parsed", "balanced of parsed %", "Balanced accuracy over the answers that could be read."),
    Metric("proof_validity", "valid proofs %", "Share of all answers whose proof the solver accepts."),
    Metric("auroc", "AUROC", "Chance that an entailed row is given more probability than one that is not.", False),
    Metric("brier", "Brier", "Mean squared error of the probability of entailment; 0 is best.", percent=False),
    Metric("ece", "ECE", "Expected calibration error: how far confidence is from accuracy, by bins.", percent=False),
)


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows to which a model gave about the same probability of entailment."""

    low: float
    high: float
    rows: int
    probability: float
    """Mean of what the model said."""
    entailed: float
    """Share of the rows whose label is entailment."""


@dataclass(frozen=True)
class Seeds:
    """What a line is the mean of, where it is of one recipe trained with several seeds."""

    names: tuple[str, ...]
    """The models."""
    seeds: tuple[int, ...]
    """Of their trainings, in the same order."""
    balanced: tuple[float | None, ...]
    """Balanced accuracy of each."""
    deviation: float | None
    """Standard deviation of balanced accuracy between seeds, beyond what the choice of puzzles explains; a share."""


@dataclass(frozen=True)
class ModelResult:
    """One line of a table: a model or a baseline over all rows of a task."""

    name: str
    title: str
    """The name with what a reader must know: who served it, how it is prompted, whether it knows the test."""
    rows: int
    unparsed: int
    metrics: Mapping[str, Estimate] = field(default_factory=lambda: EMPTY)
    """Every one of ``METRICS`` that the task can have, in their order."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: EMPTY)
    """Label (three-way where the rows tell it) → answer → rows."""
    reliability: tuple[ReliabilityBin, ...] = ()
    """Only for tasks that score candidates."""
    unparsed_examples: tuple[str, ...] = ()
    """What unparsed answers look like: the commonest beginnings, with their counts."""
    errors: int = 0
    """Rows to which no answer came; counted as unparsed too, as the next two are."""
    refused: int = 0
    """Rows that the model declined to answer, as the API says itself."""
    filtered: int = 0
    """Rows of which a content filter of the server took prompt or answer away."""
    error_examples: tuple[str, ...] = ()
    """Why rows have no answer, or none that counts: the commonest reasons, with their counts."""
    usage: Usage | None = None
    """What answering took, over all tasks of the run; None where nobody counts."""
    seconds: float | None = None
    """Wall time of answering; of the answers that came from no cache. None where nobody knows."""
    cached: int = 0
    """How many of the answers came from the cache."""
    identity: ModelIdentity | None = None
    leaked: int = 0
    lineage: Mapping[str, Any] | None = None
    baseline: bool = False
    unavailable: str = ""
    """Why a baseline could not be computed; its metrics are empty then."""
    not_better_than: tuple[str, ...] = ()
    """The baselines that this model's balanced accuracy could not be shown to beat (one-sided 2.5%)."""
    seeds: Seeds | None = None
    """For the mean of several finetune seeds: figures are means over them, and the intervals hold for another seed too;
    ``unparsed`` and ``seconds`` are means, the confusion table is the sum."""

    def value(self, metric: str) -> float | None:
        """A metric's value; None where it is undefined or the task cannot have it."""
        found = self.metrics.get(metric)
        return found.value if found else None


@dataclass(frozen=True)
class Comparison:
    """Two models on the same rows."""

    first: str
    second: str
    difference: Estimate
    """Balanced accuracy of ``first`` minus that of ``second``, as a share; the interval is of the paired cluster
    bootstrap. Undefined where one class has no rows; ``overall`` is compared then."""
    metric: str
    """What is compared: "balanced", or "overall" where one class has no rows."""
    p: float
    """Of the paired sign-flip permutation over puzzles, two-sided."""
    p_holm: float
    """The same, corrected for all pairs of models of the task (Holm)."""
    mcnemar: float
    """Exact McNemar, which ignores that rows of one puzzle belong together."""
    only_first: int
    """Rows that only ``first`` got right."""
    only_second: int
    smallest: float | None
    """The smallest difference that this sample would have shown with a probability of 80%; None where undefined."""
    rows: int
    puzzles: int
    verdict: str
    """One sentence."""


@dataclass(frozen=True)
class Slice:
    """The rows that have one property in common."""

    facet: str
    """One of ``FACETS``."""
    value: str
    rows: int
    puzzles: int
    overall: Mapping[str, Estimate]
    """By the name of model or baseline."""
    balanced: Mapping[str, Estimate]


@dataclass(frozen=True)
class ModelRobustness:
    """What one model made of rows that were put otherwise. Shares, with intervals clustered by puzzle."""

    name: str
    before: Estimate
    """Balanced accuracy on the same rows as they were; an unparsed answer is wrong."""
    after: Estimate
    """Balanced accuracy on the perturbed rows."""
    change: Estimate
    """``after`` minus ``before``, paired by row. Undefined for negated questions, whose labels are others."""
    consistency: Estimate
    """Share of the rows whose two answers say the same; an unparsed answer says nothing, so the same as no other.
    Needs no gold label. Undefined for negated questions."""
    contradictions: Estimate
    """Share of the rows of which both the question and its negation were affirmed. Needs no gold label. Undefined for
    other perturbations."""


@dataclass(frozen=True)
class Robustness:
    """The rows that were put otherwise in one way."""

    perturbation: str
    """One of ``answered.PERTURBATIONS``, or "all": every perturbed row whose answer stays as it is."""
    title: str
    rows: int
    """How many were asked."""
    puzzles: int
    left_out: Mapping[str, int]
    """Why rows were not perturbed in this way → how many."""
    models: tuple[ModelRobustness, ...]


@dataclass(frozen=True)
class TaskResult:
    """Everything that was found on one task."""

    task: str
    split: str
    title: str
    """Which task, split, rows and labels this is about."""
    rows: int
    entailment_rows: int
    puzzles: int
    labels: str
    models: tuple[ModelResult, ...]
    baselines: tuple[ModelResult, ...]
    """In a fixed order, the best constant first."""
    comparisons: tuple[Comparison, ...]
    """All pairs of models."""
    slices: tuple[Slice, ...] = ()
    reported: tuple[Mapping[str, Any], ...] = ()
    """Lines that somebody else published: reported, not measured here."""
    robustness: tuple[Robustness, ...] = ()
    """What ``--perturb`` found; empty without it."""


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
