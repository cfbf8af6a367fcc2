"""The checker: it accepts what follows step by step, and no text whatever proves what is not so."""

from __future__ import annotations

import ast
import re
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from random_readings import random_question, random_reading

from entailbench.logic import proofs
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
)
from entailbench.logic.proofs import Inconsistent, check, decide
from entailbench.logic.puzzle import FAMILIES, Family, Premise, Reading, Sentence
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT


def reading(signature: Signature, *formulas: Formula) -> Reading:
    return Reading("", signature, tuple(Premise(Sentence(str(formula)), formula) for formula in formulas))


ROW = reading(
    Signature(groups=(("Ann", "Bob", "Cal", "Dee"),), places=4),
    Before("Ann", "Bob"),
    Before("Bob", "Cal"),
    Or((Before("Dee", "Ann"), Before("Cal", "Dee"))),
)
ISLAND = reading(
    Signature(people=("Ann", "Bob", "Cal")),
    Iff(Knight("Ann"), And((Not(Knight("Bob")), Knight("Cal")))),
    Iff(Knight("Bob"), Not(Knight("Ann"))),
    Iff(Knight("Cal"), Or((Knight("Ann"), Knight("Bob")))),
)
STREET = reading(
    Signature(groups=(("red", "blue", "green"), ("tea", "milk", "tea with milk")), places=3),
    At("red", 1),
    JustBefore("tea", "milk"),
    Same("tea with milk", "red"),
    NextTo("blue", "red"),
)
OPEN_STREET = reading(Signature(groups=(("red", "blue"), ("cat", "dog")), places=3), JustBefore("red", "blue"))


@pytest.mark.parametrize(
    ("puzzle", "question", "text", "truth"),
    [
        (ROW, Before("Ann", "Cal"), "Ann > Bob > Cal", ENTAILMENT),
        (ROW, Before("Ann", "Cal"), "  Ann>Bob,\n Bob   >Cal ", ENTAILMENT),
        (ROW, Before("Cal", "Ann"), "Ann > Bob > Cal", CONTRADICTION),
        (ROW, Before("Ann", "Cal"), "Bob > Cal, Ann > Bob", ENTAILMENT),
        (ROW, Before("Ann", "Cal"), "if Cal > Ann: false; Ann > Cal", None),
        (ROW, Before("Ann", "Cal"), "Ann > Cal", None),
        (ROW, Before("Ann", "Cal"), "Ann > Bob", None),
        (ROW, Before("Ann", "Cal"), "Ann > Bob > Cal >", None),
        (ROW, Before("Ann", "Cal"), "Ann > Bob > Cal.", None),
        (ROW, Before("Ann", "Cal"), "ann > bob > cal", None),
        (ROW, Before("Ann", "Cal"), "", None),
        (ROW, Before("Bob", "Bob"), "Bob = Bob", CONTRADICTION),
        (ROW, Before("Bob", "Bob"), "no", CONTRADICTION),
        (ROW, Before("Bob", "Bob"), "yes", None),
        (ROW, Before("Bob", "Cal"), "Bob = Cal", None),
        (ROW, At("Dee", 2), "if Dee > Bob: Dee > Ann > Bob > Cal, no; else Bob > Dee, Ann > Bob, no", None),
        (
            ROW,
            At("Dee", 2),
            "if Dee > Ann: Ann > Bob > Cal, no; else Ann > Dee, Cal > Dee, Ann > Bob > Cal",
            CONTRADICTION,
        ),
        (ROW, At("Dee", 2), "if Dee > Ann: Ann > Bob > Cal, yes; else Ann > Dee, Cal > Dee, Ann > Bob > Cal", None),
        (ROW, Before("Dee", "Ann"), "Dee > Ann > Bob > Cal or Ann > Bob > Cal > Dee", UNKNOWN),
        (ROW, Before("Dee", "Ann"), "Ann > Bob > Cal > Dee or Dee > Ann > Bob > Cal", UNKNOWN),
        (ROW, Before("Dee", "Ann"), "Dee > Ann > Bob > Cal or Dee > Ann > Bob > Cal", None),
        (ROW, Before("Dee", "Ann"), "Dee > Ann > Bob > Cal or Ann > Dee > Bob > Cal", None),
        (ROW, Before("Dee", "Ann"), "Dee > Ann > Bob > Cal or Ann > Bob > Cal", None),
        (ROW, Before("Dee", "Ann"), "Dee > Ann > Bob > Cal or Ann > Bob > Cal > Dee or Ann > Bob > Cal > Dee", None),
        (ISLAND, Knight("Cal"), "if Ann knight: Cal knight, yes; else Bob knight, Cal knight", ENTAILMENT),
        (ISLAND, Knight("Cal"), "if Ann knight: Cal knight, yes; if Ann knave: Bob knight, Cal knight, yes", None),
        (ISLAND, Knight("Cal"), "if Cal knave: Ann knave; Bob knave; false, Cal knight", ENTAILMENT),
        (ISLAND, Not(Knight("Cal")), "if Cal knave: Ann knave, Bob knave, false", CONTRADICTION),
        (ISLAND, Knight("Cal"), "Cal knight", None),
        (ISLAND, Knight("Ann"), "if Ann knave: false; Ann knight", None),
        (ISLAND, Knight("Ann"), "if Ann knight: yes", None),
        (ISLAND, Knight("Ann"), "Ann knight, Bob knave, Cal knight or Ann knave, Bob knight", UNKNOWN),
        (ISLAND, Knight("Ann"), "Ann knight, Bob knave, Cal knight or Bob knight", None),
        (ISLAND, Knight("Ann"), "Ann knight, Bob knave or Ann knave, Bob knight", None),
        (STREET, Same("milk", "blue"), "red 1, tea 2, milk 3", None),
        (STREET, Same("milk", "blue"), "red 1, blue 2, tea with milk 1, tea 2", CONTRADICTION),
        (STREET, Same("tea with milk", "blue"), "tea with milk = red", CONTRADICTION),
        (STREET, Same("tea with milk", "red"), "red = tea with milk", ENTAILMENT),
        (STREET, Same("tea", "red"), "tea = red", None),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2, dog 1 or cat 3", UNKNOWN),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2, dog 1 or red 1, blue 2, cat 1, dog 3", UNKNOWN),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2, dog 1 or cat 1", None),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2 or cat 3", None),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2, dog 1 or cat not 2", None),
        (OPEN_STREET, At("cat", 2), "red 1, blue 2, cat 2, cat 3, dog 1 or cat 3", None),
        (OPEN_STREET, At("red", 3), "if red 3: blue 4, false; red not 3", None),
        (OPEN_STREET, At("red", 3), "if red 3: false; red not 3", CONTRADICTION),
        (OPEN_STREET, At("red", 3), "red not 3", CONTRADICTION),
        (STREET, At("green", -1), "red 1, blue 2", ENTAILMENT),
        (STREET, At("green", -1), "green 3", None),
        (STREET, At("green", -1), "green not 4", None),
        (STREET, At("green", -1), "red knight", None),
        (STREET, At("green", -1), "if green not 3: blue not 2, false; green 3", None),
        (STREET, At("green", -1), "red 1, if green not 3: blue not 2, false; green 3", ENTAILMENT),
    ],
)
def test_texts_by_hand(puzzle: Reading, question: Formula, text: str, truth: str | None) -> None:
    result = check(puzzle, question, text)
    assert result.truth == truth, result.reason
    assert bool(result.reason) == (truth is None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Ann > Cal > Bob", "statement 1, 'Ann > Cal > Bob': does not follow"),
        ("Ann > Bob, Bob > Dee", "statement 2, 'Bob > Dee': does not follow"),
        ("Ann > Bob, Zoe > Ann", "'Zoe' is neither a name"),
        ("if Ann > Bob: Bob > Cal", "not brought to an end"),
        ("if Ann > Bob: false", "statement 2, 'false': the case contradicts no single premise"),
        ("false", "no case that could be false"),
        ("Ann > Bob", "does not settle"),
        ("Ann > Bob,, Bob > Cal", "statement 2 is empty"),
        ('"Ann > Bob', "a quote at character 0 is not closed"),
        ("else Ann > Bob", "'else' may only follow"),
        ("Ann > Bob: Bob > Cal", "only a supposition is followed by ':'"),
    ],
)
def test_the_reason_says_which_step_and_why(text: str, complaint: str) -> None:
    result = check(ROW, Before("Ann", "Cal"), text)
    assert result.truth is None
    assert complaint in result.reason


@pytest.mark.parametrize(
    "text",
    [
        "Cal, if Cal knave: Ann knave, Bob knave, false",
        "if Cal knave: Cal; Ann knave, Bob knave, false",
        "if Cal knave: Ann knave, Bob knave, false; Cal",
        "if Cal: Ann knave, Bob knave, false",
    ],
)
def test_a_name_alone_says_nothing(text: str) -> None:
    question = Not(Knight("Cal"))
    assert check(ISLAND, question, "if Cal knave: Ann knave, Bob knave, false").truth == CONTRADICTION
    result = check(ISLAND, question, text)
    assert result.truth is None
    assert "'Cal' is not of the form 'A knight' or 'A knave'" in result.reason


def test_names_that_look_like_the_language_stand_in_quotes() -> None:
    people = ("if", "7", "Ann > Bob", 'the "boss"', "Ann  Lee", "Ann", "or knave")
    puzzle = reading(Signature(groups=(people,), places=7), *(Before(a, b) for a, b in pairwise(people)))
    for question in (Before("if", "or knave"), Before("Ann  Lee", "7"), Not(Before("Ann", "Ann"))):
        proved = decide(puzzle, question)
        assert check(puzzle, question, proved.proof.text).truth == proved.truth
    assert decide(puzzle, Before("if", "Ann > Bob")).proof.text == '"if" > "7" > "Ann > Bob"'
    assert check(puzzle, Before("if", "7"), '"if" > "7"').truth == ENTAILMENT
    assert check(puzzle, Before("if", "7"), "if > 7").truth is None
    assert check(puzzle, Before("7", "Ann > Bob"), '7 > "Ann > Bob"').truth is None


def mutants(rng: Random, text: str, others: list[str]) -> list[str]:
    """The text, spoilt in every way that a careless or a cunning writer may spoil it."""
    words = re.findall(r"[\w]+|[^\w\s]", text)
    pool = sorted({*words, *(word for other in others for word in re.findall(r"[\w]+|[^\w\s]", other))})
    pool += ["if", "else", "or", "not", "false", "yes", "no", ",", ";", ":", ">", "=", "1", "2", "knight", "knave"]
    cuts = [match.start() for match in re.finditer("[,;:]", text)] + [len(text)]
    flipped = {"knight": "knave", "knave": "knight", "yes": "no", "no": "yes", "false": "yes", ">": "="}
    spoilt = []
    for _ in range(4):
        at, to = (rng.randrange(len(words)) for _ in range(2)) if words else (0, 0)
        one = list(words)
        if words:
            one[at] = rng.choice(pool)
            spoilt.append(" ".join(one))
            one = list(words)
            one[at], one[to] = one[to], one[at]
            spoilt.append(" ".join(one))
            spoilt.append(" ".join(words[:at] + words[at + 1 :]))
            spoilt.append(" ".join([*words[:at], flipped.get(words[at], words[at]), *words[at + 1 :]]))
        spoilt.append(text[: rng.choice(cuts)])
        spoilt.append(text[rng.choice(cuts) + 1 :])
        if others:
            other = rng.choice(others)
            spoilt.extend([other, f"{text}, {other}", f"{other}; {text}", f"{text} or {other}"])
            spoilt.append(text[: rng.choice(cuts)] + ", " + other)
        spoilt.append(" ".join(rng.choice(pool) for _ in range(rng.randrange(12))))
    statements = re.split("[,;]", text)
    rng.shuffle(statements)
    spoilt.append(",".join(statements))
    return spoilt


@pytest.mark.parametrize("family", FAMILIES)
def test_no_spoilt_proof_proves_what_is_not_so(family: Family) -> None:
    accepted = rejected = 0
    for seed in range(100):
        rng = Random(f"spoilt {family} {seed}")
        puzzle = random_reading(rng, family)
        questions = [random_question(rng, puzzle) for _ in range(4)]
        try:
            proved = [decide(puzzle, question) for question in questions]
        except Inconsistent:
            continue
        texts = [one.proof.text for one in proved]
        for question, one in zip(questions, proved, strict=True):
            for text in mutants(rng, one.proof.text, texts):
                result = check(puzzle, question, text)
                assert result.truth in (None, one.truth), f"{family} {seed}: {text!r} for {question}"
                accepted += result.truth is not None
                rejected += result.truth is None
    assert rejected > 3_000
    assert accepted > 150, "some mutants are proofs in other words, or the test would test too little"


@pytest.mark.parametrize("family", FAMILIES)
def test_random_texts_of_the_language(family: Family) -> None:
    # Short texts in the right form, most of them nonsense: what is accepted must be true.
    accepted = 0
    for seed in range(300):
        rng = Random(f"language {family} {seed}")
        puzzle = random_reading(rng, family)
        question = random_question(rng, puzzle)
        try:
            truth = decide(puzzle, question).truth
        except Inconsistent:
            continue
        names = puzzle.signature.entities

        def fact(rng: Random = rng, names: tuple[str, ...] = names, puzzle: Reading = puzzle) -> str:
            if family == "heights":
                return " > ".join(rng.sample(names, min(len(names), rng.choice((2, 2, 3)))))
            if family == "knights":
                return f"{rng.choice(names)} {rng.choice(('knight', 'knave'))}"
            if rng.random() < 0.1:
                return f"{rng.choice(names)} = {rng.choice(names)}"
            negation = rng.choice(("", "", "not "))
            return f"{rng.choice(names)} {negation}{rng.randint(1, puzzle.signature.places)}"

        for _ in range(25):
            parts, depth = [], 0
            for _ in range(rng.randrange(1, 7)):
                kind = rng.random()
                if kind < 0.25:
                    parts.append(f"if {fact()}:")
                    depth += 1
                elif kind < 0.5 and depth:
                    parts.append(rng.choice(("false;", "false;", "yes;", "no;")))
                    depth -= 1
                else:
                    parts.append(fact() + ",")
            parts += [rng.choice(("false;", "yes;", "no;")) for _ in range(depth)]
            text = " ".join([*parts, fact()]) if rng.random() < 0.7 else " ".join(parts).rstrip(",;:")
            result = check(puzzle, question, text)
            assert result.truth in (None, truth), f"{family} {seed}: {text!r} for {question}"
            accepted += result.truth is not None
    assert accepted > 30


@pytest.mark.parametrize("family", FAMILIES)
def test_garbage_is_rejected_and_quickly(family: Family) -> None:
    rng = Random(7)
    puzzle = random_reading(rng, family)
    while len(puzzle.signature.entities) < 4 or len(puzzle.premises) < 3:
        puzzle = random_reading(rng, family)
    name, other = puzzle.signature.entities[:2]
    question = {"heights": Before(name, other), "knights": Knight(name), "zebra": At(name, 1)}[family]
    supposed = {"heights": f"{name} > {other}", "knights": f"{name} knight", "zebra": f"{name} 1"}[family]
    texts = [
        "\x00\ud800\U0001f9e0",
        "\n" * 100_000,
        "(" * 100_000,
        '"' * 9_999,
        '"' + "\\" * 50_000,
        f"{name} " * 30_000,
        f"if {supposed}: " * 20_000,
        ("if " + supposed + ": false; ") * 8_000,
        "9" * 100_000,
        f"{name} {'9' * 50_000}",
        ">" * 60_000,
        " or ".join([supposed] * 5_000),
        "x" * 1_000_000,
        "всё ясно",
    ]
    begun = time.perf_counter()
    for text in texts:
        result = check(puzzle, question, text)
        assert result.truth is None
        assert 0 < len(result.reason) < 400
    assert time.perf_counter() - begun < 20


def test_the_checkers_import_nothing_of_the_provers() -> None:
    folder = Path(proofs.__file__).parent
    shared = {"proof", "scope", *(path.stem for path in folder.glob("check_*.py"))}
    for path in [*folder.glob("check_*.py"), folder / "proof.py", folder / "scope.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("entailbench.logic.proofs"):
                assert (node.module or "").rpartition(".")[2] in shared, f"{path.name} imports {node.module}"
