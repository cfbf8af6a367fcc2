"""Whole runs with models whose score is known beforehand."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from entailbench import ModelError, PreflightError
from entailbench.answered import ModelAnswers
from entailbench.findings import ModelResult, Report
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.report.text import render, save
from entailbench.runner import RunConfig, run
from model_plugins import known_plugin


class Quiet:
    """Collects what a run would tell the user."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.answered = 0

    def notify(self, message: str) -> None:
        self.messages.append(message)

    def start(self, model: str, task: str, rows: int) -> None:
        self.messages.append(f"{model} {task} {rows}")

    def advance(self, model: str) -> None:
        self.answered += 1

    def finish(self, model: str) -> None:
        pass


@pytest.fixture
def registry(workspace: Path, home: Path) -> Registry:
    return registry_with(workspace, home)


def registry_with(workspace: Path, home: Path, **models: dict[str, Any]) -> Registry:
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin(**models)})
    return load_registry(plugins, workspace=workspace, home=home)


def run_quietly(registry: Registry, **config: Any) -> Report:
    outcome = run(RunConfig(**config), registry, Quiet())
    save(outcome.report, outcome.tasks)
    return outcome.report


def csv_lines(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(render(report, "csv").splitlines()))


def values(model: ModelResult, *metrics: str) -> tuple[float | None, ...]:
    return tuple(model.value(metric) for metric in metrics)


def problems(registry: Registry, **config: Any) -> tuple[str, ...]:
    with pytest.raises(PreflightError) as caught:
        run_quietly(registry, **config)
    return caught.value.problems


@pytest.mark.parametrize("task", ["puzzte_generated", "puzzte_generated_mc"])
def test_known_models_score_what_they_must(registry: Registry, task: str) -> None:
    report = run_quietly(registry, models=("perfect", "inverted", "always-yes"), tasks=(task,), limit=60)
    (result,) = report.tasks
    perfect, inverted, constant = result.models
    assert (*values(perfect, "overall", "balanced"), perfect.unparsed) == (1.0, 1.0, 0)
    assert values(inverted, "overall", "balanced") == (0.0, 0.0)
    assert constant.value("overall") == pytest.approx(result.entailment_rows / 60)
    assert values(constant, "entailment", "not_entailment", "balanced") == (1.0, 0.0, 0.5)
    best = max(result.entailment_rows, 60 - result.entailment_rows) / 60
    assert result.baselines[0].value("overall") == pytest.approx(best)
    assert 0 < result.entailment_rows < 60


def test_unparsed_answers_are_wrong_and_counted(registry: Registry) -> None:
    (result,) = run_quietly(registry, models=("mumbles",), limit=10).tasks
    assert (result.models[0].value("overall"), result.models[0].unparsed) == (0.0, 10)


def test_half_an_emoji_does_not_end_the_run(registry: Registry, workspace: Path) -> None:
    run_quietly(registry, models=("half-emoji",), limit=2, output=Path("out"))
    rows = [json.loads(line) for line in (workspace / "out/predictions/half-emoji.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["entailment \\ud83d"] * 2


def test_answers_in_any_order_belong_to_their_prompts(workspace: Path, home: Path) -> None:
    registry = registry_with(workspace, home, backwards={"behaviour": "perfect", "order": "reversed"})
    (result,) = run_quietly(registry, models=("backwards",), limit=20).tasks
    assert result.models[0].value("overall") == 1.0


@pytest.mark.parametrize(("order", "message"), [("twice", "twice"), ("missing", "left 1 prompts unanswered")])
def test_a_backend_that_breaks_its_promise_is_named(workspace: Path, home: Path, order: str, message: str) -> None:
    registry = registry_with(workspace, home, sloppy={"behaviour": "perfect", "order": order})
    with pytest.raises(ModelError, match=f"'sloppy'.*{message}"):
        run_quietly(registry, models=("sloppy",), limit=5)


def test_what_was_answered_before_a_failure_is_kept(workspace: Path, home: Path) -> None:
    registry = registry_with(workspace, home, weary={"behaviour": "perfect", "fail_after": 3})
    with pytest.raises(ModelError, match="gave up"):
        run_quietly(registry, models=("weary",), limit=9, output=Path("out"))
    rows = [json.loads(line) for line in (workspace / "out/predictions/weary.jsonl").read_text().splitlines()]
    assert [row["doc_id"] for row in rows] == [0, 1, 2]


def test_models_are_closed_even_when_they_fail(workspace: Path, home: Path) -> None:
    plugin = known_plugin(weary={"behaviour": "perfect", "fail_after": 0})
    plugins = create_plugin_manager(environment={}, extra={"known": plugin})
    registry = load_registry(plugins, workspace=workspace, home=home)
    with pytest.raises(ModelError):
        run_quietly(registry, models=("perfect", "weary"), limit=3)
    assert [model.closed for model in plugin.backend.opened] == [1, 1]


def test_decoding_is_the_tasks(workspace: Path, home: Path) -> None:
    plugin = known_plugin()
    registry = load_registry(
        create_plugin_manager(environment={}, extra={"known": plugin}), workspace=workspace, home=home
    )
    run_quietly(registry, models=("perfect",), limit=2)
    (decoding,) = plugin.backend.opened[0].decodings
    assert (decoding.temperature, decoding.max_tokens, decoding.stop) == (0.0, 16, ("\n\n",))


def test_a_model_that_needs_more_tokens_gets_them_and_no_other_does(workspace: Path, home: Path) -> None:
    plugin = known_plugin(
        lengthy={"behaviour": "proves", "answer_tokens": 300}, brief={"behaviour": "perfect", "answer_tokens": 4}
    )
    plugins = create_plugin_manager(environment={}, extra={"known": plugin})
    registry = load_registry(plugins, workspace=workspace, home=home)
    names = ("lengthy", "perfect", "brief")
    run_quietly(registry, models=names, limit=2, output=Path("out"))
    used = [model.decodings[0] for model in plugin.backend.opened]
    assert [decoding.max_tokens for decoding in used] == [300, 16, 16]
    assert {decoding.stop for decoding in used} == {("\n\n",)}
    described = [json.loads((workspace / f"out/models/{name}.json").read_text())["decoding"] for name in names]
    assert [one["puzzte_generated"]["max_gen_toks"] for one in described] == [300, 16, 16]
    assert described[0]["puzzte_generated"]["until"] == ["\n\n"]


def test_valid_proofs_are_counted_over_all_answers(registry: Registry, workspace: Path) -> None:
    names = ("proves", "proves-nothing", "proves-half", "perfect")
    report = run_quietly(registry, models=names, limit=8, output=Path("out"))
    (result,) = report.tasks
    assert [model.value("proof_validity") for model in result.models] == [1.0, 0.0, 0.5, None]
    assert [model.value("balanced") for model in result.models] == [1.0, 0.0, 1.0, 1.0]
    assert [model.unparsed for model in result.models] == [0, 0, 0, 0]
    rows = [[cell.strip() for cell in line.split("|")] for line in render(report).splitlines() if "|" in line]
    place = rows[0].index("valid proofs %")
    assert [row[place].partition(" ")[0] for row in rows[2:6]] == ["100.0", "0.0", "50.0", "–"]
    assert "the solver accepts" in render(report)
    assert "valid proofs %" in (workspace / "out/report.md").read_text()
    shares = [line["value"] for line in csv_lines(report) if line["metric"] == "proof_validity"]
    assert shares[:4] == ["1.0", "0.0", "0.5", ""]
    (results,) = (workspace / "out/lm_eval/proves-half").glob("results_*.json")
    theirs = json.loads(results.read_text())["results"]["puzzte_generated"]
    assert (theirs["proof_given,label"], theirs["proof_valid,label"]) == (0.5, 0.5)


def test_without_proofs_no_table_speaks_of_them(registry: Registry) -> None:
    report = run_quietly(registry, models=("perfect", "mumbles"), limit=4)
    assert [model.value("proof_validity") for model in report.tasks[0].models] == [None, None]
    assert "proof" not in "".join(render(report, form).replace("proved by", "") for form in ("github", "latex", "csv"))


def test_a_task_that_scores_candidates_knows_of_no_proofs(registry: Registry, workspace: Path) -> None:
    report = run_quietly(registry, models=("perfect",), tasks=("puzzte_generated_mc",), limit=4, output=Path("out"))
    assert report.tasks[0].models[0].value("proof_validity") is None
    assert json.loads((workspace / "out/models/perfect.json").read_text())["decoding"] == {"puzzte_generated_mc": None}


def test_the_run_directory_holds_everything(registry: Registry, workspace: Path) -> None:
    report = run_quietly(registry, models=("perfect", "always-yes"), limit=6, output=Path("out"))
    out = workspace / "out"
    assert Path(report.directory) == out
    assert json.loads((out / "config.json").read_text())["models"] == ["perfect", "always-yes"]
    assert "python" in json.loads((out / "versions.json").read_text())
    task = json.loads((out / "tasks.json").read_text())["puzzte_generated"]
    assert (task["split"], task["source"], task["rows"]) == ("test", "shipped with the task", 3000)
    assert task["sha256"].startswith("sha256:")
    described = json.loads((out / "models/perfect.json").read_text())
    assert described["identity"]["weights"] == "known:perfect"
    assert described["decoding"]["puzzte_generated"]["max_gen_toks"] == 16
    rows = [json.loads(line) for line in (out / "predictions/perfect.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert all(row["text"] == row["gold"] for row in rows)
    (results,) = (out / "lm_eval/perfect").glob("results_*.json")
    assert json.loads(results.read_text())["results"]["puzzte_generated"]["acc,label"] == 1.0
    (samples,) = (out / "lm_eval/perfect").glob("samples_puzzte_generated_*.jsonl")
    assert len(samples.read_text().splitlines()) == 6
    assert json.loads((out / "report.json").read_text())["tasks"][0]["rows"] == 6
    assert "perfect" in (out / "report.md").read_text()


def test_the_title_says_task_split_rows_and_labels(registry: Registry) -> None:
    text = render(run_quietly(registry, models=("perfect",), limit=7, split="validation"))
    assert re.match(
        r"puzzte_generated · validation split · 7 rows \(\d entailment, \d not entailment\) · labels proved", text
    )
    assert 'always "' in text


def test_rows_from_elsewhere_stand_in_the_title(
    registry: Registry, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from entailbench.logic.generator import Dials, write_splits

    write_splits(workspace / "mine", seed=1, sizes={"test": 8}, dials=Dials(families=("heights",)))
    monkeypatch.setenv("ENTAILBENCH_GENERATED_DIR", str(workspace / "mine"))
    report = run_quietly(registry, models=("perfect",), limit=4, output=Path("out"))
    assert f"from {workspace / 'mine'}" in report.tasks[0].title
    assert json.loads((workspace / "out/tasks.json").read_text())["puzzte_generated"]["rows"] == 8


def test_fresh_rows_need_a_seed_which_stands_in_the_title(registry: Registry) -> None:
    (problem,) = problems(registry, models=("perfect",), tasks=("puzzte_fresh",))
    assert "--fresh-seed" in problem
    metadata = {"fresh_seed": 7, "fresh_count": 2}
    report = run_quietly(registry, models=("perfect",), tasks=("puzzte_fresh",), metadata=metadata)
    assert report.tasks[0].rows == 6
    assert report.tasks[0].title.endswith("labels proved by the solver · generated from seed 7")


def test_every_format_carries_the_numbers(registry: Registry) -> None:
    report = run_quietly(registry, models=("perfect", "always-yes"), limit=8)
    assert re.search(r"\| perfect.* +\| +8 \| +100.0 \(", render(report))
    assert "\\begin{tabular}" in render(report, "latex")
    (line,) = (
        one for one in csv_lines(report) if (one["model"], one["metric"], one["facet"]) == ("perfect", "overall", "")
    )
    assert (line["task"], line["kind"], line["value"], line["high"]) == ("puzzte_generated", "model", "1.0", "1.0")
    assert json.loads(render(report, "json"))["tasks"][0]["models"][0]["metrics"]["overall"]["value"] == 1.0


def test_all_problems_at_once_and_nothing_is_run(registry: Registry, workspace: Path) -> None:
    found = problems(registry, models=("perfct", "gpt35", "quick"), tasks=("puzzte_generate", "puzzte"), limit=5)
    text = "\n".join(found)
    assert "unknown model 'perfct', did you mean 'perfect'?" in text
    assert "OPENAI_API_KEY" in text
    assert "entailbench finetune quick" in text
    assert "unknown task 'puzzte_generate', did you mean 'puzzte_generated'?" in text
    assert "--data-dir" in text
    assert len(found) == 5
    assert not (workspace / "runs").exists()


def test_a_model_that_cannot_score_is_refused_before_anything_runs(registry: Registry, workspace: Path) -> None:
    answers = workspace / "answers.jsonl"
    answers.write_text('{"doc_id": 0, "answer": "entailment"}\n')
    (workspace / "entailbench.toml").write_text('[models.old]\nbackend = "replay"\nanswers = "answers.jsonl"\n')
    registry = load_registry(registry.plugins, workspace=workspace, home=registry.home)
    (problem,) = problems(registry, models=("old",), tasks=("puzzte_generated_mc",), limit=1)
    assert "scores no candidates" in problem


def test_more_rows_than_there_are(registry: Registry) -> None:
    (problem,) = problems(registry, models=("perfect",), limit=10**6)
    assert "--limit 1000000 is more than" in problem


def test_a_split_that_does_not_exist(registry: Registry) -> None:
    (problem,) = problems(registry, models=("perfect",), split="dev")
    assert "no split 'dev' (it has train, validation, test)" in problem


def test_a_task_file_that_cannot_be_read_is_an_error(workspace: Path, home: Path) -> None:
    import types

    from entailbench import RunError, hookimpl

    (workspace / "tasks").mkdir()
    (workspace / "tasks" / "broken.yaml").write_text("task: [unclosed\n")
    module = types.ModuleType("with_tasks")
    module.entailbench_task_paths = hookimpl(lambda: [workspace / "tasks"])  # type: ignore[attr-defined]
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin(), "with_tasks": module})
    registry = load_registry(plugins, workspace=workspace, home=home)
    with pytest.raises(RunError, match=r"broken\.yaml cannot be read"):
        run_quietly(registry, models=("perfect",), limit=1)


def test_missing_recorded_answers_are_found_before_anything_runs(registry: Registry, workspace: Path) -> None:
    (workspace / "answers.jsonl").write_text('{"doc_id": 0, "answer": "entailment"}\n')
    (workspace / "entailbench.toml").write_text('[models.old]\nbackend = "replay"\nanswers = "answers.jsonl"\n')
    registry = load_registry(registry.plugins, workspace=workspace, home=registry.home)
    (problem,) = problems(registry, models=("perfect", "old"), limit=3)
    assert problem.startswith("model 'old': ")
    assert not (workspace / "runs").exists()


def test_no_model_and_doubles(registry: Registry) -> None:
    assert "pass --models" in problems(registry, models=())[0]
    assert "named twice" in problems(registry, models=("perfect", "perfect"))[0]


def test_an_output_folder_that_is_in_use(registry: Registry, workspace: Path) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "mine.txt").write_text("keep")
    with pytest.raises(Exception, match="already exists and is not an empty folder"):
        run_quietly(registry, models=("perfect",), limit=1, output=Path("out"))
    (workspace / "file").write_text("")
    assert "not a folder" in problems(registry, models=("perfect",), limit=1, output=Path("file"))[0]


def test_a_server_cannot_break_the_table(registry: Registry) -> None:
    import dataclasses

    from entailbench import ModelIdentity

    report = run_quietly(registry, models=("perfect",), limit=2)
    task = report.tasks[0]
    evil = ModelIdentity("openai", None, served="gpt|\x1b[31m\nx at http://127.0.0.1:1/v1")
    title = ModelAnswers("perfect", (), evil).title
    hostile = dataclasses.replace(task, models=(dataclasses.replace(task.models[0], title=title, identity=evil),))
    text = render(dataclasses.replace(report, tasks=(hostile,)))
    assert "perfect (gpt/?[31m?x at http://127.0.0.1:1/v1)" in text
    assert "\x1b" not in text
