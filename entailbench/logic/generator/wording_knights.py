"""Puts the claims of knights and knaves into words.

``{0}`` and ``{1}`` are people ("I", "he" or "she" where they speak of themselves), ``{o0}`` the same as an object,
``{is0}`` their verb, ``{k0}`` "a knight" or "a knave", ``{s0}`` "knights" or "knaves", ``{self}`` the speaker. The
first wording of a form is the plain one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from entailbench.logic.generator.draft import Candidate, Statement, Worded
from entailbench.logic.generator.names import pronoun
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.style import draw_style
from entailbench.logic.generator.wording_heights import COUNTS, listed

if TYPE_CHECKING:
    from entailbench.logic.generator.knights import Claim, KnightsDraft

__all__ = ["WORDINGS", "ask", "word"]

WORDINGS: dict[str, tuple[str, ...]] = {
    "plain": ("{0} {is0} {k0}",),
    "denied": ("it is false that {0} {is0} {k0}", "it is not the case that {0} {is0} {k0}", "{0} {is0} not {k0}"),
    "only a knave": ("only a knave would say that {0} {is0} {k0}",),
    "could say": (
        "{0} could say that {1} {is1} {k0}",
        "{0} would say that {1} {is1} {k0}",
        "{0} would claim that {1} {is1} {k0}",
    ),
    "both": ("{0} and {1} are both {s0}", "{0} and {1} are {s0}", "both {0} and {1} are {s0}"),
    "and": ("{0} {is0} {k0} and {1} {is1} {k1}", "{self} {knows} that {0} {is0} {k0} and that {1} {is1} {k1}"),
    "or": (
        "{0} {is0} {k0} or {1} {is1} {k1}",
        "at least one of the following is true: that {0} {is0} {k0} or that {1} {is1} {k1}",
    ),
    "either": ("either {0} {is0} {k0} or {1} {is1} {k1}",),
    "if": ("if {0} {is0} {k0}, then {1} {is1} {k1}",),
    "if and only if": ("{0} {is0} {k0} if and only if {1} {is1} {k1}",),
    "neither": ("neither {0} nor {1} is {k0}", "neither {0} nor {1} are {s0}"),
    "same": ("{0} and {1} are the same", "{0} and {1} are both knights or both knaves"),
    "different": ("{0} and {1} are different", "{0} and {1} are not the same"),
    "at least one": ("at least one of {o0} and {o1} is {k0}",),
    "at most one": ("at most one of {o0} and {o1} is {k0}",),
    "exactly one": ("of {o0} and {o1}, exactly one is {k0}", "exactly one of {o0} and {o1} is {k0}"),
}
"""How a claim is put after "says that"."""
_MORE: dict[str, tuple[str, ...]] = {
    "could say": ("{0} could claim that {1} {is1} {k0}", "{0} would tell you that {1} {is1} {k0}"),
    "and": ("both {0} {is0} {k0} and {1} {is1} {k1}",),
}
WIDE_WORDINGS = {form: (*wordings, *_MORE.get(form, ())) for form, wordings in WORDINGS.items()}
"""The same in wide wording."""
SPEAKING = ("says that {}.", "claims that {}.", "tells you that {}.", "states that {}.")
QUOTING = 'says: "{}."'
OBJECTS = {"he": "him", "she": "her", "I": "me"}
ISLANDS = (
    "On this island everybody is either a knight or a knave. Knights always tell the truth, and knaves always lie.",
    "Knights always tell the truth and knaves always lie.",
    "Everybody here is a knight, who always tells the truth, or a knave, who always lies.",
)
MEETINGS = (
    "You meet {count} inhabitants: {names}.",
    "{names} are {count} inhabitants of the island.",
    "There are {count} people: {names}.",
)
WIDE_ISLANDS = (
    "On an island, every inhabitant is a knight or a knave: knights always tell the truth, and knaves always lie.",
    "Knaves always lie, and knights always tell the truth.",
    "Every inhabitant of the island is either a knight, who always tells the truth, or a knave, who always lies.",
)
WIDE_MEETINGS = ("You meet {count} inhabitants of the island: {names}.", "{names} are inhabitants of the island.")
ENDINGS = (
    "Who is a knight and who is a knave?",
    "Which of them are knights?",
    "Can you find out who is a knave?",
    "Determine who is a knight and who is a knave.",
)


def word(draft: KnightsDraft, rng: random.Random, dials: Dials) -> Worded:
    """A puzzle in English: what knights and knaves are, who there is, and who says what."""
    if dials.wide:
        return _word_widely(draft, rng, dials)
    people = draft.signature.people
    island, meeting = (
        rng.choice(chances) if rng.random() < dials.variety else chances[0] for chances in (ISLANDS, MEETINGS)
    )
    names = listed(rng.sample(people, len(people)))
    before = [island, meeting.format(names=names, count=COUNTS[len(people)])]
    return Worded.of(draft.signature, before, [_say(claim, rng, dials.variety) for claim in draft.claims])


def ask(candidate: Candidate, worded: Worded, rng: random.Random) -> str:
    """A question in English."""
    style = worded.style
    article = "the" if style.asks else "a"
    return style.set(f"Is {style.asked(candidate.about[0])} {article} {candidate.form}?", rng)


def _word_widely(draft: KnightsDraft, rng: random.Random, dials: Dials) -> Worded:
    """The same with more ways to say it, a question at the end of the text perhaps, and set in some style."""
    people = draft.signature.people
    style = draw_style(rng)
    names = listed(rng.sample(people, len(people)))
    meeting = rng.choice((*MEETINGS, *WIDE_MEETINGS)).format(names=names, count=COUNTS[len(people)])
    before = [rng.choice((*ISLANDS, *WIDE_ISLANDS)), meeting]
    ending = [rng.choice(ENDINGS)] if rng.random() < 0.6 else []
    # Nobody is quoted where signs stand apart: the quotation marks would have to as well.
    quoting = 0.0 if style.commas else 0.2
    statements = [_say(claim, rng, dials.variety, WIDE_WORDINGS, quoting) for claim in draft.claims]
    return Worded.of(draft.signature, [], statements).styled(style, rng, before, ending)


def _say(
    claim: Claim,
    rng: random.Random,
    variety: float,
    known: Mapping[str, tuple[str, ...]] = WORDINGS,
    quoting: float = 0.2,
) -> Statement:
    wordings = known[claim.form]
    number = rng.randrange(len(wordings)) if rng.random() < variety else 0
    quoted = rng.random() < quoting * variety
    speaker = "I" if quoted else pronoun(claim.speaker)
    people = [speaker if person == claim.speaker else person for person in claim.about]
    words = {"self": speaker, "knows": "know" if quoted else "knows"}
    for place, person in enumerate(people):
        words[f"is{place}"] = "am" if person == "I" else "is"
        words[f"o{place}"] = OBJECTS.get(person, person)
    for place, knight in enumerate(claim.kinds):
        words[f"k{place}"] = "a knight" if knight else "a knave"
        words[f"s{place}"] = "knights" if knight else "knaves"
    said = wordings[number].format(*people, **words)
    if quoted:
        text = QUOTING.format(said[0].upper() + said[1:])
    else:
        text = (rng.choice(SPEAKING) if rng.random() < variety else SPEAKING[0]).format(said)
    name = f"{claim.form} {number + 1}" if len(wordings) > 1 else claim.form
    return Statement(f"{claim.speaker} {text}", claim.formula, f"{name}, quoted" if quoted else name)
