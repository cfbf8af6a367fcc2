"""``run --perturb``: the same questions put otherwise, through the whole pipeline."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from entailbench import DataError, PreflightError
from entailbench.analysis import analyse
from entailbench.answered import PERTURBATIONS, Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.cli import cli
from entailbench.comparing import analyse_merged, compare
from entailbench.findings import ModelRobustness
from entailbench.logic.perturbing import REWRITES
from entailbench.plugins import create_plugin_manager
from entailbench.results import read_run
from entailbench.runner import Outcome, RunConfig, run
from entailbench.shared_perturbations import shared_perturbations
from model_plugins import known_plugin
from test_run import Quiet, registry_with

ROWS = 24
TASKS = ("puzzte_generated", "puzzte_generated_mc")
MODELS = ("perfect", "inverted", "always-yes", "mumbles")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    registry = registry_with(tmp_path_factory.mktemp("workspace"), tmp_path_factory.mktemp("home"))
    return run(RunConfig(models=MODELS, tasks=TASKS, limit=ROWS, perturb=True), registry, Quiet())


@pytest.fixture(scope="module")
def folder(outcome: Outcome) -> Path:
    return Path(outcome.report.directory)


def of(outcome: Outcome, perturbation: str, model: str, task: int = 0) -> ModelRobustness:
    (found,) = (one for one in outcome.report.tasks[task].robustness if one.perturbation == perturbation)
    return next(one for one in found.models if one.name == model)


@pytest.mark.parametrize("task", [0, 1])
@pytest.mark.parametrize("perturbation", ["all", *REWRITES])
def test_known_models_are_as_robust_as_they_must_be(outcome: Outcome, perturbation: str, task: int) -> None:
    figures = {
        name: (one.before.value, one.after.value, one.change.value, one.consistency.value)
        for name in MODELS
        for one in [of(outcome, perturbation, name, task)]
    }
    # The candidate that "mumbles" finds best is the first, entailment: it scores all alike.
    mumbles = (0.0, 0.0, 0.0, 0.0) if task == 0 else (0.5, 0.5, 0.0, 1.0)
    assert figures == {
        "perfect": (1.0, 1.0, 0.0, 1.0),
        "inverted": (0.0, 0.0, 0.0, 1.0),
        "always-yes": (0.5, 0.5, 0.0, 1.0),
        "mumbles": mumbles,
    }


def test_contradictions_of_known_models(outcome: Outcome) -> None:
    assert of(outcome, "negated", "perfect").contradictions.value == 0.0
    assert of(outcome, "negated", "always-yes").contradictions.value == 1.0
    assert of(outcome, "negated", "mumbles").contradictions.value == 0.0
    # The inverted model affirms both exactly where neither follows: where the answer is open.
    asked = {row.of for row in outcome.tasks[0].perturbed if row.perturbation == "negated"}
    rows = [row for row in outcome.tasks[0].rows if row.doc_id in asked]
    share = sum(row.truth == "not entailment - unknown" for row in rows) / len(rows)
    assert 0 < share < 1
    assert of(outcome, "negated", "inverted").contradictions.value == pytest.approx(share)


def test_perturbed_rows_belong_to_their_rows(outcome: Outcome) -> None:
    task = outcome.tasks[0]
    rows: dict[int, Row] = {row.doc_id: row for row in task.rows}
    assert [one.doc_id for one in task.perturbed] == list(range(len(task.perturbed)))
    for one in task.perturbed:
        row = rows[one.of]
        assert (one.context, one.question) != (row.context, row.question)
        if one.perturbation == "negated":
            assert one.context == row.context
            assert (one.gold == "entailment") == (row.truth == "not entailment - contradiction")
        else:
            assert one.gold == row.gold
    asked = {name: sum(one.perturbation == name for one in task.perturbed) for name in PERTURBATIONS}
    left_out = {name: sum(task.not_perturbed.get(name, {}).values()) for name in PERTURBATIONS}
    assert {name: asked[name] + left_out[name] for name in PERTURBATIONS} == dict.fromkeys(PERTURBATIONS, ROWS)


def test_models_are_sent_the_perturbed_text(outcome: Outcome) -> None:
    task = outcome.tasks[0]
    for one, answer in zip(task.perturbed, task.models[0].perturbed, strict=True):
        assert json.dumps(one.context)[1:-1] in answer.prompt
        assert json.dumps(one.question)[1:-1] in answer.prompt


def test_the_rows_of_the_task_are_asked_as_without(outcome: Outcome, tmp_path: Path) -> None:
    plain = run(
        RunConfig(models=("perfect",), tasks=TASKS[:1], limit=ROWS), registry_with(tmp_path, tmp_path / "home"), Quiet()
    )
    assert plain.tasks[0].rows == outcome.tasks[0].rows
    assert plain.tasks[0].models[0].answers == outcome.tasks[0].models[0].answers
    assert plain.report.tasks[0].robustness == ()
    assert plain.report.tasks[0].models[0].metrics == outcome.report.tasks[0].models[0].metrics


def test_a_run_directory_reads_back_as_it_was(outcome: Outcome, folder: Path) -> None:
    record = read_run(folder)
    for read, was in zip(record.tasks, outcome.tasks, strict=True):
        assert read.perturbed == was.perturbed
        assert read.not_perturbed == was.not_perturbed
        assert [model.perturbed for model in read.models] == [model.perturbed for model in was.models]
    again = analyse(record.tasks, str(folder), record.identities, record.versions)
    assert [task.robustness for task in again.tasks] == [task.robustness for task in outcome.report.tasks]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("perturbed/puzzte_generated.jsonl", lambda text: "{" + text, r"line 1: not JSON"),
        ("perturbed/puzzte_generated.jsonl", lambda text: text.replace('"of": 0', '"of": 99'), "is of no row"),
        ("perturbed/puzzte_generated.jsonl", lambda text: text.replace('"renamed"', '"mangled"'), "no known way"),
        ("perturbed/puzzte_generated.jsonl", lambda text: text.replace('"gold": "e', '"gold": "x', 1), "gold label"),
        ("judged/puzzte_generated+perturbed/perfect.jsonl", lambda text: text[: len(text) // 2], "perfect.jsonl"),
        ("judged/puzzte_generated+perturbed/perfect.jsonl", None, "perfect.jsonl"),
    ],
)
def test_a_damaged_run_is_named(
    folder: Path, tmp_path: Path, file: str, change: Callable[[str], str] | None, message: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    path = copy / file
    if change is None:
        path.unlink()
    else:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_run(copy)
    assert path.name in str(caught.value)


def test_what_a_backend_cannot_answer_is_known_beforehand(tmp_path: Path) -> None:
    rows = Path(__file__).parents[1] / "data/entailbench_data/puzzte_generated/test.jsonl"
    answers = [{"id": json.loads(line)["id"], "answer": "entailment"} for line in rows.read_text().splitlines()[:4]]
    (tmp_path / "answers.jsonl").write_text("".join(f"{json.dumps(answer)}\n" for answer in answers))
    (tmp_path / "entailbench.toml").write_text('[models.old]\nbackend = "replay"\nanswers = "answers.jsonl"\n')
    registry = registry_with(tmp_path, tmp_path / "home")
    config = RunConfig(models=("old",), tasks=TASKS[:1], limit=4)
    assert run(config, registry, Quiet()).tasks[0].models[0].answers
    with pytest.raises(PreflightError, match=r"has no answer for .* prompts: puzzte_generated\+perturbed/0"):
        run(RunConfig(models=("old",), tasks=TASKS[:1], limit=4, perturb=True), registry, Quiet())


def test_the_same_figures_in_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plugins = create_plugin_manager(environment={"ENTAILBENCH_HOME": str(tmp_path)}, extra={"known": known_plugin()})
    command = ["run", "--models", "always-yes", "--limit", "8", "--perturb", "--output", "out"]
    done = CliRunner().invoke(cli, command, obj=plugins, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out/report.json").read_text())
    found = {one["perturbation"]: one for one in report["tasks"][0]["robustness"]}
    assert list(found) == ["all", *PERTURBATIONS]
    assert found["negated"]["models"][0]["contradictions"]["value"] == 1.0
    low = found["negated"]["models"][0]["contradictions"]["low"]
    (line,) = (
        row
        for row in csv.DictReader((tmp_path / "out/report.csv").open())
        if row["metric"] == "robustness_contradictions"
    )
    assert (line["model"], line["facet_value"], float(line["value"]), float(line["low"])) == (
        *("always-yes", "negated"),
        *(1.0, low),
    )
    cell = f"100.0 ({100 * low:.1f}–100.0)"
    for text in (done.stdout, (tmp_path / "out/report.md").read_text(), (tmp_path / "out/report.tex").read_text()):
        assert "question negated" in text
        assert cell in text or cell.replace("–", r"\textendash{}") in text
    assert re.search(r"premises shuffled: \d questions on \d puzzles", done.stdout)
    assert "puzzte_generated: " in done.stderr


def test_runs_are_compared_on_the_perturbed_rows_that_all_have(tmp_path: Path) -> None:
    registry = registry_with(tmp_path, tmp_path / "home")

    def made(name: str, model: str, limit: int, perturb: bool) -> Path:
        config = RunConfig(models=(model,), limit=limit, perturb=perturb, output=Path(name))
        return Path(run(config, registry, Quiet()).report.directory)

    one, other = made("one", "perfect", 6, True), made("other", "always-yes", 6, True)
    plain = made("plain", "inverted", 6, False)
    merged = compare([one, other])
    assert merged.notes == ()
    (task,) = analyse_merged(merged).tasks
    negated = next(found for found in task.robustness if found.perturbation == "negated")
    assert {model.name: model.contradictions.value for model in negated.models} == {"perfect": 0.0, "always-yes": 1.0}
    merged = compare([one, plain])
    assert analyse_merged(merged).tasks[0].robustness == ()
    (note,) = merged.notes
    assert re.fullmatch(
        r"puzzte_generated: (\d+) of \1 perturbed questions were not asked in all of these runs: left out", note
    )


def test_rows_in_another_order_find_their_perturbations() -> None:
    rows = tuple(Row(number, f"id{number}", "p", "C.", f"Q{number}?", "entailment") for number in range(2))
    asked = tuple(PerturbedRow(number, number, "renamed", "C'.", f"Q{number}'?", "entailment") for number in range(2))
    answers = tuple(Judged(number, label) for number, label in enumerate(("entailment", "not entailment")))
    first = TaskAnswers("t", "test", "", rows, (ModelAnswers("m", answers, perturbed=answers),), perturbed=asked)
    second = replace(
        first,
        rows=tuple(replace(row, doc_id=1 - row.doc_id) for row in reversed(rows)),
        models=(
            ModelAnswers("n", answers, perturbed=tuple(replace(a, doc_id=1 - a.doc_id) for a in reversed(answers))),
        ),
        perturbed=tuple(replace(one, doc_id=1 - one.doc_id, of=1 - one.of) for one in reversed(asked)),
    )
    (one, other), note = shared_perturbations([first, second])
    assert note == ""
    assert one.perturbed == other.perturbed == asked
    assert one.models[0].perturbed == other.models[0].perturbed == answers
