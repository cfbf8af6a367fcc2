"""The step loop on a tiny model: litgpt's numbers, other batches, early stopping, and what goes wrong."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch

from entailbench import DivergedError, PreflightError, TrainingError
from entailbench_adapters.litgpt_checkpoint import load_weights
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.training import state
from tiny_models import make_tiny_llama
from tiny_training import Workplace

RECIPE = LoraRecipe(
    lora_r=4,
    lora_alpha=12,
    lora_dropout=0.0,
    lora_key=True,
    lora_projection=True,
    lora_mlp=True,
    lora_head=True,
    epochs=2,
    micro_batch_size=4,
    global_batch_size=8,
    learning_rate=1e-2,
    seed=7,
    precision="32-true",
    device="cpu",
)
AS_LITGPT = replace(RECIPE, loss_average="micro_batch", max_grad_norm=None)

Places = Callable[[str], Workplace]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture
def place(tiny: Path, tmp_path: Path) -> Places:
    return lambda name: Workplace(tiny, tmp_path / name)


def close(first: Any, second: Any, relative: float) -> bool:
    return len(first) == len(second) and all(
        a[0] == b[0] and a[1] == pytest.approx(b[1], rel=relative) for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("changes", [{}, {"mask_prompt": False, "prompt_style": "alpaca"}])
def test_losses_and_weights_are_those_of_litgpts_loop(place: Places, changes: dict[str, Any]) -> None:
    """45 samples leave one over in every epoch, and 23 steps go over four of them."""
    recipe = replace(AS_LITGPT, epochs=5, max_steps=23, eval_interval=10, learning_rate=3e-3, **changes)
    ours, theirs = place("ours"), place("theirs")
    first = ours.train(recipe)
    second = theirs.train(replace(recipe, engine="litgpt"))
    assert len(first.losses) == 23
    assert close(first.losses, second.losses, 1e-4), (first.losses, second.losses)
    assert close(first.validation_losses, second.validation_losses, 1e-4)
    one, other = (load_weights(each.out / "lit_model.pth.lora") for each in (ours, theirs))
    assert list(one) == list(other)
    for name, weight in one.items():
        assert torch.allclose(weight, other[name], rtol=1e-3, atol=1e-5), name
    files = {path.name for path in theirs.out.iterdir()} - {"train.log", "metrics.csv"}
    assert files <= {path.name for path in ours.out.iterdir()}


@pytest.mark.parametrize(
    "changes", [{"sharing": "none"}, {"sharing": "prefix"}, {"pack_tokens": 100}, {"engine": "packed"}]
)
def test_how_a_step_is_packed_changes_nothing(place: Places, changes: dict[str, Any]) -> None:
    recipe = replace(RECIPE, max_steps=6, sharing="none", pack_tokens=10_000)
    assert close(
        place("a").train(recipe).losses, place("b").train(replace(RECIPE, max_steps=6, **changes)).losses, 1e-4
    )


def test_the_two_averages_differ_where_answers_do(place: Places) -> None:
    token, micro = (
        place(average).train(replace(RECIPE, max_steps=2, loss_average=average)).losses  # type: ignore[arg-type]
        for average in ("token", "micro_batch")
    )
    assert token[0][1] != pytest.approx(micro[0][1], rel=1e-5)
    assert token[0][1] == pytest.approx(micro[0][1], rel=0.2)


def test_sixteen_bits_learn_and_are_kept_in_thirty_two(place: Places) -> None:
    there = place("a")
    outcome = there.train(replace(RECIPE, precision="bf16-true", epochs=4))
    assert outcome.losses[-1][1] < outcome.losses[0][1] / 4
    weights = load_weights(there.out / "lit_model.pth.lora").values()
    assert all(weight.dtype == torch.float32 for weight in weights)


def test_batches_in_tokens(place: Places) -> None:
    outcome = place("a").train(replace(RECIPE, batch_tokens=700, order="puzzle", schedule="linear"))
    facts = outcome.facts
    assert facts["steps"] == len(outcome.losses)
    assert facts["trained_tokens"] >= 700 * facts["steps"]
    assert facts["computed_tokens"] < facts["trained_tokens"] / 2, "questions of a puzzle share its text"
    assert outcome.losses[-1][1] < outcome.losses[0][1]


# ---- early stopping


def test_early_stopping_keeps_the_best_state(place: Places) -> None:
    there = place("a")
    recipe = replace(RECIPE, epochs=40, eval_interval=3, early_stopping=True, patience=8)
    outcome = there.train(recipe)
    scores = {score["step"]: score["balanced_accuracy"] for score in outcome.facts["validation_scores"]}
    best = outcome.facts["best_step"]
    assert scores[best] == max(scores.values())
    assert scores[best] > scores[min(scores)], "it must have learned something in between"
    assert outcome.facts["steps"] == best + 24 < outcome.facts["planned_steps"]
    kept = state.load(state.at(there.states, best)).tensors
    for name, weight in load_weights(there.out / "lit_model.pth.lora").items():
        assert torch.equal(weight, kept[f"weights/{name}"])
    assert any(note.startswith(f"taking the weights of step {best}") for note in there.notes)


def test_early_stopping_needs_validation_samples(place: Places) -> None:
    with pytest.raises(PreflightError, match="early_stopping = true, but there are no validation samples"):
        place("a").train(replace(RECIPE, early_stopping=True), validation=())


def test_without_validation_samples_it_trains(place: Places) -> None:
    outcome = place("a").train(replace(RECIPE, max_steps=2), validation=())
    assert outcome.validation_losses == ()
    assert outcome.facts["validation_scores"] == []


# ---- what goes wrong


def test_a_loss_that_is_no_number_stops_with_the_last_good_state(place: Places) -> None:
    there = place("a")
    recipe = replace(RECIPE, learning_rate=1e35, warmup_steps=4, save_every_steps=1)
    with pytest.raises(DivergedError) as caught:
        there.train(recipe)
    message = str(caught.value)
    assert "not finite" in message or "the training loss became nan" in message
    assert "lower learning_rate = 1e+35" in message
    kept = state.newest(there.states)
    assert kept is not None
    assert str(kept) in message
    found = state.load(kept)
    assert all(torch.isfinite(t).all() for name, t in found.tensors.items() if name.startswith("weights/"))
    assert not (there.out / "lit_model.pth.lora").exists()
    assert not list(there.states.glob(".*"))


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """No file may grow beyond so many bytes from then on: like a disk that is full, for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stops_with_the_last_good_state(
    place: Places, full_disk: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place("a")
    recipe = replace(RECIPE, save_every_steps=1, eval_interval=3)

    class Notes(list[str]):
        def append(self, note: str) -> None:
            super().append(note)
            if note.startswith("validation at step 3"):
                full_disk(4096)

    there.notes = Notes()
    with pytest.raises(TrainingError, match=r"cannot (save|write) .*File too large.*; the last good state, of step 2"):
        there.train(recipe)
    assert not list(there.states.glob(".*"))
    assert state.newest(there.states) == state.at(there.states, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_gone_on_from_bit_for_bit(
    place: Places, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    # In the background of a shell the tests begin with an interrupt that is ignored, and so would the training.
    given = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(number, given))
    recipe = replace(RECIPE, lora_dropout=0.1, eval_interval=4)
    whole, stopped = place("whole"), place("stopped")
    expected = whole.train(recipe)

    class Notes(list[str]):
        def append(self, note: str) -> None:
            super().append(note)
            if note.startswith("validation at step 4"):
                os.kill(os.getpid(), number)

    stopped.notes = Notes()
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 5"):
        stopped.train(recipe)
    assert signal.getsignal(number) == before
    stopped.notes = []
    outcome = stopped.train(recipe, resume=True)
    assert "going on after step 5" in stopped.notes
    assert stopped.adapter == whole.adapter
    assert outcome.losses == expected.losses
    assert outcome.validation_losses == expected.validation_losses
    assert outcome.facts["validation_scores"] == expected.facts["validation_scores"]


# ---- on a GPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "32-true"])
def test_a_step_waits_for_no_device(place: Places, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    from entailbench_adapters.training import loop

    step = loop._step
    done = []

    def watched(training: Any, packs: Any) -> Any:
        # The first steps of an optimizer and an attention may set something up.
        torch.cuda.set_sync_debug_mode("error" if len(done) > 2 else "default")
        try:
            return step(training, packs)
        finally:
            done.append(packs.number)
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(loop, "_step", watched)
    outcome = place("a").train(replace(RECIPE, device="cuda", precision=precision, lora_dropout=0.05))  # type: ignore[arg-type]
    assert len(done) == 11
    assert outcome.losses[-1][1] < outcome.losses[0][1]
    assert outcome.facts["peak_memory_bytes"] > 0
