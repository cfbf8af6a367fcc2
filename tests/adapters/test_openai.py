"""The ``openai`` backend against real HTTP servers on loopback, with the real client."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from entailbench import Answer, Decoding, Message, Model, ModelError, OpenContext, Prompt, Usage
from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions
from servers import RecordingServer, Reply, Request, completion

KEY = "sk-test-0123456789abcdef"
GREEDY = Decoding(max_tokens=16)
MakeContext = Callable[..., OpenContext]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def opened(context: MakeContext) -> Iterator[Callable[..., Model]]:
    """Opens models, and closes them in the end."""
    models: list[Model] = []

    def make(server: RecordingServer | str, **options: Any) -> Model:
        base_url = server if isinstance(server, str) else server.url
        given = {"model": "gpt-3.5-turbo", "base_url": base_url, "max_retries": 0, **options}
        models.append(OpenaiBackend().open(OpenaiOptions(**given), context()))
        return models[-1]

    yield make
    for model in models:
        model.close()


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"t/{i}", "t", i, (Message("user", f"question {i}"),), "") for i in range(count)]


def ask(model: Model, count: int = 1, decoding: Decoding = GREEDY) -> dict[str, str]:
    return {answer.prompt_id: answer.text for answer in model.generate(prompts(count), decoding)}


def failure(model: Model, count: int = 1) -> str:
    with pytest.raises(ModelError) as caught:
        ask(model, count)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is sent


def test_everything_asked_for_is_sent(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "entailment") as server:
        conversation = (Message("user", "Is it?"), Message("assistant", "It is."), Message("user", "Sure — 确定?"))
        prompt = Prompt("t/0", "t", 0, conversation, "")
        decoding = Decoding(max_tokens=17, stop=("\n", "Context:"), seed=7)
        model = opened(server, logprobs=False)
        assert list(model.generate([prompt], decoding)) == [Answer("t/0", "entailment", usage=Usage(1, 1, 0, 1))]
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "gpt-3.5-turbo",
        "messages": [
            {"role": "user", "content": "Is it?"},
            {"role": "assistant", "content": "It is."},
            {"role": "user", "content": "Sure — 确定?"},
        ],
        "temperature": 0.0,
        "seed": 7,
        "stop": ["\n", "Context:"],
        "max_tokens": 17,
    }


def test_the_variants_of_a_request(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "") as server:
        model = opened(server, max_tokens_field="max_completion_tokens", system="Be brief.")
        ask(model, decoding=Decoding(max_tokens=5, temperature=0.5))
    body = server.requests[0].body
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    assert "stop" not in body
    assert body["temperature"] == 0.5
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "question 0"},
    ]
    assert model.render((Message("user", "question 0"),)) == (
        '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "question 0"}]'
    )


def test_no_key_is_wanted(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "yes") as server:
        ask(opened(server, api_key_env=""))
    assert KEY not in server.requests[0].headers["authorization"]


def test_base_url_from_the_environment(opened: Callable[..., Model], monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordingServer(lambda request: "yes") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert ask(opened("", base_url=None)) == {"t/0": "yes"}


def test_credentials_in_the_url_are_sent_and_not_shown(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "yes" if request.user == "question 0" else Reply.error(400, "no")) as server:
        url = f"http://user:hidden-password@{server.origin}/v1?api-version=3&code=hidden-query"
        model = opened(url)
        before = repr(model.identity)
        ask(model)
        shown = [before, repr(model.identity), failure(model, 2), repr(OpenaiOptions("m", url)), repr(model)]
        shown.append(OpenaiBackend().describe(OpenaiOptions("m", url)))
    assert server.requests[0].path == "/v1/chat/completions?api-version=3&code=hidden-query"
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    unreachable = failure(opened(url))
    assert all("hidden" not in text for text in [*shown, unreachable])
    assert model.identity.served == f"recorded-1 at http://{server.origin}/v1"


# Concurrency


def test_requests_overlap_and_answers_find_their_prompts(opened: Callable[..., Model]) -> None:
    together = threading.Barrier(4, timeout=30)

    def answer(request: Request) -> str:
        together.wait()  # nobody is answered before four have asked
        return f"answer to {request.user}"

    with RecordingServer(answer) as server:
        assert ask(opened(server, concurrency=4), 12) == {f"t/{i}": f"answer to question {i}" for i in range(12)}
    assert len(server.requests) == 12


def test_no_more_requests_in_flight_than_allowed(opened: Callable[..., Model]) -> None:
    lock, in_flight, most = threading.Lock(), 0, 0

    def answer(request: Request) -> str:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.01)
        with lock:
            in_flight -= 1
        return ""

    with RecordingServer(answer) as server:
        ask(opened(server, concurrency=2), 12)
    assert most <= 2


def test_an_answer_comes_before_a_slower_one(opened: Callable[..., Model]) -> None:
    first_is_read = threading.Event()

    def answer(request: Request) -> str:
        if request.user == "question 0":
            assert first_is_read.wait(30)
        return ""

    with RecordingServer(answer) as server:
        stream = opened(server, concurrency=2).generate(prompts(2), GREEDY)
        assert next(stream).prompt_id == "t/1"
        first_is_read.set()
        assert next(stream).prompt_id == "t/0"


def test_a_failure_keeps_the_answers_before_it_and_asks_no_more(opened: Callable[..., Model]) -> None:
    def answer(request: Request) -> str | Reply:
        return Reply.error(400, "too long") if request.user == "question 3" else "yes"

    with RecordingServer(answer) as server:
        got: list[Answer] = []
        with pytest.raises(ModelError, match="too long"):
            got.extend(opened(server, concurrency=1).generate(prompts(20), GREEDY))
    assert [(one.prompt_id, one.outcome) for one in got] == [
        ("t/0", "answered"),
        ("t/1", "answered"),
        ("t/2", "answered"),
        ("t/3", "error"),
    ]
    assert "too long" in got[3].reason
    assert len(server.requests) == 4


def test_a_failure_waits_for_answers_in_flight(opened: Callable[..., Model]) -> None:
    together = threading.Barrier(3, timeout=30)
    refused = threading.Event()

    def answer(request: Request) -> str | Reply:
        together.wait()
        if request.user == "question 0":
            refused.set()
            return Reply.error(400, "no")
        assert refused.wait(30)
        time.sleep(0.2)  # long enough for the failure to be known first
        return "paid for"

    with RecordingServer(answer) as server:
        got: list[Answer] = []
        with pytest.raises(ModelError):
            got.extend(opened(server, concurrency=3).generate(prompts(9), GREEDY))
    assert sorted(one.prompt_id for one in got if one.outcome == "answered") == ["t/1", "t/2"]


# Who answered


def test_a_stand_in_is_named(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "yes", model="llama-3-8b") as server:
        model = opened(server)
        assert model.identity.served == f"gpt-3.5-turbo at {server.url}"
        ask(model)
    identity = model.identity
    assert identity.served == f"llama-3-8b at {server.url}"
    assert (identity.backend, identity.weights, identity.template) == ("openai", None, None)
    assert identity.details["asked"] == "gpt-3.5-turbo"


def test_every_model_that_answered_is_named(opened: Callable[..., Model]) -> None:
    def answer(request: Request) -> Reply:
        last = request.user[-1]
        served = {**completion("yes", f"gpt-{last}"), "system_fingerprint": f"fp_{last}"}
        return Reply(body=served)

    with RecordingServer(answer) as server:
        model = opened(server, concurrency=1)
        ask(model, 2)
        ask(model, 2)
    assert model.identity.served == f"gpt-0, gpt-1 at {server.url}"
    assert model.identity.details["system_fingerprint"] == "fp_0, fp_1"


# What may come back


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (completion(None, "m"), ""),
        (completion(None, "m", refusal="I will not."), "I will not."),
        (completion("\n entailment\u2028", "m"), "\n entailment\u2028"),
    ],
)
def test_texts_are_taken_as_they_are(opened: Callable[..., Model], reply: dict[str, Any], text: str) -> None:
    with RecordingServer(lambda request: Reply(body=reply)) as server:
        assert ask(opened(server)) == {"t/0": text}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply.error(401, f"Incorrect API key provided: {KEY}"), ["OPENAI_API_KEY", "401", "Incorrect API key"]),
        (Reply.error(404, "The model does not exist"), ["gpt-3.5-turbo", "404", "The model does not exist"]),
        (Reply.error(429, "Rate limit reached"), ["429", "Rate limit reached"]),
        (Reply.error(400, "Unsupported parameter: 'seed'"), ["400", "Unsupported parameter: 'seed'"]),
        (Reply.error(400, "two\nlines \x1b[31mred"), ["two lines [31mred"]),
        (Reply.error(500, "x" * 5000), ["500", "xxx"]),
        (Reply(503, b"<html>busy</html>"), ["503"]),
        (Reply(body={**completion("x", "m"), "choices": []}), ["empty list of choices"]),
        (Reply(body={"hello": "world"}), ["not with a chat completion", "/v1"]),
        (Reply(body=[]), ["not with a chat completion"]),
        (Reply(body=b"<html>welcome</html>"), ["not with a chat completion"]),
        (Reply(body={**completion("x", "m"), "choices": [{"index": 0}]}), ["no text"]),
        (Reply(body=completion([{"type": "text"}], "m")), ["no text"]),  # type: ignore[arg-type]
    ],
)
def test_a_reply_that_is_no_answer(opened: Callable[..., Model], reply: Reply, words: list[str]) -> None:
    with RecordingServer(lambda request: reply) as server:
        message = failure(opened(server))
        assert all(word in message for word in [*words, server.url]), message
    assert KEY not in message
    assert len(message) < 600
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "retries"), [(500, 2), (429, 1)])
def test_a_busy_server_is_asked_again(opened: Callable[..., Model], status: int, retries: int) -> None:
    seen: Counter[str] = Counter()

    def answer(request: Request) -> str | Reply:
        seen[request.user] += 1
        return "yes" if seen[request.user] > 2 else Reply.error(status, "slow down", **{"retry_after_ms": "1"})

    with RecordingServer(answer) as server:
        assert ask(opened(server, max_retries=retries), 3) == {f"t/{i}": "yes" for i in range(3)}


@pytest.mark.parametrize(("status", "options"), [(500, {"max_retries": 2}), (429, {"max_retries": 2, "max_wait": 0.5})])
def test_a_server_that_stays_busy_is_given_up(
    opened: Callable[..., Model], status: int, options: dict[str, Any]
) -> None:
    reply = Reply.error(status, "slow down", **{"retry_after_ms": "1"})
    with RecordingServer(lambda request: reply) as server:
        message = failure(opened(server, **options))
    assert f"({status}): slow down (after {len(server.requests)} attempts)" in message
    assert len(server.requests) == 3 if status == 500 else 1 < len(server.requests) < 10


def test_no_server(opened: Callable[..., Model]) -> None:
    with RecordingServer(lambda request: "") as server:
        url = server.url
    message = failure(opened(url))
    assert f"cannot reach {url}" in message
    assert "is the server running" in message


def test_a_server_that_does_not_answer(opened: Callable[..., Model]) -> None:
    ended = threading.Event()

    def answer(request: Request) -> str:
        ended.wait(30)
        return ""

    with RecordingServer(answer) as server:
        assert "did not answer within 0.2 s" in failure(opened(server, timeout=0.2))
        ended.set()


def test_too_many_stop_sequences(opened: Callable[..., Model]) -> None:
    decoding = Decoding(5, stop=("a", "b", "c", "d", "e"))
    with RecordingServer(lambda request: "") as server, pytest.raises(ModelError, match=r"at most 4 stop .* has 5"):
        ask(opened(server), decoding=decoding)
    assert server.requests == []


def test_no_prompts(opened: Callable[..., Model]) -> None:
    assert ask(opened("http://127.0.0.1:9/v1"), 0) == {}


def test_no_key_is_ever_shown(opened: Callable[..., Model], context: MakeContext) -> None:
    with RecordingServer(lambda request: Reply.error(403, f"the key {KEY} and the header Bearer {KEY}")) as server:
        model = opened(server)
        message = failure(model)
    assert "[redacted]" in message
    shown = [repr(OpenaiBackend().open(OpenaiOptions("m"), context())), repr(OpenaiOptions("m"))]
    for text in (message, repr(model), repr(model.identity), model.render(()), *shown):
        assert KEY not in text
