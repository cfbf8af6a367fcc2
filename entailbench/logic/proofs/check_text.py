"""Take a proof text apart: untrusted text to statements, without any thought of whether they are true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from entailbench.logic.proofs.scope import KEYWORDS

__all__ = ["MAX_CHARACTERS", "Malformed", "Statement", "Token", "statements", "tokens"]

MAX_CHARACTERS = 200_000
"""Longer texts are refused unread."""

WORD = re.compile(r'\s*(?:("(?:[^"\\\n]|\\.)*")|([<>=,;:?])|([^\s<>=,;:?"]+))')
END = re.compile(r"\s*\Z")


class Malformed(Exception):
    """The text is not of the form of a proof; the message says where and why."""


@dataclass(frozen=True)
class Token:
    """A name, a number, a word of the proof language, or a sign."""

    kind: Literal["name", "number", "word", "sign"]
    value: str


@dataclass(frozen=True)
class Statement:
    """What stands between two separators."""

    number: int
    """Counted from 1, for messages."""
    tokens: tuple[Token, ...]
    separator: str
    """The sign that ended it: ``","``, ``";"``, ``":"``, or empty at the end of the text."""

    def __str__(self) -> str:
        shown = " ".join(token.value for token in self.tokens[:12])
        return f"statement {self.number}, {shown[:80]!r}"


def tokens(text: str, names: Iterable[str]) -> list[Token]:
    """The text's tokens. A name is taken as far as it goes: where "tea" and "tea cup" are known, the latter.

    Raises:
        Malformed: too long, or something in it is neither a known name nor part of the proof language.
    """
    if len(text) > MAX_CHARACTERS:
        raise Malformed(f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    words = list(_words(text))
    by_words = {tuple(name.split()): name for name in names if name.split()}
    exact = {name: name for name in names}
    longest = max(map(len, by_words), default=0)
    found: list[Token] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word[0] == '"':
            try:
                name = json.loads(word)
            except ValueError:
                raise Malformed(f"{word[:40]} is not a name in quotes") from None
            if name not in exact:
                raise Malformed(f"{word[:40]} is not a name of this puzzle")
            found.append(Token("name", name))
            at += 1
            continue
        for length in range(min(longest, len(words) - at), 0, -1):
            named = by_words.get(tuple(words[at : at + length]))
            if named is not None and not _ambiguous(words[at : at + length]):
                found.append(Token("name", named))
                at += length
                break
        else:
            found.append(_plain(word))
            at += 1
    return found


def statements(found: list[Token]) -> Iterator[Statement]:
    """The tokens, cut at ``,``, ``;`` and ``:``."""
    current: list[Token] = []
    number = 1
    for token in found:
        if token.kind == "sign" and token.value in ",;:":
            yield Statement(number, tuple(current), token.value)
            current, number = [], number + 1
        else:
            current.append(token)
    yield Statement(number, tuple(current), "")


def _words(text: str) -> Iterator[str]:
    at = 0
    while not END.match(text, at):
        match = WORD.match(text, at)
        if match is None:
            raise Malformed(f"a quote at character {text.index(chr(34), at)} is not closed")
        yield match[1] or match[2] or match[3]
        at = match.end()


def _ambiguous(words: list[str]) -> bool:
    # Such names must stand in quotes: "7" could be a place, and a person called "if" would be unreadable.
    return any(word in KEYWORDS or word.removeprefix("-").isdecimal() for word in words)


def _plain(word: str) -> Token:
    if word in ("<", ">", "=", ",", ";", ":", "?"):
        return Token("sign", word)
    if word in KEYWORDS:
        return Token("word", word)
    if word.isascii() and word.removeprefix("-").isdecimal() and len(word) < 10:
        return Token("number", word)
    raise Malformed(f"{word[:40]!r} is neither a name of this puzzle nor a word of the proof language")
