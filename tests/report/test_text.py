"""One report in every format: the same numbers, and nothing that breaks a format."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_report import HOSTILE, VERDICT, made_up_report, model

from entailbench.findings import METRICS, Comparison, Estimate, Report, Seeds
from entailbench.report import figures, github, latex
from entailbench.report.text import markdown, render, save

SHOWN = ("overall", "entailment", "not_entailment", "balanced")


def cells(table: str) -> list[list[str]]:
    """The lines of a Markdown table, or of a LaTeX tabular."""
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    lines += [re.split(r"(?<!\\)&", line[:-2]) for line in table.splitlines() if line.endswith(r"\\")]
    return [[cell.strip() for cell in line] for line in lines]


def plain(cell: str) -> str:
    return cell.replace(r"\textendash{}", "–")


def long_form(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(report, "csv"))))


def test_every_format_has_the_same_numbers() -> None:
    report = made_up_report()
    by_github = {line[0].split(" ")[0]: line[2:6] for line in cells(render(report)) if len(line) > 6}
    by_latex = {
        line[0].split(" ")[0]: list(map(plain, line[2:6])) for line in cells(render(report, "latex")) if line[6:]
    }
    by_page = {line[0].split(" ")[0]: line[2:6] for line in cells(markdown(report).split("### ")[0]) if line[6:]}
    by_json = json.loads(render(report, "json"))["tasks"][0]
    by_csv = {(line["model"], line["metric"]): line for line in long_form(report) if not line["facet"]}
    for result in (*report.tasks[0].models, report.tasks[0].baselines[0]):
        first = result.name.split(" ")[0]
        wanted = []
        told = next(one for one in (*by_json["models"], *by_json["baselines"]) if one["name"] == result.name)
        for metric in METRICS:
            found = result.metrics.get(metric.name)
            if found is None:
                assert metric.name not in told["metrics"]
                assert (result.name, metric.name) not in by_csv
                continue
            ends = {"value": found.value, "low": found.low, "high": found.high, "undefined": found.undefined}
            assert {key: told["metrics"][metric.name][key] for key in ends} == ends
            line = by_csv[result.name, metric.name]
            assert [line[key] for key in ends] == ["" if end is None else str(end) for end in ends.values()]
            if metric.name in SHOWN:
                wanted.append("undefined" if found.value is None else percents(found))
        assert by_github[first] == by_latex[first] == by_page[first] == wanted


def percents(found: Estimate) -> str:
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}–{100 * found.high:.1f})"


def test_all_metrics_of_all_models_stand_in_the_markdown_page() -> None:
    report = made_up_report()
    section = markdown(report).split("### All metrics")[1].split("###")[0]
    head, _, *lines = cells(section)
    assert head == ["metric", "base", "lora", 'always "not entailment"']
    by_title = {line[0]: line[1:] for line in lines}
    assert set(by_title) == {metric.title for metric in METRICS if metric.name in report.tasks[0].models[0].metrics}
    for place, result in enumerate((*report.tasks[0].models, report.tasks[0].baselines[0])):
        for metric in METRICS:
            if metric.name in result.metrics:
                assert by_title[metric.title][place] == figures.estimate(result.metrics[metric.name], metric)


def test_slices_pairs_and_reasons_stand_in_the_markdown_page() -> None:
    text = markdown(made_up_report())
    assert re.search(r"\| heights +\| +130 \| +40 \| +61\.6 \(50\.0–70\.0\) ", text)
    assert "22.2 (20.0–30.0) *" in text
    assert [line[0] for line in cells(text.split("by depth")[1].split("###")[0])[2:]] == ["1", "2"]
    assert "* overall accuracy: one of the two labels has no rows here." in text
    assert re.search(
        r"\| lora – base +\| +balanced \| \+41\.2 \(36\.0 to 46\.1\) \| < 0\.001 \| +< 0\.001 \| +0\.032 \|", text
    )
    assert "entailment of lora is undefined: no row has this label." in text
    assert "`I think 'that' <b>it</b> (7 answers)`" in text


@pytest.mark.parametrize("form", ["github", "latex"])
def test_under_the_table_stand_verdict_marks_and_reasons(form: Any) -> None:
    text = re.sub(r"\\textendash{}", "–", render(made_up_report(), form)).replace(r"\textless{}", "<")
    text = text.replace(r"\%", "%").replace(r"\textquotedbl{}", '"').replace(r"\dag{}", "†")
    assert VERDICT in text
    assert '† base was not shown to beat always "not entailment" in balanced accuracy' in text
    assert "nearest training puzzle: unavailable, no train split." in text
    assert "Reported, not measured here (their model): A paper, table 1." in text
    assert text.index("baselines") > text.index("lora &" if form == "latex" else "| lora")
    assert text.index("reported, not measured here") > text.index("nearest training puzzle (unavailable)")


def test_only_models_that_beat_no_baseline_are_marked() -> None:
    lines = render(made_up_report()).splitlines()
    assert [line.split("|")[1].rstrip().endswith("†") for line in lines if line.startswith(("| base (", "| lora"))] == [
        True,
        False,
    ]


def test_proofs_have_a_column_only_where_a_model_gives_some() -> None:
    report = made_up_report()
    assert "valid proofs %" in render(report)
    assert "the solver accepts" in render(report)
    without = tuple(
        replace(one, metrics={**one.metrics, "proof_validity": Estimate(None, undefined="it gives no proofs")})
        for one in report.tasks[0].models
    )
    task = replace(report.tasks[0], models=without, baselines=(), title="")
    text = render(replace(report, tasks=(task,)))
    assert "proof" not in text
    assert "proof" not in render(replace(report, tasks=(task,)), "latex")


def test_a_model_without_proofs_beside_one_with_them_has_a_dash() -> None:
    report = made_up_report()
    base, lora = report.tasks[0].models
    base = replace(base, metrics={**base.metrics, "proof_validity": Estimate(None, undefined="it gives no proofs")})
    table = cells(render(replace(report, tasks=(replace(report.tasks[0], models=(base, lora)),))))
    place = table[0].index("valid proofs %")
    assert [line[place] for line in table[2:4]] == ["–", "77.5 (67.5–87.5)"]


def test_what_a_server_calls_itself_breaks_no_format() -> None:
    report = made_up_report()
    (line,) = [line for line in render(report).splitlines() if line.startswith("| base (")]
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert "<script" not in line
    assert len({len(row) for row in cells(render(report))}) == 1
    assert "<script" not in markdown(report)
    (row,) = [row for row in cells(render(report, "latex")) if row[0].startswith("base")]
    assert len(row) == 9
    assert HOSTILE in json.loads(render(report, "json"))["tasks"][0]["models"][0]["title"]


def test_a_line_of_seeds_says_what_it_is_the_mean_of() -> None:
    report = made_up_report()
    seeds = Seeds(("a", "b", "c"), (1, 2, 7), (0.61, 0.645, None), 0.0214)
    task = replace(report.tasks[0], models=(replace(report.tasks[0].models[0], seeds=seeds), report.tasks[0].models[1]))
    text = render(replace(report, tasks=(task,)))
    assert "base is the mean of 3 trainings with the balanced accuracies 61.0 (1), 64.5 (2), undefined (7)" in text
    assert "they lie 2.1 points apart" in text


def test_nothing_that_is_not_a_number_reaches_json() -> None:
    text = render(made_up_report(), "json")
    assert not re.search(r"\b(NaN|Infinity)\b", text)
    losses = json.loads(text)["tasks"][0]["models"][1]["lineage"]["losses"]
    assert losses[0] == [1, 2.5]
    assert all(part is None or math.isfinite(part) for pair in losses for part in pair)


def test_negative_figures_are_not_hyphenated_into_their_interval() -> None:
    mcc = next(metric for metric in METRICS if metric.name == "mcc")
    assert figures.estimate(Estimate(-0.05, -0.2, 0.1), mcc) == "-0.050 (-0.200 to 0.100)"
    assert figures.change(Estimate(-0.05, -0.2, 0.1)) == "-5.0 (-20.0 to 10.0)"
    assert figures.estimate(Estimate(0.5), mcc) == "0.500"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_latex_text_is_only_text(text: str) -> None:
    found = latex.escape(text)
    assert found.isprintable()
    assert "--" not in found
    for command in (*latex.PLAIN.values(), "{}"):
        found = found.replace(command, "")
    assert not set(found) & set("\\{}$&#%_^~")
    assert all(ord(letter) <= latex.LAST_LATIN for letter in found)


@given(st.text(max_size=40))
def test_a_cell_of_a_table_stays_one_cell(text: str) -> None:
    found = github.harmless(text)
    assert "|" not in found
    assert found.isprintable()
    assert not re.search(r"<[a-zA-Z/!?]", found)


def test_latex_has_the_rules_of_booktabs_and_balanced_environments() -> None:
    text = render(made_up_report(), "latex")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 3, 1]
    assert re.findall(r"\\begin{(\w+)}", text) == ["table", "tabular", "minipage"]
    assert re.findall(r"\\end{(\w+)}", text) == ["tabular", "minipage", "table"]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert set(text) <= set(string.printable)


def test_csv_names_models_baselines_pairs_and_what_others_reported() -> None:
    lines = long_form(made_up_report())
    assert {line["kind"] for line in lines} == {"model", "baseline", "comparison", "reported"}
    found = {(line["model"], line["metric"], line["facet_value"]): line for line in lines}
    assert found["lora - base", "balanced_difference", ""]["low"] == "0.36"
    assert found["lora - base", "p", ""]["value"] == "0.0002"
    assert found["their model", "overall", ""]["value"] == "0.638"
    assert found["base", "balanced", "heights"]["value"] == "0.616"
    assert found["base", "balanced", "knights"]["undefined"] == "no row is entailed"
    assert found["nearest training puzzle", "overall", ""]["undefined"] == "unavailable: no train split"


def test_a_single_model_has_no_pairs() -> None:
    report = made_up_report()
    task = replace(report.tasks[0], models=report.tasks[0].models[:1], comparisons=(), slices=(), reported=())
    text = markdown(replace(report, tasks=(task,)))
    assert "Pairs of models" not in text
    assert "reported" not in text


def test_a_difference_that_is_undefined_is_said_to_be() -> None:
    pair = Comparison("a", "b", Estimate(None, undefined="x"), "overall", 1.0, 1.0, 1.0, 0, 0, None, 1, 1, "a and b.")
    report = made_up_report()
    text = markdown(replace(report, tasks=(replace(report.tasks[0], comparisons=(pair,)),)))
    assert re.search(r"\| a – b +\| +overall \| +undefined \| +1\.000 \|", text)


def test_save_writes_every_form(tmp_path: Path) -> None:
    report = made_up_report(directory=str(tmp_path))
    page = save(report, ())
    assert page == tmp_path / "report.html"
    assert {path.name for path in tmp_path.iterdir()} == {
        f"report.{suffix}" for suffix in ("json", "md", "csv", "tex", "html")
    }
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == markdown(report)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["schema"] == "entailbench-report/1"


def test_two_models_of_the_same_figures_are_two_lines() -> None:
    report = made_up_report()
    twins = (model("one"), model("two"))
    text = render(replace(report, tasks=(replace(report.tasks[0], models=twins),)))
    assert [line[0] for line in cells(text)[2:4]] == ["one", "two"]
