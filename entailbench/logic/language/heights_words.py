"""The words of comparisons, beside those that stand in ``heights.lark``."""

from __future__ import annotations

from collections.abc import Iterable

from entailbench.logic.language.english import NUMBERS, ORDINALS, vocabulary
from entailbench.logic.language.relations import RELATIONS

__all__ = ["ACTS", "ADJECTIVES", "COMPARATIVES", "GROUPS", "SEXES", "SUPERLATIVES", "terminals"]

COMPARATIVES = {word: (r.name, sign) for r in RELATIONS for word, sign in ((r.more, 1), (r.less, -1))}
"""The relation, and 1 where more of it is nearer to place 1."""
SUPERLATIVES = {word: (r.name, sign) for r in RELATIONS for word, sign in ((r.most, 1), (r.least, -1))}
"""The relation, and the place."""
ADJECTIVES = {
    "tall": ("height", 1), "short": ("height", -1), "old": ("age", 1), "young": ("age", -1), "heavy": ("weight", 1),
    "light": ("weight", -1), "fast": ("speed", 1), "slow": ("speed", -1), "early": ("arrival", 1),
    "late": ("arrival", -1), "rich": ("wealth", 1), "poor": ("wealth", -1), "strong": ("strength", 1),
    "weak": ("strength", -1), "big": ("size", 1), "small": ("size", -1),
}  # fmt: skip
"""For "less tall than"; as ``COMPARATIVES``."""
ACTS = {form: r.name for r in RELATIONS if r.verb != "is" for form in (r.verb, r.base)}
"""Verbs with a relation of their own: "arrived"."""

SEXES = {"boys": "boy", "girls": "girl", "men": "man", "women": "woman", "brothers": "brother", "sisters": "sister"}
SEXES |= {word: word for word in SEXES.values()}
"""Nouns that may be true of some of the people only, each with its singular."""
GROUPS = SEXES.keys() | vocabulary(
    "person people one ones friend friends student students classmate classmates pupil pupils child children kid kids "
    "doll dolls sibling siblings cousin cousins member members player players colleague colleagues runner runners "
    "other others individual individuals"
)
"""Nouns for the people of a puzzle."""


def terminals() -> dict[str, str]:
    """The grammar's terminals that follow from the relations and the number words, as regular expressions."""

    def any_of(words: Iterable[str]) -> str:
        return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"

    numbers = any_of([*NUMBERS, r"\d{1,3}"])
    inside = any_of(
        {numbers, *GROUPS}
        | vocabulary(
            "the this these those all of our whole entire them us everyone everybody group class team family room"
        )
    )
    return {
        "MORE": any_of(COMPARATIVES),
        "MOST": any_of(SUPERLATIVES),
        "ADJECTIVE": any_of(ADJECTIVES),
        "AS_AS": rf"(?:as|so) {any_of(ADJECTIVES)} as",
        "NOUN": any_of(r.name for r in RELATIONS),
        "ACTED": any_of(r.verb for r in RELATIONS if r.verb != "is"),
        "ACT": any_of(r.base for r in RELATIONS if r.verb != "is"),
        "ORDINAL": any_of([*ORDINALS, r"\d{1,3}(?:st|nd|rd|th)", "last"]),
        "NUMBER": numbers,
        "GROUP": any_of(GROUPS),
        "SCOPE": rf"(?:(?:in|of|among|amongst|out of)(?: {inside}(?= |$))*|overall)",
    }
