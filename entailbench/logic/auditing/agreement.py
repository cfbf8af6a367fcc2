"""How far two labellings agree, and how far they would by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT, NOT_ENTAILMENT

__all__ = ["BINARY", "COMPATIBLE", "Agreement", "agreement", "chance"]

COMPATIBLE: Mapping[str, tuple[Truth, ...]] = {
    ENTAILMENT: (ENTAILMENT,),
    CONTRADICTION: (CONTRADICTION,),
    UNKNOWN: (UNKNOWN,),
    "non-entailment": (CONTRADICTION, UNKNOWN),
    NOT_ENTAILMENT: (CONTRADICTION, UNKNOWN),
}
"""Published label → the answers that it can mean; the last two do not say which kind of "not entailed"."""

BINARY: Mapping[str, tuple[Truth, ...]] = {
    label: (ENTAILMENT,) if label == ENTAILMENT else (CONTRADICTION, UNKNOWN) for label in COMPATIBLE
}
"""The same where only "entailed or not" counts."""


@dataclass(frozen=True)
class Agreement:
    """How many of the compared rows agree."""

    agree: int
    rows: int

    @property
    def share(self) -> float | None:
        """In [0, 1]; None where nothing was compared."""
        return self.agree / self.rows if self.rows else None


def agreement(pairs: Sequence[tuple[str, Truth]], meaning: Mapping[str, tuple[Truth, ...]]) -> Agreement:
    """How many of the (published label, truth) pairs agree, under ``COMPATIBLE`` or ``BINARY``."""
    return Agreement(sum(truth in meaning[published] for published, truth in pairs), len(pairs))


def chance(pairs: Sequence[tuple[str, Truth]], meaning: Mapping[str, tuple[Truth, ...]]) -> float | None:
    """The share that would agree if the two had nothing to do with each other: from the margins, as in Cohen's kappa.

    Source: J. Cohen, A Coefficient of Agreement for Nominal Scales, 1960.
    """
    if not pairs:
        return None
    published = Counter(label for label, _ in pairs)
    truths = Counter(truth for _, truth in pairs)
    together = sum(count * truths[truth] for label, count in published.items() for truth in meaning[label])
    return together / len(pairs) ** 2
