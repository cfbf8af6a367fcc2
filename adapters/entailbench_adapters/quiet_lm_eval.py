"""Runs lm-eval's code without its progress bars and without anything on stdout."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

from entailbench import harmless

__all__ = ["without_bars", "without_stdout"]


class _BarFilter(io.TextIOBase):
    """Passes text on, apart from what a progress bar writes: its line, and the moves to the line it stands on.

    Not every model of lm-eval takes ``disable_tqdm``, and those that do not all obey it.
    """

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._in_line = False

    def write(self, text: str) -> int:
        bar = text.startswith("\r") or "\x1b[A" in text
        # A bar moves down, and leaves its line, with newlines of their own: they end no line of text.
        if not bar and (text.strip("\n") or self._in_line):
            self._target.write(harmless(text))
            self._in_line = not text.endswith("\n")
        return len(text)

    def flush(self) -> None:
        self._target.flush()


@contextlib.contextmanager
def without_stdout() -> Iterator[None]:
    """What is printed goes to stderr: stdout carries the caller's result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """``without_stdout``, and no progress bars on stderr; warnings are kept."""
    with contextlib.redirect_stderr(_BarFilter(sys.stderr)), without_stdout():
        yield
