"""Options of the ``openai`` backend: what is wrong with them is said before anything is sent, and no key is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from entailbench import Decoding, ModelError, OpenContext, TaskOutline, redact
from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions
from entailbench_adapters.redaction import describe, one_line, public_url
from faulty_rows import KEY

MakeContext = Callable[..., OpenContext]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


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


def test_too_many_stop_sequences_are_known_before_anything_is_sent(context: MakeContext) -> None:
    def problems(decoding: Decoding | None) -> list[str]:
        return list(OpenaiBackend().check_task(OpenaiOptions("m"), context(), TaskOutline("t", ({},), decoding)))

    assert problems(Decoding(5, stop=tuple("abcde"))) == ["the API takes at most 4 stop sequences, the task has 5"]
    assert problems(Decoding(5, stop=tuple("abcd"))) == []
    assert problems(None) == []
