"""``entailbench run`` against an API that goes wrong: the right rows, and an exit code that a script can use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from api_runs import CANARY, ApiRuns, Done
from faulty_api import FAULTS, Api, faulty_api, label_of
from faulty_rows import ASKED_AGAIN, OUTCOMES, WORDS

ROWS = 24


@pytest.fixture
def runs(workspace: Path, home: Path) -> ApiRuns:
    return ApiRuns(workspace, home)


def soak(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.soak)


def check_rows(done: Done, api: Api, rows: int) -> Counter[str]:
    """Every row is there once, with its own answer or with what went wrong with it; how often each came."""
    questions = done.questions()
    judged, predictions = done.judged, {row["doc_id"]: row for row in done.predictions}
    assert [row["doc_id"] for row in judged] == list(range(rows)) == sorted(questions)
    assert len(done.predictions) == len(predictions) == rows
    for row in judged:
        question = questions[row["doc_id"]]
        fault = api.fault_of(question) if api.plan.fails is None else ""
        assert row["outcome"] == OUTCOMES[fault], (fault, row)
        assert predictions[row["doc_id"]].get("outcome", "answered") == OUTCOMES[fault]
        if row["outcome"] == "answered":
            assert row["predicted"] == label_of(question)
            assert row["reason"] == ""
            assert (row["probability"] is not None) == api.plan.logprobs
        else:
            assert row["predicted"] == "unparsed"
            assert WORDS[fault] in row["reason"]
            assert row["probability"] is None
    found = Counter(row["outcome"] for row in judged)
    (result,) = [one for one in done.report["tasks"][0]["models"] if one["name"] == "api"]
    assert (result["errors"], result["refused"], result["filtered"]) == (
        found["error"],
        found["refused"],
        found["filtered"],
    )
    return found


@pytest.mark.parametrize("logprobs", [soak(False), soak(True)], ids=["text", "logprobs"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays(runs: ApiRuns, fault: str, logprobs: bool) -> None:
    with faulty_api(faults={fault: 0.3}, logprobs=logprobs) as api:
        runs.config(api, timeout=0.5 if fault in ("silence", "trickle") else 5.0)
        done = runs("--limit", str(ROWS), "--max-errors", str(ROWS))
    found = check_rows(done, api, ROWS)
    assert found["answered"] < ROWS or OUTCOMES[fault] == "answered"
    assert done.code == (3 if found["error"] else 0)
    times = Counter(seen.question for seen in api.seen())
    for question in done.questions().values():
        again = fault in ASKED_AGAIN and api.fault_of(question) == fault
        assert times[question] == (3 if again else 1)  # and a 400 is never sent again


@pytest.mark.parametrize("logprobs", [True, soak(False)], ids=["logprobs", "text"])
@pytest.mark.parametrize(("rows", "seed"), [(60, 1), soak(1000, 2), soak(1000, 3)])
def test_all_faults_together(runs: ApiRuns, rows: int, seed: int, logprobs: bool) -> None:
    faults = {fault: 0.6 / len(FAULTS) for fault in FAULTS}
    with faulty_api(seed=seed, faults=faults, rate=400, burst=50, latency=0.02, logprobs=logprobs) as api:
        runs.config(api, timeout=1.0)
        done = runs("--limit", str(rows), "--max-errors", str(rows))
    found = check_rows(done, api, rows)
    assert done.code == 3
    assert min(found.values()) >= 1
    assert len(found) == 4
    assert f"{found['error']:,} rows are errors: no answer came, see the report" in done.err
    assert (
        f"{found['error']:,} errors, {found['refused']:,} refused and {found['filtered']:,} content filter" in done.err
    )
    assert "have no answer that counts" in done.out


@pytest.mark.parametrize("logprobs", [soak(True), False], ids=["logprobs", "text"])
@pytest.mark.parametrize(("rows", "seed"), [(40, 1), soak(1000, 2), soak(1000, 3)])
def test_faults_that_pass_leave_no_trace(runs: ApiRuns, rows: int, seed: int, logprobs: bool) -> None:
    faults = {fault: 0.6 / len(ASKED_AGAIN) for fault in ASKED_AGAIN}
    plan: dict[str, Any] = {"rate": 400, "burst": 50, "logprobs": logprobs, "seed": seed}
    with faulty_api(faults=faults, fails=1, storms=((0.3, 0.6),), **plan) as api:
        runs.config(api, timeout=1.0, max_retries=6, backoff=0.05)
        done = runs("--limit", str(rows))
    with faulty_api(**plan) as undisturbed:
        runs.config(undisturbed)
        smooth = runs("--limit", str(rows))
    assert (done.code, smooth.code) == (0, 0)
    assert check_rows(done, api, rows) == {"answered": rows}
    assert done.judged == smooth.judged
    assert sum(seen.status == 200 and not seen.fault for seen in api.seen()) == rows
    assert any(seen.fault == "storm" for seen in api.seen())
    assert not any(seen.fault for seen in undisturbed.seen())


@pytest.mark.parametrize(("rows", "logprobs"), [(60, False), soak(1000, True), soak(1000, False)])
def test_a_key_error_half_way(runs: ApiRuns, rows: int, logprobs: bool) -> None:
    with faulty_api(key=CANARY, key_until=rows // 2, latency=0.02, logprobs=logprobs) as api:
        runs.config(api)
        done = runs("--limit", str(rows), "--max-errors", "0")
    assert done.code == 1
    assert done.out == ""
    assert "refused the key in OPENAI_API_KEY (401): Incorrect API key provided: [redacted]" in done.err
    assert "Traceback" not in done.err
    served = {seen.question for seen in api.seen() if seen.status == 200}
    questions = done.questions()
    kept = {questions[row["doc_id"]]: row["text"] for row in done.predictions if "outcome" not in row}
    assert kept == {question: label_of(question) for question in served}
    assert rows // 2 <= len(kept) < rows  # those in flight when the key was taken away were answered still
    assert not (done.folder / "report.md").exists()
    assert f"run directory: {done.folder}" in done.err


@pytest.mark.parametrize(
    ("fault", "allowed", "words"),
    [
        ("400", 0, "(400): This model's maximum context length is 10 tokens; you sent [redacted] as your key"),
        ("500", 3, "4 rows without an answer, and --max-errors allows 3"),
        soak("silence", 3, "4 rows without an answer, and --max-errors allows 3"),
        soak("no-choices", 3, "4 rows without an answer, and --max-errors allows 3"),
    ],
)
def test_errors_are_bounded(runs: ApiRuns, fault: str, allowed: int, words: str) -> None:
    with faulty_api(faults={fault: 0.5}) as api:
        runs.config(api, concurrency=4, timeout=0.5, max_retries=1)
        done = runs("--limit", "200", "--max-errors", str(allowed))
    assert done.code == 5
    assert done.out == ""
    assert words in done.err
    assert "--max-errors" in done.err
    failed = [row for row in done.predictions if row.get("outcome") == "error"]
    assert allowed < len(failed) <= allowed + 4
    assert len(api.seen()) < 60


def test_a_server_that_is_gone(runs: ApiRuns) -> None:
    with faulty_api() as api:
        runs.config(api, max_retries=1)
    done = runs("--limit", "40")
    assert done.code == 5
    assert "cannot reach http://127.0.0.1:" in done.err
    assert "is the server running, and base_url right?" in done.err


def test_refusals_and_content_filters_are_no_errors(runs: ApiRuns) -> None:
    with faulty_api(faults={"refusal": 0.2, "filter": 0.2, "filtered-answer": 0.1}) as api:
        runs.config(api)
        done = runs("--limit", "40", "--max-errors", "0")
    found = check_rows(done, api, 40)
    assert done.code == 0
    assert set(found) == {"answered", "refused", "filtered"}
    assert (
        f"api: {40 - found['answered']} rows have no answer that counts and are among the unparsed: "
        f"{found['refused']} refused and {found['filtered']} content filter." in done.out
    )


def test_a_refused_parameter_is_reported_and_left_out_only_when_told(runs: ApiRuns) -> None:
    with faulty_api(refuses=("temperature", "max_tokens"), latency=0.05) as api:
        runs.config(api)
        first = runs("--limit", "40")
        assert all("temperature" in seen.body and "max_tokens" in seen.body for seen in api.seen())
        runs.config(api, omit=("temperature",), max_tokens_field="max_completion_tokens")
        second = runs("--limit", "10")
    assert first.code == 1
    assert "does not take `temperature` for 'm' (400): Unsupported parameter" in first.err
    assert 'omit = ["temperature"] leaves it out, and the tables then say so' in first.err
    assert second.code == 0, second.err
    assert "api (m-faulty at " in second.out
    assert "; temperature not sent)" in second.out


def test_candidates_cannot_be_scored_through_the_api(runs: ApiRuns) -> None:
    """A chat API gives no log-probability of a text that it did not write: refused, and nothing is sent."""
    with faulty_api(logprobs=True) as api:
        runs.config(api)
        done = runs("--tasks", "puzzte_generated_mc", "--limit", "10")
    assert done.code == 2
    assert "puzzte_generated_mc" in done.err
    assert not done.folder.exists()
    assert api.seen() == []
