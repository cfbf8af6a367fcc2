"""An open model behind an OpenAI-compatible endpoint: many requests at a time, none of them more than it may cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from entailbench import (
    Answer,
    BudgetError,
    Decoding,
    Limits,
    Message,
    Model,
    ModelError,
    ModelIdentity,
    OpenContext,
    Prompt,
    Usage,
    redact,
)

from .adaptive_limit import AdaptiveLimit, Pass
from .as_completed import as_completed
from .event_loop import EventLoopThread
from .explained_errors import raise_first
from .openai_client import UnboundedReplyError
from .openai_failures import Failure, RequestFailed, Server, explain, garbled, no_answer_in_time
from .openai_reply import BadReplyError, Reply, read_reply
from .openai_request import Parameter, bytes_as_tokens, request_body, stop_problems
from .prices import Price
from .rate_headers import room_returns
from .redaction import one_line, without_keys
from .retrying import retrying

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["Manner", "OpenaiModel"]

LAST_ANSWERS_SECONDS = 10.0
"""When the run has to stop, how long to wait for the requests in flight: they are paid for."""
LONGEST_PAUSE = 60.0
"""Seconds that nothing is sent since the room is used up, as an answer said; then the next request asks the server."""
OTHERS_SECONDS = 0.05
"""How often to look whether the run's other models have given back what they had put aside."""
NOTABLE_WAIT = 5.0
"""Seconds of a wait that the user is told of."""


@dataclass(frozen=True)
class Manner:
    """How the model is asked."""

    system: str | None
    limit_field: str
    without: tuple[Parameter, ...]
    logprobs: bool | Literal["auto"]
    concurrency: int
    retries: int
    backoff: float
    max_wait: float
    answer_tokens: int | None
    price: Price | None


class OpenaiModel(Model):
    """One model of one endpoint.

    Requests run in an event loop of their own thread; all that changes while they do is changed there, and what the
    answers say is gathered by whoever reads them.
    """

    def __init__(self, client: AsyncOpenAI, server: Server, manner: Manner, context: OpenContext) -> None:
        self.answer_tokens = manner.answer_tokens
        self._client = client
        self._server = server
        self._manner = manner
        self._limits: Limits = context.limits
        self._notify = context.notify
        self._name = context.name
        self._loop = EventLoopThread("entailbench-requests")
        self._limit = AdaptiveLimit(manner.concurrency, self._loop.loop.time)
        self._stopping = asyncio.Event()
        self._settled = asyncio.Event()
        self._unsettled = 0
        self._logprobs = manner.logprobs is not False
        self._errors = 0
        self._told_at = -NOTABLE_WAIT
        self._usage = Usage(dollars=None if manner.price is None else 0.0, uncertain=None)
        self._served: dict[str, None] = {}
        self._fingerprints: dict[str, None] = {}
        self._answered_by: dict[str, str] = {}

    @property
    def determined_by(self) -> Mapping[str, Any]:
        """What is asked for, and where; what the server says of itself is in ``answered_by``."""
        manner = self._manner
        return {
            "backend": "openai",
            "model": self._server.model,
            "endpoint": self._server.url,
            "system": manner.system,
            "not sent": sorted(manner.without),
            "limit": manner.limit_field,
            "logprobs": manner.logprobs is not False,
        }

    def repeatable(self, decoding: Decoding) -> bool:
        """Not where the server draws and is sent no seed: by the task's temperature, or by its own if none is sent."""
        draws = decoding.temperature > 0 or "temperature" in self._manner.without
        return not (draws and "seed" in self._manner.without)

    @property
    def answered_by(self) -> Mapping[str, str]:
        return self._answered_by

    def recall(self, answered_by: Mapping[str, str]) -> None:
        if served := answered_by.get("served"):
            self._served[served] = None
        if fingerprint := answered_by.get("fingerprint"):
            self._fingerprints[fingerprint] = None

    @property
    def identity(self) -> ModelIdentity:
        """Names the models that answered; before the first answer, the one that was asked for."""
        from importlib.metadata import version

        details = {"asked": self._server.model, "endpoint": self._server.url, "openai": version("openai")}
        if self._manner.system is not None:
            details["system"] = self._manner.system
        if self._fingerprints:
            details["system_fingerprint"] = ", ".join(self._fingerprints)
        if self._manner.logprobs == "auto" and not self._logprobs:
            details["logprobs"] = "the server does not give them"
        served = ", ".join(self._served) or self._server.model
        return ModelIdentity(
            backend="openai",
            weights=None,
            served=f"{served} at {self._server.url}",
            details=details,
            remark=f"{' and '.join(self._manner.without)} not sent" if self._manner.without else None,
        )

    @property
    def usage(self) -> Usage:
        """With the requests that failed."""
        return self._usage

    def render(self, messages: Sequence[Message]) -> str:
        """The conversation as JSON, with the system message that goes before it."""
        return super().render(self._conversation(messages))

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Asks concurrently; answers come in the order the server gives them."""
        if "stop" not in self._manner.without:
            raise_first(stop_problems(decoding))
        self._stopping = asyncio.Event()
        outcomes = as_completed(
            self._loop,
            lambda prompt: self._ask(prompt, decoding),
            prompts,
            workers=max(1, min(self._manner.concurrency, len(prompts))),
            grace=min(self._server.timeout, LAST_ANSWERS_SECONDS),
            ends=self._ends,
            on_end=self._stop,
        )
        for outcome in outcomes:
            if outcome.reply is not None:
                told = {"served": one_line(outcome.reply.model or "an unnamed model")}
                if outcome.reply.fingerprint:
                    told["fingerprint"] = one_line(outcome.reply.fingerprint)
                self.recall(told)
                self._answered_by = told
            yield outcome.answer

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        # What does not close in time goes with the process: the thread is a daemon.
        with contextlib.suppress(TimeoutError):
            self._loop.start(self._client.close()).result(LAST_ANSWERS_SECONDS)
        self._loop.close()

    # In the loop's thread

    async def _ask(self, prompt: Prompt, decoding: Decoding) -> _Outcome:
        """One row, however many requests that takes."""
        row = _Row()
        manner = self._manner
        tries = retrying(
            retries=manner.retries, backoff=manner.backoff, max_wait=manner.max_wait, stopping=self._stopping
        )
        try:
            reply: Reply = await tries(self._attempt, prompt, decoding, row)
        except RequestFailed as failed:
            failure = failed.failure
            told = f" (after {row.requests} attempts)" if row.requests > 1 else ""
            reason = f"{failure.reason}{told}"
            usage = Usage(requests=row.requests, dollars=row.uncertain or None, uncertain=row.uncertain or None)
            answer = Answer(prompt.id, "", failure.outcome, reason, usage=usage)
            return _Outcome(answer, None, replace(failure, reason=reason))
        usage = replace(
            reply.usage or Usage(),
            requests=row.requests,
            dollars=None if manner.price is None else row.dollars + row.uncertain,
            uncertain=row.uncertain or None,
        )
        text = without_keys(reply.text, self._server.secrets)
        return _Outcome(Answer(prompt.id, text, reply.outcome, reply.reason, reply.probability, usage), reply, None)

    async def _attempt(self, prompt: Prompt, decoding: Decoding, row: _Row) -> Reply:
        """One request.

        Raises:
            RequestFailed: it has no answer.
            BudgetError: it was not sent.
        """
        if self._stopping.is_set():
            raise asyncio.CancelledError
        passed = await self._limit.enter(again=row.requests > 0)
        try:
            messages = self._conversation(prompt.messages)
            price = self._manner.price
            most = price.most(bytes_as_tokens(messages), decoding.max_tokens) if price else None
            await self._put_aside(most)
            row.requests += 1
            spent, uncertain = most or 0.0, True
            try:
                raw = await self._sent(messages, decoding)
                self._went_well(passed, raw.headers)
                reply = self._read(raw, prompt)
                if price and reply.usage:
                    spent, uncertain = price.cost(reply.usage), False
                return reply
            except RequestFailed as failed:
                if not failed.failure.billed:
                    spent, uncertain = 0.0, False
                self._went_wrong(passed, failed.failure)
                raise
            finally:
                self._settle(most, spent, uncertain, row)
        finally:
            self._limit.leave()

    async def _sent(self, messages: Sequence[Message], decoding: Decoding) -> Any:
        """Sends the request and waits for the whole reply."""
        import openai

        while True:
            with_logprobs = self._logprobs
            body = request_body(
                self._server.model,
                messages,
                decoding,
                limit_field=self._manner.limit_field,
                without=self._manner.without,
                logprobs=with_logprobs,
            )
            try:
                async with asyncio.timeout(self._server.timeout):
                    return await self._client.chat.completions.with_raw_response.create(**body)
            except TimeoutError:
                raise RequestFailed(no_answer_in_time(self._server)) from None
            except UnboundedReplyError as error:
                raise RequestFailed(Failure(f"{self._server.url} {error}", "give up", billed=True)) from None
            except (openai.OpenAIError, ValueError) as error:
                failure = explain(error, self._server, body)
                if not (failure.parameter == "logprobs" and self._manner.logprobs == "auto" and with_logprobs):
                    raise RequestFailed(failure) from None
                self._without_logprobs()

    def _read(self, raw: Any, prompt: Prompt) -> Reply:
        """What the reply says.

        Raises:
            RequestFailed: it says nothing.
        """
        try:
            completion = raw.parse()
        except json.JSONDecodeError:
            raise RequestFailed(garbled(self._server, "its JSON is damaged")) from None
        except (ValueError, TypeError, RecursionError) as error:
            # Brackets within brackets, a hundred thousand of them, are a RecursionError.
            raise RequestFailed(garbled(self._server, type(error).__name__)) from None
        if isinstance(completion, str) and "json" in raw.headers.get("content-type", ""):
            raise RequestFailed(garbled(self._server, "its JSON is damaged"))
        try:
            reply = read_reply(completion, prompt.read_label)
        except BadReplyError as error:
            raise RequestFailed(Failure(f"{self._server.url} {error}", "give up", billed=True)) from None
        self._count(reply.usage)
        secrets = self._server.secrets
        return replace(
            reply,
            model=reply.model and redact(reply.model, secrets),
            fingerprint=reply.fingerprint and redact(reply.fingerprint, secrets),
        )

    def _went_well(self, passed: Pass, headers: Mapping[str, str]) -> None:
        self._limit.answered(passed)
        # Counted from when it was sent: then the server looked at what room there is.
        pause = room_returns(headers) - (self._loop.loop.time() - passed.since)
        if pause > 0:
            self._limit.close_for(min(pause, LONGEST_PAUSE))

    def _went_wrong(self, passed: Pass, failure: Failure) -> None:
        if failure.wait is not None and failure.wait > self._manner.max_wait:
            # Who waits for its turn shall not get it before everything has stopped.
            self._limit.close_for(failure.wait)
            reason = f"{failure.reason}; it asks to wait {failure.wait:,.0f} s, and max_wait is"
            raise RequestFailed(replace(failure, then="stop", reason=f"{reason} {self._manner.max_wait:,.0f} s"))
        if failure.refused:
            self._limit.refused(passed, failure.wait)
        elif failure.too_much:
            self._limit.overloaded(passed)
        if failure.wait is None:
            return
        self._limit.close_for(failure.wait)
        if failure.wait >= NOTABLE_WAIT and time.monotonic() - self._told_at > failure.wait:
            self._told_at = time.monotonic()
            self._notify(f"{self._name}: {failure.reason}; going on in {failure.wait:,.0f} s")

    async def _put_aside(self, most: float | None) -> None:
        """Puts the most that a request may cost aside, when need be after others turned out to cost less."""
        purse = self._limits.purse
        if most is None:
            if purse.budget is not None:
                raise BudgetError(f"{self._name}: nobody knows what the next request costs, so no budget can bound it")
            return
        while True:
            # Asked first: what is settled in between may make room enough.
            pending = purse.pending
            if purse.put_aside(most):
                break
            if not pending:
                raise BudgetError(
                    f"the budget of ${purse.budget:,g} has ${(purse.budget or 0) - purse.spent:,.6f} left, and the "
                    f"next request of {self._name!r} may cost ${most:,.6f}: it was not sent"
                )
            self._settled.clear()
            # What another model of the run puts aside is settled in a loop of its own, which nobody here hears of.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), None if self._unsettled else OTHERS_SECONDS)
            if self._stopping.is_set():
                raise asyncio.CancelledError
        self._unsettled += 1

    def _settle(self, most: float | None, spent: float, uncertain: bool, row: _Row) -> None:
        total = replace(self._usage, requests=self._usage.requests + 1)
        if most is not None:
            self._unsettled -= 1
            self._limits.purse.settle(most, spent, uncertain=uncertain)
            total = replace(total, dollars=(total.dollars or 0.0) + spent)
            if uncertain:
                row.uncertain += spent
                total = replace(total, uncertain=(total.uncertain or 0.0) + spent)
            else:
                row.dollars += spent
        self._usage = total
        self._settled.set()

    def _count(self, usage: Usage | None) -> None:
        if usage is not None:
            self._usage = replace(
                self._usage,
                input_tokens=self._usage.input_tokens + usage.input_tokens,
                cached_tokens=self._usage.cached_tokens + usage.cached_tokens,
                output_tokens=self._usage.output_tokens + usage.output_tokens,
                reasoning_tokens=self._usage.reasoning_tokens + usage.reasoning_tokens,
            )

    def _ends(self, outcome: _Outcome) -> ModelError | None:
        """The failure that a row means for the whole run."""
        failure = outcome.failure
        if failure is None:
            return None
        if failure.then == "stop":
            return ModelError(failure.reason)
        if failure.outcome == "error":
            self._errors += 1
        return self._limits.too_many(self._name, self._errors, failure.reason)

    def _stop(self) -> None:
        """Sends nothing more; what is in flight may come back."""
        self._stopping.set()
        self._settled.set()
        self._limit.shut()

    def _without_logprobs(self) -> None:
        if self._logprobs:
            self._logprobs = False
            self._notify(
                f"{self._name}: {self._server.url} gives no log-probabilities for {self._server.model!r}; its answers "
                "come without a probability"
            )

    def _conversation(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        system = self._manner.system
        return tuple(messages) if system is None else (Message("system", system), *messages)


@dataclass
class _Row:
    """What one row has taken so far."""

    requests: int = 0
    dollars: float = 0.0
    uncertain: float = 0.0


@dataclass(frozen=True)
class _Outcome:
    """What came of asking for one row."""

    answer: Answer
    reply: Reply | None
    failure: Failure | None
