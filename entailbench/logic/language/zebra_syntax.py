"""Sentences of grid puzzles: from characters to claims, by the grammar ``zebra.lark``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_rules import meanings

if TYPE_CHECKING:
    from lark import Lark, Token

__all__ = ["Start", "parse"]

Start: TypeAlias = Literal["clue", "query", "question"]

LONGEST = 600
"""A longer sentence (in characters) is not read: no clue is, and the time per sentence stays bounded."""


def parse(text: str, start: Start) -> Any:
    """Read one sentence.

    Args:
        text: the sentence, with or without the sign at its end.
        start: "clue" gives a ``Claim``, "question" a ``Claim``, "query" a tuple of ``Value``.

    Raises:
        NotReadError: the grammar does not cover it; the message says from which word on.
    """
    from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

    if len(text) > LONGEST:
        raise NotReadError(f"it is longer than {LONGEST} characters")
    plain = plainly(text)
    if seldom := _SELDOM.search(plain):
        raise NotReadError(f"{seldom[0]!r} does not say that it never is so")
    try:
        return _parser().parse(plain, start=start)
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            raise NotReadError("its form is not known: it ends too early") from None
        word = plain[error.pos_in_stream or 0 :].split(" ", 1)[0]
        raise NotReadError(f"its form is not known, from {word!r} on") from None


_SELDOM = re.compile(r"\b(?:not|never|\w+n't) (?:always|also|usually|typically|actually|too)\b", re.IGNORECASE)
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": " ", "”": " ", '"': " ", ";": " ", "‐": "-", "‑": "-"})


def plainly(text: str) -> str:
    """One space between words, straight apostrophes, no quotes, no stop at the end."""
    return " ".join(text.translate(_PLAIN).split()).rstrip(" .?!,:")


@cache
def _parser() -> Lark:
    from lark import Lark

    grammar = (Path(__file__).parent / "zebra.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", lexer="basic", start=["clue", "query", "question"], postlex=_Coordinations(),
        transformer=meanings(),
    )  # fmt: skip


class _Coordinations:
    """Tells what "and" and "or" join, by the word that follows, so that one token of lookahead is enough to parse."""

    always_accept = ("AND", "OR", "OTHER")
    verbs = frozenset({"VERB", "_LIVE", "_BE", "_DONT", "_ISNT"})
    locations = frozenset({"_IN", "RELATION", "BETWEEN"})
    relative = frozenset({"_WHO", "_WHERE", "_WHOSE_AGENT", "WHOSE_KIND"})

    def process(self, stream: Iterable[Token]) -> Iterator[Token]:
        """Rename the tokens AND and OR."""
        tokens = list(stream)
        _check_scopes(tokens)
        main = [place for place, _ in self._main_verbs(tokens)]
        for place, token in enumerate(tokens):
            following = tokens[place + 1].type if place + 1 < len(tokens) else ""
            if token.type == "AND":
                token.type = "_AND_V" if following in self.verbs else "_AND"
            elif token.type == "OR":
                if following in self.verbs:
                    token.type = "_OR_V"
                elif following in self.locations:
                    token.type = "_OR_W"
                else:
                    token.type = "_OR_S" if main and main[0] < place < main[-1] else "_OR_N"
        if "_OR_V" in (types := [token.type for token in tokens]) and "_AND_V" in types[types.index("_OR_V") :]:
            raise NotReadError("it is not clear what its 'or' and its 'and' join")
        return iter(tokens)

    def _main_verbs(self, tokens: list[Token]) -> Iterator[tuple[int, Token]]:
        relative = False
        for place, token in enumerate(tokens):
            if token.type in self.relative:
                relative = True
            elif token.type in self.verbs:
                if not relative:
                    yield place, token
                relative = False


def _check_scopes(tokens: list[Token]) -> None:
    """Refuse a "not" that may reach over an "and" or "or" to a verb.

    "Does not drink tea or own a cat" denies both, "does not drink tea and owns a cat" one; "never" may be either.

    Raises:
        NotReadError: it may.
    """
    denied = ""
    for token, after in pairwise(tokens):
        if token.type == "_DONT":
            denied = token.lower()
        elif denied and token.type in ("AND", "OR") and after.type in ("VERB", "_LIVE", "_BE"):
            bare = not after.lower().split()[0].endswith("s")
            if bare or denied == "never" or token.type == "OR":
                raise NotReadError(f"its {denied!r} may reach over its {token.lower()!r}")
