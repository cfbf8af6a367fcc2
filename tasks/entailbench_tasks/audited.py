"""Puzzte's rows as the judge sees them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from entailbench import logic

__all__ = ["audit_documents", "audit_with_bar", "to_audit_row"]


def to_audit_row(document: Mapping[str, Any], where: str) -> logic.AuditRow:
    """A row of ``puzzte.read_split``, to be judged."""
    qid = document["qid"]
    return logic.AuditRow(
        id=str(document["id"]),
        where=where,
        context=document["context"],
        question=document["question"],
        published=document["label_published"],
        ambiguity=document["ambiguity"],
        qid=int(qid) if qid is not None and qid == int(qid) else None,
    )


def audit_documents(
    splits: Mapping[str, Sequence[Mapping[str, Any]]], timeout: float | None = None
) -> logic.AuditReport:
    """Judges rows of ``puzzte.read_split``, all splits together, with a bar on standard error.

    The last few results are kept: two tasks of one run often want the same rows judged.
    """
    rows = tuple(to_audit_row(document, split) for split, documents in splits.items() for document in documents)
    return _audited(rows, logic.DEFAULT_TIMEOUT if timeout is None else timeout)


def audit_with_bar(rows: Sequence[logic.AuditRow], conventions: logic.Conventions, timeout: float) -> logic.AuditReport:
    """Judges rows, with a bar on standard error."""
    from tqdm import tqdm

    with tqdm(total=len(rows), desc="proving labels", unit="row", file=sys.stderr, mininterval=0.5) as bar:
        return logic.audit_rows(rows, conventions, timeout, bar.update)


@lru_cache(maxsize=4)
def _audited(rows: tuple[logic.AuditRow, ...], timeout: float) -> logic.AuditReport:
    return audit_with_bar(rows, logic.PUZZTE, timeout)
