"""What a million tokens cost: the table of OpenAI's prices, or the user's own price."""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from entailbench import Usage

__all__ = ["OPENAI_URL", "Price", "price_problems", "table_price"]

OPENAI_URL = "https://api.openai.com/v1"
"""The endpoint that the table is about. The same model's name at another endpoint says nothing about its price."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens, and who says so."""

    input: float
    output: float
    cached_input: float | None = None
    """Of prompt tokens that the server had in its cache; None where they cost as much as others."""
    cache_write: float | None = None
    """Of prompt tokens that it puts there, where that costs more than plain input."""
    longest_prompt: int | None = None
    """Tokens of a prompt up to which the price holds; None where there is no bound."""
    source: str = "the configuration"
    """Where it was read."""
    date: str = ""
    """When it was read there, ``YYYY-MM-DD``."""
    note: str = ""
    """What else a reader should know."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}
    """A misspelt key in the configuration is an error."""

    def cost(self, usage: Usage) -> float:
        """Dollars; prompt tokens that were not in the cache count as if they were all put there."""
        cached = self.input if self.cached_input is None else self.cached_input
        prompt = (usage.input_tokens - usage.cached_tokens) * self._dearest_input + usage.cached_tokens * cached
        return (prompt + usage.output_tokens * self.output) / MILLION

    def most(self, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars that so many tokens cost at most; None where the price does not hold for such a prompt."""
        if self.longest_prompt is not None and input_tokens > self.longest_prompt:
            return None
        return (input_tokens * self._dearest_input + output_tokens * self.output) / MILLION

    @property
    def _dearest_input(self) -> float:
        return max(self.input, self.cache_write or 0.0)

    def __str__(self) -> str:
        """``"0.5 in and 1.5 out for a million tokens, SOURCE, DATE"``, with the note."""
        told = [f"${self.input:g} in and ${self.output:g} out for a million tokens", self.source, self.date]
        return "; ".join(filter(None, (", ".join(filter(None, told)), self.note)))


def table_price(model: str, url: str) -> Price | None:
    """The price that the table gives for a model of an endpoint; None where it has none."""
    return _table().get(model) if url.rstrip("/") == OPENAI_URL else None


def price_problems(price: Price) -> Iterable[str]:
    """What is wrong with a price, as sentences."""
    for name in ("input", "output", "cached_input", "cache_write"):
        value = getattr(price, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            yield f"`price.{name}` must be dollars for a million tokens, it is {value}"
    if price.longest_prompt is not None and price.longest_prompt < 1:
        yield f"`price.longest_prompt` must be a number of tokens, it is {price.longest_prompt}"
    if price.date:
        try:
            datetime.date.fromisoformat(price.date)
        except ValueError:
            yield f"`price.date` must be a date such as 2026-11-27, it is {price.date!r}"


@cache
def _table() -> dict[str, Price]:
    text = files("entailbench_adapters").joinpath("prices.toml").read_text(encoding="utf-8")
    found: dict[str, Price] = {}
    for entry in tomllib.loads(text)["price"]:
        facts: dict[str, Any] = {key: value for key, value in entry.items() if key != "models"}
        found.update(dict.fromkeys(entry["models"], Price(**facts)))
    return found
