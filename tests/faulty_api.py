"""An OpenAI-compatible server that goes wrong on purpose, in a process of its own.

It speaks HTTP/1.1 over plain sockets, since a server that follows the rules could not break them: it throttles, is
slow, cuts connections, sends damaged and wrong bodies. What goes wrong with which question depends on its seed and on
nothing else, so a test knows what must come of it. In a test::

    with faulty_api(faults={"cut": 0.1}, fails=1) as api:
        ...  # base_url = api.url
    assert api.seen()[0].status == 200

By hand: ``python tests/faulty_api.py '{"port": 8000, "latency": 0.2, "rate": 5}'``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

LABELS = ("entailment", "not entailment")
FAULTS = (
    *("cut", "reset", "silence", "trickle", "garbage", "half-json", "deep-json", "wrong-types", "no-choices"),
    *("two-choices", "html", "twice", "500", "503", "400", "filter", "filtered-answer", "refusal", "endless"),
    *("packed", "key-in-answer", "key-in-name"),
)
"""What can go wrong with a question."""


@dataclass
class Plan:
    """How the server behaves."""

    seed: int = 0
    port: int = 0
    latency: float = 0.0
    """Seconds before an answer."""
    rate: float | None = None
    """Requests a second that it lets in: a token bucket. None is no limit."""
    burst: int = 1
    """How many it lets in at once after a rest."""
    closed: tuple[tuple[float, float], ...] = ()
    """Seconds since the first request, from and until when it refuses everybody with 429."""
    storms: tuple[tuple[float, float], ...] = ()
    """Seconds since the first request, from and until when it answers everybody with 500."""
    says_when: bool = True
    """Whether a 429 comes with ``Retry-After``, in whole seconds as the standard has it, and ``retry-after-ms``."""
    counts: bool = False
    """Whether answers come with ``x-ratelimit-…``."""
    faults: dict[str, float] = field(default_factory=dict)
    """Fault → share of the questions that it strikes."""
    fails: int | None = None
    """How many times a struck question fails before it is answered; None is always."""
    key: str | None = None
    """The key it wants; another is refused with 401."""
    key_until: int | None = None
    """After so many answers the key is refused too."""
    refuses: tuple[str, ...] = ()
    """Parameters that it does not take."""
    logprobs: bool = False
    usage: bool = True
    tokens_in: int = 100
    tokens_out: int = 3
    trickle: float = 0.2
    """Seconds between the bytes of a slow trickle."""


@dataclass(frozen=True)
class Seen:
    """One request, as the server saw it."""

    at: float
    """Seconds since the first one."""
    question: str
    attempt: int
    status: int
    """0 where no status was sent."""
    fault: str
    body: dict[str, Any]


def label_of(question: str) -> str:
    """What the server answers to a question."""
    return LABELS[hashlib.sha256(question.encode()).digest()[0] % 2]


def fault_of(plan: Plan, question: str) -> str:
    """What goes wrong with a question; empty where nothing does."""
    digest = hashlib.sha256(f"{plan.seed}|{question}".encode()).digest()
    chance = int.from_bytes(digest[:8], "big") / 2**64
    for fault, share in plan.faults.items():
        if chance < share:
            return fault
        chance -= share
    return ""


class Api:
    """A running server, seen from the test."""

    def __init__(self, plan: Plan, process: subprocess.Popen[str], port: int) -> None:
        self.plan = plan
        self.process = process
        self.url = f"http://127.0.0.1:{port}/v1"
        self._seen: list[Seen] | None = None

    def seen(self) -> list[Seen]:
        """All requests so far, in the order of arrival."""
        if self._seen is None:
            with urllib.request.urlopen(self.url.removesuffix("/v1") + "/seen", timeout=10) as reply:
                return [Seen(**one) for one in json.load(reply)]
        return self._seen

    def fault_of(self, question: str) -> str:
        return fault_of(self.plan, question)


@contextlib.contextmanager
def faulty_api(**plan: Any) -> Iterator[Api]:
    """Runs the server while the block lasts."""
    given = Plan(**plan)
    assert set(given.faults) <= set(FAULTS)
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(asdict(given))], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        api = Api(given, process, int(process.stdout.readline()))
        yield api
        api._seen = api.seen()
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class Server:
    """The server itself."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen: list[Seen] = []
        self.attempts: Counter[str] = Counter()
        self.answers = 0
        self.began: float | None = None
        self.bucket = float(plan.burst)
        self.filled = 0.0

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connection, "127.0.0.1", self.plan.port, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
            while await self.exchange(reader, writer):
                pass
        with contextlib.suppress(ConnectionError, OSError):
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and what is sent for it; whether the connection can be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        if head[0].startswith("GET /seen "):
            await self.send(writer, 200, [asdict(one) for one in self.seen])
            return True
        return await self.answer(writer, json.loads(body), headers)

    async def answer(self, writer: asyncio.StreamWriter, body: dict[str, Any], headers: dict[str, str]) -> bool:
        plan = self.plan
        question = str(body["messages"][-1]["content"])
        now = time.monotonic()
        if self.began is None:
            self.began = self.filled = now
        at = now - self.began
        key = headers.get("authorization", "").removeprefix("Bearer ")

        def note(status: int, fault: str = "") -> None:
            self.seen.append(Seen(at, question, self.attempts[question], status, fault, body))

        if plan.key is not None and (key != plan.key or self.answers >= (plan.key_until or math.inf)):
            note(401, "key")
            said = f"Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com."
            await self.fail(writer, 401, said, code="invalid_api_key")
            return True
        if (wait := self.wait(now, at)) is not None:
            note(429)
            said = {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
            await self.fail(writer, 429, "Rate limit reached", headers=said if plan.says_when else {})
            return True
        if any(begin <= at < end for begin, end in plan.storms):
            note(500, "storm")
            await self.fail(writer, 500, "The server had an error while processing your request")
            return True
        for name in plan.refuses:
            if name in body:
                note(400, "refused")
                said = f"Unsupported parameter: '{name}' is not supported with this model."
                await self.fail(writer, 400, said, code="unsupported_parameter", param=name)
                return True
        room = self.room()
        self.attempts[question] += 1
        fault = fault_of(plan, question)
        if plan.fails is not None and self.attempts[question] > plan.fails:
            fault = ""
        await asyncio.sleep(plan.latency)
        self.answers += 1
        if fault:
            return await self.go_wrong(fault, writer, body, question, key, note)
        note(200)
        await self.send(writer, 200, self.completion(body, label_of(question)), headers=room)
        return True

    def wait(self, now: float, at: float) -> float | None:
        """Seconds until a request that comes now would be let in; None where it is."""
        plan = self.plan
        for begin, end in plan.closed:
            if begin <= at < end:
                return end - at
        if plan.rate is None:
            return None
        self.bucket = min(plan.burst, self.bucket + (now - self.filled) * plan.rate)
        self.filled = now
        if self.bucket < 1:
            return (1 - self.bucket) / plan.rate
        self.bucket -= 1
        return None

    def room(self) -> dict[str, str]:
        """As OpenAI says it: when the bucket is full again."""
        if not self.plan.counts or self.plan.rate is None:
            return {}
        return {
            "x-ratelimit-limit-requests": str(self.plan.burst),
            "x-ratelimit-remaining-requests": str(int(self.bucket)),
            "x-ratelimit-reset-requests": f"{(self.plan.burst - self.bucket) / self.plan.rate * 1000:.0f}ms",
        }

    def completion(self, body: dict[str, Any], text: str | None, **message: Any) -> dict[str, Any]:
        plan = self.plan
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None, **message},
            "finish_reason": "stop",
            "logprobs": {"content": tokens(text or "")} if plan.logprobs and body.get("logprobs") else None,
        }
        usage = {
            "prompt_tokens": plan.tokens_in,
            "completion_tokens": plan.tokens_out,
            "total_tokens": plan.tokens_in + plan.tokens_out,
        }
        return {
            "id": f"chatcmpl-{self.answers}",
            "object": "chat.completion",
            "created": 0,
            "model": f"{body['model']}-faulty",
            "system_fingerprint": "fp_faulty",
            "choices": [choice],
            **({"usage": usage} if plan.usage else {}),
        }

    async def go_wrong(
        self, fault: str, writer: asyncio.StreamWriter, body: dict[str, Any], question: str, key: str, note: Any
    ) -> bool:
        whole = self.completion(body, label_of(question))
        choice = whole["choices"][0]
        if fault in ("500", "503"):
            note(int(fault), fault)
            await self.fail(writer, int(fault), "The server had an error while processing your request")
            return True
        if fault == "400":
            note(400, fault)
            said = f"This model's maximum context length is 10 tokens; you sent {key} as your key"
            await self.fail(writer, 400, said, code="context_length_exceeded")
            return True
        if fault == "filter":
            note(400, fault)
            said = "The response was filtered due to the prompt triggering our content management policy"
            await self.fail(writer, 400, said, code="content_filter", param="prompt")
            return True
        if fault == "silence":
            note(0, fault)
            await asyncio.sleep(3600)
        if fault == "reset":
            note(0, fault)
            writer.transport.abort()
            return False
        note(200, fault)
        payload = json.dumps(whole).encode()
        if fault == "cut":
            writer.write(head(200, len(payload)) + payload[: len(payload) // 2])
            await writer.drain()
            return False
        if fault == "trickle":
            writer.write(head(200, len(payload)))
            for byte in payload:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(self.plan.trickle)
            return True
        if fault == "endless":
            writer.write(head(200, None))
            while True:
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await writer.drain()
        if fault == "twice":
            writer.write((head(200, len(payload)) + payload) * 2)
            await writer.drain()
            return True
        bodies: dict[str, Any] = {
            "garbage": b"\x00\xff\x1b[31m{]",
            "half-json": payload[:-20],
            "deep-json": b"[" * 200_000,
            "html": b"<html>Welcome to the captive portal</html>",
            "packed": payload,
            "wrong-types": {**whole, "choices": [{**choice, "message": {"role": 7, "content": {"text": ["x"]}}}]},
            "no-choices": {**whole, "choices": []},
            "two-choices": {**whole, "choices": [choice, {**choice, "message": {"content": "entailment"}}]},
            "filtered-answer": {**whole, "choices": [{**choice, "finish_reason": "content_filter"}]},
            "refusal": self.completion(body, None, refusal="I will not say whether that is entailment."),
            "key-in-answer": self.completion(body, f"{label_of(question)}\n(your key is {key})"),
            "key-in-name": {**whole, "model": f"m-{key}", "system_fingerprint": key},
        }
        extra = {"content-type": "text/html"} if fault == "html" else {}
        if fault == "packed":
            extra = {"content-encoding": "gzip"}
        await self.send(writer, 200, bodies[fault], headers=extra)
        return True

    async def fail(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        error = {"message": message, "type": "error", "param": param, "code": code}
        await self.send(writer, status, {"error": error}, headers=headers)

    async def send(
        self, writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        writer.write(head(status, len(payload), headers) + payload)
        await writer.drain()


def head(status: int, length: int | None, headers: dict[str, str] | None = None) -> bytes:
    """Status line and headers; without a length the body comes in chunks."""
    size = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    lines = {"content-type": "application/json", **size, **(headers or {})}
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} whatever\r\n{told}\r\n".encode("latin-1")


def tokens(text: str) -> list[dict[str, Any]]:
    """Log-probabilities as OpenAI sends them: words are tokens, and the first could have been the other label's."""
    words = text.split(" ")
    pieces = [word if place == 0 else f" {word}" for place, word in enumerate(words)]
    found = []
    for place, piece in enumerate(pieces):
        likeliest = [(piece, math.log(0.8))]
        if place == 0:
            likeliest.append(("not" if piece.startswith("ent") else "ent", math.log(0.15)))
        told = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in likeliest]
        found.append({**told[0], "top_logprobs": told})
    return found


def main() -> None:
    """Serves until it is killed; the first line on standard output is the port."""
    plan = Plan(**json.loads(sys.argv[1]))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(plan).serve())


if __name__ == "__main__":
    main()
