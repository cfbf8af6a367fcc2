"""The ``openai`` backend against real HTTP servers on loopback, with the real client."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from entailbench import Answer, Decoding, Message, Model, ModelError, OpenContext, Prompt, TaskOutline, Usage
from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions
from entailbench_adapters.redaction import describe, one_line, public_url, redact
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


def test_too_many_stop_sequences_are_known_before_anything_is_sent(context: MakeContext) -> None:
    def problems(decoding: Decoding | None) -> list[str]:
        return list(OpenaiBackend().check_task(OpenaiOptions("m"), context(), TaskOutline("t", ({},), decoding)))

    assert problems(Decoding(5, stop=tuple("abcde"))) == ["the API takes at most 4 stop sequences, the task has 5"]
    assert problems(Decoding(5, stop=tuple("abcd"))) == []
    assert problems(None) == []


def test_no_prompts(opened: Callable[..., Model]) -> None:
    assert ask(opened("http://127.0.0.1:9/v1"), 0) == {}


# Before anything is sent


def check(context: MakeContext, **options: Any) -> list[str]:
    return list(OpenaiBackend().check(OpenaiOptions(**{"model": "m", **options}), context()))


@pytest.mark.parametrize("value", [None, "", "  "])
def test_the_key_is_missing(context: MakeContext, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("OPENAI_API_KEY") if value is None else monkeypatch.setenv("OPENAI_API_KEY", value)
    for options in ({}, {"base_url": "http://127.0.0.1:8000/v1"}):
        (problem,) = check(context, **options)
        assert problem.startswith("OPENAI_API_KEY is not set: export it, or ")
        assert "\n" not in problem
    with pytest.raises(ModelError, match="OPENAI_API_KEY is not set"):
        OpenaiBackend().open(OpenaiOptions("m"), context())
    assert check(context, api_key_env="") == []
    assert check(context, api_key_env="OTHER_KEY")[0].startswith("OTHER_KEY is not set")


def test_a_key_that_is_none(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-half\nsk-other-half")
    (problem,) = check(context)
    assert "characters that no key has" in problem
    assert "half" not in problem
    monkeypatch.setenv("OPENAI_API_KEY", "sk-with-a-newline-at-its-end\n")
    assert check(context) == []


@pytest.mark.parametrize(
    "pasted", ["sk-abcdefgh", "sk_live_abcdefgh", "hf_abcdefgh", "0123abcdefgh", "two words abcdefgh", "Xabcdefgh0" * 3]
)
def test_a_key_in_place_of_its_variable_is_never_shown(context: MakeContext, pasted: str) -> None:
    options = OpenaiOptions("m", api_key_env=pasted)
    (problem,) = OpenaiBackend().check(options, context())
    assert problem.startswith("`api_key_env` must be the name of an environment variable")
    with pytest.raises(ModelError) as caught:
        OpenaiBackend().open(options, context())
    for text in (problem, str(caught.value), repr(options), OpenaiBackend().describe(options)):
        assert "abcdefgh" not in text
    assert "api_key_env='[redacted]'" in repr(options)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "_key2", "SK_TEAM", "skeleton_key", "AZUREKEY"])
def test_the_name_of_a_variable_is_shown(context: MakeContext, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name, raising=False)
    assert check(context, api_key_env=name)[0].startswith(f"{name} is not set")
    assert name in repr(OpenaiOptions("m", api_key_env=name))
    assert "api_key_env=''" in repr(OpenaiOptions("m", api_key_env=""))


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://h/v1", "http://", "http://h:port/v1", "http://[::1/v1", "x y"]
)
def test_a_malformed_url(context: MakeContext, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert check(context, base_url=url)[0].startswith("base_url is no endpoint: ")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert check(context)[0].startswith("OPENAI_BASE_URL is no endpoint: ")


def test_all_problems_at_once(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    problems = check(context, model=" ", base_url="nowhere", concurrency=0, max_retries=-1, timeout=0)
    assert len(problems) == 6
    assert check(context, api_key_env="", base_url="https://example.org:8443/v1") == []


def test_no_key_is_ever_shown(opened: Callable[..., Model], context: MakeContext) -> None:
    with RecordingServer(lambda request: Reply.error(403, f"the key {KEY} and the header Bearer {KEY}")) as server:
        model = opened(server)
        message = failure(model)
    assert "[redacted]" in message
    shown = [repr(OpenaiBackend().open(OpenaiOptions("m"), context())), repr(OpenaiOptions("m"))]
    for text in (message, repr(model), repr(model.identity), model.render(()), *shown):
        assert KEY not in text


def test_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", "tok-123456")
    assert redact("a tok-123456 b") == "a [redacted] b"
    assert redact("GET http://u:p@h/x?key=v&b=c pw", ["pw"]) == "GET http://h/x?key=[redacted]&b=[redacted] [redacted]"
    assert public_url("https://u:p@h:1/v1/?k=v#f") == "https://h:1/v1"
    assert one_line("a\n\t\x07b" + "c" * 400, 10) == "a bcccccc…"
    assert describe(ValueError()) == "ValueError"


def test_declaring_the_backends_loads_nothing_heavy() -> None:
    code = (
        "import sys, entailbench_adapters.openai, entailbench_adapters.replay, entailbench_adapters.lm_eval\n"
        "print([m for m in ('torch', 'transformers', 'lm_eval', 'openai', 'pydantic', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# A server nobody here wrote


def make_litgpt_checkpoint(directory: Path) -> Path:
    """A litgpt checkpoint of 2 layers with random weights."""
    import torch
    from litgpt import GPT, Config
    from litgpt.utils import save_config

    from tiny_models import make_tiny_tokenizer

    tokenizer = make_tiny_tokenizer()
    tokenizer.save_pretrained(directory)
    config = Config(
        name="tiny",
        block_size=256,
        vocab_size=len(tokenizer),
        padded_vocab_size=len(tokenizer),
        n_layer=2,
        n_head=2,
        n_embd=32,
        intermediate_size=64,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
    )
    torch.manual_seed(0)
    torch.save(GPT(config).state_dict(), directory / "lit_model.pth")
    save_config(config, directory)
    return directory


@contextlib.contextmanager
def litgpt_serve(checkpoint: Path, log: Path) -> Iterator[str]:
    """Runs ``litgpt serve`` and yields its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [shutil.which("litgpt", path=str(Path(sys.executable).parent)) or "litgpt", "serve", str(checkpoint)]
    command += ["--openai_spec", "true", "--port", str(port), "--top_k", "1", "--accelerator", "cpu"]
    # A session of its own, since it starts workers: they are stopped together, and nothing else is.
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + 240
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.mark.slow
def test_litgpt_serve(opened: Callable[..., Model], tmp_path: Path) -> None:
    pytest.importorskip("litserve")
    checkpoint = make_litgpt_checkpoint(tmp_path / "tiny")
    with litgpt_serve(checkpoint, tmp_path / "serve.log") as url:
        # litgpt's server reads this field alone, and is greedy by --top_k 1 only.
        model = opened(url, model="tiny-litgpt", max_tokens_field="max_completion_tokens", concurrency=2, timeout=120)
        first = ask(model, 3, Decoding(max_tokens=8))
        assert ask(model, 3, Decoding(max_tokens=8)) == first
        longer = ask(model, 3, Decoding(max_tokens=16))
    assert set(first) == {"t/0", "t/1", "t/2"}
    assert all(first.values())
    assert all(len(longer[key]) > len(first[key]) for key in first)
    assert model.identity.served == f"tiny-litgpt at {url}"
