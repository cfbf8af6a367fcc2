"""The folder in which a training works until its checkpoint is whole: found again by ``--resume``, never by ``run``.

::

    checkpoints/.NAME.training/
        lock         held by the process that trains
        job.json     what is trained, so that nothing else is gone on with
        work/        the trainer's own: states to go on from
        checkpoint/  what becomes checkpoints/NAME
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from entailbench.bounded import read_json
from entailbench.errors import TrainingError, UsageError
from entailbench.run_directory import to_json, write_atomically

__all__ = ["TrainingFolder", "changes"]

JOB = "job.json"
LOCK = "lock"


class TrainingFolder:
    """The folder of one name; enter it to hold its lock."""

    def __init__(self, target: Path) -> None:
        """
        Args:
            target: where the finished checkpoint goes.
        """
        self.target = target
        self.path = target.with_name(f".{target.name}.training")
        self.work = self.path / "work"
        self.checkpoint = self.path / "checkpoint"
        self.failed = target.with_name(f".{target.name}.failed")
        """Where the log of a training that left nothing else is kept."""
        self._lock: IO[str] | None = None

    @property
    def in_use(self) -> str:
        """What to tell who comes second."""
        return f"{self.target.name!r} is being trained by another process: wait until it has ended, or end it"

    @property
    def unfinished(self) -> bool:
        """Whether an earlier training left something to go on from."""
        return self.work.is_dir() and any(self.work.iterdir())

    @property
    def begun(self) -> bool:
        """Whether a training began here and did not come to its end."""
        return (self.path / JOB).is_file()

    @property
    def busy(self) -> bool:
        """Whether another process is training here now."""
        try:
            with (self.path / LOCK).open("a", encoding="utf-8") as file:
                return not _locked(file)
        except OSError:
            return False

    def __enter__(self) -> TrainingFolder:
        """Takes the lock.

        Raises:
            UsageError: another process has it, or the folder cannot be written.
        """
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                file = (self.path / LOCK).open("a", encoding="utf-8")
            except FileNotFoundError:
                # Somebody has just finished and took the folder away.
                continue
            except OSError as error:
                raise UsageError(f"cannot write the checkpoint to {self.target.parent}: {error.strerror}") from error
            if not _locked(file):
                file.close()
                raise UsageError(self.in_use)
            try:
                current = (self.path / LOCK).stat().st_ino == os.fstat(file.fileno()).st_ino
            except FileNotFoundError:
                current = False
            if current:
                self._lock = file
                return self
            file.close()

    def __exit__(self, *_: object) -> None:
        """Gives the lock back; a folder with nothing to go on from goes with it."""
        if not self.unfinished:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, job: Mapping[str, Any]) -> None:
        """Empties the folder for a new training.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            for path in (self.work, self.checkpoint):
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir()
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
        write_atomically(self.path / JOB, to_json(job, indent=2) + "\n")

    def begun_job(self) -> dict[str, Any]:
        """What ``begin`` was told.

        Raises:
            TrainingError: it cannot be read.
        """
        path = self.path / JOB
        try:
            job = read_json(path)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{path} is missing or damaged, so nobody knows what was being trained: pass --overwrite to begin anew"
            ) from error
        if not isinstance(job, dict):
            raise TrainingError(f"{path} is not a table: pass --overwrite to begin anew")
        self.checkpoint.mkdir(exist_ok=True)
        self.work.mkdir(exist_ok=True)
        return job

    def set_aside(self) -> str:
        """Keeps the files of a failed training that has nothing to go on from, a log perhaps; says where."""
        if not self.checkpoint.is_dir() or not any(self.checkpoint.iterdir()):
            return ""
        try:
            shutil.rmtree(self.failed, ignore_errors=True)
            self.checkpoint.rename(self.failed)
        except OSError:
            return ""
        return f"; what was written is kept in {self.failed}"

    def finish(self) -> None:
        """Moves the checkpoint to its place and removes everything else.

        Raises:
            TrainingError: it cannot be moved; the training can still be gone on with.
        """
        old = self.target.with_name(f".{self.target.name}.old")
        try:
            shutil.rmtree(old, ignore_errors=True)
            if self.target.exists():
                self.target.rename(old)
            self.checkpoint.rename(self.target)
        except OSError as error:
            raise TrainingError(f"cannot move the checkpoint to {self.target}: {error.strerror}") from error
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)


def changes(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Where two descriptions of a training differ, e.g. ``"recipe.learning_rate is 0.001 and was 0.0003"``."""
    for key in dict.fromkeys((*before, *now)):
        name, old, new = f"{prefix}{key}", before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from changes(old, new, f"{name}.")
        elif old != new:
            yield f"{name} is {_shown(new)} and was {_shown(old)}"


def _shown(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:40]}…"


def _locked(file: IO[str]) -> bool:
    """Takes the lock of an open file if nobody has it; where the system has no such locks, always."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
