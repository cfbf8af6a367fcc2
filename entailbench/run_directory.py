"""The folder of one run: everything needed to trust it or to repeat it."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TextIO

from entailbench.errors import RunError, UsageError
from entailbench.run_lock import LOCK, RunLock
from entailbench.terminal import harmless

__all__ = ["PredictionsFile", "RunDirectory", "to_json", "write_atomically"]


FOLDERS = ("models", "predictions", "lm_eval", "rows", "judged", "baselines")


class RunDirectory:
    """Creates and fills a run's folder.

    ::

        config.json            what was asked for
        plan.json              what must be the same when an interrupted run goes on
        tasks.json             where each task's rows came from, and their hash
        versions.json          Python and packages
        rows/TASK.jsonl        the questions with their labels
        models/NAME.json       identity, options, decoding, and how it was trained
        predictions/NAME.jsonl every answer as it came
        judged/TASK/NAME.jsonl every answer, prompt and the label that was read
        baselines/TASK.json    what the baselines answer
        perturbed/TASK.jsonl   with --perturb, the questions put otherwise; answers in judged/TASK+perturbed
        lm_eval/NAME/          lm-eval's own results_*.json and samples_*.jsonl
        report.*               the tables, and the page to read them on
        run.lock               while the run lasts
    """

    def __init__(self, path: Path, lock: RunLock | None = None) -> None:
        self.path = path
        self._lock = lock

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets other runs in."""
        if self._lock is not None:
            self._lock.release()

    @classmethod
    def create(cls, chosen: Path | None, parent: Path) -> RunDirectory:
        """Makes the folder, and keeps other runs out of it until the end of a ``with`` block.

        Args:
            chosen: the user's ``--output``; must not hold anything yet.
            parent: where a folder named after the time is made otherwise.

        Raises:
            UsageError: it cannot be written, already holds something, or another run is about to write it.
        """
        path = chosen or parent / datetime.now().strftime("%Y%m%d-%H%M%S")
        try:
            if chosen is None:
                path = _make_new(path)
            elif path.exists() and not path.is_dir():
                raise UsageError(f"{path} already exists and is no folder: choose another --output")
            else:
                path.mkdir(parents=True, exist_ok=True)
            lock = RunLock(path)
            if any(one.name != LOCK for one in path.iterdir()):
                lock.release()
                raise UsageError(f"{path} already exists and is not an empty folder: choose another --output")
            for name in FOLDERS:
                (path / name).mkdir()
        except OSError as error:
            raise UsageError(f"cannot write the run to {path}: {error.strerror}; choose another --output") from error
        return cls(path, lock)

    @classmethod
    def reopen(cls, path: Path) -> RunDirectory:
        """The folder of a run that is to go on, and that no other process is writing.

        Raises:
            UsageError: there is none, it cannot be written, or another run is writing it.
        """
        if not (path / "config.json").is_file():
            raise UsageError(f"{path} is no run directory: it has no config.json, which every run writes first")
        try:
            lock = RunLock(path)
            for name in FOLDERS:
                (path / name).mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write to {path}: {error.strerror}") from error
        return cls(path, lock)

    def write(self, name: str, value: Any) -> None:
        """Writes ``value`` as JSON, or a string as it is."""
        text = value if isinstance(value, str) else to_json(value, indent=2) + "\n"
        write_atomically(self.path / name, text)

    def write_lines(self, name: str, records: Iterable[Any]) -> None:
        """Writes one JSON object a line; folders on the way are made."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from error
        write_atomically(path, (f"{to_json(record)}\n" for record in records))

    def predictions(self, model: str) -> PredictionsFile:
        """Opens the file that takes a model's answers as they come."""
        return PredictionsFile(self.path / "predictions" / f"{model}.jsonl")


class PredictionsFile:
    """A JSON Lines file; each line is with the operating system when ``append`` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Half an emoji, which an API may send, becomes its escape: valid JSON, and no lost run.
        self._file: TextIO = path.open("a", encoding="utf-8", errors="backslashreplace")

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes one row.

        Raises:
            RunError: the disk is full or the folder can no longer be written; earlier rows are kept.
        """
        try:
            self._file.write(to_json(row) + "\n")
            self._file.flush()
        except OSError as error:
            raise RunError(
                f"cannot write {self.path}: {error.strerror}; the answers before this one are kept"
            ) from error

    def close(self) -> None:
        """Closes the file; a disk that is full has been reported by ``append``."""
        try:
            self._file.close()
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error


def _make_new(path: Path) -> Path:
    """Makes ``path``, or the first of ``path_2`` … that does not exist; two runs may start in the same second."""
    number = 1
    while True:
        candidate = path if number == 1 else path.with_name(f"{path.name}_{number}")
        try:
            candidate.mkdir(parents=True)
            return candidate
        except FileExistsError:
            number += 1


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON of records, paths and read-only mappings; keys keep their order, and a terminal may show it."""
    return harmless(json.dumps(value, ensure_ascii=False, indent=indent, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping | MappingProxyType):
        return dict(value)
    return str(value)


def write_atomically(path: Path, text: str | Iterable[str]) -> None:
    """Writes a text file so that a reader sees the old one or the whole new one.

    Args:
        path: of the file.
        text: all of it, or one piece after the other.

    Raises:
        RunError: it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines([text] if isinstance(text, str) else text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from error
