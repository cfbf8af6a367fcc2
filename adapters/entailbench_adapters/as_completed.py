"""Works on many items at once and gives back results as they are known."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from .event_loop import EventLoopThread

__all__ = ["as_completed"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_completed(
    loop: EventLoopThread,
    work: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item],
    *,
    workers: int,
    grace: float,
    ends: Callable[[Result], Exception | None] = lambda result: None,
    on_end: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Yields ``await work(item)`` for every item, in the order in which they finish.

    The first failure stops the start of further items. Results of those already started are still waited for and
    yielded, for at most ``grace`` seconds; then the failure is raised. When the caller reads no further, what is in
    flight is cancelled.

    Args:
        loop: where ``work`` runs.
        work: a coroutine function. ``asyncio.CancelledError`` of its own stands for no result.
        items: what to work on.
        workers: how many at a time, at least 1.
        grace: seconds.
        ends: the failure that a result means although it is one; called in the loop, right when the result is known.
        on_end: called in the loop at the first failure.

    Raises:
        Exception: the first that ``work`` raised, or ``ends`` returned.
    """
    todo = iter(items)
    # None says that all workers have ended.
    done: queue.SimpleQueue[tuple[Result] | Exception | None] = queue.SimpleQueue()
    ended = False

    def end(failure: Exception) -> None:
        nonlocal ended
        done.put(failure)
        if not ended:
            ended = True
            on_end()

    async def worker() -> None:
        for item in todo:
            try:
                result = await work(item)
            except Exception as error:
                end(error)
            else:
                done.put((result,))
                if failure := ends(result):
                    end(failure)
            if ended:
                break

    async def all_workers() -> None:
        try:
            await asyncio.gather(*(worker() for _ in range(workers)), return_exceptions=True)
        finally:
            done.put(None)

    running = loop.start(all_workers())
    failure: Exception | None = None
    deadline = 0.0
    try:
        while True:
            try:
                outcome = done.get(timeout=None if failure is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if outcome is None:
                break
            if isinstance(outcome, Exception):
                if failure is None:
                    failure, deadline = outcome, time.monotonic() + grace
            else:
                yield outcome[0]
        if failure is not None:
            raise failure
    finally:
        running.cancel()
