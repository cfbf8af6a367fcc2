"""Sentences and questions that compare two people with one word: what stands where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from entailbench.logic.language.relations import RELATIONS
from entailbench.logic.perturbing.rewrite import any_name

__all__ = ["OPPOSITES", "Pair", "pair_of"]

OPPOSITES = {word: other for r in RELATIONS for word, other in ((r.more, r.less), (r.less, r.more))} | {
    "before": "after",
    "after": "before",
}
"""Of two different people, what one is of the other: "taller" ⇔ "shorter" the other way round."""


@dataclass(frozen=True)
class Pair:
    """ "However , A is a little taller than B ." """

    lead: str
    first: str
    middle: str
    word: str
    than: str
    second: str
    end: str

    def swapped(self) -> str:
        """The same, said of the other: "However , B is a little shorter than A ." """
        return self._with(self.second, OPPOSITES[self.word.lower()], self.first)

    def opposite(self) -> str:
        """The opposite of the same person: "However , A is a little shorter than B ." """
        return self._with(self.first, OPPOSITES[self.word.lower()], self.second)

    def _with(self, first: str, word: str, second: str) -> str:
        return f"{self.lead}{first}{self.middle}{word}{self.than}{second}{self.end}"


def pair_of(sentence: str, names: Sequence[str]) -> Pair | None:
    """A sentence's parts; None for one that compares otherwise: more people, more words, "less tall than"."""
    if len(re.findall(any_name(names), sentence)) != 2:
        return None
    match = _pattern(tuple(names)).fullmatch(sentence)
    return Pair(*match.groups()) if match else None


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    name = any_name(names)
    words = "|".join(OPPOSITES)
    return re.compile(
        rf"(.*?)({name})((?: (?!(?:{words}|less|as|so|neither|nor)\b)[a-z']+){{0,6}}? )({words})( than | )({name})"
        r"(\s*[.?!]?)",
        re.IGNORECASE | re.DOTALL,
    )
