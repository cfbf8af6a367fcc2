"""entailbench.toml: every mistake is found, named and placed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from entailbench import ConfigError, UnknownNameError
from entailbench.config import read_config
from entailbench.plugins import create_plugin_manager
from entailbench.registry import LINEAGE_NAME, Registry, load_registry


@pytest.fixture
def load(tmp_path: Path) -> object:
    def write(text: str) -> Registry:
        (tmp_path / "entailbench.toml").write_text(text, encoding="utf-8")
        return load_registry(create_plugin_manager(environment={}), workspace=tmp_path, home=tmp_path / "home")

    return write


def mistakes(load: object, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)  # type: ignore[operator]
    return str(caught.value)


def test_without_a_file_the_presets_serve(tmp_path: Path) -> None:
    registry = load_registry(create_plugin_manager(environment={}), workspace=tmp_path)
    assert set(registry.models) == {"base", "lora", "quick", "gpt35"}


def test_malformed_toml_names_the_line(load: object) -> None:
    assert "line 2" in mistakes(load, "[models.base]\nbackend = hf\n")


def test_every_mistake_at_once_with_its_line(load: object) -> None:
    text = mistakes(
        load,
        """
[model.x]
[models.c]
backend = "litgpt"
[models.c.train]
trainer = "litgpt-lora"
samples = 0
[run]
limit = "ten"
task = ["x"]
""",
    )
    assert "entailbench.toml:2: unknown table 'model', did you mean 'models'?" in text
    assert "entailbench.toml:7: 'samples' must be a whole number of at least 1, got 0" in text
    assert "entailbench.toml:9: 'limit' must be" in text
    assert "entailbench.toml:10: unknown key 'task', did you mean 'tasks'?" in text


def test_every_mistake_about_plugins_at_once(load: object) -> None:
    text = mistakes(
        load,
        """
[models.a]
backend = "hff"
[models.b]
backend = "hf"
pretraned = "x"
batch_size = "many"
[models.c]
backend = "litgpt"
base = "bse"
[models.c.train]
trainer = "litgpt-lora"
lora_rank = 8
""",
    )
    assert "entailbench.toml:3: model 'a' wants the unknown backend 'hff', did you mean 'hf'?" in text
    assert "entailbench.toml:6: unknown key 'pretraned', did you mean 'pretrained'?" in text
    assert "entailbench.toml:4: the key 'pretrained' is missing" in text
    assert "entailbench.toml:7: key 'batch_size'" in text
    assert "got 'many'" in text
    assert "entailbench.toml:10: model 'c' is based on 'bse', which is unknown, did you mean 'base'?" in text
    assert "entailbench.toml:13: unknown key 'lora_rank'" in text


def test_mistakes_of_both_kinds_at_once(load: object) -> None:
    text = mistakes(load, '[run]\nlimit = 0\n[models."x y"]\nbackend = "hff"\n[models.b]\nbackend = "hf"\n')
    assert "entailbench.toml:2: 'limit' must be a whole number of at least 1, got 0" in text
    assert "entailbench.toml:3: a model's name is made of" in text
    assert "unknown backend 'hff'" in text
    assert "the key 'pretrained' is missing" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("budget = 0", "'budget' must be a number above 0, got 0"),
        ("budget = nan", "'budget' must be a number above 0, got nan"),
        ("budget = inf", "'budget' must be a number above 0, got inf"),
        ("budget = true", "'budget' must be a number above 0, got True"),
        ("max_errors = -1", "'max_errors' must be a whole number of at least 0, got -1"),
        ("max_errors = 0.5", "'max_errors' must be a whole number of at least 0, got 0.5"),
    ],
)
def test_bounds_that_are_none(load: object, line: str, words: str) -> None:
    assert f"entailbench.toml:2: {words}" in mistakes(load, f"[run]\n{line}\n")


def test_a_base_that_means_nothing_is_refused(load: object) -> None:
    text = mistakes(load, '[models.a]\nbackend = "openai"\nmodel = "m"\nbase = "base"\n')
    assert "entailbench.toml:4: backend 'openai' builds on no other model: remove the key 'base'" in text


def test_a_new_model_needs_a_backend(load: object) -> None:
    assert "entailbench.toml:1: the key 'backend' is missing" in mistakes(load, '[models.new]\npretrained = "x"\n')


def test_circular_base(load: object) -> None:
    text = mistakes(load, '[models.a]\nbackend = "litgpt"\nbase = "b"\n[models.b]\nbackend = "litgpt"\nbase = "a"\n')
    assert "circular base: a → b → a" in text


def test_a_table_without_backend_changes_only_its_keys(load: object) -> None:
    registry = load('[models.gpt35]\nbase_url = "http://127.0.0.1:9/v1"\n[models.lora.train]\nsamples = 7\n')  # type: ignore[operator]
    assert dict(registry.spec("gpt35").options) == {"model": "gpt-3.5-turbo", "base_url": "http://127.0.0.1:9/v1"}
    assert registry.spec("lora").train.samples == 7
    assert registry.spec("lora").train.trainer == "litgpt-lora"
    assert registry.spec("lora").base == "base"


def test_models_that_name_the_same_weights_share_them(load: object) -> None:
    registry = load(  # type: ignore[operator]
        '[models.a]\nbackend = "hf"\npretrained = "org/m"\n'
        '[models.b]\nbackend = "hf"\npretrained = "org/m"\nadapter = "x"\n'
        '[models.c]\nbackend = "hf"\npretrained = "org/m"\ndtype = "bfloat16"\n'
        '[models.d]\nbackend = "litgpt"\nbase = "a"\n'
    )
    root = {name: registry.resolve(name).context.root for name in "abcd"}
    assert root["a"] == root["b"] == root["d"] != root["c"]


def test_a_table_with_backend_stands_alone(load: object) -> None:
    registry = load('[models.lora]\nbackend = "hf"\npretrained = "x"\n')  # type: ignore[operator]
    assert registry.spec("lora").train is None
    assert registry.spec("lora").base is None


def test_models_of_one_base_share_a_root(load: object) -> None:
    registry = load('[models.second]\nbackend = "litgpt"\nbase = "lora"\n')  # type: ignore[operator]
    roots = {registry.resolve(name).context.root for name in ("base", "lora", "second")}
    assert len(roots) == 1
    assert registry.resolve("second").context.base.context.root in roots
    assert registry.resolve("gpt35").context.root not in roots


def test_an_unknown_model_names_the_nearest(load: object) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gpt35'"):
        load("").spec("gpt3.5")  # type: ignore[operator]


def test_only_a_finished_checkpoint_counts_as_trained(load: object, tmp_path: Path) -> None:
    registry = load("")  # type: ignore[operator]
    assert registry.trained("lora") is None
    registry.checkpoint("lora").mkdir(parents=True)
    assert registry.trained("lora") is None
    (registry.checkpoint("lora") / LINEAGE_NAME).write_text("{}")
    assert registry.trained("lora") == tmp_path / "checkpoints" / "lora"


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "entailbench.toml"
    path.write_bytes(b"[models]\nx = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_config(path)


@pytest.mark.parametrize("preset", ["smollm2", "mistral-7b"])
def test_init_writes_a_file_that_loads(preset: str, load: object) -> None:
    from importlib.resources import files

    text = files("entailbench_adapters").joinpath("templates", f"{preset}.toml").read_text(encoding="utf-8")
    registry = load(text)  # type: ignore[operator]
    assert {"base", "lora", "gpt35"} <= set(registry.models)
    trainer, recipe = registry.recipe(registry.spec("lora"))
    assert trainer.name == "litgpt-lora"
    if preset == "mistral-7b":
        assert (recipe.lora_r, recipe.lora_alpha, recipe.lora_dropout, recipe.epochs) == (8, 16, 0.05, 3)
        assert (recipe.lora_query, recipe.lora_key, recipe.lora_value, recipe.lora_mlp) == (True, False, True, False)
        assert recipe.quantize == "bnb.nf4"
        train = registry.spec("lora").train
        assert train is not None
        assert (train.task, train.samples, registry.config.run.tasks) == ("puzzte_disjoint", 5000, ("puzzte_disjoint",))
        assert "finetune lora --original-split" in text


def test_the_smollm2_preset_is_the_builtin_default(load: object, tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("entailbench_adapters").joinpath("templates", "smollm2.toml").read_text(encoding="utf-8")
    written = load(text)  # type: ignore[operator]
    builtin = load("")  # type: ignore[operator]
    assert set(written.models) == set(builtin.models)
    for name in written.models:
        assert written.resolve(name).options == builtin.resolve(name).options
    for name in ("lora", "quick"):
        assert written.recipe(written.spec(name))[1] == builtin.recipe(builtin.spec(name))[1]
        ours, theirs = (dataclasses.replace(each.spec(name).train, recipe={}) for each in (written, builtin))
        assert ours == theirs


def test_the_arguments_of_a_recipes_data(load: object) -> None:
    registry = load(  # type: ignore[operator]
        '[models.lora.train]\ntarget = "proof"\nlongest_target = 300\n'
        "data = {seed = 1, wide = 0.5, original_split = true}\n"
    )
    train = registry.spec("lora").train
    assert (train.target, train.longest_target) == ("proof", 300)
    assert train.data == {"seed": 1, "wide": 0.5, "original_split": True}
    text = mistakes(
        load,
        '[models.lora.train]\ntarget = 3\nlongest_target = 0\ndata = {split = "test", seed = [1], data_dir = "x"}\n',
    )
    assert "entailbench.toml:2: 'target' must be a string, got 3" in text
    assert "entailbench.toml:3: 'longest_target' must be a whole number of at least 1, got 0" in text
    assert "entailbench.toml:4: 'split' cannot be set in 'data': training reads both splits" in text
    assert "entailbench.toml:4: 'data_dir' cannot be set in 'data': pass --data-dir" in text
    assert "entailbench.toml:4: 'seed' in 'data' must be a number, a string or a boolean, got [1]" in text
    table = "[models.lora.train]\n[models.lora.train.data]\nseed = 1\nwide = []\n"
    assert "entailbench.toml:4: 'wide' in 'data' must be a number" in mistakes(load, table)
    assert "entailbench.toml:2: 'data' must be a table, for example {seed = 1}, got 7" in mistakes(
        load, "[models.lora.train]\ndata = 7\n"
    )
