"""Keeps credentials out of every message, record and file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from entailbench import HIDDEN, redact

__all__ = [
    "describe",
    "is_variable_name",
    "looks_like_credential",
    "names_secret",
    "one_line",
    "public_url",
    "url_problem",
    "without_keys",
]

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"(?:^|[\s:=,'\"])(?:sk[-_]|hf_|gsk_|ghp_|github_pat_|xai-)[\w.+=-]+(?:$|[\s,;'\"}])")
"""Begins as the keys of well-known services do, and goes on like one: a path or a hub id has a slash."""
_SCHEME = re.compile(r"(?:^|[:=,'\"])\s*bearer\s+\S", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]+@")
_RANDOM_VARIABLE = re.compile(r"(?=.*\d)[A-Za-z0-9]{20,}")
_SECRET_NAME = re.compile(
    r"header|authorization|bearer|passw(or)?d|passphrase|secret|credential|cookie|api_?key"
    r"|(^|_)keys?$|^((api|auth|access|hf|id|refresh|session|use_auth)_?)?token$"
)

_SHORTEST_KEY = 12
"""Shorter than any real key."""


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


def names_secret(name: str) -> bool:
    """Whether something called ``name`` (``Api_Key``, ``auth-token``, ``headers``) is likely to hold a secret."""
    return _SECRET_NAME.search(name.lower().replace("-", "_")) is not None


def looks_like_credential(value: str) -> bool:
    """Whether ``value`` has the form of a key, an authorization header, or a URL with a password, or contains one."""
    return any(pattern.search(value) for pattern in (_TOKEN, _SCHEME, _URL_PASSWORD))


def is_variable_name(text: str) -> bool:
    """Whether ``text`` can be an environment variable's name and does not look like a key in its place."""
    return (
        _VARIABLE_NAME.fullmatch(text) is not None
        and not looks_like_credential(text)
        and _RANDOM_VARIABLE.fullmatch(text) is None
    )


def without_keys(text: str, secrets: Iterable[str]) -> str:
    """``text``, a model's own words, without the very keys that were sent along; all else stays as it is.

    Nothing that short is taken out that it could be a word: servers that want no real key are given any.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_KEY:
            text = text.replace(secret, HIDDEN)
    return text


def one_line(text: str, limit: int = 300) -> str:
    """``text`` on one line, without control characters, cut after ``limit`` characters."""
    # A server's words are untrusted: an escape sequence must not reach the terminal.
    flat = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def describe(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """An exception of somebody else's code as one line that may be shown."""
    text = one_line(redact(str(error), secrets))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
