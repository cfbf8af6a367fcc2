"""A budget is kept, whatever goes wrong and however many requests are in flight."""

from __future__ import annotations

import threading

import pytest

from entailbench import Answer, BudgetError, Limits, Purse
from entailbench_adapters.prices import Price
from faulty_api import faulty_api
from faulty_rows import GREEDY, Open, ask, check_rows, prompts

PRICE = Price(input=1.0, output=10.0, source="a test", date="2026-11-27")
COST = (100 * 1.0 + 3 * 10.0) / 1e6
"""Dollars for an answer of the server, which counts 100 tokens in and 3 out."""


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


def test_what_another_model_has_put_aside_is_waited_for(opened: Open) -> None:
    """It may cost less than the most that it can; and where it does not, this one stops."""
    with faulty_api() as api:
        for spent, answered in ((0.0, True), (1.0, False)):
            purse = Purse(1.0)
            assert purse.put_aside(0.9999)
            model = opened(api, limits=Limits(0, purse), price=PRICE)
            settled = threading.Timer(0.5, purse.settle, (0.9999, 0.9999 * spent))
            settled.start()
            if answered:
                check_rows(api, ask(model, 5))
            else:
                with pytest.raises(BudgetError, match="it was not sent"):
                    ask(model, 5)
            assert not settled.is_alive()
            assert not purse.pending


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
