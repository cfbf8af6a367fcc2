"""Sentences of grid puzzles: from characters to claims, by the grammar ``zebra.lark``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
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
    try:
        return _parser().parse(plain, start=start)
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            raise NotReadError("its form is not known: it ends too early") from None
        word = plain[error.pos_in_stream or 0 :].split(" ", 1)[0]
        raise NotReadError(f"its form is not known, from {word!r} on") from None


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
