"""What a failed request means: ask again, give this row up, or stop; each with a line that says what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from entailbench import redact

from .rate_headers import retry_after
from .redaction import describe, one_line

__all__ = ["Failure", "RequestFailed", "Server", "explain", "garbled", "no_answer_in_time"]

OVERLOADED = (429, 503, 529)
"""What a server says that has too much to do."""
AGAIN = (408, 409, *OVERLOADED)
FOR_ALL_ROWS = (401, 403, 404)
"""About key, rights or model: no other row would fare better."""
NO_MONEY_LEFT = ("insufficient_quota", "billing_hard_limit_reached")
FILTERS = ("content_filter", "content_policy_violation")
NOT_TAKEN = ("unsupported_parameter", "unsupported_value", "unknown_parameter")


@dataclass(frozen=True)
class Failure:
    """Why a request has no answer."""

    reason: str
    """One line, without secrets."""
    then: Literal["again", "give up", "stop"]
    """Ask again, leave this row as an error, or end the run."""
    outcome: Literal["error", "filtered"] = "error"
    too_much: bool = False
    """Whether fewer requests at a time would help."""
    refused: bool = False
    """Whether it is a 429: the request was not looked at, so it does not count as an attempt."""
    wait: float | None = None
    """Seconds that the server asks to wait."""
    billed: bool = False
    """Whether it may have been billed all the same: nobody knows what the server did."""
    parameter: str = ""
    """The parameter that the server does not take."""


class RequestFailed(Exception):
    """A request has no answer; nothing outside the model sees this.

    Args:
        failure: why, and what to do.
    """

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.reason)


@dataclass(frozen=True)
class Server:
    """Who was asked, as messages name it."""

    url: str
    """Without credentials."""
    model: str
    key: str
    """The environment variable with the key; empty where none is sent."""
    timeout: float
    secrets: tuple[str, ...] = field(repr=False)


def no_answer_in_time(server: Server) -> Failure:
    """The answer was not whole before the time was up."""
    reason = f"{server.url} did not answer within {server.timeout:g} s: raise `timeout`"
    return Failure(reason, "again", too_much=True, billed=True)


def garbled(server: Server, what: str) -> Failure:
    """A body that is not what its own headers say: it was damaged on the way."""
    return Failure(f"{server.url} answered with something that cannot be read: {what}", "again", billed=True)


def explain(error: Exception, server: Server, sent: Collection[str]) -> Failure:
    """What an exception of the openai client means.

    Args:
        error: as the client raised it.
        server: who was asked.
        sent: the names of the request's parameters.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        return no_answer_in_time(server)
    if isinstance(error, openai.APIConnectionError):
        return _no_connection(error, server)
    if not isinstance(error, openai.APIStatusError):
        return garbled(server, describe(error, server.secrets))
    body: Any = error.body if isinstance(error.body, dict) else {}
    said = one_line(redact(str(body.get("message") or error.message), server.secrets))
    code, status = str(body.get("code") or ""), error.status_code
    if code in NO_MONEY_LEFT:
        return Failure(f"{server.url} says that the account has no credit left ({status}): {said}", "stop")
    if status in AGAIN or status >= 500:
        return Failure(
            f"{server.url} refused the request ({status}): {said}",
            "again",
            too_much=status in OVERLOADED,
            refused=status == 429,
            wait=retry_after(error.response.headers),
        )
    if parameter := _not_taken(body, code, said, sent):
        return Failure(_advice(server, parameter, status, said), "stop", parameter=parameter)
    if status in FOR_ALL_ROWS:
        return Failure(f"{server.url} {_no_access(server, status)} ({status}): {said}", "stop")
    if code in FILTERS:
        return Failure(f"a content filter of the server refused the prompt: {said}", "give up", outcome="filtered")
    return Failure(f"{server.url} refused the request ({status}): {said}", "give up")


def _no_connection(error: Exception, server: Server) -> Failure:
    import httpx2

    cause = error.__cause__ or error
    told = describe(cause, server.secrets)
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        return Failure(f"cannot reach {server.url} ({told}): is the server running, and base_url right?", "again")
    return Failure(f"the connection to {server.url} broke before the answer was whole ({told})", "again", billed=True)


def _no_access(server: Server, status: int) -> str:
    key = f"the key in {server.key}" if server.key else "a request without a key"
    return {
        401: f"refused {key}",
        403: f"does not allow {key} to ask {server.model!r}",
        404: f"has no model {server.model!r} or no chat completions there",
    }[status]


def _not_taken(body: Any, code: str, said: str, sent: Collection[str]) -> str:
    """The parameter that the server does not take from anybody; empty where the refusal is about something else."""
    named = str(body.get("param") or "")
    if "logprobs" in sent and "logprobs" in f"{named} {said}":
        return "logprobs"
    return named if code in NOT_TAKEN and named in sent else ""


def _advice(server: Server, parameter: str, status: int, said: str) -> str:
    advice = f'omit = ["{parameter}"] leaves it out, and the tables then say so'
    if parameter == "logprobs":
        advice = "set logprobs = false"
    elif parameter in ("max_tokens", "max_completion_tokens"):
        other = "max_completion_tokens" if parameter == "max_tokens" else "max_tokens"
        advice = f'set max_tokens_field = "{other}"'
    return f"{server.url} does not take `{parameter}` for {server.model!r} ({status}): {said}; {advice}"
