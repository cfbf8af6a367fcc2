"""What is exported, plain PEFT, transformers and litgpt open, with the same answers to the same prompts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch

from entailbench import Message, ModelError, OpenContext
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from entailbench_adapters.litgpt_config import read_hf_config
from entailbench_adapters.prompt_record import PromptRecord, write_record
from tiny_litgpt import hf_logits, litgpt_logits, make_litgpt_base, make_lora_checkpoint, merged_by_litgpt, resolved
from tiny_models import make_tiny_llama

IDS = [1, 17, 250, 31, 5, 99, 301, 42]
USER = "Decide whether it follows.\n\nAlice is taller than Bob.\nHypothesis: Bob is shorter."
TARGETS = ("query", "key", "value", "projection", "mlp", "head")
BACKEND = LitgptBackend()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hf, litgpt, and two LoRA: chat (all targets, chat template) and alpaca (no head; a BOS before the prompt)."""
    folder = tmp_path_factory.mktemp("made")
    base = make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "litgpt")
    chat = make_lora_checkpoint(base, folder / "chat", TARGETS)
    write_record(PromptRecord("chat", bos=True), chat)
    alpaca = make_lora_checkpoint(base, folder / "alpaca", TARGETS[:-1])
    write_record(PromptRecord("alpaca", bos=True), alpaca)
    for lora in (chat, alpaca):
        merged_by_litgpt(base, lora, folder / f"{lora.name}-merged")
    return folder


@pytest.fixture
def over_base(made: Path, context: Callable[..., OpenContext]) -> OpenContext:
    base = context("base")
    return replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(made / "hf")), base))


def export(checkpoint: Path, context: OpenContext, format: str, out: Path) -> Path:
    BACKEND.export(LitgptOptions(checkpoint=str(checkpoint)), context, format, out)
    return out


def rendered(directory: Path) -> str:
    """By plain transformers."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(directory))
    return str(
        tokenizer.apply_chat_template([{"role": "user", "content": USER}], tokenize=False, add_generation_prompt=True)
    )


def prompt_here(checkpoint: Path, context: OpenContext) -> str:
    return BACKEND.open(LitgptOptions(checkpoint=str(checkpoint)), context).render([Message("user", USER)])


@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_peft(made: Path, over_base: OpenContext, tmp_path: Path, style: str) -> None:
    out = export(made / style, over_base, "peft", tmp_path / "out")
    expected = litgpt_logits(made / f"{style}-merged", IDS)
    torch.testing.assert_close(hf_logits(made / "hf", IDS, out), expected, atol=1e-4, rtol=0)
    assert rendered(out) == prompt_here(made / style, over_base)
    opened = HfBackend().open(HfOptions(str(made / "hf"), adapter=str(out)), replace(over_base, root="again"))
    original = BACKEND.open(LitgptOptions(checkpoint=str(made / style)), over_base).identity
    assert (opened.identity.weights, opened.identity.template) == (original.weights, original.template)


def test_an_adapter_that_lm_eval_cannot_open_says_so(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    notes: list[str] = []
    telling = replace(over_base, notify=notes.append)
    out = export(made / "chat", telling, "peft", tmp_path / "chat")
    (note,) = notes
    assert "output head" in note
    assert "--format hf" in note
    assert "\n" not in note
    # What the note says of lm-eval is true, and the way out is one.
    from lm_eval.models.huggingface import HFLM

    with pytest.raises(KeyError, match="already exists"):
        HFLM(pretrained=str(made / "hf"), peft=str(out), device="cpu")
    export(made / "alpaca", telling, "peft", tmp_path / "alpaca")
    hf = export(made / "chat", telling, "hf", tmp_path / "hf")
    HFLM(pretrained=str(hf), device="cpu")
    assert notes == [note]


def test_peft_names_its_base_so_that_it_opens_by_itself(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM

    out = export(made / "alpaca", over_base, "peft", tmp_path / "out")
    model: Any = AutoPeftModelForCausalLM.from_pretrained(str(out))
    with torch.inference_mode():
        logits = model.eval()(torch.tensor([IDS])).logits[0]
    torch.testing.assert_close(logits, litgpt_logits(made / "alpaca-merged", IDS), atol=1e-4, rtol=0)


@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_hf(made: Path, over_base: OpenContext, tmp_path: Path, style: str) -> None:
    out = export(made / style, over_base, "hf", tmp_path / "out")
    expected = litgpt_logits(made / f"{style}-merged", IDS)
    torch.testing.assert_close(hf_logits(out, IDS), expected, atol=1e-4, rtol=0)
    assert rendered(out) == prompt_here(made / style, over_base)
    adapts_head = style == "chat"
    assert read_hf_config(made / "hf")["tie_word_embeddings"] is True
    assert read_hf_config(out)["tie_word_embeddings"] is not adapts_head


@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_litgpt(made: Path, over_base: OpenContext, tmp_path: Path, style: str) -> None:
    from litgpt.prompts import load_prompt_style
    from litgpt.tokenizer import Tokenizer
    from transformers import AutoTokenizer

    out = export(made / style, over_base, "litgpt", tmp_path / "out")
    expected = litgpt_logits(made / f"{style}-merged", IDS)
    torch.testing.assert_close(litgpt_logits(out, IDS), expected, atol=1e-4, rtol=0)
    # What litgpt's own commands would feed to it, against what the benchmark sends.
    instruction, _, input = USER.partition("\n\n")
    litgpt_style = load_prompt_style(out)
    given = {"prompt": USER} if style == "chat" else {"prompt": instruction, "input": input}
    sent = prompt_here(made / style, over_base)
    tokenizer = AutoTokenizer.from_pretrained(str(made / "hf"))
    ids = Tokenizer(out).encode(litgpt_style.apply(**given)).tolist()
    assert ids == tokenizer.encode(sent, add_special_tokens=False)
    # And once more through our own backend, as merged weights.
    alone = replace(over_base, base=None, root="again")
    assert not list(BACKEND.check(LitgptOptions(checkpoint=str(out)), alone))
    assert prompt_here(out, alone) == sent


def test_litgpts_command_line_opens_the_export(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    out = export(made / "alpaca", over_base, "litgpt", tmp_path / "out")
    command = [sys.executable, "-m", "litgpt", "generate", str(out), "--prompt", USER, "--max_new_tokens", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "### Instruction:\nDecide whether it follows." in done.stdout


@pytest.mark.parametrize("format", ["hf", "litgpt"])
def test_merged_weights_are_exported_too(
    made: Path, context: Callable[..., OpenContext], tmp_path: Path, format: str
) -> None:
    out = export(made / "chat-merged", context("alone"), format, tmp_path / "out")
    logits = hf_logits(out, IDS) if format == "hf" else litgpt_logits(out, IDS)
    torch.testing.assert_close(logits, litgpt_logits(made / "chat-merged", IDS), atol=1e-4, rtol=0)


def test_merged_weights_have_no_adapter(made: Path, context: Callable[..., OpenContext], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no adapter to export"):
        export(made / "chat-merged", context("alone"), "peft", tmp_path / "out")


def test_half_precision_bases_are_merged_in_the_precision_of_the_lora(
    made: Path, over_base: OpenContext, tmp_path: Path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(str(made / "hf"), dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(str(made / "hf")).save_pretrained(half)
    base = replace(over_base, name="base", base=None)
    over_half = replace(over_base, base=resolved(HfBackend(), HfOptions(str(half)), base))
    out = export(made / "alpaca", over_half, "hf", tmp_path / "out")
    assert {weight.dtype for weight in load_file(out / "model.safetensors").values()} == {torch.float32}
    adapter = export(made / "alpaca", over_half, "peft", tmp_path / "peft")
    torch.testing.assert_close(hf_logits(out, IDS), hf_logits(half, IDS, adapter), atol=1e-4, rtol=0)


def test_an_export_overwrites_nothing(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(ModelError, match="exists already"):
        export(made / "chat", over_base, "peft", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_an_export_that_fails_leaves_nothing(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no export format 'gguf'"):
        export(made / "chat", over_base, "gguf", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_the_lora_must_fit_the_base(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    other = make_tiny_llama(tmp_path / "other", seed=5)
    path = other / "config.json"
    path.write_text(path.read_text().replace('"intermediate_size": 128', '"intermediate_size": 96'))
    base = replace(over_base, name="base", base=None)
    over_other = replace(over_base, base=resolved(HfBackend(), HfOptions(str(other)), base))
    with pytest.raises(ModelError, match="128 MLP units, not 96"):
        export(made / "chat", over_other, "hf", tmp_path / "out")


def test_exports_are_repeatable(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    first = export(made / "chat", over_base, "hf", tmp_path / "first")
    second = export(made / "chat", over_base, "hf", tmp_path / "second")
    assert hash_weights(first) == hash_weights(second)
