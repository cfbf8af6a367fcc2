"""Puzzte with the labels that the solver vouches for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from entailbench import DataError, logic
from entailbench_tasks import puzzte
from entailbench_tasks.audited import audit_documents

if TYPE_CHECKING:
    import datasets

__all__ = ["as_verified", "load"]


def load(split: str = "test", data_dir: str | os.PathLike[str] | None = None, **_: Any) -> dict[str, datasets.Dataset]:
    """The verified rows of one split, labelled by the solver; lm-eval's ``custom_dataset``.

    A row of ``puzzte`` and its ``label_published``; ``truth`` is the proved answer, one of three, ``label`` the
    binary label that it makes, ``proof`` why, ``reading`` the name of the reading that it is from.

    Args:
        split: one of ``puzzte.SPLITS``; only this one is read.
        data_dir: as for ``puzzte.load``.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: the data cannot be had, is not of the published form, or has no row that can be verified.
        UnknownNameError: no such split.
    """
    return as_verified(puzzte.read_split(split, data_dir), split, puzzte.source(data_dir))


def as_verified(documents: list[dict[str, Any]], split: str, where: str) -> dict[str, datasets.Dataset]:
    """The rows that can be verified, as ``load`` returns them; ``where`` they came from stands in a table's title.

    Raises:
        DataError: none can be.
    """
    report = audit_documents({split: documents})
    rows = []
    for document, one in zip(documents, report.rows, strict=True):
        truth = one.verdict.truth
        if one.verdict.status == "verified" and truth is not None:
            label = logic.binary_label(truth)
            why = {"proof": one.verdict.proof, "reading": one.verdict.reading}
            rows.append({**document, "label": label, "truth": truth, **why})
    if not rows:
        raise DataError(f"none of the {len(documents):,} rows of the split {split!r} {where} can be verified")
    return puzzte.as_dataset(rows, f"{where}, {len(rows):,} of {len(documents):,} rows verified")
