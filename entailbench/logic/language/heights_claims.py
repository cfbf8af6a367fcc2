"""What comparisons say of people: from relations, names and ranks to formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from entailbench.logic.formula import And, At, Before, Formula, Not, Or
from entailbench.logic.language.english import number, ordinal
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.heights_words import ACTS
from entailbench.logic.language.skeleton import NameList

__all__ = [
    "Comparison",
    "Facts",
    "Objects",
    "Place",
    "Predicate",
    "Rank",
    "acting",
    "agree",
    "compared",
    "higher",
    "listed",
    "place_number",
    "rank_among",
    "said_of_all",
    "said_of_none",
    "said_of_one",
    "together",
]

_MOST_FACTS = 2_000


@dataclass(frozen=True)
class Facts:
    """What a sentence says, and what it supposes."""

    formulas: tuple[Formula, ...] = ()
    """In the order of the text."""
    relations: tuple[str, ...] = ()
    """What is compared, in the order of the text."""
    bare: bool = False
    """Whether it needs to be known what is compared: "between B and C"."""
    sizes: frozenset[int] = frozenset()
    """How many people it supposes: "the tallest of the five"."""
    nouns: frozenset[str] = frozenset()
    """What it supposes all of the people to be: "the tallest girl"."""
    names: tuple[str, ...] = ()
    """Whom it names, in the order of the text."""

    @property
    def formula(self) -> Formula:
        """All of it."""
        return self.formulas[0] if len(self.formulas) == 1 else And(self.formulas)


@dataclass(frozen=True)
class Objects:
    """Whom somebody is compared with."""

    names: tuple[str, ...]
    joined: str = ""
    quantifier: str = ""
    """``"everyone"`` and ``"nobody"``: ``names`` are the exceptions; ``"neither"``; or none of these."""
    count: int = 0
    """How many, whoever they are: "only two people"; the quantifier is ``"nobody"``."""
    who: Predicate | None = None
    """What is said of the last of them."""


@dataclass(frozen=True)
class Comparison:
    relation: str
    sign: int
    """1 for "taller", -1 for "shorter"."""
    objects: Objects
    degree: bool = False
    """Whether it is "a little taller"."""
    equal: bool = False
    """Whether it is "as tall as"; its negation is "shorter"."""


@dataclass(frozen=True)
class Place:
    """Where somebody stands in the row."""

    formula: Callable[[str], Formula]
    facts: Facts
    """What it supposes."""
    needs_verb: bool = False
    """"First" says something beside "arrived" only."""


@dataclass(frozen=True)
class Rank:
    """ "The second tallest of the five"."""

    relation: str
    number: int
    """As the place of ``formula.At``."""
    scope: str
    """"Of the five", or empty."""
    nouns: frozenset[str]

    def place(self) -> Place:
        """The rank among all people."""
        inside = self.scope.split()
        if len(inside) == 1 and inside != ["overall"]:
            raise NotReadError("it breaks off")
        sizes = frozenset(size for word in inside if (size := number(word)) is not None)
        facts = Facts(relations=(self.relation,), sizes=sizes, nouns=self.nouns)
        return Place(lambda person: At(person, self.number), facts)


@dataclass(frozen=True)
class Predicate:
    complement: Comparison | Place
    negated: bool = False

    @property
    def supposed(self) -> list[Facts]:
        if isinstance(self.complement, Place):
            return [self.complement.facts]
        who = self.complement.objects.who
        return [Facts(relations=(self.complement.relation,)), *(who.supposed if who else [])]

    @property
    def by_one(self) -> bool:
        """Whether it cannot be true of two people."""
        if isinstance(self.complement, Place):
            return not self.negated and not self.complement.facts.bare
        return self.complement.objects.quantifier in {"everyone", "nobody"}


def higher(first: str, second: str, sign: int) -> Formula:
    return Before(first, second) if sign > 0 else Before(second, first)


def _not_above(first: str, second: str, sign: int) -> Formula:
    # of two different people one is the taller, but nobody is taller than themselves
    return Not(Before(first, first)) if first == second else higher(second, first, sign)


def rank_among(person: str, sign: int, above: Iterable[str], count: int = 0) -> list[Formula]:
    """On one side of a person (1: above) are just these others, or just so many."""
    others = [name for name in above if name != person]
    return [*(higher(name, person, sign) for name in others), At(person, sign * (1 + (count or len(others))))]


def _of(person: str, predicate: Predicate) -> list[Formula]:
    """What a predicate says of a person."""
    said = predicate.complement
    if isinstance(said, Place):
        if said.needs_verb:
            raise NotReadError("it does not say in what")
        formula = said.formula(person)
        return [Not(formula) if predicate.negated else formula]
    objects, sign = said.objects, said.sign
    if said.equal and not predicate.negated:
        raise NotReadError("in a strict order nobody is equal to another")
    if objects.quantifier and predicate.negated:
        raise NotReadError(f"'not' and {objects.quantifier!r} together can mean two things")
    if objects.quantifier in {"everyone", "nobody"}:
        return rank_among(person, sign if objects.quantifier == "everyone" else -sign, objects.names, objects.count)
    if predicate.negated and said.degree:
        raise NotReadError("'not' before a degree can mean two things")
    if predicate.negated and objects.joined == "and":
        raise NotReadError("'not' before names joined by 'and' can mean one of them or all")
    if objects.joined == "or" and not predicate.negated and not objects.quantifier:
        raise NotReadError("'or' leaves open who is meant")
    reverse = predicate.negated or objects.quantifier == "neither"
    # "not as tall as oneself" is as false as "shorter than oneself"
    compare = (lambda one, other, sign: higher(other, one, sign)) if said.equal else _not_above if reverse else higher
    about_last = _of(objects.names[-1], objects.who) if objects.who else []
    return [*(compare(person, other, sign) for other in objects.names), *about_last]


def together(parts: Iterable[Facts], formulas: Iterable[Formula] | None = None) -> Facts:
    parts = tuple(parts)
    return Facts(
        tuple(formula for part in parts for formula in part.formulas) if formulas is None else tuple(formulas),
        tuple(relation for part in parts for relation in part.relations),
        any(part.bare for part in parts),
        frozenset[int]().union(*(part.sizes for part in parts)),
        frozenset[str]().union(*(part.nouns for part in parts)),
    )


def listed(names: NameList, joined: str = "and") -> tuple[str, ...]:
    """The names of a list that is joined as it should be."""
    if len(names.names) > 1 and names.joined != joined:
        raise NotReadError(
            "'or' leaves open who is meant" if names.joined == "or" else "its list of names is not clear"
        )
    return names.names


def _bounded(names: tuple[str, ...], predicates: Iterable[Predicate]) -> None:
    """Refuse two long lists, each of whose pairs would be compared."""
    complements = [predicate.complement for predicate in predicates]
    compared = sum(len(one.objects.names) if isinstance(one, Comparison) else 1 for one in complements)
    if len(names) * compared > _MOST_FACTS:
        raise NotReadError(f"it says more than {_MOST_FACTS:,} things")


def said_of_all(names: tuple[str, ...], predicates: Iterable[Predicate]) -> Facts:
    predicates = tuple(predicates)
    _bounded(names, predicates)
    for predicate in predicates[:-1]:
        if isinstance(predicate.complement, Comparison) and predicate.complement.objects.who:
            raise NotReadError("what follows the clause with 'who' can be said of two people")
    if len(names) > 1 and any(predicate.by_one for predicate in predicates):
        raise NotReadError("it says of several people what can be true of one only")
    return together(
        (part for predicate in predicates for part in predicate.supposed),
        (formula for name in names for predicate in predicates for formula in _of(name, predicate)),
    )


def said_of_one(names: NameList, predicate: Predicate) -> Facts:
    """One of several is what only one can be, so that "or" excludes both."""
    if predicate.negated or not predicate.by_one:
        raise NotReadError("'or' leaves open who is meant")
    chosen = listed(names, "or")
    if len(chosen) < 2:
        raise NotReadError("'either' goes with two names")
    _bounded(chosen, [predicate])
    ways = tuple(_of(name, predicate) for name in chosen)
    return together(predicate.supposed, [Or(tuple(way[0] if len(way) == 1 else And(tuple(way)) for way in ways))])


def said_of_none(names: tuple[str, ...], complement: Comparison | Place) -> Facts:
    predicate = Predicate(complement, negated=True)
    _bounded(names, [predicate])
    return together(predicate.supposed, (formula for name in names for formula in _of(name, predicate)))


def place_number(word: str) -> int:
    place = ordinal(word)
    if not place:
        raise NotReadError("its rank is not clear")
    return place


def agree(names: NameList, verb: str) -> None:
    if len(names.names) == 1 and verb in {"are", "were"}:
        raise NotReadError(f"one name with {str(verb)!r}")


def acting(verb: str, complement: Comparison | Place) -> Comparison | Place:
    """A complement beside a verb that goes with one relation."""
    relation = ACTS[verb]
    if isinstance(complement, Comparison):
        fits = complement.relation == relation
    else:
        fits = set(complement.facts.relations) <= {relation}
        complement = replace(
            complement, facts=replace(complement.facts, relations=(relation,), bare=False), needs_verb=False
        )
    if not fits:
        raise NotReadError(f"{str(verb)!r} does not go with what is compared")
    return complement


def compared(relation: str, sign: int, objects: object, degrees: list[object]) -> Comparison:
    if not isinstance(objects, Objects):  # "more than" has an object in every form of the grammar
        raise TypeError(objects)
    return Comparison(relation, sign, objects, bool(degrees))
