"""Puzzte (``tasksource/puzzte``): from the hub, or from a folder with its published columns."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import DataError, UnknownNameError, logic, redact
from entailbench_tasks.labels import PUBLISHED_LABELS
from entailbench_tasks.tables import SUFFIXES, PlacedRow, number_field, read_rows, text_field

if TYPE_CHECKING:
    import datasets

__all__ = ["COLUMNS", "REPOSITORY", "SPLITS", "as_dataset", "load", "read_split", "source", "splits_at_hand"]

REPOSITORY = "tasksource/puzzte"
SPLITS = ("train", "validation", "test")
COLUMNS = ("pid", "puzzle_text", "source", "qid", "question", "answer", "ambiguity")
"""As published."""
NEEDED = ("puzzle_text", "question", "answer")
FOLDER_VARIABLE = "ENTAILBENCH_PUZZTE_DIR"

SPLIT_FILE = re.compile(r"(?:puzzte[-_.])?(train|validation|test)(?:-(\d{5})-of-(\d{5}))?", re.IGNORECASE)
"""File names without suffix, as people and the hub write them; the groups are split, shard and shards."""


def load(split: str = "test", data_dir: str | os.PathLike[str] | None = None, **_: Any) -> dict[str, datasets.Dataset]:
    """The rows of one split, under the name "evaluation"; lm-eval's ``custom_dataset``.

    Args:
        split: one of ``SPLITS``.
        data_dir: a folder with the published columns; by default what ``ENTAILBENCH_PUZZTE_DIR`` names, else the hub.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: the data cannot be had, or is not of the published form.
        UnknownNameError: no such split.
    """
    return as_dataset(read_split(split, data_dir), source(data_dir))


def read_split(split: str, data_dir: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """The rows of one split; arguments and errors as in ``load``."""
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    folder = _folder(data_dir)
    return _documents(_from_folder(folder, split) if folder else _from_hub(split))


def splits_at_hand(data_dir: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Which splits there are: those of the folder; of the hub, all.

    Raises:
        DataError: there is no such folder, or no split in it.
    """
    folder = _folder(data_dir)
    if folder is None:
        return SPLITS
    found = {match[1].lower() for match in _split_files(folder, "validation").values()}
    if not found:
        raise DataError(f"data folder {folder} has no splits: expected test.jsonl, .json, .csv or .parquet")
    return tuple(split for split in SPLITS if split in found)


def source(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Where rows come from, for a table's title."""
    folder = data_dir or os.environ.get(FOLDER_VARIABLE)
    return f"from {folder}" if folder else f"from the hub, {REPOSITORY}"


def as_dataset(documents: list[dict[str, Any]], description: str) -> dict[str, datasets.Dataset]:
    """Rows as lm-eval takes them, under the name "evaluation"; the description stands in a table's title.

    Raises:
        DataError: there are no rows.
    """
    import datasets

    if not documents:
        raise DataError(f"no rows are left: {description}")
    numbers = ("pid", "qid", "ambiguity")
    types = {column: datasets.Value("float64" if column in numbers else "string") for column in documents[0]}
    dataset = datasets.Dataset.from_list(documents, features=datasets.Features(types))
    dataset.info.description = description
    return {"evaluation": dataset}


def _folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    chosen = data_dir or os.environ.get(FOLDER_VARIABLE)
    return Path(chosen).expanduser() if chosen else None


def _split_files(folder: Path, split: str) -> dict[Path, re.Match[str]]:
    """The files of all splits, and how their names are made up; ``split`` is for the message."""
    if not folder.is_dir():
        reason = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"data folder {folder} {reason}: name the folder that holds {split}.jsonl, .json, .csv or .parquet"
        )
    named = {path: SPLIT_FILE.fullmatch(path.stem) for path in sorted(folder.iterdir())}
    return {path: match for path, match in named.items() if match and path.suffix.lower() in SUFFIXES}


def _from_folder(folder: Path, split: str) -> Iterable[PlacedRow]:
    known = _split_files(folder, split)
    chosen = {path: match for path, match in known.items() if match[1].lower() == split}
    if not chosen:
        there = ", ".join(sorted({match[1].lower() for match in known.values()}, key=SPLITS.index)) or "none"
        files = ", ".join([path.name for path in sorted(folder.iterdir())][:10]) or "none"
        raise DataError(
            f"data folder {folder} has no split {split!r} (splits there: {there}; files: {files}); "
            f"expected {split}.jsonl, .json, .csv or .parquet"
        )
    names = ", ".join(path.name for path in chosen)
    forms = {(match[3], path.suffix.lower()) for path, match in chosen.items()}
    parts = sorted(int(match[2] or 0) for match in chosen.values())
    total = int(next(iter(forms))[0] or 1)
    if len(forms) > 1 or len(parts) != len(set(parts)):
        raise DataError(f"data folder {folder} has more than one file for the split {split!r} ({names}): keep one")
    if parts != list(range(total)):
        raise DataError(f"data folder {folder} has only {names} of the {total} parts of the split {split!r}")
    return [row for path in chosen for row in read_rows(path)]


def _from_hub(split: str) -> Iterable[PlacedRow]:
    import datasets
    import huggingface_hub
    from huggingface_hub.constants import HF_HUB_OFFLINE

    advice = (
        f"pass --data-dir, or set {FOLDER_VARIABLE}, to a folder with {split}.jsonl, .json, .csv or .parquet "
        f"in the published columns ({', '.join(COLUMNS)})"
    )
    if Path(REPOSITORY).exists():
        # datasets.load_dataset would read that folder instead of the hub, without a word.
        raise DataError(f"the folder {Path(REPOSITORY).resolve()} would be taken for the hub's {REPOSITORY}: {advice}")
    try:
        if not HF_HUB_OFFLINE:
            # Asked first because load_dataset retries an unreachable hub for minutes.
            huggingface_hub.HfApi().dataset_info(REPOSITORY, timeout=10)
        rows = datasets.load_dataset(REPOSITORY, split=split)
    except Exception as error:  # httpx, datasets, huggingface_hub and OS errors, as the version pleases
        # A server's words may repeat the token that it was sent.
        said = redact(str(error), [huggingface_hub.get_token() or ""])
        summary = (said.strip().splitlines() or [type(error).__name__])[0][:200]
        state = "HF_HUB_OFFLINE is set and it is not in the cache" if HF_HUB_OFFLINE else summary
        raise DataError(f"cannot get {REPOSITORY} from the Hugging Face hub ({state}): {advice}") from error
    return [(f"{REPOSITORY}, {split}, row {number}", row) for number, row in enumerate(rows, start=1)]


def _documents(rows: Iterable[PlacedRow]) -> list[dict[str, Any]]:
    documents = []
    seen: Counter[str] = Counter()
    for where, row in rows:
        missing = [column for column in NEEDED if column not in row]
        if missing:
            raise DataError(
                f"{where}: no column {', '.join(map(repr, missing))} (there are: {', '.join(map(str, row)) or 'none'}; "
                f"the published columns are {', '.join(COLUMNS)})"
            )
        context, question, published = (text_field(row, column, where) for column in NEEDED)
        if published not in PUBLISHED_LABELS:
            raise DataError(f"{where}: unknown label {published!r} (known: {', '.join(map(repr, PUBLISHED_LABELS))})")
        row_id = _digest(f"{context}\n{question}")
        seen[row_id] += 1
        documents.append(
            {
                "id": row_id if seen[row_id] == 1 else f"{row_id}-{seen[row_id]}",
                "puzzle": _digest(context),
                "context": context,
                "question": question,
                "label": PUBLISHED_LABELS[published],
                "label_published": published,
                "family": family(context),
                "pid": number_field(row, "pid", where),
                "qid": number_field(row, "qid", where),
                "ambiguity": number_field(row, "ambiguity", where),
                "source": str(row.get("source") or "").strip(),
            }
        )
    return documents


def family(context: str) -> str:
    """Which of Puzzte's kinds of puzzle a text is: heights, knights or zebra; "other" for none of them."""
    return logic.family_of(context) or "other"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
