"""Makes chunks of puzzles on all cores; what comes out does not depend on how many there are."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from entailbench.errors import ConfigError, RunError
from entailbench.logic.generator.chunks import ERROR, Chunk, PuzzleLines

__all__ = ["cores", "make_chunks"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_chunks(
    chunks: Sequence[Chunk], processes: int, advance: Callable[[int], None] = lambda rows: None
) -> list[list[PuzzleLines]]:
    """The puzzles of each chunk, in the order of ``chunks``.

    Args:
        chunks: what to make.
        processes: how many at a time, > 0.
        advance: told how many rows were finished, by one thread at a time.

    Raises:
        ConfigError: a chunk wants more puzzles than there are.
        RunError: a process ended before its work was done.
    """
    count = max(1, min(processes, len(chunks)))
    workers = [_Worker() for _ in range(count)]
    free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    telling = threading.Lock()
    for worker in workers:
        free.put(worker)

    def make(chunk: Chunk) -> list[PuzzleLines]:
        worker = free.get()
        try:
            made = worker.make(chunk)
        finally:
            free.put(worker)
        with telling:
            advance(sum(len(rows) for _, rows in made))
        return made

    pool = ThreadPoolExecutor(count)
    try:
        return list(pool.map(make, chunks))
    finally:
        # The processes first: a thread waits for its process, and the pool for its threads.
        for worker in workers:
            worker.stop()
        pool.shutdown(cancel_futures=True)


class _Worker:
    """A process that makes one chunk after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "entailbench.logic.generator.chunks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
        )

    def make(self, chunk: Chunk) -> list[PuzzleLines]:
        requests, answers = self._pipes()
        try:
            requests.write(chunk.to_json() + "\n")
            requests.flush()
        except OSError as error:
            raise self._ended() from error
        puzzles: dict[str, list[str]] = {}
        for line in answers:
            if line == "\n":
                return [(key, tuple(rows)) for key, rows in puzzles.items()]
            if line.startswith(ERROR):
                raise ConfigError(json.loads(line.removeprefix(ERROR)))
            key, row = line.rstrip("\n").split("\t", 1)
            puzzles.setdefault(key, []).append(row)
        raise self._ended()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        for pipe in self._pipes():
            with contextlib.suppress(OSError):  # a request that it never took cannot be flushed any more
                pipe.close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a worker is started with pipes")
        return self._process.stdin, self._process.stdout

    def _ended(self) -> RunError:
        return RunError(f"a process that generates puzzles ended early (exit status {self._process.wait()})")
