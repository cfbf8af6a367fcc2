"""What the rules of ``heights.lark`` mean, in terms of ``heights_claims``."""

from __future__ import annotations

from dataclasses import replace

from lark import Token, Transformer, v_args

from entailbench.logic.formula import And, At, Before, Formula, Or
from entailbench.logic.language.english import number
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.heights_claims import (
    Comparison,
    Facts,
    Objects,
    Place,
    Predicate,
    Rank,
    acting,
    agree,
    compared,
    higher,
    listed,
    place_number,
    rank_among,
    said_of_all,
    said_of_none,
    said_of_one,
    together,
)
from entailbench.logic.language.heights_words import ACTS, ADJECTIVES, COMPARATIVES, SEXES, SUPERLATIVES
from entailbench.logic.language.skeleton import NameList

__all__ = ["HeightsMeaning"]


@v_args(inline=True)
class HeightsMeaning(Transformer[Token, Facts]):
    """The meanings of the rules for one sentence.

    Args:
        lists: its lists of names.
    """

    def __init__(self, lists: tuple[NameList, ...]) -> None:
        super().__init__(visit_tokens=True)
        self._lists = lists

    def NAMES(self, token: Token) -> NameList:  # noqa: N802  # named as the terminal
        return self._lists[int(token[1:])]

    # statements

    def sentence(self, *clauses: Facts | Token | None) -> Facts:
        return together(clause for clause in clauses if isinstance(clause, Facts))

    def some_are(self, names: NameList, predicates: list[tuple[str, Predicate]]) -> Facts:
        agree(names, predicates[0][0])
        if names.joined == "or" and len(predicates) == 1:
            return said_of_one(names, predicates[0][1])
        return said_of_all(listed(names), (predicate for _, predicate in predicates))

    def both_are(self, names: NameList, predicates: list[tuple[str, Predicate]]) -> Facts:
        if len(names.names) != 2:
            raise NotReadError("'both' goes with two names")
        if any(predicate.negated for _, predicate in predicates):
            raise NotReadError("'both' and 'not' together can mean two things")
        return self.some_are(names, predicates)

    def either_is(self, names: NameList, verbal: tuple[str, Predicate]) -> Facts:
        return said_of_one(names, verbal[1])

    def some_who_are(
        self, names: NameList, inner: list[tuple[str, Predicate]], outer: list[tuple[str, Predicate]]
    ) -> Facts:
        if len(names.names) > 1:
            raise NotReadError("'who' can be one of them or all")
        return together([self.some_are(names, inner), self.some_are(names, outer)])

    def neither_are(self, _neither_: Token, names: NameList, verb: str, complement: Comparison | Place) -> Facts:
        return said_of_none(listed(names, "or"), acting(verb, complement) if verb in ACTS else complement)

    def quantified_are(self, subject: Objects, verb: str, _all: object, comparison: Comparison) -> Facts:
        if verb in ACTS:
            acting(verb, comparison)
        objects = comparison.objects
        if objects.quantifier or objects.who or len(objects.names) != 1:
            raise NotReadError(f"{subject.quantifier!r} is read before a comparison with one name only")
        if comparison.equal and subject.quantifier == "everyone":
            raise NotReadError("in a strict order nobody is equal to another")
        sign = -comparison.sign if subject.quantifier == "everyone" else comparison.sign
        return Facts(tuple(rank_among(objects.names[0], sign, subject.names, subject.count)), (comparison.relation,))

    def ranked_is(self, rank: Rank, verb: str, negation: object, names: NameList) -> Facts:
        if len(names.names) > 1:
            raise NotReadError("it says of several people what can be true of one only")
        return said_of_all(names.names, [Predicate(rank.place(), negation is not None)])

    def ranked_is_either(self, rank: Rank, _verb: str, names: NameList) -> Facts:
        return said_of_one(names, Predicate(rank.place()))

    # predicates

    def is_but_not(
        self, verbal: tuple[str, Predicate], _joint: Token, _not: Token, names: NameList
    ) -> list[tuple[str, Predicate]]:
        said = verbal[1].complement
        if verbal[1].negated or not isinstance(said, Comparison) or said.objects.quantifier or said.objects.who:
            raise NotReadError("it is not clear what its second part denies")
        return [verbal, ("", Predicate(replace(said, objects=self.some(names)), negated=True))]

    def is_neither(
        self, verb: str, _neither_: Token, first: Comparison | Place, second: Comparison | Place
    ) -> list[tuple[str, Predicate]]:
        return [(str(verb), Predicate(first, negated=True)), ("", Predicate(second, negated=True))]

    def predicates(self, first: tuple[str, Predicate], *others: tuple[str, Predicate]) -> list[tuple[str, Predicate]]:
        said = [first]
        for joint, predicate in others:
            if joint == "and" and said[-1][1].negated:
                raise NotReadError("it is not clear how far 'not' reaches")
            said.append(("", predicate))
        return said

    def is_(self, verb: str, negation: object, every: object, complement: Comparison | Place) -> tuple[str, Predicate]:
        if negation is not None and every is not None:
            raise NotReadError(f"'not' and {str(every)!r} together can mean two things")
        return str(verb), Predicate(complement, negation is not None)

    def acted(self, verb: str, negation: object, complement: Comparison | Place) -> tuple[str, Predicate]:
        return str(verb), Predicate(acting(verb, complement), negation is not None)

    def did_not(self, _do: Token, _not: Token, verb: str, complement: Comparison | Place) -> tuple[str, Predicate]:
        return str(verb), Predicate(acting(verb, complement), negated=True)

    def joined_verbal(self, _joint: Token, verbal: tuple[str, Predicate]) -> tuple[str, Predicate]:
        return "", verbal[1]  # with a verb of its own, "not" is over

    def joined_bare(self, joint: str, negation: object, complement: Comparison | Place) -> tuple[str, Predicate]:
        return "and" if joint.startswith("and") else "but", Predicate(complement, negation is not None)

    # comparisons

    def more_than(self, *parts: object) -> Comparison:
        *degrees, more, objects = parts
        relation, sign = COMPARATIVES[str(more)]
        return compared(relation, sign, objects, degrees)

    def less_than(self, *parts: object) -> Comparison:
        *degrees, adjective, objects = parts
        relation, sign = ADJECTIVES[str(adjective)]
        return compared(relation, -sign, objects, degrees)

    def sooner(self, *parts: object) -> Comparison:
        *degrees, order, objects = parts
        return compared("arrival", 1 if order == "before" else -1, objects, degrees)

    def as_tall_as(self, phrase: str, objects: Objects) -> Comparison:
        relation, sign = ADJECTIVES[phrase.split()[1]]
        return Comparison(relation, sign, objects, equal=True)

    def some(self, names: NameList) -> Objects:
        if names.joined == ",":
            raise NotReadError("its list of names is not clear")
        return Objects(names.names, names.joined)

    def both(self, names: NameList) -> Objects:
        if len(names.names) != 2:
            raise NotReadError("'both' goes with two names")
        return Objects(listed(names), "and")

    def who(self, names: NameList, verbal: tuple[str, Predicate]) -> Objects:
        return replace(self.some(names), who=verbal[1])

    def neither(self, _neither_: Token, names: NameList) -> Objects:
        return Objects(listed(names, "or"), "or", "neither")

    def everyone(self, _everyone: Token, _except: object, names: NameList | None) -> Objects:
        return Objects(listed(names) if names else (), quantifier="everyone")

    def nobody(self, _nobody: Token, _except: object, names: NameList | None) -> Objects:
        return Objects(listed(names) if names else (), quantifier="nobody")

    def nobody_but(self, only: Token, names: NameList) -> Objects:
        if only == "exactly":
            raise NotReadError("its form is not known")
        return Objects(listed(names), quantifier="nobody")

    def counted(self, _only: Token, count: Token, _group: Token) -> Objects:
        return Objects((), quantifier="nobody", count=number(count) or 0)

    # places

    def ranked(self, rank: Rank, among: NameList | None) -> Place:
        if among is None:
            return rank.place()
        names = listed(among)
        if abs(rank.number) != 1 or not rank.scope:
            raise NotReadError("a rank among some of the people is not read")

        def first_among(person: str) -> Formula:
            above = tuple(higher(person, other, rank.number) for other in names if other != person)
            if len(above) == len(names) or not above:
                raise NotReadError("it is not clear of whom it is the first")
            return above[0] if len(above) == 1 else And(above)

        return Place(first_among, Facts(relations=(rank.relation,)))

    def rank(self, order: Token | None, most: str, group: Token | None, but_one: object, scope: Token | None) -> Rank:
        relation, sign = SUPERLATIVES[str(most)]
        if order is not None and (but_one is not None or order == "last"):
            raise NotReadError("its rank is not clear")
        words = [*str(scope or "").split(), *([str(group)] if group else [])]
        if not {"other", "others"}.isdisjoint(words):
            raise NotReadError("it is not clear of whom it is the first")
        number_ = 2 if but_one is not None else place_number(order) if order else 1
        return Rank(
            relation, sign * number_, str(scope or ""), frozenset(SEXES[word] for word in words if word in SEXES)
        )

    def between(self, names: NameList, _in: object, noun: Token | None) -> Place:
        ends = listed(names)
        if len(ends) != 2:
            raise NotReadError("'between' goes with two names")
        first, last = ends

        def inside(person: str) -> Formula:
            return Or(
                (
                    And((Before(first, person), Before(person, last))),
                    And((Before(last, person), Before(person, first))),
                )
            )

        return Place(inside, Facts(relations=(str(noun),) if noun else (), bare=True))

    def from_end(self, order: Token, end: Token) -> Place:
        place = place_number(order)
        return Place(lambda person: At(person, place if end == "top" else -place), Facts(bare=True))

    def finished(self, order: Token, verb: Token | None) -> Place:
        place = -1 if order == "last" else place_number(order)
        relations = (ACTS[str(verb)],) if verb else ()
        return Place(lambda person: At(person, place), Facts(relations=relations), needs_verb=verb is None)

    # questions

    def question(self, *parts: Facts | Token | None) -> Facts:
        return together(part for part in parts if isinstance(part, Facts))

    def ask_is(
        self, verb: str, names: NameList, negation: object, every: object, complement: Comparison | Place,
        *others: tuple[str, Predicate],
    ) -> Facts:  # fmt: skip
        return self.some_are(names, self.predicates(self.is_(verb, negation, every, complement), *others))

    def ask_did(
        self, _do: Token, names: NameList, negation: object, verb: str, complement: Comparison | Place,
        *others: tuple[str, Predicate],
    ) -> Facts:  # fmt: skip
        return self.some_are(names, self.predicates(self.acted(verb, negation, complement), *others))

    def ask_is_neither(
        self, verb: str, names: NameList, neither: Token, first: Comparison | Place, second: Comparison | Place
    ) -> Facts:
        return self.some_are(names, self.is_neither(verb, neither, first, second))

    def ask_either(self, _is: Token, names: NameList, complement: Comparison | Place) -> Facts:
        return said_of_one(names, Predicate(complement))

    def ask_neither(self, _is: Token, _neither_: Token, names: NameList, complement: Comparison | Place) -> Facts:
        return said_of_none(listed(names, "or"), complement)

    def ask_quantified(self, verb: str, subject: Objects, comparison: Comparison) -> Facts:
        return self.quantified_are(subject, verb, None, comparison)

    def ask_ranked(self, verb: str, rank: Rank, negation: object, names: NameList) -> Facts:
        return self.ranked_is(rank, verb, negation, names)

    def ask_true(self, *parts: Facts | Token | None) -> Facts:
        return together(part for part in parts if isinstance(part, Facts))
