"""Generated puzzles: those that the package carries, or a folder that ``entailbench generate`` wrote."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import itertools
import os
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import LABELS, DataError, UnknownNameError, bounded

if TYPE_CHECKING:
    import datasets
    import pyarrow

__all__ = ["load"]

FOLDER_VARIABLE = "ENTAILBENCH_GENERATED_DIR"
MANIFEST = "manifest.json"
BATCH = 1_000
"""Rows that are read at a time."""


def load(
    split: str = "test", generated_dir: str | os.PathLike[str] | None = None, **_: Any
) -> dict[str, datasets.Dataset]:
    """The rows of one split, under the name "evaluation"; lm-eval's ``custom_dataset``.

    Args:
        split: one that the manifest names.
        generated_dir: a folder that ``entailbench generate`` wrote; by default what
            ``ENTAILBENCH_GENERATED_DIR`` names, else the package's own puzzles.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: no such folder, or a file is missing or not the one that was generated.
        UnknownNameError: no such split.
    """
    import datasets
    import pyarrow

    chosen = generated_dir or os.environ.get(FOLDER_VARIABLE)
    folder = Path(chosen).expanduser() if chosen else importlib.resources.files("entailbench_data") / "puzzte_generated"
    checksums = _checksums(folder)
    name = f"{split}.jsonl"
    if name not in checksums:
        raise UnknownNameError("split", split, [file.removesuffix(".jsonl") for file in checksums])
    content = _read(folder, name)
    if hashlib.sha256(content).hexdigest() != checksums[name]:
        raise DataError(
            f"{folder / name} is not the file that was generated (its sha256 differs from {MANIFEST}): "
            "write it again with `entailbench generate`, or install entailbench again"
        )
    try:
        dataset = datasets.Dataset(_table(folder / name, content))
    except (ValueError, TypeError, OverflowError) as error:  # pyarrow's errors are of these kinds
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{folder / name}: not every row has the same kind of value in a column: {reason}") from error
    pyarrow.default_memory_pool().release_unused()  # it would keep as much again for later tables
    if chosen:
        dataset.info.description = f"from {folder}"  # stands in the table's title
    return {"evaluation": dataset}


def _table(file: Traversable, content: bytes) -> pyarrow.Table:
    """The columns that the first row has; made in batches, since as Python's values rows take four times the room."""
    import pyarrow

    rows, parts, columns = _rows(file, content), [], None
    while batch := list(itertools.islice(rows, BATCH)):
        if any(row.get("label") not in LABELS for row in batch):
            raise DataError(f"{file} has rows without one of the labels {', '.join(LABELS)}")
        columns = columns or _columns(file, batch[0])
        parts.append(pyarrow.table({column: [row.get(column) for row in batch] for column in columns}))
    if not parts:
        raise DataError(f"{file} has no rows")
    return pyarrow.concat_tables(parts, promote_options="default")


def _columns(file: Traversable, row: dict[str, Any]) -> list[str]:
    for name in row:
        # To tables written in C, a name ends at a NUL.
        if not name or not name.isprintable():
            raise DataError(f"{file}: {name!r} cannot be the name of a column")
    return list(row)


def _rows(file: Traversable, content: bytes) -> Iterator[dict[str, Any]]:
    try:
        for line in bounded.bounded_lines(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="\n")):
            if line.strip():
                row = bounded.parse_json(line)
                if not isinstance(row, dict):
                    raise DataError(f"{file}: a row must be a JSON object, not {type(row).__name__}")
                yield row
    except ValueError as error:
        raise DataError(f"{file} has a row that cannot be read: {error}") from error


def _checksums(folder: Traversable) -> dict[str, str]:
    """File name → sha256, from the manifest."""
    if not folder.is_dir():
        raise DataError(
            f"generated puzzles: {folder} is not a folder; `entailbench generate --out {folder}` writes one"
        )
    try:
        files = bounded.parse_json(_read(folder, MANIFEST).decode("utf-8"))["files"]
        return {name: entry["sha256"] for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / MANIFEST} is not a manifest that `entailbench generate` wrote: {type(error).__name__}: {error}"
        ) from error


def _read(folder: Traversable, name: str) -> bytes:
    try:
        return bounded.read_bounded(folder / name, bounded.FILE_BYTES)
    except bounded.TooLargeError as error:
        raise DataError(f"{folder / name} cannot be read: {error}") from error
    except OSError as error:
        raise DataError(
            f"{folder / name} cannot be read ({error.strerror or error}): "
            "the folder must be one that `entailbench generate` wrote"
        ) from error
