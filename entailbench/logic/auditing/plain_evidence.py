"""Labels that anybody can check by eye: nobody is taller than themself, and what the text says word for word is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entailbench.logic.auditing.agreement import COMPATIBLE, Agreement
from entailbench.logic.auditing.audit import AuditedRow
from entailbench.logic.truth import CONTRADICTION, Truth
from entailbench.records import ENTAILMENT

__all__ = ["PlainEvidence", "plain_evidence"]


@dataclass(frozen=True)
class PlainEvidence:
    """Rows of one kind, whose right label is plain."""

    what: str
    own: Agreement
    """How many of them are published with the right label."""
    following: Agreement
    """How many of the rows after them, the puzzle's next question, are published with *their* right label."""


def plain_evidence(rows: Sequence[AuditedRow]) -> tuple[PlainEvidence, ...]:
    """What the published labels say of the plainest questions, where there are such.

    Args:
        rows: of all puzzles.
    """
    at: dict[tuple[int, int], set[str]] = {}
    for one in rows:
        if one.row.qid is not None and one.row.published is not None and not one.astray:
            at.setdefault((one.puzzle, one.row.qid), set()).add(one.row.published)
    kinds: tuple[tuple[str, Truth, list[AuditedRow]], ...] = (
        ("compare somebody with themself", CONTRADICTION, [one for one in rows if one.reflexive]),
        ("ask what a premise says word for word", ENTAILMENT, [one for one in rows if one.restates]),
    )
    found = []
    for what, right, own in kinds:
        labels = [one.row.published for one in own if one.row.published is not None]
        after = [at.get((one.puzzle, one.row.qid + 1), set()) for one in own if one.row.qid is not None]
        following = [label for labels_there in after if len(labels_there) == 1 for label in labels_there]
        if labels:
            found.append(PlainEvidence(what, _agreement(labels, right), _agreement(following, right)))
    return tuple(found)


def _agreement(labels: Sequence[str], right: Truth) -> Agreement:
    return Agreement(sum(right in COMPATIBLE[label] for label in labels), len(labels))
