"""The openai client as we want it: no retries of its own, no endless replies, no credentials in logs.

Every request has a connection of its own. On one that is used again, a reply that somebody sends twice would be read
as the answer to the next question, and every later answer would be the one before it: wrong figures, and nothing to
see. It costs a handshake a request.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from entailbench import redact

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["LONGEST_REPLY", "UnboundedReplyError", "make_client"]

LONGEST_REPLY = 8 * 2**20
"""Bytes of a reply's body; a chat completion with the log-probabilities of 4,096 tokens has about 2 MB."""


class UnboundedReplyError(Exception):
    """A server sends more than any answer has."""


def make_client(endpoint: str, key: str, timeout: float, secrets: Sequence[str]) -> AsyncOpenAI:
    """A client for one event loop.

    Args:
        endpoint: the URL, credentials included.
        key: sent as ``Authorization``; empty where the server wants none.
        timeout: seconds without a byte; whoever sends a request bounds the whole of it.
        secrets: what must not be logged.

    Raises:
        openai.OpenAIError, ValueError: the URL or the key is not one.
    """
    import httpx2
    import openai

    _keep_out_of_logs(secrets)
    # The client would append its paths after a query that stands in base_url.
    parts = urlsplit(endpoint)
    return openai.AsyncOpenAI(
        api_key=key or "no-key-needed",
        base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        default_query=dict(parse_qsl(parts.query)) or None,
        # A few bytes that unpack to gigabytes are no answer either.
        default_headers={"Accept-Encoding": "identity"},
        timeout=timeout,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            event_hooks={"response": [_bound]},
        ),
    )


async def _bound(response: Any) -> None:
    """Called when the head of a reply is there, and its body is not."""
    import httpx2

    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise UnboundedReplyError(f"sent a packed reply ({packed[:20]!r}) that was not asked for")

    class Bounded(httpx2.AsyncByteStream):
        """The same body, up to ``LONGEST_REPLY``."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            length = 0
            async for part in self._stream:
                length += len(part)
                if length > LONGEST_REPLY:
                    raise UnboundedReplyError(f"sent more than {LONGEST_REPLY // 2**20} MB for one answer")
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    response.stream = Bounded(response.stream)


class _Redacting(logging.Filter):
    """Takes credentials out of what the client's libraries log: URLs have them, and anybody may turn logging on."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self.secrets = set(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps every record, and rewrites its message."""
        record.msg, record.args = redact(record.getMessage(), self.secrets), ()
        return True


def _keep_out_of_logs(secrets: Sequence[str]) -> None:
    for name in ("openai", "openai._base_client", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        known = next((one for one in logger.filters if isinstance(one, _Redacting)), None)
        if known is None:
            logger.addFilter(_Redacting(secrets))
        else:
            known.secrets.update(secrets)
