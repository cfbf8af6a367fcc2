"""Finding, isolating and refusing plugins."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

import pytest

from entailbench import ConfigError, ModelSpec, hookimpl
from entailbench.plugins import BrokenPlugin, create_plugin_manager


def plugin(**functions: Any) -> types.ModuleType:
    module = types.ModuleType("a_plugin")
    for name, function in functions.items():
        setattr(module, name, hookimpl(function))
    return module


def declares(*names: str) -> types.ModuleType:
    return plugin(entailbench_models=lambda: [ModelSpec(name, backend="hf") for name in names])


ONLY_OURS = {"ENTAILBENCH_PLUGINS": "presets"}


def test_every_builtin_loads() -> None:
    plugins = create_plugin_manager(environment={})
    assert plugins.broken == []
    assert {"hf", "litgpt", "litgpt_lora", "openai", "lm_eval", "replay", "presets", "tasks"} <= {
        p.name for p in plugins.loaded
    }


def test_managers_are_independent() -> None:
    first = create_plugin_manager(environment=ONLY_OURS, extra={"mine": declares("a")})
    second = create_plugin_manager(environment=ONLY_OURS)
    assert "mine" in {p.name for p in first.loaded}
    assert "mine" not in {p.name for p in second.loaded}


def test_selection() -> None:
    assert [p.name for p in create_plugin_manager(environment={"ENTAILBENCH_PLUGINS": "hf, presets"}).loaded] == [
        "hf",
        "presets",
    ]
    without = {p.name for p in create_plugin_manager(environment={"ENTAILBENCH_PLUGINS": "-replay"}).loaded}
    assert "replay" not in without
    assert "hf" in without


def test_selecting_an_unknown_plugin_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'replay'"):
        create_plugin_manager(environment={"ENTAILBENCH_PLUGINS": "-reply"})


def test_a_misspelt_hook_is_named_and_left_out() -> None:
    wrong = plugin(entailbench_modles=lambda: [])
    plugins = create_plugin_manager(environment=ONLY_OURS, extra={"wrong": wrong, "right": declares("a")})
    assert [p.name for p in plugins.broken] == ["wrong"]
    assert "entailbench_modles" in plugins.broken[0].reason
    assert set(plugins.collect("entailbench_models", "model")) >= {"a", "base"}


def test_a_hook_that_raises_is_named_and_left_out() -> None:
    def fails() -> list[ModelSpec]:
        raise RuntimeError("out of luck\nsecond line")

    plugins = create_plugin_manager(
        environment=ONLY_OURS, extra={"fails": plugin(entailbench_models=fails), "right": declares("a")}
    )
    assert "a" in plugins.collect("entailbench_models", "model")
    assert [(p.name, p.reason) for p in plugins.broken] == [("fails", "RuntimeError: out of luck")]


def test_two_plugins_with_the_same_model_name() -> None:
    plugins = create_plugin_manager(environment=ONLY_OURS, extra={"one": declares("twin"), "two": declares("twin")})
    with pytest.raises(ConfigError, match="'one' and 'two' both declare the model 'twin'"):
        plugins.collect("entailbench_models", "model")


@pytest.mark.parametrize("error", [ImportError("no module named nowhere"), SystemExit("bye"), ValueError("odd")])
def test_an_entry_point_that_fails_to_import_is_left_out(error: BaseException) -> None:
    @dataclass
    class Entry:
        name = "broken"
        dist = None

        def load(self) -> object:
            raise error

    told: list[BrokenPlugin] = []
    plugins = create_plugin_manager(environment=ONLY_OURS, on_broken=told.append)
    plugins.load(Entry())  # type: ignore[arg-type]
    assert str(plugins.broken[0]) == (
        f"plugin 'broken' (unknown package) was left out: {type(error).__name__}: {error}"
    )
    assert told == plugins.broken


def test_what_lm_evals_next_release_reads_is_declared() -> None:
    from importlib.metadata import entry_points

    from lm_eval.api.model import LM

    (model,) = entry_points(group="lm_eval.models", name="entailbench")
    assert issubclass(model.load(), LM)
    (tasks,) = entry_points(group="lm_eval.tasks", name="entailbench")
    assert tasks.load().__name__ == "entailbench_tasks"
