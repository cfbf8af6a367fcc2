"""Puzzte with every label moved back to the question that it answers, as far as that question is at hand.

The label published with question q answers question q - 1 of the same puzzle (docs/labels.md), so a row's own
label stands on the next one, which may be in any split: all that can be found are read.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from entailbench import DataError, UnknownNameError, logic
from entailbench_tasks import puzzte
from entailbench_tasks.audited import audit_documents
from entailbench_tasks.labels import PUBLISHED_LABELS

if TYPE_CHECKING:
    import datasets

__all__ = ["load"]


def load(split: str = "test", data_dir: str | os.PathLike[str] | None = None, **_: Any) -> dict[str, datasets.Dataset]:
    """The rows of one split whose label the repair recovers; lm-eval's ``custom_dataset``.

    A row of ``puzzte`` and its ``label_published``; ``truth`` is the repaired label, ``label`` the binary label that
    it makes, ``checked`` whether the solver confirms it or cannot read the row ("confirmed" or "unchecked"),
    ``proof`` the solver's, ``reading`` the name of the reading that it is from. Rows that the solver contradicts are
    left out and counted. ``truth`` is "non-entailment" where the published label does not say which kind, and neither
    does the solver.

    Args:
        split: one of ``puzzte.SPLITS``.
        data_dir: as for ``puzzte.load``; every split there is read.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: the data cannot be had, is not of the published form, its labels do not stand one row too low, or
            no row of the split has its successor at hand.
        UnknownNameError: no such split.
    """
    if split not in puzzte.SPLITS:
        raise UnknownNameError("split", split, puzzte.SPLITS)
    wanted = puzzte.read_split(split, data_dir)
    splits = puzzte.splits_at_hand(data_dir)
    documents = {name: wanted if name == split else puzzte.read_split(name, data_dir) for name in splits}
    repaired = logic.repair_labels(audit_documents(documents))
    own = [one for one in repaired if one.audited.row.where == split]
    counts = Counter(one.outcome for one in own)
    rows = []
    for document, one in zip(wanted, own, strict=True):
        if one.label is not None and one.outcome in ("confirmed", "unchecked"):
            label = PUBLISHED_LABELS[one.label]
            verdict = one.audited.verdict
            why = (verdict.proof, verdict.reading) if one.outcome == "confirmed" else ("", "")
            own_columns = {"checked": one.outcome, "proof": why[0], "reading": why[1]}
            rows.append({**document, "label": label, "truth": one.label, **own_columns})
    described = (
        f"{puzzte.source(data_dir)} ({' + '.join(splits)}), {len(rows):,} of {len(wanted):,} rows repaired: "
        f"{counts['confirmed']:,} confirmed by the solver, {counts['unchecked']:,} unchecked; left out: "
        f"{counts['contradicted']:,} contradicted, {counts['out of reach']:,} out of reach"
    )
    if not rows:
        raise DataError(f"no label of the split {split!r} can be repaired: {described}")
    return puzzte.as_dataset(rows, described)
