"""What is written is what is meant: every generated text, read again by the grammar, says what it was made from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from entailbench.logic.formula import entities, normal
from entailbench.logic.generator.draft import Draft, Worded
from entailbench.logic.generator.heights import draw_heights
from entailbench.logic.generator.knights import FORMS, draw_knights
from entailbench.logic.generator.names import NAMES
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.vocabulary import CATEGORIES
from entailbench.logic.generator.wording_heights import PHRASINGS
from entailbench.logic.generator.wording_knights import WORDINGS
from entailbench.logic.generator.zebra import draw_zebra
from entailbench.logic.language import RELATIONS, family_of, read_puzzle, read_question
from entailbench.logic.language.english import FUNCTION_WORDS
from entailbench.logic.puzzle import FAMILIES, Family, Question

DRAWS = {"heights": draw_heights, "knights": draw_knights, "zebra": draw_zebra}


def drawn(family: Family, count: int, seed: int = 3, dials: Dials | None = None) -> Iterator[tuple[Draft, Worded]]:
    rng = random.Random(seed)
    dials = dials or Dials(categories=(3, 5))
    for _ in range(count):
        draft = DRAWS[family](rng, dials, rng.randint(3, 5 if family == "zebra" else 8))
        yield draft, draft.worded(rng, dials)


def check(draft: Draft, worded: Worded, rng: random.Random) -> None:
    """The text, and a few questions, say what they were made from."""
    assert worded.text.isascii()
    assert family_of(worded.text) == draft.family
    puzzle = read_puzzle(worded.text)
    assert not puzzle.unread, (worded.text, puzzle.unread)
    reading = puzzle.readings[0]
    assert [premise.sentence for premise in reading.premises] == [p.sentence for p in worded.reading.premises]
    for meant, said in zip(worded.reading.premises, reading.premises, strict=True):
        assert normal(said.formula) == normal(meant.formula), said.sentence.text
    assert reading.signature.places == draft.signature.places
    assert set(reading.signature.people) == set(draft.signature.people)
    assert set(map(frozenset, reading.signature.groups)) == set(map(frozenset, draft.signature.groups))
    assert puzzle.dimension == worded.relation
    if not any(phrasing.startswith("either") for phrasing in worded.phrasings):
        assert len(puzzle.readings) == 1
    candidates = draft.candidates(rng)
    for candidate in rng.sample(candidates, min(4, len(candidates))):
        question = draft.question(candidate, worded, rng)
        read = read_question(puzzle, question)
        assert isinstance(read, Question), (question, read)
        assert normal(read.formula) == normal(draft.asked(candidate)), question


@pytest.mark.parametrize(("family", "count"), [("heights", 2000), ("knights", 2000), ("zebra", 250)])
def test_a_text_read_again_gives_its_formulas_back(family: Family, count: int) -> None:
    rng = random.Random(1)
    for draft, worded in drawn(family, count):
        check(draft, worded, rng)


@pytest.mark.soak
def test_two_thousand_grids_read_again() -> None:
    rng = random.Random(2)
    for draft, worded in drawn("zebra", 2000, seed=4):
        check(draft, worded, rng)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plain_wordings_too(family: Family) -> None:
    rng = random.Random(5)
    used: Counter[str] = Counter()
    for draft, worded in drawn(family, 60, dials=Dials(variety=0.0)):
        check(draft, worded, rng)
        used.update(worded.phrasings)
    assert len(used) <= 16


def test_every_phrasing_of_every_relation_is_used() -> None:
    used: dict[str, set[str]] = {}
    for _, worded in drawn("heights", 4000):
        used.setdefault(worded.relation, set()).update(worded.phrasings)
    assert set(used) == {relation.name for relation in RELATIONS}
    known = {phrasing.name for phrasings in PHRASINGS.values() for phrasing in phrasings}
    for relation, names in used.items():
        assert known <= names, (relation, known - names)
        assert len(names) >= 30


def test_every_form_of_claim_and_every_kind_of_thing_is_used() -> None:
    claims: set[str] = set()
    quoted = selves = 0
    for draft, worded in drawn("knights", 1500):
        claims.update(phrasing.removesuffix(", quoted") for phrasing in worded.phrasings)
        quoted += '"' in worded.text
        selves += " I " in worded.text or " she " in worded.text or " he " in worded.text
        assert draft.family == "knights"
    assert set(FORMS) == set(WORDINGS)
    expected = {
        f"{form} {n + 1}" if len(ways) > 1 else form for form, ways in WORDINGS.items() for n in range(len(ways))
    }
    assert claims == expected
    assert quoted > 300
    assert selves > 300
    text = " ".join(worded.text for _, worded in drawn("zebra", 150))
    for category in CATEGORIES:
        assert all(value in text for value in category.values), category.noun


def test_every_person_and_thing_is_mentioned_or_declared() -> None:
    for family in FAMILIES:
        for draft, worded in drawn(family, 100):
            for entity in draft.signature.entities:
                assert entity in worded.text
            named = {name for premise in worded.reading.premises for name in entities(premise.formula)}
            assert family != "heights" or named == set(draft.signature.entities)


def test_names_are_no_words_of_the_texts() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 200
    assert not {name.lower() for name in NAMES} & FUNCTION_WORDS
    assert not [(a, b) for a in NAMES for b in NAMES if a != b and b.startswith(a)]
    assert all(name.isascii() and name.isalpha() and name.istitle() for name in NAMES)
    values = [value for category in CATEGORIES for value in category.values]
    assert len(set(values)) == len(values)
    assert all(len(category.values) >= 5 for category in CATEGORIES)
