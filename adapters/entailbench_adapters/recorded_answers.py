"""Reads answers recorded in a JSONL or CSV file, each under the key of the row it answers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entailbench import DataError, Prompt

__all__ = ["ANSWER_COLUMNS", "RecordedAnswers", "read_answers"]

KeyKind = Literal["doc_id", "id", "text"]
Key = tuple[str | None, ...]
"""(task or None, what identifies the row …); always text, since a CSV file has nothing else."""

ANSWER_COLUMNS = ("answer", "output", "prediction", "response", "text")
"""Where an answer is looked for when the options do not say; exactly one of them must be there."""

KEY_COLUMNS: Mapping[KeyKind, tuple[str, ...]] = {"id": ("id",), "doc_id": ("doc_id",), "text": ("context", "question")}
"""The first that a file has is taken: a row's own id also tells one split from another, its number does not."""


@dataclass(frozen=True)
class RecordedAnswers:
    """The answers of one file."""

    sha256: str
    """Of the file's bytes, in hexadecimal."""
    kind: KeyKind
    """What the answers are keyed by."""
    by_task: bool
    """Whether the rows say which task they belong to."""
    answers: Mapping[Key, str]
    """The recorded text of each row."""

    def find(self, prompt: Prompt) -> str | None:
        """The answer recorded for ``prompt``, or None."""
        return self.answers.get((prompt.task if self.by_task else None, *self.wanted(prompt)))

    def wanted(self, prompt: Prompt) -> tuple[str, ...]:
        """What the answer to ``prompt`` must be recorded under, apart from the task."""
        row = prompt.doc
        if self.kind == "text":
            return _normalized(row.get("context", "")), _normalized(row.get("question", ""))
        # A task whose rows have no id of their own is numbered.
        return (str(prompt.doc_id if self.kind == "doc_id" else row.get("id", prompt.doc_id)),)


def read_answers(path: Path, answer_column: str | None, key: Literal["auto", "doc_id", "text"]) -> RecordedAnswers:
    """Reads a file of recorded answers.

    Args:
        path: ``.jsonl`` (one object a line) or ``.csv`` (with a header), UTF-8.
        answer_column: where the answer stands; by default whichever of ``ANSWER_COLUMNS`` there is.
        key: what identifies a row: ``doc_id`` (the columns ``id`` or ``doc_id``), ``text`` (``context`` and
            ``question``, white space normalized), or ``auto``: the first of these that the file has.

    Raises:
        DataError: the file cannot be read, is malformed or empty, lacks a column, or answers one row in two ways.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no file {path}: `answers` names the recorded answers, a .jsonl or .csv file") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text") from error
    rows = list(_ROWS[_suffix(path)](path, text))
    if not rows:
        raise DataError(f"{path} has no rows")
    first = rows[0][1]
    columns = list(first)
    # An earlier run writes a null where its task's rows have no id.
    kind = _kind(path, [column for column in columns if first[column] is not None], key)
    answer_column = _answer_column(path, columns, answer_column)
    by_task = "task" in columns
    answers: dict[Key, str] = {}
    lines: dict[Key, int] = {}
    for line, row in rows:
        needed = (*KEY_COLUMNS[kind], answer_column, *(["task"] if by_task else []))
        if missing := [column for column in needed if row.get(column) is None]:
            raise DataError(f"{path}, line {line}: no value in {_listed(missing)}")
        answer = row[answer_column]
        if not isinstance(answer, str):
            raise DataError(f"{path}, line {line}: {answer_column!r} is not text but {answer!r}")
        found = [str(row[column]) for column in KEY_COLUMNS[kind]]
        identity: Key = (str(row["task"]) if by_task else None, *(map(_normalized, found) if kind == "text" else found))
        if answers.setdefault(identity, answer) != answer:
            named = "context and question" if kind == "text" else f"{kind} {found[0]!r}"
            raise DataError(
                f"{path}: lines {lines[identity]} and {line} give different answers for the same {named}"
                f"{f' of task {identity[0]!r}' if by_task else ''}; keep one of them"
            )
        lines.setdefault(identity, line)
    return RecordedAnswers(hashlib.sha256(content).hexdigest(), kind, by_task, answers)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _ROWS:
        raise DataError(f"{path} is neither .jsonl nor .csv")
    return suffix


def _jsonl_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    # Not splitlines(): a JSON string may hold U+2028 as it is.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: not a JSON object")
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            # DictReader keeps surplus cells under None, and fills missing ones with None.
            if None in row or None in row.values():
                columns = len(reader.fieldnames or ())
                raise DataError(f"{path}, line {reader.line_num}: the header has {columns} columns, this row has not")
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV ({error})") from error


_ROWS = {".jsonl": _jsonl_rows, ".csv": _csv_rows}


def _kind(path: Path, columns: Sequence[str], key: str) -> KeyKind:
    for kind, needed_columns in KEY_COLUMNS.items():
        if (key == "auto" or (key == "text") == (kind == "text")) and all(c in columns for c in needed_columns):
            return kind
    needed = {"auto": "id, doc_id, or context and question", "doc_id": "id or doc_id", "text": "context and question"}
    raise DataError(f"{path} needs the columns {needed[key]}, and has {_listed(columns)}")


def _answer_column(path: Path, columns: Sequence[str], wanted: str | None) -> str:
    candidates = [column for column in (ANSWER_COLUMNS if wanted is None else (wanted,)) if column in columns]
    if not candidates:
        names = f"one of {_listed(ANSWER_COLUMNS)}" if wanted is None else f"{wanted!r}"
        raise DataError(f"{path} has no column {names} for the answers (it has {_listed(columns)}); set answer_column")
    if len(candidates) > 1:
        raise DataError(f"{path} has several columns for the answers ({_listed(candidates)}); set answer_column")
    return candidates[0]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _normalized(text: Any) -> str:
    return " ".join(str(text).split())
