"""The same puzzle about other people."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from entailbench.logic.generator.names import NAMES, PRONOUNS, pronoun
from entailbench.logic.language.english import vocabulary
from entailbench.logic.perturbing.rewrite import CannotPerturb, Rewrite, any_name, everybody
from entailbench.logic.puzzle import Puzzle

__all__ = ["renamed_people"]

_NATIONS = vocabulary(
    "American Australian Austrian Belgian Brazilian Bulgarian Canadian Chilean Croatian Cuban Egyptian Estonian "
    "Ethiopian German Hungarian Indian Indonesian Iranian Italian Kenyan Korean Latvian Lithuanian Mexican Moroccan "
    "Nigerian Norwegian Peruvian Romanian Russian Ukrainian"
)
"""Each is said of a person with and without a noun: "the Kenyan", "the Kenyan man"."""
_HE, _SHE = re.compile(r"\b(?:he|him|his|himself)\b"), re.compile(r"\b(?:she|her|hers|herself)\b")


def renamed_people(puzzle: Puzzle, rng: random.Random) -> Rewrite:
    """Gives everybody another name that the text does not have: "he" remains a man where that can be seen.

    In a grid the people are whoever is known by a given name, else by a nationality.

    Raises:
        CannotPerturb: the puzzle names nobody, or more people than there are names.
    """
    people, chances = _people(puzzle)
    taken = {word.casefold() for word in re.findall(r"\w+", puzzle.text)}
    free = [name for name in rng.sample(chances, len(chances)) if name.casefold() not in taken]
    new: dict[str, str] = {}
    for person in people:
        fitting = [name for name in free if PRONOUNS.get(name) in (None, _pronoun(person, puzzle.text))]
        if not fitting:
            raise CannotPerturb("it has more people than there are names")
        new[person] = fitting[0]
        free.remove(fitting[0])
    # In a grid "an" belongs to the nationality; elsewhere "A" may be somebody.
    article = r"(?:\b(?P<article>[Aa]n?)(?P<gap>\s+))?" if puzzle.family == "zebra" else r"(?P<article>)(?P<gap>)"
    pattern = re.compile(rf"{article}(?P<name>{any_name(people)})")

    def put(match: re.Match[str]) -> str:
        old = match["name"]
        name = new.get(old) or new[old[0]]
        if not match["article"]:
            return name
        return f"{match['article'][0]}{'n' if name[0] in 'AEIOU' else ''}{match['gap']}{name}"

    return Rewrite(pattern.sub(put, puzzle.text), lambda question: pattern.sub(put, question), new)


def _people(puzzle: Puzzle) -> tuple[tuple[str, ...], Sequence[str]]:
    """Who can be renamed, and what they can be called."""
    named = everybody(puzzle)
    if puzzle.family != "zebra":
        return named, NAMES
    for group in puzzle.readings[0].signature.groups:
        if all(name in PRONOUNS for name in group):
            return group, NAMES
    for group in puzzle.readings[0].signature.groups:
        if sum(name in _NATIONS for name in group) * 2 > len(group):
            return group, sorted(_NATIONS)
    raise CannotPerturb("nobody in it has a name")


def _pronoun(person: str, text: str) -> str:
    """ "he" or "she": as the sentences say that begin with the name, else as the name does."""
    if person not in PRONOUNS:
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            if re.match(rf"{re.escape(person)}(?!\w)", sentence):
                he, she = bool(_HE.search(sentence)), bool(_SHE.search(sentence))
                if he != she:
                    return "he" if he else "she"
    return pronoun(person)
