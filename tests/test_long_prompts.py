"""Whole runs of a real tiny model over rows too long for it: told, counted, bounded, or cut where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entailbench import RowErrorsError
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.report.text import render
from entailbench.results import read_run
from entailbench.runner import Outcome, RunConfig, run
from model_plugins import known_plugin
from test_cli import Cli
from test_run import Quiet, problems
from tiny_models import make_tiny_llama

CONTEXT = 512
ROWS = 12
TOO_LONG = {7, 8, 9, 10}
"""Of the first rows, those that the tiny tokenizer needs about 500 tokens or more for."""
TASKS = ("puzzte_generated", "puzzte_generated_mc")
CONFIG = """
[models.tiny]
backend = "hf"
pretrained = "tiny"
device = "cpu"

[models.cutting]
backend = "hf"
pretrained = "tiny"
device = "cpu"
truncate = "left"
"""


@pytest.fixture
def registry(workspace: Path, home: Path) -> Registry:
    make_tiny_llama(workspace / "tiny", context=CONTEXT)
    (workspace / "entailbench.toml").write_text(CONFIG)
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
    return load_registry(plugins, workspace=workspace, home=home)


def ran(registry: Registry, observer: Quiet | None = None, **config: Any) -> Outcome:
    chosen: dict[str, Any] = {"models": ("tiny",), "tasks": TASKS, "limit": ROWS, "output": Path("out"), **config}
    return run(RunConfig(**chosen), registry, observer or Quiet())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def lm_eval_accuracy(folder: Path, task: str) -> float:
    """Of lm-eval's own file of results."""
    every = [json.loads(path.read_text())["results"] for path in folder.glob("results_*.json")]
    (found,) = [results[task] for results in every if task in results]
    (value,) = [float(found[key]) for key in found if key.startswith("acc,")]
    return value


def test_they_are_error_rows_and_the_run_goes_on(registry: Registry, workspace: Path, home: Path) -> None:
    done = Cli(workspace, home)(
        *("run", "--models", "tiny", "--tasks", ",".join(TASKS), "--limit", str(ROWS), "--output", "out", "--json")
    )
    assert done.returncode == 3, done.stderr
    assert "8 rows are errors" in done.stderr
    report = json.loads((workspace / "out/report.json").read_text())
    errors = 0
    for task, found in zip(TASKS, report["tasks"], strict=True):
        judged = lines(workspace / f"out/judged/{task}/tiny.jsonl")
        wrong = [row for row in judged if row["outcome"] == "error"]
        assert {row["doc_id"] for row in wrong} == TOO_LONG
        errors += len(wrong)
        for row in wrong:
            assert (row["predicted"], row["text"], row["probability"]) == ("unparsed", "", None)
            assert f"exceeds the model's context of {CONTEXT} tokens" in row["reason"]
        if task.endswith("_mc"):
            assert {row["predicted"] for row in judged if row not in wrong} <= {"entailment", "not entailment"}
        (model,) = found["models"]
        gold = {row["doc_id"]: row["gold"] for row in lines(workspace / f"out/rows/{task}.jsonl")}
        right = sum(row["predicted"] == gold[row["doc_id"]] for row in judged) / ROWS
        assert (model["errors"], model["metrics"]["overall"]["value"]) == (len(TOO_LONG), pytest.approx(right))
        assert lm_eval_accuracy(workspace / "out/lm_eval/tiny", task) == pytest.approx(right)
    predictions = lines(workspace / "out/predictions/tiny.jsonl")
    assert len(predictions) == 2 * ROWS
    assert sum(row.get("outcome") == "error" for row in predictions) == errors
    markdown = (workspace / "out/report.md").read_text()
    assert markdown.count("exceeds the model's context of 512 tokens") >= 2


def test_they_are_bounded(registry: Registry, workspace: Path) -> None:
    observer = Quiet()
    with pytest.raises(
        RowErrorsError, match=r"tiny: 4 rows without an answer, and --max-errors allows 3.*generated/10"
    ):
        ran(registry, observer, max_errors=3)
    assert {row["doc_id"] for row in lines(workspace / "out/predictions/tiny.jsonl")} == TOO_LONG
    # Four of each task.
    with pytest.raises(RowErrorsError, match="tiny: 8 rows"):
        ran(registry, max_errors=7, output=Path("second"))
    assert ran(registry, max_errors=8, output=Path("third")).report.tasks[1].models[0].errors == len(TOO_LONG)


@pytest.mark.parametrize("told", [{"truncate": "left"}, {"models": ("cutting",)}], ids=["command line", "model"])
def test_they_are_cut_where_that_is_asked_for(told: dict[str, Any], registry: Registry, workspace: Path) -> None:
    observer = Quiet()
    outcome = ran(registry, observer, max_errors=0, **told)
    (name,) = told.get("models", ("tiny",))
    rows = 2 * len(TOO_LONG)
    assert f"{name}: {rows} prompts cut at the left since they are longer than its context" in observer.messages
    described = json.loads((workspace / f"out/models/{name}.json").read_text())
    assert described["cut"] == dict.fromkeys(TASKS, len(TOO_LONG))
    assert described["identity"]["details"]["truncate"] == "left"
    for task in outcome.tasks:
        (model,) = task.models
        assert {answer.doc_id for answer in model.answers if answer.cut} == TOO_LONG
        assert {answer.outcome for answer in model.answers} == {"answered"}
        assert model.title == f"{name} (4 prompts cut at the left)"
    assert f"{name} (4 prompts cut at the left)" in render(outcome.report, "github")
    assert sum("cut" in row for row in lines(workspace / f"out/predictions/{name}.jsonl")) == rows
    assert [task.models for task in read_run(workspace / "out").tasks] == [task.models for task in outcome.tasks]


def test_the_command_line_goes_before_the_model(registry: Registry, workspace: Path) -> None:
    outcome = ran(registry, models=("cutting",), truncate="no")
    assert [task.models[0].errors for task in outcome.report.tasks] == [4, 4]
    assert json.loads((workspace / "out/config.json").read_text())["truncate"] == "no"


def test_models_that_it_means_nothing_to_are_named(registry: Registry) -> None:
    observer = Quiet()
    ran(registry, observer, models=("tiny", "perfect"), tasks=TASKS[:1], truncate="left")
    assert "--truncate means nothing to 'perfect' (backend known)" in observer.messages
    (problem,) = problems(registry, models=("perfect",), truncate="left", output=Path("none"))
    assert problem.startswith("--truncate means nothing to 'perfect' (backend known): ")


def test_plain_lm_eval_ends_with_the_first_one(registry: Registry, workspace: Path, home: Path) -> None:
    done = Cli(workspace, home)(
        *("lm-eval", "run", "--model", "entailbench", "--model_args", "name=tiny", "--apply_chat_template"),
        *("--tasks", TASKS[0], "--limit", str(ROWS)),
    )
    assert done.returncode == 5, done.stderr
    assert f"exceeds the model's context of {CONTEXT} tokens" in done.stderr
    assert "Traceback" not in done.stderr


def test_plain_lm_eval_says_what_was_cut(registry: Registry, workspace: Path, home: Path) -> None:
    done = Cli(workspace, home)(
        *("lm-eval", "run", "--model", "entailbench", "--model_args", "name=cutting", "--apply_chat_template"),
        *("--tasks", TASKS[1], "--limit", str(ROWS)),
    )
    assert done.returncode == 0, done.stderr
    assert "cutting: 4 prompts cut at the left since they are longer than its context" in done.stderr
