"""``finetune``: what it refuses, what it keeps, and what it leaves behind, on a tiny model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

from entailbench import PreflightError, TrainingError, UsageError
from entailbench.finetune import FinetuneConfig, Finetuned, finetune, outline
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.training_folder import TrainingFolder, changes
from tiny_models import make_tiny_llama
from tiny_training import PAIRS, Workspace

RECIPE: dict[str, Any] = {
    "lora_r": 4,
    "lora_mlp": True,
    "epochs": 2,
    "micro_batch_size": 4,
    "global_batch_size": 8,
    "learning_rate": 2e-3,
    "eval_interval": 4,
    "save_every_steps": 2,
    "device": "cpu",
}


class Crash(Exception):
    """The process is gone, as far as the training can tell."""


class Place:
    """A workspace and what was told in it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.notes: list[str] = []
        self.crash_at: str | None = None

    @property
    def registry(self) -> Registry:
        home = self.workspace.folder.parent / "home"
        return load_registry(create_plugin_manager(), workspace=self.workspace.folder, home=home)

    def finetune(self, **options: Any) -> Finetuned:
        return finetune(self.config(**options), self.registry, self.notify)

    def config(self, **options: Any) -> FinetuneConfig:
        return FinetuneConfig("lora", data=self.workspace.folder / "data.json", **options)

    def notify(self, note: str) -> None:
        self.notes.append(note)
        if self.crash_at and note.startswith(self.crash_at):
            raise Crash

    def begin(self) -> None:
        """Trains until the first validation, and crashes."""
        self.crash_at = "validation at step 4"
        with pytest.raises(Crash):
            self.finetune()
        self.crash_at = None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture
def place(tiny: Path, tmp_path: Path) -> Place:
    return Place(Workspace(tmp_path / "workspace", tiny, RECIPE))


@pytest.fixture
def refused(place: Place) -> Callable[..., str]:
    """The message of a refusal, after which everything is as it was."""

    def message(**options: Any) -> str:
        folder = place.workspace.folder
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        with pytest.raises((UsageError, TrainingError)) as caught:
            place.finetune(**options)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
        return str(caught.value)

    return message


def test_a_training_leaves_its_checkpoint_and_nothing_else(place: Place) -> None:
    done = place.finetune()
    assert done.directory == place.workspace.checkpoint
    assert [path.name for path in done.directory.parent.iterdir()] == ["lora"]
    written = json.loads((done.directory / "lineage.json").read_text())
    assert written["losses"] == [list(pair) for pair in done.lineage["losses"]]
    assert len(written["losses"]) == 10
    assert all(math.isfinite(loss) for _, loss in written["losses"])
    assert (written["samples"], written["validation_samples"]) == (42, 3)
    assert written["leaked"] is False
    assert {"puzzles.json", "losses.csv", "lit_model.pth.lora", "entailbench.json"} <= {
        path.name for path in done.directory.iterdir()
    }
    assert any(note.startswith("step 10/10, loss ") for note in place.notes)
    assert all("\n" not in note and len(note) < 200 for note in place.notes)


def test_an_unfinished_training_is_not_trained_over(place: Place, refused: Callable[..., str]) -> None:
    place.begin()
    message = refused()
    assert "a training of 'lora' was begun and not finished" in message
    assert "--resume to go on with it, or --overwrite to begin anew" in message
    assert "pass one of them" in refused(resume=True, overwrite=True)
    place.notes.clear()
    place.finetune(overwrite=True)
    assert not any("going on" in note for note in place.notes)


def test_what_crashed_before_its_first_state_is_begun_anew(place: Place) -> None:
    place.crash_at = "training: "
    with pytest.raises(Crash):
        place.finetune()
    place.crash_at = None
    assert not list(place.workspace.folder.glob("checkpoints/.*"))
    place.finetune()


def test_there_must_be_something_to_resume(place: Place, refused: Callable[..., str]) -> None:
    assert refused(resume=True) == "no training of 'lora' was begun and stopped: there is nothing to resume"
    place.finetune()
    assert "is finished, and no training of 'lora' was begun" in refused(resume=True)


def test_what_is_resumed_must_be_what_was_begun(place: Place, refused: Callable[..., str]) -> None:
    place.begin()
    place.workspace.write({**RECIPE, "learning_rate": 1e-3})
    message = refused(resume=True)
    assert message == "recipe.learning_rate is 0.001 and was 0.002: the training of 'lora' cannot be resumed with it"
    place.workspace.write({**RECIPE, "learning_rate": 1e-3, "seed": 5})
    place.workspace.write_pairs([*PAIRS[:-1], PAIRS[0]])
    message = refused(resume=True)
    for change in ("recipe.learning_rate is 0.001", "recipe.seed is 5 and was 1337", "data.hash is"):
        assert change in message
    assert "so the training of 'lora' cannot be resumed: change that back, or pass --overwrite" in message
    place.workspace.write(RECIPE)
    place.workspace.write_pairs(PAIRS)
    job = place.workspace.training / "job.json"
    whole = job.read_text()
    job.write_text(whole.replace(f'"torch": "{json.loads(whole)["versions"]["torch"]}"', '"torch": "1.0"'))
    assert 'and was "1.0": the training of' in refused(resume=True)
    job.write_text("{")
    assert "job.json is missing or damaged" in refused(resume=True)
    job.write_text(whole)
    place.finetune(resume=True)
    assert any(note.startswith("going on after step ") for note in place.notes)


def test_another_base_under_the_same_name(place: Place, tmp_path: Path, refused: Callable[..., str]) -> None:
    place.workspace.hf = make_tiny_llama(tmp_path / "base")
    place.workspace.write(RECIPE)
    place.begin()
    make_tiny_llama(tmp_path / "base", seed=1)
    with pytest.raises(TrainingError, match=r"the base has other weights than when this training was begun: .*--overw"):
        place.finetune(resume=True)
    make_tiny_llama(tmp_path / "base")
    place.finetune(resume=True)
    place.workspace.hf = make_tiny_llama(tmp_path / "other")
    place.workspace.write(RECIPE)
    place.crash_at = "validation at step 4"
    with pytest.raises(Crash):
        place.finetune(overwrite=True)
    place.workspace.hf = tmp_path / "base"
    place.workspace.write(RECIPE)
    assert "base.options.pretrained is" in refused(resume=True)


def test_one_name_is_trained_by_one_process(place: Place, refused: Callable[..., str]) -> None:
    place.begin()
    with TrainingFolder(place.workspace.checkpoint):
        for flags in ({}, {"overwrite": True}, {"resume": True}):
            assert refused(**flags) == (
                "'lora' is being trained by another process: wait until it has ended, or end it"
            )
    place.finetune(resume=True)


def test_who_takes_the_lock_second_is_refused(place: Place) -> None:
    """Also when both had found everything in order."""
    with TrainingFolder(place.workspace.checkpoint) as first:
        with pytest.raises(UsageError, match="being trained by another process"):
            TrainingFolder(place.workspace.checkpoint).__enter__()
        assert first.path.is_dir()
    assert not first.path.exists()
    with TrainingFolder(place.workspace.checkpoint):
        pass


def test_an_earlier_checkpoint_stays_until_the_new_one_is_whole(place: Place, refused: Callable[..., str]) -> None:
    place.finetune()
    adapter = place.workspace.checkpoint / "lit_model.pth.lora"
    first = adapter.read_bytes()
    assert "already exists: pass --overwrite to train 'lora' anew" in refused()
    place.workspace.write({**RECIPE, "seed": 1})
    place.crash_at = "validation at step 4"
    with pytest.raises(Crash):
        place.finetune(overwrite=True)
    place.crash_at = None
    assert adapter.read_bytes() == first
    place.finetune(resume=True)
    assert adapter.read_bytes() != first
    assert [path.name for path in adapter.parent.parent.iterdir()] == ["lora"]


def test_a_loss_that_is_no_number(place: Place) -> None:
    place.workspace.write({**RECIPE, "learning_rate": 1e35, "warmup_steps": 4})
    with pytest.raises(TrainingError) as caught:
        place.finetune()
    message = str(caught.value)
    assert "lower learning_rate = 1e+35" in message
    assert "the last good state, of step 2, is" in message
    assert message.endswith(
        "With the same recipe it would come to this again: change it, and begin anew with --overwrite"
    )
    assert "--resume" not in message
    assert not place.workspace.checkpoint.exists()
    assert (place.workspace.states / "step-000002" / "state.json").is_file()


def test_an_outline_writes_nothing_and_minds_no_checkpoint(place: Place) -> None:
    place.finetune()
    before = sorted(place.workspace.folder.rglob("*"))
    found = outline(place.config(), place.registry, place.notify)
    assert sorted(place.workspace.folder.rglob("*")) == before
    json.dumps(dict(found.facts))


def test_litgpts_own_loop_cannot_resume(place: Place, refused: Callable[..., str]) -> None:
    place.begin()
    place.workspace.write({key: value for key, value in RECIPE.items() if "save" not in key} | {"engine": "litgpt"})
    assert 'engine = "litgpt" saves no states to go on from: use engine = "packed"' in refused(resume=True)


def test_too_few_puzzles_to_hold_some_out(place: Place, refused: Callable[..., str]) -> None:
    place.workspace.write_pairs(PAIRS[:3])
    assert "too few puzzles to train on and to validate with" in refused()


def test_a_sample_that_would_be_cut_is_named_before_anything_is_computed(place: Place) -> None:
    place.workspace.write({**RECIPE, "max_seq_length": 40})
    with pytest.raises(PreflightError, match=r"training sample 0 has \d+ tokens .*max_seq_length = 40 allows 40"):
        place.finetune()
    assert not list(place.workspace.folder.glob("checkpoints/.lora*"))


def test_changes_are_told_by_their_place() -> None:
    before = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "gone": True}
    assert list(changes(before, before)) == []
    assert list(changes(before, {"a": 2, "b": {"c": [1], "d": "x"}, "new": None})) == [
        "a is 2 and was 1",
        "b.c is [1] and was [1, 2]",
        "gone is not set and was true",
    ]
