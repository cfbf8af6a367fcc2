"""States on disk: whole or not there, in their order, without pickle, and never of use when damaged."""

from __future__ import annotations

import json
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np
import torch

from entailbench import TrainingError
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.training import randomness, state
from entailbench_adapters.training.state import State
from entailbench_adapters.training.updates import Updates, rate


def make(step: int, size: int = 8) -> State:
    tensors = {"weights/a": torch.full((size,), float(step)), "half": torch.ones(3, dtype=torch.bfloat16) * step}
    return State(step, tensors, {"losses": [[step, 0.5]], "text": "ä"})


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = state.save(tmp_path / "states", make(40))
    assert path == tmp_path / "states" / "step-000040"
    assert sorted(file.name for file in path.iterdir()) == ["state.json", "tensors.safetensors"]
    found = state.latest(tmp_path / "states", pytest.fail)
    assert found is not None
    assert (found.step, dict(found.facts)) == (40, {"losses": [[40, 0.5]], "text": "ä"})
    for name, tensor in make(40).tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert state.latest(tmp_path / "none", pytest.fail) is None
    (tmp_path / ".step-000004.partial").mkdir()
    (tmp_path / "step-x").mkdir()
    assert state.latest(tmp_path, pytest.fail) is None
    assert state.newest(tmp_path) is None


def test_the_newest_is_the_one_with_the_highest_step(tmp_path: Path) -> None:
    for step in (9, 10, 100, 1_000_000, 999_999):
        state.save(tmp_path, make(step))
    found = state.latest(tmp_path, pytest.fail)
    assert found is not None
    assert found.step == 1_000_000


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "no json", "another's", "empty"])
def test_a_damaged_state_is_passed_over_and_named(tmp_path: Path, damage: str) -> None:
    state.save(tmp_path, make(10))
    newest = state.save(tmp_path, make(20))
    tensors, facts = newest / state.TENSORS, newest / state.FACTS
    content = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(content[:-5])
    elif damage == "flipped":
        tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "missing":
        tensors.unlink()
    elif damage == "no json":
        facts.write_text('{"step": 20')
    elif damage == "another's":
        facts.write_text(json.dumps({**json.loads(facts.read_text()), "sha256": "0"}))
    else:
        facts.write_text("[]")
    told: list[str] = []
    found = state.latest(tmp_path, told.append)
    assert found is not None
    assert found.step == 10
    assert len(told) == 1
    assert str(newest) in told[0]
    assert "the one before it" in told[0]
    # The next save of that step takes its place.
    state.save(tmp_path, make(20))
    found = state.latest(tmp_path, pytest.fail)
    assert found is not None
    assert found.step == 20


def test_old_states_go_and_the_best_stays(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40, 50):
        state.save(tmp_path, make(step))
        state.prune(tmp_path, [20])
    (tmp_path / ".step-000060.partial").mkdir()
    state.prune(tmp_path, [20])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000020", "step-000040", "step-000050"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 64 KiB: like a disk that is full, for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, full_disk: None) -> None:
    state.save(tmp_path, make(10))
    with pytest.raises(TrainingError, match=r"cannot save the state of step 20 in .*: File too large"):
        state.save(tmp_path, make(20, size=65536))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000010"]


# ---- random generators


def test_the_generators_go_on_where_they_were() -> None:
    tensors, facts = randomness.capture()
    facts = json.loads(json.dumps(facts))
    first = (torch.rand(3).tolist(), random.random(), np.random.normal(size=3).tolist())
    randomness.restore(tensors, facts)
    assert (torch.rand(3).tolist(), random.random(), np.random.normal(size=3).tolist()) == first


# ---- the optimizer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_updates_go_on_bit_for_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    recipe = LoraRecipe(learning_rate=1e-2)
    target = torch.linspace(-1, 1, 12).reshape(3, 4)

    def start() -> tuple[torch.nn.Parameter, Updates]:
        torch.manual_seed(0)
        parameter = torch.nn.Parameter(torch.randn(3, 4).to(dtype))
        return parameter, Updates({"a": parameter}, recipe)

    def steps(parameter: torch.nn.Parameter, updates: Updates, numbers: range) -> None:
        for number in numbers:
            for _ in range(2):
                ((parameter.float() - target) ** 2).sum().backward()
                updates.gather()
            updates.step(rate(number, peak=1e-2, warmup=2, steps=20))

    whole, updates = start()
    steps(whole, updates, range(20))
    half, updates = start()
    steps(half, updates, range(9))
    tensors, facts = updates.state()
    state.save(tmp_path, State(9, tensors, {"updates": facts}))
    found = state.latest(tmp_path, pytest.fail)
    assert found is not None
    resumed, updates = start()
    updates.restore(found.tensors, found.facts["updates"])
    assert torch.equal(resumed, half)
    steps(resumed, updates, range(9, 20))
    assert torch.equal(resumed, whole)
    assert resumed.dtype == dtype


def test_a_float32_copy_keeps_what_bfloat16_would_lose() -> None:
    parameter = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    updates = Updates({"a": parameter}, LoraRecipe(weight_decay=0.0))
    for _ in range(20):
        parameter.sum().backward()
        updates.gather()
        updates.step(1e-3)
    # Each update is a quarter of what bfloat16 can tell from 1.
    assert updates.weights()["a"].tolist() == pytest.approx([0.98] * 4, abs=1e-4)
    assert parameter.tolist() == pytest.approx([0.98] * 4, abs=4e-3)


@pytest.mark.parametrize(("clip", "norm"), [(1.0, 1.0), (None, 200.0), (0, 200.0)])
def test_clipping(clip: float | None, norm: float) -> None:
    parameter = torch.nn.Parameter(torch.zeros(4))
    updates = Updates({"a": parameter}, LoraRecipe(max_grad_norm=clip))
    seen: list[float] = []
    updates._optimizer.register_step_pre_hook(lambda *_: seen.append(float(parameter.grad.norm())))  # type: ignore[union-attr]
    (100 * parameter.sum()).backward()
    updates.gather()
    updates.step(1e-3)
    assert seen == [pytest.approx(norm)]


def test_weights_that_are_not_finite_are_noticed() -> None:
    parameter = torch.nn.Parameter(torch.zeros(4))
    updates = Updates({"a": parameter}, LoraRecipe())
    assert updates.finite()
    parameter.data[2] = float("inf")
    assert not updates.finite()


@pytest.mark.parametrize(("warmup", "steps"), [(1, 3), (5, 40), (39, 40)])
def test_the_learning_rate_is_litgpts(warmup: int, steps: int) -> None:
    pytest.importorskip("litgpt")
    from litgpt.finetune.lora import get_lr_scheduler

    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    scheduler = get_lr_scheduler(optimizer, warmup_steps=warmup, max_steps=steps)
    for step in range(steps):
        expected = scheduler.get_last_lr()[0]
        assert rate(step, peak=3e-4, warmup=warmup, steps=steps) == pytest.approx(expected, rel=1e-9, abs=1e-15)
        optimizer.step()
        scheduler.step()


def test_other_schedules() -> None:
    def rates(schedule: str) -> list[float]:
        return [rate(s, peak=1.0, warmup=2, steps=6, schedule=schedule) for s in range(6)]  # type: ignore[arg-type]

    assert rates("linear") == pytest.approx([0, 0.5, 1, 0.75, 0.5, 0.25])
    assert rates("constant") == pytest.approx([0, 0.5, 1, 1, 1, 1])
