"""Writes answers in a thread of its own, so that no disk keeps the model waiting that computes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["WritingBehind"]


class Lines(Protocol):
    """A file that takes rows: ``run_directory.PredictionsFile``."""

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes one row."""

    def close(self) -> None:
        """Closes the file."""


class WritingBehind:
    """Takes rows at once and writes them in their order, usually before the next one comes.

    Args:
        lines: written to by one thread, and closed with this.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._rows: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._told = False
        self._thread = threading.Thread(target=self._write, daemon=True, name="entailbench-writing")
        self._thread.start()

    def append(self, row: Mapping[str, Any]) -> None:
        """Has the row written.

        Raises:
            RunError: an earlier row could not be written.
        """
        if self._failure is not None:
            self._told = True
            raise self._failure
        self._rows.put(row)

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

    def _write(self) -> None:
        while (row := self._rows.get()) is not None:
            try:
                self._lines.append(row)
            except BaseException as error:  # raised again in the thread that computes
                self._failure = error
                return
