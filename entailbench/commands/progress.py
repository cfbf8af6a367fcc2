"""Progress on standard error: bars on a terminal, now and then a line where it goes to a file."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Protocol

from tqdm import tqdm

from entailbench.terminal import echo, harmless

__all__ = ["LINE_SECONDS", "TerminalObserver", "say"]

LINE_SECONDS = 30.0
"""Between two lines about the same model, where there are no bars."""


def say(message: str) -> None:
    """One line about a wait."""
    echo(message, err=True)


class TerminalObserver:
    """How far each model is, with rate and remaining time; several may be at work, from several threads."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def notify(self, message: str) -> None:
        """Prints the message above the bars."""
        if self._shown and sys.stderr.isatty():
            tqdm.write(harmless(message), file=sys.stderr)
        else:
            say(message)

    def start(self, model: str, task: str, rows: int) -> None:
        """Begins to show a model's progress with a task."""
        self.finish(model)  # a task may put several questions
        title = harmless(f"{model} · {task}")
        if sys.stderr.isatty():
            self._shown[model] = tqdm(total=rows, desc=title, unit="row", file=sys.stderr, mininterval=0.5)
        else:
            self._shown[model] = _Lines(title, rows)

    def advance(self, model: str) -> None:
        """One row further."""
        if (shown := self._shown.get(model)) is not None:
            shown.update()

    def finish(self, model: str) -> None:
        """Shows no more of it."""
        if (shown := self._shown.pop(model, None)) is not None:
            shown.close()


_clock = time.monotonic


class _Shown(Protocol):
    """A bar, or what stands for it."""

    def update(self) -> Any:
        """One row further."""

    def close(self) -> Any:
        """The end."""


class _Lines:
    """Whole lines, since bars that redraw themselves make a file unreadable, the more so two of them at a time."""

    def __init__(self, title: str, rows: int) -> None:
        self._title = title
        self._rows = rows
        self._done = 0
        self._began = self._told = _clock()
        self._lock = threading.Lock()

    def update(self) -> None:
        with self._lock:
            self._done += 1
            due = _clock() - self._told >= LINE_SECONDS and self._done < self._rows
            if due:
                self._told = _clock()
                left = (self._rows - self._done) * self._seconds() / self._done
                say(f"{self._so_far()}, about {left:,.0f} s left")

    def close(self) -> None:
        say(self._so_far())

    def _seconds(self) -> float:
        return _clock() - self._began

    def _so_far(self) -> str:
        took = self._seconds()
        pace = f" in {took:,.0f} s ({self._done / took:,.2f} rows/s)" if took > 0 else ""
        return f"{self._title}: {self._done:,} of {self._rows:,} rows{pace}"
