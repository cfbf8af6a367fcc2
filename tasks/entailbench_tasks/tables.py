"""Rows from a JSON Lines, JSON, CSV or Parquet file, each with the place it stands at."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entailbench import DataError

__all__ = ["SUFFIXES", "read_rows"]

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")

PlacedRow = tuple[str, Mapping[str, Any]]
"""(where the row stands, e.g. ``"data/test.jsonl, line 7"``; the row)."""


def read_rows(path: Path) -> list[PlacedRow]:
    """Every row of a file, by its suffix, one of ``SUFFIXES``.

    Raises:
        DataError: the file is empty, malformed, or cannot be read; with the line where there are lines.
    """
    readers = {".jsonl": _json_lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    try:
        rows = list(readers[path.suffix.lower()](path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    if not rows:
        raise DataError(f"{path} is empty: it has no rows")
    return rows


def _json_lines(path: Path) -> Iterator[PlacedRow]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{where}: not valid JSON: {error.msg} at column {error.colno}") from error
            yield where, _object(row, where)


def _json(path: Path) -> Iterator[PlacedRow]:
    """A JSON array of objects, or JSON Lines under the name ``.json``, as some tools write it."""
    text = path.read_text(encoding="utf-8-sig")
    if not text.lstrip().startswith("["):
        yield from _json_lines(path)
        return
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not valid JSON: {error.msg} at column {error.colno}") from error
    for number, row in enumerate(rows, start=1):
        yield f"{path}, row {number}", _object(row, f"{path}, row {number}")


def _object(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row must be a JSON object, not {type(row).__name__}")
    return row


def _csv(path: Path) -> Iterator[PlacedRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        last = 1
        try:
            for row in reader:
                line_breaks = sum(text.count("\n") for text in row.values() if isinstance(text, str))
                where = f"{path}, line {reader.line_num - line_breaks}"
                last = reader.line_num
                if None in row or None in row.values():
                    number = "more" if None in row else "fewer"
                    raise DataError(f"{where}: {number} fields than the header has columns: is a quote missing?")
                yield where, row
        except csv.Error as error:
            raise DataError(f"{path}, line {last + 1}: not valid CSV: {error}") from error


def _parquet(path: Path) -> Iterator[PlacedRow]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        message = str(error).splitlines()[0]
        raise DataError(f"{path} is not a whole Parquet file: {message}") from error
    for number, row in enumerate(rows, start=1):
        yield f"{path}, row {number}", row
