"""Every metric of one model, with its interval or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from entailbench.answered import ModelAnswers, Row, TaskAnswers
from entailbench.findings import METRICS, Estimate
from entailbench.records import ENTAILMENT, UNPARSED
from entailbench.stats.calibration import auroc, expected_calibration_error
from entailbench.stats.counts import ANSWERS
from entailbench.stats.intervals import Sums, estimate
from entailbench.stats.resampling import Weights
from entailbench.stats.sample import Sample, tells_three

__all__ = ["Possible", "metrics_of", "point_values"]

PROBABILITIES = ("auroc", "brier", "ece")


@dataclass(frozen=True)
class Possible:
    """Which metrics a task can have: those that at least one of its models gives something to compute from."""

    three_way: bool
    exact: bool
    proofs: bool
    probabilities: bool

    @classmethod
    def of(cls, task: TaskAnswers) -> Possible:
        """What the answers to a task allow."""
        answers = [answer for model in task.models for answer in model.answers]
        return cls(
            three_way=tells_three(task.rows) and any(map(_says_three_way, task.models)),
            exact=any(answer.exact is not None for answer in answers),
            proofs=any(answer.proof is not None for answer in answers),
            probabilities=task.scored or any(answer.probability is not None for answer in answers),
        )

    def names(self) -> tuple[str, ...]:
        """The metrics, in the order of ``METRICS``."""
        left_out = {
            *(() if self.three_way else ("three_way",)),
            *(() if self.exact else ("exact",)),
            *(() if self.proofs else ("proof_validity",)),
            *(() if self.probabilities else PROBABILITIES),
        }
        return tuple(metric.name for metric in METRICS if metric.name not in left_out)


def metrics_of(
    rows: Sequence[Row], sample: Sample, model: ModelAnswers, sums: Sums, weights: Weights, possible: Possible
) -> dict[str, Estimate]:
    """The model's figures by name, in the order of ``METRICS``.

    Args:
        rows: of the task.
        sample: the same as arrays.
        model: what it answered.
        sums: its counts.
        weights: (draws, puzzles): the resamples.
        possible: which metrics the task can have.
    """
    given = np.array([answer.probability is not None for answer in model.answers])
    probability = np.array([answer.probability or 0.0 for answer in model.answers])
    exactly = point_values(rows, model)
    found = {}
    for name in possible.names():
        if name == "auroc":
            found[name] = auroc(sample, given, probability, weights)
        elif name == "ece":
            found[name] = expected_calibration_error(sample, given, probability, weights)
        elif reason := _cannot(name, sample, model):
            found[name] = Estimate(None, undefined=reason)
        else:
            found[name] = estimate(name, sums, value=exactly.get(name))
    return found


def point_values(rows: Sequence[Row], model: ModelAnswers) -> Mapping[str, float]:
    """F1, MCC, kappa and Brier as scikit-learn computes them, where they are defined.

    ``counts`` has the same formulas for thousands of resamples at once; a test holds the two against each other.
    """
    from sklearn.metrics import brier_score_loss, cohen_kappa_score, f1_score, matthews_corrcoef

    gold = np.array([ANSWERS.index(row.gold) for row in rows])
    said = np.array([ANSWERS.index(answer.predicted) for answer in model.answers])
    found = {}
    if len(set(gold.tolist())) == 2:
        found["macro_f1"] = float(f1_score(gold, said, labels=[0, 1], average="macro", zero_division=0.0))
        found["mcc"] = float(matthews_corrcoef(gold, said))
        found["kappa"] = float(cohen_kappa_score(gold, said, labels=[0, 1, 2]))
    probabilities = [answer.probability for answer in model.answers]
    given = [(row.gold == ENTAILMENT, p) for row, p in zip(rows, probabilities, strict=True) if p is not None]
    if given:
        found["brier"] = float(brier_score_loss([g for g, _ in given], [p for _, p in given], pos_label=True))
    return found


def _cannot(name: str, sample: Sample, model: ModelAnswers) -> str:
    """Why the model has no such figure, as half a sentence; empty if it has."""
    entailed, others = bool(sample.entailed.any()), bool((~sample.entailed).any())
    parsed = np.array([answer.predicted != UNPARSED for answer in model.answers])
    if name == "entailment" and not entailed:
        return "no row has this label"
    if name == "not_entailment" and not others:
        return "no row has this label"
    if name in ("balanced", "balanced_parsed", "macro_f1", "mcc", "kappa") and not (entailed and others):
        return "all rows have one label"
    if name == "overall_parsed" and not parsed.any():
        return "no answer could be read"
    if name == "balanced_parsed" and not ((parsed & sample.entailed).any() and (parsed & ~sample.entailed).any()):
        return "no answer could be read to the rows of one label" if parsed.any() else "no answer could be read"
    if name == "three_way" and not _says_three_way(model):
        return "its answers do not tell contradiction from unknown"
    if name == "exact" and all(answer.exact is None for answer in model.answers):
        return "it writes no answers"
    if name == "proof_validity" and all(answer.proof is None for answer in model.answers):
        return "it gives no proofs"
    if name == "brier" and all(answer.probability is None for answer in model.answers):
        return "no row has a probability"
    return ""


def _says_three_way(model: ModelAnswers) -> bool:
    return any(answer.three_way not in (None, ENTAILMENT) for answer in model.answers)
