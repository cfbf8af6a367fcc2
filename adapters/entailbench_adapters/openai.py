"""Backend ``openai``: a chat model behind any OpenAI-compatible endpoint, through the ``openai`` client.

What a run asks for is what is sent: model, messages, temperature, seed, stop and the token limit.
A server that refuses one of them ends the run with its own words; nothing is changed silently.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from entailbench import (
    Answer,
    Backend,
    Decoding,
    Message,
    Model,
    ModelError,
    ModelIdentity,
    OpenContext,
    Prompt,
    TaskOutline,
    hookimpl,
)

from .as_completed import as_completed
from .redaction import HIDDEN, describe, is_variable_name, one_line, public_url, redact, url_problem

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["OpenaiBackend", "OpenaiOptions"]

DEFAULT_URL = "https://api.openai.com/v1"

MOST_STOPS = 4
"""The API takes no more stop sequences than this."""

LAST_ANSWERS_SECONDS = 10.0
"""When one request fails, how long to wait for the others in flight: they are paid for."""


@dataclass(frozen=True)
class OpenaiOptions:
    """How to reach the model."""

    model: str
    """The model's name at the endpoint, e.g. ``"gpt-3.5-turbo"``."""
    base_url: str | None = None
    """The endpoint, usually ending in ``/v1``; default ``OPENAI_BASE_URL``, else OpenAI's own."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable with the key; empty when the server wants none."""
    concurrency: int = 8
    """Requests in flight at a time, at least 1."""
    timeout: float = 60
    """Seconds that one attempt may take."""
    max_retries: int = 5
    """Further attempts after a refused connection, a timeout, a 429 or a 5xx; ``Retry-After`` is kept."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit on generated tokens; reasoning models want the second."""
    system: str | None = None
    """A system message put before every conversation."""

    @property
    def endpoint(self) -> str:
        """The URL in effect, credentials included: not for display."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_URL

    def __repr__(self) -> str:
        """Without what a URL may carry besides the address, and without a key in place of its variable's name."""
        shown = None if self.base_url is None else public_url(self.base_url)
        variable = self.api_key_env if not self.api_key_env or is_variable_name(self.api_key_env) else HIDDEN
        return f"OpenaiOptions(model={self.model!r}, base_url={shown!r}, api_key_env={variable!r})"


class OpenaiBackend(Backend):
    """Opens models of OpenAI and of every server that speaks its protocol."""

    name: ClassVar[str] = "openai"
    Options: ClassVar[type] = OpenaiOptions
    remote: ClassVar[bool] = True
    requires: ClassVar[dict[str, str]] = {"openai": "'entailbench[openai]'"}

    def check(self, options: OpenaiOptions, context: OpenContext) -> Iterable[str]:
        """Key, endpoint and limits."""
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
        for field, least in (("concurrency", 1), ("max_retries", 0)):
            if (value := getattr(options, field)) < least:
                yield f"`{field}` must be at least {least}, it is {value}"
        if not options.timeout > 0:
            yield f"`timeout` must be more than 0 seconds, it is {options.timeout}"

    def check_task(self, options: OpenaiOptions, context: OpenContext, task: TaskOutline) -> Iterable[str]:
        """What the API does not take."""
        if task.decoding is not None:
            yield from _stop_problems(task.decoding)

    def describe(self, options: OpenaiOptions) -> str:
        """The model asked for, and where."""
        return f"{options.model} at {public_url(options.endpoint)}"

    def open(self, options: OpenaiOptions, context: OpenContext) -> Model:
        """Makes the client; nothing is sent yet."""
        if problem := next(iter(self.check(options, context)), None):
            raise ModelError(problem)
        import openai

        # The client would append its paths after a query that stands in base_url.
        parts = urlsplit(options.endpoint)
        try:
            client = openai.OpenAI(
                api_key=_key(options) or "no-key-needed",
                base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
                default_query=dict(parse_qsl(parts.query)) or None,
                timeout=options.timeout,
                max_retries=options.max_retries,
            )
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(f"the openai client cannot be made: {describe(error, _secrets(options))}") from error
        return _OpenaiModel(options, client)


class _OpenaiModel(Model):
    """One model of one endpoint."""

    def __init__(self, options: OpenaiOptions, client: OpenAI) -> None:
        self._options = options
        self._client = client
        self._url = public_url(options.endpoint)
        self._served: dict[str, None] = {}
        self._fingerprints: dict[str, None] = {}

    @property
    def identity(self) -> ModelIdentity:
        """Names the models that answered; before the first answer, the one that was asked for."""
        from importlib.metadata import version

        details = {"asked": self._options.model, "endpoint": self._url, "openai": version("openai")}
        if self._options.system is not None:
            details["system"] = self._options.system
        if self._fingerprints:
            details["system_fingerprint"] = ", ".join(self._fingerprints)
        served = ", ".join(self._served) or self._options.model
        return ModelIdentity(backend="openai", weights=None, served=f"{served} at {self._url}", details=details)

    def render(self, messages: Sequence[Message]) -> str:
        """The conversation as JSON, with the system message that goes before it."""
        return super().render(self._conversation(messages))

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Asks concurrently; answers come in the order the server gives them."""
        for problem in _stop_problems(decoding):
            raise ModelError(problem)

        def ask(prompt: Prompt) -> tuple[Answer, Any]:
            completion = self._ask(prompt, decoding)
            return Answer(prompt.id, self._text(completion)), completion

        grace = min(self._options.timeout, LAST_ANSWERS_SECONDS)
        for answer, completion in as_completed(ask, prompts, workers=self._options.concurrency, grace=grace):
            self._served[one_line(str(getattr(completion, "model", None) or "an unnamed model"))] = None
            if fingerprint := getattr(completion, "system_fingerprint", None):
                self._fingerprints[one_line(str(fingerprint))] = None
            yield answer

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _conversation(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        system = self._options.system
        return tuple(messages) if system is None else (Message("system", system), *messages)

    def _ask(self, prompt: Prompt, decoding: Decoding) -> Any:
        import openai

        arguments: dict[str, Any] = {
            "model": self._options.model,
            "messages": [{"role": m.role, "content": m.content} for m in self._conversation(prompt.messages)],
            "temperature": decoding.temperature,
            "seed": decoding.seed,
            self._options.max_tokens_field: decoding.max_tokens,
        }
        if decoding.stop:
            arguments["stop"] = list(decoding.stop)
        try:
            return self._client.chat.completions.create(**arguments)
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(self._explain(error)) from error

    def _text(self, completion: Any) -> str:
        """What the model wrote; a refusal counts as text, and null as nothing written.

        Raises:
            ModelError: the reply is no chat completion.
        """
        choices = getattr(completion, "choices", None)
        if not isinstance(choices, list):
            raise ModelError(f"{self._url} answered, but not with a chat completion: does base_url end in /v1?")
        if not choices:
            raise ModelError(f"{self._url} answered with an empty list of choices")
        message = getattr(choices[0], "message", None)
        content = getattr(message, "content", None)
        if content is None:
            content = getattr(message, "refusal", None) or ""
        if message is None or not isinstance(content, str):
            raise ModelError(f"{self._url} answered with a choice that has no text")
        return content

    def _explain(self, error: Exception) -> str:
        """One line: what failed, where, and what to do."""
        import openai

        secrets = _secrets(self._options)
        attempts = f"{self._options.max_retries + 1} attempts"
        if isinstance(error, openai.APITimeoutError):
            return f"{self._url} did not answer within {self._options.timeout:g} s in {attempts}: raise `timeout`"
        if isinstance(error, openai.APIConnectionError):
            cause = describe(error.__cause__ or error, secrets)
            return f"cannot reach {self._url} in {attempts} ({cause}): is the server running, and base_url right?"
        if not isinstance(error, openai.APIStatusError):
            return f"{self._url} answered with something that cannot be read: {describe(error, secrets)}"
        body = error.body
        said = str(body["message"]) if isinstance(body, dict) and body.get("message") else str(error.message)
        said = one_line(redact(said, secrets))
        if isinstance(error, openai.AuthenticationError):
            key = f"the key in {self._options.api_key_env}" if self._options.api_key_env else "a request without a key"
            return f"{self._url} refused {key} (401): {said}"
        if isinstance(error, openai.NotFoundError):
            return f"{self._url} has no model {self._options.model!r} or no chat completions there (404): {said}"
        if isinstance(error, openai.RateLimitError):
            return f"{self._url} still refused after {attempts} (429): {said}; lower `concurrency` or wait"
        return f"{self._url} refused the request ({error.status_code}): {said}"


def _stop_problems(decoding: Decoding) -> list[str]:
    if len(decoding.stop) <= MOST_STOPS:
        return []
    return [f"the API takes at most {MOST_STOPS} stop sequences, the task has {len(decoding.stop)}"]


def _key(options: OpenaiOptions) -> str:
    return os.environ.get(options.api_key_env, "").strip() if options.api_key_env else ""


def _secrets(options: OpenaiOptions) -> list[str]:
    return [_key(options), urlsplit(options.endpoint).password or ""]


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``openai`` backend."""
    return [OpenaiBackend()]
