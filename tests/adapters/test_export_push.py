"""``entailbench export … --push``: the model card, the upload to a real server, and what is told when it cannot be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")
pytest.importorskip("huggingface_hub")

import yaml
from click.testing import CliRunner
from huggingface_hub import constants

from entailbench import RunError
from entailbench.cli import cli
from entailbench.hub import push, push_problems
from entailbench.plugins import create_plugin_manager
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf_weights import load_tokenizer
from entailbench_adapters.prompt_record import record_prompt
from hub_server import TOKEN, HubServer
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint
from tiny_models import make_tiny_llama


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With `base`, a tiny model of a local folder, and `lora`, trained on it. Read only."""
    folder = tmp_path_factory.mktemp("somebodys") / "private workspace"
    folder.mkdir()
    hf = make_tiny_llama(folder / "models" / "hf")
    checkpoint = make_lora_checkpoint(
        make_litgpt_base(hf, folder / "litgpt"), folder / "checkpoints" / "lora", ("query", "value")
    )
    tokenizer = load_tokenizer(hf)
    tokenizer.save_pretrained(checkpoint)
    record_prompt(checkpoint, tokenizer, prompt_style="chat", bos=True, target="proof", answer_tokens=48)
    lineage: dict[str, Any] = {
        "name": "lora",
        "base": "base",
        "trainer": "litgpt-lora",
        "task": None,
        "data_file": str(folder / "secret samples.json"),
        "data": "sha256:abc",
        "target": "proof",
        "samples": 96,
        "validation_samples": 9,
        "losses": [[1, 2.5], [2, 1.5], [3, 0.5]],
        "validation_losses": [[3, 0.75]],
        "overlap": {"test": {"rows": 250, "shared_rows": 0}},
        "facts": {
            "base": str(hf),
            "base_weights": hash_weights(hf),
            "recipe": {"lora_r": 4, "learning_rate": 0.001, "warmup_steps": None},
            "validation_scores": [{"step": 3, "balanced_accuracy": 0.625}],
            "seconds": 83.2,
            "peak_memory_bytes": 2_500_000_000,
        },
        "versions": {"entailbench": "0.1.0"},
        "finished": "2025-01-01T00:00:00+00:00",
    }
    (checkpoint / "lineage.json").write_text(json.dumps(lineage))
    (checkpoint / "puzzles.json").write_text('{"form": 1, "puzzles": ["abcdefabcdef"]}')
    run = folder / "runs" / "one"
    (run / "models").mkdir(parents=True)
    (run / "models" / "lora.json").write_text(json.dumps({"name": "lora", "lineage": lineage}))
    shutil.copytree(run / "models", folder / "runs" / "two" / "models")
    (folder / "runs" / "two" / "models" / "lora.json").write_text(
        json.dumps({"name": "lora", "lineage": {**lineage, "losses": [[1, 9.0]]}})
    )
    row = {"rows": 250, "unparsed": 3, "leaked": 0}

    def line(name: str, overall: float, balanced: float, proofs: float | None) -> dict[str, Any]:
        metrics = {
            "overall": {"value": overall, "low": overall - 0.05, "high": overall + 0.04},
            "balanced": {"value": balanced, "low": None, "high": None},
            "proof_validity": {"value": proofs, "low": None, "high": None},
        }
        return {**row, "name": name, "metrics": metrics}

    models = [line(name, share, share - 0.01, 0.875) for name, share in (("base", 0.5), ("lora", 0.9), ("gpt35", 0.6))]
    baselines = [line('always "not entailment"', 0.7, 0.5, None), line("stratified random", 0.5, 0.5, None)]
    task = {"task": "puzzte_generated", "split": "test", "rows": 250, "labels": "labels of the solver"}
    for place in (run, folder / "runs" / "two"):
        report = {"tasks": [{**task, "models": models, "baselines": baselines}]}
        (place / "report.json").write_text(json.dumps(report))
    (folder / "entailbench.toml").write_text(
        f'[models.base]\nbackend = "hf"\npretrained = "{hf}"\n[models.lora]\nbackend = "litgpt"\nbase = "base"\n'
    )
    return folder


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """A machine with the test's token, which is not offline; no other token can be found on it."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return monkeypatch


def entailbench(
    workspace: Path, *arguments: str, server: HubServer | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    hub = {"HF_ENDPOINT": server.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0"} if server else {}
    home = {"ENTAILBENCH_HOME": str(workspace.parent / "home"), "HF_HOME": str(workspace.parent / "hf-home")}
    return subprocess.run(
        [sys.executable, "-m", "entailbench", *arguments],
        capture_output=True,
        text=True,
        cwd=workspace,
        env={**os.environ, **home, **hub, **environment},
        check=False,
    )


def front_matter(card: str) -> dict[str, Any]:
    _, block, _ = card.split("---\n", 2)
    content: dict[str, Any] = yaml.safe_load(block)
    return content


@pytest.fixture(scope="module")
def pushed(workspace: Path) -> Iterator[tuple[HubServer, subprocess.CompletedProcess[str]]]:
    with HubServer() as server:
        arguments = ("export", "lora", "--format", "peft", "--dtype", "bfloat16", "--run", "runs/one")
        yield server, entailbench(workspace, *arguments, "--push", "lab/proofs", "--private", server=server)


def test_the_folder_arrives_as_it_was_written(
    workspace: Path, pushed: tuple[HubServer, subprocess.CompletedProcess[str]]
) -> None:
    server, done = pushed
    assert done.returncode == 0, done.stderr
    out = workspace / "exports" / "lora-peft"
    assert done.stdout.splitlines() == [str(out), f"{server.url}/lab/proofs"]
    repository = server.repositories["lab/proofs"]
    assert repository.private
    assert repository.commits == ["Export from entailbench"]
    assert repository.files == {path.name: path.read_bytes() for path in out.iterdir()}
    assert {"README.md", "lineage.json", "entailbench.json", "puzzles.json", "adapter_model.safetensors"} <= set(
        repository.files
    )
    assert TOKEN not in done.stdout + done.stderr
    assert all("Traceback" not in text for text in (done.stdout, done.stderr))


def test_nothing_local_leaves_the_machine(
    workspace: Path, pushed: tuple[HubServer, subprocess.CompletedProcess[str]]
) -> None:
    server, _ = pushed
    for name, content in server.repositories["lab/proofs"].files.items():
        for secret in (str(workspace), workspace.parent.name, workspace.name, "secret samples", TOKEN):
            assert secret.encode() not in content, f"{secret} in {name}"


def test_what_was_pushed_opens_here_again(
    workspace: Path, pushed: tuple[HubServer, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    server, _ = pushed
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for name, content in server.repositories["lab/proofs"].files.items():
        (folder / name).write_bytes(content)
    (tmp_path / "entailbench.toml").write_text(
        f'[models.mine]\nbackend = "hf"\npretrained = "{workspace / "models" / "hf"}"\nadapter = "downloaded"\n'
    )
    done = entailbench(tmp_path, "models", "show", "mine", "--json")
    shown = json.loads(done.stdout)
    assert shown["problems"] == []
    assert shown["lineage"]["target"] == "proof"
    assert shown["lineage"]["prompt"]["answer_tokens"] == 48


def test_the_model_card(workspace: Path, pushed: tuple[HubServer, subprocess.CompletedProcess[str]]) -> None:
    server, _ = pushed
    card = server.repositories["lab/proofs"].files["README.md"].decode()
    told = front_matter(card)
    assert told["library_name"] == "peft"
    assert told["pipeline_tag"] == "text-generation"
    assert {"entailbench", "lora"} <= set(told["tags"])
    assert "base_model" not in told, "a local folder is no name"
    assert "license" not in told, "nobody knows it"
    for expected in (
        "# lora",
        "writes a proof",
        'PeftModel.from_pretrained(base, "lab/proofs")',
        "max_new_tokens=48",
        '[models.lora]\nbackend = "hf"',
        "<|im_start|>user\nWhat follows?<|im_end|>",
        "- samples: 96",
        "- rows about puzzles of its training: test 0 of 250 rows",
        "| `learning_rate` | `0.001` |",
        "2.500 at step 1, 0.500 at step 3",
        "- balanced accuracy: 0.625",
        "| lora | 90.0% (85.0–94.0) | 89.0% | 3 | 87.5% |",
        "| base | 50.0% (45.0–54.0) | 49.0% | 3 | 87.5% |",
        '| always "not entailment" | 70.0% (65.0–74.0) | 50.0% | 3 | – |',
        "stored in bfloat16",
        "- wall time: 1 min 23 s",
    ):
        assert expected in card, expected
    assert "gpt35" not in card, "of the run only this model, its base and the baseline"
    assert "warmup_steps" not in card


@pytest.mark.parametrize("format", ["hf", "litgpt"])
def test_every_form_has_a_card_also_without_a_push(
    workspace: Path, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(workspace.parent / "home"))
    done = CliRunner().invoke(
        cli, ["export", "lora", "--format", format, "--out", str(out)], obj=create_plugin_manager()
    )
    assert done.exit_code == 0, done.output
    card = (out / "README.md").read_text()
    assert front_matter(card)["library_name"] == {"hf": "transformers", "litgpt": "litgpt"}[format]
    assert str(workspace) not in card
    assert "Recipe" in card
    if format == "hf":
        assert 'AutoModelForCausalLM.from_pretrained("this-folder")' in card


# What is told before anything is exported


def refused(workspace: Path, *arguments: str, **keywords: Any) -> str:
    out = workspace / "exports" / "never"
    done = entailbench(workspace, "export", "lora", "--format", "peft", "--out", str(out), *arguments, **keywords)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert not out.exists()
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr
    return done.stderr


def test_all_problems_are_told_at_once_and_nothing_is_written(workspace: Path) -> None:
    with HubServer() as server:
        said = refused(
            *(workspace, "--push", "others/proofs", "--dtype", "float8", "--run", "runs"),
            server=server,
        )
        assert server.repositories == {}
    assert "the token of 'ann' may not write to 'others', but to ann, lab" in said
    assert "--dtype float8: known are float32, bfloat16, float16" in said
    assert "--run runs is not the folder of a finished run of 'lora'" in said


def test_a_run_of_another_training_is_no_witness(workspace: Path) -> None:
    assert "its 'lora' was another training" in refused(workspace, "--run", "runs/two")


def test_offline_and_without_a_token(workspace: Path) -> None:
    assert "HF_HUB_OFFLINE is set" in refused(workspace, "--push", "ann/proofs", HF_HUB_OFFLINE="1", HF_TOKEN=TOKEN)
    said = refused(workspace, "--push", "ann/proofs", HF_HUB_OFFLINE="0")
    assert "--push needs a token: set HF_TOKEN, or log in with `hf auth login`" in said


def test_private_without_push(workspace: Path) -> None:
    assert "--private goes with --push" in refused(workspace, "--private")


def found(login: pytest.MonkeyPatch, server: HubServer, repository: str) -> list[str]:
    login.setattr(constants, "ENDPOINT", server.url)
    return list(push_problems(repository))


@pytest.mark.parametrize("repository", ["ann/proofs", "lab/proofs"])
def test_a_repository_of_ones_own_or_of_an_organization(login: pytest.MonkeyPatch, repository: str) -> None:
    with HubServer() as server:
        assert found(login, server, repository) == []
        assert server.requests == ["GET /api/whoami-v2"], "nothing is made before there is something to upload"


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ("proofs", "name the account as well, ORG/REPO"),
        ("a/b/c", "is no repository name"),
        ("a b/c", "is no repository"),
    ],
)
def test_what_is_no_repository(login: pytest.MonkeyPatch, repository: str, said: str) -> None:
    with HubServer() as server:
        (problem,) = found(login, server, repository)
        assert server.requests == []
    assert said in problem
    assert "\n" not in problem


def test_a_token_that_can_only_read(login: pytest.MonkeyPatch) -> None:
    with HubServer(role="read") as server:
        (problem,) = found(login, server, "ann/proofs")
    assert "the token of 'ann' can only read" in problem


def test_a_token_that_the_hub_does_not_know(login: pytest.MonkeyPatch) -> None:
    login.setenv("HF_TOKEN", "hf_wrong")
    with HubServer() as server:
        (problem,) = found(login, server, "ann/proofs")
        assert problem == f"--push: {server.url} does not know the token; set HF_TOKEN, or log in with `hf auth login`"


def test_a_hub_that_cannot_be_reached(login: pytest.MonkeyPatch) -> None:
    with HubServer() as server:
        pass
    (problem,) = found(login, server, "ann/proofs")
    assert f"{server.url} cannot be reached" in problem
    assert "\n" not in problem
    assert TOKEN not in problem


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/repos/create", 403, "forbids it: You have no right to make models here"),
        ("/api/models/ann/proofs/commit", 403, "forbids it: You have no right to make models here"),
        ("/api/models/ann/proofs/preupload", 400, "answered 400: You have no right to make models here"),
    ],
)
def test_a_hub_that_refuses_later_keeps_the_export(
    login: pytest.MonkeyPatch, tmp_path: Path, path: str, status: int, said: str
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "README.md").write_text("---\ntags: [a]\n---\n# x\n")
    with HubServer(refuses={path: (status, "You have no right to make models here")}) as server:
        login.setattr(constants, "ENDPOINT", server.url)
        with pytest.raises(RunError) as caught:
            push(folder, "ann/proofs", private=False)
    assert said in str(caught.value)
    assert f"the export is kept in {folder}: `hf upload ann/proofs {folder}` tries again" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert (folder / "README.md").is_file()


def test_a_repository_that_exists_gets_another_commit(login: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "README.md").write_text("---\ntags: [a]\n---\n# one\n")
    with HubServer() as server:
        login.setattr(constants, "ENDPOINT", server.url)
        assert push(folder, "ann/proofs", private=False) == f"{server.url}/ann/proofs"
        (folder / "README.md").write_text("---\ntags: [a]\n---\n# two\n")
        push(folder, "ann/proofs", private=True)
        repository = server.repositories["ann/proofs"]
    assert len(repository.commits) == 2
    assert not repository.private, "what exists stays as it is"
    assert repository.files["README.md"].endswith(b"# two\n")
