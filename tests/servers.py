"""A real OpenAI-compatible HTTP server on 127.0.0.1 that records what it is sent.

In a test::

    with RecordingServer(lambda request: "entailment") as server:
        ...  # base_url = server.url
    assert server.requests[0].body["temperature"] == 0

By hand, to try the command line against it::

    python tests/servers.py --port 8000 --model stand-in --answer "not entailment"
    OPENAI_API_KEY=anything OPENAI_BASE_URL=http://127.0.0.1:8000/v1 entailbench run --models gpt35 --limit 5
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """The parsed JSON; None for an empty body."""

    @property
    def user(self) -> str:
        """The last user message."""
        return next(m["content"] for m in reversed(self.body["messages"]) if m["role"] == "user")


@dataclass(frozen=True)
class Reply:
    """What to answer instead of a chat completion with the given text."""

    status: int = 200
    body: Any = None
    """Sent as JSON; ``bytes`` are sent as they are."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, status: int, message: str, **headers: str) -> Reply:
        """An error in the form of the OpenAI API; header names with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, {"error": {"message": message, "type": "error", "param": None, "code": None}}, named)


def completion(content: str | None, model: str, **message: Any) -> dict[str, Any]:
    """A chat completion in the form of the OpenAI API."""
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


class RecordingServer:
    """Serves in a thread of its own while the ``with`` block lasts.

    Args:
        answer: called for each chat completion, from several threads at a time; a string (or None) is
            the text of the completion, a ``Reply`` anything else.
        model: the model that the server says it is; None repeats what was asked for.
        port: 0 takes a free one.
    """

    def __init__(
        self, answer: Callable[[Request], str | Reply | None], *, model: str | None = "recorded-1", port: int = 0
    ) -> None:
        self.requests: list[Request] = []
        """In the order of arrival."""
        self._answer = answer
        self._model = model
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def origin(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """What ``base_url`` is to be."""
        return f"http://{self.origin}/v1"

    def __enter__(self) -> RecordingServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        """Serves in the calling thread until it is interrupted."""
        self._http.serve_forever()

    def reply_to(self, request: Request) -> Reply:
        """Records the request and answers it."""
        self.requests.append(request)
        if request.method == "POST" and request.path.partition("?")[0] == COMPLETIONS:
            answer = self._answer(request)
            if isinstance(answer, Reply):
                return answer
            return Reply(body=completion(answer, self._model or request.body["model"]))
        return Reply.error(404, f"no such path: {request.path}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Reads one request, writes one reply."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = json.loads(raw) if raw else None
                reply = server.reply_to(Request(self.command, self.path, headers, body))
                as_is = isinstance(reply.body, bytes)
                payload = reply.body if as_is else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                self.send_header("Content-Type", "text/plain" if as_is else "application/json")
                self.send_header("Content-Length", str(len(payload)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def main() -> None:
    """Serves one answer to everybody until Ctrl-C, and shows each request on stderr."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server that gives one answer to everything.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", default="stand-in", help="the model it says it is")
    parser.add_argument("--answer", default="not entailment")
    arguments = parser.parse_args()

    def answer(request: Request) -> str:
        sent = {key: value for key, value in request.body.items() if key != "messages"}
        print(f"{json.dumps(sent)} … {request.user[-60:]!r}", file=sys.stderr)
        return str(arguments.answer)

    server = RecordingServer(answer, model=arguments.model, port=arguments.port)
    print(f"listening on {server.url}", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
