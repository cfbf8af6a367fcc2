"""litgpt's LoRA and its PEFT form compute the same, for every target; what does not fit is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
import yaml

from entailbench import ModelError
from entailbench_adapters.litgpt_checkpoint import recognize
from entailbench_adapters.litgpt_config import read_hf_config
from entailbench_adapters.litgpt_to_peft import peft_directory, write_peft
from tiny_litgpt import TARGETS, hf_logits, litgpt_logits, make_litgpt_base, make_lora_checkpoint, merged_by_litgpt
from tiny_models import make_tiny_llama

IDS = [1, 17, 250, 31, 5, 99, 301, 42]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    return make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "litgpt")


@pytest.fixture(scope="module")
def tiny_hf(base: Path) -> Path:
    return base.parent / "hf"


@pytest.fixture
def lora(base: Path, tmp_path: Path) -> Path:
    return make_lora_checkpoint(base, tmp_path / "lora", ("query", "value"))


def converted(lora: Path, hf: Path, out: Path) -> Path:
    out.mkdir()
    write_peft(recognize(lora), read_hf_config(hf), out, base=str(hf))
    return out


@pytest.mark.parametrize("targets", [*((t,) for t in TARGETS), TARGETS, ("query", "value"), ("key", "value", "mlp")])
def test_peft_computes_what_litgpts_merged_model_computes(
    base: Path, tiny_hf: Path, tmp_path: Path, targets: tuple[str, ...]
) -> None:
    lora = make_lora_checkpoint(base, tmp_path / "lora", targets, r=3, alpha=7)
    merged = litgpt_logits(merged_by_litgpt(base, lora, tmp_path / "merged"), IDS)
    adapted = hf_logits(tiny_hf, IDS, converted(lora, tiny_hf, tmp_path / "peft"))
    assert (merged - litgpt_logits(base, IDS)).abs().max() > 0.1, "the LoRA changes nothing: nothing is tested"
    torch.testing.assert_close(adapted, merged, atol=1e-4, rtol=0)


def test_a_model_with_as_many_key_value_heads_as_query_heads(tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    hf = make_tiny_llama(tmp_path / "hf", tied=False)
    config = read_hf_config(hf)
    model = LlamaForCausalLM.from_pretrained(hf)
    model = LlamaForCausalLM(type(model.config)(**{**config, "num_key_value_heads": 4}))
    model.save_pretrained(hf)
    base = make_litgpt_base(hf, tmp_path / "litgpt")
    lora = make_lora_checkpoint(base, tmp_path / "lora", TARGETS)
    merged = litgpt_logits(merged_by_litgpt(base, lora, tmp_path / "merged"), IDS)
    torch.testing.assert_close(hf_logits(hf, IDS, converted(lora, hf, tmp_path / "peft")), merged, atol=1e-4, rtol=0)


def test_a_padded_vocabulary_is_cut_to_the_tokens_there_are(base: Path, tiny_hf: Path, tmp_path: Path) -> None:
    padded = tmp_path / "padded"
    shutil.copytree(base, padded)
    config = yaml.safe_load((base / "model_config.yaml").read_text())
    (padded / "model_config.yaml").write_text(yaml.safe_dump({**config, "padded_vocab_size": 512}))
    lora = make_lora_checkpoint(padded, tmp_path / "lora", ("head",))
    adapter = converted(lora, tiny_hf, tmp_path / "peft")
    assert hf_logits(tiny_hf, IDS, adapter).shape == (len(IDS), config["vocab_size"])


@pytest.mark.parametrize("targets", [("query", "value"), ("projection", "mlp")])
def test_a_lora_of_an_older_litgpt(base: Path, tiny_hf: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    """Before 0.5 the fused matrix was ``attn.attn``; its LoRA was in the order it is in today."""
    lora = make_lora_checkpoint(base, tmp_path / "lora", targets)
    today = hf_logits(tiny_hf, IDS, converted(lora, tiny_hf, tmp_path / "today"))
    rename_as_before(lora)
    before = hf_logits(tiny_hf, IDS, converted(lora, tiny_hf, tmp_path / "before"))
    assert torch.equal(before, today)


def test_an_older_lora_on_all_three_cannot_be_taken_apart(base: Path, tiny_hf: Path, tmp_path: Path) -> None:
    lora = make_lora_checkpoint(base, tmp_path / "lora", ("query", "key", "value"))
    rename_as_before(lora)
    with pytest.raises(ModelError, match=r"before 0\.5 .* merge it"):
        converted(lora, tiny_hf, tmp_path / "peft")


def rename_as_before(lora: Path) -> None:
    path = lora / "lit_model.pth.lora"
    weights = torch.load(path, weights_only=True)["model"]
    torch.save({"model": {k.replace("attn.qkv", "attn.attn"): v for k, v in weights.items()}}, path)


def test_the_conversion_is_made_once_and_again_when_alpha_changes(lora: Path, tiny_hf: Path, tmp_path: Path) -> None:
    config = read_hf_config(tiny_hf)
    first = peft_directory(recognize(lora), config, tmp_path / "home")
    made = (first / "adapter_model.safetensors").stat().st_mtime_ns
    assert peft_directory(recognize(lora), config, tmp_path / "home") == first
    assert (first / "adapter_model.safetensors").stat().st_mtime_ns == made
    edit(lora / "hyperparameters.yaml", lora_alpha=64)
    assert peft_directory(recognize(lora), config, tmp_path / "home") != first


def edit(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_r": 8}, "belongs to another training"),
        ({"lora_key": True}, "belongs to another training"),
        ({"lora_value": False}, "belongs to another training"),
        ({"lora_mlp": True}, "lacks model.layers.0.mlp.down_proj"),
        ({"lora_head": True}, "lacks lm_head"),
    ],
)
def test_hyperparameters_of_another_training(
    lora: Path, tiny_hf: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    edit(lora / "hyperparameters.yaml", **changes)
    with pytest.raises(ModelError, match=message):
        converted(lora, tiny_hf, tmp_path / "peft")


def test_a_layer_that_is_missing(lora: Path, tiny_hf: Path, tmp_path: Path) -> None:
    path = lora / "lit_model.pth.lora"
    weights = torch.load(path, weights_only=True)["model"]
    kept = {name: weight for name, weight in weights.items() if ".h.1." not in name}
    torch.save({"model": kept}, path)
    with pytest.raises(ModelError, match=r"lacks model\.layers\.1\.self_attn\.q_proj"):
        converted(lora, tiny_hf, tmp_path / "peft")


def test_another_base_is_refused(lora: Path, tmp_path: Path, tiny_hf: Path) -> None:
    (tmp_path / "peft").mkdir()
    config = {**read_hf_config(tiny_hf), "num_hidden_layers": 3, "intermediate_size": 256}
    with pytest.raises(ModelError, match="2 layers, not 3; 128 MLP units, not 256"):
        write_peft(recognize(lora), config, tmp_path / "peft", base="other")


def test_an_architecture_that_is_kept_fused_is_refused(lora: Path, tmp_path: Path) -> None:
    (tmp_path / "peft").mkdir()
    with pytest.raises(ModelError, match=r"'gpt_neox'.*litgpt merge_lora"):
        write_peft(recognize(lora), {"model_type": "gpt_neox"}, tmp_path / "peft", base="other")


def test_a_checkpoint_without_lora(base: Path, tiny_hf: Path, tmp_path: Path) -> None:
    checkpoint = recognize(base)
    assert checkpoint.lora is None
    assert checkpoint == replace(checkpoint)
    with pytest.raises(ModelError, match=r"has no lit_model\.pth\.lora"):
        converted(base, tiny_hf, tmp_path / "peft")


@pytest.fixture(scope="module")
def litgpt_smollm2(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_litgpt_base(smollm2, tmp_path_factory.mktemp("smollm2") / "litgpt")


@pytest.mark.slow
@pytest.mark.parametrize(
    "targets", [*(pytest.param((target,), marks=pytest.mark.soak) for target in TARGETS), TARGETS], ids="+".join
)
def test_every_target_on_smollm2(smollm2: Path, litgpt_smollm2: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    sentence = [17548, 42, 8590, 314, 26787, 670, 8363, 30]
    base = litgpt_smollm2
    # Of the size that training gives them: with larger ones the 30 layers amplify float32's own rounding.
    lora = make_lora_checkpoint(base, tmp_path / "lora", targets, r=8, alpha=16, spread=0.03)
    adapted = hf_logits(smollm2, sentence, converted(lora, smollm2, tmp_path / "peft"))
    before = litgpt_logits(base, sentence)
    merged = litgpt_logits(merged_by_litgpt(base, lora, tmp_path / "merged"), sentence)
    # Else the comparison below could not tell a LoRA that is ignored from one that is applied.
    assert (merged - before).abs().max() > 0.01
    torch.testing.assert_close(adapted, merged, atol=1e-4, rtol=0)
