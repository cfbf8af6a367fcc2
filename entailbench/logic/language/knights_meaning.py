"""What the rules of ``knights.lark`` mean, in terms of ``knights_claims``."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token, Transformer, v_args

from entailbench.logic.formula import And, Formula, Iff, Knight, Not, Or
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.knights_claims import (
    Claim,
    Who,
    about,
    about_speaker,
    all_same,
    claim_of,
    coordinated,
    denied,
    each_is,
    embedded,
    is_knight,
    person_is,
    so_many,
    times_repeated,
    two_different,
)
from entailbench.logic.language.skeleton import NameList

__all__ = ["KnightsMeaning"]


@v_args(inline=True)
class KnightsMeaning(Transformer[Token, list[Claim]]):
    """The meanings of the rules for one sentence; a statement's claim is its whole formula and needs no speaker.

    Args:
        lists: the sentence's names, one in each.
        people: all inhabitants, if they are known: "us".
    """

    def __init__(self, lists: Sequence[NameList], people: Sequence[str] = ()) -> None:
        super().__init__(visit_tokens=True)
        self._lists = lists
        self._people = people

    # statements

    def sentence(self, _filler: Token | None, *statements: Claim) -> list[Claim]:
        told = [statement.speaks for statement in statements]
        if sorted(told) != told:
            raise NotReadError("it is not clear whether its last part is a claim or a fact")
        return list(statements)

    def says(self, who: Who, _says: Token, claim: Claim) -> Claim:
        if claim.inner_i:
            raise NotReadError("in a claim about a claim 'I' can be either speaker")
        return self._stated([who], claim)

    def says_directly(self, who: Who, _says: Token, claim: Claim) -> Claim:
        if claim.he:
            raise NotReadError("in direct speech 'he' is not the one who speaks")
        return self._stated([who], claim)

    def directly_says(self, claim: Claim, _says: Token, who: Who) -> Claim:
        return self.says_directly(who, _says, claim)

    def quoted(self, who: Who, claim: Claim) -> Claim:
        if claim.he:
            raise NotReadError("in direct speech 'he' is not the one who speaks")
        return self._stated([who], claim)

    def say(self, who: list[Who], *rest: object) -> Claim:
        claim = rest[-1]
        if not isinstance(claim, Claim):  # the last part of the rule is its claim
            raise TypeError(claim)
        if claim.he or claim.i or claim.inner_i:
            raise NotReadError("a pronoun can be any of the speakers")
        return self._stated(who, claim)

    def _stated(self, who: Sequence[Who], claim: Claim) -> Claim:
        if any(one.pronoun for one in who):
            raise NotReadError("it does not name who speaks")
        names = [one.name for one in who]

        def build(_: str, either: bool) -> Formula:
            statements = tuple(Iff(Knight(name), claim.build(name, either)) for name in names)
            return statements[0] if len(statements) == 1 else And(statements)

        return Claim(build, speaks=True)

    def fact(self, claim: Claim) -> Claim:
        if claim.he or claim.i or claim.inner_i:
            raise NotReadError("a pronoun stands for nobody in particular")
        return claim

    def fact_all(self, *parts: Claim) -> Claim:
        return self.fact(self.all_of(*parts))

    def fact_any(self, *parts: Claim) -> Claim:
        return self.fact(self.any_of(*parts))

    def fact_if(self, condition: Claim, claim: Claim) -> Claim:
        if condition.speaks or claim.speaks:
            raise NotReadError("what somebody says stands in its condition")
        return self.fact(self.if_then(condition, claim))

    def fact_iff(self, left: Claim, token: Token, right: Claim) -> Claim:
        return self.fact(self.iff(left, token, right))

    # claims made of claims

    def all_of(self, *parts: Claim) -> Claim:
        return coordinated(And, parts)

    def any_of(self, *parts: Claim) -> Claim:
        return coordinated(Or, parts)

    def both_claims(self, first: Claim, second: Claim) -> Claim:
        return coordinated(And, (first, second), unbounded=False)

    def either_claim(self, first: Claim, second: Claim) -> Claim:
        def build(speaker: str, exclusive: bool) -> Formula:
            parts = first.build(speaker, exclusive), second.build(speaker, exclusive)
            return Not(Iff(*parts)) if exclusive else Or(parts)

        return claim_of(build, parts=(first, second), unbounded=True)

    def if_then(self, condition: Claim, claim: Claim) -> Claim:
        return claim_of(
            lambda speaker, either: Or((denied(condition.build(speaker, either)), claim.build(speaker, either))),
            parts=(condition, claim),
            unbounded=True,
        )

    def iff(self, left: Claim, _iff: Token, right: Claim) -> Claim:
        if left.unbounded:
            raise NotReadError("what follows its 'if' can belong to the inner claim or to the outer one")
        return claim_of(
            lambda speaker, either: Iff(left.build(speaker, either), right.build(speaker, either)),
            parts=(left, right),
            unbounded=True,
        )

    def following(self, count: str, _following: Token, *parts: Claim) -> Claim:
        return claim_of(
            lambda speaker, either: so_many(count, [part.build(speaker, either) for part in parts]),
            parts=parts,
            unbounded=True,
            times=times_repeated(count, len(parts)),
        )

    def both_following(self, _following: Token, first: Claim, second: Claim) -> Claim:
        return self.both_claims(first, second)

    def it_is_false(self, _false: Token, claim: Claim) -> Claim:
        return claim_of(lambda speaker, either: denied(claim.build(speaker, either)), parts=(claim,), unbounded=True)

    def it_is_true(self, _true: Token, claim: Claim) -> Claim:
        return claim

    def knows(self, who: Who, _knows: Token, claim: Claim) -> Claim:
        return claim_of(claim.build, [who], [claim], unbounded=claim.unbounded)

    def also_says(self, who: Who, _says: Token, claim: Claim) -> Claim:
        return embedded(
            lambda speaker, either: Iff(Knight(who.in_mouth_of(speaker)), claim.build(speaker, either)),
            claim,
            [who],
            speaks=True,
        )

    def could_say(self, who: Who, _could: Token, claim: Claim) -> Claim:
        return embedded(
            lambda speaker, either: Iff(Knight(who.in_mouth_of(speaker)), claim.build(speaker, either)), claim, [who]
        )

    def could_not_say(self, who: Who, _could: Token, claim: Claim) -> Claim:
        said = self.could_say(who, _could, claim)
        return self.it_is_false(_could, said)

    def only_knave(self, _only: Token, claim: Claim) -> Claim:
        return embedded(lambda speaker, either: denied(claim.build(speaker, either)), claim)

    def only_knight(self, _only: Token, claim: Claim) -> Claim:
        return embedded(claim.build, claim)

    # claims about people

    def is_a(self, who: Who, _is: Token, negation: Token | None, kind: str) -> Claim:
        return about([who], lambda people: person_is(people[0], is_knight(kind) is (negation is None)))

    def is_truthful(self, who: Who, _verb: Token) -> Claim:
        return about([who], lambda people: person_is(people[0], True))

    def is_lying(self, who: Who, _verb: Token) -> Claim:
        return about([who], lambda people: person_is(people[0], False))

    def is_same_as(self, who: Who, _is: Token, negation: Token | None, _same_as: Token, other: Who) -> Claim:
        if other.reflexive and who.name:
            raise NotReadError("it is not clear to whom it compares")
        return two_different([who, other]) if negation is not None else all_same([who, other])

    def is_different_from(self, who: Who, is_: Token, different_from: Token, other: Who) -> Claim:
        return self.is_same_as(who, is_, is_, different_from, other)

    def are(self, who: list[Who], _are: Token, kinds: str) -> Claim:
        return each_is(who, is_knight(kinds))

    def both_are(self, who: list[Who], _are: Token, kinds: str) -> Claim:
        if len(who) != 2:
            raise NotReadError("'both' goes with two names")
        return each_is(who, is_knight(kinds))

    def are_not(self, who: list[Who], _are: Token, _not_: Token, kinds: str) -> Claim:
        return each_is(who, not is_knight(kinds))

    def are_not_both(self, who: list[Who], _are: Token, _not_: Token, kinds: str) -> Claim:
        return self.it_is_false(_not_, self.both_are(who, _are, kinds))

    def are_same(self, who: list[Who], _are: Token, negation: Token | None, _same_: Token) -> Claim:
        return two_different(who) if negation is not None else all_same(who)

    def are_different(self, who: list[Who], _are: Token, _different_: Token) -> Claim:
        return two_different(who)

    def are_same_both(self, who: list[Who], _are: Token, _both: Token) -> Claim:
        if len(who) != 2:
            raise NotReadError("'both' goes with two names")
        return all_same(who)

    def one_is(self, first: Who, second: Who, _is: Token, kind: str) -> Claim:
        return about([first, second], lambda people: Or(tuple(person_is(person, is_knight(kind)) for person in people)))

    def either_is(self, first: Who, second: Who, _is: Token, kind: str) -> Claim:
        return self.either_claim(self.is_a(first, _is, None, kind), self.is_a(second, _is, None, kind))

    def neither_is(self, _neither: Token, *rest: object) -> Claim:
        who = [part for part in rest if isinstance(part, Who)]
        return each_is(who, not is_knight(str(rest[-1])))

    def counted(self, count: str, who: list[Who], _is: Token, kind: str) -> Claim:
        return about(
            who,
            lambda people: so_many(count, [person_is(person, is_knight(kind)) for person in people]),
            times=times_repeated(count, len(who)),
        )

    def of_counted(self, who: list[Who], count: str, _is: Token, kind: str) -> Claim:
        return self.counted(count, who, _is, kind)

    def none_of(self, _none: Token, who: list[Who], _is: Token, kind: str) -> Claim:
        return each_is(who, not is_knight(kind))

    def neither_of_us(self, _neither: Token, us: Token, _is: Token, kind: str) -> Claim:
        return self.both_are(self.us(us), _is, "knave" if is_knight(kind) else "knight")

    def both_of_us(self, us: Token, _are: Token, kinds: str) -> Claim:
        return self.both_are(self.us(us), _are, kinds)

    def all_of_are(self, who: list[Who], _are: Token, kinds: str) -> Claim:
        return each_is(who, is_knight(kinds))

    # people

    def group(self, names: list[Who]) -> list[Who]:
        return names

    def us(self, us: Token) -> list[Who]:
        if len(self._people) < 2:
            raise NotReadError(f"it is not known who {str(us)!r} are")
        return [Who(person, "I") for person in self._people]

    def names(self, *who: Who) -> list[Who]:
        return list(who)

    def named(self, token: Token) -> Who:
        return Who(self._lists[int(token[1:])].names[0])

    def he(self, he: Token) -> Who:
        return Who(pronoun="he", reflexive=he.endswith("self"))

    def i(self, _i: Token) -> Who:
        return Who(pronoun="I")

    # questions

    def question(self, _filler: Token | None, claim: Claim) -> list[Claim]:
        return [self.fact(claim)]

    def ask_is_a(self, _is: Token, who: Who, negation: Token | None, kind: str) -> Claim:
        return self.is_a(who, _is, negation, kind)

    def ask_is_same_as(self, _is: Token, who: Who, negation: Token | None, same_as: Token, other: Who) -> Claim:
        return self.is_same_as(who, _is, negation, same_as, other)

    def ask_is_different_from(self, _is: Token, who: Who, _from: Token, other: Who) -> Claim:
        return two_different([who, other])

    def ask_are(self, _are: Token, who: list[Who], kinds: str) -> Claim:
        return self.are(who, _are, kinds)

    def ask_both_are(self, _are: Token, who: list[Who], kinds: str) -> Claim:
        return self.both_are(who, _are, kinds)

    def ask_are_same(self, _are: Token, who: list[Who], negation: Token | None, same: Token) -> Claim:
        return self.are_same(who, _are, negation, same)

    def ask_are_different(self, _are: Token, who: list[Who], _different_: Token) -> Claim:
        return two_different(who)

    def ask_are_same_both(self, _are: Token, who: list[Who], both: Token) -> Claim:
        return self.are_same_both(who, _are, both)

    def ask_either_is(self, _is: Token, first: Who, second: Who, kind: str) -> Claim:
        return self.either_is(first, second, _is, kind)

    def ask_neither_is(self, _is: Token, neither: Token, first: Who, second: Who, kind: str) -> Claim:
        return self.neither_is(neither, first, second, kind)

    def ask_counted(self, _is: Token, count: str, who: list[Who], kind: str) -> Claim:
        return self.counted(count, who, _is, kind)

    def ask_could(self, _could: Token, who: Who, _says: Token, claim: Claim) -> Claim:
        if claim.i or claim.inner_i:
            raise NotReadError("'I' stands for nobody in particular")
        return about_speaker(who, claim)

    def ask_true(self, _true: Token, claim: Claim) -> Claim:
        return claim

    def ask_claim(self, claim: Claim) -> Claim:
        return claim
