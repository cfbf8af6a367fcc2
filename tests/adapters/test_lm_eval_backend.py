"""The ``lm-eval`` backend: what lm-eval's own model classes answer, unchanged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, Message, Model, ModelError, OpenContext, Prompt
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.lm_eval import LmEvalBackend, LmEvalOptions
from entailbench_adapters.quiet_lm_eval import without_bars
from servers import RecordingServer, Reply, Request
from tiny_models import make_tiny_llama

GREEDY = Decoding(max_tokens=8, stop=("\n",))
CANDIDATES = ("entailment", "not entailment")
MakeContext = Callable[..., OpenContext]


def prompts(model: Model, count: int) -> list[Prompt]:
    made = []
    for i in range(count):
        messages = (Message("user", f"Alice is taller than Bob{' and Carol' * i}. Is Bob taller?"),)
        made.append(Prompt(f"t/{i}", "t", i, messages, model.render(messages), {"label": "entailment"}))
    return made


def opened(
    context: MakeContext, model: str, /, *, chunk: int = 64, batch_size: int | None = None, **args: Any
) -> Model:
    return LmEvalBackend().open(LmEvalOptions(model, args, batch_size, chunk), context())


def texts(model: Model, count: int, decoding: Decoding = GREEDY) -> list[str]:
    asked = prompts(model, count)
    answers = {answer.prompt_id: answer.text for answer in model.generate(asked, decoding)}
    return [answers[prompt.id] for prompt in asked]


def check(context: MakeContext, model: str, **options: Any) -> list[str]:
    return list(LmEvalBackend().check(LmEvalOptions(model, **options), context()))


# hf


@pytest.fixture(scope="module")
def hf(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("hf")
    options = LmEvalOptions("hf", {"pretrained": str(tiny_llama), "device": "cpu", "dtype": "float32"}, batch_size=4)
    return LmEvalBackend().open(options, OpenContext("m", folder, folder))


@pytest.fixture(scope="module")
def direct(tiny_llama: Path) -> Any:
    """The same model by lm-eval alone."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(tiny_llama), device="cpu", dtype="float32", batch_size=4)


def test_texts_are_lm_evals(hf: Model, direct: Any) -> None:
    from lm_eval.api.instance import Instance

    chats = [direct.apply_chat_template([{"role": "user", "content": p.messages[0].content}]) for p in prompts(hf, 6)]
    arguments = {"until": ["\n"], "max_gen_toks": 8, "do_sample": False, "temperature": 0.0}
    expected = direct.generate_until([Instance("generate_until", {}, (c, dict(arguments)), 0) for c in chats])
    assert hf.chat
    assert [prompt.text for prompt in prompts(hf, 6)] == chats
    assert texts(hf, 6) == expected
    assert len(set(expected)) > 1, "the model must tell the prompts apart, or this test shows nothing"


def test_log_probabilities_are_lm_evals(hf: Model, direct: Any) -> None:
    from lm_eval.api.instance import Instance

    asked = prompts(hf, 5)
    pairs = [(prompt.text, candidate) for prompt in asked for candidate in CANDIDATES]
    expected = direct.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in pairs])
    scores = {one.prompt_id: one for one in hf.score(asked, [CANDIDATES] * 5)}
    got = [pair for prompt in asked for pair in zip(scores[prompt.id].logprobs, scores[prompt.id].greedy, strict=True)]
    assert got == [(float(logprob), bool(greedy)) for logprob, greedy in expected]


def test_prompts_may_have_different_candidates(hf: Model) -> None:
    asked = prompts(hf, 3)
    groups = [("a",), ("a", "b", "c"), ("b", "a")]
    scores = list(hf.score(asked, groups))
    assert [len(one.logprobs) for one in scores] == [1, 3, 2]
    alone = next(iter(hf.score(asked[2:], [("b", "a")])))
    assert scores[2].logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_chunks_change_nothing_and_answers_come_early(context: MakeContext, hf: Model, tiny_llama: Path) -> None:
    model = opened(context, "hf", chunk=2, pretrained=str(tiny_llama), device="cpu", dtype="float32")
    calls = []
    lm = vars(model)["_lm"]
    inner = lm.generate_until
    lm.generate_until = lambda requests: calls.append(len(requests)) or inner(requests)
    stream = model.generate(prompts(model, 5), GREEDY)
    first = next(stream)
    assert calls == [2]
    assert [first.text, *(answer.text for answer in stream)] == texts(hf, 5)
    assert calls == [2, 2, 1]


def test_the_identity_tells_weights_and_template(context: MakeContext, hf: Model, tiny_llama: Path) -> None:
    identity = hf.identity
    assert identity.backend == "lm-eval"
    assert identity.weights == hash_weights(tiny_llama)
    assert identity.template is not None
    assert identity.served is None
    assert identity.details["model"] == "hf"
    assert '"dtype": "float32"' in identity.details["args"]


def test_without_a_chat_template_prompts_are_plain_text(context: MakeContext, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "plain", chat=False)
    model = opened(context, "hf", pretrained=str(folder), device="cpu")
    assert not model.chat
    assert model.render((Message("system", "Be brief."), Message("user", "Is it?"))) == "Be brief.\n\nIs it?"
    assert len(texts(model, 2)) == 2


def test_a_relative_folder_starts_at_the_workspace(context: MakeContext, workspace: Path, tiny_llama: Path) -> None:
    (workspace / "mine").symlink_to(tiny_llama)
    model = opened(context, "hf", pretrained="mine", device="cpu")
    assert model.identity.weights == hash_weights(tiny_llama)
    model.close()
    with pytest.raises(ModelError, match="closed"):
        texts(model, 1)


def test_nothing_is_printed(context: MakeContext, tiny_llama: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = opened(context, "hf", pretrained=str(tiny_llama), device="cpu")
    capfd.readouterr()
    texts(model, 3)
    list(model.score(prompts(model, 3), [CANDIDATES] * 3))
    out, err = capfd.readouterr()
    assert out == ""
    assert "%|" not in err


def test_a_model_that_cannot_be_loaded(context: MakeContext, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError) as caught:
        opened(context, "hf", pretrained=str(tmp_path / "empty"))
    assert str(caught.value).startswith("lm-eval cannot open 'hf': ")
    assert "\n" not in str(caught.value)


# dummy


def test_dummy(context: MakeContext, capfd: pytest.CaptureFixture[str]) -> None:
    model = opened(context, "dummy", write_out=True)
    assert not model.chat, "its tokenizer would have to be downloaded"
    assert texts(model, 3) == ["lol"] * 3
    assert [len(one.logprobs) for one in model.score(prompts(model, 3), [CANDIDATES] * 3)] == [2, 2, 2]
    assert (model.identity.weights, model.identity.template) == (None, None)
    out, err = capfd.readouterr()
    assert out == "", "what a model prints is not our result"
    assert "gen_kwargs" in err


def test_answers_that_are_left_out_are_noticed(context: MakeContext) -> None:
    model = opened(context, "dummy")
    lm = vars(model)["_lm"]
    lm.generate_until = lambda requests: ["lol"] * (len(requests) - 1)
    with pytest.raises(ModelError, match="answered 2 of 3 requests"):
        texts(model, 3)
    lm.generate_until = lambda requests: [None] * len(requests)
    with pytest.raises(ModelError, match="gave no text for t/0"):
        texts(model, 3)


# Chat APIs


@pytest.mark.parametrize("concurrent", [1, 4])
def test_a_chat_api(context: MakeContext, concurrent: int) -> None:
    with RecordingServer(lambda request: f"answer to {len(request.user)}") as server:
        model = opened(
            context,
            "local-chat-completions",
            model="served",
            base_url=f"{server.url}/chat/completions",
            num_concurrent=concurrent,
            max_retries=1,
        )
        assert model.chat
        assert model.identity.served == f"served (as asked) at {server.url}/chat/completions"
        asked = prompts(model, 5)
        assert texts(model, 5) == [f"answer to {len(prompt.messages[0].content)}" for prompt in asked]
        with pytest.raises(ModelError, match=r"cannot do this kind of task .*[Ll]oglikelihood"):
            list(model.score(asked, [CANDIDATES] * 5))
    assert len(server.requests) == 5
    by_user = {request.user: request for request in server.requests}
    body = by_user[asked[0].messages[0].content].body
    assert body["messages"] == [{"role": "user", "content": asked[0].messages[0].content}]
    assert (body["model"], body["temperature"], body["max_tokens"], body["stop"]) == ("served", 0.0, 8, ["\n"])


def test_a_chat_api_that_fails(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")

    def answer(request: Request) -> Reply:
        return Reply.error(400, f"bad key {request.headers['authorization']}")

    with RecordingServer(answer) as server:
        url = f"http://user:hidden@{server.origin}/v1/chat/completions?code=hidden"
        monkeypatch.setenv("MY_SERVER", url)
        model = opened(context, "local-chat-completions", model="served", base_url="env:MY_SERVER", max_retries=1)
        with pytest.raises(ModelError) as caught:
            texts(model, 1)
    assert "stopped: HTTPError: 400" in str(caught.value)
    for text in (str(caught.value), repr(model.identity)):
        assert "hidden" not in text
        assert "sk-test" not in text
        assert "\n" not in text


# Before anything is opened


def test_an_unknown_model(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = check(context, "vlm")
    assert problem.startswith("unknown lm-eval model 'vlm', did you mean 'vllm'? (known: anthropic-chat, ")
    assert check(context, "dummy") == []
    from lm_eval.api.registry import model_registry

    # As `entailbench lm-eval` leaves it: our own models must not be opened through themselves.
    monkeypatch.setitem(vars(model_registry)["_objs"], "entailbench", "some.module:Model")
    (problem,) = check(context, "entailbench")
    assert problem.startswith("unknown lm-eval model")


def test_missing_keys(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    for model, key in (("anthropic-chat", "ANTHROPIC_API_KEY"), ("openai-chat-completions", "OPENAI_API_KEY")):
        monkeypatch.delenv(key, raising=False)
        assert check(context, model) == [f"{key} is not set: lm-eval's {model!r} needs it"]
        monkeypatch.setenv(key, "sk-0123456789")
        assert check(context, model) == []


def test_missing_packages(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    real = util.find_spec
    hidden = ("vllm", "aiohttp")
    monkeypatch.setattr("entailbench_adapters.lm_eval.find_spec", lambda name: None if name in hidden else real(name))
    assert check(context, "vllm") == ["lm-eval's 'vllm' needs vllm: pip install 'lm-eval[vllm]'"]
    assert check(context, "local-chat-completions") == [
        "lm-eval's 'local-chat-completions' needs aiohttp: pip install 'entailbench[lm-eval]'"
    ]


def test_all_problems_at_once(context: MakeContext) -> None:
    problems = check(context, "hf", args={"batch_size": 1, "api_key": "sk-1"}, batch_size="many", chunk=0)
    assert problems == [
        'args.api_key looks like a secret: export it as a variable and write api_key = "env:NAME"',
        "args.pretrained is missing: a model folder or a hub id",
        "batch_size stands both in the options and in args: keep one",
        "batch_size must be a positive number or \"auto\", it is 'many'",
        "chunk must be at least 1, it is 0",
    ]
    with pytest.raises(ModelError, match="looks like a secret"):
        opened(context, "hf", api_key="sk-1")
    assert check(context, "hf", args={"pretrained": "org/model"}, batch_size="auto:4") == []
    assert "no folder" in check(context, "hf", args={"pretrained": "./none"})[0]
    assert "no endpoint" in check(context, "local-chat-completions", args={"base_url": "localhost:8000"})[0]


@pytest.mark.parametrize("key", ["think_end_token", "add_bos_token", "tokenizer", "prefix_token_id", "max_tokens"])
def test_tokens_of_text_are_no_secrets(context: MakeContext, key: str) -> None:
    assert check(context, "hf", args={"pretrained": "org/model", key: "</think>"}) == []


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "Api_Key",
        "apiKey",
        "API-KEY",
        "key",
        "auth_token",
        "Token",
        "bearer",
        "password",
        "db_passwd",
        "client_secret",
        "Credentials",
        "secret_key",
    ],
)
@pytest.mark.parametrize("value", ["hidden", 12345])
def test_names_of_secrets(context: MakeContext, key: str, value: str | int) -> None:
    assert check(context, "dummy", args={key: value}) == [
        f'args.{key} looks like a secret: export it as a variable and write {key} = "env:NAME"'
    ]
    assert check(context, "dummy", args={key: True}) == [], "a switch is no secret"


@pytest.mark.parametrize("key", ["header", "Headers", "extra_headers", "Authorization", "x-authorization"])
@pytest.mark.parametrize("value", ["Bearer sk-hidden", "env:MY_SERVER"])
def test_headers_cannot_be_given(context: MakeContext, key: str, value: str) -> None:
    (problem,) = check(context, "dummy", args={key: value})
    assert problem.startswith(f"args.{key} would hold a secret, and lm-eval takes headers as a table only")
    assert "hidden" not in problem
    with pytest.raises(ModelError, match="would hold a secret"):
        opened(context, "dummy", **{key: value})


@pytest.mark.parametrize(
    "value",
    [
        "sk-hidden",
        "Bearer hidden",
        "bearer hidden",
        "hf_hidden",
        "x: sk-hidden",
        "{'x': 'Bearer hidden'}",
        "https://user:hidden@127.0.0.1/v1",
        "env:sk-hidden",
        "env:sk_hidden",
        "env:https://user:hidden@h",
    ],
)
@pytest.mark.parametrize("key", ["extra", "base_url", "pretrained"])
def test_values_that_are_secrets(context: MakeContext, key: str, value: str) -> None:
    problem = check(context, "dummy", args={key: value})[0]
    assert problem.startswith(f"args.{key}")
    assert "hidden" not in problem
    assert "hidden" not in LmEvalBackend().describe(LmEvalOptions("dummy", {key: value}))


@pytest.mark.parametrize("value", ["sk-learn/model", "hf_internal/tiny", "org/sk-model", "task-1", "a: b", "</think>"])
def test_values_that_are_none(context: MakeContext, value: str) -> None:
    assert check(context, "dummy", args={"pretrained": value, "extra": value}) == []


def test_a_folder_may_be_called_like_a_token(context: MakeContext, workspace: Path) -> None:
    (workspace / "hf_models").mkdir()
    assert check(context, "dummy", args={"pretrained": "hf_models"}) == []
    (problem,) = check(context, "dummy", args={"pretrained": "hf_others"})
    assert "looks like a secret" in problem


def test_what_may_be_a_secret_is_not_written_down(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hidden-by-its-variable")
    args = {
        "base_url": "http://127.0.0.1:1/v1?code=hidden",
        "mirror": "s3://bucket/model?sig=hidden",
        "extra": '{"api_key": "hidden", "n": 1}',
        "copied": "hidden-by-its-variable",
        "dtype": "float32",
    }
    model = opened(context, "dummy", **args)
    assert "hidden" not in repr(model.identity)
    assert '"base_url": "http://127.0.0.1:1/v1"' in model.identity.details["args"]
    assert '"dtype": "float32"' in model.identity.details["args"]


def test_secrets_come_from_the_environment(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    args = {"auth_token": "env:MY_SERVER"}
    monkeypatch.delenv("MY_SERVER", raising=False)
    assert check(context, "dummy", args=args) == ["MY_SERVER is not set: args.auth_token takes its value from there"]
    monkeypatch.setenv("MY_SERVER", "hidden-value")
    model = LmEvalBackend().open(LmEvalOptions("dummy", args), context())

    def fail(requests: Any) -> None:
        raise RuntimeError("the server refused hidden-value")

    vars(model)["_lm"].generate_until = fail
    with pytest.raises(ModelError, match=r"stopped: RuntimeError: the server refused \[redacted\]$"):
        texts(model, 1)
    assert model.identity.details["args"] == '{"auth_token": "env:MY_SERVER"}'
    assert "hidden" not in repr(model.identity)
    assert "env:" not in repr(LmEvalOptions("dummy", args))


def test_only_bars_are_taken_from_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    from tqdm import tqdm

    with without_bars():
        for _ in tqdm(range(3), position=1):
            print("a warning", file=sys.stderr)
            sys.stderr.write("\n")
        print("printed")
    print("result")
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "a warning\n" * 3 + "printed\n"
