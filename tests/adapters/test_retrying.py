"""When a failed request is sent again: waits that no clock of a test has to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from entailbench_adapters.openai_failures import Failure, RequestFailed
from entailbench_adapters.retrying import retrying
from virtual_time import run_virtually

BROKEN = Failure("broken", "again")
REFUSED = Failure("refused", "again", refused=True)


def times(failures: Sequence[Failure | None], **options: float) -> list[float]:
    """Seconds at which a request was sent that fails with these in turn; the last one for ever. None is an answer."""
    sent: list[float] = []

    async def attempt() -> None:
        sent.append(asyncio.get_running_loop().time())
        failure = failures[min(len(sent), len(failures)) - 1]
        if failure is not None:
            raise RequestFailed(failure)

    async def tried() -> None:
        given = {"retries": 6, "backoff": 0.5, "max_wait": 600.0, **options}
        await retrying(stopping=asyncio.Event(), **given)(attempt)  # type: ignore[arg-type]

    if failures[-1] is None:
        run_virtually(tried())
        return sent
    with pytest.raises(RequestFailed) as caught:
        run_virtually(tried())
    assert caught.value.failure == failures[-1]
    return sent


@pytest.mark.parametrize("turn", range(20))
def test_a_row_outlives_half_of_all_its_backoffs(turn: int) -> None:
    sent = times([BROKEN])
    assert len(sent) == 7
    assert 15.75 <= sent[-1] <= 31.5
    waits = [later - earlier for earlier, later in pairwise(sent)]
    for place, wait in enumerate(waits):
        assert 0.25 * 2**place <= wait <= 0.5 * 2**place


def test_no_wait_is_longer_than_half_a_minute() -> None:
    sent = times([BROKEN], retries=12)
    assert max(later - earlier for earlier, later in pairwise(sent)) <= 30.0


def test_what_the_server_asks_for_is_waited() -> None:
    sent = times([Failure("busy", "again", wait=7.0), Failure("busy", "again", wait=90.0), None])
    assert sent == pytest.approx([0.0, 7.0, 97.0])


def test_refusals_are_no_attempts_and_make_no_wait_longer() -> None:
    sent = times([*[REFUSED] * 50, BROKEN, None], retries=1)
    assert len(sent) == 52
    assert 0.25 <= sent[-1] <= 0.5


def test_without_retries_nothing_is_asked_twice() -> None:
    assert len(times([REFUSED], retries=0)) == 1
    assert len(times([BROKEN], retries=0)) == 1


def test_what_would_be_the_same_again_is_not_asked_again() -> None:
    assert len(times([Failure("no", "give up")])) == 1
    assert len(times([Failure("no", "stop")])) == 1


def test_who_is_told_to_stop_does_not_wait() -> None:
    async def tried() -> float:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(3.0, stopping.set)

        async def attempt() -> None:
            raise RequestFailed(Failure("busy", "again", wait=500.0))

        with pytest.raises(RequestFailed):
            await retrying(retries=5, backoff=0.5, max_wait=600.0, stopping=stopping)(attempt)
        return loop.time()

    assert run_virtually(tried())[0] == pytest.approx(3.0)
