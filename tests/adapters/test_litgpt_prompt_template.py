"""A litgpt prompt style, as a chat template, renders what litgpt feeds to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("litgpt")

from entailbench import ModelError, UnknownNameError
from entailbench_adapters.prompt_template import (
    matching_style,
    named_style,
    style_names,
    style_of,
    style_text,
    style_to_chat_template,
    uses_input,
    write_style,
)

BOS = "<s>"
STYLES = [*style_names(), "default"]
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x02\x03"), max_size=40)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A transformers tokenizer that exists only to render templates."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def rendered(tokenizer: Any, template: str, *messages: tuple[str, str]) -> str:
    tokenizer.chat_template = template
    conversation = [{"role": role, "content": content} for role, content in messages]
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))


@pytest.mark.parametrize("name", STYLES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instruction=texts.filter(lambda text: "\n\n" not in text and not text.endswith("\n")), input=texts)
def test_every_style_renders_as_litgpt_applies_it(name: str, tokenizer: Any, instruction: str, input: str) -> None:
    style = named_style(name)
    input = input.lstrip("\n")
    user = f"{instruction}\n\n{input}" if input else instruction
    expected = style.apply(prompt=instruction, input=input) if uses_input(style) else style.apply(prompt=user, input="")
    assert rendered(tokenizer, style_to_chat_template(style, BOS), ("user", user)) == BOS + expected
    assert rendered(tokenizer, style_to_chat_template(style, BOS, add_bos=False), ("user", user)) == expected
    assert style_text(style, user) == expected


def test_only_alpaca_shows_the_input() -> None:
    assert [name for name in STYLES if uses_input(named_style(name))] == ["alpaca"]


def test_a_later_blank_line_belongs_to_the_input(tokenizer: Any) -> None:
    style = named_style("alpaca")
    expected = style.apply(prompt="Decide.", input="All x.\n\nHypothesis: y")
    template = style_to_chat_template(style, None)
    assert rendered(tokenizer, template, ("user", "Decide.\n\nAll x.\n\nHypothesis: y")) == expected


def test_a_blank_line_with_nothing_after_it_is_no_input(tokenizer: Any) -> None:
    style = named_style("alpaca")
    expected = style.apply(prompt="Decide.\n\n", input="")
    assert "### Input" not in expected
    assert rendered(tokenizer, style_to_chat_template(style, None), ("user", "Decide.\n\n")) == expected
    assert style_text(style, "Decide.\n\n") == expected


def test_a_bos_the_style_writes_itself_is_neither_doubled_nor_kept_where_litgpt_strips_it(tokenizer: Any) -> None:
    style = named_style("llama3")
    bos = "<|begin_of_text|>"
    text = style.apply(prompt="x")
    assert text.startswith(bos)
    assert rendered(tokenizer, style_to_chat_template(style, bos), ("user", "x")) == text
    stripped = rendered(tokenizer, style_to_chat_template(style, bos, add_bos=False), ("user", "x"))
    assert stripped == text.removeprefix(bos)


@pytest.mark.parametrize(
    "messages",
    [
        [("system", "Be brief."), ("user", "x")],
        [("user", "x"), ("assistant", "y"), ("user", "z")],
        [("assistant", "x")],
    ],
)
def test_a_template_refuses_what_the_style_has_no_form_for(tokenizer: Any, messages: list[tuple[str, str]]) -> None:
    with pytest.raises(Exception, match="exactly one user message"):
        rendered(tokenizer, style_to_chat_template(named_style("alpaca"), BOS), *messages)


def test_a_style_that_rewrites_the_message_is_refused() -> None:
    from litgpt.prompts import PromptStyle

    class Stripping(PromptStyle):
        def apply(self, prompt: str, *, sys_prompt: str | None = None, **kwargs: str) -> str:
            return f"Q: {prompt.strip()} A:"

    class Silent(PromptStyle):
        def apply(self, prompt: str, *, sys_prompt: str | None = None, **kwargs: str) -> str:
            return "A:"

    with pytest.raises(ModelError, match="Stripping rewrites the message"):
        style_to_chat_template(Stripping(), None)
    with pytest.raises(ModelError, match="Silent drops the message"):
        style_to_chat_template(Silent(), None)


def test_the_style_file_round_trips(tmp_path: Path) -> None:
    assert style_of(tmp_path) is None
    write_style(named_style("phi-3"), tmp_path)
    assert type(style_of(tmp_path)).__name__ == "Phi3"


@pytest.mark.parametrize(
    "content",
    ["class_path: os.system", "class_path: litgpt.prompts.prompt_styles", "class_path: litgpt.prompts.yaml.Dumper"],
)
def test_code_from_elsewhere_is_not_imported(tmp_path: Path, content: str) -> None:
    (tmp_path / "prompt_style.yaml").write_text(content)
    with pytest.raises(ModelError, match="not one of litgpt's own prompt styles"):
        style_of(tmp_path)


@pytest.mark.parametrize("content", ["", "class_path: 3", "- a", "class_path: [", "other: x"])
def test_a_malformed_style_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "prompt_style.yaml").write_text(content)
    with pytest.raises(ModelError, match=r"prompt_style\.yaml"):
        style_of(tmp_path)


def test_an_unknown_style_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'alpaca'"):
        named_style("alpacca")


def test_the_style_of_a_chat_template_is_recognized() -> None:
    style = named_style("smollm2")
    assert type(matching_style(style.apply(prompt="x"), "x", "<|im_start|>")).__name__ == "SmolLM2"
    assert type(matching_style("<s>[INST] x [/INST]", "x", "<s>")).__name__ == "CodeLlama"
    assert matching_style("nobody writes x so", "x", None) is None
