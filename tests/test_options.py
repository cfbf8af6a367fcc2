"""Options are checked against the dataclass that declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from entailbench.options import parse_options


@dataclass(frozen=True)
class Declared:
    path: str
    size: int = 3
    ratio: float = 0.5
    kind: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    maybe: int | str | None = None


def where(key: str | None) -> str:
    return f"file:{key}"


def parse(**given: object) -> tuple[Declared | None, list[str]]:
    return parse_options(Declared, given, where)


def test_defaults_and_lists() -> None:
    assert parse(path="x", names=["a", "b"]) == (Declared("x", names=("a", "b")), [])


def test_a_whole_number_passes_for_a_ratio() -> None:
    assert parse(path="x", ratio=1)[0] == Declared("x", ratio=1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "file:None: the key 'path' is missing"),
        ({"path": "x", "siez": 1}, "file:siez: unknown key 'siez', did you mean 'size'?"),
        ({"path": "x", "size": "5"}, "file:size: key 'size': input should be a valid integer, got '5'"),
        ({"path": "x", "size": True}, "got True"),
        ({"path": "x", "size": 1.5}, "got 1.5"),
        ({"path": "x", "kind": "c"}, "input should be 'a' or 'b', got 'c'"),
    ],
)
def test_mistakes(given: dict[str, object], message: str) -> None:
    options, problems = parse(**given)
    assert options is None
    assert any(message in problem for problem in problems), problems


def test_all_mistakes_at_once() -> None:
    assert len(parse(siez=1, size="x", ratio="y")[1]) == 4


def test_a_union_is_reported_once() -> None:
    assert len(parse(path="x", maybe=[1])[1]) == 1


@pytest.mark.parametrize("secret", ["http://me:pass@host/v1", {"api_key": "pass"}, ["pass"]])
def test_what_may_hold_a_secret_is_not_repeated(secret: object) -> None:
    assert "pass" not in str(parse(path="x", size=secret)[1])
