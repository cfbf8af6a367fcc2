"""The ``openai`` backend against a server process that goes wrong in every way that it knows (``faulty_api``).

Each test has a short form; the whole matrices are marked ``soak``.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest

from entailbench import Answer, Limits, ModelError, RowErrorsError
from faulty_api import FAULTS, faulty_api, label_of
from faulty_rows import ASKED_AGAIN, GREEDY, KEY, OUTCOMES, Open, ask, check_rows, prompts


def test_every_fault_is_expected_to_come_to_something() -> None:
    assert set(OUTCOMES) - {""} == set(FAULTS)


# Each fault by itself


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays(opened: Open, fault: str) -> None:
    with faulty_api(faults={fault: 0.3}, key=KEY) as api:
        answers = ask(opened(api, timeout=0.5 if fault in ("silence", "trickle") else 5.0), 24)
    assert len(answers) == 24
    check_rows(api, answers)
    struck = [question for question in answers if api.fault_of(question)]
    assert 2 < len(struck) < 16
    times = Counter(seen.question for seen in api.seen())
    for question in answers:
        again = fault in ASKED_AGAIN and question in struck
        assert times[question] == (3 if again else 1), (question, times[question])
        usage = answers[question].usage
        assert usage is not None
        assert usage.requests == times[question]


@pytest.mark.parametrize("fault", ASKED_AGAIN)
def test_a_fault_that_passes(opened: Open, fault: str) -> None:
    with faulty_api(faults={fault: 0.3}, fails=2) as api:
        answers = ask(opened(api, timeout=0.5 if fault in ("silence", "trickle") else 5.0), 24)
    check_rows(api, answers)
    assert len(answers) == 24
    assert all(answer.outcome == "answered" for answer in answers.values())


@pytest.mark.parametrize(
    ("rows", "storms", "options"),
    [
        (100, ((0.2, 1.0),), {"max_retries": 4, "backoff": 0.12}),  # waits for 0.9 s or longer
        # The defaults outlive 15 s of it. A second one in the next half minute could find a row at its last attempt.
        pytest.param(2000, ((2.0, 17.0),), {"max_retries": 6, "backoff": 0.5}, marks=pytest.mark.soak),
    ],
)
def test_a_storm_costs_no_row(
    opened: Open, rows: int, storms: tuple[tuple[float, float], ...], options: dict[str, float]
) -> None:
    with faulty_api(storms=storms, latency=0.05, rate=rows, burst=10) as api:
        answers = ask(opened(api, **options), rows)
    check_rows(api, answers)
    assert all(answer.outcome == "answered" for answer in answers.values())
    assert sum(seen.fault == "storm" for seen in api.seen()) > 10


def test_an_answer_that_comes_twice_is_not_the_next_ones(opened: Open) -> None:
    """It would be on a connection that is used again: half of these answers would be wrong, and none an error."""
    with faulty_api(faults={"twice": 0.3}, latency=0.01) as api:
        answers = ask(opened(api, concurrency=4), 100)
        assert len(api.seen()) == 100
    check_rows(api, answers)


def test_a_slow_trickle_is_bounded_as_a_whole(opened: Open) -> None:
    """Each of its bytes comes in time; the answer would be whole in two minutes."""
    with faulty_api(faults={"trickle": 1.0}, trickle=0.2) as api:
        began = time.monotonic()
        answers = ask(opened(api, timeout=0.6, max_retries=0), 3)
    assert time.monotonic() - began < 5
    assert [answer.outcome for answer in answers.values()] == ["error"] * 3


MIX = {fault: 0.6 / len(FAULTS) for fault in FAULTS}


@pytest.mark.parametrize(
    ("rows", "seed"), [(120, 1), *(pytest.param(1000, seed, marks=pytest.mark.soak) for seed in range(2, 7))]
)
def test_all_faults_together(opened: Open, rows: int, seed: int) -> None:
    with faulty_api(seed=seed, faults=MIX, key=KEY, rate=400, burst=50, latency=0.02) as api:
        answers = ask(opened(api, timeout=2.0), rows)
    check_rows(api, answers)
    assert len(answers) == rows
    assert len({api.fault_of(question) for question in answers}) == len(FAULTS) + 1 or rows < 1000


@pytest.mark.parametrize(
    ("rows", "seed"), [(80, 1), *(pytest.param(1000, seed, marks=pytest.mark.soak) for seed in range(2, 5))]
)
def test_all_faults_that_pass_leave_no_trace(opened: Open, rows: int, seed: int) -> None:
    faults = {fault: 0.6 / len(ASKED_AGAIN) for fault in ASKED_AGAIN}
    with faulty_api(seed=seed, faults=faults, fails=1, rate=400, burst=50, latency=0.02) as api:
        answers = ask(opened(api, timeout=0.6, max_retries=3), rows)
    assert {question: answer.text for question, answer in answers.items()} == {
        f"question {i}": label_of(f"question {i}") for i in range(rows)
    }


# A key that is taken away


@pytest.mark.parametrize("rows", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_key_error_half_way_ends_the_run_and_keeps_the_answers(opened: Open, rows: int) -> None:
    got: list[Answer] = []
    with faulty_api(key=KEY, key_until=rows // 2, latency=0.01) as api:
        with pytest.raises(ModelError, match=r"refused the key in OPENAI_API_KEY \(401\): Incorrect API key") as caught:
            got.extend(opened(api, concurrency=16).generate(prompts(rows), GREEDY))
        assert KEY not in str(caught.value)
        assert not isinstance(caught.value, RowErrorsError)
    served = {seen.question for seen in api.seen() if seen.status == 200}
    answered = {f"question {one.prompt_id[2:]}": one for one in got if one.outcome == "answered"}
    assert set(answered) == served
    assert all(one.text == label_of(question) for question, one in answered.items())
    failed = [one for one in got if one.outcome == "error"]
    assert failed
    assert all("(401)" in one.reason and KEY not in one.reason for one in failed)
    # Nobody goes on knocking.
    assert sum(seen.status == 401 for seen in api.seen()) <= 32


# Rows without an answer


def test_rows_without_an_answer_are_bounded(opened: Open) -> None:
    got: list[Answer] = []
    with faulty_api(faults={"400": 0.5}) as api:
        model = opened(api, limits=Limits(max_errors=3), concurrency=4)
        with pytest.raises(RowErrorsError, match=r"4 rows without an answer, and --max-errors allows 3; .*\(400\)"):
            got.extend(model.generate(prompts(200), GREEDY))
    assert 4 <= sum(one.outcome == "error" for one in got) <= 4 + 4
    assert len(got) == len(api.seen()) < 30  # every row that was sent is told of


def test_what_is_no_error_does_not_count_as_one(opened: Open) -> None:
    with faulty_api(faults={"filter": 0.3, "refusal": 0.3}) as api:
        answers = ask(opened(api, limits=Limits(max_errors=0)), 40)
    check_rows(api, answers)
    assert {answer.outcome for answer in answers.values()} == {"answered", "filtered", "refused"}
