"""Two ways to do the same work, timed in turns, so that a machine that others use slows both alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """One run."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all threads of this process; waiting in a loop counts."""


def timed(work: Callable[[], None], wait: Callable[[], None]) -> Timing:
    """Runs ``work``; ``wait`` returns when the device is done with what it was given."""
    gc.collect()
    wait()
    began, cpu = time.perf_counter(), time.process_time()
    work()
    wait()
    return Timing(time.perf_counter() - began, time.process_time() - cpu)


def in_turns(
    first: Callable[[], None], second: Callable[[], None], wait: Callable[[], None], *, pairs: int, until: float
) -> Iterator[tuple[Timing, Timing]]:
    """Yields up to ``pairs`` timings of both; who begins changes from pair to pair.

    Args:
        first: the work of one side.
        second: of the other.
        wait: see ``timed``.
        pairs: at most; at least one is made.
        until: no new pair is begun when ``time.monotonic()`` would probably pass this before it ends.
    """
    longest = 0.0
    for number in range(pairs):
        began = time.monotonic()
        if number and began + longest > until:
            return
        if number % 2:
            late = timed(second, wait)
            yield timed(first, wait), late
        else:
            early = timed(first, wait)
            yield early, timed(second, wait)
        longest = max(longest, time.monotonic() - began)


def median(values: list[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    return statistics.median(values)
