"""The cache of answers: one SQLite file that any number of runs read and write at a time.

Every answer has a checksum, so that what a broken disk made of it is asked again and never believed. Values are JSON.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from entailbench.bounded import parse_json
from entailbench.errors import DataError

__all__ = ["FILE", "AnswerCache", "CacheInfo", "CachedModel", "cache_info", "clear_cache", "verify_cache"]

FILE = "answers.sqlite3"
VERSION = 1
"""Of the tables, in SQLite's ``user_version``."""
BUSY_SECONDS = 30.0
"""How long another process may write before this one gives up."""
AT_A_TIME = 500
"""Questions in one query; SQLite bounds them."""
TABLES = """
CREATE TABLE IF NOT EXISTS models (
    model TEXT PRIMARY KEY, name TEXT NOT NULL, determined_by TEXT NOT NULL, answered_by TEXT NOT NULL,
    since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS servers (
    asked TEXT PRIMARY KEY, answered_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    model TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (model, question)
) WITHOUT ROWID;
"""
WHAT_TO_DO = "`entailbench cache verify` says more, `entailbench cache clear` begins a new one"


@dataclass(frozen=True)
class CachedModel:
    """What is kept of one model."""

    name: str
    """What it was called when its first answer was kept."""
    determined_by: Mapping[str, Any]
    answered_by: Mapping[str, str]
    answers: int


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds."""

    path: Path
    bytes: int
    models: tuple[CachedModel, ...]

    @property
    def answers(self) -> int:
        """Of all models."""
        return sum(model.answers for model in self.models)


class AnswerCache:
    """Answers by model and question, for one run; safe from several threads, and with other processes.

    A cache that cannot be read or written stops no run: ``notify`` is told once what is wrong and what to do, and the
    run goes on without it, or only reading.

    Args:
        folder: of the file; made where it is not there.
        notify: told in one line.
    """

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self.path = folder / FILE
        self._notify = notify
        self._lock = threading.RLock()
        self._named: set[str] = set()
        self._connection: sqlite3.Connection | None = None
        self._writes = True
        self._damaged = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self.path)
        except (OSError, sqlite3.Error) as error:
            if not self._opened_to_read(error):
                self._give_up(error)

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def find(self, model: str, questions: Sequence[str]) -> dict[str, Any]:
        """The kept answers of a model to those of the questions that have one: question → JSON value."""
        found: dict[str, Any] = {}
        with self._lock:
            for start in range(0, len(questions), AT_A_TIME):
                if self._connection is None:
                    break
                part = questions[start : start + AT_A_TIME]
                marks = ", ".join("?" * len(part))
                query = f"SELECT question, answer, checksum FROM answers WHERE model = ? AND question IN ({marks})"
                try:
                    rows = self._connection.execute(query, (model, *part)).fetchall()
                except sqlite3.Error as error:
                    self._give_up(error)
                    break
                for question, answer, checksum in rows:
                    if checksum == _checksum(model, question, answer):
                        found[question] = parse_json(answer)
                    else:
                        self._tell_damaged()
        return found

    def last_answered_by(self, asked: str) -> dict[str, str] | None:
        """What came with the newest answer to somebody who asked for the same; None where nobody has asked yet."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                row = self._connection.execute("SELECT answered_by FROM servers WHERE asked = ?", (asked,)).fetchone()
                return None if row is None else dict(parse_json(row[0]))
            except (sqlite3.Error, ValueError, TypeError) as error:
                self._give_up(error)
                return None

    def keep(
        self,
        model: str,
        question: str,
        answer: Any,
        *,
        name: str,
        determined_by: Mapping[str, Any],
        answered_by: Mapping[str, str],
        asked: str,
    ) -> None:
        """Keeps an answer; when this returns, no end of this process loses it.

        Args:
            model: ``answer_keys.model_key``.
            question: ``answer_keys.question_key``.
            answer: a JSON value.
            name: the model's, for people.
            determined_by: see ``Model.determined_by``.
            answered_by: see ``Model.answered_by``.
            asked: under which ``last_answered_by`` finds ``answered_by``.
        """
        text = json.dumps(answer)
        with self._lock:
            if self._connection is None or not self._writes:
                return
            try:
                with self._connection:
                    # At once, not at the first write: else two who have read and now write would refuse each other.
                    self._connection.execute("BEGIN IMMEDIATE")
                    if model not in self._named:
                        self._connection.execute(
                            "INSERT OR IGNORE INTO models VALUES (?, ?, ?, ?, ?)",
                            (model, name, json.dumps(dict(determined_by)), json.dumps(dict(answered_by)), time.time()),
                        )
                        self._connection.execute(
                            "INSERT OR REPLACE INTO servers VALUES (?, ?)", (asked, json.dumps(dict(answered_by)))
                        )
                    self._connection.execute(
                        "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                        (model, question, text, _checksum(model, question, text)),
                    )
                # Only the one that answered last is remembered as written: another one may answer in between.
                self._named = {model}
            except sqlite3.Error as error:
                self._stop_writing(error)

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened_to_read(self, error: Exception) -> bool:
        """Whether what cannot be written can at least be read."""
        if not self.path.is_file() or _is_damage(error):
            return False
        try:
            self._connection = _open_to_read(self.path)
        except sqlite3.Error:
            return False
        self._stop_writing(error)
        return True

    def _stop_writing(self, error: Exception) -> None:
        if _is_damage(error):
            self._give_up(error)
        elif self._writes:
            self._writes = False
            self._notify(
                f"the cache {self.path} cannot be written ({_said(error)}): it is read, and new answers are not kept"
            )

    def _give_up(self, error: Exception) -> None:
        self._connection = None
        what = f"is damaged ({_said(error)}): {WHAT_TO_DO}" if _is_damage(error) else f"cannot be used ({_said(error)})"
        self._notify(f"the cache {self.path} {what}; this run goes on without it")

    def _tell_damaged(self) -> None:
        self._damaged += 1
        if self._damaged == 1:
            self._notify(f"the cache {self.path} has answers that are damaged, and they are asked again: {WHAT_TO_DO}")


def cache_info(folder: Path) -> CacheInfo | None:
    """What the cache in ``folder`` holds; None where there is none.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        connection = _open_to_read(path)
        try:
            counts = dict(connection.execute("SELECT model, count(*) FROM answers GROUP BY model").fetchall())
            models = connection.execute("SELECT model, name, determined_by, answered_by FROM models ORDER BY since")
            kept = tuple(
                CachedModel(name, parse_json(determined_by), parse_json(answered_by), counts.get(model, 0))
                for model, name, determined_by, answered_by in models.fetchall()
            )
        finally:
            connection.close()
    except (OSError, sqlite3.Error, ValueError) as error:
        raise DataError(f"the cache {path} cannot be read ({_said(error)}): {WHAT_TO_DO}") from error
    size = sum(part.stat().st_size for part in _parts(path) if part.is_file())
    return CacheInfo(path, size, kept)


def verify_cache(folder: Path) -> list[str]:
    """Reads everything; every fault as a sentence.

    Raises:
        DataError: there is no cache.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"there is no cache {path}: the first run that answers something makes it")
    try:
        connection = _open_to_read(path)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)").fetchall()]
            problems = [f"{path}: {line}" for line in found if line != "ok"]
            rows: Iterable[Any] = connection.execute("SELECT model, question, answer, checksum FROM answers")
            wrong = sum(_checksum(model, question, answer) != checksum for model, question, answer, checksum in rows)
        finally:
            connection.close()
    except sqlite3.Error as error:
        return [f"{path}: {_said(error)}"]
    if wrong:
        problems.append(f"{path}: {wrong:,} answers are not what was written; runs ask them again")
    return problems


def clear_cache(folder: Path) -> int:
    """Forgets all answers, also of a cache that is damaged; how many, 0 where that cannot be told.

    Raises:
        DataError: it cannot be removed.
    """
    path = folder / FILE
    if not path.is_file():
        return 0
    try:
        connection = _open(path)
        try:
            count = int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for table in ("answers", "servers", "models"):
                    connection.execute(f"DELETE FROM {table}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return count
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise DataError(f"the cache {path} cannot be cleared: {_said(error)}") from error
    try:
        for part in _parts(path):
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"the cache {path} cannot be removed: {error.strerror}") from error
    return 0


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file to read and write, and makes what it lacks.

    Raises:
        sqlite3.Error: it is no cache, a newer version's, or cannot be written.
    """
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        version = _version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # What is written survives the end of the process; after a power cut the newest may be missing.
        connection.execute("PRAGMA synchronous = NORMAL")
        if version < VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        else:
            # Whether it can be written is to be known before the first answer.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Opens a file that is there, also where nothing can be written.

    Raises:
        sqlite3.Error: it is no cache, or a newer version's.
    """
    uri = path.absolute().as_uri()
    try:
        return _read_only(f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        # Where not even the file can be made that readers agree by. Somebody else may write all the same: checksums.
        return _read_only(f"{uri}?immutable=1")


def _read_only(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        _version(connection)
        connection.execute("SELECT count(*) FROM models").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise sqlite3.NotSupportedError("it is of a newer entailbench")
    return version


def _parts(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm"))]


def _checksum(model: str, question: str, answer: str) -> str:
    return hashlib.sha256(f"{model}\0{question}\0{answer}".encode()).hexdigest()[:16]


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return isinstance(error, ValueError) or "no such table" in str(error)


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
