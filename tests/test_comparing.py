"""Several runs as one: paired by row, and refused where rows, prompts or labels differ."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from entailbench.answered import Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.cli import cli
from entailbench.comparing import analyse_merged, compare, merge
from entailbench.errors import ConfigError, DataError, PreflightError, UsageError
from entailbench.plugins import create_plugin_manager
from entailbench.records import ENTAILMENT, NOT_ENTAILMENT, UNPARSED, ModelIdentity, ReportedResult
from entailbench.report.text import render
from entailbench.reported import with_reported
from entailbench.results import RunRecord
from entailbench.seed_groups import seed_groups
from model_plugins import known_plugin

OTHER = {ENTAILMENT: NOT_ENTAILMENT, NOT_ENTAILMENT: ENTAILMENT}


def made_up_rows(count: int = 60) -> tuple[Row, ...]:
    return tuple(
        Row(
            doc_id=number,
            id=f"g-{number:03}",
            puzzle=f"p-{number // 3}",
            context=f"Context {number // 3}.",
            question=f"Question {number}?",
            gold=ENTAILMENT if number % 2 else NOT_ENTAILMENT,
            facets={"family": "ab"[number // 3 % 2]},
            prompt=f"Does it follow? {number}",
        )
        for number in range(count)
    )


ROWS = made_up_rows()


def answered(
    name: str, rows: tuple[Row, ...] = ROWS, accuracy: float = 0.7, seed: int = 0, **more: Any
) -> ModelAnswers:
    chance = random.Random(f"{name} {seed}")
    answers = tuple(
        Judged(row.doc_id, row.gold if chance.random() < accuracy else OTHER[row.gold], text=row.id, exact=True)
        for row in rows
    )
    return ModelAnswers(name, answers, identity=ModelIdentity("known", f"{name} {seed}"), seconds=1.0, **more)


def run_of(
    folder: str, *models: ModelAnswers, rows: tuple[Row, ...] = ROWS, task: str = "puzzles", **more: Any
) -> RunRecord:
    asked = TaskAnswers(task, more.pop("split", "test"), "proved", rows, models, **more)
    return RunRecord(Path("/runs") / folder, {}, {"python": "3.11", "torch": folder}, (asked,), {})


def refusal(*runs: RunRecord) -> str:
    with pytest.raises(PreflightError) as caught:
        merge(runs)
    return str(caught.value)


def test_models_of_all_runs_stand_on_the_same_rows() -> None:
    merged = merge([run_of("one", answered("base")), run_of("two", answered("lora"), answered("gpt"))])
    (task,) = merged.tasks
    assert [model.name for model in task.models] == ["base", "lora", "gpt"]
    assert task.rows == ROWS
    assert set(merged.identities) == {"base", "lora", "gpt"}
    assert merged.versions == {"python": "3.11", "torch": "one and two"}
    assert merged.notes == ()


def test_rows_in_another_order_are_paired_by_their_id() -> None:
    shuffled = tuple(replace(row, doc_id=place) for place, row in enumerate(random.Random(1).sample(ROWS, len(ROWS))))
    (task,) = merge([run_of("one", answered("a")), run_of("two", answered("b", shuffled), rows=shuffled)]).tasks
    theirs = task.models[1]
    assert [answer.text for answer in theirs.answers] == [row.id for row in ROWS]
    assert [answer.doc_id for answer in theirs.answers] == [row.doc_id for row in ROWS]
    straight = analyse_merged(merge([run_of("one", answered("b", shuffled), rows=shuffled)])).tasks[0].models[0]
    paired = analyse_merged(merge([run_of("one", theirs)])).tasks[0].models[0]
    assert straight.metrics == paired.metrics


def test_rows_without_ids_of_their_own_are_paired_by_number() -> None:
    same = tuple(replace(row, id="x") for row in ROWS)
    (task,) = merge(
        [run_of("one", answered("a", same), rows=same), run_of("two", answered("b", same), rows=same)]
    ).tasks
    assert [answer.doc_id for answer in task.models[1].answers] == list(range(len(ROWS)))
    moved = (replace(same[0], question="Another?"), *same[1:])
    assert "1 row: number 0" in refusal(
        run_of("one", answered("a", same), rows=same), run_of("two", answered("b", moved), rows=moved)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": ENTAILMENT}, "the labels of 1 row: g-004 differ ('not entailment' and 'entailment')"),
        ({"question": "Another?"}, "the texts of 1 row: g-004 differ"),
        ({"context": "Another."}, "the texts of 1 row: g-004 differ"),
        ({"puzzle": "p-99"}, "the puzzles of 1 row: g-004 differ"),
        ({"truth": "entailment"}, "the proved answers of 1 row: g-004 differ"),
        ({"prompt": "Is it so?"}, "the prompts of 1 row: g-004 differ"),
    ],
)
def test_runs_that_differ_are_refused_by_row(change: dict[str, str], message: str) -> None:
    other = tuple(replace(row, **change) if row.id == "g-004" else row for row in ROWS)
    text = refusal(run_of("one", answered("a")), run_of("two", answered("b", other), rows=other))
    assert "one and two cannot be compared on 'puzzles'" in text
    assert message in text


def test_rows_that_only_one_run_has_are_named() -> None:
    text = refusal(run_of("one", answered("a", ROWS[:40]), rows=ROWS[:40]), run_of("two", answered("b")))
    assert "only two has 20 rows: g-040, g-041, g-042, …; run both with the same --limit" in text


def test_all_that_is_wrong_is_said_at_once() -> None:
    other = tuple(replace(row, gold=OTHER[row.gold]) for row in ROWS)
    text = refusal(
        run_of("one", answered("a")),
        run_of("two", answered("b", other), rows=other),
        run_of("three", answered("c"), split="validation"),
        run_of("four", answered("d"), scored=True),
    )
    assert "the labels of 60 rows: g-000, g-001, g-002, … differ" in text
    assert "one asked the test split, the other the validation split" in text
    assert "in one of them candidates were scored" in text


def test_runs_without_a_common_task_are_refused() -> None:
    with pytest.raises(DataError, match=r"no task in common \(one: puzzles; two: riddles\)"):
        merge([run_of("one", answered("a")), run_of("two", answered("b"), task="riddles")])


def test_a_task_that_one_run_lacks_is_left_out_and_named() -> None:
    both = run_of("one", answered("a"))
    both = replace(both, tasks=(*both.tasks, replace(both.tasks[0], task="riddles")))
    merged = merge([both, run_of("two", answered("b"))])
    assert [task.task for task in merged.tasks] == ["puzzles"]
    assert "one also has the task 'riddles'" in merged.notes[0]


def test_a_name_that_several_runs_have_gets_its_run() -> None:
    runs = [run_of("a/out", answered("lora", seed=1)), run_of("b/out", answered("lora", seed=2), answered("base"))]
    (task,) = merge(runs).tasks
    assert [model.name for model in task.models] == ["lora@a/out", "lora@b/out", "base"]


def test_the_same_model_with_the_same_answers_is_taken_once() -> None:
    base = answered("base")
    elsewhere = replace(base, identity=replace(base.identity, details={"device": "cuda"}), seconds=9.0)
    merged = merge([run_of("one", base), run_of("two", elsewhere, answered("lora"))])
    assert [model.name for model in merged.tasks[0].models] == ["base", "lora"]
    assert "base is the same model" in merged.notes[0]
    other = replace(base, identity=ModelIdentity("known", "other weights"))
    assert [model.name for model in merge([run_of("one", base), run_of("two", other)]).tasks[0].models] == [
        "base@one",
        "base@two",
    ]


def test_a_baseline_that_one_run_could_compute_is_kept() -> None:
    missing = ModelAnswers("question only", (), unavailable="no train split")
    there = replace(answered("question only"), identity=None)
    (task,) = merge(
        [run_of("one", answered("a"), baselines=(missing,)), run_of("two", answered("b"), baselines=(there,))]
    ).tasks
    assert [baseline.unavailable for baseline in task.baselines] == [""]


def perturbed(models: tuple[ModelAnswers, ...], rows: tuple[Row, ...] = ROWS, folder: str = "one") -> RunRecord:
    """A run that also asked every row with its premises shuffled, and every second one negated."""
    ways = [(row, way) for row in rows for way in ("shuffled", "negated") if way == "shuffled" or row.doc_id % 2]
    asked = tuple(
        PerturbedRow(number, row.doc_id, way, f"{row.context} {way}", row.question, row.gold)
        for number, (row, way) in enumerate(ways)
    )
    answering = tuple(
        replace(model, perturbed=tuple(replace(model.answers[one.of], doc_id=one.doc_id) for one in asked))
        for model in models
    )
    return run_of(folder, *answering, rows=rows, perturbed=asked)


def test_perturbed_questions_are_paired_too() -> None:
    merged = merge([perturbed((answered("a"),)), perturbed((answered("b"),), folder="two")])
    (task,) = analyse_merged(merged).tasks
    assert [model.name for model in task.robustness[0].models] == ["a", "b"]
    assert task.robustness[0].models[1].consistency.value == 1.0
    assert merged.notes == ()


def test_perturbed_questions_of_shuffled_rows_are_paired_by_row() -> None:
    shuffled = tuple(replace(row, doc_id=place) for place, row in enumerate(reversed(ROWS)))
    one, other = perturbed((answered("a"),)), perturbed((answered("b", shuffled),), shuffled, "two")
    merged = merge([one, other])
    # Every second row was negated, and these are others there.
    assert "30 of 90 perturbed questions were not asked in all of these runs: left out" in merged.notes[0]
    (task,) = merged.tasks
    assert {row.perturbation for row in task.perturbed} == {"shuffled"}
    second = task.models[1]
    assert [said.text for said in second.perturbed] == [second.answers[row.of].text for row in task.perturbed]
    assert analyse_merged(merged).tasks[0].robustness[0].models[1].consistency.value == 1.0


def test_a_run_without_perturbed_questions_takes_them_from_all() -> None:
    merged = merge([perturbed((answered("a"),)), run_of("two", answered("b"))])
    assert merged.tasks[0].perturbed == ()
    assert "left out" in merged.notes[0]
    assert analyse_merged(merged).tasks[0].robustness == ()


# Seeds


def trained(name: str, seed: int, accuracy: float = 0.7, **changes: Any) -> ModelAnswers:
    lineage = {
        "name": name,
        "base": "base",
        "task": "puzzles",
        "data": "sha256:1",
        "samples": 100,
        "recipe": {"seed": seed, "lr": 0.1},
        "facts": {"base_weights": "sha256:2", "recipe": {"seed": seed, "lr": 0.1, "warmup": 3}},
        "losses": [[1, 2.0], [2, 1.0 + seed / 10]],
        "finished": f"2025-01-0{seed}",
        **changes,
    }
    return answered(name, accuracy=accuracy, seed=seed, lineage=lineage)


def test_models_of_one_recipe_and_several_seeds_belong_together() -> None:
    models = (trained("lora-s1", 1), answered("base"), trained("lora-s2", 2), trained("lora-s3", 3))
    (group,) = seed_groups(models)
    assert (group.name, group.names, group.seeds) == ("lora", ("lora-s1", "lora-s2", "lora-s3"), (1, 2, 3))


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "sha256:other"},
        {"base": "another"},
        {"facts": {"base_weights": "sha256:3", "recipe": {"seed": 2, "lr": 0.1, "warmup": 3}}},
        {"facts": {"base_weights": "sha256:2", "recipe": {"seed": 2, "lr": 0.2, "warmup": 3}}},
        {"samples": 50},
        {"target": "proof"},
        {"finished": None, "losses": []},
        {"facts": {}, "recipe": {"lr": 0.1}},
    ],
)
def test_another_recipe_is_another_line(changes: dict[str, Any]) -> None:
    assert seed_groups((trained("lora-1", 1), trained("lora-2", 2, **changes))) == ()


def test_another_prompt_is_another_line_and_a_repeated_seed_is_no_seed() -> None:
    second = trained("lora-2", 2)
    prompted = replace(second, identity=ModelIdentity("known", "w", remark="prompted as 'alpaca', trained as 'chat'"))
    assert seed_groups((trained("lora-1", 1), prompted)) == ()
    assert seed_groups((trained("lora-1", 1), trained("again", 1))) == ()
    (group,) = seed_groups((trained("lora-1", 1), trained("again", 1), second))
    assert group.names == ("lora-1", "lora-2")


@pytest.mark.parametrize(
    ("names", "together"),
    [
        (("lora@one", "lora@two"), "lora"),
        (("quick-seed1", "quick-seed22"), "quick"),
        (("rules1", "rules2"), "rules"),
        (("alpha", "beta"), "alpha"),
        (("m_1", "m_2"), "m"),
    ],
)
def test_what_seeds_are_called_together(names: tuple[str, ...], together: str) -> None:
    (group,) = seed_groups(tuple(trained(name, seed) for seed, name in enumerate(names, start=1)))
    assert group.name == together


def test_a_line_of_seeds_takes_no_name_that_another_has() -> None:
    (group,) = seed_groups((answered("lora"), trained("lora-1", 1), trained("lora-2", 2)))
    assert group.name == "lora (seeds)"


def test_seeds_in_several_runs_are_one_line() -> None:
    runs = [run_of(f"run{seed}", answered("base"), trained("lora", seed, 0.5 + seed / 10)) for seed in (1, 2, 3)]
    merged = merge(runs)
    report = analyse_merged(merged)
    (task,) = report.tasks
    assert [model.name for model in task.models] == ["base", "lora"]
    assert task.models[1].title == "lora (mean of 3 finetune seeds: 1, 2, 3)"
    assert task.models[1].seeds is not None
    assert task.models[1].seeds.names == ("lora@run1", "lora@run2", "lora@run3")
    (pair,) = task.comparisons
    assert "and over 3 seeds" in pair.verdict
    assert "lora is the mean of 3 trainings" in render(report)
    each = analyse_merged(merged, each_seed=True).tasks[0]
    assert [model.name for model in each.models] == ["base", "lora@run1", "lora@run2", "lora@run3"]
    values = [model.value("balanced") for model in each.models[1:]]
    assert task.models[1].value("balanced") == pytest.approx(sum(value or 0 for value in values) / 3)


# What others reported


def reporting(**metrics: Any) -> Any:
    import types

    from entailbench import hookimpl

    module = types.ModuleType("reporting")
    result = ReportedResult("theirs", metrics, 10, "A paper.", tasks=("puzzles",))
    module.entailbench_reported_results = hookimpl(lambda: [result])  # type: ignore[attr-defined]
    return create_plugin_manager(environment={"ENTAILBENCH_PLUGINS": "replay"}, extra={"reporting": module})


def test_what_plugins_report_stands_under_its_tasks_only() -> None:
    report = analyse_merged(merge([run_of("one", answered("a"))]))
    text = render(with_reported(report, reporting(overall=0.638)))
    assert "reported, not measured here" in text
    assert "63.8" in text
    assert "(theirs): A paper." in text
    elsewhere = analyse_merged(merge([run_of("one", answered("a"), task="riddles")]))
    assert "reported" not in render(with_reported(elsewhere, reporting(overall=0.638)))


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"overal": 0.6}, "no such metric"),
        ({"overall": 63.8}, r"a share lies in \[0, 1\]"),
        ({"overall": "63.8%"}, "not a number"),
        ({"mcc": float("nan")}, "not a number"),
    ],
)
def test_figures_that_no_table_can_show_are_refused_by_plugin(metrics: dict[str, Any], message: str) -> None:
    report = analyse_merged(merge([run_of("one", answered("a"))]))
    with pytest.raises(ConfigError, match=f"plugin 'reporting' reports .*{message}"):
        with_reported(report, reporting(**metrics))


def test_the_studys_table_is_there() -> None:
    plugins = create_plugin_manager(environment={})
    task = with_reported(analyse_merged(merge([run_of("one", answered("a"))])), plugins).tasks[0]
    told = {line["model"]: list(line["metrics"].values()) for line in task.reported}
    assert told == {
        "GPT-3.5-turbo": [0.474, 0.614, 0.401],
        "Mistral-7B-Instruct-v0.2": [0.438, 0.263, 0.514],
        "Mistral-7B-Instruct-v0.2, fine-tuned": [0.638, 0.778, 0.565],
    }
    assert all(line["rows"] == 500 for line in task.reported)


# The command


Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs of known models on the same 20 rows, and one on 25."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTAILBENCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        for name, models, limit in (("a", "perfect", "20"), ("b", "always-yes,perfect", "20"), ("c", "mumbles", "25")):
            done = invoke("run", "--models", models, "--limit", limit, "--output", name, "--with-reported")
            assert done.exit_code == 0, done.output
            assert "GPT-3.5-turbo" in done.stdout
        yield folder


def invoke(*arguments: str) -> Result:
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
    return CliRunner().invoke(cli, arguments, obj=plugins, catch_exceptions=arguments[0] != "run")


def test_two_runs_are_compared(runs: Path) -> None:
    done = invoke("compare", "a", "b", "--with-reported")
    assert done.exit_code == 0, done.output
    assert "perfect beats always-yes by 50.0 points of balanced accuracy" in done.stdout
    assert "GPT-3.5-turbo" in done.stdout
    assert "perfect is the same model with the same answers in several runs: taken once" in done.stderr
    assert "--output" in done.stderr
    assert json.loads(invoke("compare", "a", "b", "--json").stdout)["schema"] == "entailbench-report/1"


def test_what_was_reported_is_in_every_file_of_a_run_that_asked_for_it(runs: Path) -> None:
    for suffix in ("md", "csv", "tex", "json", "html"):
        assert "GPT-3.5-turbo" in (runs / "a" / f"report.{suffix}").read_text(encoding="utf-8"), suffix
    assert "GPT-3.5-turbo" not in invoke("report", "a", "--format", "csv").stdout
    assert "GPT-3.5-turbo" in invoke("report", "a", "--format", "csv", "--with-reported").stdout


def test_a_page_of_several_runs(runs: Path) -> None:
    done = invoke("compare", "b", "--output", "both")
    assert done.exit_code == 0, done.output
    assert f"Report to browse: {runs / 'both' / 'report.html'}" in done.stderr
    assert (runs / "both" / "report.csv").is_file()
    again = invoke("compare", "b", "--output", "both")
    assert isinstance(again.exception, UsageError)
    assert "is not empty" in str(again.exception)


def test_the_command_refuses_what_does_not_fit(runs: Path) -> None:
    for arguments, kind, message in (
        (("a", "c"), PreflightError, "only c has 5 rows"),
        (("a", "nowhere"), DataError, "nowhere is no run directory"),
        (("a", "./a"), UsageError, "a is named twice"),
    ):
        error = invoke("compare", *arguments).exception
        assert isinstance(error, kind)
        assert message in str(error)
    assert isinstance(invoke("compare").exception, SystemExit | click.UsageError)


def test_comparing_no_run_says_how(runs: Path) -> None:
    with pytest.raises(UsageError, match="no run was named"):
        compare([])


def test_unparsed_answers_are_averaged_over_seeds() -> None:
    models = []
    for seed, unread in ((1, 10), (2, 20)):
        whole = trained(f"lora-{seed}", seed)
        answers = (*(replace(one, predicted=UNPARSED) for one in whole.answers[:unread]), *whole.answers[unread:])
        models.append(replace(whole, answers=answers))
    (task,) = analyse_merged(merge([run_of("one", *models)])).tasks
    assert task.models[0].unparsed == 15
    assert sum(sum(row.values()) for row in task.models[0].confusion.values()) == 2 * len(ROWS)
