"""``entailbench run --dry-run`` and ``--budget``: what a run will cost is told before, and kept to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from api_runs import ApiRuns
from entailbench.cli import cli
from faulty_api import Api, faulty_api

PRICE = {"input": 1.0, "output": 10.0, "source": "the provider's page", "date": "2026-11-27"}
COST = (100 * 1.0 + 3 * 10.0) / 1e6
"""Dollars for an answer of the server, which counts 100 tokens in and 3 out."""


@pytest.fixture
def runs(workspace: Path, home: Path) -> ApiRuns:
    return ApiRuns(workspace, home)


def billed(api: Api, cost: float = COST) -> float:
    """All that the server can have billed: whatever it answered or began to answer."""
    return sum(seen.status == 200 or seen.fault == "silence" for seen in api.seen()) * cost


def test_a_dry_run_sends_nothing_and_says_what_the_run_will_cost(runs: ApiRuns) -> None:
    with faulty_api() as api:
        runs.config(api, price=PRICE)
        told = runs("--limit", "30", "--dry-run", "--budget", "0.5")
        facts = runs("--limit", "30", "--dry-run", "--json")
        assert api.seen() == []
        assert not told.folder.exists()
        done = runs("--limit", "30")
        (asked, *_) = api.seen()
    assert (told.code, facts.code, done.code) == (0, 0, 0)
    assert "api · puzzte_generated: 30 requests with about " in told.out
    assert "$1 in and $10 out for a million tokens, the provider's page, 2026-11-27" in told.out
    assert told.out.endswith("the budget of $0.5000 is enough\n")
    estimate = json.loads(facts.out)
    assert estimate["tasks"][0]["estimate"]["requests"] == len(done.predictions) == 30
    # The server counts its own way; what bounds the cost is that no token is shorter than a byte.
    length = sum(len(question.encode()) for question in done.questions().values())
    assert length <= estimate["tasks"][0]["estimate"]["input_most"] <= length + 30 * 100
    assert estimate["tasks"][0]["estimate"]["output_most"] == 30 * asked.body["max_tokens"]
    spent = json.loads((done.folder / "models/api.json").read_text())["usage"]["dollars"]
    assert spent == pytest.approx(30 * COST)
    assert 0 < estimate["dollars"] < estimate["dollars_most"]
    assert spent <= estimate["dollars_most"]
    # A real run says the same before it sends anything.
    assert told.out.splitlines()[1].strip() in done.err


def test_what_the_cache_has_is_not_paid_for_again(runs: ApiRuns) -> None:
    with faulty_api() as api:
        runs.config(api, price=PRICE)
        assert runs("--limit", "10").code == 0
        told = runs("--limit", "30", "--dry-run")
        facts = [json.loads(runs("--limit", "30", "--dry-run", "--json", *more).out) for more in ((), ("--no-cache",))]
        assert len(api.seen()) == 10
        done = runs("--limit", "30")
        assert len(api.seen()) == 30
    assert told.out.startswith("api · puzzte_generated: 10 answers are there already and are not asked again\n")
    assert "api · puzzte_generated: 20 requests with about " in told.out
    with_cache, without = (fact["tasks"][0] for fact in facts)
    assert (with_cache["known"], with_cache["estimate"]["requests"]) == (10, 20)
    assert (without["known"], without["estimate"]["requests"]) == (0, 30)
    assert with_cache["estimate"]["dollars_most"] < without["estimate"]["dollars_most"]
    assert "10 answers are there already" in done.err
    assert "20 requests with about " in done.err


@pytest.mark.parametrize(
    ("rows", "faults", "concurrency"),
    [
        (200, {"silence": 0.05, "500": 0.05, "cut": 0.05}, 16),
        *(
            pytest.param(rows, {fault: 0.2} if fault else {}, concurrency, marks=pytest.mark.soak)
            for rows, concurrency in ((200, 1), (1000, 128))
            for fault in ("", "silence", "cut", "500", "twice", "wrong-types")
        ),
    ],
)
def test_a_run_stops_before_its_budget_is_exceeded(
    runs: ApiRuns, rows: int, faults: dict[str, float], concurrency: int
) -> None:
    # Answers cost about half of what is put aside for them: requests in flight that nobody counted would be too much.
    cost = (500 * 1.0 + 16 * 10.0) / 1e6
    budget = 0.25 * rows * cost
    with faulty_api(faults=faults, latency=0.02, tokens_in=500, tokens_out=16) as api:
        runs.config(api, price=PRICE, concurrency=concurrency, timeout=0.5)
        done = runs("--limit", str(rows), "--max-errors", str(rows), "--budget", f"{budget:.6f}")
    assert done.code == 4
    assert done.out == ""
    assert "the budget of $" in done.err
    assert "it was not sent" in done.err
    assert 0 < billed(api, cost) <= budget
    # A request is bounded by its bytes, so the last dollars stay; not more of them than one request's bound.
    assert len(done.predictions) > rows / 20
    answered = [row for row in done.predictions if "outcome" not in row]
    told = sum(row["usage"]["dollars"] or 0.0 for row in done.predictions if "usage" in row)
    assert len(answered) * cost <= told + 1e-9 <= budget + 1e-9


def test_all_models_of_a_run_pay_from_one_purse(runs: ApiRuns) -> None:
    budget = 60 * COST
    with faulty_api() as api:
        runs.config(api, ("api", "other"), price=PRICE)
        # They are one model of one server: what the first one is told would answer for the other.
        done = runs("--models", "api,other", "--limit", "40", "--budget", f"{budget:.6f}", "--no-cache")
    assert done.code == 4
    # They are asked at the same time. Alone, each would have been through for two thirds of the budget.
    assert 40 <= len(done.predictions) + len(done.lines("predictions/other.jsonl")) < 80
    assert 40 * COST < billed(api) <= budget
    assert "next request of " in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "model 'api': --budget cannot bound what it costs: no price is known for 'm' at http://127.0.0.1:"),
        (
            {"price": PRICE, "omit": ("max_tokens",)},
            'omit = ["max_tokens"] leaves no bound on what an answer may cost',
        ),
        ({"price": {**PRICE, "longest_prompt": 50}}, "the price of 'm' holds for prompts of up to 50 tokens"),
    ],
)
def test_a_budget_that_nobody_could_keep_is_refused(runs: ApiRuns, options: dict[str, Any], words: str) -> None:
    with faulty_api() as api:
        runs.config(api, **options)
        done = runs("--limit", "10", "--budget", "5")
        assert api.seen() == []
    assert done.code == 2
    assert words in done.err
    assert not done.folder.exists()


def test_the_configuration_can_set_the_budget(runs: ApiRuns) -> None:
    with faulty_api() as api:
        runs.config(api, price=PRICE)
        with (runs.workspace / "entailbench.toml").open("a") as file:
            file.write(f"[run]\nbudget = {30 * COST:.6f}\nmax_errors = 0\n")
        stopped = runs("--limit", "60")
        enough = runs("--limit", "60", "--budget", "1")
    assert (stopped.code, enough.code) == (4, 0)
    assert json.loads((enough.folder / "config.json").read_text())["max_errors"] == 0


@pytest.mark.parametrize("budget", ["nan", "inf", "0", "-1", "much"])
def test_a_budget_that_is_no_amount(budget: str) -> None:
    done = CliRunner().invoke(cli, ["run", "--models", "base", "--budget", budget])
    assert done.exit_code == 2
    assert "Invalid value for '--budget'" in done.output
