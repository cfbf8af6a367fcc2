"""Puts the clues of a grid into words.

"Left of" alone can mean the next house or any house on that side, so it is never written: it is "directly to the left
of" or "somewhere to the left of". All the things are listed before the clues.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from entailbench.logic.formula import At, Formula, Not
from entailbench.logic.generator.draft import Candidate, Statement, Worded
from entailbench.logic.generator.grid import Clue, Thing
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.style import Style, draw_style
from entailbench.logic.generator.wording_heights import COUNTS, listed

if TYPE_CHECKING:
    from entailbench.logic.generator.vocabulary import Category
    from entailbench.logic.generator.zebra import ZebraDraft

__all__ = ["ask", "word"]

T = TypeVar("T")

LETTERS = "ABCDE"
ORDINALS = ("first", "second", "third", "fourth", "fifth")


def word(draft: ZebraDraft, rng: random.Random, dials: Dials) -> Worded:
    """A puzzle in English: what there is, then the clues."""
    speaker = _Speaker(draft, rng, dials.variety)
    statements = [speaker.say(clue) for clue in draft.clues]
    numbered = rng.random() < 0.3
    introduction = _introduction(draft, rng, numbered)
    worded = Worded.of(draft.signature, introduction, statements, numbered=numbered)
    # The text stays as it is: only its questions are set otherwise.
    return replace(worded, style=draw_style(rng)) if dials.wide else worded


def ask(draft: ZebraDraft, candidate: Candidate, worded: Worded, rng: random.Random) -> str:
    """A question in English."""
    style = worded.style
    return style.set(_asked(draft, candidate, style, rng), rng)


def _asked(draft: ZebraDraft, candidate: Candidate, style: Style, rng: random.Random) -> str:
    one, *others = (_thing(draft, name) for name in candidate.about)
    speaker = _Speaker(draft, rng, 1.0)
    category = draft.categories[one[0]]
    if not others:
        lettered = style.asks and rng.random() < 0.7
        house = f"the house {LETTERS[candidate.place - 1]}" if lettered else ""
        house = house or speaker.house(candidate.place, from_the_end=False)[0]
        if category.noun == "color" and rng.random() < 0.5:
            return f"Is {draft.name(one)} {house}?" if lettered else f"Is {house} {draft.name(one)}?"
        if category.found and rng.random() < 0.5:
            thing, verb = rng.choice(category.found).format(draft.name(one)).split(" ", 1)
            be, rest = verb.split(" ", 1)
            return f"{be.capitalize()} {thing} {rest} {house}?"
        return f"Does {speaker.person(one)} live in {house}?"
    (other,) = others
    asks = draft.categories[other[0]].asks
    if asks:
        return f"Does {speaker.person(one)} {rng.choice(asks).format(draft.name(other))}?"
    return f"Is {speaker.person(one)} {speaker.person(other)}?"


class _Speaker:
    """Chooses words.

    Args:
        draft: the puzzle.
        rng: the choice.
        variety: how often it chooses other than the plainest words.
    """

    def __init__(self, draft: ZebraDraft, rng: random.Random, variety: float) -> None:
        self._draft = draft
        self._rng = rng
        self._variety = variety

    def say(self, clue: Clue) -> Statement:
        """A clue as a sentence."""
        formula = self._draft.formula(clue)
        if clue.other is None:
            name, text, formula = self._at_house(clue)
        elif clue.kind in ("same", "not same"):
            name, text = self._together(clue.one, clue.other, clue.kind == "same")
        else:
            name, text = self._beside(clue.kind, clue.one, clue.other)
        return Statement(text[0].upper() + text[1:] + ".", formula, name)

    def house(self, place: int, from_the_end: bool = True) -> tuple[str, int]:
        """A house by its place, from 1, and the place as the words count it: perhaps from the end."""
        houses = self._draft.size
        chances = [(f"the {ORDINALS[place - 1]} house", place)]
        if place == houses and from_the_end:
            chances.append(("the last house", -1))
        if 2 * place == houses + 1:
            chances.append(("the middle house", place))
        return self._pick(chances)

    def person(self, thing: Thing) -> str:
        """Whoever lives with a thing."""
        return self._pick(self._draft.categories[thing[0]].persons).format(self._draft.name(thing))

    def _at_house(self, clue: Clue) -> tuple[str, str, Formula]:
        name = self._draft.name(clue.one)
        category = self._draft.categories[clue.one[0]]
        house, place = self.house(clue.house + 1)
        at = At(name, place)
        if clue.kind == "not at":
            if category.noun == "color":
                return "house not", f"{house} is not {name}", Not(at)
            return "lives not in", f"{self.person(clue.one)} does not live in {house}", Not(at)
        if category.noun == "color":
            return self._pick(
                (("house is", f"{house} is {name}", at), ("is house", f"the {name} house is {house}", at))
            )
        chances = [("lives in", f"{self.person(clue.one)} lives in {house}", at)]
        chances += [("found in", f"{found.format(name)} {house}", at) for found in category.found]
        return self._pick(chances)

    def _together(self, one: Thing, other: Thing, same: bool) -> tuple[str, str]:
        if self._rng.random() < 0.5 * (self._variety > 0):
            one, other = other, one
        verb = self._pick(self._draft.categories[other[0]].does)[0 if same else 1].format(self._draft.name(other))
        return "does" if same else "does not", f"{self.person(one)} {verb}"

    def _beside(self, kind: str, one: Thing, other: Thing) -> tuple[str, str]:
        if kind == "next to":
            if self._rng.random() < 0.5 * (self._variety > 0):
                one, other = other, one
            first, second = self.person(one), self.person(other)
            verb = self._pick(self._draft.categories[other[0]].does)[0].format(self._draft.name(other))
            return self._pick(
                (
                    ("next to", f"{first} lives next to {second}"),
                    ("neighbour who", f"{first} has a neighbour who {verb}"),
                    ("are neighbours", f"{first} and {second} are neighbours"),
                    ("next to each other", f"{first} and {second} live next to each other"),
                )
            )
        first, second = self.person(one), self.person(other)
        if kind == "just before":
            return self._pick(
                (
                    ("directly left", f"{first} lives directly to the left of {second}"),
                    ("directly right", f"{second} lives directly to the right of {first}"),
                    ("immediately left", f"{first} lives immediately to the left of {second}"),
                    ("immediately right", f"{second} lives immediately to the right of {first}"),
                )
            )
        return self._pick(
            (
                ("somewhere left", f"{first} lives somewhere to the left of {second}"),
                ("somewhere right", f"{second} lives somewhere to the right of {first}"),
            )
        )

    def _pick(self, chances: Sequence[T]) -> T:
        """The first is the plain one."""
        return self._rng.choice(chances) if self._rng.random() < self._variety else chances[0]


def _introduction(draft: ZebraDraft, rng: random.Random, numbered: bool) -> list[str]:
    """How many houses there are, and what there is of each kind."""
    count = COUNTS[draft.size]
    lists = [(category.noun, rng.sample(group, len(group))) for category, group in _kinds(draft, rng)]
    style = rng.randrange(3)
    if style == 0:
        kinds = listed([f"a different {noun} ({', '.join(values)})" for noun, values in lists])
        return [f"There are {count} houses in a row, and in each lives one person. Each has {kinds}."]
    if style == 1:
        kinds = listed([f"{noun} ({', '.join(values)})" for noun, values in lists])
        return [f"{count.capitalize()} people live in {count} houses in a row. No two have the same {kinds}."]
    sentences = [f"The {_plural(noun)} are {listed(values)}." for noun, values in lists]
    end = [] if numbered else ["Clues:"]
    return [f"There are {count} houses in a row, each with one person and things of its own.", *sentences, *end]


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def _kinds(draft: ZebraDraft, rng: random.Random) -> list[tuple[Category, tuple[str, ...]]]:
    pairs = list(zip(draft.categories, draft.signature.groups, strict=True))
    rng.shuffle(pairs)
    return pairs


def _thing(draft: ZebraDraft, name: str) -> Thing:
    return next((place, group.index(name)) for place, group in enumerate(draft.signature.groups) if name in group)
