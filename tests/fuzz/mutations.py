"""Text that is almost right: seeds of a corpus with something deleted, repeated, moved, swapped or put in."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
SPECIAL = (
    *("", " ", "\t", "\n", "\r\n", "\r", "\0", "\x1b[2J", "\u2028", "\ufeff", "\u202e", "\ud83d", "é", "ﬁ", "İ", "ß"),
    *('"', "'", "\\", "{", "}", "[", "]", ",", ":", ";", "=", ".", "#", "<", ">", "|", "-", "+", "*", "&", "!", "%"),
    *("null", "true", "NaN", "Infinity", "-Infinity", "1e999", "-0", "0.1", "9" * 20, "9" * 400, "1_0", "0x1f", "1:2"),
    *("not ", "if ", "else ", "all ", "or ", "false", "yes", "no", "entailment", "not entailment", " knight", " 2"),
    *('"""', "'''", "[[", "]]", "a.b.c", "[" * 200, "{" * 200, "(" * 200, '{"a":' * 120, "a." * 150, "!!python/x "),
)
"""What parsers trip over."""
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 1, 2**63, 10**25, 0.5, -0.0, 1e308, "", "\ud83d", [], {}, [[]], {"": ""}]
    ),
    st.text(max_size=20),
    st.floats(),
    st.integers(),
    st.sampled_from(SPECIAL),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=4),
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
).map(copy.deepcopy)
"""Values that JSON can hold where something else is expected."""


def seeds(target: str) -> list[str]:
    """The corpus of a target; a byte that is no UTF-8 stands as half a surrogate pair."""
    found = sorted((CORPUS / target).iterdir())
    return [path.read_bytes().decode("utf-8", "surrogateescape") for path in found]


@st.composite
def mutated(draw: st.DrawFn, texts: Sequence[str], most: int = 6) -> str:
    """One of ``texts`` with up to ``most`` changes."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        match draw(st.integers(0, 6)):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + draw(st.sampled_from(SPECIAL)) + text[start:]
            case 2:
                text = text[:start] + draw(st.sampled_from(SPECIAL)) + text[end:]
            case 3:
                text = text[:start] + text[start:end] * draw(st.integers(2, 60)) + text[end:]
            case 4:
                other = draw(st.sampled_from(texts))
                at = draw(st.integers(0, len(other)))
                text = text[:start] + other[at : at + draw(st.integers(0, 200))] + text[end:]
            case 5:
                text = text[:start] + draw(st.text(max_size=10)) + text[end:]
            case _:
                text = text[start:] + text[:start]
    return text


@st.composite
def altered(draw: st.DrawFn, value: Any, most: int = 3) -> Any:
    """A JSON value in which up to ``most`` places hold something odd, or are gone."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(0, most))):
        place: Any = value
        while True:
            keys = (
                list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
            )
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
                place = place[key]
                continue
            match draw(st.integers(0, 3)):
                case 0:
                    del place[key]
                case 1 if isinstance(place, dict):
                    place[draw(st.sampled_from(["x", "..", "a/b", *map(str, SPECIAL[:12])]))] = draw(ODD)
                case _:
                    place[key] = draw(ODD)
            break
    return draw(ODD) if draw(st.integers(0, 30)) == 0 else value


def as_json(value: Any) -> str:
    """JSON as Python writes it, NaN and all."""
    return json.dumps(value)
