"""The meanings of the rules of ``zebra.lark``: claims (``zebra_claims``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from entailbench.logic.language.english import ORDINALS
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_claims import (
    Claim,
    Couple,
    Either,
    Is,
    Place,
    Predicate,
    Relation,
    Statement,
    Thing,
    Value,
    values_of,
)
from entailbench.logic.language.zebra_tokens import kind_named, number_in, place_of, relation_of, width_of
from entailbench.logic.language.zebra_words import KIND_NOUNS, ROLES, role_of

if TYPE_CHECKING:
    from lark import Token

__all__ = ["meanings"]


def _with_role(thing: Thing, role: str) -> Thing:
    """The thing, its head put in a role if it is a bare value."""
    if role and thing.parts and isinstance(thing.parts[0], Value) and not thing.parts[0].role:
        return replace(thing, parts=(replace(thing.parts[0], role=role), *thing.parts[1:]))
    return thing


def _map(predicate: Predicate, change: Callable[[Is], Is]) -> Predicate:
    """The predicate with every ``Is`` in it changed."""
    if isinstance(predicate, Is):
        return change(predicate)
    return replace(predicate, parts=tuple(_map(part, change) for part in _parts(predicate)))


def _said(predicate: Predicate, object_role: str, subject_role: str) -> Predicate:
    return _map(predicate, lambda part: Is(_with_role(part.thing, object_role), subject_role))


def _parts(predicate: Either) -> tuple[Predicate, ...]:
    return tuple(part for part in predicate.parts if isinstance(part, Is | Either))


def _not(predicate: Predicate) -> Either:
    return Either("not", (predicate,))


def _as_thing(predicate: Predicate) -> Thing:
    """Whom a relative clause describes."""
    if isinstance(predicate, Is):
        return predicate.thing
    if predicate.kind == "and":
        parts = tuple(part for inner in _parts(predicate) for part in _as_thing(inner).parts)
        return Thing(parts, coordinated=True)
    raise NotReadError("it describes somebody by what they are not, or by an 'or'")


def _statement(subject: Thing, predicate: Predicate) -> Statement:
    if any(_coordinated(part.thing) for part in _each(predicate)):
        raise NotReadError("its 'and' may belong to the one described or to the whole sentence")
    role = next((part.subject_role for part in _each(predicate)), "")
    return Statement(_with_role(subject, role), predicate)


def _is_not(predicate: Predicate) -> bool:
    return isinstance(predicate, Either) and predicate.kind == "not"


def _check_sides(things: tuple[Thing, ...]) -> None:
    """Refuse what its last part may share with the others.

    "The first or second house from the right" may count both from the right; "a house next to the Dane or the Swede"
    may be next to both.

    Raises:
        NotReadError: it is so.
    """
    if any(isinstance(part, Relation) for thing in things[:-1] for part in thing.parts):
        raise NotReadError("it is not clear what its 'or' joins")
    bare = False
    for thing in things:
        for part in thing.parts:
            if isinstance(part, Place) and not part.numbered:
                words = part.words.lower().replace("-", " ").split()
                if bare and ("right" in words or re.search(r"\w+ last", " ".join(words).removeprefix("the "))):
                    raise NotReadError("it is not clear from which side its first place is counted")
                bare = bare or (bool(set(words) & ORDINALS.keys()) and not {"left", "right", "last"} & set(words))


def _each(predicate: Predicate) -> Iterator[Is]:
    if isinstance(predicate, Is):
        yield predicate
    else:
        for part in _parts(predicate):
            yield from _each(part)


def _coordinated(thing: Thing) -> bool:
    return thing.coordinated or any(
        _coordinated(other) for part in thing.parts if isinstance(part, Relation) for other in part.others
    )


def _merged(things: Iterable[Thing]) -> Thing:
    """One thing that is all of them."""
    things = tuple(things)
    return Thing(tuple(part for thing in things for part in thing.parts), any(thing.coordinated for thing in things))


def _related(*relations: Relation) -> Thing:
    return Thing(relations)


@cache
def meanings() -> Any:
    """The ``lark.Transformer`` whose methods are the rules; they raise NotReadError for what is no claim."""
    from lark import Token, Transformer, v_args

    @v_args(inline=True)
    class Meanings(Transformer[Any, Any]):
        """The grammar's rules, by name."""

        # ---- things

        def value(self, *words: Token) -> str:
            if any((after.start_pos or 0) - (before.end_pos or 0) > 1 for before, after in pairwise(words)):
                raise NotReadError(f"{str(words[0])!r} and {str(words[-1])!r} are not one thing")
            return " ".join(words)

        def _value(self, items: tuple[Any, ...], role: str) -> Thing:
            """The value among an optional article, words, and nouns that say no more."""
            words = next(str(item) for item in items if not isinstance(item, Token))
            if words.lower() in KIND_NOUNS:
                return Thing()
            return Thing((Value(words, role, article=isinstance(items[0], Token)),))

        def plain(self, *items: Any) -> Thing:
            return self._value(items, "")

        def plain_person(self, *items: Any) -> Thing:
            return self._value(items, "person")

        def painted(self, *items: Any) -> Thing:
            return self._value(items, "house")

        def agent(self, *items: Any) -> Thing:
            return self._value(items, role_of(items[-1]))

        def lone_agent(self, *items: Token) -> Thing:
            role = role_of(items[-1])
            if role == "own":
                return Thing()
            if role == "drive":
                return Thing((Value(str(items[-1]), "job"),))
            raise NotReadError(f"it does not say of what somebody is the {items[-1]}")

        def anybody(self, *_: Token) -> Thing:
            return Thing()

        def agent_of(self, *items: Any) -> Thing:
            if role_of(items[-2]) not in ROLES.values():
                raise NotReadError(f"it is not known what {items[-2]!s} of something means")
            return _with_role(items[-1], role_of(items[-2]))

        def neighbour(self, *items: Any) -> Thing:
            return _related(Relation("next", (items[-1],)))

        def belongs(self, thing: Thing, *_: Token) -> Thing:
            return thing

        def place(self, token: Token) -> Thing:
            return Thing((place_of(token),))

        def np(self, *things: Thing) -> Thing:
            return _merged(things)

        # ---- modifiers

        def who(self, predicate: Predicate) -> Thing:
            return _as_thing(predicate)

        def whose(self, kind: Token, predicate: Predicate) -> Thing:
            return _as_thing(_said(predicate, kind_named(kind), ""))

        def with_object(self, predicate: Predicate) -> Thing:
            return _as_thing(_said(predicate, "own", ""))

        def gerund(self, verb: Token, predicate: Predicate) -> Thing:
            return _as_thing(_said(predicate, role_of(verb), ""))

        def located(self, where: Thing | Predicate) -> Thing:
            return where if isinstance(where, Thing) else _as_thing(where)

        def where_lives(self, thing: Thing) -> Thing:
            return _with_role(thing, "resident")

        def where_does(self, thing: Thing, verb: Token, predicate: Predicate) -> Thing:
            return _merged((_with_role(thing, "person"), _as_thing(_said(predicate, role_of(verb), ""))))

        def where_passive(self, thing: Thing, verb: Token) -> Thing:
            return _with_role(thing, role_of(verb))

        # ---- objects and locations

        def one_object(self, thing: Thing) -> Is:
            return Is(thing)

        def any_object(self, *things: Thing) -> Either:
            _check_sides(things)
            return Either("or", tuple(map(Is, things)))

        def either_object(self, *things: Thing) -> Either:
            _check_sides(things)
            return Either("either", tuple(map(Is, things)))

        def no_object(self, *things: Thing) -> Either:
            return Either("and", tuple(_not(Is(thing)) for thing in things))

        def inside(self, predicate: Predicate) -> Predicate:
            return _said(predicate, "inside", "")

        def related(self, relation: Token, thing: Thing, side: str = "") -> Is:
            return Is(_related(relation_of(relation, thing, side)))

        def between(self, token: Token, first: Thing, second: Thing) -> Is:
            return Is(_related(Relation("between", (first, second), width_of(token.lower().split()))))

        def any_where(self, *where: Predicate) -> Predicate:
            return where[0] if len(where) == 1 else Either("or", where)

        def either_where(self, *where: Predicate) -> Either:
            return Either("either", where)

        def no_where(self, *where: Predicate) -> Either:
            return Either("and", tuple(map(_not, where)))

        # ---- predicates

        def verb(self, verb: Token, predicate: Predicate) -> Predicate:
            return _said(predicate, role_of(verb), "person")

        def not_verb(self, verb: Token, thing: Thing | Predicate) -> Predicate:
            return _not(self.verb(verb, Is(thing) if isinstance(thing, Thing) else thing))

        def has_neighbour(self, *items: Any) -> Is:
            return Is(_related(Relation("next", (_merged(items[2:]),))), "person")

        def neighbour_of(self, verb: Token, thing: Thing) -> Is:
            return Is(_related(Relation("next", (thing,))), "person")

        def live(self, predicate: Predicate) -> Predicate:
            return _map(predicate, lambda part: replace(part, subject_role="resident"))

        def not_live(self, predicate: Predicate) -> Predicate:
            return _not(self.live(predicate))

        def live_place(self, token: Token) -> Is:
            return Is(self.place(token), "resident")

        def not_live_place(self, token: Token) -> Either:
            return _not(self.live_place(token))

        def be_where(self, predicate: Predicate) -> Predicate:
            return predicate

        def not_be_where(self, predicate: Predicate) -> Predicate:
            return _not(predicate)

        def be(self, predicate: Predicate) -> Predicate:
            return _said(predicate, "be", "")

        def not_be(self, predicate: Predicate) -> Predicate:
            return _not(self.be(predicate))

        def passive(self, verb: Token, predicate: Predicate) -> Predicate:
            return _map(predicate, lambda part: replace(part, subject_role=role_of(verb)))

        def not_passive(self, verb: Token, predicate: Predicate) -> Predicate:
            return _not(self.passive(verb, predicate))

        def painted_as(self, verb: Token, predicate: Predicate) -> Predicate:
            return _said(predicate, "paint", "")

        def passive_by(self, verb: Token, thing: Thing) -> Is:
            return Is(_with_role(thing, "person"), role_of(verb))

        def not_passive_by(self, verb: Token, thing: Thing) -> Either:
            return _not(self.passive_by(verb, thing))

        def same_as(self, *items: Any) -> Is:
            return Is(items[-1])

        def not_same_as(self, *items: Any) -> Either:
            return _not(self.same_as(*items))

        def both(self, *parts: Predicate) -> Either:
            return Either("and", parts)

        def either(self, *parts: Predicate) -> Either:
            if _is_not(parts[0]) and not _is_not(parts[-1]):
                raise NotReadError("its 'not' may reach over its 'or'")
            return Either("or", parts)

        def either_or(self, *parts: Predicate) -> Either:
            return Either("either", parts)

        def neither(self, *parts: Predicate) -> Either:
            return Either("and", tuple(map(_not, parts)))

        # ---- claims

        def clue(self, claim: Claim) -> Claim:
            return claim

        def statement(self, subject: Thing, predicate: Predicate) -> Statement:
            return _statement(subject, predicate)

        def reduced(self, subject: Thing, first: Predicate, second: Predicate) -> Statement:
            if subject.parts:
                raise NotReadError("it has two verbs")
            return _statement(_as_thing(first), second)

        def there_is(self, thing: Thing) -> Statement:
            if len(thing.parts) < 2:
                raise NotReadError("it does not say where")
            return Statement(replace(thing, parts=thing.parts[:1]), Is(Thing(thing.parts[1:])))

        def apart(self, token: Token, first: Thing, second: Thing) -> Statement:
            if token.lower().split()[2] in ("a", "an"):
                raise NotReadError("it does not say whether there are more houses between")
            distance = 1 + number_in(token)
            return Statement(first, Is(_related(Relation("apart", (second,), "", distance))))

        def couple(self, first: Thing, second: Thing, kind: Any) -> Couple:
            return Couple(kind, first, second)

        def same(self, _: Token) -> str:
            return "same"

        def different(self, _: Token) -> str:
            return "different"

        def neighbours(self, _: Token) -> str:
            return "neighbours"

        def not_neighbours(self, _: Token) -> str:
            return "not_neighbours"

        def either_subject(self, first: Thing, second: Thing, predicate: Predicate) -> Either:
            return Either("either", (_statement(first, predicate), _statement(second, predicate)))

        def neither_subject(self, first: Thing, second: Thing, predicate: Predicate) -> Either:
            return Either("and", tuple(_not_claim(_statement(thing, predicate)) for thing in (first, second)))

        def attribute(self, *items: Any) -> Statement:
            kind = next(item for item in items if isinstance(item, Token))
            subject = next(item for item in items if isinstance(item, Thing))
            return _statement(subject, _said(items[-1], kind_named(kind), ""))

        def not_attribute(self, *items: Any) -> Statement:
            positive = self.attribute(*items)
            return replace(positive, predicate=_not(positive.predicate))

        def inverted(self, place: Thing, thing: Thing) -> Statement:
            return _statement(thing, Is(_with_role(place, "inside"), "resident"))

        def inverted_passive(self, place: Thing, thing: Thing, verb: Token) -> Statement:
            return _statement(thing, Is(_with_role(place, "inside"), role_of(verb)))

        def all_of(self, *claims: Claim) -> Either:
            if any(isinstance(claim, Either) and claim.kind in ("or", "either") for claim in claims):
                raise NotReadError("it is not clear what its 'or' and its 'and' join")
            return Either("and", claims)

        def any_of(self, *claims: Claim) -> Either:
            return Either("or", claims)

        def one_of(self, *claims: Claim) -> Either:
            return Either("either", claims)

        # ---- what is asked at the end

        def query(self, *asked: tuple[Value, ...]) -> tuple[Value, ...]:
            return tuple(value for values in asked for value in values)

        def asked(self, predicate: Predicate) -> tuple[Value, ...]:
            return tuple(values_of(predicate))

        def asked_whose(self, kind: Token, predicate: Predicate) -> tuple[Value, ...]:
            return tuple(values_of(_said(predicate, kind_named(kind), "")))

        def asked_thing(self, thing: Thing) -> tuple[Value, ...]:
            return tuple(values_of(thing))

        # ---- questions

        def q_described(self, thing: Thing) -> Statement:
            if len(thing.parts) < 2:
                return Statement(thing, Is(Thing()))
            return _statement(Thing(thing.parts[:-1]), Is(Thing(thing.parts[-1:])))

        def q_same(self, subject: Thing, predicate: Predicate) -> Statement:
            return _statement(subject, self.be(predicate))

        def q_passive(self, subject: Thing, verb: Token, where: Any) -> Statement:
            said = self.passive_by(verb, where) if isinstance(where, Thing) else self.passive(verb, where)
            return _statement(subject, said)

        def q_couple(self, first: Thing, second: Thing, token: Token) -> Couple:
            kinds: dict[str, Any] = {"SAME": "same", "DIFFERENT": "different", "NEXT_EACH": "neighbours"}
            return Couple(kinds[token.type], first, second)

        def q_same_as(self, subject: Thing, *items: Any) -> Statement:
            return _statement(subject, self.same_as(*items))

    return Meanings()


def _not_claim(claim: Claim) -> Either:
    return Either("not", (claim,))
