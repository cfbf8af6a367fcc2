"""Keeps credentials out of what is printed: messages, logs, tracebacks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

__all__ = ["HIDDEN", "redact"]

HIDDEN = "[redacted]"

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
_URL_USER = re.compile(r"(?<=://)[^/\s@]+@")
_URL_QUERY = re.compile(r"(?<=[?&])([\w.-]+)=[^&\s'\"]+")
_SHORTEST_SECRET = 6
"""Shorter values of environment variables are flags, and words of the message would be lost with them."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, the values of key-like environment variables, and credentials in URLs."""
    from_environment = (value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name))
    hidden = {secret.strip() for secret in secrets} | {
        value.strip() for value in from_environment if len(value.strip()) >= _SHORTEST_SECRET
    }
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _URL_QUERY.sub(rf"\1={HIDDEN}", _URL_USER.sub("", text))
