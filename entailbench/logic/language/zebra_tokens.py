"""What the grammar's longer tokens mean: places, sides, and the nouns that name a category."""

from __future__ import annotations

import re
from typing import Literal

from entailbench.logic.language.english import NUMBERS, ORDINALS
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_claims import Place, Relation, Thing
from entailbench.logic.language.zebra_words import KIND_NOUNS

__all__ = ["kind_named", "number_in", "place_of", "relation_of", "width_of"]


def _number(word: str) -> int:
    """The value of "3", "three", "third" or "3rd"; 0 where it has none."""
    if digits := re.match(r"\d{1,6}", word):
        return int(digits[0])
    return NUMBERS.get(word) or ORDINALS.get(word) or (1 if word in ("a", "an") else 0)


def place_of(text: str) -> Place:
    """What a PLACE token means."""
    lowered = text.lower().replace("-", " ").replace("#", " ")
    words = lowered.split()
    right = "right" in words or "rightmost" in words
    left = "left" in words or "leftmost" in words
    if {"end", "ends"} & set(words) and not (right or left):
        return Place((1, -1), words=text)
    if {"middle", "centre", "center", "central"} & set(words):
        return Place((0,), words=text)
    if "penultimate" in words:
        return Place((-2,), words=text)
    named = re.search(r"(?:(?:house|home|position|place|spot)(?: number| no\.?| nr\.?)?|number|^the) +(\w+)$", lowered)
    if named and named[1] not in ORDINALS:
        if named[1].isdigit() and not _number(named[1]):
            raise NotReadError(f"no house is {named[1]!r}")
        if len(named[1]) == 1 and named[1].isalpha():
            return Place((ord(named[1]) - ord("a") + 1,), numbered=True, words=text)
        if re.fullmatch(r"\d+", named[1]) or named[1] in NUMBERS:
            return Place((_number(named[1]),), numbered=True, words=text)
    if "last" in words and (left or (right and words[:1] != ["last"] and words[:2] != ["the", "last"])):
        raise NotReadError(f"{str(text)!r} counts from two sides")
    for index, word in enumerate(words):
        if word in ORDINALS or re.fullmatch(r"\d+(?:st|nd|rd|th)", word):
            return Place((-_number(word) if right or "last" in words[index + 1 :] else _number(word),), words=text)
    return Place((-1 if right or "last" in words else 1,), words=text)


_EXACT = frozenset({"directly", "immediately", "just", "right", "immediate", "direct"})
_VAGUE = frozenset({"somewhere", "anywhere"})


def width_of(words: list[str]) -> Literal["immediate", "anywhere", ""]:
    return "immediate" if _EXACT & set(words) else "anywhere" if _VAGUE & set(words) else ""


def relation_of(text: str, other: Thing, side: str = "") -> Relation:
    """What a RELATION token (and the SIDE token after it) means."""
    lowered = text.lower()
    found = re.search(r"\b(left|right)(?:[- ]hand)?(?: side)? of$", lowered)
    aside = re.search(r"\b(?:the|its) (left|right)\b", side.lower())
    if aside:
        if found:
            raise NotReadError(f"{text!r} and {side!r} are said of one thing")
        return Relation("left" if aside[1] == "left" else "right", (other,), "immediate")
    if not found:
        return Relation("next", (other,))
    words = lowered[: found.start()].split()
    distance = next((_number(word) for word in words if _number(word)), 0)
    kind: Literal["left", "right"] = "left" if found[1] == "left" else "right"
    return Relation(kind, (other,), "" if distance else width_of(words), distance)


def kind_named(text: str) -> str:
    """The kind that "'s favourite drink", "whose drink" or "the drink of" names, or the role "house"."""
    words = re.findall(r"\w+", text.lower())
    return next((KIND_NOUNS[word] for word in reversed(words) if word in KIND_NOUNS), "house")


def number_in(text: str) -> int:
    """The first number in a token's words; 0 for none."""
    return next((number for word in text.lower().split() if (number := _number(word))), 0)
