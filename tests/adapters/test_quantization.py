"""Weights in 4 and 8 bits: what is said where they cannot be, what transformers is told, and that they answer."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from entailbench import Decoding, Message, ModelError, OpenContext, Prompt
from entailbench_adapters.causal_lm import CausalModel
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions, load
from entailbench_adapters.quantization import bitsandbytes_config, quantize_problems

KINDS = ("bnb.nf4", "bnb.nf4-dq", "bnb.int8")


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))


@pytest.mark.parametrize("quantize", KINDS)
def test_what_is_missing_is_said_before_anything_is_read(
    quantize: Any, tiny_llama: Path, context: Callable[..., OpenContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    without(monkeypatch, "bitsandbytes")
    options = HfOptions(str(tiny_llama), quantize=quantize)
    no_gpu, no_package = HfBackend().check(options, context())
    assert no_gpu.startswith(f"quantize = '{quantize}' needs a CUDA GPU, and torch ")
    assert no_package.endswith("pip install 'entailbench[quantize]'")
    with pytest.raises(ModelError, match="needs a CUDA GPU"):
        HfBackend().open(options, context())
    (on_cpu, _) = quantize_problems(quantize, "cpu")
    assert "not device = 'cpu'" in on_cpu
    assert list(quantize_problems(None, "cpu")) == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (only_the_package,) = quantize_problems(quantize, "cuda:0")
    assert "bitsandbytes" in only_the_package


def test_another_word_is_refused() -> None:
    from entailbench.options import parse_options

    options, (problem,) = parse_options(HfOptions, {"pretrained": "m", "quantize": "int4"}, lambda key: f"at {key}")
    assert options is None
    assert "'bnb.nf4'" in problem


def test_what_transformers_is_told() -> None:
    config = bitsandbytes_config("bnb.int8", torch.bfloat16)
    assert (config.load_in_8bit, config.load_in_4bit) == (True, False)
    pytest.importorskip("bitsandbytes")
    for quantize, twice in (("bnb.nf4", False), ("bnb.nf4-dq", True)):
        config = bitsandbytes_config(quantize, torch.bfloat16)  # type: ignore[arg-type]
        assert (config.load_in_8bit, config.load_in_4bit) == (False, True)
        assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", twice)
        assert config.bnb_4bit_compute_dtype == torch.bfloat16


def test_quantized_weights_are_shared_with_nobody_else(tiny_llama: Path) -> None:
    plain = HfOptions(str(tiny_llama))
    keys = {HfBackend().weights_key(dataclasses.replace(plain, quantize=each)) for each in (None, *KINDS)}  # type: ignore[arg-type]
    assert len(keys) == 4


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("quantize", KINDS)
def test_it_answers_and_says_what_it_is(quantize: Any, device: str, tiny_llama: Path) -> None:
    """bitsandbytes computes on CPUs too, slowly: enough to see that loading and the engine take what it makes."""
    pytest.importorskip("bitsandbytes")
    dtype = torch.float16 if quantize == "bnb.int8" and device == "cuda" else torch.float32
    plain = CausalModel(load(tiny_llama, torch.device(device), dtype, False), backend="hf")
    base = load(tiny_llama, torch.device(device), dtype, False, quantize)
    kinds = {type(module).__name__ for module in base.model.modules()}
    assert ("Linear8bitLt" if quantize == "bnb.int8" else "Linear4bit") in kinds
    model = CausalModel(base, backend="hf")
    assert model.identity.weights == f"{plain.identity.weights} in {quantize}"
    assert model.identity.details["quantize"] == quantize
    prompts = [
        Prompt(f"t/{number}", "t", number, (), model.render([Message("user", f"Alice is taller than {name}.")]))
        for number, name in enumerate(("Bob", "Carol", "Dave"))
    ]
    assert len(list(model.generate(prompts, Decoding(4)))) == 3
    ours = [each.logprobs[0] for each in sorted(model.score(prompts, [["yes"]] * 3), key=lambda one: one.prompt_id)]
    exact = [each.logprobs[0] for each in sorted(plain.score(prompts, [["yes"]] * 3), key=lambda one: one.prompt_id)]
    assert ours != exact
    plainly = [_logprob(base, prompt.text, "yes") for prompt in prompts]
    assert ours == pytest.approx(plainly, rel=5e-3)


def _logprob(base: Any, text: str, candidate: str) -> float:
    """By the quantized model itself, outside of the engine."""
    context = base.tokenizer.encode(text.rstrip(), add_special_tokens=False)
    whole = base.tokenizer.encode(text + candidate, add_special_tokens=False)
    with torch.inference_mode():
        logits = base.model(torch.tensor([whole], device=base.device)).logits[0].float().log_softmax(-1)
    return sum(float(logits[place - 1, whole[place]]) for place in range(len(context), len(whole)))
