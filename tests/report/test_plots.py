"""Plots: drawn from the figures, coloured by the page."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest

import made_up_run
from entailbench.analysis import analyse
from entailbench.findings import ReliabilityBin, TaskResult
from entailbench.report.plots import Plot, plots_of
from entailbench.report.svg import plain


@pytest.fixture(scope="module")
def result() -> TaskResult:
    return analyse([made_up_run.task()], "runs/x", made_up_run.identities(), {}).tasks[0]


@pytest.fixture(scope="module")
def plots(result: TaskResult) -> dict[str, Plot]:
    bins = tuple(ReliabilityBin(n / 5, (n + 1) / 5, 10 * (n + 1), n / 5 + 0.1, n / 5 + 0.05) for n in range(5))
    scored = dataclasses.replace(result.models[0], reliability=bins)
    told = dataclasses.replace(result, models=(scored, *result.models[1:]))
    return {plot.key: plot for plot in plots_of(told, "t")}


def test_every_kind_is_drawn(plots: dict[str, Plot]) -> None:
    assert list(plots) == ["t-headline", "t-classes", "t-depth", "t-premises", "t-calibration", "t-training"]


def test_colours_and_fonts_are_the_pages(plots: dict[str, Plot]) -> None:
    for plot in plots.values():
        assert "style=" not in plot.svg
        assert "#0" not in re.sub(r"#t-\w+-\w+", "", plot.svg)
        assert "DejaVu" not in plot.svg
        assert "fill-quiet" in plot.svg


def test_ids_are_unique_and_every_reference_leads_somewhere(plots: dict[str, Plot]) -> None:
    whole = "".join(plot.svg for plot in plots.values())
    ids = re.findall(r'\sid="([^"]*)"', whole)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', whole)) <= set(ids)


def test_figures_stand_in_the_plot_as_text(plots: dict[str, Plot], result: TaskResult) -> None:
    texts = "".join(ElementTree.fromstring(plots["t-headline"].svg).itertext())
    for model in (*result.models, *result.baselines):
        if not model.unavailable:
            balanced = model.value("balanced")
            assert balanced is not None
            assert f"{100 * balanced:.1f}" in texts
    spoken = ElementTree.fromstring(plots["t-headline"].svg).get("aria-label")
    assert spoken is not None
    assert spoken.startswith("Balanced accuracy, in percent: base ")


def test_a_mark_lies_where_its_figure_says(result: TaskResult) -> None:
    (model, *_) = result.models
    alone = dataclasses.replace(result, models=(model,), baselines=(), slices=())
    svg = ElementTree.fromstring(plots_of(alone, "t")[0].svg)
    (mark,) = [one for one in svg.iter("use") if "series-0" in one.get("class", "")]
    balanced = model.value("balanced")
    assert balanced is not None
    # The axis from 0 to 100 begins 8 and ends 8 pixels within 400.
    assert float(mark.get("x", "nan")) == pytest.approx(8 + 384 * balanced, abs=0.01)


@pytest.mark.parametrize("name", ["$x$ & <b>", "‮evil", "\x00\x1b[31m", "m" * 300, "模型 🎉", "half \ud83d"])
def test_any_name_can_be_drawn(result: TaskResult, name: str) -> None:
    model = dataclasses.replace(result.models[0], name=name)
    found = plots_of(dataclasses.replace(result, models=(model,)), "t")
    for plot in found:
        ElementTree.fromstring(plot.svg)
        plot.svg.encode("utf-8")
    assert plain(name)[:9] in "".join(ElementTree.fromstring(found[0].svg).itertext())


def test_twenty_models_can_be_drawn(result: TaskResult) -> None:
    many = tuple(dataclasses.replace(result.models[0], name=f"model {n}") for n in range(20))
    svg = plots_of(dataclasses.replace(result, models=many), "t")[0].svg
    assert svg.count("series-7") >= 2
    assert "model 19" in svg


def test_a_task_without_figures_has_no_plots(result: TaskResult) -> None:
    bare = tuple(dataclasses.replace(one, metrics={}, lineage=None) for one in result.models)
    assert plots_of(dataclasses.replace(result, models=bare, baselines=(), slices=()), "t") == ()
