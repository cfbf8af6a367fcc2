"""Losses are on disk as soon as they are known, survive a crash, and make the same plot every time."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("litgpt")

from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.training import curves
from entailbench_adapters.training.curves import Curves, draw, logger_problems, progress_line, read_table, sparkline

RECIPE = LoraRecipe()


def write(out: Path, first: int, last: int, *, resumed_at: int = 0) -> Curves:
    """Steps ``first`` to ``last`` of the same training, whichever process makes them; not closed."""
    opened = Curves(out, RECIPE, resumed_at=resumed_at)
    for step in range(first, last + 1):
        counted = {"samples": step * 8, "tokens": step * 900}
        opened.train(step, 2 / step, 1e-3, epoch=step / 10, gradient_norm=0.5, seconds=step / 2, **counted)
        if step % 5 == 0:
            opened.validation(
                step, {"loss": 2.5 / step, "balanced_accuracy": 1 - 1 / step, "accuracy": 0.5, "unparsed": 3, "x": 1}
            )
    return opened


def test_a_line_is_there_at_once(tmp_path: Path) -> None:
    opened = write(tmp_path, 1, 6)
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == curves.COLUMNS
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "5", "6"]
    assert float(rows[2]["loss"]) == pytest.approx(2 / 3, rel=1e-6)
    assert (rows[2]["samples"], rows[2]["tokens"], rows[2]["seconds"]) == ("24", "2700", "1.5")
    assert (rows[5]["loss"], rows[5]["validation_loss"], rows[5]["validation_unparsed"]) == ("", "0.5", "3")
    opened.close()


def test_a_training_that_goes_on_drops_what_came_after_its_state(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    write(whole, 1, 12).close()
    write(broken, 1, 9)
    table = broken / "losses.csv"
    # Killed in the middle of a line.
    table.write_text(table.read_text() + "10,0.9,0.1")
    write(broken, 8, 12, resumed_at=7).close()
    assert table.read_text() == (whole / "losses.csv").read_text()
    assert (broken / "curves.svg").read_bytes() == (whole / "curves.svg").read_bytes()


def test_a_new_training_begins_a_new_table(tmp_path: Path) -> None:
    write(tmp_path, 1, 9).close()
    write(tmp_path, 1, 2).close()
    assert [row["step"] for row in read_table(tmp_path / "losses.csv")] == ["1", "2"]


@pytest.mark.parametrize("torn", ["1", "10,0.5", '10,"0.5', "x,y,z\n"])
def test_a_torn_line_is_left_out(tmp_path: Path, torn: str) -> None:
    write(tmp_path, 1, 3)
    table = tmp_path / "losses.csv"
    table.write_text(table.read_text() + torn)
    assert [row["step"] for row in read_table(table)] == ["1", "2", "3"]


def test_the_plot_shows_what_was_measured_and_nothing_of_when_and_where(tmp_path: Path) -> None:
    write(tmp_path, 1, 40).close()
    plot = tmp_path / "curves.svg"
    first = plot.read_bytes()
    draw(tmp_path / "losses.csv", plot)
    assert plot.read_bytes() == first
    assert len(first) < 60_000
    words = "".join(ElementTree.fromstring(first).itertext())
    for shown in ("balanced accuracy", "loss (nats per answer token)", "optimizer step", "a constant answer"):
        assert shown in words
    for hidden in (str(tmp_path), "matplotlib.org", "<dc:date>"):
        assert hidden.encode() not in first


def test_without_answers_there_is_one_panel_and_without_steps_no_plot(tmp_path: Path) -> None:
    opened = Curves(tmp_path, RECIPE)
    opened.close()
    assert not (tmp_path / "curves.svg").exists()
    opened = Curves(tmp_path, RECIPE)
    opened.train(1, 0.5, 1e-3)
    opened.train(2, float("nan"), 1e-3)
    opened.validation(2, {"loss": 0.25})
    opened.close()
    words = "".join(ElementTree.fromstring((tmp_path / "curves.svg").read_bytes()).itertext())
    assert "validation" in words
    assert "balanced accuracy" not in words


def test_nothing_of_the_plots_settings_leaks(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    write(tmp_path, 1, 5).close()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([1.0], ""),
        ([1.0, 1.0], "▁▁"),
        ([4.0, 3.0, 2.0, 1.0], "█▆▃▁"),
        ([float("nan"), 2.0, 1.0], "█▁"),
        ([float(n) for n in range(32)], "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██"),
    ],
)
def test_sparkline(values: list[float], expected: str) -> None:
    assert sparkline(values) == expected


def test_sparkline_is_as_wide_as_asked_for() -> None:
    for size in range(2, 70):
        assert len(sparkline([1 / (n + 1) for n in range(size)], 16)) == min(size, 16)


def test_progress_line() -> None:
    assert progress_line(1, 9, [0.5], ["2 s left"]) == "step 1/9, loss 0.5, 2 s left"
    assert progress_line(3, 9, [3.0, 2.0, 1.0]) == "step 3/9, loss 1 █▅▁"


def test_a_logger_that_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "find_spec", lambda name: None)
    assert list(logger_problems("none")) == []
    (problem,) = logger_problems("wandb")
    assert "pip install wandb" in problem
    (problem,) = logger_problems("tensorboard")
    assert 'logger = "tensorboard"' in problem
    assert "pip install tensorboard" in problem
    (problem,) = curves.plot_problems()
    assert "pip install matplotlib" in problem


def test_tensorboard_gets_the_same_figures_and_forgets_what_is_done_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = replace(RECIPE, logger="tensorboard")
    opened = Curves(tmp_path, recipe)
    for step in range(1, 6):
        opened.train(step, 10.0 * step, 1e-3)
    opened._logger.finalize("failed")
    opened = Curves(tmp_path, recipe, resumed_at=3)
    for step in range(4, 7):
        opened.train(step, step / 10, 1e-3)
    opened.validation(6, {"loss": 0.25, "balanced_accuracy": 0.75})
    opened.close()
    (folder,) = {path.parent for path in tmp_path.rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder))
    events.Reload()
    logged = {event.step: event.value for event in events.Scalars("loss")}
    assert logged == pytest.approx({1: 10.0, 2: 20.0, 3: 30.0, 4: 0.4, 5: 0.5, 6: 0.6})
    assert [event.value for event in events.Scalars("validation/balanced_accuracy")] == [0.75]


def test_weights_and_biases_keeps_its_files_in_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    opened = Curves(tmp_path, replace(RECIPE, logger="wandb"), name="lora")
    opened.train(1, 0.5, 1e-3)
    opened.close()
    assert list(tmp_path.rglob("*.wandb"))
