"""Backend ``openai``: a chat model behind any OpenAI-compatible endpoint, through the ``openai`` client.

What a run asks for is what is sent: model, messages, temperature, seed, stop and the token limit. A server that refuses
one of them for its model ends the run with its own words, and says which option leaves it out; nothing is changed
silently.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal
from urllib.parse import unquote, urlsplit

from entailbench import (
    HIDDEN,
    Backend,
    CostEstimate,
    Decoding,
    Message,
    Model,
    ModelError,
    OpenContext,
    TaskOutline,
    hookimpl,
)

from .openai_request import Parameter, bytes_as_tokens, fewer_tokens, stop_problems
from .prices import OPENAI_URL, Price, price_problems, table_price
from .redaction import describe, is_variable_name, public_url, url_problem

__all__ = ["OpenaiBackend", "OpenaiOptions"]


@dataclass(frozen=True)
class OpenaiOptions:
    """How to reach the model, and how to ask it."""

    model: str
    """The model's name at the endpoint, e.g. ``"gpt-3.5-turbo"``."""
    base_url: str | None = None
    """The endpoint, usually ending in ``/v1``; default ``OPENAI_BASE_URL``, else OpenAI's own."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable with the key; empty when the server wants none."""
    concurrency: int = 128
    """Requests in flight at a time, at most and at least 1; how many there really are adapts to the server."""
    timeout: float = 60
    """Seconds until an answer must be whole."""
    max_retries: int = 6
    """Further attempts after a refused or broken connection, a timeout, a damaged reply or a 5xx. Refusals (429) do not
    count, unless this is 0: then nothing is asked twice."""
    backoff: float = 0.5
    """Seconds of the first wait between attempts; doubled each time, at most 30, and shortened at random by up to half.
    A server that says how long to wait is obeyed instead."""
    max_wait: float = 600
    """Seconds after which a row that is still refused (429) ends as an error. A server that asks to wait longer at once
    ends the run."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit on generated tokens; reasoning models want the second."""
    answer_tokens: int | None = None
    """Tokens that an answer may have, where the task's limit is smaller: a reasoning model needs room to think."""
    omit: tuple[Parameter, ...] = ()
    """Parameters that are not sent since the server refuses them for this model; tables say so."""
    logprobs: bool | Literal["auto"] = "auto"
    """Whether to ask for log-probabilities, from which calibration is computed; "auto" goes on without where the server
    does not give them."""
    price: Price | None = None
    """What a million tokens cost, in US dollars; default what the table says of OpenAI's own models."""
    system: str | None = None
    """A system message put before every conversation."""

    @property
    def endpoint(self) -> str:
        """The URL in effect, credentials included: not for display."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_URL

    @property
    def known_price(self) -> Price | None:
        """The user's, else the table's; None where there is none."""
        return self.price or table_price(self.model, self.endpoint)

    def __repr__(self) -> str:
        """Without what a URL may carry besides the address, and without a key in place of its variable's name."""
        shown: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.base_url is not None:
            shown["base_url"] = public_url(self.base_url)
        if self.api_key_env and not is_variable_name(self.api_key_env):
            shown["api_key_env"] = HIDDEN
        return f"OpenaiOptions({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class OpenaiBackend(Backend):
    """Opens models of OpenAI and of every server that speaks its protocol."""

    name: ClassVar[str] = "openai"
    Options: ClassVar[type] = OpenaiOptions
    remote: ClassVar[bool] = True
    manner: ClassVar[frozenset[str]] = frozenset(
        {"api_key_env", "concurrency", "timeout", "max_retries", "backoff", "max_wait", "price"}
    )
    requires: ClassVar[dict[str, str]] = {"openai": "'entailbench[openai]'", "tenacity": "'entailbench[openai]'"}

    def check(self, options: OpenaiOptions, context: OpenContext) -> Iterable[str]:
        """Key, endpoint, limits and price."""
        if not options.model.strip():
            yield "`model` is empty: name the model that the endpoint serves"
        if options.api_key_env and not is_variable_name(options.api_key_env):
            yield (
                "`api_key_env` must be the name of an environment variable, e.g. OPENAI_API_KEY, and what it is does "
                "not look like one; if it is the key itself, take it out of the file and export it under such a name"
            )
        elif options.api_key_env:
            key = _key(options)
            if not key:
                yield (
                    f"{options.api_key_env} is not set: export it, or set base_url to an OpenAI-compatible server "
                    'of your own and api_key_env = "" if it wants no key'
                )
            elif not (key.isascii() and key.isprintable() and " " not in key):
                yield f"{options.api_key_env} holds characters that no key has: export it again"
        if problem := url_problem(options.endpoint):
            source = "base_url" if options.base_url else "OPENAI_BASE_URL"
            yield f"{source} is no endpoint: {problem}, e.g. http://127.0.0.1:8000/v1"
        for field, least in (("concurrency", 1), ("max_retries", 0), ("backoff", 0), ("max_wait", 0)):
            if not (value := getattr(options, field)) >= least:
                yield f"`{field}` must be at least {least}, it is {value}"
        if not options.timeout > 0:
            yield f"`timeout` must be more than 0 seconds, it is {options.timeout}"
        if options.answer_tokens is not None and options.answer_tokens < 1:
            yield f"`answer_tokens` must be at least 1, it is {options.answer_tokens}"
        if options.price is not None:
            yield from price_problems(options.price)

    def check_task(self, options: OpenaiOptions, context: OpenContext, task: TaskOutline) -> Iterable[str]:
        """What the API does not take."""
        if task.decoding is not None and "stop" not in options.omit:
            yield from stop_problems(task.decoding)

    def describe(self, options: OpenaiOptions) -> str:
        """The model asked for, and where."""
        return f"{options.model} at {public_url(options.endpoint)}"

    def estimate(
        self, options: OpenaiOptions, context: OpenContext, prompts: Sequence[Sequence[Message]], decoding: Decoding
    ) -> CostEstimate:
        """Tokens, counted as bytes, and what they cost by the user's price or the table's."""
        before = () if options.system is None else (Message("system", options.system),)
        conversations = [(*before, *prompt) for prompt in prompts]
        output = max(decoding.max_tokens, options.answer_tokens or 0)
        about = sum(map(fewer_tokens, conversations))
        bounds = list(map(bytes_as_tokens, conversations))
        price = options.known_price
        unbounded = "max_tokens" in options.omit
        each = [price.most(bound, output) if price and not unbounded else None for bound in bounds]
        most = [one for one in each if one is not None]
        known = price is not None and len(most) == len(bounds)
        return CostEstimate(
            requests=len(bounds),
            input_tokens=about,
            input_most=sum(bounds),
            output_most=output * len(bounds),
            dollars=price.most(about, output * len(bounds)) if price and known else None,
            dollars_most=sum(most) if known else None,
            price=_price_told(options, price, known),
        )

    def open(self, options: OpenaiOptions, context: OpenContext) -> Model:
        """Makes the client; nothing is sent yet."""
        if problem := next(iter(self.check(options, context)), None):
            raise ModelError(problem)
        import openai

        from .openai_client import make_client
        from .openai_failures import Server
        from .openai_model import Manner, OpenaiModel

        secrets = _secrets(options)
        try:
            client = make_client(options.endpoint, _key(options), options.timeout, secrets)
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(f"the openai client cannot be made: {describe(error, secrets)}") from None
        manner = Manner(
            system=options.system,
            limit_field=options.max_tokens_field,
            without=options.omit,
            logprobs=options.logprobs,
            concurrency=options.concurrency,
            retries=options.max_retries,
            backoff=options.backoff,
            max_wait=options.max_wait,
            answer_tokens=options.answer_tokens,
            price=options.known_price,
        )
        url = public_url(options.endpoint)
        return OpenaiModel(
            client, Server(url, options.model, options.api_key_env, options.timeout, secrets), manner, context
        )


def _price_told(options: OpenaiOptions, price: Price | None, known: bool) -> str:
    if price is not None and known:
        return str(price)
    if "max_tokens" in options.omit:
        return 'omit = ["max_tokens"] leaves no bound on what an answer may cost'
    if price is not None:
        return f"the price of {options.model!r} holds for prompts of up to {price.longest_prompt:,} tokens"
    return (
        f"no price is known for {options.model!r} at {public_url(options.endpoint)}: set price = {{ input = …, "
        "output = … }, in US dollars for a million tokens; 0 for a server of your own"
    )


def _key(options: OpenaiOptions) -> str:
    return os.environ.get(options.api_key_env, "").strip() if options.api_key_env else ""


def _secrets(options: OpenaiOptions) -> tuple[str, ...]:
    """All forms in which credentials are sent: the key, and what a URL may carry."""
    parts = urlsplit(options.endpoint)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""
    return tuple(filter(None, (_key(options), parts.password, password, basic)))


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``openai`` backend."""
    return [OpenaiBackend()]
