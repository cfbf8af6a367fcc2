"""A model is prompted as it was trained: by what its checkpoint records, and otherwise only when the user says so."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import yaml

from entailbench import Message, ModelError, OpenContext, SftPair, TrainingJob
from entailbench.answered import ModelAnswers
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions, load_tokenizer
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from entailbench_adapters.litgpt_lora import LitgptLoraTrainer
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.prompt_record import (
    PROBES,
    PROMPT_FILES,
    PromptRecord,
    default_system,
    generous,
    prompt_hash,
    read_record,
    record_prompt,
    write_record,
)
from entailbench_adapters.prompt_template import named_style, write_style
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint, resolved
from tiny_models import CHAT_TEMPLATE, make_tiny_llama, make_tiny_tokenizer

BACKEND = LitgptBackend()
PAIRS = tuple(
    SftPair(
        "Decide whether it follows.",
        f"Alice is taller than Bob, number {i}.\nHypothesis: Bob is {'shorter' if i % 2 else 'taller'}.",
        "entailment" if i % 2 else "not entailment",
        label="entailment" if i % 2 else "not entailment",
        puzzle=str(i),
    )
    for i in range(12)
)
MESSAGE = [Message("user", PAIRS[0].user)]
CHAT = f"<|im_start|>user\n{PAIRS[0].user}<|im_end|>\n<|im_start|>assistant\n"
ALPACA = named_style("alpaca").apply(prompt=PAIRS[0].instruction, input=PAIRS[0].input)
SYSTEM_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}{% endif %}"
    + CHAT_TEMPLATE
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="module")
def untrained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA as litgpt leaves it, with no word about its prompt."""
    folder = tmp_path_factory.mktemp("untrained")
    base = make_litgpt_base(tiny, folder / "litgpt")
    return make_lora_checkpoint(base, folder / "lora", ("query", "value"))


@pytest.fixture
def foreign(untrained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untrained, tmp_path / "foreign"))


@pytest.fixture
def over_base(tiny: Path, context: Callable[..., OpenContext]) -> OpenContext:
    base = context("base")
    return replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(tiny)), base))


@pytest.fixture(scope="module")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of the real trainer by prompt style."""
    made = {}
    for style in ("chat", "alpaca"):
        folder = tmp_path_factory.mktemp(style)
        base = OpenContext("base", folder / "home", folder, root="base")
        context = replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(tiny)), base))
        out = folder / "checkpoint"
        out.mkdir()
        recipe = LoraRecipe(lora_r=2, epochs=1, micro_batch_size=2, global_batch_size=4, prompt_style=style)
        LitgptLoraTrainer().train(recipe, TrainingJob(context, PAIRS, PAIRS[:2], out, target="proof"))
        made[style] = out
    return made


@pytest.fixture
def alpaca(trained: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained["alpaca"], tmp_path / "alpaca"))


def at(path: Path, **options: Any) -> LitgptOptions:
    return LitgptOptions(checkpoint=str(path), **options)


def problems(path: Path, context: OpenContext, **options: Any) -> str:
    return "\n".join(BACKEND.check(at(path, **options), context))


# What is recorded


def test_a_training_records_its_prompt(trained: dict[str, Path]) -> None:
    chat, alpaca = read_record(trained["chat"]), read_record(trained["alpaca"])
    assert chat is not None
    assert alpaca is not None
    assert (chat.prompt_style, chat.bos, chat.target) == ("chat", True, "proof")
    assert (alpaca.prompt_style, alpaca.bos, alpaca.target) == ("alpaca", False, "proof")
    assert chat.stop == alpaca.stop == ("<|im_end|>",)
    assert chat.rendered == "<|im_start|>user\nWhat follows?<|im_end|>\n<|im_start|>assistant\n"
    assert str(alpaca.rendered).endswith("### Instruction:\nWhat follows?\n\n### Response:\n")
    assert chat.template != alpaca.template
    longest = max(len(load_tokenizer(trained["chat"]).encode(pair.output)) + 1 for pair in PAIRS)
    assert chat.answer_tokens == generous(longest) >= 1.5 * longest
    assert {"tokenizer.json", "prompt_style.yaml"} <= set(chat.files) <= set(PROMPT_FILES)


@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_it_is_opened_with_the_prompt_and_the_room_it_was_trained_with(
    trained: dict[str, Path], over_base: OpenContext, style: str
) -> None:
    assert not problems(trained[style], over_base)
    assert not problems(trained[style], over_base, prompt_style=style), "to say the same is no difference"
    model = BACKEND.open(at(trained[style]), over_base)
    record = read_record(trained[style])
    assert record is not None
    assert model.render(MESSAGE) == {"chat": CHAT, "alpaca": ALPACA}[style]
    assert model.answer_tokens == record.answer_tokens
    assert model.identity.remark is None


# Another style


@pytest.mark.parametrize(("style", "other"), [("chat", "alpaca"), ("alpaca", "chat"), ("alpaca", "llama2")])
def test_another_style_is_impossible_without_saying_so(
    trained: dict[str, Path], over_base: OpenContext, style: str, other: str
) -> None:
    (said,) = BACKEND.check(at(trained[style], prompt_style=other), over_base)
    assert f"prompted as '{other}', trained as '{style}'" in said
    assert "allow_other_prompt = true" in said
    with pytest.raises(ModelError, match=f"prompted as '{other}', trained as '{style}'"):
        BACKEND.open(at(trained[style], prompt_style=other), over_base)
    with pytest.raises(ModelError, match="remove `prompt_style`"):
        BACKEND.export(at(trained[style], prompt_style=other), over_base, "peft", over_base.workspace / "out")


@pytest.mark.parametrize(("style", "other", "text"), [("chat", "alpaca", ALPACA), ("alpaca", "chat", CHAT)])
def test_said_so_it_is_another_prompt_and_every_table_tells(
    trained: dict[str, Path], over_base: OpenContext, style: str, other: str, text: str
) -> None:
    notes: list[str] = []
    options = at(trained[style], prompt_style=other, allow_other_prompt=True)
    assert not list(BACKEND.check(options, over_base))
    model = BACKEND.open(options, replace(over_base, notify=notes.append))
    # The BOS goes by what was recorded, as in training.
    assert model.render(MESSAGE).removeprefix("<|im_start|>") == text.removeprefix("<|im_start|>")
    remark = f"prompted as '{other}', trained as '{style}'"
    assert model.identity.remark == remark
    assert notes[-1] == f"lora is {remark}, as allow_other_prompt allows"
    row = ModelAnswers("lora", (), model.identity)
    assert row.title == f"lora ({remark})"
    usual = BACKEND.open(at(trained[style]), over_base).identity
    assert usual.template != model.identity.template, "answers to one prompt must never be kept for the other"


def test_merged_weights_have_no_chat_template_but_the_trained_styles(
    trained: dict[str, Path], over_base: OpenContext, tmp_path: Path
) -> None:
    merged = tmp_path / "merged"
    BACKEND.export(at(trained["alpaca"]), over_base, "litgpt", merged)
    alone = replace(over_base, base=None, root="alone")
    assert BACKEND.open(at(merged), alone).render(MESSAGE) == ALPACA
    with pytest.raises(ModelError, match="no chat template but that of the style 'alpaca'"):
        BACKEND.open(at(merged, prompt_style="chat", allow_other_prompt=True), alone)


# Edited files


def edit_template(folder: Path) -> str:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("### Response:", "### Answer:"))
    return path.name


def edit_tokenizer(folder: Path) -> str:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    one, other = [token for token, number in vocabulary.items() if number in (30, 31)]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    path.write_text(json.dumps(content))
    return path.name


def edit_style(folder: Path) -> str:
    write_style(named_style("llama2"), folder)
    return "prompt_style.yaml"


@pytest.mark.parametrize("edit", [edit_template, edit_tokenizer, edit_style])
def test_an_edited_file_is_refused(alpaca: Path, over_base: OpenContext, edit: Callable[[Path], str]) -> None:
    assert not problems(alpaca, over_base)
    name = edit(alpaca)
    (said,) = BACKEND.check(at(alpaca), over_base)
    assert f"{alpaca / name} is not the one it was trained with" in said
    with pytest.raises(ModelError, match=re.escape(f"prompted with another {name} than it was trained with")):
        BACKEND.open(at(alpaca), over_base)
    assert not problems(alpaca, over_base, allow_other_prompt=True)
    model = BACKEND.open(at(alpaca, allow_other_prompt=True), over_base)
    assert model.identity.remark == f"prompted with another {name} than it was trained with"


@pytest.mark.parametrize("edit", [edit_template, edit_tokenizer])
def test_the_hash_of_what_is_rendered_sees_it_too(
    alpaca: Path, over_base: OpenContext, tmp_path: Path, edit: Callable[[Path], str]
) -> None:
    """Another version of a library could render otherwise what no one has edited; without hashes of files it shows."""
    record = read_record(alpaca)
    assert record is not None
    out = tmp_path / "peft"
    BACKEND.export(at(alpaca), over_base, "peft", out)
    exported = read_record(out)
    assert exported is not None
    write_record(replace(exported, files={}), out)
    options = HfOptions(str(over_base.base.options.pretrained), adapter=str(out))  # type: ignore[union-attr]
    assert HfBackend().open(options, over_base).render(MESSAGE) == ALPACA
    edit(out)
    with pytest.raises(ModelError, match="another tokenizer or template than it was trained with"):
        HfBackend().open(options, over_base)
    allowed = HfBackend().open(replace(options, allow_other_prompt=True), over_base)
    assert "another tokenizer" in str(allowed.identity.remark)


def test_a_checkpoint_without_its_tokenizer_takes_the_bases_if_it_says_the_same(
    trained: dict[str, Path], over_base: OpenContext, tmp_path: Path
) -> None:
    chat = Path(shutil.copytree(trained["chat"], tmp_path / "chat"))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (chat / name).unlink()
    assert not problems(chat, over_base)
    assert BACKEND.open(at(chat), over_base).render(MESSAGE) == CHAT
    assert over_base.base is not None
    other = over_base.workspace / "other"
    shutil.copytree(over_base.base.options.pretrained, other)
    path = other / "chat_template.jinja"
    path.write_text(path.read_text().replace("assistant", "model"))
    base = resolved(HfBackend(), HfOptions(str(other)), replace(over_base, name="other", root="other"))
    with pytest.raises(ModelError, match="another tokenizer or template"):
        BACKEND.open(at(chat), replace(over_base, base=base))


def test_an_edited_model_directory_of_ours_is_refused_by_hf(
    trained: dict[str, Path], over_base: OpenContext, tmp_path: Path
) -> None:
    out = tmp_path / "hf"
    BACKEND.export(at(trained["alpaca"]), over_base, "hf", out)
    alone = replace(over_base, base=None, root="alone")
    model = HfBackend().open(HfOptions(str(out)), alone)
    record = read_record(trained["alpaca"])
    assert record is not None
    assert (model.render(MESSAGE), model.answer_tokens) == (ALPACA, record.answer_tokens)
    edit_template(out)
    (said,) = HfBackend().check(HfOptions(str(out)), alone)
    assert "chat_template.jinja is not the one it was trained with" in said
    assert not list(HfBackend().check(HfOptions(str(out), allow_other_prompt=True), alone))


# The record itself


def test_a_record_of_an_earlier_version_is_read(foreign: Path, over_base: OpenContext) -> None:
    (foreign / "entailbench.json").write_text('{"prompt_style": "alpaca", "bos": true}')
    assert read_record(foreign) == PromptRecord("alpaca", bos=True)
    model = BACKEND.open(at(foreign), over_base)
    assert (model.render(MESSAGE), model.answer_tokens) == ("<|im_start|>" + ALPACA, None)


@pytest.mark.parametrize(
    "content",
    ['{"prompt_style": "chat"}', '{"prompt_style": "chat", "bos": true, "answer_tokens": 0}', "[1]", "{"]
    + [f'{{"prompt_style": "chat", "bos": true, "{key}": 7}}' for key in ("files", "stop", "template", "target")],
)
def test_a_malformed_record_is_named(foreign: Path, over_base: OpenContext, content: str) -> None:
    (foreign / "entailbench.json").write_text(content)
    assert str(foreign / "entailbench.json") in problems(foreign, over_base)


def test_a_record_names_no_file_elsewhere(foreign: Path, over_base: OpenContext) -> None:
    write_record(PromptRecord("chat", bos=True, files={"../secret": "sha256:0"}), foreign)
    assert "is not the one it was trained with" in problems(foreign, over_base)


def test_the_system_text_of_a_template_is_recorded(tmp_path: Path) -> None:
    tokenizer = make_tiny_tokenizer()
    assert default_system(tokenizer) is None
    plain = prompt_hash(tokenizer)
    tokenizer.chat_template = SYSTEM_TEMPLATE
    assert default_system(tokenizer) == "Be brief."
    assert prompt_hash(tokenizer) != plain
    written = record_prompt(tmp_path, tokenizer, prompt_style="chat", bos=True)
    assert read_record(tmp_path) == written
    assert written.system == "Be brief."
    tokenizer.chat_template = (
        "{{ raise_exception('no system') if messages[0].role == 'system' else messages[0].content }}"
    )
    assert default_system(tokenizer) is None


def test_what_ends_an_answer_is_part_of_the_prompt() -> None:
    tokenizer, other = make_tiny_tokenizer(), make_tiny_tokenizer()
    assert prompt_hash(tokenizer) == prompt_hash(other)
    other.eos_token = "<|endoftext|>"
    assert prompt_hash(tokenizer) != prompt_hash(other)


def test_the_whole_vocabulary_is_part_of_the_prompt() -> None:
    """Also the tokens that no probe has in it: an answer may have them."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    tokenizer = make_tiny_tokenizer()
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    used = {n for probe in PROBES for n in tokenizer.encode(probe)}
    vocabulary = content["model"]["vocab"]
    one, other = [token for token, number in vocabulary.items() if number not in used and len(token) == 1][:2]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    swapped = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)), **names)
    swapped.chat_template = tokenizer.chat_template
    for probe in PROBES:
        assert swapped.encode(probe) == tokenizer.encode(probe)
    assert prompt_hash(swapped) != prompt_hash(tokenizer)


# Checkpoints from elsewhere


def test_the_style_file_of_a_checkpoint_from_elsewhere_binds_as_well(foreign: Path, over_base: OpenContext) -> None:
    write_style(named_style("alpaca"), foreign)
    assert BACKEND.open(at(foreign), over_base).render(MESSAGE) == ALPACA
    assert not problems(foreign, over_base, prompt_style="alpaca")
    said = problems(foreign, over_base, prompt_style="llama2")
    assert "prompted as 'llama2', trained as 'Alpaca'" in said
    assert "trained as 'Alpaca'" in problems(foreign, over_base, prompt_style="chat")
    allowed = at(foreign, prompt_style="chat", allow_other_prompt=True)
    assert BACKEND.open(allowed, over_base).render(MESSAGE) == CHAT


def test_a_style_of_unknown_code_needs_the_users_word(foreign: Path, over_base: OpenContext) -> None:
    (foreign / "prompt_style.yaml").write_text(yaml.safe_dump({"class_path": "their.module.Style"}))
    assert "their.module.Style, which is not one of litgpt's own" in problems(foreign, over_base)
    with pytest.raises(ModelError, match="code from elsewhere"):
        BACKEND.open(at(foreign), over_base)
    assert not problems(foreign, over_base, prompt_style="alpaca"), "nothing is known that it could differ from"
    model = BACKEND.open(at(foreign, prompt_style="alpaca"), over_base)
    assert (model.render(MESSAGE), model.identity.remark) == (ALPACA, None)
    (foreign / "prompt_style.yaml").write_text(yaml.safe_dump({"class_path": "litgpt.prompts.Invented"}))
    with pytest.raises(ModelError, match="Invented"):
        BACKEND.open(at(foreign), over_base)


def test_without_a_style_file_the_users_word_counts(foreign: Path, over_base: OpenContext) -> None:
    (foreign / "prompt_style.yaml").unlink(missing_ok=True)
    assert BACKEND.open(at(foreign), over_base).render(MESSAGE) == CHAT
    assert not problems(foreign, over_base, prompt_style="alpaca")
    assert BACKEND.open(at(foreign, prompt_style="alpaca"), over_base).render(MESSAGE) == ALPACA


def test_a_malformed_style_file_is_named(foreign: Path, over_base: OpenContext) -> None:
    (foreign / "prompt_style.yaml").write_text("- 1")
    assert "has no class_path" in problems(foreign, over_base)
    assert "has no class_path" in problems(foreign, over_base, prompt_style="alpaca")
