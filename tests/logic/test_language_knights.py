"""Knights and knaves in English, and the formulas that they are."""

from __future__ import annotations

import random
import time
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench.logic.formula import And, Formula, Iff, Knight, Not, Or, entities, holds, normal
from entailbench.logic.language import PUZZTE, Conventions, read_puzzle, read_question
from entailbench.logic.puzzle import Question, Reading, Unread

ISLAND = (
    "A small island is inhabited only by knights and knaves . You meet four inhabitants : Kim , Lou , Max and Nia . "
)
K, L, M, N = (Knight(name) for name in ("Kim", "Lou", "Max", "Nia"))


def claim(text: str, reading: int = 0) -> Formula:
    """What a claim says when Kim makes it."""
    puzzle = read_puzzle(f"{ISLAND}Kim says that {text} .")
    assert not puzzle.unread, puzzle.unread[0]
    (premise,) = puzzle.readings[reading].premises
    assert isinstance(premise.formula, Iff)
    assert premise.formula.left == K
    return premise.formula.right


def facts(text: str) -> list[Formula]:
    puzzle = read_puzzle(ISLAND + text)
    assert not puzzle.unread, puzzle.unread[0]
    return [premise.formula for premise in puzzle.readings[0].premises]


def refusal(text: str) -> str:
    puzzle = read_puzzle(ISLAND + text)
    assert not puzzle.readings[0].premises
    (unread,) = puzzle.unread
    assert unread.sentence.text == text
    assert puzzle.text[unread.sentence.start :] == text
    return unread.reason


def asked(text: str, puzzle: str = "Kim says that Lou is a knave .") -> Formula:
    found = read_question(read_puzzle(ISLAND + puzzle), text)
    assert isinstance(found, Question), found
    assert found.text == text
    return found.formula


def models(reading: Reading) -> list[dict[str, int]]:
    people = reading.signature.people
    ways = (dict(zip(people, kinds, strict=True)) for kinds in product((0, 1), repeat=len(people)))
    return [way for way in ways if all(holds(premise.formula, way, 0) for premise in reading.premises)]


CLAIMS: dict[str, Formula] = {
    "Lou is a knight": L,
    "Lou is a knave": Not(L),
    "Lou is not a knave": L,
    "Lou isn't the knight": Not(L),
    "Lou is a liar": Not(L),
    "Lou always lies": Not(L),
    "Lou always tells the truth": L,
    "he is a knave": Not(K),
    "I am a knave": Not(K),
    # two people
    "Lou and Max are knights": And((L, M)),
    "Lou and Max are both knaves": And((Not(L), Not(M))),
    "both Lou and Max are knaves": And((Not(L), Not(M))),
    "she and Max are knaves": And((Not(K), Not(M))),
    "Lou , Max and Nia are all knights": And((L, M, N)),
    "Lou and Max are not knights": And((Not(L), Not(M))),
    "Lou and Max are not both knights": Not(And((L, M))),
    "Lou or Max is a knave": Or((Not(L), Not(M))),
    "neither Lou nor Max is a knave": And((L, M)),
    "neither Lou nor he are knaves": And((L, K)),
    "neither Lou , Max nor Nia is a knight": And((Not(L), Not(M), Not(N))),
    "Lou and Max are the same": Iff(L, M),
    "Max and he are of the same type": Iff(M, K),
    "Lou is the same as Max": Iff(L, M),
    "Lou and Max are both knights or both knaves": Iff(L, M),
    "Lou and Max are different": Not(Iff(L, M)),
    "Lou and Max are not the same": Not(Iff(L, M)),
    "Lou is not the same type as Max": Not(Iff(L, M)),
    "Lou is different from Max": Not(Iff(L, M)),
    "Lou , Max and Nia are the same": And((Iff(L, M), Iff(M, N))),
    # how many
    "at least one of Lou and Max is a knave": Or((Not(L), Not(M))),
    "at least two of Lou , Max and Nia are knights": Or((And((L, M)), And((L, N)), And((M, N)))),
    "at most one of Lou and Max is a knight": Not(And((L, M))),
    "exactly one of Lou and Max is a knight": Not(Iff(L, M)),
    "of Lou and Max , exactly one is a knight": Not(Iff(L, M)),
    "of he and Max , exactly one is a knave": Not(Iff(Not(K), Not(M))),
    "none of Lou and Max is a knight": And((Not(L), Not(M))),
    "exactly one of Lou , Max and Nia is a knight": Or(
        (And((L, Not(M), Not(N))), And((Not(L), M, Not(N))), And((Not(L), Not(M), N)))
    ),
    # claims joined
    "Lou is a knave and Max is a knight": And((Not(L), M)),
    "both Lou is a knave and Max is a knight": And((Not(L), M)),
    "Lou is a knave or he is a knight": Or((Not(L), K)),
    "Lou is a knave and that Max is a knight": And((Not(L), M)),
    "Lou is a knave , and Max is a knight , and Nia is a knave": And((Not(L), M, Not(N))),
    "at least one of the following is true : that Lou is a knave or that Max is a knight": Or((Not(L), M)),
    "exactly one of the following is true : that Lou is a knave or that Max is a knight": Not(Iff(Not(L), M)),
    "both of the following are true : that Lou is a knave and that Max is a knight": And((Not(L), M)),
    "if Lou is a knave then Max is a knight": Or((L, M)),
    "if Lou is a knave , then Max and Nia are knights": Or((L, And((M, N)))),
    "Lou is a knave if and only if Max is a knight": Iff(Not(L), M),
    "Lou and Max are knights and Nia is a knave": And((And((L, M)), Not(N))),
    # claims about claims
    "it is false that Lou is a knave": L,
    "it is not the case that Lou is a knight": Not(L),
    "it is not true that both Lou is a knave and Max is a knight": Not(And((Not(L), M))),
    "it is true that Lou is a knave": Not(L),
    "Lou could say that Max is a knave": Iff(L, Not(M)),
    "Lou would tell you that Max is a knave": Iff(L, Not(M)),
    "Lou could claim that he is a knave": Iff(L, Not(K)),
    "he could say that Lou is a knave": Iff(K, Not(L)),
    "Lou says that Max is a knave": Iff(L, Not(M)),
    "Lou would not say that Max is a knave": Not(Iff(L, Not(M))),
    "Lou could say that Max would say that Nia could claim that he is a knave": Iff(L, Iff(M, Iff(N, Not(K)))),
    "only a knave would say that Max is a knave": M,
    "only a knight would say that Max is a knave": Not(M),
    "only a knave would say that Lou could say that Max is a knave": Not(Iff(L, Not(M))),
    "he knows that Lou is a knave": Not(L),
    "he knows that Lou is a knave and that Max is a knight": And((Not(L), M)),
    "I know that Lou is a knave": Not(L),
    "Lou is a knave or Max could say that Nia is a knave": Or((Not(L), Iff(M, Not(N)))),
    "it is false that Lou could say that it is false that Max is a knave": Not(Iff(L, M)),
}


@pytest.mark.parametrize("text", CLAIMS)
def test_claims(text: str) -> None:
    assert claim(text) == CLAIMS[text]


@pytest.mark.parametrize("text", CLAIMS)
def test_claims_in_direct_speech(text: str) -> None:
    if {"he", "she"} & set(text.split()):
        assert refusal(f'Kim says : "{text}."') == "in direct speech 'he' is not the one who speaks"
    else:
        assert facts(f'Kim says : "{text}."') == [Iff(K, CLAIMS[text])]


@pytest.mark.parametrize(
    "says",
    ["says that", "claims that", "tells you that", "told you that", "said that", "states that", "says", "claim that"],
)
def test_verbs_of_saying(says: str) -> None:
    assert facts(f"Kim {says} Lou is a knave .") == [Iff(K, Not(L))]


def test_a_whole_puzzle() -> None:
    text = (
        "Everyone on this island is a knight , who always tells the truth , or a knave , who always lies . You meet "
        "three inhabitants : Kim , Lou and Max . Kim says that Lou is a knave.Lou tells you that Max is a knave . Max "
        "claims that Kim and Lou are knaves . Can you find out who is a knave ?  "
    )
    puzzle = read_puzzle(text, PUZZTE)
    (reading,) = puzzle.readings
    assert puzzle.family == "knights"
    assert puzzle.dimension == ""
    assert not puzzle.unread
    assert reading.name == ""
    assert reading.signature.people == ("Kim", "Lou", "Max")
    assert [premise.formula for premise in reading.premises] == [
        Iff(K, Not(L)),
        Iff(L, Not(M)),
        Iff(M, And((Not(K), Not(L)))),
    ]
    assert reading.premises[0].sentence.text == "Kim says that Lou is a knave."
    assert len(puzzle.background) == 3
    assert models(reading) == [{"Kim": 0, "Lou": 1, "Max": 0}]


def test_either_or_has_two_readings_where_it_matters() -> None:
    text = (
        ISLAND + "Kim says that either Lou is a knave or Max is a knave . Max says that either Kim or Lou is a knight ."
    )
    inclusive, exclusive = read_puzzle(text).readings
    assert (inclusive.name, exclusive.name) == ("either … or: inclusive", "either … or: exclusive")
    assert [p.formula for p in inclusive.premises] == [Iff(K, Or((Not(L), Not(M)))), Iff(M, Or((K, L)))]
    assert [p.formula for p in exclusive.premises] == [Iff(K, Not(Iff(Not(L), Not(M)))), Iff(M, Not(Iff(K, L)))]
    assert len(read_puzzle(text, PUZZTE).readings) == 1
    turned = read_puzzle(text, Conventions(either=("exclusive", "inclusive")))
    assert [reading.name for reading in turned.readings] == ["either … or: exclusive", "either … or: inclusive"]
    question = read_question(turned, "Is either Kim or Lou a knave ?")
    assert isinstance(question, Question)
    assert question.formula == Not(Iff(Not(K), Not(L)))
    assert [reading.name for reading in read_puzzle(ISLAND + "Kim says that Lou is a knave .").readings] == [""]


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("Kim is a knight .", [K]),
        ("Kim and Lou are knaves .", [And((Not(K), Not(L)))]),
        ("If Kim is a knave then Lou is a knight .", [Or((K, L))]),
        ("Kim is a knave or Lou is a knave .", [Or((Not(K), Not(L)))]),
        ("Kim could say that Lou is a knave .", [Iff(K, Not(L))]),
        ("Kim and Lou both say that Max is a knave .", [And((Iff(K, Not(M)), Iff(L, Not(M))))]),
        ("Kim says that Lou is a knave and Lou says that he is a knight .", [Iff(K, Not(L)), Iff(L, L)]),
        ("Kim says that he is a knave ; Lou says that he is a knave .", [Iff(K, Not(K)), Iff(L, Not(L))]),
        ("Kim says Lou is a knave, while Lou says Kim is a knave.", [Iff(K, Not(L)), Iff(L, Not(K))]),
        ('"I am a knave," says Kim.', [Iff(K, Not(K))]),
        ("Kim says: “Lou could say that I am a knave.”", [Iff(K, Iff(L, Not(K)))]),
        ("However , Kim says that Lou is a knave", [Iff(K, Not(L))]),
        ("kim says that LOU is a knave", [Iff(K, Not(L))]),
    ],
)
def test_statements(text: str, formulas: list[Formula]) -> None:
    assert facts(text) == formulas


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Kim says that", "it breaks off"),
        ("Kim says that Lou", "it breaks off"),
        ("Zia says that Kim is a knave .", "names 'Zia', whom the puzzle does not introduce"),
        ("Kim says that Zia is a knave .", "names 'Zia', whom the puzzle does not introduce"),
        ("Kim says that it is false that Lou is a knave and Max is a knave .", "can belong to the inner claim"),
        ("Kim says that Lou could say that Max is a knave and that Nia is a knave .", "can belong to the inner claim"),
        ("Kim says that either Lou is a knave or Max is a knave and Nia is a knave .", "can belong to the inner claim"),
        ("Kim says that Lou is a knave and Max is a knave or Nia is a knave .", "from 'or' on"),
        ("Kim says that Lou is a knave and he says that Max is a knave .", "who says its second claim"),
        ("Kim says that Lou could say that I am a knave .", "'I' can be either speaker"),
        ("Kim and Lou both say that he is a knave .", "a pronoun can be any of the speakers"),
        ("Kim says that Lou , Max and Nia are different .", "more than two people cannot all be different"),
        ("He says that Lou is a knave .", "does not name who speaks"),
        ("He is a knave .", "a pronoun stands for nobody in particular"),
        ("One of them is a knave .", "from 'one' on"),
        ("There are exactly two knights .", "from 'there' on"),
        ("They are all knaves .", "from 'they' on"),
        ("There are more knights than knaves .", "from 'there' on"),
        ("All of them are knights , or all of them are knaves .", "from 'them' on"),
        ("At least one of you is a knave .", "from 'you' on"),
        ("There is a knight and a knave among them .", "from 'there' on"),
        ("Kim is tall .", "from 'tall' on"),
        ("Kim is a knave ?", "it ends as a question and is not one alone"),
        ("Kim says that Lou is nice .", "from 'nice' on"),
        ("Kim dice que Lou is a knave .", "from 'dice' on"),
        ("Kim says that Lou\u200b is a knave .", "its form is not known"),
        ("Kim says that exactly two of the following is true : that Lou is a knave .", "it breaks off"),
    ],
)
def test_what_is_not_read_is_named(text: str, reason: str) -> None:
    assert reason in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Can you find out who is a knave ?",
        "Who is a knight ?",
        "Is Kim a knave ?",
        "So , is Kim a knave ?",
        "Knights always tell the truth , and knaves always lie .",
        "A knave always lies .",
        "Everybody here is a knight , who always tells the truth , or a knave , who always lies .",
        "You hear music .",
    ],
)
def test_background(text: str) -> None:
    puzzle = read_puzzle(ISLAND + "Kim says that Lou is a knave . " + text)
    assert not puzzle.unread
    assert len(puzzle.readings[0].premises) == 1
    assert puzzle.background[-1].text == text


@pytest.mark.parametrize(
    "text",
    [
        "You meet three inhabitants :  Kim , Lou and Max.",
        "There are three people: Kim, Lou and Max.",
        "Kim, Lou and Max are three inhabitants of the island of knights and knaves.",
        "You meet Kim , Lou and Max .",
        "You come across three inhabitants : Kim , Lou and Max .",
    ],
)
def test_introductions(text: str) -> None:
    puzzle = read_puzzle(text + " Max says that Kim is a knave .")
    assert not puzzle.unread
    assert puzzle.readings[0].signature.people == ("Kim", "Lou", "Max")


@pytest.mark.parametrize(
    "text",
    [
        # of the inhabitants
        "They are of different types .",
        "They are of the same type .",
        "They always agree .",
        "Both are honest .",
        "Neither is honest .",
        "One of them is honest .",
        "He is honest .",
        "A knave stands before you .",
        "A knight greets you .",
        "Knights are outnumbered by knaves .",
        "Each knight is accompanied by a knave .",
        "There are knights and knaves among them .",
        "There are no knights and there are only knaves .",
        "You know that the knights are not among the knaves .",
        "The statements are both true .",
        "Exactly one of the statements is true .",
        "You hear : “ we are of opposite types ” .",
        # of another island
        "Knights always lie and knaves always tell the truth .",
        "You find out that knights here lie and knaves tell the truth .",
        "Knights sometimes lie .",
        "On Mondays knights lie and knaves tell the truth .",
        "Normals can do either .",
        "The guards here fib .",
        "There are knights , knaves and spies .",
        "There are knights who always tell the truth , knaves who always lie and spies who can do either .",
        # questions with a statement in them
        "Who is the knave is Lou .",
        "Who is the knave ?",
        "Who is who , Kim being a knight ?",
        "What is known is that Lou is a knave .",
        "What is more , Lou is a knave .",
        "What Kim says is that she is a knave .",
        "Which of them is a knave is known : Lou .",
        "What are they , Kim tells you “ Lou is a knave ” ?",
        "Can Lou , a knave , be a knight ?",
        "Can you find out what Lou is , Kim being a knight .",
        "Can anybody doubt that Kim is a knight .",
        "Determine what Lou is ; Kim is a knight .",
        "Find Lou , a knave .",
        "Is Lou , the knave , a knight ?",
        "How Kim lies !",
    ],
)
def test_a_premise_is_not_taken_for_background(text: str) -> None:
    puzzle = read_puzzle(ISLAND + "Kim says that Lou is a knave . " + text)
    assert [unread.sentence.text for unread in puzzle.unread] == [text]


@pytest.mark.parametrize(
    "people",
    [
        "two inhabitants : Kim and Lou , of different types",
        "two inhabitants : Kim and Lou , one of each",
        "two inhabitants of different type : Kim and Lou",
        "two honest inhabitants : Kim and Lou",
        "two inhabitants : Kim and Lou , both honest",
        "two inhabitants : Kim and Lou , twins",
        "two inhabitants : Kim , who is a knight , and Lou",
        "Kim and Lou , who never agree",
        "three people , Kim , Lou and Max , with one spy",
    ],
)
def test_an_introduction_with_a_premise_in_it_is_unread(people: str) -> None:
    text = f"You meet {people} ."
    puzzle = read_puzzle(text + " Kim says that Lou is a knave .")
    assert [unread.sentence.text for unread in puzzle.unread] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "All inhabitants are knights or knaves .",
        "A very special island is inhabited only by knights and knaves .",
        "Knights always tell the truth, knaves always lie .",
        "There is an island where all inhabitants are either knights or knaves .",
        "In this village live knights , who always tell the truth , and knaves , who always lie .",
        "Can you find out who is telling the truth and who is lying ?",
        "Who is what ?",
        "A knight never lies and a knave never tells the truth .",
        "There is an island inhabited only by knights , who always tell the truth , and knaves , who always lie .",
        "On this island there are two kinds of people : knights and knaves .",
        "What are Kim and Lou ?",
        "Can you find out what they are ?",
    ],
)
def test_customs_and_tasks(text: str) -> None:
    puzzle = read_puzzle(text + " You meet two inhabitants : Kim and Lou . Kim says that Lou is a knave .")
    assert not puzzle.unread
    assert len(puzzle.readings[0].premises) == 1


TWO = "You meet two inhabitants : Kim and Lou . "
OF_US: dict[str, Formula] = {
    "we are both knaves": And((Not(K), Not(L))),
    "we are the same type": Iff(K, L),
    "we are of different types": Not(Iff(K, L)),
    "we are not both knights": Not(And((K, L))),
    "at least one of us is a knave": Or((Not(K), Not(L))),
    "exactly one of us is a knight": Not(Iff(K, L)),
    "none of us is a knave": And((K, L)),
    "neither of us is a knave": And((K, L)),
    "both of us are knaves": And((Not(K), Not(L))),
    "all of us are knaves": And((Not(K), Not(L))),
    "all of Kim and Lou are knaves": And((Not(K), Not(L))),
}


@pytest.mark.parametrize("text", OF_US)
def test_claims_about_us(text: str) -> None:
    for sentence in (f'Kim says : "{text} ."', f'Kim : " {text} . "', f'" {text} , " says Kim .'):
        puzzle = read_puzzle(TWO + sentence, PUZZTE, "knights")
        assert not puzzle.unread, puzzle.unread[0]
        assert [p.formula for p in puzzle.readings[0].premises] == [Iff(K, OF_US[text])]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('You meet three inhabitants : Kim , Lou and Max . Kim says " we are both knaves " .', "'both' goes with two"),
        (
            'You meet three inhabitants : Kim , Lou and Max . Kim says " neither of us is a knave " .',
            "'both' goes with",
        ),
        ('Kim says " we are both knaves " .', "it is not known who 'we' are"),
        (TWO + "At least one of us is a knave .", "a pronoun stands for nobody in particular"),
        (TWO + "Kim and Lou say that we are knaves .", "a pronoun can be any of the speakers"),
        (TWO + "Kim says that Lou could say that we are knaves .", "'I' can be either speaker"),
        (TWO + "Kim says that Lou is the same as himself .", "it is not clear to whom it compares"),
        (TWO + "Kim says that Lou is different from himself .", "it is not clear to whom it compares"),
        (TWO + "If Kim says that Lou is a knave , then Lou is a knave .", "what somebody says stands in its condition"),
    ],
)
def test_claims_about_us_that_are_not_clear(text: str, reason: str) -> None:
    (unread,) = read_puzzle(text, family="knights").unread
    assert reason in unread.reason


@pytest.mark.parametrize(
    "text",
    [
        "on the island where ",
        "knights ",
        "every knight who always ",
        "a knight or a knave ",
        "always ",
        "knights and knaves ",
    ],
)
def test_customs_take_no_time(text: str) -> None:
    start = time.perf_counter()
    for length in range(0, 400, 7):
        read_puzzle(ISLAND + "On this island " + (text * 400)[:length] + " . Kim says that Lou is a knave .")
    assert time.perf_counter() - start < 5


def test_what_several_say_and_what_each_says() -> None:
    assert facts("Kim and Lou say that Max is a knave .") == [And((Iff(K, Not(M)), Iff(L, Not(M))))]
    assert facts("Kim and Lou said that Max is a knave and Nia said that Kim is a knave .") == [
        And((Iff(K, Not(M)), Iff(L, Not(M)))),
        Iff(N, Not(K)),
    ]
    assert facts("Kim is a knave and Lou says that Max is a knave .") == [Not(K), Iff(L, Not(M))]


def test_a_quotation_of_several_sentences_is_not_taken_apart() -> None:
    puzzle = read_puzzle(ISLAND + 'Kim says , " Lou is a knave . Max is a knight . " Lou says , " Kim is a knave . "')
    assert [p.formula for p in puzzle.readings[0].premises] == [Iff(L, Not(K))]
    assert len(puzzle.unread) == 1


def test_an_introduction_that_says_more_is_unread() -> None:
    puzzle = read_puzzle("You meet two knaves : Kim and Lou . Kim says that Lou is a knave .")
    assert [unread.sentence.text for unread in puzzle.unread] == ["You meet two knaves : Kim and Lou ."]


def test_without_an_introduction_those_who_are_named_exist() -> None:
    puzzle = read_puzzle("Max says that Kim is a knave . Kim says that Lou is a knight .")
    assert not puzzle.unread
    assert puzzle.readings[0].signature.people == ("Max", "Kim", "Lou")


def test_letters_as_names() -> None:
    puzzle = read_puzzle(
        "You meet three inhabitants : A , B and I . A says that I is a knave . I says that A is a knight . "
        "A knight never lies ."
    )
    assert not puzzle.unread
    assert [p.formula for p in puzzle.readings[0].premises] == [
        Iff(Knight("A"), Not(Knight("I"))),
        Iff(Knight("I"), Knight("A")),
    ]


QUESTIONS: dict[str, Formula] = {
    "Is Kim the knight ?": K,
    "Is Kim a knave ?": Not(K),
    "Is Kim not a knave ?": K,
    "Are Kim and Lou the same ?": Iff(K, L),
    "Are Kim and Lou not the same ?": Not(Iff(K, L)),
    "Are Kim and Lou different ?": Not(Iff(K, L)),
    "Are Kim and Lou both knights ?": And((K, L)),
    "Are both Kim and Lou knaves ?": And((Not(K), Not(L))),
    "Are Kim and Lou both knights or both knaves ?": Iff(K, L),
    "Is Kim the same as Lou ?": Iff(K, L),
    "Is either Kim or Lou a knave ?": Or((Not(K), Not(L))),
    "Is neither Kim nor Lou a knave ?": And((K, L)),
    "Is at least one of Kim and Lou a knave ?": Or((Not(K), Not(L))),
    "Would Kim say that he is a knave ?": Iff(K, Not(K)),
    "Could Kim claim that Lou is a knight ?": Iff(K, L),
    "Is it true that Kim is a knave and Lou is a knight ?": And((Not(K), L)),
    "Kim is a knave .": Not(K),
    "is KIM the knight": K,
}


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions(text: str) -> None:
    assert asked(text) == QUESTIONS[text]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Is Zia the knight ?", "names 'Zia', whom the puzzle does not have"),
        ("Is he a knave ?", "a pronoun stands for nobody in particular"),
        ("Would he say that Kim is a knave ?", "a pronoun stands for nobody in particular"),
        ("Would Kim say that I am a knave ?", "'I' stands for nobody in particular"),
        ("Is Kim the tallest ?", "from 'tallest' on"),
        ("Who is the knight ?", "from 'who' on"),
        ("Is Kim", "it breaks off"),
        ("", "it is empty"),
        ("誰", "it breaks off"),
        ("Is Kim " + "not " * 20_000, "more than 20,000 characters"),
    ],
)
def test_questions_that_are_refused(text: str, reason: str) -> None:
    found = read_question(read_puzzle(ISLAND + "Kim says that Lou is a knave ."), text)
    assert isinstance(found, Unread)
    assert reason in found.reason


def test_claims_that_come_to_too_much_are_refused() -> None:
    many = " , ".join(f"Kim{number}" for number in range(199))
    for text in (
        f"knave . Lou says that exactly one of {many} and Max is a knave .",
        f"knave . Lou says that exactly nine of {many} and Max are knaves .",
        "knave . Lou says that "
        + "exactly one of the following is true : that Max is a knave or that Nia is a knave or that " * 12
        + "Kim is a knave .",
    ):
        assert [unread.reason for unread in read_puzzle(text).unread][-1] == "it comes to too many claims"


def test_forty_claims_within_claims_are_read() -> None:
    text = ISLAND + "Kim says that " + "Lou could say that " * 40 + "Max is a knave ."
    ((premise,),) = [reading.premises for reading in read_puzzle(text).readings]
    assert entities(normal(premise.formula))
    assert holds(premise.formula, {"Kim": 1, "Lou": 1, "Max": 0, "Nia": 0}, 0)


def test_ten_thousand_premises_about_two_hundred_people() -> None:
    rng = random.Random(1)
    people = [f"Kim{number}" for number in range(200)]
    text = f"You meet 200 inhabitants : {' , '.join(people[:-1])} and {people[-1]} . " + " ".join(
        f"{a} says that {b} could say that {c} is a knave ."
        for a, b, c in (rng.sample(people, 3) for _ in range(10_000))
    )
    start = time.perf_counter()
    puzzle = read_puzzle(text)
    assert time.perf_counter() - start < 20
    assert len(puzzle.readings[0].premises) == 10_000
    assert len(puzzle.readings[0].signature.people) == 200


def english(formula: Formula, speaker: str, rng: random.Random) -> str:
    """A claim in words: every form, to any depth, with brackets where English needs them."""
    match formula:
        case Knight(person):
            return f"{'he' if person == speaker and rng.random() < 0.5 else person} is a knight"
        case Not(Knight(person)):
            return f"{person} is {rng.choice(['a knave', 'not a knight'])}"
        case Not(part):
            start = rng.choice(["it is false that", "it is not the case that", "only a knave would say that"])
            return f"{start} {english(part, speaker, rng)}"
        case And((first, second)):
            return f"both {english(first, speaker, rng)} and {english(second, speaker, rng)}"
        case Or((first, second)):
            start = "at least one of the following is true : that"
            return f"{start} {english(first, speaker, rng)} or that {english(second, speaker, rng)}"
        case Iff(Knight(person), part):
            verb = rng.choice(["could say that", "would claim that", "would tell you that"])
            return f"{person} {verb} {english(part, speaker, rng)}"
    raise TypeError(formula)


def formulas(depth: int) -> st.SearchStrategy[Formula]:
    atom = st.sampled_from([K, L, M, N])
    leaf = st.one_of(atom, atom.map(Not))
    if not depth:
        return leaf
    part = formulas(depth - 1)
    return st.one_of(leaf, part.map(Not), st.builds(lambda a, b: And((a, b)), leaf, part), st.builds(Iff, atom, part))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Kim", "Lou", "Max", "Nia"]), formulas(3)), min_size=1, max_size=4),
    st.integers(0, 1 << 30),
)
def test_what_is_written_is_read_back(told: list[tuple[str, Formula]], seed: int) -> None:
    rng = random.Random(seed)
    text = ISLAND + " ".join(f"{who} says that {english(what, who, rng)} ." for who, what in told)
    puzzle = read_puzzle(text)
    assert not puzzle.unread
    assert [normal(p.formula) for p in puzzle.readings[0].premises] == [normal(Iff(Knight(w), f)) for w, f in told]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(CLAIMS)), st.permutations(["Kim", "Lou", "Max", "Nia"]))
def test_reading_does_not_depend_on_the_names(text: str, names: list[str]) -> None:
    from entailbench.logic.formula import renamed

    new = dict(zip(("Kim", "Lou", "Max", "Nia"), names, strict=True))
    turned = " ".join(new.get(word, word) for word in f"Kim says that {text} .".split())
    assert facts(turned) == [renamed(Iff(K, CLAIMS[text]), lambda name: new[name])]


def test_real_rows_are_read(puzzte_dir: Path) -> None:
    """Everything but questions about strangers; a puzzle with a statement of each person has one solution."""
    import json

    rows = [json.loads(line) for line in (puzzte_dir / "validation.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {row["puzzle_text"] for row in rows if "knave" in row["puzzle_text"]}
    puzzles = {text: read_puzzle(text, PUZZTE) for text in texts}
    assert len(puzzles) > 100
    assert not [puzzle for puzzle in puzzles.values() if puzzle.unread]
    for puzzle in puzzles.values():
        (reading,) = puzzle.readings
        speakers = {premise.formula.left for premise in reading.premises if isinstance(premise.formula, Iff)}
        if len(speakers) == len(reading.signature.people):
            assert len(models(reading)) == 1
    unread = [
        question
        for row in rows
        if row["puzzle_text"] in puzzles
        and isinstance(question := read_question(puzzles[row["puzzle_text"]], row["question"]), Unread)
    ]
    assert all(question.reason.endswith("whom the puzzle does not have") for question in unread)
    assert len(unread) <= 20
