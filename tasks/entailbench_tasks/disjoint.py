"""Puzzte split anew, so that no puzzle is in two splits: the published splits share most of theirs.

A puzzle's split follows from its text alone, without regard to case, spaces and punctuation: it is the same on every
machine, and whatever else the data holds. All published splits are dealt out, so all are needed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from entailbench import DataError, UnknownNameError, puzzle_fingerprint
from entailbench_tasks import puzzte, verified

if TYPE_CHECKING:
    import datasets

__all__ = ["SHARES", "load", "load_verified", "split_of"]

SHARES = {"train": 80, "validation": 10, "test": 10}
"""Of a hundred puzzles, how many belong to each split."""
SALT = "puzzte by puzzle 1"


def load(
    split: str = "test",
    data_dir: str | os.PathLike[str] | None = None,
    original_split: bool = False,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """The rows of one new split with their published labels, under the name "evaluation"; lm-eval's ``custom_dataset``.

    A row of ``puzzte`` and its ``published_split``.

    Args:
        split: one of ``puzzte.SPLITS``.
        data_dir: as for ``puzzte.load``; every split must be there.
        original_split: take the published split of that name instead, as the original study did.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: the data cannot be had, is not of the published form, or is not all there.
        UnknownNameError: no such split.
    """
    documents, where = _documents(split, data_dir, original_split)
    return puzzte.as_dataset(documents, where)


def load_verified(
    split: str = "test",
    data_dir: str | os.PathLike[str] | None = None,
    original_split: bool = False,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """The rows of one new split that a solver vouches for, as ``verified.load``; otherwise as ``load``."""
    documents, where = _documents(split, data_dir, original_split)
    return verified.as_verified(documents, split, where)


def split_of(context: str) -> str:
    """The split that a puzzle belongs to."""
    digest = hashlib.sha256(f"{SALT} {puzzle_fingerprint(context)}".encode()).hexdigest()
    place = int(digest, 16) % 100
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    raise AssertionError("the shares sum to 100")


def _documents(
    split: str, data_dir: str | os.PathLike[str] | None, original_split: bool
) -> tuple[list[dict[str, Any]], str]:
    """The rows of a split and where they come from."""
    if split not in puzzte.SPLITS:
        raise UnknownNameError("split", split, puzzte.SPLITS)
    if not isinstance(original_split, bool):
        raise DataError(f"'original_split' must be true or false, got {original_split!r}")
    where = puzzte.source(data_dir)
    if original_split:
        return puzzte.read_split(split, data_dir), f"{where}, as published: its splits share puzzles"
    at_hand = puzzte.splits_at_hand(data_dir)
    if missing := [name for name in puzzte.SPLITS if name not in at_hand]:
        raise DataError(
            f"splitting Puzzte by puzzle needs all its splits, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing {where}: add {', '.join(f'{m}.jsonl' for m in missing)} "
            "(.json, .csv or .parquet), or take the task puzzte, whose splits share puzzles"
        )
    rows = []
    seen: Counter[str] = Counter()
    homes: dict[str, str] = {}
    for published in puzzte.SPLITS:
        for document in puzzte.read_split(published, data_dir):
            context = document["context"]
            if context not in homes:
                homes[context] = split_of(context)
            # A row's id is unique within its published split only.
            seen[document["id"]] += 1
            count = seen[document["id"]]
            if homes[context] == split:
                name = document["id"] if count == 1 else f"{document['id']}-{published}-{count}"
                rows.append({**document, "id": name, "published_split": published})
    if not rows:
        raise DataError(f"of the {len(homes):,} puzzles {where}, none belongs to the {split} split: they are too few")
    return rows, f"{where}, split by puzzle"
