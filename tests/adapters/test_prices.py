"""What tokens cost, and a purse that is never overdrawn."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import Decoding, Message, OpenContext, Purse, Usage
from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions
from entailbench_adapters.prices import OPENAI_URL, Price, price_problems, table_price

MakeContext = Callable[..., OpenContext]
DECODING = Decoding(max_tokens=16)
PROMPTS = [(Message("user", "x" * 400),)] * 10


def test_every_price_has_a_source_and_a_date() -> None:
    text = files("entailbench_adapters").joinpath("prices.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["price"]
    names = [name for entry in entries for name in entry["models"]]
    assert len(names) == len(set(names))
    for entry in entries:
        assert entry["source"].startswith("https://")
        assert datetime.date.fromisoformat(entry["date"]) <= datetime.date.today()
    for name in names:
        price = table_price(name, OPENAI_URL)
        assert price is not None
        assert list(price_problems(price)) == []
        assert price.source in str(price)
        assert price.date in str(price)


def test_a_name_at_another_endpoint_has_no_price() -> None:
    assert table_price("gpt-4o-mini", f"{OPENAI_URL}/") is not None
    assert table_price("gpt-4o-mini", "http://127.0.0.1:8000/v1") is None
    assert table_price("gpt-4o-mini-of-mine", OPENAI_URL) is None


def test_cost() -> None:
    price = Price(input=2.0, output=10.0, cached_input=0.5)
    usage = Usage(input_tokens=1000, cached_tokens=400, output_tokens=100, reasoning_tokens=90)
    assert price.cost(usage) == pytest.approx((600 * 2 + 400 * 0.5 + 100 * 10) / 1e6)
    assert Price(2.0, 10.0).cost(usage) == pytest.approx((1000 * 2 + 100 * 10) / 1e6)
    assert Price(2.0, 10.0, cache_write=2.5).cost(usage) == pytest.approx((600 * 2.5 + 400 * 2 + 1000) / 1e6)


@given(
    st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**5), st.floats(0, 100), st.floats(0, 100), st.booleans()
)
def test_no_usage_costs_more_than_the_most(
    tokens: int, cached: float, answer: int, dearer: float, cheaper: float, writes: bool
) -> None:
    price = Price(dearer, cheaper, cached_input=dearer / 2, cache_write=dearer * 1.25 if writes else None)
    most = price.most(tokens, answer)
    assert most is not None
    assert price.cost(Usage(1, tokens, int(cached * tokens), answer)) <= most * (1 + 1e-12)


def test_a_price_may_hold_only_for_short_prompts() -> None:
    price = Price(2.0, 10.0, longest_prompt=1000)
    assert price.most(1000, 10) is not None
    assert price.most(1001, 10) is None


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Price(-1, 1), "`price.input` must be dollars"),
        (Price(1, float("nan")), "`price.output` must be dollars"),
        (Price(1, 1, date="yesterday"), "`price.date` must be a date"),
        (Price(1, 1, longest_prompt=0), "`price.longest_prompt` must be"),
    ],
)
def test_a_wrong_price_is_a_problem(context: MakeContext, price: Price, words: str) -> None:
    (problem,) = OpenaiBackend().check(OpenaiOptions("m", api_key_env="", price=price), context())
    assert problem.startswith(words)


@given(
    st.floats(0.01, 10),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_a_purse_is_never_overdrawn(budget: float, requests: list[tuple[float, float, bool]]) -> None:
    purse = Purse(budget)
    in_flight: list[tuple[float, float]] = []
    for most, share, settles in requests:
        if purse.put_aside(most):
            in_flight.append((most, share * most))
        if settles and in_flight:
            aside, spent = in_flight.pop(0)
            purse.settle(aside, spent, uncertain=share > 0.5)
        still = sum(aside for aside, _ in in_flight)
        assert purse.spent + still <= budget + 1e-9
        assert 0 <= purse.uncertain <= purse.spent + 1e-9
    # What is given back can be put aside again.
    for aside, _ in in_flight:
        purse.settle(aside, 0.0)
    assert purse.put_aside(max(0.0, budget - purse.spent - 1e-9))


def test_a_purse_without_a_budget_counts() -> None:
    purse = Purse()
    assert purse.put_aside(1e9)
    purse.settle(1e9, 5.0)
    assert purse.spent == 5.0


# What a run would cost


def estimate(context: MakeContext, **options: Any) -> Any:
    return OpenaiBackend().estimate(OpenaiOptions(**{"model": "m", **options}), context(), PROMPTS, DECODING)


def test_an_estimate(context: MakeContext) -> None:
    found = estimate(context, price=Price(1.0, 10.0, source="mine", date="2026-11-27"))
    assert (found.requests, found.output_most) == (10, 160)
    # 400 bytes are about 100 tokens and never more than 400, and a little around them.
    assert 1000 <= found.input_tokens <= 1100
    assert 4000 <= found.input_most <= 4500
    assert found.dollars == pytest.approx((found.input_tokens + 160 * 10) / 1e6)
    assert found.dollars_most == pytest.approx((found.input_most + 160 * 10) / 1e6)
    assert "mine, 2026-11-27" in found.price


def test_an_estimate_knows_system_message_and_room_for_answers(context: MakeContext) -> None:
    plain = estimate(context, price=Price(1.0, 10.0))
    longer = estimate(context, price=Price(1.0, 10.0), system="y" * 400, answer_tokens=4096)
    assert longer.input_most > 1.9 * plain.input_most
    assert longer.output_most == 40960


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no price is known for 'm' at https://api.openai.com/v1: set price"),
        ({"model": "gpt-4o-mini", "base_url": "http://127.0.0.1:8000/v1"}, "no price is known for 'gpt-4o-mini'"),
        ({"price": Price(1, 1), "omit": ("max_tokens",)}, "leaves no bound"),
        ({"price": Price(1, 1, longest_prompt=100)}, "holds for prompts of up to 100 tokens"),
    ],
)
def test_an_estimate_without_a_price(context: MakeContext, options: dict[str, Any], words: str) -> None:
    found = estimate(context, **options)
    assert (found.dollars, found.dollars_most) == (None, None)
    assert words in found.price


def test_the_users_price_goes_before_the_table(context: MakeContext) -> None:
    table = estimate(context, model="gpt-4o-mini")
    own = estimate(context, model="gpt-4o-mini", price=Price(0.0, 0.0, source="my contract"))
    assert table.dollars > 0
    assert own.dollars_most == 0
    assert "my contract" in own.price
