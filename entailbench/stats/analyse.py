"""``analyse_task``: from the answers to a task to everything that is said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from entailbench.answered import THREE_WAY, ModelAnswers, Row, TaskAnswers
from entailbench.findings import Comparison, ModelResult, TaskResult
from entailbench.records import ENTAILMENT, LABELS, UNPARSED
from entailbench.stats.calibration import reliability
from entailbench.stats.comparisons import comparisons_of, is_positive
from entailbench.stats.counts import columns_of
from entailbench.stats.intervals import DRAWS, Sums
from entailbench.stats.metrics import Possible, metrics_of
from entailbench.stats.paired import Side, compare, difference_of
from entailbench.stats.resampling import Weights, weights
from entailbench.stats.sample import Floats, Sample, check_answers, sample_of, tells_three
from entailbench.stats.slices import slices_of
from entailbench.stats.verdict import LEVEL

__all__ = ["analyse_task"]

EXAMPLES = 5
"""Kinds of unparsed answers that are shown."""
EXAMPLE_LENGTH = 60


@dataclass(frozen=True)
class _Measured:
    answers: ModelAnswers
    columns: Floats
    side: Side


def analyse_task(task: TaskAnswers, *, draws: int = DRAWS, seed: int = 0) -> TaskResult:
    """Metrics, intervals, comparisons, slices and verdicts of one task.

    The same answers give the same figures: the order of the rows does not matter, and all that is random has a seed.

    Args:
        task: the rows and every answer to them.
        draws: resamples of each interval.
        seed: of the resamples, and of the permutation test where it has to be sampled.

    Raises:
        DataError: no rows, a label that does not exist, or a model whose answers are not one per row, in order.
    """
    sample = sample_of(task.rows)
    resamples = weights(sample.puzzles, draws, seed)
    lines = (*task.models, *task.baselines)
    measured = {id(line): _measure(task.rows, sample, line, resamples) for line in lines if not line.unavailable}
    possible = Possible.of(task)
    baselines = [measured[id(line)] for line in task.baselines if id(line) in measured]

    def result(line: ModelAnswers, baseline: bool) -> ModelResult:
        if line.unavailable:
            return _unavailable(line, len(task.rows))
        against = () if baseline else baselines
        return _result(task.rows, sample, measured[id(line)], resamples, possible, against, baseline)

    return TaskResult(
        task=task.task,
        split=task.split,
        title=task.title,
        rows=len(task.rows),
        entailment_rows=int(sample.entailed.sum()),
        puzzles=sample.puzzles,
        labels=task.labels,
        models=tuple(result(line, baseline=False) for line in task.models),
        baselines=tuple(result(line, baseline=True) for line in task.baselines),
        comparisons=_comparisons(sample, [measured[id(model)] for model in task.models], seed),
        slices=slices_of(
            task.rows, {one.answers.name: one.columns for one in measured.values()}, draws=draws, seed=seed
        ),
    )


def _measure(rows: Sequence[Row], sample: Sample, line: ModelAnswers, resamples: Weights) -> _Measured:
    check_answers(rows, line)
    columns = columns_of(rows, line.answers)
    right = np.array([row.gold == answer.predicted for row, answer in zip(rows, line.answers, strict=True)])
    return _Measured(line, columns, Side(Sums.of(sample.per_puzzle(columns), resamples), right))


def _result(
    rows: Sequence[Row],
    sample: Sample,
    measured: _Measured,
    resamples: Weights,
    possible: Possible,
    baselines: Sequence[_Measured],
    baseline: bool,
) -> ModelResult:
    line = measured.answers
    said = [(row.gold == ENTAILMENT, answer.probability) for row, answer in zip(rows, line.answers, strict=True)]
    given = [(truth, probability) for truth, probability in said if probability is not None]
    return ModelResult(
        name=line.name,
        title=line.title,
        rows=len(rows),
        unparsed=sum(answer.predicted == UNPARSED for answer in line.answers),
        metrics=metrics_of(rows, sample, line, measured.side.sums, resamples, possible),
        confusion=_confusion(rows, line),
        reliability=reliability([truth for truth, _ in given], [p for _, p in given]) if given else (),
        unparsed_examples=_unparsed_examples(line),
        errors=sum(answer.outcome == "error" for answer in line.answers),
        refused=sum(answer.outcome == "refused" for answer in line.answers),
        filtered=sum(answer.outcome == "filtered" for answer in line.answers),
        error_examples=_error_examples(line),
        usage=line.usage,
        seconds=line.seconds,
        cached=line.cached,
        identity=line.identity,
        leaked=line.leaked,
        lineage=line.lineage,
        baseline=baseline,
        not_better_than=tuple(
            other.answers.name
            for other in baselines
            if not is_positive(difference_of(sample, measured.side, other.side))
        ),
    )


def _unavailable(line: ModelAnswers, rows: int) -> ModelResult:
    return ModelResult(line.name, line.title, rows, 0, baseline=True, unavailable=line.unavailable)


def _comparisons(sample: Sample, models: Sequence[_Measured], seed: int) -> tuple[Comparison, ...]:
    couples = list(combinations(models, 2))
    pairs = [
        compare(sample, first.side, second.side, level=LEVEL / len(couples), seed=seed) for first, second in couples
    ]
    return comparisons_of(sample, [(first.answers.name, second.answers.name) for first, second in couples], pairs)


def _confusion(rows: Sequence[Row], line: ModelAnswers) -> Mapping[str, Mapping[str, int]]:
    """Label → answer → rows; three labels where every row tells its truth, and three answers where they are told."""
    three = tells_three(rows) and all(row.truth for row in rows)
    counts = Counter(
        (row.truth if three else row.gold, (answer.three_way if three else None) or answer.predicted)
        for row, answer in zip(rows, line.answers, strict=True)
    )
    labels = THREE_WAY if three else LABELS
    order = dict.fromkeys((*labels, *LABELS, UNPARSED))
    answers = [answer for answer in order if answer in LABELS or any(said == answer for _, said in counts)]
    return {label: {answer: counts[label, answer] for answer in answers} for label in labels}


def _unparsed_examples(line: ModelAnswers) -> tuple[str, ...]:
    """``3 × “I am not sure…”``: how unparsed answers begin, the commonest first."""
    return _commonest(
        _beginning(answer.text)
        for answer in line.answers
        if answer.predicted == UNPARSED and answer.outcome == "answered"
    )


def _error_examples(line: ModelAnswers) -> tuple[str, ...]:
    """The same of the reasons why rows have no answer, or none that counts."""
    return _commonest(answer.reason for answer in line.answers if answer.outcome != "answered")


def _commonest(said: Iterable[str]) -> tuple[str, ...]:
    common = sorted(Counter(said).items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
    return tuple(f"{count:,} × {text}" for text, count in common)


def _beginning(text: str) -> str:
    words = " ".join(text[: 10 * EXAMPLE_LENGTH].split())
    if not words:
        return "(nothing)"
    return f"“{words}”" if len(words) <= EXAMPLE_LENGTH else f"“{words[:EXAMPLE_LENGTH].rstrip()}…”"
