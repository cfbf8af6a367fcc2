"""Supervised fine-tuning samples as files, in the original study's layout: ``{train,val}.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entailbench.bounded import parse_json
from entailbench.errors import DataError, UsageError
from entailbench.records import SftPair
from entailbench.run_directory import write_atomically

__all__ = ["hash_pairs", "read_pairs", "write_pairs"]

COLUMNS = ("instruction", "input", "output")


def write_pairs(directory: Path, train: Sequence[SftPair], validation: Sequence[SftPair]) -> tuple[Path, Path]:
    """Writes ``train.json`` and ``val.json``: lists of objects with instruction, input and output.

    Raises:
        UsageError: the folder cannot be made.
        RunError: a file cannot be written.
    """
    paths = directory / "train.json", directory / "val.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}; choose another --out") from error
    for path, pairs in zip(paths, (train, validation), strict=True):
        rows = [{column: getattr(pair, column) for column in COLUMNS} for pair in pairs]
        write_atomically(path, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    return paths


def read_pairs(path: Path) -> tuple[SftPair, ...]:
    """Reads a ``.json`` list or a ``.jsonl`` file of objects with instruction, output and, optionally, input.

    Raises:
        DataError: missing, empty or malformed file (with the line), missing column, wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"there is no data file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not text.strip():
        raise DataError(f"{path} is empty")
    rows = _json_lines(path, text) if path.suffix == ".jsonl" else _json_list(path, text)
    return tuple(_pair(path, where, row) for where, row in rows)


def hash_pairs(*parts: Sequence[SftPair]) -> str:
    """``sha256:…`` over all samples, in order: the data's place in a lineage."""
    digest = hashlib.sha256()
    for part in parts:
        for pair in part:
            digest.update(json.dumps([pair.instruction, pair.input, pair.output]).encode())
        digest.update(b"\n")
    return f"sha256:{digest.hexdigest()}"


def _json_list(path: Path, text: str) -> list[tuple[str, Any]]:
    try:
        rows = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"{path} must hold a list of objects with {', '.join(COLUMNS)}")
    if not rows:
        raise DataError(f"{path} holds no samples")
    return [(f"sample {number}", row) for number, row in enumerate(rows, start=1)]


def _json_lines(path: Path, text: str) -> list[tuple[str, Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                rows.append((f"line {number}", parse_json(line)))
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: not valid JSON: {error.msg}") from error
            except ValueError as error:
                raise DataError(f"{path}, line {number} cannot be read: {error}") from error
    return rows


def _pair(path: Path, where: str, row: Any) -> SftPair:
    if not isinstance(row, dict):
        raise DataError(f"{path}, {where}: must be an object with {', '.join(COLUMNS)}")
    for column in COLUMNS:
        if column not in row and column != "input":
            raise DataError(f"{path}, {where}: the column {column!r} is missing (there are: {', '.join(row)})")
        if not isinstance(row.get(column, ""), str):
            raise DataError(f"{path}, {where}: {column!r} must be a string, got {row[column]!r}")
    if not row["output"].strip():
        raise DataError(f"{path}, {where}: 'output' is empty, there is nothing to learn")
    return SftPair(row["instruction"], row.get("input", ""), row["output"])
