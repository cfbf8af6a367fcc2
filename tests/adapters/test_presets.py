"""The built-in named models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from entailbench import OpenContext
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from entailbench_adapters.presets import entailbench_models


def test_names_and_backends() -> None:
    presets = {spec.name: spec for spec in entailbench_models()}
    backends = {"base": "hf", "lora": "litgpt", "quick": "litgpt", "gpt35": "openai"}
    assert {name: spec.backend for name, spec in presets.items()} == backends
    assert {spec.source for spec in presets.values()} == {"built in"}
    assert presets["lora"].base == presets["quick"].base == "base"
    assert presets["lora"].options == {"shipped": "smollm2-proofs"}
    assert presets["quick"].options == {}
    assert presets["gpt35"].options == {"model": "gpt-3.5-turbo"}


def test_base_is_the_embedded_model(context: Callable[..., OpenContext]) -> None:
    base = next(spec for spec in entailbench_models() if spec.name == "base")
    options = HfOptions(**base.options)
    assert HfBackend().describe(options) == "embedded:SmolLM2-135M-Instruct"
    assert list(HfBackend().check(options, context("base"))) == []


@pytest.mark.parametrize("name", ["lora", "quick"])
def test_the_recipe_is_one_that_its_trainer_knows(name: str) -> None:
    from entailbench_adapters.litgpt_lora import entailbench_trainers

    trainers = {trainer.name: trainer for trainer in entailbench_trainers()}
    train = next(spec.train for spec in entailbench_models() if spec.name == name)
    assert train is not None
    known = {field.name for field in dataclasses.fields(trainers[train.trainer].Recipe)}
    assert set(train.recipe) <= known
    trainers[train.trainer].Recipe(**train.recipe)
