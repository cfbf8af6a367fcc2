"""The built-in named models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from entailbench import OpenContext
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from entailbench_adapters.presets import entailbench_models


def test_names_and_backends() -> None:
    presets = {spec.name: spec for spec in entailbench_models()}
    assert {name: spec.backend for name, spec in presets.items()} == {"base": "hf", "lora": "litgpt", "gpt35": "openai"}
    assert {spec.source for spec in presets.values()} == {"built in"}
    assert presets["lora"].base == "base"
    assert presets["gpt35"].options == {"model": "gpt-3.5-turbo"}


def test_base_is_the_embedded_model(context: Callable[..., OpenContext]) -> None:
    base = next(spec for spec in entailbench_models() if spec.name == "base")
    options = HfOptions(**base.options)
    assert HfBackend().describe(options) == "embedded:SmolLM2-135M-Instruct"
    assert list(HfBackend().check(options, context("base"))) == []


def test_the_recipe_is_one_that_its_trainer_knows() -> None:
    from entailbench_adapters.litgpt_lora import entailbench_trainers

    trainers = {trainer.name: trainer for trainer in entailbench_trainers()}
    train = next(spec.train for spec in entailbench_models() if spec.name == "lora")
    assert train is not None
    known = {field.name for field in dataclasses.fields(trainers[train.trainer].Recipe)}
    assert set(train.recipe) <= known
    trainers[train.trainer].Recipe(**train.recipe)
