"""Random small puzzles of every family, with every kind of formula, small enough to try all of their models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from random import Random

from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    Knight,
    Model,
    NextTo,
    Not,
    Or,
    Same,
    Signature,
    holds,
)
from entailbench.logic.puzzle import Family, Premise, Reading, Sentence
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["all_models", "random_formula", "random_question", "random_reading", "truth_by_trial"]

NAMES = ("Ann", "Bob", "Cal", "Dee", "Eve", "Flo", "Gus", "Hal")
VALUES = (
    ("red", "blue", "green", "white"),
    ("tea", "milk", "orange juice", "root beer"),
    ("dog", "cat", "crow", "sea lion"),
)


def random_reading(rng: Random, family: Family) -> Reading:
    """A puzzle with 2 to 6 people, or 2 to 4 places; about one in seven contradicts itself or nearly so.

    The names are shuffled, so that their order in the alphabet says nothing about their order in the signature.
    """
    signature = random_signature(rng, family)
    hidden = random_model(rng, signature)
    honest = rng.random() < 0.85
    size = len(signature.entities)
    count = rng.randint(0, size + 2) if family != "zebra" else rng.randint(0, 2 * size)
    premises = []
    for number in range(count):
        formula = random_premise(rng, signature)
        for _ in range(10):
            if not honest or holds(formula, hidden, signature.places):
                break
            formula = random_premise(rng, signature)
        else:
            formula = Not(formula)
        premises.append(Premise(Sentence(f"{number + 1}. {formula}.", 100 * number), formula))
    return Reading("", signature, tuple(premises))


def random_question(rng: Random, reading: Reading) -> Formula:
    """A question about the puzzle: mostly an atom, as in the real ones, sometimes any formula."""
    signature = reading.signature
    if rng.random() < 0.75:
        return random_atom(rng, signature, reflexive=0.1)
    return random_formula(rng, signature, depth=2)


def random_signature(rng: Random, family: Family) -> Signature:
    """Who and what a random puzzle of the family is about."""
    if family == "zebra":
        places = rng.choice((2, 3, 3, 3, 4))
        categories = rng.sample(VALUES, 2 if places == 4 else rng.choice((2, 2, 3)))
        groups = []
        for values in categories:
            named = places if rng.random() < 0.7 else rng.randint(1, places)
            groups.append(tuple(rng.sample(values, named)))
        return Signature(groups=tuple(groups), places=places)
    people = tuple(rng.sample(NAMES, rng.choice((1, 2, 3, 3, 4, 4, 4, 5, 5, 6))))
    if family == "knights":
        return Signature(people=people)
    return Signature(groups=(people,), places=len(people))


def random_model(rng: Random, signature: Signature) -> Model:
    """One way things can be."""
    model = {person: rng.randint(0, 1) for person in signature.people}
    for group in signature.groups:
        model.update(zip(group, rng.sample(range(1, signature.places + 1), len(group)), strict=True))
    return model


def random_premise(rng: Random, signature: Signature) -> Formula:
    """What a sentence of such a puzzle may say: a claim of somebody's, or a clue."""
    if signature.people:
        if rng.random() < 0.85:
            return Iff(Knight(rng.choice(signature.people)), random_formula(rng, signature, depth=2))
        return random_formula(rng, signature, depth=2)
    if rng.random() < 0.7:
        return random_atom(rng, signature)
    return random_formula(rng, signature, depth=2)


def random_formula(rng: Random, signature: Signature, depth: int) -> Formula:
    """Any formula, at most ``depth`` connectives deep."""
    if depth == 0 or rng.random() < 0.3:
        return random_atom(rng, signature)
    match rng.randrange(4):
        case 0:
            return Not(random_formula(rng, signature, depth - 1))
        case 1:
            return And(tuple(random_formula(rng, signature, depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 2, 3)))))
        case 2:
            return Or(tuple(random_formula(rng, signature, depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 2, 3)))))
        case _:
            return Iff(random_formula(rng, signature, depth - 1), random_formula(rng, signature, depth - 1))


def random_atom(rng: Random, signature: Signature, reflexive: float = 0.03) -> Formula:
    """An atom of the signature's family; with probability ``reflexive``, about one thing twice."""
    if signature.people:
        return Knight(rng.choice(signature.people))
    things = signature.entities
    if len(signature.groups) == 1:
        kind = rng.choices((Before, At, JustBefore, NextTo, Same), (70, 20, 4, 4, 2))[0]
    else:
        kind = rng.choices((Same, At, JustBefore, NextTo, Before), (40, 20, 15, 15, 10))[0]
    if kind is At:
        place = rng.randint(1, signature.places)
        return At(rng.choice(things), place if rng.random() < 0.6 else place - signature.places - 1)
    first = rng.choice(things)
    if rng.random() < reflexive or len(things) == 1:
        return kind(first, first)
    return kind(first, rng.choice([thing for thing in things if thing != first]))


def all_models(signature: Signature) -> Iterator[Model]:
    """Every way that the signature allows, without the premises."""
    people = [[(person, value) for value in (0, 1)] for person in signature.people]
    rows = [
        [tuple(zip(group, row, strict=True)) for row in permutations(range(1, signature.places + 1), len(group))]
        for group in signature.groups
    ]
    for values in product(*people):
        for placed in product(*rows):
            yield dict(values) | {entity: place for row in placed for entity, place in row}


def truth_by_trial(reading: Reading, formula: Formula) -> Truth | None:
    """The question's truth by trying every model; None where no model fits the premises."""
    places = reading.signature.places
    answers = {
        holds(formula, model, places)
        for model in all_models(reading.signature)
        if all(holds(premise.formula, model, places) for premise in reading.premises)
    }
    if len(answers) == 2:
        return UNKNOWN
    return None if not answers else ENTAILMENT if answers == {True} else CONTRADICTION
