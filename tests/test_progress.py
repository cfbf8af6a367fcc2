"""What a run shows on standard error: on a terminal, in a file, of several models at a time."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import termios
import threading

import pytest

from entailbench.commands import progress
from entailbench.commands.progress import LINE_SECONDS, TerminalObserver


class Terminal:
    """Standard error is a terminal; keeps what was written to it."""

    def __init__(self) -> None:
        self.shown = b""
        self._looked_at, written = pty.openpty()
        termios.tcsetwinsize(written, (24, 120))
        self.stream = os.fdopen(written, "w", encoding="utf-8", buffering=1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> str:
        self.stream.close()
        self._reader.join(10)
        os.close(self._looked_at)
        return self.shown.decode()

    def _read(self) -> None:
        # The system says that nobody writes any more by an error.
        with contextlib.suppress(OSError):
            while piece := os.read(self._looked_at, 4096):
                self.shown += piece


def answer(observer: TerminalObserver, model: str, rows: int, task: str = "puzzte") -> None:
    observer.start(model, task, rows)
    for _ in range(rows):
        observer.advance(model)
    observer.finish(model)


def test_bars_of_two_models_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    observer = TerminalObserver()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal.stream)
        observer.start("gpt35", "puzzte", 40)
        other = threading.Thread(target=answer, args=(observer, "base", 30))
        other.start()
        for _ in range(20):
            observer.advance("gpt35")
        observer.notify("gpt35: waiting 5 s")
        other.join()
        for _ in range(20):
            observer.advance("gpt35")
        observer.finish("gpt35")
        observer.notify("computing intervals")
    shown = terminal.close()
    lines = [line.split("\r")[-1] for line in shown.replace("\x1b[A", "").replace("\r\n", "\n").split("\n")]
    assert any(line.startswith("gpt35: waiting 5 s") for line in lines)
    assert lines[-2] == "computing intervals"
    assert "40/40" in shown
    assert "30/30" in shown


def test_lines_of_two_models_in_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = 100.0
    monkeypatch.setattr(progress, "_clock", lambda: clock)
    observer = TerminalObserver()
    observer.start("gpt35", "puzzte", 40)
    observer.start("base", "puzzte", 1000)
    for _ in range(10):
        observer.advance("gpt35")
    assert capsys.readouterr().err == ""
    clock += LINE_SECONDS
    observer.advance("gpt35")
    observer.advance("gpt35")
    observer.notify("opening lora")
    observer.advance("base")
    clock += 2
    answer(observer, "lora", 3)
    for _ in range(28):
        observer.advance("gpt35")
    observer.finish("gpt35")
    observer.finish("base")
    observer.finish("base")
    assert capsys.readouterr().err.splitlines() == [
        "gpt35 · puzzte: 11 of 40 rows in 30 s (0.37 rows/s), about 79 s left",
        "opening lora",
        "base · puzzte: 1 of 1,000 rows in 30 s (0.03 rows/s), about 29,970 s left",
        "lora · puzzte: 3 of 3 rows",
        "gpt35 · puzzte: 40 of 40 rows in 32 s (1.25 rows/s)",
        "base · puzzte: 1 of 1,000 rows in 32 s (0.03 rows/s)",
    ]


def test_a_second_question_of_the_same_task(capsys: pytest.CaptureFixture[str]) -> None:
    observer = TerminalObserver()
    observer.start("base", "puzzte", 2)
    answer(observer, "base", 3)
    assert [line.partition(" rows")[0] for line in capsys.readouterr().err.splitlines()] == [
        "base · puzzte: 0 of 2",
        "base · puzzte: 3 of 3",
    ]
