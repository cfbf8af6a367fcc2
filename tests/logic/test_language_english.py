"""Texts into sentences and words, and which family a text belongs to."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench.errors import DataError
from entailbench.logic.language import family_of, read_puzzle, read_question
from entailbench.logic.language.english import number, ordinal, sentences, words
from entailbench.logic.language.skeleton import Names, resolve, skeleton
from entailbench.logic.puzzle import FAMILIES, Unread

UNKIND = st.text(alphabet=st.sampled_from("AaBb .,;:?!\n\t\x00\"'’()-–12é́李\u200b\u202e@"), max_size=120)
"""Texts of signs that could trouble whoever reads them."""


def test_a_sentence_ends_at_a_stop_with_or_without_spaces() -> None:
    text = " Kim is taller than Lou . Lou is  taller than Max.Max is old ?  Who is it"
    assert [s.text for s in sentences(text)] == [
        "Kim is taller than Lou .",
        "Lou is  taller than Max.",
        "Max is old ?",
        "Who is it",
    ]


def test_hint_numbers_are_left_out_and_numbers_in_sentences_kept() -> None:
    text = "Two clues: 1. Kim lives in house 3. 2.Lou has 1.5 dogs.\n(3) Max walks\n- Nia runs\n\nOle sits"
    assert [s.text for s in sentences(text)] == [
        "Two clues:",
        "Kim lives in house 3.",
        "Lou has 1.5 dogs.",
        "Max walks",
        "Nia runs",
        "Ole sits",
    ]


def test_titles_do_not_end_a_sentence() -> None:
    assert [s.text for s in sentences("Mr. Park met Dr. Lee. They talked.")] == [
        "Mr. Park met Dr. Lee.",
        "They talked.",
    ]


@given(st.one_of(st.text(max_size=200), UNKIND))
def test_sentences_lie_where_they_say_and_lose_no_word(text: str) -> None:
    found = sentences(text)
    end = 0
    for sentence in found:
        assert text[sentence.start : sentence.start + len(sentence.text)] == sentence.text
        assert sentence.start >= end
        assert not any(character.isalpha() for character in text[end : sentence.start])
        end = sentence.start + len(sentence.text)
    assert not any(character.isalpha() for character in text[end:])


def test_words() -> None:
    assert words("Kim isn’t taller than Jean-Luc , O'Neil and Mr. Park !?") == [
        "Kim", "is", "not", "taller", "than", "Jean-Luc", ",", "O'Neil", "and", "Mr.", "Park",
    ]  # fmt: skip
    assert words("Kim says : “ I am here . ”") == ["Kim", "says", ":", '"', "I", "am", "here", '"']
    assert words("") == []


def test_numbers() -> None:
    assert (number("seven"), number("12"), number("1234"), number("many")) == (7, 12, None, None)
    assert (ordinal("third"), ordinal("22nd"), ordinal("22"), ordinal("last")) == (3, 22, None, None)


def bones(sentence: str, *known: str, lists: bool = True) -> tuple[str, list[tuple[str, ...]]]:
    found = skeleton(words(sentence), Names(known, letters=True), lists=lists)
    return found.text, [one.names for one in found.lists]


@pytest.mark.parametrize(
    ("sentence", "text", "names"),
    [
        ("Kim , Lou and Max are here", "@0 are here", [("Kim", "Lou", "Max")]),
        ("Kim is near Lou and Max", "@0 is near @1", [("Kim",), ("Lou", "Max")]),
        ("Kim is near Lou and Max is far", "@0 is near @1 ; @2 is far", [("Kim",), ("Lou",), ("Max",)]),
        ("Kim is near Lou , and Max is far", "@0 is near @1 ; @2 is far", [("Kim",), ("Lou",), ("Max",)]),
        ("Kim is near Lou , Max is far", "@0 is near @1 ; @2 is far", [("Kim",), ("Lou",), ("Max",)]),
        (
            "Kim is near Lou and Max and Nia are far",
            "@0 is near @1 ; @2 are far",
            [("Kim",), ("Lou",), ("Max", "Nia")],
        ),
        (
            "Kim is near Lou and Max , and Nia is far",
            "@0 is near @1 ; @2 is far",
            [("Kim",), ("Lou", "Max"), ("Nia",)],
        ),
        ("Kim is near Lou but nobody is near Max", "@0 is near @1 ; nobody is near @2", [("Kim",), ("Lou",), ("Max",)]),
        (
            "Kim is near Lou , Max , Nia and Ole are far",
            "@0 is near @1 ; @2 are far",
            [("Kim",), ("Lou",), ("Max", "Nia", "Ole")],
        ),
        ("Kim is near Lou ; Max is far", "@0 is near @1 ; @2 is far", [("Kim",), ("Lou",), ("Max",)]),
        ("Kim is near Lou , but far", "@0 is near @1 but far", [("Kim",), ("Lou",)]),
        ("A is near a group and a", "@0 is near a group and @1", [("A",), ("a",)]),
        ("A group met A", "a group met @0", [("A",)]),
        ("Is Kim near lou ?", "is @0 near lou", [("Kim",)]),
    ],
)
def test_skeletons(sentence: str, text: str, names: list[tuple[str, ...]]) -> None:
    assert bones(sentence) == (text, names)


def test_an_and_that_can_begin_two_clauses_is_left_alone() -> None:
    # B , C and D are: C and D, or all three after a comma that parts nothing
    text, _ = bones("Kim is near Lou and Max , Nia and Ole are far")
    assert ";" not in text


def test_known_names_of_several_words_and_in_other_capitals() -> None:
    assert bones("Anna Lena is near lou", "Anna Lena", "Lou") == ("@0 is near @1", [("Anna Lena",), ("Lou",)])
    assert bones("Anna Lena is near lou", "Anna", "Lou", "LOU")[0] == "@0 @1 is near lou"
    assert bones("Will is near May", "Will", "May") == ("@0 is near @1", [("Will",), ("May",)])


def test_whom_a_name_means() -> None:
    assert resolve("AA", ["A", "B"]) == "A"
    assert resolve("B", ["AA", "BB"]) == "BB"
    assert resolve("AA", ["A", "AA"]) == "AA"
    assert resolve("kim", ["Kim", "Lou"]) == "Kim"
    assert resolve("kim", ["Kim", "KIM"]) is None
    assert resolve("AAA", ["A"]) is None
    assert resolve("Zoe\u0301", ["Zo\u00e9"]) == "Zo\u00e9"


def test_families() -> None:
    assert family_of("Kim is older than Lou.") == "heights"
    assert family_of("Kim is in height between Lou and Max.") == "heights"
    assert family_of("Kim says that Lou is a KNAVE.") == "knights"
    assert family_of("The red house is next to the oldest house.") == "zebra"
    assert family_of("1. Kim likes tea. 2. Lou likes milk.") == "zebra"
    assert family_of("1. Kim is taller than Lou. 2. Lou is taller than Max.") == "heights"
    assert family_of("Kim met Lou.") is None
    assert family_of("") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the puzzle is empty"),
        (" \n\t", "the puzzle is empty"),
        ("Kim ist größer als Lou.", "no family of puzzles is recognized in 'Kim ist größer als Lou.'"),
        ("身長は李さんの方が高い。", "no family of puzzles is recognized"),
    ],
)
def test_texts_of_no_family(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_puzzle(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), UNKIND), st.sampled_from(["", "taller ", "Kim is taller than Lou. ", "knave "]))
def test_any_text_is_read_or_named(text: str, before: str) -> None:
    for family in FAMILIES[:2]:
        whole = before + text
        if not whole.strip():
            continue
        puzzle = read_puzzle(whole, family=family)
        assert puzzle.readings
        parts = [p.sentence for p in puzzle.readings[0].premises] + [u.sentence for u in puzzle.unread]
        for sentence in [*parts, *puzzle.background]:
            assert whole[sentence.start : sentence.start + len(sentence.text)] == sentence.text
        assert {s.start for s in (*parts, *puzzle.background)} == {s.start for s in sentences(whole)}
        question = read_question(puzzle, text)
        assert not isinstance(question, Unread) or question.reason


@pytest.mark.parametrize(
    "text",
    [
        "taller" + " " * 300_000,
        "taller" + "\n" * 300_000,
        "taller" + "\n " * 200_000,
        "taller" + "-" * 300_000,
        "taller " + "Mr. " * 50_000,
        "taller" + '"' * 300_000,
        "taller a" + "'a" * 100_000,
        "taller " + ": " * 100_000,
        "Kim is taller than " + "Lou and " * 50_000,
        "Kim is taller than " + "Lou who is taller than " * 800 + "Max.",
        "knave. Kim says that " + "Lou could say that " * 900 + "Max is a knave.",
        "knave. Kim says that " + "if Lou is a knave then " * 800 + "Max is a knave.",
        "knave. Kim says that " + "either Lou is a knave or " * 700 + "Max is a knave.",
        "knave. Kim says that " + "it is false that " * 1000 + "Max is a knave.",
    ],
)
def test_huge_texts_take_no_time(text: str) -> None:
    start = time.perf_counter()
    puzzle = read_puzzle(text)
    assert time.perf_counter() - start < 5
    assert puzzle.unread
    assert not puzzle.readings[0].premises


def test_reading_loads_its_grammar_only_when_it_reads() -> None:
    code = (
        "import sys; import entailbench.logic.language, entailbench.logic.language.heights, "
        "entailbench.logic.language.knights; sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            'Kim says , " Lou is big . Max is small . " Nia nods .',
            ['Kim says , " Lou is big . Max is small . "', "Nia nods ."],
        ),
        ("Kim says 'Lou isn't big. Max is.' Nia nods.", ["Kim says 'Lou isn't big. Max is.'", "Nia nods."]),
        ("Kim says “Lou is big. Max is.” Nia nods.", ["Kim says “Lou is big. Max is.”", "Nia nods."]),
        ('" I am big . " says Kim . Nia nods .', ['" I am big . " says Kim .', "Nia nods ."]),
        ("“I am big,” says Kim. “I am small,” says Lou.", ["“I am big,” says Kim.", "“I am small,” says Lou."]),
        ('Kim says " Lou is big . Max is small .', ['Kim says " Lou is big . Max is small .']),
        ("The boys' hats are red. Kim's isn't. Lou's is.", ["The boys' hats are red.", "Kim's isn't.", "Lou's is."]),
    ],
)
def test_a_quotation_is_not_cut(text: str, parts: list[str]) -> None:
    assert [sentence.text for sentence in sentences(text)] == parts


@pytest.mark.parametrize("text", ['"', "'", "' a", '" . ', '. " ', "a' . \"", "“", "Kim says ' Lou . "])
def test_many_quotation_marks_take_no_time(text: str) -> None:
    start = time.perf_counter()
    sentences("taller " + text * 100_000)
    assert time.perf_counter() - start < 5


def test_a_full_stop_before_the_end_of_a_quotation_is_no_word() -> None:
    assert words('Kim says : " I am big . "') == ["Kim", "says", ":", '"', "I", "am", "big", '"']


def test_will_is_a_name_where_it_can_be_nothing_else() -> None:
    assert bones("Will is near Lou")[0] == "@0 is near @1"
    assert bones("Lou is near Will")[0] == "@0 is near @1"
    assert bones("Will Lou be near Max")[0] == "will @0 be near @1"
