"""Wide wording: what is written is what is meant, it is as balanced, and the plain wording knows nothing of it."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter

import pytest
from test_generate_words import check

from entailbench import ConfigError
from entailbench.logic.generator import Dials, Row, generate_rows, split_of, write_splits
from entailbench.logic.generator import names as names_module
from entailbench.logic.generator.heights import draw_heights
from entailbench.logic.generator.knights import draw_knights
from entailbench.logic.generator.names import NAMES, draw_names, pronoun
from entailbench.logic.generator.structure import structure_of
from entailbench.logic.generator.wording_heights_wide import WIDE_PHRASINGS
from entailbench.logic.generator.wording_knights import WIDE_WORDINGS
from entailbench.logic.generator.zebra import draw_zebra
from entailbench.logic.language import RELATIONS, read_puzzle
from entailbench.logic.language.english import FUNCTION_WORDS
from entailbench.logic.puzzle import FAMILIES, Family

DRAWS = {"heights": draw_heights, "knights": draw_knights, "zebra": draw_zebra}
PEOPLE = {"heights": (3, 8), "knights": (2, 9), "zebra": (3, 5)}


def wide(family: Family, **dials: object) -> Dials:
    return Dials(families=(family,), people=PEOPLE[family], wording="wide", **dials)  # type: ignore[arg-type]


def rows(family: Family, puzzles: int, **dials: object) -> list[Row]:
    found = itertools.islice(generate_rows(family, "train", 11, wide(family, questions=6, **dials)), puzzles)
    return [row for puzzle in found for row in puzzle]


@pytest.mark.parametrize(("family", "count"), [("heights", 1500), ("knights", 800), ("zebra", 60)])
def test_a_text_read_again_gives_its_formulas_and_its_structure_back(family: Family, count: int) -> None:
    rng, asking, dials = random.Random(21), random.Random(22), wide(family, distractors=(0, 2))
    for _ in range(count):
        draft = DRAWS[family](rng, dials, rng.randint(*PEOPLE[family]))
        worded = draft.worded(rng, dials)
        check(draft, worded, asking)
        reading = read_puzzle(worded.text).readings[0]
        formulas = [premise.formula for premise in reading.premises]
        assert structure_of(family, reading.signature, formulas) == draft.structure(), worded.text


def test_every_phrasing_of_every_relation_is_used() -> None:
    rng, dials = random.Random(23), wide("heights", distractors=(0, 3))
    used: dict[str, set[str]] = {}
    relations: Counter[str] = Counter()
    for _ in range(7000):
        worded = draw_heights(rng, dials, rng.randint(3, 8)).worded(rng, dials)
        relations[worded.relation] += 1
        used.setdefault(worded.relation, set()).update(worded.phrasings)
    assert relations["height"] > 0.5 * relations.total()
    assert set(used) == {relation.name for relation in RELATIONS}
    known = {phrasing.name for phrasings in WIDE_PHRASINGS.values() for phrasing in phrasings}
    assert known <= set().union(*used.values()), known - set().union(*used.values())
    assert known <= used["height"]


def test_every_wording_of_a_claim_is_used() -> None:
    rng, dials = random.Random(24), wide("knights")
    used = {
        name.removesuffix(", quoted")
        for _ in range(2000)
        for name in draw_knights(rng, dials, rng.randint(2, 9)).worded(rng, dials).phrasings
    }
    assert used == {
        f"{form} {n + 1}" if len(ways) > 1 else form for form, ways in WIDE_WORDINGS.items() for n in range(len(ways))
    }


def test_texts_are_set_in_several_ways() -> None:
    found = rows("heights", 400)
    texts = {row.context for row in found}
    letters = {row.context for row in found if re.search(r"\b[A-HJ-Z] (?:is|arrived) ", row.context)}
    assert 0.2 < len(letters) / len(texts) < 0.5
    for sign in (" , ", " .", "  ", ", "):
        assert any(sign in text for text in texts), sign
    assert any(re.search(r"\?$", text) for text in texts)
    assert any(re.search(r"[a-z] \?$", text) for text in texts)
    questions = [row.question for row in found]
    assert any(re.search(r"\b([A-Z])\1\b", question) for question in questions)
    assert any(question.endswith(" ?") for question in questions)
    assert any(question.endswith("r?") or question.endswith("t?") for question in questions)
    assert any(" the knight ?" in row.question for row in rows("knights", 60))
    assert any(re.search(r"the house [A-E] \?", row.question) for row in rows("zebra", 12))


def test_people_compared_with_themselves() -> None:
    found = rows("heights", 500)
    selves = [row for row in found if row.question_form == "self"]
    assert 0.03 < len(selves) / len(found) < 0.2
    for row in selves:
        one, other = re.findall(r"[A-Z][a-z]*", row.question)[1:3]
        assert len({one, other}) == 1
        assert row.label_published == "not entailment - contradiction"
        assert (row.depth, row.proof_premises) == (0, ())
        assert " = " in row.proof


def test_apart_from_those_it_is_as_balanced() -> None:
    for family in FAMILIES:
        found = [row for row in rows(family, 250 if family == "heights" else 60) if row.question_form != "self"]
        counts = Counter(row.label_published for row in found)
        assert counts["not entailment - unknown"] / len(found) == pytest.approx(0.3, abs=0.03)
        assert counts["entailment"] / len(found) == pytest.approx(0.35, abs=0.03)
        for form in {row.question_form for row in found}:
            own = [row.label for row in found if row.question_form == form]
            assert own.count("entailment") == pytest.approx(0.35 * len(own), abs=3.5), form


def test_structures_keep_to_their_split() -> None:
    dials = wide("heights")
    for split in ("train", "validation"):
        for puzzle in itertools.islice(generate_rows("heights", split, 3, dials), 40):  # type: ignore[arg-type]
            assert split_of(puzzle[0].structure) == split


def test_orders_in_parts_and_people_who_are_not_the_tallest() -> None:
    rng, dials = random.Random(26), wide("heights", distractors=(0, 3))
    drafts = [draw_heights(rng, dials, 6) for _ in range(300)]
    assert 30 < sum(len(draft.pairs) + len(draft.ranked) < 5 for draft in drafts) < 200
    assert 2 < sum(bool(draft.extra_denied) for draft in drafts) < 120
    for draft in drafts:
        named = {person for pair in (*draft.pairs, *draft.extra_pairs) for person in pair}
        named |= {*draft.ranked, *(person for between in draft.betweens for person in between)}
        assert named == set(range(6)), "a puzzle that names nobody else has one reading"


def test_names() -> None:
    rng = random.Random(27)
    drawn = [draw_names(rng, 9, wide=True) for _ in range(4000)]
    assert draw_names(random.Random(1), 4, wide=False) == tuple(random.Random(1).sample(NAMES, 4))
    kinds = Counter(
        "letters" if len(names[0]) == 1 else "given" if set(names) <= set(NAMES) else "made up" for names in drawn
    )
    assert min(kinds.values()) > 800
    for names in drawn:
        assert len(set(names)) == 9
        assert "I" not in names
        if len(names[0]) > 1:
            assert not {name.lower() for name in names} & FUNCTION_WORDS
            assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]
            assert all(name.isascii() and name.isalpha() and name.istitle() for name in names)
        assert {pronoun(name) for name in names} <= {"he", "she"}
    assert not any(len(names[0]) == 1 for _ in range(200) for names in [draw_names(rng, 3, True, letters=False)])


def test_a_made_up_name_is_no_word_of_a_puzzle(monkeypatch: pytest.MonkeyPatch) -> None:
    for list_name, syllables in (("_ONSETS", ["N", "T"]), ("_INNER", ["n", "ll"]), ("_VOWELS", ["o", "e", "a"])):
        monkeypatch.setattr(names_module, list_name, syllables)
    monkeypatch.setattr(names_module, "_ENDS", ["", "r"])
    rng = random.Random(28)
    made = {name for _ in range(3000) for name in names_module._made_up(rng, 2)}
    assert len(made) > 100
    assert not made & {"None", "Taller", "Tall"}


def test_the_dial(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match=r"unknown wording 'broad' \(known: plain, wide\)"):
        Dials(wording="broad")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="people must be a range within 3 to 8, got 2 to 9"):
        Dials(families=("heights", "knights"), people=(2, 9), wording="wide")
    with pytest.raises(ConfigError, match="people must be a range within 3 to 8, got 2 to 5"):
        Dials(families=("knights",), people=(2, 5))
    assert {row.people for row in rows("knights", 24)} == set(range(2, 10))


def test_a_manifest_names_the_wording_where_it_is_not_the_plain_one(tmp_path: object) -> None:
    plain = write_splits(tmp_path / "plain", 1, {"test": 2}, Dials(families=("heights",)))  # type: ignore[operator]
    widely = write_splits(tmp_path / "wide", 1, {"test": 2}, wide("heights"))  # type: ignore[operator]
    assert "wording" not in json.loads(plain.to_json())["dials"]
    assert json.loads(widely.to_json())["dials"]["wording"] == "wide"
