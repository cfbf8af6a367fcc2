"""Parameters that a server does not take for its model, and log-probabilities, which not every server gives."""

from __future__ import annotations

import pytest

from entailbench import Answer, ModelError
from faulty_api import faulty_api, label_of
from faulty_rows import GREEDY, Open, ask, check_rows, prompts

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
