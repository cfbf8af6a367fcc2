"""The adapter that comes with entailbench: what is shipped, when it is opened, and what is refused about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from entailbench import Message, ModelError, OpenContext
from entailbench.cli import cli
from entailbench.plugins import create_plugin_manager
from entailbench_adapters import peft_checkpoint
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions, load_tokenizer
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from entailbench_adapters.peft_checkpoint import SHIPPED, recognize_peft
from entailbench_adapters.prompt_record import record_prompt
from tiny_litgpt import hf_logits, make_litgpt_base, make_lora_checkpoint, resolved
from tiny_models import make_tiny_llama

BACKEND = LitgptBackend()
NAME = "tiny-proofs"
OPTIONS = LitgptOptions(shipped=NAME)
TARGETS = ("query", "key", "value", "projection", "mlp")
IDS = [1, 17, 250, 31, 5, 99, 301, 42]
MESSAGE = [Message("user", "Decide whether it follows.\n\nAlice is taller than Bob.")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hf, its litgpt form, and checkpoint: a LoRA with all that a training leaves beside it."""
    folder = tmp_path_factory.mktemp("made")
    hf = make_tiny_llama(folder / "hf")
    base = make_litgpt_base(hf, folder / "litgpt")
    checkpoint = make_lora_checkpoint(base, folder / "checkpoint", TARGETS)
    finish(checkpoint, hf)
    return folder


def finish(checkpoint: Path, hf: Path) -> None:
    """What `entailbench finetune` writes beside the weights."""
    tokenizer = load_tokenizer(hf)
    tokenizer.save_pretrained(checkpoint)
    record_prompt(checkpoint, tokenizer, prompt_style="chat", bos=True, target="proof", answer_tokens=48)
    lineage = {
        "name": "lora",
        "base": "base",
        "task": "puzzte_training",
        "task_description": "Generated puzzles; none has the structure of a test puzzle",
        "target": "proof",
        "data_file": str(checkpoint / "data.json"),
        "losses": [[step, 2.0 / step] for step in range(1, 1001)],
        "facts": {"base": str(hf), "base_weights": hash_weights(hf), "recipe": {"lora_r": 4}},
        "finished": "2025-01-01T00:00:00+00:00",
    }
    (checkpoint / "lineage.json").write_text(json.dumps(lineage))


class Workspace:
    """The command line in a folder where `lora` is a preset with a shipped adapter over the tiny model."""

    def __init__(self, folder: Path, hf: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.hf = folder, hf
        monkeypatch.chdir(folder)
        monkeypatch.setenv("ENTAILBENCH_HOME", str(home))
        (folder / "entailbench.toml").write_text(
            f'[models.base]\nbackend = "hf"\npretrained = "{hf}"\n[models.lora]\nshipped = "{NAME}"\n'
        )

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, obj=create_plugin_manager(), catch_exceptions=True)

    def train(self, checkpoint: Path) -> None:
        """Puts a checkpoint where `entailbench finetune lora` puts it."""
        shutil.copytree(checkpoint, self.folder / "checkpoints" / "lora")


@pytest.fixture
def workplace(made: Path, workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return Workspace(workspace, made / "hf", home, monkeypatch)


@pytest.fixture
def shipped(made: Path, workplace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The adapter as the command makes it, without its tokenizer, as it is shipped."""
    workplace.train(made / "checkpoint")
    out = tmp_path / "adapters" / NAME
    done = workplace("export", "lora", "--format", "peft", "--dtype", "bfloat16", "--out", str(out))
    assert done.exit_code == 0, done.output
    shutil.rmtree(workplace.folder / "checkpoints")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (out / name).unlink()
    monkeypatch.setattr(peft_checkpoint, "SHIPPED", out.parent)
    return out


@pytest.fixture
def over_base(made: Path, context: Callable[..., OpenContext]) -> OpenContext:
    base = context("base")
    return replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(made / "hf")), base))


def test_one_command_writes_all_that_is_shipped(shipped: Path, made: Path) -> None:
    assert {path.name for path in shipped.iterdir()} == {
        *("adapter_config.json", "adapter_model.safetensors", "README.md", "lineage.json", "entailbench.json")
    }
    weights = load_file(shipped / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    lineage = json.loads((shipped / "lineage.json").read_text())
    assert lineage["facts"]["base_weights"] == hash_weights(made / "hf")
    assert lineage["task_description"] == "Generated puzzles; none has the structure of a test puzzle"
    assert len(lineage["losses"]) <= 201
    assert lineage["losses"][-1] == [1000, 0.002]
    told = "".join((shipped / name).read_text() for name in ("README.md", "lineage.json", "entailbench.json"))
    assert str(made) not in told
    record = json.loads((shipped / "entailbench.json").read_text())
    assert record["files"]["adapter_model.safetensors"].startswith("sha256:")
    assert (record["target"], record["answer_tokens"]) == ("proof", 48)


def test_the_base_in_the_adapters_configuration_is_a_name_others_know(
    made: Path, over_base: OpenContext, tmp_path: Path, smollm2: Path, cache_home: Path
) -> None:
    from entailbench_adapters.litgpt_base import base_of

    embedded = replace(over_base, name="base", base=None, home=cache_home)
    base = base_of(resolved(HfBackend(), HfOptions("embedded:SmolLM2-135M-Instruct"), embedded))
    assert base.name == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert base.directory == smollm2


def test_it_is_opened_until_one_is_trained_and_one_sees_which(shipped: Path, made: Path, workplace: Workspace) -> None:
    rows = {row["name"]: row for row in json.loads(workplace("models", "--json").output)}
    assert (rows["lora"]["what"], rows["lora"]["can_run"]) == (f"shipped adapter {NAME}", True)
    shown = workplace("models", "show", "lora").output
    assert f"shipped adapter {NAME}" in shown
    assert "puzzte_training" in shown
    workplace.train(made / "checkpoint")
    rows = {row["name"]: row for row in json.loads(workplace("models", "--json").output)}
    assert rows["lora"]["what"] == "trained here"
    assert "trained here" in workplace("models", "show", "lora").output


def test_it_answers_from_its_rounded_matrices_in_the_precision_of_the_base(
    shipped: Path, made: Path, over_base: OpenContext
) -> None:
    assert not list(BACKEND.check(OPTIONS, over_base))
    model: Any = BACKEND.open(OPTIONS, over_base)
    assert model.answer_tokens == 48
    assert model.identity.details["origin"] == f"shipped adapter {NAME}"
    assert model.identity.details["dtype"] == "float32"
    adapters = {n: p for n, p in model._base.model.named_parameters() if "lora_" in n}
    assert {parameter.dtype for parameter in adapters.values()} == {torch.float32}, (
        "bf16 matrices are computed with in fp32"
    )
    with torch.inference_mode(), model._base.using(model._adapter) as torch_model:
        logits = torch_model(torch.tensor([IDS])).logits[0]
    torch.testing.assert_close(logits, hf_logits(made / "hf", IDS, shipped), atol=1e-5, rtol=0)
    base = model._base.tokenizer
    assert model.render(MESSAGE) == base.apply_chat_template(
        [{"role": "user", "content": MESSAGE[0].content}], tokenize=False, add_generation_prompt=True
    )


def test_the_rounding_changes_little(shipped: Path, made: Path, over_base: OpenContext) -> None:
    exact = made / "exact"
    BACKEND.export(LitgptOptions(checkpoint=str(made / "checkpoint")), over_base, "peft", exact)
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (exact, shipped))
    assert set(before) == set(after)
    for name, weight in before.items():
        torch.testing.assert_close(after[name].float(), weight, rtol=2**-8, atol=0)


def test_its_training_puzzles_are_no_secret(shipped: Path, over_base: OpenContext) -> None:
    assert BACKEND.trained_puzzles(OPTIONS, over_base) == frozenset()
    lineage = BACKEND.lineage(OPTIONS, over_base)
    assert lineage is not None
    assert lineage["task"] == "puzzte_training"
    assert lineage["prompt"]["target"] == "proof"


@pytest.mark.parametrize("format", ["peft", "hf", "litgpt"])
def test_it_can_be_exported_again(
    shipped: Path, made: Path, over_base: OpenContext, tmp_path: Path, format: str
) -> None:
    from tiny_litgpt import litgpt_logits

    expected = hf_logits(made / "hf", IDS, shipped)
    out = tmp_path / "out"
    BACKEND.export(OPTIONS, over_base, format, out)
    if format == "litgpt":
        found = litgpt_logits(out, IDS)
    else:
        found = hf_logits(made / "hf", IDS, out) if format == "peft" else hf_logits(out, IDS)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    opened = HfBackend() if format == "hf" else BACKEND
    options: Any = {
        "hf": HfOptions(str(out)),
        "litgpt": LitgptOptions(checkpoint=str(out)),
    }.get(format)
    if options:
        model = opened.open(options, replace(over_base, base=None, root="again"))
        assert model.answer_tokens == 48


# What is refused


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_file_that_is_not_the_shipped_one(shipped: Path, over_base: OpenContext, name: str) -> None:
    if name.endswith(".json"):
        (shipped / name).write_text((shipped / name).read_text().replace('"lora_alpha": 8', '"lora_alpha": 16'))
    else:
        weights = load_file(shipped / name)
        first = sorted(weights)[0]
        save_file({**weights, first: weights[first] + 1}, shipped / name)
    (said,) = BACKEND.check(replace(OPTIONS, allow_other_prompt=True), over_base)
    assert f"{shipped / name} is not the file that entailbench.json knows the sha256 of" in said
    with pytest.raises(ModelError, match="knows the sha256 of"):
        BACKEND.open(OPTIONS, over_base)


def test_where_the_base_lies_is_no_part_of_the_adapter(shipped: Path, over_base: OpenContext) -> None:
    path = shipped / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "base_model_name_or_path": "else/where"}))
    assert not list(BACKEND.check(OPTIONS, over_base))


def test_damage_is_named(shipped: Path, over_base: OpenContext) -> None:
    weights = shipped / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    assert "is truncated" in "".join(BACKEND.check(OPTIONS, over_base))
    weights.write_bytes(content)
    record = shipped / "entailbench.json"
    told = json.loads(record.read_text())
    for damaged in ({"prompt_style": "chat", "bos": True}, {**told, "files": {}}):
        record.write_text(json.dumps(damaged))
        assert "has no entailbench.json that vouches for its weights" in "".join(BACKEND.check(OPTIONS, over_base))
    record.unlink()
    assert "has no entailbench.json that vouches" in "".join(BACKEND.check(OPTIONS, over_base))


def test_over_other_weights_it_is_refused(shipped: Path, over_base: OpenContext, tmp_path: Path) -> None:
    other = make_tiny_llama(tmp_path / "other", seed=3)
    base = resolved(HfBackend(), HfOptions(str(other)), replace(over_base, name="base", base=None, root="other"))
    with pytest.raises(ModelError, match="was trained on other weights than its base 'base' has now"):
        BACKEND.open(OPTIONS, replace(over_base, base=base))


def test_with_another_template_of_the_base_it_is_refused(
    shipped: Path, made: Path, over_base: OpenContext, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(made / "hf", tmp_path / "other"))
    path = other / "chat_template.jinja"
    path.write_text(path.read_text().replace("assistant", "model"))
    base = resolved(HfBackend(), HfOptions(str(other)), replace(over_base, name="base", base=None, root="other"))
    with pytest.raises(ModelError, match="another tokenizer or template"):
        BACKEND.open(OPTIONS, replace(over_base, base=base))


@pytest.mark.parametrize("key", ["use_rslora", "use_dora"])
def test_another_kind_of_lora_is_refused(shipped: Path, key: str) -> None:
    path = shipped / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, key: True}))
    record = json.loads((shipped / "entailbench.json").read_text())
    from entailbench_adapters.prompt_record import hash_file

    record["files"]["adapter_config.json"] = hash_file(path)
    (shipped / "entailbench.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match="is not the configuration of a LoRA that was exported here"):
        recognize_peft(shipped)


def test_an_installation_without_it_says_what_to_do(over_base: OpenContext) -> None:
    (said,) = BACKEND.check(LitgptOptions(shipped="no-such-one"), over_base)
    assert said == (
        "it is not trained yet: run `entailbench finetune lora`; the adapter 'no-such-one' is not part of this "
        "installation"
    )
    (said,) = BACKEND.check(LitgptOptions(shipped="../adapters"), over_base)
    assert "is not part of this installation" in said


def test_what_is_really_shipped_is_whole() -> None:
    """Of every adapter in the package: complete, small enough, without local paths, for the embedded base."""
    from entailbench_adapters import embedded

    for folder in SHIPPED.glob("*/"):
        checkpoint = recognize_peft(folder)
        assert checkpoint.record is not None
        assert checkpoint.record.answer_tokens
        config = json.loads((folder / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == embedded.HUB_ID
        weights = load_file(folder / "adapter_model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000_000
        assert {"README.md", "lineage.json"} <= {path.name for path in folder.iterdir()}
        for path in folder.glob("*.json"):
            assert "(local path)" not in path.read_text().replace('"data_file": "(local path)"', ""), path


def test_what_is_really_shipped_is_for_the_weights_that_are_opened(smollm2: Path) -> None:
    for folder in SHIPPED.glob("*/"):
        lineage = json.loads((folder / "lineage.json").read_text())
        assert lineage["facts"]["base_weights"] == hash_weights(smollm2)
