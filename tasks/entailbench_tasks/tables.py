"""Rows from a JSON Lines, JSON, CSV or Parquet file, each with the place it stands at, and their fields."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entailbench import DataError, bounded

__all__ = ["SUFFIXES", "PlacedRow", "number_field", "read_rows", "text_field"]

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")

MOST_ROWS = 10_000_000
"""Of a Parquet file, which can say in a few bytes that a row is repeated."""

LONGEST_FIELD = bounded.LINE_CHARS
"""Characters in a field of a CSV file."""

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
    except bounded.TooLargeError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not rows:
        raise DataError(f"{path} is empty: it has no rows")
    return rows


def text_field(row: Mapping[str, Any], column: str, where: str) -> str:
    """A column that must hold text, stripped of outer white space.

    Raises:
        DataError: it is empty, or no text.
    """
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {column!r} must be text, and not empty; it is {value!r}")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise DataError(f"{where}: {column!r} holds half a surrogate pair, which is no text")
    return value.strip()


def number_field(row: Mapping[str, Any], column: str, where: str) -> float | None:
    """A column that may hold a finite number; None where it is missing, empty, or "not a number".

    Raises:
        DataError: it holds something else.
    """
    value = row.get(column)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.inf
    if math.isinf(number) or isinstance(value, bool):
        raise DataError(f"{where}: {column!r} must be a number; it is {str(value)[:40]!r}")
    # Tables that were written by pandas have NaN where there is nothing.
    return None if math.isnan(number) else number


def _json_lines(path: Path) -> Iterator[PlacedRow]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(bounded.bounded_lines(lines), start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            yield where, _object(_parsed(line.rstrip(), where), where)


def _json(path: Path) -> Iterator[PlacedRow]:
    """A JSON array of objects, or JSON Lines under the name ``.json``, as some tools write it."""
    text = bounded.read_bounded(path, bounded.FILE_BYTES).decode("utf-8-sig")
    if not text.lstrip().startswith("["):
        if text.lstrip().splitlines()[:1] == ["{"]:
            raise DataError(f"{path} must be an array of rows, [{{...}}, {{...}}], or have one row a line")
        yield from _json_lines(path)
        return
    for number, row in enumerate(_parsed(text, str(path)), start=1):
        yield f"{path}, row {number}", _object(row, f"{path}, row {number}")


def _parsed(text: str, where: str) -> Any:
    try:
        return bounded.parse_json(text)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if error.lineno > 1 else ""
        raise DataError(f"{where}{line}: not valid JSON: {error.msg} at column {error.colno}") from error
    except ValueError as error:  # a number of thousands of digits; thousands of brackets
        raise DataError(f"{where}: JSON that cannot be read: {error}") from error


def _object(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row must be a JSON object, not {type(row).__name__}")
    return row


def _csv(path: Path) -> Iterator[PlacedRow]:
    # A puzzle may be longer than the 128 KiB that a field may have by default.
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(bounded.bounded_lines(file), strict=True)
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
        # A few packed bytes can stand for any number of unpacked ones.
        parts = pyarrow.parquet.read_metadata(path)
        unpacked = sum(parts.row_group(number).total_byte_size for number in range(parts.num_row_groups))
        if unpacked > bounded.FILE_BYTES or parts.num_rows > MOST_ROWS:
            raise DataError(
                f"{path} has {parts.num_rows:,} rows of {unpacked:,} bytes; at most {MOST_ROWS:,} rows and "
                f"{bounded.FILE_BYTES:,} bytes are read"
            )
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        message = str(error).splitlines()[0]
        raise DataError(f"{path} is not a whole Parquet file: {message}") from error
    for number, row in enumerate(rows, start=1):
        yield f"{path}, row {number}", row
