"""Never lose work: trainings that are killed and gone on with end as if nothing had happened, bit for bit."""

from __future__ import annotations

import json
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

from entailbench_adapters.training import state
from tiny_models import make_tiny_llama
from tiny_training import Workspace

RECIPE: dict[str, Any] = {
    # Big matrices for so small a model: a save takes long enough to be killed in.
    "lora_r": 96,
    "lora_alpha": 96,
    "lora_dropout": 0.1,
    "lora_key": True,
    "lora_mlp": True,
    "lora_head": True,
    "epochs": 6,
    "micro_batch_size": 4,
    "global_batch_size": 8,
    "learning_rate": 2e-3,
    "eval_interval": 10,
    "save_every_steps": 2,
    "device": "cpu",
}
STEPS = 30


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="module")
def whole(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Trained in one go."""
    workspace = Workspace(tmp_path_factory.mktemp("whole") / "workspace", tiny, RECIPE)
    done = workspace.finetune()
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture
def workspace(tiny: Path, tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace", tiny, RECIPE)


def adapter(workspace: Workspace) -> bytes:
    return (workspace.checkpoint / "lit_model.pth.lora").read_bytes()


def killed_when(workspace: Workspace, happened: Callable[[], bool], *arguments: str) -> bool:
    """Starts a training and kills it by SIGKILL at once when something has happened; whether it came to that."""
    process = workspace.start(*arguments)
    try:
        while process.poll() is None:
            if happened():
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.0005)
        return False
    finally:
        process.kill()
        process.communicate()


def reached(workspace: Workspace, step: int) -> Callable[[], bool]:
    return lambda: any(workspace.states.glob(f"step-{step:06d}"))


def saving(workspace: Workspace) -> Callable[[], bool]:
    """Whether a state is being written."""
    return lambda: any(path.stat().st_size for path in workspace.states.glob(".step-*.partial/tensors.safetensors"))


def test_killed_again_and_again_it_ends_the_same(whole: Workspace, workspace: Workspace) -> None:
    assert killed_when(workspace, reached(workspace, 4))
    refused = workspace.finetune()
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "a training of 'lora' was begun and not finished" in refused.stderr
    assert "--resume to go on with it, or --overwrite to begin anew" in refused.stderr

    in_a_save = 0
    for _ in range(4):
        if not killed_when(workspace, saving(workspace), "--resume"):
            break
        in_a_save += any(workspace.states.glob(".step-*.partial"))
        if in_a_save:
            break
    assert in_a_save, "none of the kills hit a save"
    newest = state.newest(workspace.states)
    assert newest is not None
    step = int(newest.name.removeprefix("step-"))
    assert killed_when(workspace, reached(workspace, min(step + 6, STEPS)), "--resume")

    done = workspace.finetune("--resume")
    assert done.returncode == 0, done.stderr
    assert "going on after step" in done.stderr
    assert adapter(workspace) == adapter(whole)
    ours, theirs = (json.loads((each.checkpoint / "lineage.json").read_text()) for each in (workspace, whole))
    assert ours["losses"] == theirs["losses"]
    assert ours["validation_losses"] == theirs["validation_losses"]
    assert [step for step, _ in ours["losses"]] == list(range(1, STEPS + 1))
    steps = [
        [line.split(",")[:3] for line in (each.checkpoint / "losses.csv").read_text().splitlines()]
        for each in (workspace, whole)
    ]
    assert steps[0] == steps[1]
    assert not workspace.training.exists()
    assert {path.name for path in workspace.checkpoint.iterdir()} == {path.name for path in whole.checkpoint.iterdir()}


def test_a_damaged_state_is_passed_over(whole: Workspace, workspace: Workspace) -> None:
    assert killed_when(workspace, reached(workspace, 8))
    newest = state.newest(workspace.states)
    assert newest is not None
    tensors = newest / state.TENSORS
    tensors.write_bytes(tensors.read_bytes()[:1000])
    done = workspace.finetune("--resume")
    assert done.returncode == 0, done.stderr
    assert f"{newest} is damaged" in done.stderr
    assert f"going on after step {int(newest.name[-6:]) - 2}" in done.stderr
    assert adapter(workspace) == adapter(whole)


def test_ctrl_c_keeps_the_state(whole: Workspace, workspace: Workspace) -> None:
    process = workspace.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    while not reached(workspace, 4)():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "its state is saved: the same command with --resume goes on, with --overwrite it begins anew" in err
    assert "Traceback" not in err
    done = workspace.finetune("--resume")
    assert done.returncode == 0, done.stderr
    assert adapter(workspace) == adapter(whole)


def test_a_full_disk_stops_it_with_the_last_good_state_named(whole: Workspace, workspace: Workspace) -> None:
    """Files of this process may grow to a size that a state does not fit into once AdamW has its moments."""
    assert killed_when(workspace, reached(workspace, 4))
    size = sum(path.stat().st_size for path in workspace.states.glob("step-000004/tensors.safetensors"))
    limit = size - 1000
    done = workspace.finetune(
        "--resume", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot save the state of step" in last
    assert "File too large" in last
    assert "the last good state, of step " in last
    assert "--resume goes on with it" in last
    assert "Traceback" not in done.stderr
    assert not list(workspace.states.glob(".*"))
    done = workspace.finetune("--resume")
    assert done.returncode == 0, done.stderr
    assert adapter(workspace) == adapter(whole)
