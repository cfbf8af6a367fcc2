"""Models whose figures can be computed by hand, through the whole pipeline, and the figures in every format."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from entailbench import ENTAILMENT, NOT_ENTAILMENT, UNPARSED, Prompt
from entailbench.cli import cli
from entailbench.findings import METRICS, Metric
from entailbench.plugins import create_plugin_manager
from model_plugins import OTHER, coin, known_plugin

ROWS = 60
WRITTEN, SCORED = "puzzte_generated", "puzzte_generated_mc"
TEST_SPLIT = Path(__file__).parents[1] / "data/entailbench_data/puzzte_generated/test.jsonl"


@dataclass(frozen=True)
class Finished:
    """A run that ended, as its user sees it."""

    folder: Path
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """What ``report.json`` says; a NaN or an Infinity in it is an error."""
        text = (self.folder / "report.json").read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text, parse_constant=_no_such_number)
        return loaded

    def task(self, name: str) -> dict[str, Any]:
        return next(task for task in self.report["tasks"] if task["task"] == name)

    def model(self, task: str, name: str) -> dict[str, Any]:
        found = self.task(task)
        return next(model for model in (*found["models"], *found["baselines"]) if model["name"] == name)


def _no_such_number(constant: str) -> float:
    raise AssertionError(f"{constant} in JSON")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in TEST_SPLIT.read_text(encoding="utf-8").splitlines()[:ROWS]]


MODELS = ("perfect", "inverted", "always-yes", "always-no", "random", "mumbles")


def invoke(*arguments: str) -> Result:
    """The command line in this process, which must do what it is asked for."""
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
    done = CliRunner().invoke(cli, arguments, obj=plugins, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ENTAILBENCH_HOME", str(folder / "home"))
        done = invoke(
            *("run", "--models", ",".join(MODELS), "--tasks", f"{WRITTEN},{SCORED}"),
            *("--limit", str(ROWS), "--output", "out"),
        )
        yield Finished(folder / "out", done.stdout, done.stderr)


def said(model: str, row: int, gold: str, task: str = WRITTEN) -> str:
    """What a model answers, told here once more."""
    if model == "random":
        return coin(Prompt(f"{task}/{row}", task, row, (), ""))
    answers = {"perfect": gold, "inverted": OTHER[gold], "always-yes": ENTAILMENT, "always-no": NOT_ENTAILMENT}
    # A model that scores candidates gives the first where it finds none better.
    return answers.get(model, UNPARSED if task == WRITTEN else ENTAILMENT)


def by_hand(gold: Sequence[str], answers: Sequence[str]) -> dict[str, float | None]:
    """The figures of a task in which answers are written, from their definitions."""
    pairs = list(zip(gold, answers, strict=True))
    n = len(pairs)

    def count(label: str, answer: str) -> int:
        return pairs.count((label, answer))

    def recall(label: str) -> float:
        return count(label, label) / gold.count(label)

    def f1(label: str) -> float:
        return 2 * count(label, label) / (gold.count(label) + answers.count(label))

    right = sum(g == a for g, a in pairs)
    read = [(g, a) for g, a in pairs if a != UNPARSED]
    classes = (ENTAILMENT, NOT_ENTAILMENT, UNPARSED)
    chance = sum(gold.count(label) * answers.count(label) for label in classes)
    spread_gold = n * n - sum(gold.count(label) ** 2 for label in classes)
    spread_answers = n * n - sum(answers.count(label) ** 2 for label in classes)
    both = math.sqrt(spread_gold * spread_answers)
    return {
        "overall": right / n,
        "entailment": recall(ENTAILMENT),
        "not_entailment": recall(NOT_ENTAILMENT),
        "balanced": (recall(ENTAILMENT) + recall(NOT_ENTAILMENT)) / 2,
        "macro_f1": (f1(ENTAILMENT) + f1(NOT_ENTAILMENT)) / 2,
        "mcc": (right * n - chance) / both if both else 0,  # a constant correlates with nothing
        "kappa": (right * n - chance) / (n * n - chance),
        "parsed": len(read) / n,
        "exact": len(read) / n,
        "overall_parsed": right / len(read) if read else None,
        "balanced_parsed": sum(
            sum(a == label for g, a in read if g == label) / sum(g == label for g, _ in read)
            for label in (ENTAILMENT, NOT_ENTAILMENT)
        )
        / 2
        if read
        else None,
    }


def exactly(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_every_figure_is_that_of_its_definition(finished: Finished, rows: list[dict[str, Any]], name: str) -> None:
    gold = [row["label"] for row in rows]
    model = finished.model(WRITTEN, name)
    answers = [said(name, number, label) for number, label in enumerate(gold)]
    for metric, value in by_hand(gold, answers).items():
        found = model["metrics"][metric]
        assert found["value"] == exactly(value), metric
        if value is None:
            assert found["undefined"], metric
    assert model["rows"] == ROWS
    assert model["unparsed"] == (ROWS if name == "mumbles" else 0)


@pytest.mark.parametrize(
    ("name", "balanced"),
    [("perfect", 1.0), ("inverted", 0.0), ("always-yes", 0.5), ("always-no", 0.5), ("mumbles", 0.0)],
)
def test_balanced_accuracy_is_what_anybody_would_say(finished: Finished, name: str, balanced: float) -> None:
    assert finished.model(WRITTEN, name)["metrics"]["balanced"]["value"] == balanced


def effective_puzzles(rows: Sequence[Mapping[str, Any]]) -> float:
    """(Sum of sizes)² / sum of squared sizes: the number of puzzles, were they of one size."""
    puzzles = [row["puzzle"] for row in rows]
    return len(puzzles) ** 2 / sum(puzzles.count(puzzle) ** 2 for puzzle in set(puzzles))


def least(rows: Sequence[Mapping[str, Any]]) -> float:
    """The lower end for a share of 1: the p for which p^n is 2.5%, after Clopper and Pearson, n counted in puzzles."""
    return float(0.025 ** (1 / effective_puzzles(rows)))


def test_intervals_at_the_ends_are_those_of_clopper_and_pearson_over_puzzles(
    finished: Finished, rows: list[dict[str, Any]]
) -> None:
    entailed = [row for row in rows if row["label"] == ENTAILMENT]
    others = [row for row in rows if row["label"] == NOT_ENTAILMENT]
    short, short_yes, short_no = 1 - least(rows), 1 - least(entailed), 1 - least(others)
    both = math.hypot(short_yes, short_no) / 2
    expected = {
        ("perfect", "overall"): (1 - short, 1),
        ("inverted", "overall"): (0, short),
        ("perfect", "entailment"): (1 - short_yes, 1),
        ("inverted", "not_entailment"): (0, short_no),
        ("always-yes", "entailment"): (1 - short_yes, 1),
        ("always-yes", "not_entailment"): (0, short_no),
        ("always-no", "entailment"): (0, short_yes),
        ("perfect", "balanced"): (1 - both, 1),
        ("inverted", "balanced"): (0, both),
        ("mumbles", "balanced"): (0, both),
        ("always-yes", "balanced"): (0.5 - short_yes / 2, 0.5 + short_no / 2),
        ("always-no", "balanced"): (0.5 - short_no / 2, 0.5 + short_yes / 2),
        ("perfect", "parsed"): (1 - short, 1),
        ("mumbles", "parsed"): (0, short),
        ("mumbles", "exact"): (0, short),
    }
    for (name, metric), (low, high) in expected.items():
        found = finished.model(WRITTEN, name)["metrics"][metric]
        assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high)), (name, metric)


@pytest.mark.parametrize("name", ["random", "always-yes", "always-no"])
def test_between_the_ends_the_interval_is_as_wide_as_the_clustered_error_says(
    finished: Finished, rows: list[dict[str, Any]], name: str
) -> None:
    right = [said(name, number, row["label"]) == row["label"] for number, row in enumerate(rows)]
    mean = sum(right) / ROWS
    by_puzzle: dict[str, float] = {}
    for row, hit in zip(rows, right, strict=True):
        by_puzzle[row["puzzle"]] = by_puzzle.get(row["puzzle"], 0.0) + hit - mean
    puzzles = len(by_puzzle)
    # Equation 4 of Miller (arXiv 2411.00640), with the factor for few clusters.
    error = math.sqrt(puzzles / (puzzles - 1) * sum(total**2 for total in by_puzzle.values())) / ROWS
    found = finished.model(WRITTEN, name)["metrics"]["overall"]
    assert found["error"] == pytest.approx(error)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(2.1 * error, rel=0.25)  # Student's t at 18 is 2.1


def comparison(task: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    """The comparison of two models, turned round where need be so that ``first`` is the first."""
    for one in task["comparisons"]:
        if (one["first"], one["second"]) == (first, second):
            return dict(one)
        if (one["first"], one["second"]) == (second, first):
            d = one["difference"]
            turned = {"value": -d["value"], "low": -d["high"], "high": -d["low"]}
            return {
                **one,
                "difference": turned,
                "only_first": one["only_second"],
                "only_second": one["only_first"],
            }
    raise AssertionError(f"{first} and {second} were not compared")


def test_two_models_that_differ_on_every_row_have_the_smallest_p_there_is(
    finished: Finished, rows: list[dict[str, Any]]
) -> None:
    task = finished.task(WRITTEN)
    found = comparison(task, "perfect", "inverted")
    puzzles = len({row["puzzle"] for row in rows})
    assert (found["rows"], found["puzzles"]) == (ROWS, puzzles)
    assert found["difference"]["value"] == exactly(1.0)
    assert found["difference"]["low"] < found["difference"]["high"] == 1
    # All puzzles' differences have one sign: 2 of the 2^puzzles sign patterns are as extreme.
    assert found["p"] == pytest.approx(2 * 0.5**puzzles)
    assert found["mcnemar"] == pytest.approx(2 * 0.5**ROWS)
    assert (found["only_first"], found["only_second"]) == (ROWS, 0)
    assert len(task["comparisons"]) == len(MODELS) * (len(MODELS) - 1) // 2
    # Holm multiplies the smallest p by the number of tests.
    assert found["p_holm"] == pytest.approx(min(1, found["p"] * len(task["comparisons"])))
    assert found["verdict"].startswith("perfect beats inverted by 100.0 points of balanced accuracy")
    assert f"n = {ROWS} questions on {puzzles} puzzles" in found["verdict"]


def test_models_that_are_always_wrong_in_their_own_ways_cannot_be_told_apart(finished: Finished) -> None:
    found = comparison(finished.task(WRITTEN), "inverted", "mumbles")
    assert (found["difference"]["value"], found["p"], found["p_holm"], found["mcnemar"]) == (0, 1, 1, 1)
    assert (found["only_first"], found["only_second"]) == (0, 0)
    assert "cannot tell inverted and mumbles apart" in found["verdict"]


def test_two_constants_are_equal_in_balanced_accuracy_however_many_rows_they_differ_on(finished: Finished) -> None:
    task = finished.task(WRITTEN)
    found = comparison(task, "always-yes", "always-no")
    assert found["difference"]["value"] == exactly(0)
    assert (found["only_first"], found["only_second"]) == (task["entailment_rows"], ROWS - task["entailment_rows"])
    assert "cannot tell" in found["verdict"]


def test_holm_is_monotone_and_never_below_the_p_itself(finished: Finished) -> None:
    for name in (WRITTEN, SCORED):
        ordered = sorted(finished.task(name)["comparisons"], key=lambda one: (one["p"], one["p_holm"]))
        worst = 0.0
        for place, one in enumerate(ordered):
            worst = min(1.0, max(worst, (len(ordered) - place) * one["p"]))
            assert one["p_holm"] == pytest.approx(worst)


def test_only_the_perfect_model_beats_the_baselines(finished: Finished) -> None:
    for name in MODELS:
        beaten_by = finished.model(WRITTEN, name)["not_better_than"]
        assert (not beaten_by) == (name == "perfect"), name
    constant = finished.task(WRITTEN)["baselines"][0]
    assert constant["name"] == f'always "{NOT_ENTAILMENT}"'
    model = finished.model(WRITTEN, "always-no")["metrics"]
    # It writes nothing, so it has no format to keep to; all else is what the same answers of a model give.
    assert {**constant["metrics"], "exact": None} == {**model, "exact": None}


HIGH = 1 / (1 + math.exp(-1))
"""What the known models give the candidate that they choose: log-probabilities −1 against −2."""


@pytest.mark.parametrize(
    ("name", "auroc", "brier", "ece"),
    [
        # A probability misses what is true by 1 - HIGH where the choice is right, and by HIGH where it is wrong.
        ("perfect", 1.0, (1 - HIGH) ** 2, 1 - HIGH),
        ("inverted", 0.0, HIGH**2, HIGH),
    ],
)
def test_scored_candidates_give_the_figures_of_their_probabilities(
    finished: Finished, name: str, auroc: float, brier: float, ece: float
) -> None:
    metrics = finished.model(SCORED, name)["metrics"]
    assert metrics["auroc"]["value"] == exactly(auroc)
    assert metrics["brier"]["value"] == pytest.approx(brier)
    assert metrics["ece"]["value"] == pytest.approx(ece)
    assert metrics["overall"]["value"] == exactly(auroc)


def test_a_constant_that_scores_candidates_orders_nothing(finished: Finished, rows: list[dict[str, Any]]) -> None:
    base_rate = sum(row["label"] == ENTAILMENT for row in rows) / ROWS
    metrics = finished.model(SCORED, "always-yes")["metrics"]
    assert metrics["auroc"]["value"] == exactly(0.5)
    assert metrics["brier"]["value"] == pytest.approx(base_rate * (1 - HIGH) ** 2 + (1 - base_rate) * HIGH**2)
    assert metrics["ece"]["value"] == pytest.approx(HIGH - base_rate)
    (only,) = finished.model(SCORED, "always-yes")["reliability"]
    assert (only["rows"], only["entailed"]) == (ROWS, pytest.approx(base_rate))
    assert only["probability"] == pytest.approx(HIGH)


def test_confusion_matrices_count_every_row(finished: Finished, rows: list[dict[str, Any]]) -> None:
    for name in MODELS:
        confusion = finished.model(WRITTEN, name)["confusion"]
        assert sum(sum(answers.values()) for answers in confusion.values()) == ROWS
        for label, answers in confusion.items():
            truth = [row for row in rows if label in (row["label_published"], row["label"])]
            assert sum(answers.values()) == len(truth), (name, label)
            if name == "mumbles":
                assert answers.get(UNPARSED, 0) == len(truth)


class Tables(HTMLParser):
    """The tables of a page by caption, as rows of cells' texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self._text: list[str] | None = None
        self._caption = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td", "caption"):
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = " ".join("".join(self._text or ()).split())
        if tag == "caption":
            self._caption = text
        elif tag in ("th", "td"):
            self._rows[-1].append(text)
        elif tag == "table":
            self.found[self._caption] = self._rows
        if tag in ("th", "td", "caption"):
            self._text = None


def pipes(text: str) -> list[list[str]]:
    """The lines of Markdown tables as cells."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def numbers(cell: str) -> list[str]:
    return re.findall(r"-?\d+(?:\.\d+)?", cell.replace("−", "-").replace("--", "–"))


def shown(estimate: Mapping[str, Any], metric: Metric) -> list[str]:
    """A figure and its interval's ends as every table must show them; nothing where it is undefined."""
    values = (estimate["value"], estimate["low"], estimate["high"])
    return [f"{100 * v:.1f}" if metric.percent else f"{v:.3f}" for v in values if v is not None]


MAIN = {metric.name: metric for metric in METRICS[:4]}


def main_lines(finished: Finished) -> Iterator[tuple[str, str, list[list[str]]]]:
    """(task, model or baseline, the numbers of each main column) as ``report.json`` has them."""
    for task in finished.report["tasks"]:
        for result in (*task["models"], *task["baselines"]):
            yield task["task"], result["name"], [shown(result["metrics"][name], MAIN[name]) for name in MAIN]


def test_terminal_markdown_and_latex_show_the_numbers_of_the_json(finished: Finished) -> None:
    markdown = (finished.folder / "report.md").read_text(encoding="utf-8")
    latex = (finished.folder / "report.tex").read_text(encoding="utf-8")
    for sign, command in (("–", "textendash"), ('"', "textquotedbl"), ("†", "dag")):
        latex = latex.replace(f"\\{command}{{}}", sign)
    ampersands = [line.replace("{-}", "-").split("&") for line in latex.splitlines() if line.count("&") > 5]
    for where, cells in (("terminal", pipes(finished.stdout)), ("Markdown", pipes(markdown)), ("LaTeX", ampersands)):
        for task, name, expected in main_lines(finished):
            # A dagger behind the name says that the model was not shown to beat a baseline.
            lines = [line for line in cells if line[0].strip().removesuffix("†").strip() == name]
            assert expected in [[numbers(cell) for cell in line[2:6]] for line in lines], (where, task, name)


def test_csv_has_the_numbers_of_the_json_unrounded(finished: Finished) -> None:
    with (finished.folder / "report.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if not line["facet"]]
    found = {(line["task"], line["model"], line["metric"]): line for line in lines}
    for task in finished.report["tasks"]:
        for result in (*task["models"], *task["baselines"]):
            for metric, estimate in result["metrics"].items():
                line = found[task["task"], result["name"], metric]
                for part in ("value", "low", "high"):
                    assert line[part] == ("" if estimate[part] is None else repr(estimate[part]))
                assert line["undefined"] == estimate["undefined"]


def test_the_page_shows_the_numbers_of_the_json(finished: Finished) -> None:
    tables = Tables((finished.folder / "report.html").read_text(encoding="utf-8")).found
    for task, name, expected in main_lines(finished):
        lines = tables[f"Figures of models and baselines on {task}"]
        assert expected in [[numbers(c) for c in line[1:5]] for line in lines if line[0].startswith(name)], name
    for task in finished.report["tasks"]:
        head, *lines = tables[f"All metrics on {task['task']}"]
        by_title = {next(m for m in METRICS if line[0].startswith(m.title)).name: line for line in reversed(lines)}
        for result in (*task["models"], *task["baselines"]):
            for metric in METRICS:
                if metric.name not in result["metrics"]:
                    continue
                cell = by_title[metric.name][head.index(result["name"])]
                estimate = result["metrics"][metric.name]
                assert numbers(cell) == shown(estimate, metric), (result["name"], metric.name)
                assert estimate["undefined"] in cell


def test_every_verdict_stands_in_every_format(finished: Finished) -> None:
    # The first half of the sentence is set in bold.
    page = re.sub("</?strong>", "", html.unescape((finished.folder / "report.html").read_text(encoding="utf-8")))
    markdown = (finished.folder / "report.md").read_text(encoding="utf-8")
    for task in finished.report["tasks"]:
        for comparison in task["comparisons"]:
            for where, text in (("terminal", finished.stdout), ("Markdown", markdown), ("page", page)):
                assert comparison["verdict"] in text, where


def test_a_run_ends_with_the_path_of_its_page(finished: Finished) -> None:
    assert finished.stderr.rstrip().endswith(str(finished.folder / "report.html"))
    assert (finished.folder / "report.html").is_file()


def test_a_report_made_again_of_the_run_directory_is_the_same(finished: Finished, tmp_path: Path) -> None:
    for form, name in (
        ("json", "report.json"),
        ("csv", "report.csv"),
        ("latex", "report.tex"),
        ("html", "report.html"),
    ):
        again = tmp_path / name
        invoke("report", str(finished.folder), "--format", form, "--output", str(again))
        assert again.read_text(encoding="utf-8") == (finished.folder / name).read_text(encoding="utf-8"), form


def test_runs_of_one_model_each_compared_are_what_one_run_of_both_is(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(tmp_path / "home"))
    for name in ("perfect", "random"):
        invoke("run", "--models", name, "--limit", str(ROWS), "--output", name)
    (task,) = json.loads(invoke("compare", "perfect", "random", "--json").stdout)["tasks"]
    for model in task["models"]:
        assert {**model, "seconds": None} == {**finished.model(WRITTEN, model["name"]), "seconds": None}
    assert task["baselines"] == finished.task(WRITTEN)["baselines"]
    (found,) = task["comparisons"]
    # What depends on how many models were compared.
    less = {"p_holm": None, "smallest": None, "verdict": None}
    assert {**found, **less} == {**comparison(finished.task(WRITTEN), "perfect", "random"), **less}
    assert found["p_holm"] == found["p"]
