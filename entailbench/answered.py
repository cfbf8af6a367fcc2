"""What was asked and what was answered, row by row: everything that statistics are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from entailbench.records import EMPTY, ModelIdentity, Usage

__all__ = [
    "FACETS",
    "PERTURBATIONS",
    "SUFFIX",
    "THREE_WAY",
    "Judged",
    "ModelAnswers",
    "PerturbedRow",
    "Row",
    "TaskAnswers",
    "cut_told",
]

FACETS = ("family", "difficulty", "premises", "depth", "question_form")
"""The properties of a row that results are split by, where a task's rows have them."""


THREE_WAY = ("entailment", "not entailment - contradiction", "not entailment - unknown")
"""The three answers that a question can have, under Puzzte's names."""

PERTURBATIONS: Mapping[str, str] = MappingProxyType(
    {
        "shuffled": "premises shuffled",
        "renamed": "people renamed",
        "flipped": "relations flipped",
        "distracted": "irrelevant premise added",
        "negated": "question negated",
    }
)
"""How a question can be put otherwise, and how tables call it. All but the last leave the answer as it is."""

SUFFIX = "+perturbed"
"""Of the name of a task's perturbed twin, which asks the perturbed rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question of a test."""

    doc_id: int
    """The row's number within the task's split, from 0."""
    id: str
    puzzle: str
    """What the questions about one text have in common; never empty. Rows of one puzzle are not independent."""
    context: str
    question: str
    gold: str
    """What counts as right, one of ``LABELS``."""
    truth: str = ""
    """The right answer, one of three (``THREE_WAY``), where a solver vouches for it or the data set says it."""
    published: str = ""
    """The label that the data set publishes; empty where none."""
    verified: str = ""
    """The answer that a solver proved, one of ``THREE_WAY``; empty where none did."""
    proof: str = ""
    """The solver's proof of it; empty where none."""
    facets: Mapping[str, str | int] = field(default_factory=lambda: EMPTY)
    """Those of ``FACETS`` that the row has."""
    prompt: str = ""
    """What the task asks, before a model's own template dresses it; runs that differ in it cannot be compared."""


@dataclass(frozen=True, slots=True)
class PerturbedRow:
    """A row of a test that was put otherwise; a solver confirmed what became of its answer."""

    doc_id: int
    """Its number among the perturbed rows of the task, from 0."""
    of: int
    """The ``doc_id`` of the row."""
    perturbation: str
    """One of ``PERTURBATIONS``."""
    context: str
    question: str
    gold: str
    """One of ``LABELS``: that of the row; for a negated question the solver's."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One model's answer to one row."""

    doc_id: int
    predicted: str
    """One of ``LABELS``, or ``"unparsed"``."""
    text: str = ""
    """The answer as it was written; empty for a task that scores candidates."""
    prompt: str = ""
    """What the model was to read, verbatim; empty for a baseline."""
    exact: bool | None = None
    """Whether the answer, white space aside, is an allowed label and nothing more (for a model that writes proofs: a
    proof and a label and nothing more); None where nothing was written."""
    three_way: str | None = None
    """Which of three the answer says, where it says more than one of two labels."""
    proof: bool | None = None
    """Whether the proof that the answer gives is valid; None where it gives none, or the task knows of no proofs."""
    probability: float | None = None
    """Of "entailment", among the candidates that were scored, or from the tokens of a written answer (see
    ``records.Answer``); None where neither is known."""
    outcome: str = "answered"
    """One of ``records.OUTCOMES``; only "answered" has a label."""
    reason: str = ""
    """Why there is no answer, or none that counts; empty for "answered"."""
    cut: int = 0
    """Tokens at the beginning of the prompt that the model did not read, see ``records.Answer``."""


@dataclass(frozen=True)
class ModelAnswers:
    """What one model, or one baseline, answered to the rows of a task."""

    name: str
    answers: tuple[Judged, ...]
    """One per row of the task, in the rows' order. Empty only for a baseline that is ``unavailable``."""
    identity: ModelIdentity | None = None
    """None for a baseline."""
    seconds: float | None = None
    """Wall time of answering, without opening the model; None for a baseline, and where the model was asked nothing or
    some of it in an earlier start of the run."""
    leaked: int = 0
    """Rows whose puzzle the model was trained on; not 0 only where the user allowed it by name."""
    lineage: Mapping[str, Any] | None = None
    """How the model was trained; None where that is not known."""
    unavailable: str = ""
    """Why a baseline could not be computed, as half a sentence; empty where it could."""
    perturbed: tuple[Judged, ...] = ()
    """One per perturbed row of the task, in their order; of a baseline, none."""
    cached: int = 0
    """How many of the answers came from the cache; ``seconds`` are of the others."""
    usage: Usage | None = None
    """What answering took, over all tasks of the run; None where nobody counts."""

    @property
    def cut(self) -> int:
        """Rows whose prompt was cut at the left."""
        return sum(answer.cut > 0 for answer in self.answers)

    @property
    def title(self) -> str:
        """The name, with what a reader of its figures must know.

        Who served it and where, how it is prompted if not as trained, whose prompts were cut, and if it knows the test.
        """
        served = self.identity.served if self.identity else None
        remark = self.identity.remark if self.identity else None
        cut = cut_told(self.cut) if self.cut else None
        notes = "; ".join(note for note in (served, remark, cut) if note)
        name = f"{self.name} ({notes})" if notes else self.name
        return f"{name} (leaked: trained on the puzzles of {self.leaked:,} rows)" if self.leaked else name


def cut_told(rows: int) -> str:
    """``"3 prompts cut at the left"``: in tables, and wherever a run says what became of them."""
    return f"{rows:,} {'prompt' if rows == 1 else 'prompts'} cut at the left"


@dataclass(frozen=True)
class TaskAnswers:
    """One task: its rows, and every answer to them."""

    task: str
    split: str
    labels: str
    """Who says what is right and where the rows came from."""
    rows: tuple[Row, ...]
    models: tuple[ModelAnswers, ...]
    baselines: tuple[ModelAnswers, ...] = ()
    scored: bool = False
    """Whether candidates were scored instead of answers written."""
    perturbed: tuple[PerturbedRow, ...] = ()
    """What was asked with ``--perturb`` beside the rows."""
    not_perturbed: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: EMPTY)
    """Perturbation → why it was not made of a row → how many rows."""

    @property
    def title(self) -> str:
        """Which task, split, rows and labels a table is about."""
        yes = sum(row.gold == "entailment" for row in self.rows)
        return (
            f"{self.task} · {self.split} split · {len(self.rows):,} rows "
            f"({yes:,} entailment, {len(self.rows) - yes:,} not entailment) · {self.labels}"
        )
