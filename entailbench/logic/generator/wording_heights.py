"""Puts comparisons into words.

A *plan* is one to three facts that fit one sentence; a ``Phrasing`` is a sentence for plans of one kind, with what it
says as a formula. ``{0}``, ``{1}`` … are the plan's people; ``{more}``, ``{less}``, ``{most}``, ``{least}`` the
relation's words, ``{is}`` and ``{are}`` its verb. In a strict order "not taller" is "shorter". The first phrasing of a
kind is the plain one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from entailbench.logic.formula import And, At, Before, Formula
from entailbench.logic.generator.draft import Candidate, Statement, Worded
from entailbench.logic.generator.heights import between_formula
from entailbench.logic.generator.spec import Dials
from entailbench.logic.language.relations import RELATIONS, Relation

if TYPE_CHECKING:
    from entailbench.logic.generator.heights import HeightDraft

__all__ = [
    "COUNTS",
    "PHRASINGS",
    "People",
    "Phrasing",
    "above_all",
    "ask",
    "before",
    "below_all",
    "chain",
    "joined",
    "listed",
    "say",
    "standing",
    "two",
    "word",
]

People = Sequence[str]


@dataclass(frozen=True)
class Phrasing:
    """A sentence for one kind of plan."""

    name: str
    text: str
    formula: Callable[[People], Formula]
    weight: int = 2
    """How often it is chosen among those of its kind."""


def before(p: People) -> Formula:
    return Before(p[0], p[1])


def above_all(p: People) -> Formula:
    return And(tuple(Before(p[0], other) for other in p[1:]))


def below_all(p: People) -> Formula:
    return And(tuple(Before(other, p[0]) for other in p[1:]))


def chain(p: People) -> Formula:
    return And((Before(p[0], p[1]), Before(p[1], p[2])))


def two(p: People) -> Formula:
    return And((Before(p[0], p[1]), Before(p[2], p[3])))


def between(p: People) -> Formula:
    return between_formula(p[0], p[1], p[2])


def standing(place: int, p: People) -> Formula:
    return At(p[0], place)


PHRASINGS: dict[str, tuple[Phrasing, ...]] = {
    # {0} comes before {1}
    "pair": (
        Phrasing("more", "{0} {is} {more} than {1}.", before, 4),
        Phrasing("less", "{1} {is} {less} than {0}.", before, 4),
        Phrasing("a little more", "{0} {is} a little {more} than {1}.", before),
        Phrasing("a little less", "{1} {is} a little {less} than {0}.", before),
        Phrasing("much more", "{0} {is} much {more} than {1}.", before, 1),
        Phrasing("not more", "{1} {isnt} {more} than {0}.", before),
        Phrasing("not less", "{0} {isnt} {less} than {1}.", before),
    ),
    # {0} comes before the others
    "above": (
        Phrasing("more than list", "{0} {is} {more} than {others}.", above_all, 3),
        Phrasing("list less", "{others} {are} {less} than {0}.", above_all, 3),
        Phrasing("more than both", "{0} {is} {more} than both {1} and {2}.", above_all),
        Phrasing("both less", "Both {1} and {2} {are} {less} than {0}.", above_all),
        Phrasing("neither more", "Neither {1} nor {2} {is} {more} than {0}.", above_all),
    ),
    # the others come before {0}
    "below": (
        Phrasing("less than list", "{0} {is} {less} than {others}.", below_all, 3),
        Phrasing("list more", "{others} {are} {more} than {0}.", below_all, 3),
        Phrasing("less than both", "{0} {is} {less} than both {1} and {2}.", below_all),
        Phrasing("both more", "Both {1} and {2} {are} {more} than {0}.", below_all),
        Phrasing("neither less", "Neither {1} nor {2} {is} {less} than {0}.", below_all),
    ),
    # {0} comes before {1}, and {1} before {2}
    "chain": (
        Phrasing("more but less", "{1} {is} {more} than {2} but {less} than {0}.", chain, 4),
        Phrasing("less but more", "{1} {is} {less} than {0} but {more} than {2}.", chain, 4),
        Phrasing("less and more", "{1} {is} {less} than {0} and {more} than {2}.", chain),
        Phrasing("more but not more", "{1} {is} {more} than {2} but not {more} than {0}.", chain),
        Phrasing("more, who is more", "{0} {is} {more} than {1}, who {is} {more} than {2}.", chain),
        Phrasing("less, who is less", "{2} {is} {less} than {1}, who {is} {less} than {0}.", chain),
        Phrasing("who is more, is less", "{1}, who {is} {more} than {2}, {is} {less} than {0}.", chain),
    ),
    # {0} comes before {1}, and {2} before {3}
    "two": (
        Phrasing("more, and more", "{0} {is} {more} than {1}, and {2} {is} {more} than {3}.", two),
        Phrasing("more, while less", "{0} {is} {more} than {1}, while {3} {is} {less} than {2}.", two),
    ),
    # {0} is between {1} and {2}
    "between": (Phrasing("between", "{0} {is} between {1} and {2}{in_noun}.", between),),
    # {0} has a place
    "first": (
        Phrasing("most", "{0} {is} the {most}.", partial(standing, 1), 3),
        Phrasing("most of all", "{0} {is} the {most} of all.", partial(standing, 1)),
    ),
    "last": (
        Phrasing("least", "{0} {is} the {least}.", partial(standing, -1), 3),
        Phrasing("least of all", "{0} {is} the {least} of all.", partial(standing, -1)),
    ),
}

RANKS = ("second", "third", "fourth")
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
INTRODUCTIONS = (
    "{names} are {count} friends.",
    "There are {count} friends: {names}.",
    "{names} are {count} students in a class.",
    "There are {count} colleagues: {names}.",
    "{names} are {count} members of a club.",
)


def word(draft: HeightDraft, rng: random.Random, dials: Dials) -> Worded:
    """A puzzle in English; half of the puzzles first say who there is."""
    if dials.wide:
        from entailbench.logic.generator.wording_heights_wide import word_widely

        return word_widely(draft, rng, dials)
    relation = rng.choice([relation for relation in RELATIONS if relation.name in dials.relations])
    statements = [say(kind, people, draft, relation, rng, dials.variety) for kind, people in _plans(draft, rng)]
    rng.shuffle(statements)
    opening = []
    if rng.random() < 0.5:
        names = listed(rng.sample(draft.row, draft.size))
        opening = [rng.choice(INTRODUCTIONS).format(names=names, count=COUNTS[draft.size])]
    return Worded.of(draft.signature, opening, statements, relation=relation.name)


def ask(candidate: Candidate, worded: Worded, rng: random.Random) -> str:
    """A question in English."""
    relation = next(relation for relation in RELATIONS if relation.name == worded.relation)
    style = worded.style
    about = [style.asked(name) for name in candidate.about]
    return style.set(_asked(candidate, about, relation, worded, rng), rng)


def _asked(candidate: Candidate, about: Sequence[str], relation: Relation, worded: Worded, rng: random.Random) -> str:
    start = f"Is {about[0]}" if relation.base == "be" else f"Did {about[0]} {relation.base}"
    match candidate.form:
        case "self":
            return f"{start} {rng.choice((relation.more, relation.less))} than {about[1]}?"
        case "more" | "less":
            return f"{start} {getattr(relation, candidate.form)} than {about[1]}?"
        case "most" | "least":
            people = COUNTS[len(worded.reading.signature.entities)]
            of = rng.choice(("", " of all", f" of the {people}"))
            return f"{start} the {getattr(relation, candidate.form)}{of}?"
        case _:
            rank, end = candidate.form.split()
            return f"{start} the {rank} {getattr(relation, end)}?"


def listed(names: Sequence[str]) -> str:
    """``"Ann, Ben and Cem"``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _plans(draft: HeightDraft, rng: random.Random) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parts what is stated into sentences: what follows from the rest has a sentence of its own."""
    pending = rng.sample(draft.pairs, len(draft.pairs))
    while pending:
        first, later = pending.pop()
        partners = [pair for pair in pending if {first, later} & set(pair)]
        if partners and rng.random() < 0.4:
            yield joined((first, later), partners, pending, rng)
        elif pending and rng.random() < 0.07:
            yield "two", (first, later, *pending.pop())
        else:
            yield "pair", (first, later)
    for pair in draft.extra_pairs:
        yield "pair", pair
    for middle, first, last in draft.betweens:
        yield "between", (middle, *rng.sample((first, last), 2))
    for person in (*draft.ranked, *draft.extra_ranked):
        yield {0: "first", draft.size - 1: "last"}.get(person, "rank"), (person,)


def joined(
    pair: tuple[int, int], partners: list[tuple[int, int]], pending: list[tuple[int, int]], rng: random.Random
) -> tuple[str, tuple[int, ...]]:
    """A sentence of a pair and one or two of those that share a person with it, taken out of ``pending``."""
    first, later = pair
    partner = rng.choice(partners)
    pending.remove(partner)
    for kind, place, shared in (("above", 0, first), ("below", 1, later)):
        if partner[place] == shared:
            others = [pair[1 - place], partner[1 - place]]
            thirds = [other for other in pending if other[place] == shared]
            if thirds and rng.random() < 0.3:
                third = rng.choice(thirds)
                pending.remove(third)
                others.append(third[1 - place])
            return kind, (shared, *rng.sample(others, len(others)))
    return "chain", (first, later, partner[1]) if partner[0] == later else (partner[0], first, later)


def say(
    kind: str,
    people: Sequence[int],
    draft: HeightDraft,
    relation: Relation,
    rng: random.Random,
    variety: float,
    known: Mapping[str, tuple[Phrasing, ...]] = PHRASINGS,
) -> Statement:
    """A plan in words, by one of the phrasings of its kind."""
    names = [draft.row[person] for person in people]
    if kind == "rank":
        phrasings = _rank_phrasings(people[0], draft.size)
    else:
        phrasings = known[kind]
        if len(names) > 3 and kind in ("above", "below"):
            phrasings = tuple(phrasing for phrasing in phrasings if "others" in phrasing.text)
    phrasing = phrasings[0]
    if rng.random() < variety:
        phrasing = rng.choices(phrasings, weights=[phrasing.weight for phrasing in phrasings])[0]
    arrived = relation.verb != "is"
    text = phrasing.text.format(
        *names,
        others=listed(names[1:]),
        more=relation.more,
        less=relation.less,
        most=relation.most,
        least=relation.least,
        in_noun="" if arrived else f" in {relation.name}",
        **{
            "is": relation.verb,
            "are": relation.verb if arrived else "are",
            "isnt": f"did not {relation.base}" if arrived else "is not",
        },
    )
    return Statement(text, phrasing.formula(names), phrasing.name)


def _rank_phrasings(place: int, size: int) -> tuple[Phrasing, ...]:
    """How to say that somebody stands at a place, from 0, that is neither the first nor the last."""
    found = []
    for end, number, at in (("most", place, place + 1), ("least", size - 1 - place, place - size)):
        if number <= len(RANKS):
            text = f"{{0}} {{is}} the {RANKS[number - 1]} {{{end}}}."
            found.append(Phrasing(f"rank {end}", text, partial(standing, at)))
    return tuple(found)
