"""Runs that went wrong, and answers that no figure can be made of: a clear message or "undefined", never NaN."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from entailbench.cli import cli
from entailbench.plugins import create_plugin_manager
from entailbench.results import read_run
from model_plugins import OUTLANDISH, known_plugin

Invoke = Callable[..., Result]
TESTS = Path(__file__).parent
FILES = ("report.json", "report.md", "report.csv", "report.tex", "report.html")
NOT_A_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:nan|NaN|NAN|inf|Infinity)(?!\w)")


@pytest.fixture
def invoke(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """The command line in an empty folder, with models whose answers are known."""
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(home))

    def run(*arguments: str) -> Result:
        plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
        return CliRunner().invoke(cli, arguments, obj=plugins, catch_exceptions=True)

    return run


def finished(invoke: Invoke, *arguments: str, output: str = "out") -> Result:
    done = invoke("run", *arguments, "--output", output)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert_no_nan(done, Path(output))
    return done


def refused(done: Result) -> str:
    """The message of the exception that the command line prints and exits with."""
    from entailbench import EntailbenchError

    assert isinstance(done.exception, EntailbenchError), repr(done.exception)
    return str(done.exception)


def assert_no_nan(done: Result, folder: Path) -> None:
    texts = {"stdout": done.stdout, **{name: (folder / name).read_text(encoding="utf-8") for name in FILES}}
    for name, text in texts.items():
        if name == "report.html":
            text = visible(text)
        assert not NOT_A_NUMBER.search(text), f"{name}: {NOT_A_NUMBER.search(text)}"
    json.loads(texts["report.json"], parse_constant=lambda constant: pytest.fail(f"{constant} in report.json"))


def visible(page: str) -> str:
    """A page's text, without scripts, styles and embedded data."""
    return re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", page))


def puzzte_folder(folder: Path, labels: Sequence[str]) -> Path:
    """Rows of our own in Puzzte's form, four questions to a puzzle."""
    folder.mkdir()
    rows = [
        {
            "pid": number // 4,
            "qid": number % 4,
            "source": "comparison",
            "ambiguity": 0.0,
            "puzzle_text": f"A{number // 4} is taller than B{number // 4}.",
            "question": f"Is A{number // 4} taller than B{number // 4} by {number % 4}?",
            "answer": label,
        }
        for number, label in enumerate(labels)
    ]
    (folder / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_a_class_without_rows_leaves_its_figures_undefined(invoke: Invoke, workspace: Path) -> None:
    folder = puzzte_folder(workspace / "puzzte", ["entailment"] * 12)
    arguments = ("--models", "perfect,always-no", "--tasks", "puzzte", "--data-dir", str(folder))
    finished(invoke, *arguments)
    task = first_task()
    for model, right in zip(task["models"], (1.0, 0.0), strict=True):
        assert model["metrics"]["overall"]["value"] == model["metrics"]["entailment"]["value"] == right
        assert model["metrics"]["not_entailment"]["undefined"] == "no row has this label"
        for metric in ("balanced", "macro_f1", "mcc", "kappa", "balanced_parsed"):
            assert model["metrics"][metric]["undefined"] == "all rows have one label", metric
    assert task["comparisons"][0]["metric"] == "overall"
    assert [one["name"] for one in task["baselines"] if one["unavailable"]] == [
        "question only",
        "nearest training puzzle",
    ]


def first_task(folder: str = "out") -> dict[str, Any]:
    task: dict[str, Any] = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))["tasks"][0]
    return task


def test_one_single_row_shows_next_to_nothing(invoke: Invoke) -> None:
    done = finished(invoke, "--models", "perfect,inverted", "--limit", "1")
    task = first_task()
    metrics = task["models"][0]["metrics"]
    # Clopper and Pearson for one of one.
    overall = metrics["overall"]
    assert (overall["value"], overall["low"], overall["high"]) == (1.0, pytest.approx(0.025), 1.0)
    assert metrics["balanced"]["undefined"] == "all rows have one label"
    (comparison,) = task["comparisons"]
    assert (comparison["metric"], comparison["difference"]["value"]) == ("overall", 1.0)
    assert (comparison["p"], comparison["mcnemar"], comparison["smallest"]) == (1.0, 1.0, None)
    assert "cannot tell perfect and inverted apart" in done.stdout
    assert "a sample this small could not have shown any difference" in done.stdout
    assert "balanced is undefined: all rows have one label." in done.stdout


def test_the_rows_of_one_single_puzzle_are_one_piece_of_evidence(invoke: Invoke) -> None:
    done = finished(invoke, "--models", "perfect,inverted", "--limit", "4")
    (comparison,) = first_task()["comparisons"]
    assert (comparison["difference"]["value"], comparison["p"], comparison["puzzles"]) == (1.0, 1.0, 1)
    assert "cannot tell perfect and inverted apart" in done.stdout


NO_LABEL = ("mumbles", *OUTLANDISH)


def test_answers_without_a_label_are_kept_shown_and_counted(invoke: Invoke) -> None:
    done = finished(invoke, "--models", ",".join((*NO_LABEL, "half-emoji")), "--limit", "8")
    for model in first_task()["models"][: len(NO_LABEL)]:
        assert model["unparsed"] == model["rows"] == 8
        assert model["metrics"]["overall"]["value"] == 0
        assert model["metrics"]["overall"]["high"] > 0.1
        assert model["metrics"]["overall_parsed"]["undefined"] == "no answer could be read"
        assert model["metrics"]["balanced_parsed"]["undefined"] == "no answer could be read"
        assert len(model["unparsed_examples"]) == 1
        assert model["unparsed_examples"][0].startswith("8 × “")
    assert "I would rather not say." in first_task()["models"][0]["unparsed_examples"][0]
    models = {model.name: model for model in read_run(Path("out")).tasks[0].models}
    for name, text in OUTLANDISH.items():
        assert {answer.text for answer in models[name].answers} == {text}, name
    # What drives a terminal or turns its text round.
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", done.stdout)
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "<script>document" not in page
    assert "&lt;script&gt;document.title" in page
    assert len(page) < 3_000_000
    assert invoke("report", "out").exit_code == 0
    assert Path("out/report.html").read_text(encoding="utf-8") == page


def damaged(folder: Path, name: str, line: int, text: str) -> None:
    path = folder / name
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines), encoding="utf-8")


ANSWERS = "judged/puzzte_generated/perfect.jsonl"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rows/puzzte_generated.jsonl", '{"doc_id": 1, "id":', "not JSON"),
        (ANSWERS, '{"doc_id": 1}', "without predicted"),
        (ANSWERS, "null", "damaged"),
        (ANSWERS, '{"doc_id": 1, "predicted": "perhaps"}', "'perhaps' is none of entailment"),
        (ANSWERS, '{"doc_id": 1, "predicted": NaN}', "predicted is nan"),
        (ANSWERS, '{"doc_id": 1, "predicted": ["entailment"]}', "predicted is ['entailment']"),
        (ANSWERS, '{"doc_id": "1", "predicted": "entailment"}', "doc_id is '1'"),
        (ANSWERS, '{"doc_id": 1, "predicted": "entailment", "text": 7}', "text is 7"),
        (ANSWERS, '{"doc_id": 1, "predicted": "entailment", "exact": "yes"}', "exact is 'yes'"),
        (ANSWERS, '{"doc_id": 1, "predicted": "entailment", "probability": NaN}', "probability is nan"),
        (ANSWERS, '{"doc_id": 1, "predicted": "entailment", "probability": 1.5}', "probability is 1.5"),
    ],
)
def test_a_damaged_line_is_named(invoke: Invoke, made: Path, name: str, text: str, reason: str) -> None:
    damaged(made, name, 2, text)
    for command in ("report", "compare"):
        message = refused(invoke(command, str(made)))
        assert f"{made / name}, line 2: " in message
        assert reason in message


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two models; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ENTAILBENCH_HOME", str(folder / "home"))
        plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
        arguments = ["run", "--models", "perfect,random", "--limit", "8", "--output", "out"]
        done = CliRunner().invoke(cli, arguments, obj=plugins, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    return folder / "out"


@pytest.fixture
def made(whole: Path, workspace: Path) -> Path:
    shutil.copytree(whole, workspace / "run")
    return workspace / "run"


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import model_plugins
from entailbench.cli import cli
from entailbench.plugins import create_plugin_manager

def answer(prompt):
    if prompt.doc_id == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return prompt.doc["label"]

model_plugins.BEHAVIOURS["killed"] = answer
plugins = create_plugin_manager(environment={}, extra={"known": model_plugins.known_plugin()})
cli.main(["run", "--models", "perfect,killed", "--limit", "6", "--output", "out"], obj=plugins)
"""


def test_a_run_that_was_killed(invoke: Invoke, workspace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(TESTS)], cwd=workspace, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len((workspace / "out/predictions/killed.jsonl").read_text().splitlines()) == 3
    for command in ("report", "compare"):
        message = refused(invoke(command, "out"))
        assert "not finished" in message
        assert "killed on puzzte_generated" in message
        assert "perfect on" not in message
        assert "predictions" in message


@pytest.mark.parametrize("command", ["report", "compare"])
def test_what_is_no_run_directory(invoke: Invoke, workspace: Path, command: str) -> None:
    (workspace / "empty").mkdir()
    (workspace / "file").write_text("")
    for name, reason in (("absent", "does not exist"), ("file", "is a file"), ("empty", "no run directory")):
        message = refused(invoke(command, name))
        assert name in message
        assert reason in message


@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_line_too_few_and_a_line_too_many(invoke: Invoke, made: Path, command: str) -> None:
    answers = made / "judged/puzzte_generated/random.jsonl"
    lines = answers.read_text().splitlines(keepends=True)
    for text in ("".join(lines[:-1]), "".join([*lines, lines[0]]), ""):
        answers.write_text(text)
        message = refused(invoke(command, str(made)))
        assert str(answers) in message
        assert "8 rows" in message


def test_a_half_written_last_line(invoke: Invoke, made: Path) -> None:
    answers = made / "judged/puzzte_generated/random.jsonl"
    answers.write_text(answers.read_text()[:-20])
    assert f"{answers}, line 8" in refused(invoke("report", str(made)))


def test_runs_over_different_rows_are_not_compared(invoke: Invoke, whole: Path) -> None:
    finished(invoke, "--models", "random", "--limit", "8", "--split", "validation", output="elsewhere")
    message = refused(invoke("compare", str(whole), "elsewhere"))
    assert "one asked the test split, the other the validation split" in message
    finished(invoke, "--models", "random", "--limit", "5", output="fewer")
    message = refused(invoke("compare", str(whole), "fewer"))
    missing = [json.loads(line)["id"] for line in (whole / "rows/puzzte_generated.jsonl").read_text().splitlines()[5:]]
    assert f"only out has 3 rows: {', '.join(missing)}" in message


def test_runs_with_other_prompts_or_labels_are_not_compared(invoke: Invoke, made: Path, whole: Path) -> None:
    rows = made / "rows/puzzte_generated.jsonl"
    intact = rows.read_text()
    row = json.loads(intact.split("\n")[2])
    turned = {**row, "gold": "entailment" if row["gold"] != "entailment" else "not entailment"}
    damaged(made, "rows/puzzte_generated.jsonl", 3, json.dumps(turned))
    message = refused(invoke("compare", str(whole), str(made)))
    assert row["id"] in message
    assert "label" in message
    rows.write_text(intact.replace(row["question"], "Is it so?"))
    assert row["id"] in refused(invoke("compare", str(whole), str(made)))
