"""The texts themselves: they are what models are trained on, so their form is fixed."""

from __future__ import annotations

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
)
from entailbench.logic.proofs import decide
from entailbench.logic.puzzle import Premise, Reading, Sentence
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT


def reading(signature: Signature, *formulas: Formula) -> Reading:
    return Reading("", signature, tuple(Premise(Sentence(str(formula)), formula) for formula in formulas))


PEOPLE = Signature(groups=(("Ann", "Bob", "Cal", "Max", "Zoe"),), places=5)
CHAIN = reading(
    PEOPLE, Before("Cal", "Max"), And((Before("Max", "Zoe"), Before("Zoe", "Bob"))), Not(Before("Ann", "Zoe"))
)
TALLEST = reading(PEOPLE, At("Cal", 1), Before("Max", "Zoe"), At("Ann", -1))
RANKED = reading(PEOPLE, At("Max", 2), Before("Cal", "Max"), NextTo("Zoe", "Bob"), Before("Ann", "Zoe"))
EITHER = reading(PEOPLE, Or((Before("Cal", "Max"), Before("Zoe", "Max"))), Before("Ann", "Cal"), Before("Ann", "Zoe"))

LIARS = Signature(people=("Ann", "Bob", "Cal"))
ISLAND = reading(
    LIARS,
    Iff(Knight("Ann"), Iff(Knight("Ann"), Knight("Bob"))),
    Iff(Knight("Bob"), Or((Not(Knight("Cal")), Knight("Ann")))),
    Iff(Knight("Cal"), And((Knight("Bob"), Not(Knight("Ann"))))),
)
OPEN_ISLAND = reading(LIARS, Iff(Knight("Ann"), Not(Knight("Bob"))))

STREET = reading(
    Signature(groups=(("red", "blue", "green"), ("tea", "milk", "juice"), ("dog", "cat")), places=3),
    Same("tea", "red"),
    JustBefore("red", "blue"),
    At("milk", 2),
    Same("cat", "blue"),
)


@pytest.mark.parametrize(
    ("puzzle", "question", "truth", "text", "premises"),
    [
        (CHAIN, Before("Cal", "Zoe"), ENTAILMENT, "Cal > Max > Zoe", (0, 1)),
        (CHAIN, Before("Zoe", "Cal"), CONTRADICTION, "Cal > Max > Zoe", (0, 1)),
        (CHAIN, Before("Max", "Max"), CONTRADICTION, "Max = Max", ()),
        (CHAIN, At("Cal", 1), ENTAILMENT, "Cal > Max > Zoe > Ann, Zoe > Bob", (0, 1, 2)),
        (CHAIN, At("Zoe", 1), CONTRADICTION, "Max > Zoe", (1,)),
        (CHAIN, At("Zoe", 3), ENTAILMENT, "Cal > Max > Zoe > Ann, Zoe > Bob", (0, 1, 2)),
        (CHAIN, At("Zoe", 2), CONTRADICTION, "Cal > Max > Zoe", (0, 1)),
        (CHAIN, At("Ann", -1), UNKNOWN, "Cal > Max > Zoe > Bob > Ann or Cal > Max > Zoe > Ann > Bob", ()),
        (CHAIN, Before("Ann", "Bob"), UNKNOWN, "Cal > Max > Zoe > Ann > Bob or Cal > Max > Zoe > Bob > Ann", ()),
        (TALLEST, Before("Cal", "Zoe"), ENTAILMENT, "Cal > Zoe", (0,)),
        (TALLEST, Before("Ann", "Max"), CONTRADICTION, "Max > Ann", (2,)),
        (RANKED, Before("Max", "Bob"), ENTAILMENT, "Cal > Max > Bob", (0, 1)),
        (RANKED, JustBefore("Cal", "Max"), ENTAILMENT, "Cal > Max > Ann, Max > Bob, Max > Zoe", (0, 1)),
        (RANKED, Before("Ann", "Bob"), ENTAILMENT, "Ann > Zoe, Ann > Bob", (2, 3)),
        (EITHER, Before("Ann", "Max"), ENTAILMENT, "Ann > Cal, Ann > Zoe, Ann > Max", (0, 1, 2)),
        (ISLAND, Knight("Bob"), ENTAILMENT, "Bob knight", (0,)),
        (
            ISLAND,
            Knight("Ann"),
            ENTAILMENT,
            "if Bob knave: Cal knight, false; Bob knight, if Ann knave: Cal knave, false; Ann knight",
            (1, 2),
        ),
        (OPEN_ISLAND, Knight("Bob"), UNKNOWN, "Ann knave, Bob knight, Cal knave or Ann knight, Bob knave", ()),
        (OPEN_ISLAND, Or((Knight("Cal"), Not(Knight("Cal")))), ENTAILMENT, "yes", ()),
        (STREET, At("red", 1), ENTAILMENT, "red not 3, milk 2, red 1", (0, 1, 2)),
        (STREET, At("milk", 3), CONTRADICTION, "milk 2", (2,)),
        (STREET, Same("cat", "blue"), ENTAILMENT, "cat = blue", (3,)),
        (STREET, Same("cat", "red"), CONTRADICTION, "cat = blue", (3,)),
        (STREET, Same("tea", "milk"), CONTRADICTION, "no", ()),
    ],
)
def test_canonical_texts(puzzle: Reading, question: Formula, truth: str, text: str, premises: tuple[int, ...]) -> None:
    proved = decide(puzzle, question)
    assert (proved.truth, proved.proof.text, proved.proof.premises) == (truth, text, premises)
