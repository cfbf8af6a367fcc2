"""What a server says in its headers about when it wants to be asked again."""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["duration", "retry_after", "room_returns"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"
_PARTS = re.compile(f"(?:{_PART})+")


def duration(text: str | None) -> float | None:
    """Seconds of ``"6m0s"``, ``"17ms"``, ``"1.5"``; None where it is none of that."""
    text = (text or "").strip().lower()
    if _PARTS.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or as a date.

    A date is taken against the server's own ``Date``, where it says one: the clock of this machine may be wrong.

    Args:
        headers: with names in lower case, or a mapping that does not care.
    """
    if (milliseconds := duration(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    if (seconds := duration(said)) is not None:
        return seconds
    until = _moment(said)
    if until is None:
        return None
    return max(0.0, (until - (_moment(headers.get("date")) or datetime.now(UTC))).total_seconds())


def room_returns(headers: Mapping[str, str], tokens: int = 1) -> float:
    """Seconds, from when the request was sent, until the server has room for another; 0 where it has now.

    Read are ``x-ratelimit-remaining-requests`` and ``-tokens`` with their ``x-ratelimit-reset-…``. Servers that do not
    count send -1, or nothing.

    Args:
        headers: see ``retry_after``.
        tokens: what the next request may take.
    """
    waits = [0.0]
    for kind, needed in (("requests", 1), ("tokens", tokens)):
        left = _count(headers.get(f"x-ratelimit-remaining-{kind}"))
        whole = _count(headers.get(f"x-ratelimit-limit-{kind}"))
        if left is None or left < 0 or (whole is not None and whole < needed):
            continue
        if left < needed:
            waits.append(duration(headers.get(f"x-ratelimit-reset-{kind}")) or 0.0)
    return max(waits)


def _count(text: str | None) -> int | None:
    try:
        return int((text or "").strip())
    except ValueError:
        return None


def _moment(text: str | None) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
