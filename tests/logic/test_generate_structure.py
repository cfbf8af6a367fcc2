"""The structure of a puzzle: blind to names, order, grouping and direction, and to nothing else."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from entailbench.logic.formula import (
    And,
    At,
    Before,
    Formula,
    Iff,
    JustBefore,
    Knight,
    NextTo,
    Not,
    Or,
    Same,
    Signature,
    conjuncts,
    renamed,
)
from entailbench.logic.generator.heights import draw_heights
from entailbench.logic.generator.knights import draw_knights
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.structure import SHARES, split_of, structure_of
from entailbench.logic.generator.zebra import draw_zebra
from entailbench.logic.puzzle import FAMILIES, Family

DRAWS = {"heights": draw_heights, "knights": draw_knights, "zebra": draw_zebra}


def order(*names: str) -> Signature:
    return Signature(groups=(names,), places=len(names))


def heights(*formulas: Formula, names: str = "ABCD") -> str:
    return structure_of("heights", order(*names), formulas)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_order_and_grouping_do_not_matter(family: Family) -> None:
    rng = random.Random(4)
    for _ in range(60):
        draft = DRAWS[family](rng, Dials(), rng.randint(3, 5 if family == "zebra" else 8))
        formulas = list(draft.formulas())
        key = structure_of(family, draft.signature, formulas)
        worded = draft.worded(rng, Dials())
        assert key == structure_of(family, draft.signature, [premise.formula for premise in worded.reading.premises])
        old = draft.signature.entities
        new = dict(zip(old, rng.sample([f"n{place}" for place in range(len(old))], len(old)), strict=True))
        shuffled = [renamed(formula, new.__getitem__) for formula in rng.sample(formulas, len(formulas))]
        people = rng.sample([new[name] for name in draft.signature.people], len(draft.signature.people))
        groups = [tuple(rng.sample([new[name] for name in group], len(group))) for group in draft.signature.groups]
        rng.shuffle(groups)
        signature = Signature(tuple(people), tuple(groups), draft.signature.places)
        assert key == structure_of(family, signature, shuffled)
        assert key == structure_of(family, signature, [And(tuple(shuffled))])
        assert key == structure_of(family, signature, shuffled + shuffled[:2])


def mirrored(formula: Formula, places: int) -> Formula:
    match formula:
        case Before(a, b) | JustBefore(a, b):
            return type(formula)(b, a)
        case At(a, place):
            return At(a, places + 1 - place if place > 0 else -place)
        case Not(part):
            return Not(mirrored(part, places))
        case And(parts) | Or(parts):
            return type(formula)(tuple(mirrored(part, places) for part in parts))
        case _:
            return formula


@pytest.mark.parametrize("family", ["heights", "zebra"])
def test_the_direction_does_not_matter(family: Family) -> None:
    rng = random.Random(5)
    for _ in range(60):
        draft = DRAWS[family](rng, Dials(), rng.randint(3, 5))
        formulas = list(draft.formulas())
        turned = [mirrored(formula, draft.size) for formula in formulas]
        assert structure_of(family, draft.signature, formulas) == structure_of(family, draft.signature, turned)


def test_what_says_the_same_in_two_forms() -> None:
    assert heights(Before("A", "B")) == heights(Not(Before("B", "A")))
    assert heights(At("A", -1), Before("B", "C")) == heights(At("A", 4), Before("B", "C"))
    grid = Signature(groups=(("a", "b"), ("c", "d")), places=2)
    assert structure_of("zebra", grid, [Not(Before("a", "c"))]) != structure_of("zebra", grid, [Before("c", "a")])
    both = [structure_of("zebra", grid, [fact]) for fact in (NextTo("a", "b"), NextTo("a", "c"), Same("a", "c"))]
    assert len(set(both)) == 3


def test_everything_else_matters() -> None:
    facts = [
        [Before("A", "B"), Before("B", "C"), Before("C", "D")],
        [Before("A", "B"), Before("A", "C"), Before("A", "D")],
        [Before("A", "B"), Before("A", "C"), Before("B", "D")],
        [Before("A", "B"), Before("C", "D")],
        [Before("A", "B"), Before("B", "C"), Before("C", "D"), Before("A", "C")],
        [Before("A", "B"), Before("B", "C"), Before("C", "D"), Before("A", "D")],
        [At("A", 1), Before("B", "C"), Before("C", "D")],
        [At("A", 2), Before("B", "C"), Before("C", "D")],
    ]
    assert len({heights(*stated) for stated in facts}) == len(facts)
    assert heights(Before("A", "B")) != heights(Before("A", "B"), names="ABC")
    people = Signature(people=("A", "B"))
    claims: list[Formula] = [
        Knight("B"),
        Not(Knight("B")),
        And((Knight("A"), Knight("B"))),
        Or((Knight("A"), Knight("B"))),
    ]
    assert len({structure_of("knights", people, [Iff(Knight("A"), claim)]) for claim in claims}) == 4


def count_orders(stated: Iterable[Formula], relabel: Callable[[str], str]) -> frozenset[Formula]:
    return frozenset(renamed(fact, relabel) for formula in stated for fact in conjuncts(formula))


def test_hardly_any_two_structures_share_a_key() -> None:
    """Among small posets, which are all told apart by trying every renaming."""
    from itertools import combinations, permutations

    pairs = list(combinations("ABCD", 2))
    keys: dict[str, set[frozenset[Formula]]] = {}
    for size in range(1, 7):
        for chosen in combinations(pairs, size):
            facts = [Before(a, b) for a, b in chosen]
            forms = []
            for names in permutations("ABCD"):
                new = dict(zip("ABCD", names, strict=True))
                forms += [count_orders(facts, new.__getitem__)]
                forms += [count_orders([Before(fact.second, fact.first) for fact in facts], new.__getitem__)]
            canonical = min(forms, key=lambda form: sorted(map(str, form)))
            keys.setdefault(heights(*facts), set()).add(canonical)
    assert max(map(len, keys.values())) == 1
    assert len(keys) >= 20


def test_every_split_gets_its_share() -> None:
    counts = Counter(split_of(f"{number:012x}") for number in range(20_000))
    for split, share in SHARES.items():
        assert counts[split] / 20_000 == pytest.approx(share / 100, abs=0.01)
    assert split_of("b783195f214b") == "test"
