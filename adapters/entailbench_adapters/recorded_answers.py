"""Reads answers recorded in a JSONL or CSV file, under the key of the row that they answer."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entailbench import DataError, Prompt, bounded

__all__ = ["ANSWER_COLUMNS", "RecordedAnswers", "read_answers"]

KeyKind = Literal["doc_id", "id", "text", "order"]
KeyChoice = Literal["auto", "doc_id", "text", "order"]
"""What the user may ask for; ``doc_id`` is ``id`` too."""
Key = tuple[str | None, ...]
"""(task or None, what identifies the row …); always text, since a CSV file has nothing else."""

ANSWER_COLUMNS = ("answer", "output", "prediction", "response", "text")
"""Where an answer is looked for when the options do not say; exactly one of them must be there."""

OUTCOMES = ("refused", "filtered")
"""What the column ``outcome`` of an earlier run says of texts that are no answer."""

KEY_COLUMNS: Mapping[KeyKind, tuple[str, ...]] = {"id": ("id",), "doc_id": ("doc_id",), "text": ("context", "question")}
"""The first that a file has is taken: a row's own id also tells one split from another, its number does not. Answers in
the rows' order need no column, and are never taken for that unasked."""


@dataclass(frozen=True)
class RecordedAnswers:
    """The answers of one file."""

    sha256: str
    """Of the file's bytes, in hexadecimal."""
    kind: KeyKind
    """What the answers are keyed by."""
    by_task: bool
    """Whether the rows say which task they belong to."""
    samples: int
    """How many answers each row has."""
    answers: Mapping[Key, tuple[str, ...]]
    """The recorded texts of each row, in the file's order."""
    not_answered: Mapping[Key, str]
    """Of rows with one text that is no answer, as an earlier run says: "refused", "filtered"."""

    def outcome(self, prompt: Prompt) -> str:
        """What came of asking when it was recorded."""
        return self.not_answered.get(self._key(prompt), "answered")

    def _key(self, prompt: Prompt) -> Key:
        return (prompt.task if self.by_task else None, *self.wanted(prompt))

    def find(self, prompt: Prompt) -> tuple[str, ...] | None:
        """The answers recorded for ``prompt``, or None."""
        return self.answers.get(self._key(prompt))

    def wanted(self, prompt: Prompt) -> tuple[str, ...]:
        """What the answer to ``prompt`` must be recorded under, apart from the task."""
        row = prompt.doc
        if self.kind == "text":
            return _normalized(row.get("context", "")), _normalized(row.get("question", ""))
        # A task whose rows have no id of their own is numbered.
        return (str(row.get("id", prompt.doc_id) if self.kind == "id" else prompt.doc_id),)

    def rows_of(self, task: str) -> int:
        """How many rows of a task are answered."""
        return sum(key[0] == (task if self.by_task else None) for key in self.answers)


@dataclass(frozen=True)
class _Line:
    """One line of the file, read."""

    number: int
    key: Key
    answers: tuple[str, ...]
    outcome: str
    """As the earlier run that wrote it says; else "answered"."""


def read_answers(
    path: Path, answer_column: str | Sequence[str] | None, key: KeyChoice, samples: int | None = None
) -> RecordedAnswers:
    """Reads a file of recorded answers.

    Args:
        path: ``.jsonl`` (one object a line) or ``.csv`` (with a header), UTF-8.
        answer_column: where the answer stands; by default whichever of ``ANSWER_COLUMNS`` there is. Several columns
            are several answers of each row.
        key: what identifies a row: ``doc_id`` (the columns ``id`` or ``doc_id``), ``text`` (``context`` and
            ``question``, white space normalized), ``order`` (the n-th line answers the n-th row), or ``auto``: the
            first of these, apart from the order, that the file has.
        samples: how many answers each row has: in as many columns, as a list in one, or in as many lines; default as
            many as there are columns.

    Raises:
        DataError: the file cannot be read, is malformed or empty, lacks a column, has another number of answers for a
            row, or answers one row in two ways where one answer is wanted.
    """
    try:
        content = bounded.read_bounded(path, bounded.FILE_BYTES)
    except FileNotFoundError:
        raise DataError(f"no file {path}: `answers` names the recorded answers, a .jsonl or .csv file") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except bounded.TooLargeError as error:
        raise DataError(f"cannot read {path}: {error}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text") from error
    # An earlier run writes down that no answer came: that is nothing to score.
    rows = [row for row in _ROWS[_suffix(path)](path, text) if row[1].get("outcome") != "error"]
    if not rows:
        raise DataError(f"{path} has no rows with an answer")
    first = rows[0][1]
    columns = list(first)
    # An earlier run writes a null where its task's rows have no id.
    kind = _kind(path, [column for column in columns if first[column] is not None], key)
    chosen = _answer_columns(path, columns, answer_column)
    samples = _samples(path, chosen, samples)
    by_task = "task" in columns
    lines = list(_lines(path, rows, kind, chosen, by_task, samples))
    answers = _gathered(path, lines, kind, samples)
    told = {line.key: line.outcome for line in lines if line.outcome in OUTCOMES and samples == 1}
    return RecordedAnswers(hashlib.sha256(content).hexdigest(), kind, by_task, samples, answers, told)


def _samples(path: Path, columns: Sequence[str], samples: int | None) -> int:
    if samples is not None and samples < 1:
        raise DataError(f"samples = {samples}: each row has at least one answer")
    if len(columns) > 1 and samples not in (None, len(columns)):
        raise DataError(f"{path}: samples = {samples}, but answer_column names {len(columns)} columns")
    return len(columns) if samples is None else samples


def _lines(
    path: Path,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    kind: KeyKind,
    columns: Sequence[str],
    by_task: bool,
    samples: int,
) -> Iterator[_Line]:
    keys = KEY_COLUMNS.get(kind, ())
    places: dict[str | None, int] = {}
    for number, row in rows:
        needed = (*keys, *columns, *(["task"] if by_task else []))
        if missing := [column for column in needed if row.get(column) is None]:
            raise DataError(f"{path}, line {number}: no value in {_listed(missing)}")
        task = str(row["task"]) if by_task else None
        found = [str(row[column]) for column in keys]
        if kind == "order":
            found = [str(places.setdefault(task, 0))]
            places[task] += 1
        elif kind == "text":
            found = [_normalized(text) for text in found]
        texts = _texts(path, number, row, columns, samples)
        yield _Line(number, (task, *found), texts, str(row.get("outcome") or "answered"))


def _texts(path: Path, number: int, row: Mapping[str, Any], columns: Sequence[str], samples: int) -> tuple[str, ...]:
    """The answers of one line: those of its columns, or the list in its only one."""
    values = [row[column] for column in columns]
    if len(columns) == 1 and isinstance(values[0], list):
        values = values[0]
        if len(values) != samples:
            set_to = f"set samples = {len(values)}" if samples == 1 and values else f"samples = {samples} are wanted"
            raise DataError(f"{path}, line {number}: {columns[0]!r} has {len(values)} answers: {set_to}")
    for column, value in zip(columns * len(values), values, strict=False):
        if not isinstance(value, str):
            raise DataError(f"{path}, line {number}: {column!r} is not text but {value!r}")
    return tuple(values)


def _gathered(path: Path, lines: Sequence[_Line], kind: KeyKind, samples: int) -> dict[Key, tuple[str, ...]]:
    """The answers of each row; from as many lines as it has answers, where a line has only one of several."""
    by_row: dict[Key, list[_Line]] = {}
    for line in lines:
        by_row.setdefault(line.key, []).append(line)
    answers: dict[Key, tuple[str, ...]] = {}
    for key, found in by_row.items():
        first = found[0]
        if all(len(line.answers) == samples for line in found):
            other = next((line for line in found if line.answers != first.answers), None)
            if other is not None:
                advice = "keep one of them" if samples > 1 else "keep one of them, or say samples = 2"
                raise DataError(
                    f"{path}: lines {first.number} and {other.number} give different answers for the same "
                    f"{_named(kind, key)}; {advice}"
                )
            answers[key] = first.answers
            continue
        answers[key] = tuple(text for line in found for text in line.answers)
        if len(answers[key]) != samples:
            where = "in one line" if kind == "order" else "of every row"
            raise DataError(
                f"{path} has {len(answers[key])} answer{'' if len(answers[key]) == 1 else 's'} for "
                f"{_named(kind, key)} (line {first.number}), and samples = {samples} are wanted {where}"
            )
    return answers


def _named(kind: KeyKind, key: Key) -> str:
    what = {"text": "context and question", "order": f"row {key[1]}"}.get(kind, f"{kind} {key[1]!r}")
    return f"{what} of task {key[0]!r}" if key[0] is not None else what


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _ROWS:
        raise DataError(f"{path} is neither .jsonl nor .csv")
    return suffix


def _jsonl_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = enumerate(bounded.split_lines(text), start=1)
    while True:
        try:
            number, line = next(lines)
        except StopIteration:
            return
        except bounded.TooLargeError as error:
            raise DataError(f"{path}: {error}") from error
        if not line.strip():
            continue
        try:
            row = bounded.parse_json(line)
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


def _kind(path: Path, columns: Sequence[str], key: KeyChoice) -> KeyKind:
    if key == "order":
        return "order"
    for kind, needed_columns in KEY_COLUMNS.items():
        if (key == "auto" or (key == "text") == (kind == "text")) and all(c in columns for c in needed_columns):
            return kind
    needed = {"auto": "id, doc_id, or context and question", "doc_id": "id or doc_id", "text": "context and question"}
    order = '; key = "order" takes its lines in the order of the rows' if key == "auto" else ""
    raise DataError(f"{path} needs the columns {needed[key]}, and has {_listed(columns)}{order}")


def _answer_columns(path: Path, columns: Sequence[str], wanted: str | Sequence[str] | None) -> tuple[str, ...]:
    names = ANSWER_COLUMNS if wanted is None else (wanted,) if isinstance(wanted, str) else tuple(wanted)
    candidates = tuple(column for column in names if column in columns)
    missing = [name for name in names if name not in columns]
    if not candidates or (wanted is not None and missing):
        named = f"one of {_listed(ANSWER_COLUMNS)}" if wanted is None else _listed(map(repr, missing)) or "named"
        raise DataError(f"{path} has no column {named} for the answers (it has {_listed(columns)}); set answer_column")
    if wanted is None and len(candidates) > 1:
        raise DataError(f"{path} has several columns for the answers ({_listed(candidates)}); set answer_column")
    if len(set(candidates)) < len(candidates):
        raise DataError(f"answer_column names a column twice: {_listed(candidates)}")
    return candidates


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _normalized(text: Any) -> str:
    return " ".join(str(text).split())
