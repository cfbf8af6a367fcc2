"""A server that lets in only so many requests: how long a run takes, and that nobody knocks in vain."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from entailbench import ModelError
from faulty_api import faulty_api
from faulty_rows import Open, ask, check_rows


def ideal(rows: int, rate: float, burst: int, closed: tuple[tuple[float, float], ...], latency: float) -> float:
    """Seconds that nobody can undercut: a client that knows the limit and the bursts of 429 beforehand."""
    now, level = 0.0, float(burst)
    for _ in range(rows):
        while True:
            shut = next((end for begin, end in closed if begin <= now < end), None)
            if shut is not None:
                now, level = shut, min(burst, level + (shut - now) * rate)
            elif level >= 1 - 1e-9:
                level -= 1
                break
            else:
                wait = (1 - level) / rate
                now, level = now + wait, level + wait * rate
    return now + latency


BURSTS = ((4.0, 5.0), (9.0, 10.0), (13.0, 13.5))


@pytest.mark.parametrize(
    ("rows", "rate", "burst", "closed", "latency", "counts", "most_times"),
    [
        # The start and the end weigh more in a short run, and so does a busy machine: the bound is looser.
        (240, 120, 60, ((1.0, 1.3),), 0.3, False, 1.8),
        pytest.param(1000, 60, 60, BURSTS, 1.0, False, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 60, BURSTS, 1.0, True, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 10, BURSTS, 1.0, False, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 60, (), 1.0, False, 1.2, marks=pytest.mark.soak),
    ],
)
def test_a_throttled_run_takes_little_longer_than_the_ideal(
    opened: Open,
    rows: int,
    rate: float,
    burst: int,
    closed: tuple[tuple[float, float], ...],
    latency: float,
    counts: bool,
    most_times: float,
) -> None:
    best = ideal(rows, rate, burst, closed, latency)
    with faulty_api(latency=latency, rate=rate, burst=burst, closed=closed, counts=counts) as api:
        model = opened(api)
        began = time.monotonic()
        answers = ask(model, rows)
        taken = time.monotonic() - began
    print(f"{taken:.2f} s, ideal {best:.2f} s, {taken / best:.3f} times")
    check_rows(api, answers)
    assert all(answer.outcome == "answered" for answer in answers.values())
    refused = sum(seen.status == 429 for seen in api.seen())
    assert bool(closed) <= bool(refused)
    assert refused < rows / 10
    assert taken <= most_times * best, f"{taken:.2f} s, ideal {best:.2f} s"


def test_nothing_is_sent_while_the_server_wants_to_be_left_alone(opened: Open) -> None:
    told: list[str] = []
    with faulty_api(closed=((0.0, 6.0),)) as api:
        answers = ask(opened(api, notify=told.append), 30)
    assert all(answer.outcome == "answered" for answer in answers.values())
    late = [seen.at for seen in api.seen() if seen.status == 429 and seen.at > 1.0]
    assert late == []
    assert sum("(429): Rate limit reached; going on in 6 s" in message for message in told) == 1


def test_a_refused_row_is_not_given_up_early(opened: Open) -> None:
    """Many more refusals than attempts: they do not count."""
    with faulty_api(rate=40, burst=1, says_when=False) as api:
        answers = ask(opened(api, max_retries=1), 60)
    assert all(answer.outcome == "answered" for answer in answers.values())
    times = Counter(seen.question for seen in api.seen())
    assert max(times.values()) >= 2


def test_a_wait_without_end_ends_the_run(opened: Open) -> None:
    with (
        faulty_api(closed=((0.0, 3600.0),)) as api,
        pytest.raises(ModelError, match=r"it asks to wait 3,6\d\d s, and max_wait is 600 s") as caught,
    ):
        ask(opened(api), 30)
    assert "(429)" in str(caught.value)
    assert len(api.seen()) <= 16
