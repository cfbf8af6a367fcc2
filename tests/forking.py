"""Real ``entailbench`` processes that start in no time: forked from one that has imported everything and done nothing.

A test of kills needs many of them. In a test::

    with Forks() as forks:
        process = forks.start(["run", "--models", "tiny"], folder)
        process.kill(signal.SIGKILL)
        assert process.wait().code == -signal.SIGKILL

By itself (``python tests/forking.py``) this module is the process that is forked from.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

IMPORTED = (
    *("torch", "transformers", "peft", "lm_eval.evaluator", "lm_eval.tasks", "lm_eval.loggers", "datasets", "openai"),
    *("sklearn.pipeline", "scipy.stats", "statsmodels.api", "matplotlib", "tabulate", "z3"),
    *("entailbench.runner", "entailbench.report.page", "entailbench.report.text", "entailbench.commands.progress"),
    *("entailbench_adapters.causal_lm", "entailbench_adapters.openai_model"),
)


@dataclass(frozen=True)
class Ended:
    """A process that ended."""

    code: int
    """Its exit code; negative for a signal."""
    out: str
    err: str


class Forked:
    """A process at work."""

    def __init__(self, pid: int, out: Path, err: Path, ended: Sequence[int], end: threading.Event) -> None:
        self.pid = pid
        self._out = out
        self._err = err
        self._code = ended
        self._end = end

    @property
    def running(self) -> bool:
        return not self._end.is_set()

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal; to no other process, since the number of one that ended may be given again."""
        if self.running:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 120.0) -> Ended:
        """Until it ends."""
        if not self._end.wait(seconds):
            os.kill(self.pid, signal.SIGKILL)
            raise TimeoutError(self._err.read_text("utf-8", "replace"))
        return Ended(self._code[0], self._out.read_text("utf-8", "replace"), self._err.read_text("utf-8", "replace"))


class Forks:
    """The process that is forked from, for the length of a ``with`` block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._count = 0
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[list[int], threading.Event]] = {}
        self._started: list[int] = []
        self._news = threading.Condition()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def start(self, arguments: Sequence[str], folder: Path, prelude: str = "", **environment: str) -> Forked:
        """Starts ``entailbench`` with ``arguments`` in ``folder``; ``prelude`` is Python that runs before it."""
        with self._lock:
            self._count += 1
            out, err = (folder / f".{self._count}.{name}" for name in ("stdout", "stderr"))
            # Here, since a process may be killed before it could make them.
            out.touch()
            err.touch()
            request = {
                "arguments": list(arguments),
                "folder": str(folder),
                "out": str(out),
                "err": str(err),
                "prelude": prelude,
                "environment": environment,
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            with self._news:
                assert self._news.wait_for(lambda: self._started, 60)
                pid = self._started.pop()
            code, end = self._waiting[pid]
            return Forked(pid, out, err, code, end)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._news:
                if "started" in said:
                    self._waiting[said["started"]] = ([], threading.Event())
                    self._started.append(said["started"])
                    self._news.notify()
                else:
                    code, end = self._waiting[said["ended"]]
                    code.append(said["code"])
                    end.set()


def _serve() -> None:
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    lock = threading.Lock()

    def say(**facts: int) -> None:
        with lock:
            os.write(1, (json.dumps(facts) + "\n").encode())

    children: set[int] = set()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    os.write(1, b"ready\n")
    import select

    buffer = b""
    while True:
        ready, _, _ = select.select([0, read], [], [])
        if read in ready:
            os.read(read, 4096)
            for pid in list(children):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    children.remove(pid)
                    say(ended=pid, code=os.waitstatus_to_exitcode(status))
        if 0 in ready:
            got = os.read(0, 65536)
            if not got:
                return
            buffer += got
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _become(json.loads(line))
                children.add(pid)
                say(started=pid)


def _become(request: Mapping[str, object]) -> None:
    os.chdir(str(request["folder"]))
    os.environ.update(request["environment"])  # type: ignore[arg-type, call-overload]
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(str(request[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    exec(str(request["prelude"]), {})
    from entailbench.cli import main

    main(list(request["arguments"]))  # type: ignore[call-overload]


if __name__ == "__main__":
    _serve()
