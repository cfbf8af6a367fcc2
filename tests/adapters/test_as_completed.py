"""Many coroutines at a time in a loop of their own, and their results as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from entailbench import ModelError
from entailbench_adapters.as_completed import as_completed
from entailbench_adapters.event_loop import EventLoopThread


@pytest.fixture
def loop() -> Iterator[EventLoopThread]:
    made = EventLoopThread("test-loop")
    yield made
    made.close()


def test_results_come_as_they_finish(loop: EventLoopThread) -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(0.05 * item)
        return item

    assert list(as_completed(loop, work, [3, 1, 2], workers=3, grace=1)) == [1, 2, 3]
    assert list(as_completed(loop, work, [], workers=3, grace=1)) == []


def test_nobody_starts_more_than_the_workers(loop: EventLoopThread) -> None:
    running = most = 0

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return item

    assert sorted(as_completed(loop, work, range(50), workers=4, grace=1)) == list(range(50))
    assert most <= 4


def test_nobody_asks_on_after_the_reader_has_left(loop: EventLoopThread) -> None:
    started: list[int] = []
    cancelled = asyncio.Event()

    async def work(item: int) -> int:
        started.append(item)
        if item:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return item

    stream = as_completed(loop, work, range(100), workers=1, grace=1)
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    loop.start(asyncio.wait_for(cancelled.wait(), 30)).result(30)
    assert started == [0, 1]


def test_a_failure_waits_for_what_is_in_flight_and_starts_no_more(loop: EventLoopThread) -> None:
    started: list[int] = []

    async def work(item: int) -> int:
        started.append(item)
        if item == 0:
            await asyncio.sleep(0.05)
            raise ModelError("no")
        await asyncio.sleep(0.2)
        return item

    got: list[int] = []
    with pytest.raises(ModelError, match="no"):
        got.extend(as_completed(loop, work, range(9), workers=3, grace=10))
    assert got == [1, 2]
    assert started == [0, 1, 2]


def test_a_failure_does_not_wait_forever(loop: EventLoopThread) -> None:
    async def work(item: int) -> int:
        if item == 0:
            raise ModelError("no")
        await asyncio.sleep(3600)
        return item

    begin = time.monotonic()
    with pytest.raises(ModelError, match="no"):
        list(as_completed(loop, work, range(2), workers=2, grace=0.05))
    assert time.monotonic() - begin < 10


def test_a_result_may_end_it_all_and_is_kept(loop: EventLoopThread) -> None:
    ended: list[str] = []

    async def work(item: int) -> int:
        return item

    got: list[int] = []
    stream = as_completed(
        loop,
        work,
        range(100),
        workers=1,
        grace=1,
        ends=lambda result: ModelError("three") if result == 3 else None,
        on_end=lambda: ended.append("once"),
    )
    with pytest.raises(ModelError, match="three"):
        got.extend(stream)
    assert got == [0, 1, 2, 3]
    assert ended == ["once"]


def test_closing_cancels_what_still_runs() -> None:
    made = EventLoopThread("test-loop")
    future = made.start(asyncio.sleep(3600))
    made.close()
    assert future.cancelled()
    assert made.loop.is_closed()
    made.close()  # twice is no error
