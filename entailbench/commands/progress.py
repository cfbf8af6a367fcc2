"""Progress on standard error."""

from __future__ import annotations

import sys
from typing import Any

import click
from tqdm import tqdm

__all__ = ["TerminalObserver", "say"]


def say(message: str) -> None:
    """One line about a wait."""
    click.echo(message, err=True)


class TerminalObserver:
    """A bar with rate and remaining time per model and task."""

    def __init__(self) -> None:
        self._bar: Any = None

    def notify(self, message: str) -> None:
        """Prints the message above the bar."""
        if self._bar is not None:
            self._bar.clear()
        say(message)

    def start(self, model: str, task: str, rows: int) -> None:
        """Begins a bar."""
        self._bar = tqdm(total=rows, desc=f"{model} · {task}", unit="row", file=sys.stderr, mininterval=0.5)

    def advance(self) -> None:
        """One row further."""
        if self._bar is not None:
            self._bar.update()

    def finish(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
