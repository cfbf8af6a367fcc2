"""The report as one file: what is in it, without a browser."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import made_up_run
from entailbench.analysis import analyse
from entailbench.answered import TaskAnswers
from entailbench.findings import Estimate, Report
from entailbench.records import ModelIdentity
from entailbench.report.page import render_page
from entailbench.report.page.payload import BLOCK

VERSIONS = {"python": "3.11.2", "entailbench": "0.1.0"}


@pytest.fixture(scope="module")
def task() -> TaskAnswers:
    return made_up_run.task()


@pytest.fixture(scope="module")
def report(task: TaskAnswers) -> Report:
    return analyse([task], "runs/20260101-120000", made_up_run.identities(), VERSIONS)


@pytest.fixture(scope="module")
def page(report: Report, task: TaskAnswers) -> str:
    return render_page(report, [task])


def blocks(page: str) -> list[Any]:
    found = re.findall(r'<script type="text/plain" class="packed"[^>]*>([^<]*)</script>', page)
    return [json.loads(gzip.decompress(base64.b64decode(one))) for one in found]


def test_the_same_run_gives_the_same_bytes(report: Report, task: TaskAnswers, page: str) -> None:
    assert render_page(report, [task]) == page


def test_the_same_bytes_in_another_process(page: str) -> None:
    code = (
        "import made_up_run, hashlib\nfrom entailbench.analysis import analyse\n"
        "from entailbench.report.page import render_page\ntask = made_up_run.task()\n"
        f"report = analyse([task], 'runs/20260101-120000', made_up_run.identities(), {VERSIONS!r})\n"
        "print(hashlib.sha256(render_page(report, [task]).encode()).hexdigest())"
    )
    folder = Path(made_up_run.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    import hashlib

    assert done.stdout.strip() == hashlib.sha256(page.encode()).hexdigest()


def test_asks_the_network_for_nothing(page: str) -> None:
    without_rows = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r'(?:src|href|action)="(?!#|data:,)[^"]*"', without_rows) == []
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", page)
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_policy_names_the_style_and_the_script_that_are_there(page: str) -> None:
    import hashlib

    for tag, what in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{what} 'sha256-{digest}'" in html.unescape(page)
    # What the policy would stop must not be there to begin with.
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page.split("<body>")[1].split('<script type="text/plain"')[0])


def test_a_thousand_rows_of_three_models_stay_under_three_megabytes(report: Report) -> None:
    big = made_up_run.task(1000)
    assert len(render_page(report, [big]).encode()) < 3_000_000


def test_every_row_and_every_answer_is_in_it(page: str, task: TaskAnswers) -> None:
    index, *texts = blocks(page)
    assert index["block"] == BLOCK
    assert [len(one) for one in texts] == [250, 50]
    rows = [row for one in texts for row in one]
    letters = {"entailment": "e", "not entailment": "n", "unparsed": "u"}
    everybody = [*task.models, *(one for one in task.baselines if not one.unavailable)]
    for place, row in enumerate(task.rows):
        listed, full = index["rows"][place], rows[place]
        assert listed[:3] == [row.doc_id, row.question, letters[row.gold]]
        assert listed[3] == "".join(letters[model.answers[place].predicted] for model in everybody)
        assert (full["id"], full["context"], full["proof"]) == (row.id, row.context, row.proof)
        for model, answer in zip(task.models, full["answers"], strict=True):
            prompt = answer["prompt"]
            prompt = full["answers"][prompt]["prompt"] if isinstance(prompt, int) else prompt
            assert (answer["text"], prompt) == (model.answers[place].text, model.answers[place].prompt)


def test_shows_the_figures_that_were_found(page: str, report: Report) -> None:
    (result,) = report.tasks
    for comparison in result.comparisons:
        assert html.escape(comparison.verdict) in page.replace("<strong>", "").replace("</strong>", "")
    for model in (*result.models, *result.baselines):
        for metric in ("overall", "entailment", "not_entailment", "balanced"):
            estimate = model.metrics.get(metric)
            if estimate is not None and estimate.value is not None:
                assert estimate.low is not None
                assert estimate.high is not None
                assert f'<span class="value">{100 * estimate.value:.1f}</span>' in page
                assert f'<span class="under">{100 * estimate.low:.1f}–{100 * estimate.high:.1f}</span>' in page


def test_text_of_others_is_escaped(report: Report, task: TaskAnswers) -> None:
    evil = "</script><script>alert(1)</script><b>&\ud83d\x00"
    identity = ModelIdentity(evil, None, served=evil, remark=evil, details={evil: evil})
    (result,) = report.tasks
    model = dataclasses.replace(
        result.models[0], name=evil, title=evil, unparsed_examples=(evil,), not_better_than=(evil,), identity=identity
    )
    reported = ({"model": evil, "metrics": {"overall": 0.5}, "source": evil, "remark": evil},)
    result = dataclasses.replace(
        result,
        task=evil,
        title=evil,
        labels=evil,
        models=(model, *result.models[1:]),
        comparisons=(dataclasses.replace(result.comparisons[0], verdict=evil, first=evil),),
        slices=tuple(
            dataclasses.replace(
                one, value=evil + one.value, overall={**one.overall, evil: Estimate(None, undefined=evil)}
            )
            for one in result.slices
        ),
        reported=reported,
    )
    other = dataclasses.replace(report, tasks=(result,), identities={evil: identity}, versions={evil: evil})
    answers = dataclasses.replace(
        task, task=evil, models=(dataclasses.replace(task.models[0], name=evil), *task.models[1:])
    )
    written = render_page(other, [answers])
    written.encode("utf-8")
    assert "<b>" not in written
    assert "<script>alert" not in written
    assert written.count("<script>") == 1


def test_an_undefined_figure_says_why(report: Report, task: TaskAnswers) -> None:
    (result,) = report.tasks
    gone = {**result.models[0].metrics, "balanced": Estimate(None, undefined="no row has this label")}
    model = dataclasses.replace(result.models[0], metrics=gone)
    other = dataclasses.replace(report, tasks=(dataclasses.replace(result, models=(model, *result.models[1:])),))
    written = render_page(other, [task])
    assert '<span class="value">undefined</span> <span class="under why">no row has this label</span>' in written


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_very_small_runs_have_a_page_without_nan(rows: int) -> None:
    small = made_up_run.task(rows, hostile=False)
    small = dataclasses.replace(small, models=small.models[:1], baselines=())
    found = analyse([small], "runs/small", {"base": made_up_run.identities()["base"]}, VERSIONS)
    written = render_page(found, [small])
    without_code = re.sub(r"<script.*?</script>", "", written, flags=re.DOTALL)
    assert not re.search(r"\b(?:nan|NaN|None|inf)\b", without_code)


def test_local_paths_stay_here(report: Report, task: TaskAnswers) -> None:
    identity = ModelIdentity("hf", "sha256:ab", details={"path": "/home/somebody/model"})
    other = dataclasses.replace(report, identities={"base": identity})
    assert "somebody" not in render_page(other, [task])
