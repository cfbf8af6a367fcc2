"""Claims of knights and knaves, which become formulas once it is known who makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

from entailbench.logic.formula import And, Formula, Iff, Knight, Not, Or
from entailbench.logic.language.english import number
from entailbench.logic.language.grammar import NotReadError

__all__ = [
    "Claim",
    "Who",
    "about",
    "about_speaker",
    "all_same",
    "claim_of",
    "coordinated",
    "denied",
    "each_is",
    "embedded",
    "is_knight",
    "person_is",
    "so_many",
    "times_repeated",
    "two_different",
]

_LARGEST = 2_000
"""A claim may come to so many claims about one person: "exactly three of …" has one for each way to choose them."""


@dataclass(frozen=True)
class Who:
    """An inhabitant of the sentence."""

    name: str = ""
    """Empty for a pronoun: the one who speaks."""
    pronoun: str = ""
    """``"he"`` or ``"I"``, which stands for a part of "we" too."""
    reflexive: bool = False
    """Whether it is "himself", which may be the subject of its clause."""

    def in_mouth_of(self, speaker: str) -> str:
        return self.name or speaker


@dataclass(frozen=True)
class Claim:
    """Something claimed, with what its meaning still depends on."""

    build: Callable[[str, bool], Formula]
    """From the speaker's name, and whether "either … or" excludes both."""
    he: bool = False
    """Whether it says "he" or "she"."""
    i: bool = False
    """Whether it says "I"."""
    inner_i: bool = False
    """Whether a claim within it says "I"."""
    unbounded: bool = False
    """Whether an "and" or "or" that follows might belong to its last part."""
    speaks: bool = False
    """Whether it is "A says that …"."""
    size: int = 1
    """At least as many people as its formula mentions, each time counted."""


def denied(formula: Formula) -> Formula:
    return formula.part if isinstance(formula, Not) else Not(formula)


def is_knight(word: str) -> bool:
    return word.startswith(("knight", "truth"))


def person_is(person: str, knight: bool) -> Formula:
    return Knight(person) if knight else Not(Knight(person))


def claim_of(
    build: Callable[[str, bool], Formula],
    who: Sequence[Who] = (),
    parts: Sequence[Claim] = (),
    *,
    unbounded: bool = False,
    times: int = 1,
) -> Claim:
    """A claim about people and about what other claims say; its formula has each of them so many times."""
    size = times * (len(who) + sum(part.size for part in parts))
    if size > _LARGEST:
        raise NotReadError("it comes to too many claims")
    return Claim(
        build,
        any(one.pronoun == "he" for one in who) or any(part.he for part in parts),
        any(one.pronoun == "I" for one in who) or any(part.i for part in parts),
        any(part.inner_i for part in parts),
        unbounded,
        size=size,
    )


def embedded(
    build: Callable[[str, bool], Formula], part: Claim, who: Sequence[Who] = (), *, speaks: bool = False
) -> Claim:
    """A claim about a claim that somebody could make."""
    he = part.he or any(one.pronoun == "he" for one in who)
    i = any(one.pronoun == "I" for one in who)
    return Claim(build, he, i, part.i or part.inner_i, unbounded=True, speaks=speaks, size=part.size + len(who))


def about(who: Sequence[Who], formula: Callable[[list[str]], Formula], times: int = 1) -> Claim:
    """A claim about people."""
    return claim_of(lambda speaker, _: formula([one.in_mouth_of(speaker) for one in who]), who, times=times)


def each_is(who: Sequence[Who], knight: bool) -> Claim:
    return about(who, lambda people: And(tuple(person_is(person, knight) for person in people)))


def all_same(who: Sequence[Who]) -> Claim:
    def same(people: list[str]) -> Formula:
        pairs = tuple(Iff(Knight(a), Knight(b)) for a, b in pairwise(people))
        return pairs[0] if len(pairs) == 1 else And(pairs)

    return about(who, same)


def two_different(who: Sequence[Who]) -> Claim:
    if len(who) != 2:
        raise NotReadError("more than two people cannot all be different")
    return about(who, lambda people: Not(Iff(Knight(people[0]), Knight(people[1]))))


def _bounds(count: str) -> tuple[int, bool, bool]:
    """ "At least two" as the number, whether there may be more, and whether all of it is denied ("at most one")."""
    *bound, word = count.split()
    wanted = number(word) or 0
    negated = bound in (["at", "most"], ["no", "more", "than"])
    least = bound == ["at", "least"] or negated
    return wanted + negated, least, negated


def so_many(count: str, parts: Sequence[Formula]) -> Formula:
    """At least, at most or exactly so many of several formulas."""
    wanted, least, negated = _bounds(count)
    if not least and len(parts) == 2 and wanted == 1:
        return Not(Iff(*parts))
    ways = combinations(range(len(parts)), wanted)
    cases: tuple[Formula, ...]
    if least and wanted == 1:
        cases = tuple(parts)
    elif least:
        cases = tuple(And(tuple(parts[i] for i in way)) for way in ways)
    else:
        cases = tuple(And(tuple(p if i in way else denied(p) for i, p in enumerate(parts))) for way in ways)
    found = cases[0] if len(cases) == 1 else Or(cases)
    return denied(found) if negated else found


def times_repeated(count: str, of: int) -> int:
    """How many times ``so_many`` repeats each of its formulas, at most."""
    wanted, least, _ = _bounds(count)
    return 1 if least and wanted == 1 else max(1, comb(of, wanted))


def coordinated(kind: type[And] | type[Or], parts: Sequence[Claim], *, unbounded: bool = True) -> Claim:
    """Claims joined by "and" or "or"."""
    if unbounded and any(part.unbounded for part in parts[:-1]):
        raise NotReadError("what follows its 'and' or 'or' can belong to the inner claim or to the outer one")
    if any(part.speaks for part in parts[1:]):
        raise NotReadError("it is not clear who says its second claim")
    return claim_of(
        lambda speaker, either: kind(tuple(part.build(speaker, either) for part in parts)), parts=parts, unbounded=True
    )


def about_speaker(who: Who, claim: Claim) -> Claim:
    """What a question about a possible statement asks: in it "he" is the one who would make it."""
    if who.pronoun:
        raise NotReadError("a pronoun stands for nobody in particular")
    return Claim(lambda _, either: Iff(Knight(who.name), claim.build(who.name, either)))
