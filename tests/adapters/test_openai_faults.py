"""The ``openai`` backend against a server process that goes wrong in every way that it knows (``faulty_api``).

Each test has a short form; the whole matrices are marked ``soak``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from entailbench import (
    Answer,
    BudgetError,
    Decoding,
    Limits,
    Message,
    Model,
    ModelError,
    OpenContext,
    Prompt,
    Purse,
    RowErrorsError,
)
from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions
from entailbench_adapters.prices import Price
from faulty_api import FAULTS, Api, faulty_api, label_of

KEY = "sk-test-0123456789abcdef"
GREEDY = Decoding(max_tokens=16)
PRICE = Price(input=1.0, output=10.0, source="a test", date="2026-11-27")
COST = (100 * 1.0 + 3 * 10.0) / 1e6
"""Dollars for an answer of the server, which counts 100 tokens in and 3 out."""

ASKED_AGAIN = ("cut", "reset", "silence", "trickle", "garbage", "half-json", "deep-json", "500", "503")
"""Nobody knows what became of the request, or the server says that it could do better."""
GIVEN_UP = ("wrong-types", "no-choices", "two-choices", "html", "endless", "packed", "400")
"""A reply that arrived whole, and would be the same again."""
OUTCOMES = {
    **dict.fromkeys((*ASKED_AGAIN, *GIVEN_UP), "error"),
    **{"filter": "filtered", "filtered-answer": "filtered", "refusal": "refused"},
    **{"twice": "answered", "key-in-answer": "answered", "": "answered"},
}
WORDS = {
    "cut": "broke before the answer was whole",
    "reset": "broke before the answer was whole",
    "silence": "did not answer within",
    "trickle": "did not answer within",
    "garbage": "cannot be read",
    "half-json": "its JSON is damaged",
    "deep-json": "cannot be read",
    "500": "(500): The server had an error",
    "503": "(503): The server had an error",
    "wrong-types": "a choice that has no text",
    "no-choices": "an empty list of choices",
    "two-choices": "2 choices, and one was asked for",
    "html": "not with a chat completion",
    "endless": "more than 8 MB",
    "packed": "a packed reply ('gzip')",
    "400": "(400): This model's maximum context length is 10 tokens",
    "filter": "a content filter of the server refused the prompt",
    "filtered-answer": "a content filter of the server ended the answer",
    "refusal": "the model declined",
}
"""What the reason must say."""

Open = Callable[..., Model]


def test_every_fault_is_expected_to_come_to_something() -> None:
    assert set(OUTCOMES) - {""} == set(FAULTS)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def opened(context: Callable[..., OpenContext]) -> Iterator[Open]:
    """Opens models, and closes them in the end."""
    models: list[Model] = []

    def make(api: Api, *, limits: Limits | None = None, notify: Any = print, **options: Any) -> Model:
        given = {"model": "m", "base_url": api.url, "timeout": 5.0, "max_retries": 2, "backoff": 0.02, **options}
        around = context(limits=limits or Limits(max_errors=10**6), notify=notify)
        models.append(OpenaiBackend().open(OpenaiOptions(**given), around))
        return models[-1]

    yield make
    for model in models:
        model.close()


def read_label(text: str) -> str:
    first = text.partition("\n")[0]
    return first if first in ("entailment", "not entailment") else "unparsed"


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(f"t/{i}", "t", i, (Message("user", f"question {i}"),), "", read_label=read_label) for i in range(count)
    ]


def ask(model: Model, count: int, decoding: Decoding = GREEDY) -> dict[str, Answer]:
    """By question."""
    answers = list(model.generate(prompts(count), decoding))
    assert len({answer.prompt_id for answer in answers}) == len(answers)
    return {f"question {answer.prompt_id[2:]}": answer for answer in answers}


def check_rows(api: Api, answers: dict[str, Answer]) -> None:
    """Every answered row has its own answer, and every other row says what went wrong with it."""
    for question, answer in answers.items():
        fault = api.fault_of(question) if api.plan.fails is None else ""
        assert answer.outcome == OUTCOMES[fault], (question, fault, answer)
        if answer.outcome == "answered":
            assert answer.text.partition("\n")[0] == label_of(question), question
            assert answer.reason == ""
        else:
            assert WORDS[fault] in answer.reason, answer.reason
            assert "\n" not in answer.reason
            assert answer.outcome == "refused" or answer.text == "" or fault == "filtered-answer"
        assert KEY not in f"{answer}"


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
        answers = ask(opened(api, timeout=0.6), rows)
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


# Throttling


def ideal(rows: int, rate: float, burst: int, closed: tuple[tuple[float, float], ...], latency: float) -> float:
    """Seconds that nobody can undercut: a client that knows the limit and the bursts of 429 beforehand."""
    now, level = 0.0, float(burst)
    for _ in range(rows):
        while True:
            shut = next((end for begin, end in closed if begin <= now < end), None)
            if shut is not None:
                now, level = shut, min(burst, level + (shut - now) * rate)
            elif level >= 1 - 1e-9:
                level -= 1
                break
            else:
                wait = (1 - level) / rate
                now, level = now + wait, level + wait * rate
    return now + latency


BURSTS = ((4.0, 5.0), (9.0, 10.0), (13.0, 13.5))


@pytest.mark.parametrize(
    ("rows", "rate", "burst", "closed", "latency", "counts", "most_times"),
    [
        # The start and the end weigh more in a short run, and so does a busy machine: the bound is looser.
        (240, 120, 60, ((1.0, 1.3),), 0.3, False, 1.8),
        pytest.param(1000, 60, 60, BURSTS, 1.0, False, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 60, BURSTS, 1.0, True, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 10, BURSTS, 1.0, False, 1.2, marks=pytest.mark.soak),
        pytest.param(1000, 60, 60, (), 1.0, False, 1.2, marks=pytest.mark.soak),
    ],
)
def test_a_throttled_run_takes_little_longer_than_the_ideal(
    opened: Open,
    rows: int,
    rate: float,
    burst: int,
    closed: tuple[tuple[float, float], ...],
    latency: float,
    counts: bool,
    most_times: float,
) -> None:
    best = ideal(rows, rate, burst, closed, latency)
    with faulty_api(latency=latency, rate=rate, burst=burst, closed=closed, counts=counts) as api:
        model = opened(api)
        began = time.monotonic()
        answers = ask(model, rows)
        taken = time.monotonic() - began
    print(f"{taken:.2f} s, ideal {best:.2f} s, {taken / best:.3f} times")
    check_rows(api, answers)
    assert all(answer.outcome == "answered" for answer in answers.values())
    refused = sum(seen.status == 429 for seen in api.seen())
    assert bool(closed) <= bool(refused)
    assert refused < rows / 10
    assert taken <= most_times * best, f"{taken:.2f} s, ideal {best:.2f} s"


def test_nothing_is_sent_while_the_server_wants_to_be_left_alone(opened: Open) -> None:
    told: list[str] = []
    with faulty_api(closed=((0.0, 6.0),)) as api:
        answers = ask(opened(api, notify=told.append), 30)
    assert all(answer.outcome == "answered" for answer in answers.values())
    late = [seen.at for seen in api.seen() if seen.status == 429 and seen.at > 1.0]
    assert late == []
    assert sum("(429): Rate limit reached; going on in 6 s" in message for message in told) == 1


def test_a_refused_row_is_not_given_up_early(opened: Open) -> None:
    """Many more refusals than attempts: they do not count."""
    with faulty_api(rate=40, burst=1, says_when=False) as api:
        answers = ask(opened(api, max_retries=1), 60)
    assert all(answer.outcome == "answered" for answer in answers.values())
    times = Counter(seen.question for seen in api.seen())
    assert max(times.values()) >= 2


def test_a_wait_without_end_ends_the_run(opened: Open) -> None:
    with (
        faulty_api(closed=((0.0, 3600.0),)) as api,
        pytest.raises(ModelError, match=r"it asks to wait 3,6\d\d s, and max_wait is 600 s") as caught,
    ):
        ask(opened(api), 30)
    assert "(429)" in str(caught.value)
    assert len(api.seen()) <= 16


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


# Parameters that a model refuses


def test_a_refused_parameter_ends_the_run_and_says_what_to_do(opened: Open) -> None:
    got: list[Answer] = []
    with (
        faulty_api(refuses=("temperature",), latency=0.05) as api,
        pytest.raises(ModelError, match=r'does not take `temperature` .* omit = \["temperature"\] leaves it out'),
    ):
        got.extend(opened(api).generate(prompts(200), GREEDY))
    assert all("temperature" in seen.body for seen in api.seen())
    assert len(api.seen()) <= 32
    assert {one.outcome for one in got} == {"error"}


def test_what_the_user_leaves_out_is_not_sent_and_said_beside_the_name(opened: Open) -> None:
    with faulty_api(refuses=("temperature", "seed")) as api:
        model = opened(api, omit=("temperature", "seed"))
        answers = ask(model, 5)
    assert len(answers) == 5
    assert model.identity.remark == "temperature and seed not sent"
    assert all(not {"temperature", "seed"} & set(seen.body) for seen in api.seen())
    assert api.seen()[0].body["max_tokens"] == 16


def test_the_other_name_of_the_token_limit_is_told(opened: Open) -> None:
    with (
        faulty_api(refuses=("max_tokens",)) as api,
        pytest.raises(ModelError, match=r'set max_tokens_field = "max_completion_tokens"'),
    ):
        ask(opened(api), 3)
    with faulty_api(refuses=("max_tokens",)) as api:
        assert len(ask(opened(api, max_tokens_field="max_completion_tokens"), 3)) == 3


# Log-probabilities


def test_log_probabilities_become_probabilities(opened: Open) -> None:
    with faulty_api(logprobs=True) as api:
        answers = ask(opened(api), 10)
    for question, answer in answers.items():
        said = 0.8 / 0.95
        assert answer.probability == pytest.approx(said if label_of(question) == "entailment" else 1 - said)


def test_a_server_without_them_is_asked_without(opened: Open) -> None:
    told: list[str] = []
    with faulty_api(refuses=("logprobs",), latency=0.02) as api:
        model = opened(api, notify=told.append)
        answers = ask(model, 60)
    check_rows(api, answers)
    assert all(answer.probability is None for answer in answers.values())
    assert sum("gives no log-probabilities" in message for message in told) == 1
    assert model.identity.details["logprobs"] == "the server does not give them"
    # Those that were in flight when it was found out; no row pays for it with an attempt.
    assert sum(seen.status == 400 for seen in api.seen()) <= 16
    assert "logprobs" not in api.seen()[-1].body


def test_they_can_be_insisted_on_or_not_asked_for(opened: Open) -> None:
    with (
        faulty_api(refuses=("logprobs",)) as api,
        pytest.raises(ModelError, match=r"does not take `logprobs` .*; set logprobs = false"),
    ):
        ask(opened(api, logprobs=True), 3)
    with faulty_api(logprobs=True) as api:
        answers = ask(opened(api, logprobs=False), 3)
    assert all("logprobs" not in seen.body for seen in api.seen())
    assert all(answer.probability is None for answer in answers.values())


# Money


@pytest.mark.parametrize("fault", ["", "500", "cut", "silence"])
def test_a_budget_is_never_exceeded(opened: Open, fault: str) -> None:
    budget = 40.5 * COST
    purse = Purse(budget)
    got: list[Answer] = []
    with faulty_api(faults={fault: 0.1} if fault else {}, latency=0.01) as api:
        model = opened(api, limits=Limits(10**6, purse), price=PRICE, timeout=0.5, concurrency=16)
        with pytest.raises(BudgetError, match=r"the budget of \$0.005265 has .* left, .* it was not sent"):
            got.extend(model.generate(prompts(400), GREEDY))
    usage = model.usage
    assert usage is not None
    # All that the server may have billed: whatever it answered or began to answer.
    billed = sum(seen.fault in ("", "cut", "silence") for seen in api.seen()) * COST
    assert billed <= purse.spent + 1e-12 <= budget + 1e-12
    assert usage.dollars == pytest.approx(purse.spent)
    assert (usage.uncertain or 0) == pytest.approx(purse.uncertain)
    assert bool(purse.uncertain) == (fault in ("cut", "silence"))
    answered = [one for one in got if one.outcome == "answered"]
    assert len(answered) == sum(seen.status == 200 and not seen.fault for seen in api.seen())  # all are kept
    if not fault:
        # What was put aside for answers that cost less is used, too: nothing stops early.
        assert len(answered) >= 25
        most = PRICE.most(16 + 16 + 11, 16)
        assert most is not None
        assert budget - purse.spent < most


def test_a_budget_that_is_enough_changes_nothing(opened: Open) -> None:
    purse = Purse(1.0)
    with faulty_api() as api:
        model = opened(api, limits=Limits(0, purse), price=PRICE)
        answers = ask(model, 50)
    check_rows(api, answers)
    assert purse.spent == pytest.approx(50 * COST)
    assert sum(one.usage.dollars or 0 for one in answers.values() if one.usage) == pytest.approx(50 * COST)


def test_a_server_that_does_not_count_is_taken_at_the_most(opened: Open) -> None:
    purse = Purse(1.0)
    with faulty_api(usage=False) as api:
        ask(opened(api, limits=Limits(0, purse), price=PRICE), 5)
    most = PRICE.most(16 + 16 + 10, 16)
    assert most is not None
    assert purse.spent == pytest.approx(5 * most)
    assert purse.uncertain == pytest.approx(purse.spent)


def test_tokens_are_counted_without_a_price(opened: Open) -> None:
    with faulty_api(faults={"500": 0.2}, fails=1) as api:
        model = opened(api)
        ask(model, 20)
    usage = model.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.dollars) == (2000, 60, None)
    assert usage.requests == len(api.seen()) > 20
