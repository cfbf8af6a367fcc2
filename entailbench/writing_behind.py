"""Writes answers in a thread of its own, so that no disk keeps the model waiting that computes them.

A disk that is well has written a row in far less than ``GRACE_SECONDS``, and so long a row is waited for: then a
process that is killed has lost nothing. One that is slower is waited for no more until it has caught up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["GRACE_SECONDS", "WritingBehind"]


class Lines(Protocol):
    """A file that takes rows: ``run_directory.PredictionsFile``."""

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes one row."""

    def close(self) -> None:
        """Closes the file."""


GRACE_SECONDS = 0.05
"""How long a disk may hold up a model, once."""


class WritingBehind:
    """Takes rows and writes them in their order.

    Args:
        lines: written to by one thread, and closed with this.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._rows: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._taken = 0
        self._written = 0
        self._late = False
        self._progress = threading.Condition()
        """Guards ``_written`` and ``_failure``."""
        self._failure: BaseException | None = None
        self._told = False
        self._thread = threading.Thread(target=self._write, daemon=True, name="entailbench-writing")
        self._thread.start()

    def append(self, row: Mapping[str, Any]) -> None:
        """Has the row written; returns when it is, or when that takes long.

        Raises:
            RunError: it, or an earlier row, could not be written.
        """
        with self._progress:
            self._late = self._late and self._written < self._taken
            self._taken += 1
            self._rows.put(row)
            if not self._late:
                self._late = not self._progress.wait_for(self._idle, GRACE_SECONDS)
            if self._failure is not None:
                self._told = True
                raise self._failure

    def close(self) -> None:
        """Returns when all is written.

        Raises:
            RunError: something could not be, unless ``append`` has said so.
        """
        self._rows.put(None)
        self._thread.join()
        try:
            self._lines.close()
        finally:
            if self._failure is not None and not self._told:
                raise self._failure

    def _idle(self) -> bool:
        return self._failure is not None or self._written == self._taken

    def _write(self) -> None:
        while (row := self._rows.get()) is not None:
            failure: BaseException | None = None
            try:
                self._lines.append(row)
            except BaseException as error:  # raised again in the thread that computes
                failure = error
            with self._progress:
                self._written += 1
                self._failure = failure
                self._progress.notify()
            if failure is not None:
                return
