"""What servers say about when they want to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from entailbench_adapters.rate_headers import duration, retry_after, room_returns


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17ms", 0.017),
        ("1.5s", 1.5),
        ("6m0s", 360),
        ("1h2m3s", 3723),
        ("1d", 86400),
        (" 20 ", 20),
        ("0.25", 0.25),
        ("", None),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("5x", None),
        ("s", None),
    ],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    found = duration(text)
    assert found is None if seconds is None else found == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "1", "retry-after-ms": "17"}, 0.017),
        ({"retry-after-ms": "rubbish", "retry-after": "2"}, 2),
        ({"retry-after": "rubbish"}, None),
        ({"retry-after": "Fri, 27 Nov 2026 12:00:30 GMT", "date": "Fri, 27 Nov 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Fri, 27 Nov 2026 11:00:00 GMT", "date": "Fri, 27 Nov 2026 12:00:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers)
    assert found is None if seconds is None else found == pytest.approx(seconds)


def test_a_date_without_the_servers_clock_is_taken_against_ours() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after({"retry-after": soon}) == pytest.approx(100, abs=5)


def room(**headers: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        (room(remaining_requests="5", reset_requests="10s"), 0),
        (room(remaining_requests="0", reset_requests="10s"), 10),
        (room(remaining_requests="0", reset_requests="2s", remaining_tokens="0", reset_tokens="6m0s"), 360),
        (room(remaining_tokens="99", reset_tokens="1m"), 60),
        (room(remaining_tokens="100", reset_tokens="1m"), 0),
        (room(remaining_requests="0"), 0),
        (room(remaining_requests="-1", reset_requests="10s"), 0),  # Azure's way of saying that it does not count
        (room(remaining_requests="many", reset_requests="10s"), 0),
        (room(limit_tokens="50", remaining_tokens="50", reset_tokens="1m"), 0),  # it would never have room enough
    ],
)
def test_when_there_is_room_again(headers: dict[str, str], seconds: float) -> None:
    assert room_returns(headers, tokens=100) == pytest.approx(seconds)
