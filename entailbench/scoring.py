"""Answers → accuracy. An unparsed answer counts as wrong and is counted apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from entailbench.errors import UsageError
from entailbench.records import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED

__all__ = ["Score", "best_constant", "score"]


@dataclass(frozen=True)
class Score:
    """How one set of answers fares against the gold labels. Accuracies are shares in [0, 1]."""

    rows: int
    overall: float | None
    """Share of rows answered with the gold label; None without rows."""
    entailment: float | None
    """The same over the rows whose gold label is "entailment"; None where there are none."""
    not_entailment: float | None
    """The same over the rows whose gold label is "not entailment"; None where there are none."""
    unparsed: int
    """Rows whose answer is neither label; each is wrong in the shares above."""

    @property
    def balanced(self) -> float | None:
        """Mean of the two class accuracies (recalls); None unless both classes occur."""
        if self.entailment is None or self.not_entailment is None:
            return None
        return (self.entailment + self.not_entailment) / 2


def score(gold: Sequence[str], predicted: Sequence[str]) -> Score:
    """Compares labels row by row.

    Args:
        gold: the right labels, each one of ``LABELS``.
        predicted: as many labels; ``"unparsed"`` is allowed.

    Raises:
        UsageError: different lengths, or a label that does not exist.
    """
    if len(gold) != len(predicted):
        raise UsageError(f"{len(gold)} gold labels but {len(predicted)} answers")
    _check("gold label", gold, LABELS)
    _check("answer", predicted, (*LABELS, UNPARSED))
    right = [g == p for g, p in zip(gold, predicted, strict=True)]
    return Score(
        rows=len(gold),
        overall=_share(right),
        entailment=_share(r for r, g in zip(right, gold, strict=True) if g == ENTAILMENT),
        not_entailment=_share(r for r, g in zip(right, gold, strict=True) if g == NOT_ENTAILMENT),
        unparsed=sum(p == UNPARSED for p in predicted),
    )


def best_constant(gold: Sequence[str]) -> tuple[str, Score]:
    """The label that is right most often when always given ("not entailment" where they tie), and its score."""
    label = ENTAILMENT if sum(g == ENTAILMENT for g in gold) * 2 > len(gold) else NOT_ENTAILMENT
    return label, score(gold, [label] * len(gold))


def _share(right: Iterable[bool]) -> float | None:
    values = list(right)
    return sum(values) / len(values) if values else None


def _check(what: str, labels: Iterable[str], allowed: Sequence[str]) -> None:
    for row, label in enumerate(labels):
        if label not in allowed:
            raise UsageError(f"row {row}: {what} {label!r} is none of {', '.join(allowed)}")
