"""When a failed request is sent again, and when that has no end: tenacity with what servers say."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from .openai_failures import Failure, RequestFailed

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

__all__ = ["retrying"]

LONGEST_BACKOFF = 30.0
"""Seconds between two attempts, at most, where the server does not say how long."""


def retrying(*, retries: int, backoff: float, max_wait: float, stopping: asyncio.Event) -> AsyncRetrying:
    """Calls a coroutine function until it does not raise ``RequestFailed``, or that says not to try again.

    The last ``RequestFailed`` is raised. The backoff doubles, and its jitter is equal (Brooker, "Exponential backoff
    and jitter", AWS Architecture Blog, 2015): at least half of it is waited, so that a row outlives any storm that is
    shorter than half of all its backoffs together. With full jitter some rows of many would always come back too
    early; that they do not come back all at once is the limit's to see to.

    Args:
        retries: further attempts after failures; refusals (429) do not count, unless this is 0.
        backoff: seconds of the first backoff.
        max_wait: seconds after which a row that is still refused is given up.
        stopping: when it is set, nothing is tried again.
    """
    from tenacity import AsyncRetrying, retry_if_exception

    failures = 0

    def wait(state: RetryCallState) -> float:
        failure = _failure(state)
        if failure.refused:
            return 0.0  # nothing is sent before the server wants it: that is the limit's to see to
        if failure.wait is not None:
            return failure.wait
        # Refusals do not make it longer. ``stop`` has yet to count this failure.
        return random.uniform(0.5, 1.0) * min(LONGEST_BACKOFF, backoff * 2.0 ** min(failures, 16))

    def stop(state: RetryCallState) -> bool:
        nonlocal failures
        refused = _failure(state).refused
        failures += not refused
        waited = state.seconds_since_start or 0.0
        return stopping.is_set() or retries == 0 or failures > retries or (refused and waited > max_wait)

    async def sleep(seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), seconds)

    return AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, RequestFailed) and error.failure.then == "again"),
        stop=stop,
        wait=wait,
        sleep=sleep,
        reraise=True,
    )


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RequestFailed):
        raise TypeError("only failed requests are tried again")
    return error.failure
