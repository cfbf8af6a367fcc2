"""Comparisons in wide wording: what ``wording_heights`` says, and what else is said in puzzles found elsewhere.

More facts stand in one sentence, there may be a question at the end of the text, and heights are compared more often
than anything else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from entailbench.logic.formula import And, At, Before, Formula, Not
from entailbench.logic.generator.draft import Worded
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.style import draw_style
from entailbench.logic.generator.wording_heights import (
    COUNTS,
    PHRASINGS,
    People,
    Phrasing,
    above_all,
    before,
    below_all,
    chain,
    joined,
    listed,
    say,
    standing,
    two,
)
from entailbench.logic.language.relations import RELATIONS, Relation

if TYPE_CHECKING:
    from entailbench.logic.generator.heights import HeightDraft

__all__ = ["WIDE_PHRASINGS", "word_widely"]


def _around(p: People) -> Formula:
    return And((Before(p[1], p[0]), *(Before(p[0], other) for other in p[2:])))


def _denied(place: int, p: People) -> Formula:
    return Not(At(p[0], place))


def _above_but_denied(place: int, p: People) -> Formula:
    return And((Before(p[0], p[1]), Not(At(p[0], place))))


def _below_but_denied(place: int, p: People) -> Formula:
    return And((Before(p[1], p[0]), Not(At(p[0], place))))


_MORE: dict[str, tuple[Phrasing, ...]] = {
    "pair": (
        Phrasing("little more", "{0} {is} little {more} than {1}.", before, 1),
        Phrasing("little less", "{1} {is} little {less} than {0}.", before, 1),
        Phrasing("slightly more", "{0} {is} slightly {more} than {1}.", before, 1),
        Phrasing("slightly less", "{1} {is} slightly {less} than {0}.", before, 1),
    ),
    "above": (
        Phrasing("less, who is more", "{1} {is} {less} than {0} who {is} {more} than {2}.", above_all),
        Phrasing("not more, who is more", "{1} {isnt} {more} than {0}, who {is} {more} than {2}.", above_all, 1),
    ),
    "below": (
        Phrasing("more, who is less", "{1} {is} {more} than {0} who {is} {less} than {2}.", below_all),
        Phrasing("more, who is not more", "{1} {is} {more} than {0}, who {isnt} {more} than {2}.", below_all, 1),
    ),
    "chain": (
        Phrasing("more but is less", "{1} {is} {more} than {2} but {is} {less} than {0}.", chain, 3),
        Phrasing("more but is not more", "{1} {is} {more} than {2} but {isnt} {more} than {0}.", chain, 3),
        Phrasing("not more but more", "{1} {isnt} {more} than {0} but {is} {more} than {2}.", chain, 3),
        Phrasing("not less, but is less", "{1} {isnt} {less} than {2}, but {is} {less} than {0}.", chain, 1),
        Phrasing("more and less", "{1} {is} {more} than {2} and {less} than {0}.", chain, 3),
        Phrasing("more who is more", "{0} {is} {more} than {1} who {is} {more} than {2}.", chain, 2),
        Phrasing("less who is less", "{2} {is} {less} than {1} who {is} {less} than {0}.", chain, 2),
        Phrasing("little less and more", "{1} {is} little {less} than {0} and little {more} than {2}.", chain, 1),
    ),
    "two": (
        Phrasing("more and more", "{0} {is} {more} than {1} and {2} {is} {more} than {3}.", two, 3),
        Phrasing("more and less", "{0} {is} {more} than {1} and {3} {is} {less} than {2}.", two, 3),
        Phrasing("less and less", "{1} {is} {less} than {0} and {3} {is} {less} than {2}.", two, 3),
    ),
    # {1} comes before {0}, and {0} before {2} and {3}
    "around": (
        Phrasing("less and more than two", "{0} {is} {less} than {1} and {is} {more} than {2} and {3}.", _around, 2),
        Phrasing("less, and more than two", "{0} {is} {less} than {1}, and {is} {more} than {2} and {3}.", _around, 2),
        Phrasing("less but more than two", "{0} {is} {less} than {1} but {more} than {2} and {3}.", _around, 2),
    ),
    "first": (Phrasing("most in the group", "{0} {is} the {most} in the group.", partial(standing, 1), 1),),
    "last": (Phrasing("least in the group", "{0} {is} the {least} in the group.", partial(standing, -1), 1),),
    "not first": (Phrasing("not most", "{0} {isnt} the {most}.", partial(_denied, 1)),),
    "not last": (Phrasing("not least", "{0} {isnt} the {least}.", partial(_denied, -1)),),
    # {0} comes before {1}, and does not have the place
    "above, not first": (
        Phrasing("more but not most", "{0} {is} {more} than {1} but {isnt} the {most}.", partial(_above_but_denied, 1)),
    ),
    # {1} comes before {0}, and {0} does not have the place
    "below, not last": (
        Phrasing(
            "less but not least", "{0} {is} {less} than {1} but {isnt} the {least}.", partial(_below_but_denied, -1)
        ),
    ),
}
WIDE_PHRASINGS = {kind: (*PHRASINGS.get(kind, ()), *_MORE.get(kind, ())) for kind in {**PHRASINGS, **_MORE}}

NOUNS = ("friends", "students", "classmates", "colleagues", "players", "dolls", "cousins", "runners")
OPENINGS = (
    "{names} are {count} {noun}.",
    "There are {count} {noun} {names}.",
    "There are {count} {noun}: {names}.",
    "{names} are {count} {noun} in a group.",
    "Among {names}.",
)
ENDINGS = (
    "Who is the {most}?",
    "Who is the {least}?",
    "Who of them is the {most}?",
    "Who among these {count} is the {least}?",
    "Who is the {most} in the group?",
    "Then, who is the second {most}?",
    "Is {name} the {most}?",
)


def word_widely(draft: HeightDraft, rng: random.Random, dials: Dials) -> Worded:
    """A puzzle in English, set in some style."""
    chosen = [relation for relation in RELATIONS if relation.name in dials.relations]
    relation = rng.choices(chosen, weights=[10 if relation.name == "height" else 1 for relation in chosen])[0]
    plans = list(_plans(draft, rng))
    statements = [say(kind, people, draft, relation, rng, dials.variety, WIDE_PHRASINGS) for kind, people in plans]
    rng.shuffle(statements)
    style = draw_style(rng)
    opening = [_opening(draft, rng)] if rng.random() < 0.45 else []
    ending = [_ending(draft, relation, rng)] if rng.random() < 0.35 else []
    return Worded.of(draft.signature, [], statements, relation=relation.name).styled(style, rng, opening, ending)


def _opening(draft: HeightDraft, rng: random.Random) -> str:
    people = sorted(draft.row) if len(draft.row[0]) == 1 else rng.sample(draft.row, draft.size)
    return rng.choice(OPENINGS).format(names=listed(people), count=COUNTS[draft.size], noun=rng.choice(NOUNS))


def _ending(draft: HeightDraft, relation: Relation, rng: random.Random) -> str:
    words = {"most": relation.most, "least": relation.least, "name": rng.choice(draft.row)}
    return rng.choice(ENDINGS).format(count=COUNTS[draft.size], **words)


def _plans(draft: HeightDraft, rng: random.Random) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parts what is stated into sentences, more than half of them of more than one fact."""
    pending = [*draft.pairs, *draft.extra_pairs]
    rng.shuffle(pending)
    denied = list(draft.extra_denied)
    while pending:
        pair = pending.pop()
        partners = [other for other in pending if set(pair) & set(other)]
        chance = rng.random()
        if chance < 0.8 and (told := _with_denial(pair, denied)):
            yield told
        elif partners and chance < 0.6:
            yield _widened(joined(pair, partners, pending, rng), pending, rng)
        elif pending and chance > 0.88:
            yield "two", (*pair, *pending.pop())
        else:
            yield "pair", pair
    for person, place in denied:
        yield "not first" if place == 1 else "not last", (person,)
    for middle, first, last in draft.betweens:
        yield "between", (middle, *rng.sample((first, last), 2))
    for person in (*draft.ranked, *draft.extra_ranked):
        yield {0: "first", draft.size - 1: "last"}.get(person, "rank"), (person,)


def _with_denial(pair: tuple[int, int], denied: list[tuple[int, int]]) -> tuple[str, tuple[int, ...]] | None:
    """A pair together with a denial about one of its people, which is taken out of ``denied``."""
    first, later = pair
    for kind, denial, people in (
        ("above, not first", (first, 1), (first, later)),
        ("below, not last", (later, -1), (later, first)),
    ):
        if denial in denied:
            denied.remove(denial)
            return kind, people
    return None


def _widened(
    plan: tuple[str, tuple[int, ...]], pending: list[tuple[int, int]], rng: random.Random
) -> tuple[str, tuple[int, ...]]:
    """A chain with one more who comes after its middle, if there is one."""
    kind, people = plan
    more = [pair for pair in pending if kind == "chain" and pair[0] == people[1]]
    if not more or rng.random() < 0.5:
        return plan
    chosen = rng.choice(more)
    pending.remove(chosen)
    first, middle, last = people
    return "around", (middle, first, *rng.sample((last, chosen[1]), 2))
