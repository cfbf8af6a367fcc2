"""The grammars, each built once, and what they say about a sentence that they do not cover.

A grammar is LALR(1): reading a sentence takes time proportional to its length. It reads skeletons
(``skeleton.Skeleton.text``): lower-case words with one space between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark, ParseTree, Transformer
    from lark.lexer import TerminalDef

__all__ = ["NotReadError", "Reader"]


_OFTEN = 300
"""Longer skeletons hardly come twice, and their trees are large."""


_DEEPEST = 80
"""Of so many levels may a sentence's tree be; meanings are found by recursion."""


class NotReadError(Exception):
    """A sentence cannot be read; the message is the reason, as half a sentence."""


class Reader:
    """One grammar.

    Args:
        name: the grammar's file is ``{name}.lark`` beside this one.
        starts: its start rules.
        terminals: those that the file leaves open, each with its regular expression.
    """

    def __init__(self, name: str, starts: tuple[str, ...], terminals: Mapping[str, str] = MappingProxyType({})) -> None:
        self._name = name
        self._starts = starts
        self._terminals = dict(terminals)

    @cached_property
    def _parser(self) -> Lark:
        from lark import Lark

        grammar = (Path(__file__).parent / f"{self._name}.lark").read_text(encoding="utf-8")
        grammar += "".join(f"\n{name}: /{pattern}/" for name, pattern in self._terminals.items())
        return Lark(
            grammar, parser="lalr", start=list(self._starts), edit_terminals=_whole_words, maybe_placeholders=True
        )

    def _parse(self, skeleton: str, start: str) -> ParseTree:
        tree = self._parser.parse(skeleton, start=start)
        level: list[Any] = [tree]
        for _ in range(_DEEPEST):
            level = [child for node in level for child in node.children if hasattr(child, "children")]
            if not level:
                return tree
        raise NotReadError("it is nested too deeply")

    @cached_property
    def _parse_often(self) -> Callable[[str, str], ParseTree]:
        # without its names a sentence is one of few: most are parsed once
        return lru_cache(maxsize=4096)(self._parse)

    def read(self, skeleton: str, start: str, meanings: Transformer[Any, Any]) -> Any:
        """What a skeleton means.

        Args:
            skeleton: see ``skeleton.Skeleton.text``.
            start: the rule that it must fit.
            meanings: the rules' meanings; they may raise ``NotReadError``.

        Raises:
            NotReadError: the grammar does not cover the skeleton, or a meaning refused it.
        """
        from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

        try:
            parse = self._parse_often if len(skeleton) <= _OFTEN else self._parse
            return meanings.transform(parse(skeleton, start))
        except VisitError as error:
            if isinstance(error.orig_exc, NotReadError):
                raise error.orig_exc from None
            raise
        except UnexpectedInput as error:
            if isinstance(error, UnexpectedToken) and error.token.type == "$END":
                raise NotReadError("it breaks off") from None
            word = skeleton[error.pos_in_stream or 0 :].split(" ", 1)[0]
            raise NotReadError(f"its form is not known, from {word!r} on") from None


def _whole_words(terminal: TerminalDef) -> None:
    """Keep "is" from matching the beginning of "island"."""
    from lark.lexer import PatternRE

    if not terminal.name.startswith("__IGNORE"):
        terminal.pattern = PatternRE(f"(?:{terminal.pattern.to_regexp()})(?= |$)")
