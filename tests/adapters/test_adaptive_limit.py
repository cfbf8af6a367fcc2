"""How many requests are in flight, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from entailbench_adapters.adaptive_limit import DECREASE, START, AdaptiveLimit, Pass
from virtual_time import run_virtually

Refuse = Callable[[float], float | None]
"""The moment at which a request arrives → seconds that the server asks to wait; None lets it in."""


@dataclass
class Told:
    """What happened."""

    admitted: Counter[int] = field(default_factory=Counter)
    """By second."""
    refused: Counter[int] = field(default_factory=Counter)
    limits: dict[int, int] = field(default_factory=dict)
    """The last limit of each second."""
    most: int = 0
    """Requests in flight."""


async def serve(rows: int, most: int, latency: Callable[[int], float], refuse: Refuse, says: bool = True) -> Told:
    """Asks ``rows`` times, each until it is answered. ``latency`` is of the number of requests in flight."""
    loop = asyncio.get_running_loop()
    limit = AdaptiveLimit(most, loop.time)
    told = Told()
    todo = iter(range(rows))

    async def worker() -> None:
        for _ in todo:
            again = False
            while True:
                passed = await limit.enter(again=again)
                second = int(loop.time())
                told.most = max(told.most, limit.running)
                try:
                    wait = refuse(loop.time())
                    if wait is None:
                        told.admitted[second] += 1
                        await asyncio.sleep(latency(limit.running))
                        limit.answered(passed)
                        break
                    told.refused[second] += 1
                    limit.refused(passed, wait if says else None)
                    again = True
                finally:
                    limit.leave()
                    told.limits[second] = limit.limit

    await asyncio.gather(*(worker() for _ in range(most)))
    assert limit.running == 0
    return told


def bucket(rate: float, burst: int, closed: tuple[tuple[float, float], ...] = ()) -> Refuse:
    """A token bucket that is shut at times."""
    level, filled = float(burst), 0.0

    def refuse(now: float) -> float | None:
        nonlocal level, filled
        level, filled = min(burst, level + (now - filled) * rate), now
        for begin, end in closed:
            if begin <= now < end:
                return end - now
        if level < 1:
            return (1 - level) / rate
        level -= 1
        return None

    return refuse


def test_without_complaints_it_doubles_with_each_round_up_to_the_most() -> None:
    told, seconds = run_virtually(serve(400, 100, lambda running: 1.0, lambda now: None))
    assert [told.admitted[second] for second in range(4)] == [START, 2 * START, 4 * START, 100]
    assert told.most == 100
    assert seconds < 8


def test_a_complaint_takes_a_part_and_answers_give_it_back_by_steps() -> None:
    complained = False

    def refuse(now: float) -> float | None:
        nonlocal complained
        if now >= 3.5 and not complained:
            complained = True
            return 0.0
        return None

    told, _ = run_virtually(serve(2000, 500, lambda running: 1.0, refuse))
    reached = 4 * START + 64  # doubling, until half of the fourth round was answered
    assert told.limits[3] <= DECREASE * 2 * reached
    grown = [told.limits[second + 1] - told.limits[second] for second in range(4, 8)]
    # Additive: the same for each round, and not more with a higher limit.
    assert max(grown) - min(grown) <= 2, grown
    assert told.limits[3] / 5 < grown[0] < told.limits[3] / 2


def test_complaints_of_one_round_count_once() -> None:
    async def refuse_all() -> int:
        loop = asyncio.get_running_loop()
        limit = AdaptiveLimit(START, loop.time)
        passes = [await limit.enter() for _ in range(START)]
        await asyncio.sleep(0.1)
        for passed in passes:
            limit.refused(passed, 0.0)
        return limit.limit

    limit, _ = run_virtually(refuse_all())
    assert limit == int(DECREASE * START)


def test_nothing_is_sent_before_the_server_wants_it() -> None:
    told, seconds = run_virtually(serve(100, 50, lambda running: 0.5, lambda now: 30.0 if now < 1 else None))
    assert sum(told.refused.values()) <= START
    # Between the first refusal and the end of the wait that it asked for.
    assert not any(told.admitted[second] or told.refused[second] for second in range(2, 30))
    assert 30 <= seconds < 40


def test_a_server_that_does_not_say_how_long_is_left_alone_longer_and_longer() -> None:
    random.seed(3)
    told, _ = run_virtually(serve(40, 20, lambda running: 0.5, lambda now: 1.0 if now < 20 else None, says=False))
    # One try at a time, and pauses that double: a handful of rounds, not thousands of requests.
    assert sum(told.refused.values()) < 60


@pytest.mark.parametrize(
    ("burst", "closed", "most_times"),
    [
        (60, (), 1.2),
        (60, ((4.0, 5.0), (9.0, 10.0), (13.0, 13.5)), 1.2),
        (10, ((4.0, 5.0), (9.0, 10.0), (13.0, 13.5)), 1.25),
        (1, (), 1.7),  # a server that takes no two requests at once
    ],
)
def test_a_limited_server_is_used_nearly_to_its_limit(
    burst: int, closed: tuple[tuple[float, float], ...], most_times: float
) -> None:
    random.seed(0)
    told, seconds = run_virtually(serve(1000, 128, lambda running: 1.0, bucket(60, burst, closed)))
    shut = 0.0 if burst == 60 else sum(end - begin for begin, end in closed) - len(closed) * burst / 60
    ideal = (1000 - burst) / 60 + max(0.0, shut) + 1
    assert seconds <= most_times * ideal, seconds / ideal
    assert sum(told.refused.values()) < 100


def test_a_server_that_answers_one_at_a_time_is_not_flooded() -> None:
    """More requests would only wait there, until they time out."""
    told, _ = run_virtually(serve(300, 128, lambda running: 0.2 * running, lambda now: None))
    assert told.most <= 3 * START


def test_first_come_first_served_but_for_who_was_refused() -> None:
    async def order() -> list[str]:
        limit = AdaptiveLimit(1, asyncio.get_running_loop().time)
        served: list[str] = []

        async def ask(name: str, again: bool = False) -> None:
            await limit.enter(again=again)
            served.append(name)
            await asyncio.sleep(1)
            limit.leave()

        tasks = []
        for name, again in (("a", False), ("b", False), ("c", False), ("refused", True)):
            tasks.append(asyncio.create_task(ask(name, again)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
        return served

    assert run_virtually(order())[0] == ["a", "refused", "b", "c"]


def test_who_is_cancelled_takes_no_place() -> None:
    async def cancel() -> int:
        limit = AdaptiveLimit(1, asyncio.get_running_loop().time)
        await limit.enter()
        waiting = [asyncio.create_task(limit.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limit.leave()
        waiting[1].cancel()  # just when it was let through
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(done[2], Pass)
        limit.leave()
        return limit.running

    assert run_virtually(cancel())[0] == 0


def test_when_it_is_shut_all_who_wait_are_cancelled() -> None:
    async def shut() -> list[object]:
        limit = AdaptiveLimit(1, asyncio.get_running_loop().time)
        await limit.enter()
        waiting = [asyncio.create_task(limit.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        limit.shut()
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    assert [type(one) for one in run_virtually(shut())[0]] == [asyncio.CancelledError] * 3
