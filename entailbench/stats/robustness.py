"""What becomes of a model's answers when the questions are put otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from entailbench.answered import PERTURBATIONS, Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.errors import DataError
from entailbench.findings import Estimate, ModelRobustness, Robustness
from entailbench.records import ENTAILMENT, NOT_ENTAILMENT, UNPARSED
from entailbench.stats.counts import columns_of
from entailbench.stats.intervals import DRAWS, Sums, clustered_mean, estimate
from entailbench.stats.paired import Side, difference_of
from entailbench.stats.resampling import Weights, weights
from entailbench.stats.sample import Sample, sample_of

__all__ = ["ALL", "NEGATED", "robustness_of"]

NEGATED = "negated"
ALL = "all"
"""Every perturbation that leaves the answer as it is, together."""
NOT_SAME = Estimate(None, undefined="a negated question has another answer")
NOT_NEGATED = Estimate(None, undefined="the question was not negated")


def robustness_of(task: TaskAnswers, *, draws: int = DRAWS, seed: int = 0) -> tuple[Robustness, ...]:
    """Accuracy, consistency and contradictions by perturbation, the intervals clustered by the row's puzzle.

    Args:
        task: with its perturbed rows and the models' answers to them.
        draws: resamples of each interval.
        seed: of the resamples.

    Returns:
        One entry for all perturbations together that leave the answer as it is, then one for each, in the order of
        ``PERTURBATIONS``; none where nothing was perturbed.

    Raises:
        DataError: a model's answers are not one per perturbed row, in order, or a perturbed row is of no row.
    """
    if not task.perturbed and not task.not_perturbed:
        return ()
    _check(task)
    groups = {name: [p for p in task.perturbed if p.perturbation == name] for name in PERTURBATIONS}
    same = [row for row in task.perturbed if row.perturbation != NEGATED]
    whole = _robustness(task, ALL, "all that leave the answer as it is", same, {}, draws, seed)
    return (
        whole,
        *(
            _robustness(task, name, PERTURBATIONS[name], rows, task.not_perturbed.get(name, {}), draws, seed)
            for name, rows in groups.items()
        ),
    )


def _check(task: TaskAnswers) -> None:
    known = {row.doc_id for row in task.rows}
    if strange := [
        row.doc_id for row in task.perturbed if row.of not in known or row.perturbation not in PERTURBATIONS
    ]:
        raise DataError(f"perturbed row {strange[0]} is of no row of the task, or perturbed in an unknown way")
    wanted = [row.doc_id for row in task.perturbed]
    for model in task.models:
        if [answer.doc_id for answer in model.perturbed] != wanted:
            raise DataError(f"the answers of {model.name!r} to perturbed rows are not one per row, in the rows' order")


def _robustness(
    task: TaskAnswers,
    perturbation: str,
    title: str,
    chosen: Sequence[PerturbedRow],
    left_out: Mapping[str, int],
    draws: int,
    seed: int,
) -> Robustness:
    place = {row.doc_id: number for number, row in enumerate(task.rows)}
    old = [task.rows[place[row.of]] for row in chosen]
    new = [
        replace(row, doc_id=one.doc_id, context=one.context, question=one.question, gold=one.gold)
        for row, one in zip(old, chosen, strict=True)
    ]
    sample = sample_of(new) if new else None
    resamples = weights(sample.puzzles, draws, seed) if sample else np.zeros((draws, 0))
    models = []
    for model in task.models:
        answer = {answer.doc_id: answer for answer in model.perturbed}
        before, after = [model.answers[place[row.of]] for row in chosen], [answer[row.doc_id] for row in chosen]
        models.append(_of_model(model, perturbation, old, new, before, after, sample, resamples, draws, seed))
    return Robustness(
        perturbation=perturbation,
        title=title,
        rows=len(chosen),
        puzzles=sample.puzzles if sample else 0,
        left_out=dict(left_out),
        models=tuple(models),
    )


def _of_model(
    model: ModelAnswers,
    perturbation: str,
    old: Sequence[Row],
    new: Sequence[Row],
    before: Sequence[Judged],
    after: Sequence[Judged],
    sample: Sample | None,
    resamples: Weights,
    draws: int,
    seed: int,
) -> ModelRobustness:
    nothing = Estimate(None, undefined="no row could be perturbed so")
    if sample is None:
        return ModelRobustness(model.name, nothing, nothing, nothing, nothing, nothing)
    puzzles = [row.puzzle for row in old]
    first, second = _side(old, before, sample, resamples), _side(new, after, sample, resamples)
    negated = perturbation == NEGATED
    missing = _missing_label(new)
    kept = [a.predicted == b.predicted != UNPARSED for a, b in zip(before, after, strict=True)]
    both = [a.predicted == b.predicted == ENTAILMENT for a, b in zip(before, after, strict=True)]
    undefined = Estimate(None, undefined=missing)
    return ModelRobustness(
        name=model.name,
        before=estimate("balanced", first.sums, undefined=_missing_label(old)),
        after=estimate("balanced", second.sums, undefined=missing),
        change=NOT_SAME if negated else undefined if missing else difference_of(sample, second, first),
        consistency=NOT_SAME if negated else clustered_mean(kept, puzzles, draws=draws, seed=seed),
        contradictions=clustered_mean(both, puzzles, draws=draws, seed=seed) if negated else NOT_NEGATED,
    )


def _missing_label(rows: Sequence[Row]) -> str:
    """Why balanced accuracy is undefined; empty where it is not."""
    there = {row.gold for row in rows}
    return next((f'no row has the label "{label}"' for label in (ENTAILMENT, NOT_ENTAILMENT) if label not in there), "")


def _side(rows: Sequence[Row], answers: Sequence[Judged], sample: Sample, resamples: Weights) -> Side:
    right = np.array([row.gold == answer.predicted for row, answer in zip(rows, answers, strict=True)])
    return Side(Sums.of(sample.per_puzzle(columns_of(rows, answers)), resamples), right)
