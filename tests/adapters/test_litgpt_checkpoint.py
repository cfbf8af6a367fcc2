"""A litgpt checkpoint is recognized, and what is none, or damaged, is said in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
import yaml

from entailbench import ModelError
from entailbench_adapters.litgpt_checkpoint import (
    LoraSettings,
    adds_bos,
    checkpoint_adds_bos,
    load_weights,
    misfits,
    recognize,
)
from entailbench_adapters.litgpt_config import read_hf_config
from entailbench_adapters.prompt_record import PromptRecord, read_record, write_record
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint
from tiny_models import make_tiny_llama


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    base = make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "SmolLM2-tiny-Instruct")
    make_lora_checkpoint(base, folder / "lora", ("value", "head"), r=3, alpha=6)
    return folder


@pytest.fixture
def lora(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "lora", tmp_path / "lora"))


def test_the_two_kinds(made: Path) -> None:
    full, lora = recognize(made / "SmolLM2-tiny-Instruct"), recognize(made / "lora")
    assert (full.full, full.lora, full.record) == (True, None, None)
    assert (lora.full, lora.lora) == (False, LoraSettings(3, 6, 0.05, ("value", "head")))
    assert lora.model_config["n_layer"] == 2
    assert not list(misfits(full.model_config, read_hf_config(made / "hf")))


def test_both_in_one_directory(made: Path, lora: Path) -> None:
    shutil.copy(made / "SmolLM2-tiny-Instruct" / "lit_model.pth", lora)
    both = recognize(lora)
    assert both.full
    assert both.lora is not None


def test_the_record_of_our_own_trainer(lora: Path) -> None:
    assert read_record(lora) is None
    write_record(PromptRecord("alpaca", bos=True), lora)
    assert recognize(lora).record == PromptRecord("alpaca", bos=True)
    (lora / "entailbench.json").write_text('{"prompt_style": "alpaca"}')
    with pytest.raises(ModelError, match="lacks prompt_style or bos"):
        recognize(lora)


def test_what_it_is_instead(made: Path, tmp_path: Path) -> None:
    def message(directory: Path) -> str:
        with pytest.raises(ModelError) as caught:
            recognize(directory)
        return str(caught.value)

    assert "does not exist" in message(tmp_path / "nowhere")
    assert 'use backend = "hf"' in message(made / "hf")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    assert "it is a PEFT adapter" in message(tmp_path / "adapter")
    (tmp_path / "empty").mkdir()
    assert "it is empty" in message(tmp_path / "empty")
    shutil.copytree(made / "lora", tmp_path / "out" / "final")
    assert f"its checkpoint lies in {tmp_path / 'out' / 'final'}" in message(tmp_path / "out")
    assert "is a file" in message(made / "lora" / "lit_model.pth.lora")
    assert "neither lit_model.pth nor lit_model.pth.lora" in message(tmp_path)


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.01])
def test_a_truncated_weights_file(lora: Path, kept: float) -> None:
    path = lora / "lit_model.pth.lora"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ModelError, match=r"lit_model\.pth\.lora \([\d,]+ bytes\) is truncated"):
        recognize(lora)
    with pytest.raises(ModelError, match="truncated"):
        load_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not a file of weights; a Git LFS pointer"),
        (b"<html>404</html>", "not a file of weights"),
    ],
)
def test_a_file_of_something_else(lora: Path, content: bytes, message: str) -> None:
    (lora / "lit_model.pth.lora").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        recognize(lora)


def test_weights_in_the_old_format_of_torch(lora: Path) -> None:
    path = lora / "lit_model.pth.lora"
    weights = torch.load(path, weights_only=True)["model"]
    torch.save({"model": weights}, path, _use_new_zipfile_serialization=False)
    assert recognize(lora).lora is not None
    again = load_weights(path)
    assert all(torch.equal(again[name], weights[name]) for name in weights)


class Payload:
    """Its unpickling would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


@pytest.mark.parametrize("content", [{"model": {"a": Payload()}}, ["no table"], {"model": {"a": 3}}])
def test_a_file_that_holds_more_than_tensors(lora: Path, content: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = lora / "lit_model.pth.lora"
    torch.save(content, path)
    with pytest.raises(ModelError):
        load_weights(path)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model_config.yaml", "hyperparameters.yaml"])
def test_a_missing_or_malformed_settings_file(lora: Path, name: str) -> None:
    (lora / name).write_text("a: [")
    with pytest.raises(ModelError, match=f"{name} is not YAML"):
        recognize(lora)
    (lora / name).write_text("just text")
    with pytest.raises(ModelError, match=f"{name} is not a table"):
        recognize(lora)
    (lora / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        recognize(lora)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_r": None}, "no usable lora_r"),
        ({"lora_r": 0}, "no usable lora_r"),
        ({"lora_value": False, "lora_head": False}, "enables no LoRA target"),
    ],
)
def test_unusable_hyperparameters(lora: Path, changes: dict[str, Any], message: str) -> None:
    path = lora / "hyperparameters.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))
    with pytest.raises(ModelError, match=message):
        recognize(lora)


@pytest.mark.parametrize("name", ["SmolLM2-135M-Instruct", "SmolLM2-135M", "Llama-3.2-1B", "Meta-Llama-3-8B", "final"])
@pytest.mark.parametrize(
    "config", [{}, {"add_bos_token": True}, {"add_bos_token": False}, {"tokenizer_class": "LlamaTokenizer"}]
)
def test_the_rule_for_the_bos_is_litgpts(made: Path, tmp_path: Path, name: str, config: dict[str, Any]) -> None:
    from litgpt.tokenizer import Tokenizer

    source = made / "SmolLM2-tiny-Instruct"
    directory = Path(shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("*.pth")))
    content = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", **config}
    (directory / "tokenizer_config.json").write_text(json.dumps(content))
    assert adds_bos(name, content) == Tokenizer(directory).use_bos


def test_a_foreign_checkpoint_has_the_bos_of_the_name_it_was_trained_from(lora: Path) -> None:
    assert checkpoint_adds_bos(recognize(lora)), "trained from SmolLM2-tiny-Instruct"
    path = lora / "hyperparameters.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "checkpoint_dir": "checkpoints/mine"}))
    assert not checkpoint_adds_bos(recognize(lora))
    write_record(PromptRecord("alpaca", bos=True), lora)
    assert checkpoint_adds_bos(recognize(lora)), "our own record says so"
