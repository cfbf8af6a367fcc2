"""Draws islands of knights and knaves: who says what, and what follows.

With at most eight people there are at most 256 ways to be, so that a formula is a number of 256 bits: the ways in
which it is true. Truths are then one bit operation each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from entailbench.logic.formula import And, Formula, Iff, Knight, Not, Or, Signature
from entailbench.logic.generator.draft import Candidate, Draft, Worded
from entailbench.logic.generator.names import draw_names
from entailbench.logic.generator.spec import Dials
from entailbench.logic.puzzle import Family
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["Claim", "KnightsDraft", "draw_knights"]


@dataclass(frozen=True)
class Claim:
    """What somebody says."""

    speaker: str
    form: str
    """One of ``FORMS``."""
    about: tuple[str, ...]
    """Whom it names, in the order of the text; the speaker can be one of them."""
    kinds: tuple[bool, ...]
    """Of each place in the form where it says knight or knave: whether it says knight."""

    @property
    def formula(self) -> Formula:
        """What is then known: the speaker is a knight if and only if what they say is true."""
        return Iff(Knight(self.speaker), FORMS[self.form].content(self.about, self.kinds))

    @property
    def narrower(self) -> Formula:
        """The same where "either … or" excludes both."""
        if self.form != "either":
            return self.formula
        return Iff(Knight(self.speaker), Not(Iff(*FORMS["and"].content(self.about, self.kinds).parts)))  # type: ignore[union-attr]


@dataclass(frozen=True)
class Form:
    """A kind of claim."""

    people: int
    """How many people it names."""
    kinds: int
    """At how many places it says knight or knave."""
    weight: int
    """How often it is drawn."""
    content: Callable[[Sequence[str], Sequence[bool]], Formula]


def _is(person: str, knight: bool) -> Formula:
    return Knight(person) if knight else Not(Knight(person))


FORMS: dict[str, Form] = {
    "plain": Form(1, 1, 4, lambda p, k: _is(p[0], k[0])),
    "denied": Form(1, 1, 3, lambda p, k: _is(p[0], not k[0])),
    "only a knave": Form(1, 1, 2, lambda p, k: _is(p[0], not k[0])),
    "could say": Form(2, 1, 2, lambda p, k: Iff(Knight(p[0]), _is(p[1], k[0]))),
    "both": Form(2, 1, 2, lambda p, k: And((_is(p[0], k[0]), _is(p[1], k[0])))),
    "and": Form(2, 2, 3, lambda p, k: And((_is(p[0], k[0]), _is(p[1], k[1])))),
    "or": Form(2, 2, 3, lambda p, k: Or((_is(p[0], k[0]), _is(p[1], k[1])))),
    "either": Form(2, 2, 1, lambda p, k: Or((_is(p[0], k[0]), _is(p[1], k[1])))),
    "if": Form(2, 2, 2, lambda p, k: Or((_is(p[0], not k[0]), _is(p[1], k[1])))),
    "if and only if": Form(2, 2, 1, lambda p, k: Iff(_is(p[0], k[0]), _is(p[1], k[1]))),
    "neither": Form(2, 1, 2, lambda p, k: And((_is(p[0], not k[0]), _is(p[1], not k[0])))),
    "same": Form(2, 0, 2, lambda p, k: Iff(Knight(p[0]), Knight(p[1]))),
    "different": Form(2, 0, 2, lambda p, k: Not(Iff(Knight(p[0]), Knight(p[1])))),
    "at least one": Form(2, 1, 1, lambda p, k: Or((_is(p[0], k[0]), _is(p[1], k[0])))),
    "at most one": Form(2, 1, 1, lambda p, k: Not(And((_is(p[0], k[0]), _is(p[1], k[0]))))),
    "exactly one": Form(2, 1, 2, lambda p, k: Not(Iff(_is(p[0], k[0]), _is(p[1], k[0])))),
}
"""What each kind of claim says; "either" is written only where it makes no difference whether it excludes both."""


@dataclass(frozen=True)
class KnightsDraft(Draft):
    """People and what they say."""

    family: ClassVar[Family] = "knights"
    signature: Signature
    claims: tuple[Claim, ...]
    distractors: int
    worlds: int
    """The ways that are left, as bits; see ``_worlds_of``."""

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many people."""
        return len(self.signature.people)

    def formulas(self) -> Iterator[Formula]:
        """What each claim tells."""
        return (claim.formula for claim in self.claims)

    def worded(self, rng: random.Random, dials: Dials) -> Worded:
        """In words; see ``wording_knights``."""
        from entailbench.logic.generator.wording_knights import word

        return word(self, rng, dials)

    def question(self, candidate: Candidate, worded: Worded, rng: random.Random) -> str:
        """A question in words; see ``wording_knights``."""
        from entailbench.logic.generator.wording_knights import ask

        return ask(candidate, worded, rng)

    def asked(self, candidate: Candidate) -> Formula:
        """The formula of a question."""
        return _is(candidate.about[0], candidate.form == "knight")

    def candidates(self, rng: random.Random) -> list[Candidate]:
        """Whether each is a knight, or a knave."""
        found = []
        people = self.signature.people
        masks = [_worlds_of(claim.formula, people) for claim in self.claims]
        everything = _everything(self.size)
        narrower = _met([_worlds_of(claim.narrower, people) for claim in self.claims], everything)
        for person in people:
            knight = rng.random() < 0.5
            mask = _worlds_of(_is(person, knight), people)
            truth = _truth(self.worlds, mask)
            if narrower != self.worlds and narrower and _truth(narrower, mask) != truth:
                continue
            goal = mask if truth == ENTAILMENT else everything ^ mask
            steps = 0 if truth == UNKNOWN else len(_thinned(masks, everything, lambda worlds: not worlds & ~goal))  # noqa: B023 - used at once
            found.append(Candidate("knight" if knight else "knave", (person,), truth, steps, person))
        return found


def draw_knights(rng: random.Random, dials: Dials, size: int) -> KnightsDraft:
    """People, each a knight or a knave, and claims that fit; mostly everybody speaks, and mostly one way is left."""
    people = draw_names(rng, size, dials.wide, letters=False)
    knights = {person: rng.random() < 0.5 for person in people}
    silent = rng.randint(1, max(1, size // 3)) if rng.random() < 0.45 else 0
    speakers = rng.sample(people, size - silent)
    wanted = rng.randint(*dials.distractors)
    everything = _everything(size)
    worlds = everything
    claims: list[Claim] = []
    redundant = 0
    for speaker in speakers + rng.choices(people, k=wanted):
        claim = _claim(rng, speaker, people, knights, claims)
        if claim is None:
            continue
        mask = _worlds_of(claim.formula, people)
        if not worlds & ~mask:
            # It says nothing new. Nor can it make an earlier claim follow, since it follows from them.
            if redundant == wanted:
                continue
            redundant += 1
        elif len(claims) - redundant >= len(speakers):
            continue
        claims.append(claim)
        worlds &= mask
    rng.shuffle(claims)
    masks = [_worlds_of(claim.formula, people) for claim in claims]
    return KnightsDraft(Signature(people=people), tuple(claims), _redundant(masks, everything), worlds)


def _claim(
    rng: random.Random, speaker: str, people: Sequence[str], knights: dict[str, bool], claims: Sequence[Claim]
) -> Claim | None:
    """A claim that a knight can make, or a knave, whichever the speaker is; None if chance finds none."""
    for _ in range(20):
        name = rng.choices(list(FORMS), weights=[form.weight for form in FORMS.values()])[0]
        form = FORMS[name]
        about = rng.sample(people, form.people)
        kinds = tuple(rng.random() < 0.5 for _ in range(form.kinds))
        if form.people == 1 and about[0] == speaker:
            continue
        claim = Claim(speaker, name, tuple(about), kinds)
        world = sum(1 << number for number, person in enumerate(people) if knights[person])
        fits = _worlds_of(claim.formula, people)
        if fits >> world & 1 and fits != _everything(len(people)) and claim not in claims:
            return claim
    return None


def _worlds_of(formula: Formula, people: Sequence[str]) -> int:
    """The ways in which a formula is true: bit w is set if it is where the knights are the bits of w."""
    everything = _everything(len(people))
    match formula:
        case Knight(person):
            return _knight_worlds(people.index(person), len(people))
        case Not(part):
            return everything ^ _worlds_of(part, people)
        case And(parts):
            worlds = everything
            for part in parts:
                worlds &= _worlds_of(part, people)
            return worlds
        case Or(parts):
            worlds = 0
            for part in parts:
                worlds |= _worlds_of(part, people)
            return worlds
        case Iff(left, right):
            return everything ^ _worlds_of(left, people) ^ _worlds_of(right, people)
        case _:
            raise TypeError(f"nothing about knights: {formula}")


@cache
def _everything(size: int) -> int:
    return (1 << (1 << size)) - 1


@cache
def _knight_worlds(person: int, size: int) -> int:
    return sum(1 << world for world in range(1 << size) if world >> person & 1)


def _truth(worlds: int, mask: int) -> Truth:
    if not worlds & ~mask:
        return ENTAILMENT
    return UNKNOWN if worlds & mask else CONTRADICTION


def _redundant(masks: Sequence[int], everything: int) -> int:
    """How many claims can be dropped, one after the other, while the same ways are left."""
    left = _met(masks, everything)
    return len(masks) - len(_thinned(masks[::-1], everything, lambda worlds: worlds == left))


def _thinned(masks: Sequence[int], everything: int, enough: Callable[[int], bool]) -> list[int]:
    """The claims without those that can be dropped, one after the other, while the others are enough."""
    kept = list(masks)
    place = 0
    while place < len(kept):
        without = kept[:place] + kept[place + 1 :]
        if enough(_met(without, everything)):
            kept = without
        else:
            place += 1
    return kept


def _met(masks: Sequence[int], everything: int) -> int:
    worlds = everything
    for mask in masks:
        worlds &= mask
    return worlds
