"""Runs a blocking function on many items at once and gives back results as they are known."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["as_completed"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_completed(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int, grace: float
) -> Iterator[Result]:
    """Yields ``work(item)`` for every item, in the order in which they finish.

    The first failure stops the start of further items. Results of those already started are still
    waited for and yielded, for at most ``grace`` seconds; then the failure is raised.

    The threads are daemons, unlike a ``ThreadPoolExecutor``'s: that one is joined when the
    interpreter exits, so that Ctrl-C would wait for every retry still going on.

    Args:
        work: called from several threads at a time.
        items: what to work on.
        workers: how many threads, at least 1.
        grace: seconds.

    Raises:
        Exception: the first that ``work`` raised.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        todo.put(item)
    # One entry per item, and None from each thread that ends.
    done: queue.SimpleQueue[tuple[Result] | Exception | None] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                break
            try:
                done.put((work(item),))
            except Exception as error:
                # Here rather than where it is read: the reader may be busy while others would start.
                stop.set()
                done.put(error)
        done.put(None)

    running = min(workers, todo.qsize())
    for _ in range(running):
        threading.Thread(target=run, daemon=True, name="entailbench-request").start()
    failure: Exception | None = None
    deadline = 0.0
    try:
        while running:
            try:
                outcome = done.get(timeout=None if failure is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if outcome is None:
                running -= 1
            elif isinstance(outcome, Exception):
                if failure is None:
                    failure, deadline = outcome, time.monotonic() + grace
            else:
                yield outcome[0]
        if failure is not None:
            raise failure
    finally:
        stop.set()
