"""A task that lm-eval is given in parts comes out as if it had been given whole; and memory grows little with rows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from entailbench import RowErrorsError, harness, harness_parts, harness_tasks
from entailbench.plugins import create_plugin_manager
from entailbench.registry import load_registry
from entailbench.report.text import render
from entailbench.runner import RunConfig, run
from model_plugins import known_plugin
from test_run import Quiet

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

ROWS = 23
MODELS = ("perfect", "random", "mumbles", "proves-half")


def ran(place: Path, *, parts: int | None, remote: bool, task: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything that a run leaves, but times and dates."""
    plugin = known_plugin()
    with monkeypatch.context() as patch:
        patch.setattr(type(plugin.backend), "remote", remote)
        if parts:
            patch.setattr(harness_parts, "PART_ROWS", parts)
            patch.setattr(harness_tasks, "MANY_ROWS", 10)
        place.mkdir()
        registry = load_registry(
            create_plugin_manager(environment={}, extra={"known": plugin}), workspace=place, home=place / "home"
        )
        outcome = run(RunConfig(models=MODELS, tasks=(task,), limit=ROWS, output=Path("out")), registry, Quiet())
    files = {"table": render(outcome.report, "csv")}
    for path in sorted((place / "out").rglob("*")):
        if path.is_file():
            name = re.sub(r"_20[\dT-]+\.\d+", "", str(path.relative_to(place / "out")))
            assert name not in files
            files[name] = path.read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    for name, text in files.items():
        text = text.replace(str(place), "PLACE")
        if "/results" in name:
            results = json.loads(text)
            for key in ("date", "start_time", "end_time", "total_evaluation_time_seconds"):
                results.pop(key, None)
            found[name] = json.loads(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(results)))
        elif name.startswith("models/"):
            found[name] = {key: value for key, value in json.loads(text).items() if key not in ("seconds", "usage")}
        else:
            found[name] = re.sub(r"seconds,,,[\d.]+", "seconds", text)
    return found


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("task", ["puzzte_generated", "puzzte_generated_mc"])
def test_in_parts_as_whole(tmp_path: Path, task: str, remote: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ran(tmp_path / "whole", parts=None, remote=remote, task=task, monkeypatch=monkeypatch)
    for size in (7, 23, 22):
        parts = ran(tmp_path / f"parts{size}", parts=size, remote=remote, task=task, monkeypatch=monkeypatch)
        assert list(parts) == list(whole)
        for name, content in whole.items():
            assert parts[name] == content, name
    (results,) = (content for name, content in whole.items() if name.startswith("lm_eval/random/results"))
    assert results["n-samples"][task] == {"original": 3000, "effective": ROWS}
    assert len(whole[f"lm_eval/random/samples_{task}.jsonl"].splitlines()) == ROWS


def test_errors_of_all_parts_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from entailbench.harness_model import HarnessModel
    from entailbench.records import Answer
    from model_plugins import KnownModel, KnownOptions

    wrapped = HarnessModel(KnownModel(KnownOptions("perfect")), name="m", max_errors=3)
    failing = [Answer(str(number), "", "error", "no answer") for number in range(2)]
    wrapped._check_errors(failing)
    wrapped.begin_part(2)
    with pytest.raises(RowErrorsError, match="could not answer 4 rows"):
        wrapped._check_errors(failing)


def test_rows_of_a_large_table_are_a_sequence() -> None:
    import datasets

    from entailbench.table_rows import TableRows

    rows = [{"a": number, "b": str(number)} for number in range(2_500)]
    table = TableRows(datasets.Dataset.from_list(rows))
    assert len(table) == 2_500
    assert list(table) == rows
    assert (table[0], table[-1], table[1_234]) == (rows[0], rows[-1], rows[1_234])
    assert list(table[990:2_010]) == rows[990:2_010]
    assert list(table[990:2_010][5:7]) == rows[995:997]
    assert list(table[:None]) == rows
    assert list(table[3_000:]) == []


def test_parts_cover_every_row_once() -> None:
    tasks, problems = harness.load_tasks(["puzzte_generated"], _paths(), split="validation")
    assert not problems
    for limit, size in ((None, 400), (10, 3), (9, 3), (1, 3), (900, 900), (None, 901)):
        parts = list(harness_parts.parts_of(tasks[0], limit, size))
        docs = [doc for _, part, rows in parts for doc in part.docs[:rows]]
        assert docs == list(tasks[0].docs[:limit])
        assert [first for first, _, _ in parts] == [sum(rows for *_, rows in parts[:n]) for n in range(len(parts))]


def _paths() -> list[Path]:
    from entailbench_tasks import entailbench_task_paths

    return [Path(path) for path in entailbench_task_paths()]


GROWTH = 8_000
"""Bytes a row that a run of three recorded models may grow by; before rows were given in parts it was 35,000."""


@pytest.mark.soak
def test_memory_grows_little_with_rows(tmp_path: Path) -> None:
    import load

    peaks = {}
    for rows in (11_000, 18_000):
        place = tmp_path / str(rows)
        place.mkdir()
        peaks[rows] = load.measured(place, rows, 3).peak
    growth = (peaks[18_000] - peaks[11_000]) / 7_000
    assert growth < GROWTH, f"{growth:,.0f} bytes a row ({peaks})"


@pytest.mark.soak
def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    import load

    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    few, many = load.measured(small, 10_000, 3), load.measured(large, 100_000, 3)
    assert many.peak <= 10**9
    assert many.seconds / many.rows <= 1.5 * few.seconds / few.rows
