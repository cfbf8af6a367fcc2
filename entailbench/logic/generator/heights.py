"""Draws comparisons: who comes before whom, and what follows.

People stand in a hidden row. Of some of them only the place is told ("the second tallest"); the others are
compared in pairs, along a tree, so that no statement follows from the others until distractors are added.
That makes truths a matter of counting: the places that an element can take in the linear extensions of a partial
order are an interval, from the number of elements that must come before it to the number that must come after
(Stanley, Enumerative Combinatorics 1, section 3.5), and the people whose place is told only shift it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import ClassVar

from entailbench.logic.formula import And, At, Before, Formula, Not, Or, Signature
from entailbench.logic.generator.draft import Candidate, Draft, Worded
from entailbench.logic.generator.names import draw_names
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.structure import structure_of
from entailbench.logic.puzzle import Family
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["HeightDraft", "draw_heights"]

PLACES = {"most": 1, "least": -1, "second most": 2, "second least": -2}
"""Kinds of question → the place that they ask about, as ``At`` counts it."""

OPPOSITE: Mapping[Truth, Truth] = {ENTAILMENT: CONTRADICTION, CONTRADICTION: ENTAILMENT, UNKNOWN: UNKNOWN}

Pair = tuple[int, int]
"""(who comes first, who comes later), as numbers in the hidden row, from 0."""


@dataclass(frozen=True)
class HeightDraft(Draft):
    """A row of people and what is said of it."""

    family: ClassVar[Family] = "heights"
    signature: Signature
    """Its one group is the hidden row, the first place first."""
    pairs: tuple[Pair, ...]
    """None follows from the other statements."""
    betweens: tuple[tuple[int, int, int], ...]
    """(who is between, the first of the others, the last of them); the two others are a stated pair."""
    ranked: tuple[int, ...]
    """Whose place is told; they are in no pair."""
    extra_pairs: tuple[Pair, ...] = ()
    """Pairs that follow from the statements above."""
    extra_ranked: tuple[int, ...] = ()
    """Whose place is told though it follows."""
    extra_denied: tuple[tuple[int, int], ...] = ()
    """(who, place as ``At`` counts): who is told not to stand there, though it follows; in wide wording."""
    wide: bool = False
    """Whether it may be asked if somebody comes before themselves."""

    @cached_property
    def size(self) -> int:  # type: ignore[override]
        """How many people."""
        return len(self.row)

    @property
    def distractors(self) -> int:  # type: ignore[override]
        """How many statements follow from the rest."""
        return len(self.extra_pairs) + len(self.extra_ranked) + len(self.extra_denied)

    @cached_property
    def row(self) -> tuple[str, ...]:
        """The people in their hidden order."""
        return self.signature.groups[0]

    def formulas(self) -> Iterator[Formula]:
        """Every fact."""
        row = self.row
        for first, later in (*self.pairs, *self.extra_pairs):
            yield Before(row[first], row[later])
        for person in (*self.ranked, *self.extra_ranked):
            yield At(row[person], person + 1)
        for person, place in self.extra_denied:
            yield Not(At(row[person], place))
        for between in self.betweens:
            yield between_formula(*(row[person] for person in between))

    def structure(self) -> str:
        """See ``structure``."""
        facts = frozenset((*self.pairs, *self.extra_pairs))
        ranked = frozenset((*self.ranked, *self.extra_ranked))
        return _structure(self.size, facts, frozenset(self.betweens), ranked, frozenset(self.extra_denied))

    def worded(self, rng: random.Random, dials: Dials) -> Worded:
        """In words; see ``wording_heights``."""
        from entailbench.logic.generator.wording_heights import word

        return word(self, rng, dials)

    def question(self, candidate: Candidate, worded: Worded, rng: random.Random) -> str:
        """A question in words; see ``wording_heights``."""
        from entailbench.logic.generator.wording_heights import ask

        return ask(candidate, worded, rng)

    def asked(self, candidate: Candidate) -> Formula:
        """The formula of a question."""
        if candidate.place:
            return At(candidate.about[0], candidate.place)
        first, later = candidate.about if candidate.form == "more" else candidate.about[::-1]
        return Before(first, later)

    def candidates(self, rng: random.Random) -> list[Candidate]:
        """Every pair, asked in four ways, and everybody as the first and the last, and next to them."""
        found = []
        row = self.row
        for place in range(self.size):
            for other_place in range(place):
                truth = self.truth_of_pair(place, other_place)
                steps = (
                    0
                    if truth == UNKNOWN
                    else self._steps[other_place].get(place) or self._steps_by_rank(place, other_place)
                )
                matter = (other_place, place)
                # All ways, so that the asker can take the deepest pair whichever way it has to ask.
                for one, other, said in ((place, other_place, truth), (other_place, place, OPPOSITE[truth])):
                    about = (row[one], row[other])
                    found.append(Candidate("more", about, said, steps, matter))
                    found.append(Candidate("less", about, OPPOSITE[said], steps, matter))
            for form, asked in PLACES.items():
                if abs(asked) == 2 and self.size < 4:
                    continue
                truth = self.truth_of_place(place, asked - 1 if asked > 0 else self.size + asked)
                steps = {UNKNOWN: 0, CONTRADICTION: 1, ENTAILMENT: len(self.pairs)}[truth]
                found.append(Candidate(form, (row[place],), truth, steps, (form, place), asked))
        if self.wide and rng.random() < 0.5:
            person = rng.choice(row)
            found.append(Candidate("self", (person, person), CONTRADICTION, 0, "self"))
        return found

    def _steps_by_rank(self, one: int, other: int) -> int:
        """About how many premises tell two people apart of whom one's place is told: who is first is before anybody."""
        return 1 if {one, other} & {0, self.size - 1} & {*self.ranked, *self.extra_ranked} else 2

    def truth_of_pair(self, one: int, other: int) -> Truth:
        """Whether the first comes before the second."""
        if other in self._later[one]:
            return ENTAILMENT
        if one in self._later[other]:
            return CONTRADICTION
        if one in self.ranked or other in self.ranked:
            ones, others = self._places[one], self._places[other]
            if max(ones) < min(others):
                return ENTAILMENT
            if min(ones) > max(others):
                return CONTRADICTION
        return UNKNOWN

    def truth_of_place(self, person: int, place: int) -> Truth:
        """Whether a person stands at a place, from 0."""
        places = self._places[person]
        if place not in places:
            return CONTRADICTION
        return ENTAILMENT if len(places) == 1 else UNKNOWN

    def implied(self) -> tuple[list[Pair], list[int]]:
        """The pairs and places that follow and are not told."""
        people = range(self.size)
        told = set(self._told)
        pairs = [
            (one, other)
            for one in people
            for other in range(one + 1, self.size)
            if (one, other) not in told and self.truth_of_pair(one, other) == ENTAILMENT
        ]
        return pairs, [person for person in people if person not in self.ranked and len(self._places[person]) == 1]

    def implied_denials(self) -> list[tuple[int, int]]:
        """Who cannot be the first or the last, with that place as ``At`` counts; never empty."""
        ends = ((0, 1), (self.size - 1, -1))
        return [(one, at) for one in range(self.size) for place, at in ends if place not in self._places[one]]

    @cached_property
    def _told(self) -> tuple[Pair, ...]:
        betweens = [pair for middle, first, last in self.betweens for pair in ((first, middle), (middle, last))]
        return (*self.pairs, *betweens)

    @cached_property
    def _later(self) -> list[dict[int, int]]:
        """For each person: who must come later by the pairs → how many pairs the shortest chain has."""
        return _chains(self.size, self._told)

    @cached_property
    def _steps(self) -> list[dict[int, int]]:
        """The same with the pairs that follow."""
        return _chains(self.size, (*self._told, *self.extra_pairs)) if self.extra_pairs else self._later

    @cached_property
    def _places(self) -> list[list[int]]:
        """For each person: the places that they can take."""
        free = [place for place in range(self.size) if place not in self.ranked]
        before = [0] * self.size
        for later in self._later:
            for person in later:
                before[person] += 1
        return [
            [person] if person in self.ranked else free[before[person] : len(free) - len(self._later[person])]
            for person in range(self.size)
        ]


@lru_cache(maxsize=100_000)
def _structure(
    size: int,
    pairs: frozenset[Pair],
    betweens: frozenset[tuple[int, int, int]],
    ranked: frozenset[int],
    denied: frozenset[tuple[int, int]],
) -> str:
    """The structure's key by what is said: small puzzles come again and again, and the key costs most."""
    signature = Signature(groups=(tuple(map(str, range(size))),), places=size)
    draft = HeightDraft(signature, tuple(pairs), tuple(betweens), tuple(ranked), extra_denied=tuple(denied))
    return structure_of(draft.family, signature, draft.formulas())


def between_formula(middle: str, one: str, other: str) -> Formula:
    """ "middle is between one and other"."""
    return Or((And((Before(one, middle), Before(middle, other))), And((Before(other, middle), Before(middle, one)))))


def draw_heights(rng: random.Random, dials: Dials, size: int) -> HeightDraft:
    """A row of people and statements about it that mention everybody and contradict nothing."""
    row = draw_names(rng, size, dials.wide)
    ranked = _ranked(rng, size)
    compared = [person for person in range(size) if person not in ranked]
    middles: list[int] = []
    if len(compared) >= 3 and rng.random() < 0.2:
        middles = [rng.choice(compared[1:-1])]
        compared.remove(middles[0])
    pairs = list(_backbone(rng, compared) if rng.random() < 0.7 else _tree(rng, compared))
    betweens = []
    for middle in middles:
        around = [(first, last) for first, last in pairs if first < middle < last]
        if around:
            betweens.append((middle, *rng.choice(around)))
        else:
            partner = rng.choice(compared)
            pairs.append((min(middle, partner), max(middle, partner)))
    told = [pair for middle, first, last in betweens for pair in ((first, middle), (middle, last))]
    for _ in range(rng.randint(0, size // 3)):
        pair = tuple(sorted(rng.sample(compared, 2)))
        if _is_new((pair[0], pair[1]), pairs + told, size):
            pairs.append((pair[0], pair[1]))
    if dials.wide and rng.random() < 0.35:
        pairs = _in_parts(rng, pairs, told, keep={(first, last) for _, first, last in betweens})
    draft = HeightDraft(
        Signature(groups=(row,), places=size), tuple(pairs), tuple(betweens), tuple(ranked), wide=dials.wide
    )
    return _with_distractors(rng, draft, rng.randint(*dials.distractors))


def _with_distractors(rng: random.Random, draft: HeightDraft, wanted: int) -> HeightDraft:
    if not wanted:
        return draft
    pairs, ranked = draft.implied()
    # Three people leave something open in two structures only, and one of them is this.
    chance = 0.5 if draft.size == 3 else 0.15
    chosen_ranked = [person for person in ranked if rng.random() < chance][:wanted]
    chosen_pairs = rng.sample(pairs, min(len(pairs), wanted - len(chosen_ranked)))
    denied: list[tuple[int, int]] = []
    if draft.wide and rng.random() < 0.2 and len(chosen_ranked) + len(chosen_pairs) < wanted:
        denied = [rng.choice(draft.implied_denials())]
    return replace(
        draft, extra_pairs=tuple(chosen_pairs), extra_ranked=tuple(chosen_ranked), extra_denied=tuple(denied)
    )


def _in_parts(rng: random.Random, pairs: list[Pair], told: list[Pair], keep: set[Pair]) -> list[Pair]:
    """The pairs without one or two, as long as everybody is still named; never without those to ``keep``."""
    kept = list(pairs)
    loose = [pair for pair in pairs if pair not in keep]
    for pair in rng.sample(loose, min(len(loose), rng.randint(1, 2))):
        others = [other for other in kept if other != pair]
        if set(pair) <= {person for other in (*others, *told) for person in other}:
            kept = others
    return kept


def _ranked(rng: random.Random, size: int) -> list[int]:
    """Whose place is told: nobody mostly, and never so many that no two others are left to compare."""
    if rng.random() < 0.65:
        return []
    first = rng.choices([0, size - 1, 1, size - 2], weights=[3, 3, 1, 1])[0]
    if size >= 5 and rng.random() < 0.3:
        return sorted({first, rng.randrange(size)})
    return [first]


def _backbone(rng: random.Random, people: list[int]) -> Iterator[Pair]:
    """A chain through most of the people, the others beside it: random trees rarely have long chains."""
    beside = set(rng.sample(people, rng.randint(0, len(people) // 3)))
    chain = [person for person in people if person not in beside]
    yield from pairwise(chain)
    for person in sorted(beside):
        partner = rng.choice(chain)
        yield min(person, partner), max(person, partner)


def _tree(rng: random.Random, people: list[int]) -> Iterator[Pair]:
    order = rng.sample(people, len(people))
    for place in range(1, len(order)):
        one, other = order[place], order[rng.randrange(place)]
        yield min(one, other), max(one, other)


def _is_new(pair: Pair, stated: list[Pair], size: int) -> bool:
    """Whether a pair neither follows from the stated ones nor makes one of them follow."""
    chains = _chains(size, stated)
    first, later = pair
    if later in chains[first]:
        return False
    return not any((a == first or first in chains[a]) and (b == later or b in chains[later]) for a, b in stated)


def _chains(size: int, stated: Iterable[Pair]) -> list[dict[int, int]]:
    """For each person: who must come later → the length of the shortest chain of stated pairs."""
    direct: list[list[int]] = [[] for _ in range(size)]
    for first, later in stated:
        direct[first].append(later)
    found: list[dict[int, int]] = [{} for _ in range(size)]
    for person in reversed(range(size)):
        # Pairs go up in the hidden row, so whoever comes later is finished.
        reached = found[person]
        for later in direct[person]:
            reached[later] = 1
            for further, length in found[later].items():
                if length + 1 < reached.get(further, size + 1):
                    reached[further] = length + 1
    return found
