"""``entailbench models show``: trained, shipped, from elsewhere, or not trained yet; and a run keeps the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

from click.testing import CliRunner, Result

from entailbench.cli import cli
from entailbench.plugins import create_plugin_manager
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint
from tiny_models import make_tiny_llama
from tiny_training import Workspace

RECIPE = {
    **{"lora_r": 2, "epochs": 1, "micro_batch_size": 3, "global_batch_size": 9, "learning_rate": 0.01},
    **{"prompt_style": "chat", "seed": 7},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace where `lora` was really trained on `tiny`, and `elsewhere` is a checkpoint of plain litgpt."""
    folder = tmp_path_factory.mktemp("show")
    hf = make_tiny_llama(folder / "hf")
    workspace = Workspace(folder / "workspace", hf, RECIPE)
    make_lora_checkpoint(make_litgpt_base(hf, folder / "litgpt"), folder / "elsewhere", ("query", "value"))
    with (workspace.folder / "entailbench.toml").open("a") as file:
        file.write(f'[models.elsewhere]\nbackend = "litgpt"\nbase = "tiny"\ncheckpoint = "{folder / "elsewhere"}"\n')
        file.write('[models.untrained]\nbackend = "litgpt"\nbase = "tiny"\n[models.untrained.train]\n')
        file.write('trainer = "litgpt-lora"\ntask = "puzzte_generated"\n')
    done = workspace.finetune()
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture
def command(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(trained.folder)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(trained.folder.parent / "home"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, obj=create_plugin_manager())

    return run


def shown(command: Any, name: str) -> dict[str, Any]:
    done = command("models", "show", name, "--json")
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_what_was_trained_says_all_of_it(command: Any, trained: Workspace) -> None:
    found = shown(command, "lora")
    lineage = found["lineage"]
    facts = lineage["facts"]
    assert (found["what"], found["can_run"], found["base"]) == ("trained here", True, "tiny")
    assert lineage["data"].startswith("sha256:")
    assert facts["base_weights"].startswith("sha256:")
    assert facts["recipe"]["lora_r"] == 2
    assert facts["recipe"]["seed"] == 7
    assert facts["seconds"] > 0
    assert facts["trained_tokens"] > 0
    assert facts["device"] == "cpu"
    assert lineage["losses"]
    assert lineage["validation_losses"]
    assert "overlap" in lineage
    assert lineage["leaked"] is False
    assert "commit" in lineage, "None outside of git, but said"
    assert {"python", "entailbench"} <= set(lineage["versions"])
    assert lineage["prompt"]["target"] == lineage["target"]
    assert lineage["prompt"]["answer_tokens"] >= 8


def test_and_people_can_read_it(command: Any) -> None:
    done = command("models", "show", "lora")
    lines = done.stdout.splitlines()
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings == ["lora", "data", "target and prompt", "recipe", "training", "validation", "made with"]
    text = done.stdout
    for expected in ("weights       trained here", "prompt style", "lora_r", "base weights  ", "wall time", "versions"):
        assert expected in text, expected
    assert any(line.strip().startswith("loss") and "▁" in line for line in lines), "the curve"
    assert "finetune" not in text


def test_what_was_trained_elsewhere_has_no_lineage(command: Any) -> None:
    found = shown(command, "elsewhere")
    assert (found["can_run"], found["lineage"]) == (True, None)
    text = command("models", "show", "elsewhere").stdout
    assert text.endswith("\nnothing tells how it was trained\n")


def test_what_is_not_trained_yet_names_the_command(command: Any) -> None:
    found = shown(command, "untrained")
    assert (found["can_run"], found["lineage"]) == (False, None)
    assert found["train"]["task"] == "puzzte_generated"
    text = command("models", "show", "untrained").stdout
    assert text.count("`entailbench finetune untrained`") == 1


def test_models_that_nobody_trains(command: Any) -> None:
    text = command("models", "show", "tiny").stdout
    assert "backend       hf" in text
    assert "nothing tells how it was trained" in text
    assert "gpt-3.5-turbo" in command("models", "show", "gpt35").stdout


def test_an_unknown_name(command: Any) -> None:
    done = command("models", "show", "lorra")
    assert done.exit_code != 0
    assert "did you mean 'lora'" in str(done.exception)


def test_a_damaged_lineage_is_named_and_the_rest_is_shown(command: Any, trained: Workspace) -> None:
    path = trained.checkpoint / "lineage.json"
    content = path.read_text()
    try:
        path.write_text("{")
        text = command("models", "show", "lora").stdout
    finally:
        path.write_text(content)
    assert f"{path} is not the lineage of a training" in text
    assert "prompt style" in text


def test_options_of_the_list_do_not_get_lost(command: Any) -> None:
    assert "behind `show`" in command("models", "--json", "show", "lora").output
    rows = {row["name"]: row for row in json.loads(command("models", "--json").stdout)}
    assert (rows["lora"]["what"], rows["untrained"]["what"]) == ("trained here", "not trained yet")


def test_a_run_keeps_the_lineage_of_its_models(command: Any, trained: Workspace) -> None:
    run = trained.folder / "runs" / "kept"
    done = command("run", "--models", "tiny,lora", "--limit", "2", "--output", str(run))
    assert done.exit_code == 0, done.output
    kept = json.loads((run / "models" / "lora.json").read_text())
    assert kept["lineage"] == shown(command, "lora")["lineage"]
    assert json.loads((run / "models" / "tiny.json").read_text())["lineage"] is None
    shutil.rmtree(run)


def test_a_backend_of_somebody_else_may_tell_too(tmp_path: Path) -> None:
    """The hook is a plain method with a default: plugins written before it go on working."""
    from entailbench import OpenContext
    from model_plugins import KnownBackend, KnownOptions

    backend, context = KnownBackend(), OpenContext("known", tmp_path, tmp_path)
    options = KnownOptions("perfect")
    assert backend.lineage(options, context) is None
    assert backend.origin(options, context) == backend.describe(options)
