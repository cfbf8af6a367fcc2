"""Whole weights go from litgpt to Hugging Face and back without changing what they compute."""

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
from entailbench_adapters import litgpt_to_hf
from entailbench_adapters.hf_weights import load_tokenizer
from entailbench_adapters.litgpt_checkpoint import load_weights, recognize
from entailbench_adapters.litgpt_config import hf_config_from_litgpt, litgpt_config, read_hf_config
from entailbench_adapters.litgpt_names import Heads, modern, to_hf, to_litgpt
from entailbench_adapters.litgpt_to_hf import hf_directory, hf_state, litgpt_directory, write_hf
from tiny_litgpt import hf_logits, litgpt_logits, make_litgpt_base
from tiny_models import make_tiny_llama, make_tiny_tokenizer

IDS = [1, 17, 250, 31, 5, 99, 301, 42]
SIZES: dict[str, Any] = {
    "vocab_size": 400,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES = {
    "llama": {},
    "llama-untied-mha": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "llama3": {"rope_parameters": LLAMA3_ROPE},
    "llama-linear-rope": {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
    "mistral": {"sliding_window": None},
    "mistral-window": {"sliding_window": 4},
    "qwen2": {},
    "qwen3": {"head_dim": 32},
}


def make(name: str, directory: Path) -> Path:
    """A tiny model of another family, every weight and bias random."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(name.split("-")[0].rstrip("3") if name == "llama3" else name.split("-")[0])
    for key, value in {"tie_word_embeddings": True, **SIZES, **FAMILIES[name]}.items():
        setattr(config, key, value)
    if "head_dim" not in FAMILIES[name] and hasattr(config, "head_dim"):
        config.head_dim = 16
    if hasattr(config, "layer_types"):
        config.layer_types = ["full_attention"] * 2
    model = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.3)
    model.save_pretrained(directory)
    make_tiny_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    return make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "litgpt")


@pytest.mark.parametrize("name", FAMILIES)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    hf = make(name, tmp_path / "hf")
    litgpt = make_litgpt_base(hf, tmp_path / "litgpt")
    expected = hf_logits(hf, IDS)
    torch.testing.assert_close(litgpt_logits(litgpt, IDS), expected, atol=1e-4, rtol=0)
    for out, has_config in ((tmp_path / "back", True), (tmp_path / "guessed", False)):
        if not has_config:
            (litgpt / "config.json").unlink()
        out.mkdir()
        write_hf(recognize(litgpt), out)
        torch.testing.assert_close(hf_logits(out, IDS), expected, atol=1e-4, rtol=0)
    assert read_hf_config(tmp_path / "guessed")["model_type"] == read_hf_config(hf)["model_type"] or name == "mistral"


def test_every_weight_comes_back_bit_for_bit(tmp_path: Path, base: Path) -> None:
    write_hf(recognize(base), tmp_path)
    before, after = hf_state(base.parent / "hf"), hf_state(tmp_path)
    assert before.keys() == after.keys(), "tied embeddings stay tied"
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_head_of_its_own_unties_the_model(tmp_path: Path, base: Path) -> None:
    litgpt = Path(shutil.copytree(base, tmp_path / "litgpt"))
    weights = load_weights(base / "lit_model.pth")
    weights["lm_head.weight"] = weights["lm_head.weight"] + torch.randn(weights["lm_head.weight"].shape)
    torch.save(weights, litgpt / "lit_model.pth")
    out = tmp_path / "out"
    out.mkdir()
    write_hf(recognize(litgpt), out)
    assert read_hf_config(litgpt)["tie_word_embeddings"] is True
    assert read_hf_config(out)["tie_word_embeddings"] is False
    torch.testing.assert_close(hf_logits(out, IDS), litgpt_logits(litgpt, IDS), atol=1e-4, rtol=0)


def test_weights_that_an_older_litgpt_interleaved(tmp_path: Path, base: Path) -> None:
    """litgpt's own loader, which reads the old order too, is the judge."""
    from litgpt.config import Config
    from litgpt.scripts.convert_lit_checkpoint import qkv_reassemble

    litgpt = Path(shutil.copytree(base, tmp_path / "litgpt"))
    config = Config.from_file(base / "model_config.yaml")
    weights = {
        name.replace("attn.qkv", "attn.attn"): qkv_reassemble(weight, config) if "attn.qkv" in name else weight
        for name, weight in load_weights(base / "lit_model.pth").items()
    }
    torch.save(weights, litgpt / "lit_model.pth")
    expected = litgpt_logits(litgpt, IDS)
    out = tmp_path / "out"
    out.mkdir()
    write_hf(recognize(litgpt), out)
    torch.testing.assert_close(hf_logits(out, IDS), expected, atol=1e-4, rtol=0)


def test_a_padded_vocabulary_is_cut(tmp_path: Path, base: Path) -> None:
    litgpt = Path(shutil.copytree(base, tmp_path / "litgpt"))
    weights = load_weights(base / "lit_model.pth")
    for name in ("lm_head.weight", "transformer.wte.weight"):
        weights[name] = torch.cat([weights[name], torch.zeros(112, weights[name].shape[1])])
    torch.save(weights, litgpt / "lit_model.pth")
    out = tmp_path / "out"
    out.mkdir()
    write_hf(recognize(litgpt), out)
    torch.testing.assert_close(hf_logits(out, IDS), litgpt_logits(base, IDS), atol=1e-4, rtol=0)


def test_large_models_are_written_in_several_files(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litgpt_to_hf, "SHARD_BYTES", 100_000)
    write_hf(recognize(base), tmp_path)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    assert json.loads((tmp_path / "model.safetensors.index.json").read_text())["weight_map"]
    torch.testing.assert_close(hf_logits(tmp_path, IDS), litgpt_logits(base, IDS), atol=1e-4, rtol=0)


def test_an_architecture_outside_the_family_goes_through_litgpts_converter(tmp_path: Path) -> None:
    from litgpt.config import Config
    from litgpt.model import GPT
    from litgpt.utils import save_config
    from transformers import GPTNeoXConfig

    config = Config(
        name="tiny-neox", n_layer=2, n_embd=32, n_head=4, vocab_size=400, padded_vocab_size=400, block_size=64
    )
    litgpt, out = tmp_path / "litgpt", tmp_path / "out"
    litgpt.mkdir()
    out.mkdir()
    torch.manual_seed(0)
    torch.save(GPT(config).state_dict(), litgpt / "lit_model.pth")
    save_config(config, litgpt)
    with pytest.raises(ModelError, match=r"no config\.json, and none can be made .*LayerNorm"):
        write_hf(recognize(litgpt), out)
    GPTNeoXConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        rotary_pct=0.25,
        architectures=["GPTNeoXForCausalLM"],
    ).save_pretrained(litgpt)
    write_hf(recognize(litgpt), out)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    torch.testing.assert_close(hf_logits(out, IDS), litgpt_logits(litgpt, IDS), atol=1e-4, rtol=0)


def test_each_form_is_made_once(tmp_path: Path, base: Path) -> None:
    notes: list[str] = []
    hf = base.parent / "hf"
    for _ in range(2):
        made = hf_directory(recognize(base), tmp_path / "home", notes.append)
        back = litgpt_directory(hf, load_tokenizer(hf), tmp_path / "home", notes.append)
    assert len(notes) == 2
    assert back.name == "Llama-custom"
    assert hf_logits(made, IDS).shape == (len(IDS), 400)
    torch.testing.assert_close(litgpt_logits(back, IDS), hf_logits(hf, IDS), atol=1e-4, rtol=0)
    assert not list((tmp_path / "home").rglob("*.partial"))


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path, base: Path) -> None:
    litgpt = Path(shutil.copytree(base, tmp_path / "litgpt"))
    weights = load_weights(base / "lit_model.pth")
    torch.save({**weights, "transformer.h.0.attn.sinks": torch.zeros(3)}, litgpt / "lit_model.pth")
    with pytest.raises(ModelError, match=r"no model of the Llama family has a weight 'transformer\.h\.0\.attn\.sinks'"):
        hf_directory(recognize(litgpt), tmp_path / "home", print)
    assert not [path for path in (tmp_path / "home" / "converted").iterdir() if path.is_dir()]


def test_unmerged_weights_in_one_file_are_refused(tmp_path: Path, base: Path) -> None:
    litgpt = Path(shutil.copytree(base, tmp_path / "litgpt"))
    weights = load_weights(base / "lit_model.pth")
    torch.save({**weights, "lm_head.lora_A": torch.zeros(3)}, litgpt / "lit_model.pth")
    with pytest.raises(ModelError, match="unmerged LoRA"):
        write_hf(recognize(litgpt), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt_neox"}, "architecture 'gpt_neox'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_type = 'yarn'"),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 1.5}}, "rope factor of 1.5"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
    ],
)
def test_what_litgpt_does_not_compute_is_refused(base: Path, changes: dict[str, Any], message: str) -> None:
    config = {**read_hf_config(base), **changes}
    with pytest.raises(ModelError, match=message):
        litgpt_config(config, where="it")


@pytest.mark.parametrize(
    "changes",
    [
        {"n_expert": 4},
        {"scale_embeddings": True},
        {"rotary_percentage": 0.5},
        {"final_logit_softcapping": 30.0},
        {"sliding_window_size": 8, "sliding_window_indices": [1, 0]},
        {"rope_adjustments": {"factor": 2.0}},
    ],
)
def test_what_cannot_be_guessed_is_refused(base: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    config = {**yaml.safe_load((base / "model_config.yaml").read_text()), **changes}
    with pytest.raises(ModelError, match=r"has no config\.json"):
        hf_config_from_litgpt(config, tmp_path)


@pytest.mark.parametrize("name", ["SmolLM2-135M-Instruct", "Qwen2.5-0.5B-Instruct", "Qwen3-0.6B", "Llama-3.2-1B"])
def test_litgpts_own_name_is_taken_over_where_it_means_the_same(name: str, tmp_path: Path) -> None:
    from dataclasses import asdict

    from litgpt.config import Config

    known = Config.from_name(name)
    hf_config = hf_config_from_litgpt(asdict(known), tmp_path)
    assert litgpt_config(hf_config, names=("unheard-of", name), where="it").name == name
    assert litgpt_config({**hf_config, "rms_norm_eps": 0.1}, names=(name,), where="it").name != name
    assert litgpt_config({**hf_config, "num_hidden_layers": 1}, names=(name,), where="it").name != name


def test_an_unknown_weight_or_half_a_matrix_is_refused() -> None:
    weight = torch.zeros(2, 2)
    with pytest.raises(ModelError, match=r"'model\.vision\.weight'"):
        to_litgpt({"model.vision.weight": weight}, tied=False)
    with pytest.raises(ModelError, match=r"layer 0 has only self_attn\.q_proj"):
        to_litgpt({"model.layers.0.self_attn.q_proj.weight": weight}, tied=False)
    with pytest.raises(ModelError, match="has 2 rows"):
        to_hf({"transformer.h.0.attn.qkv.weight": weight}, Heads(4, 2, 16))
    with pytest.raises(ModelError, match="has 2 rows"):
        modern({"transformer.h.0.attn.attn.weight": weight}, Heads(4, 2, 16))
