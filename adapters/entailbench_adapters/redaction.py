"""Keeps credentials out of every message, record and file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

__all__ = ["describe", "one_line", "public_url", "redact", "url_problem"]

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
_URL_USER = re.compile(r"(?<=://)[^/\s@]+@")
_URL_QUERY = re.compile(r"(?<=[?&])([\w.-]+)=[^&\s'\"]+")

_SHORTEST_SECRET = 6
"""Shorter values of environment variables are flags, and words of the message would be lost with them."""


def url_problem(url: str) -> str | None:
    """What keeps ``url`` from being an HTTP endpoint, or None; the answer does not repeat its credentials."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return "it must start with http:// or https://"
        if any(character.isspace() for character in url):
            return "there is white space in it"
        if not parts.hostname:
            return "it names no host"
        _ = parts.port
    except ValueError as error:
        return str(error)
    return None


def public_url(url: str) -> str:
    """``scheme://host[:port]/path``: without user, password, query and fragment, where keys travel."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a malformed URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, the values of key-like environment variables, and credentials in URLs."""
    from_environment = (value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name))
    hidden = {secret.strip() for secret in secrets} | {
        value.strip() for value in from_environment if len(value.strip()) >= _SHORTEST_SECRET
    }
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return _URL_QUERY.sub(r"\1=[redacted]", _URL_USER.sub("", text))


def one_line(text: str, limit: int = 300) -> str:
    """``text`` on one line, without control characters, cut after ``limit`` characters."""
    # A server's words are untrusted: an escape sequence must not reach the terminal.
    flat = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def describe(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """An exception of somebody else's code as one line that may be shown."""
    text = one_line(redact(str(error), secrets))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
