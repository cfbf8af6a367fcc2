"""Answers that give a proof before the label: read where they have that form, and nothing else is."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED, logic
from entailbench_tasks.labels import ReadAnswer, read_label, read_proof
from entailbench_tasks.proof_answers import LONGEST_PROOF, ProofAnswer, read_proof_answer


def shipped(split: str) -> list[dict[str, Any]]:
    text = (files("entailbench_data") / "puzzte_generated" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


TEST_ROWS = shipped("test")
PROOFS = sorted({row["proof"] for row in TEST_ROWS})


@pytest.mark.parametrize(
    ("answer", "proof", "label"),
    [
        ("Cal > Zoe: entailment", "Cal > Zoe", ENTAILMENT),
        ("Max > Cal > Zoe or Cal > Max > Zoe: not entailment", "Max > Cal > Zoe or Cal > Max > Zoe", NOT_ENTAILMENT),
        ("Paolo knight, Dalia knave: entailment", "Paolo knight, Dalia knave", ENTAILMENT),
        (
            "if Ann knight: Bob knave, false; Ann knave: not entailment",
            "if Ann knight: Bob knave, false; Ann knave",
            NOT_ENTAILMENT,
        ),
        (
            "if Ann knight: Bob knave, yes; else Ann knave, Bob knave: entailment",
            "if Ann knight: Bob knave, yes; else Ann knave, Bob knave",
            ENTAILMENT,
        ),
        (
            "if A > B: if C > D: no; else D > C, no; else B > A, no: not entailment",
            "if A > B: if C > D: no; else D > C, no; else B > A, no",
            NOT_ENTAILMENT,
        ),
        ("tea 2, milk not 3: entailment", "tea 2, milk not 3", ENTAILMENT),
        ("orange juice 2: not entailment", "orange juice 2", NOT_ENTAILMENT),
        ("Hugo = black: entailment", "Hugo = black", ENTAILMENT),
        ("A > I > B: entailment", "A > I > B", ENTAILMENT),
        ("O'Brien > Mary-Ann > J.R: entailment", "O'Brien > Mary-Ann > J.R", ENTAILMENT),
        ('"7" > "not: entailment": entailment', '"7" > "not: entailment"', ENTAILMENT),
        ("Žofia>Émile ,Émile> Ødegård :  Entailment. ", "Žofia>Émile ,Émile> Ødegård", ENTAILMENT),
        ("\n\nCal > Zoe: entailment\nCal > Zoe: not entailment", "Cal > Zoe", ENTAILMENT),
    ],
)
def test_the_label_is_what_stands_after_the_last_colon(answer: str, proof: str, label: str) -> None:
    assert read_proof(answer) == ProofAnswer(proof, label)  # type: ignore[arg-type]
    assert read_label(answer) == label


@pytest.mark.parametrize(
    "answer",
    [
        "it is not true that Cal > Zoe: entailment",
        "It is not the case that Cal knight: entailment",
        "I think Cal > Zoe: entailment",
        "I doubt Cal > Zoe: not entailment",
        "Since Cal > Zoe, the answer: entailment",
        "Perhaps Cal > Zoe: entailment",
        "Hardly Cal > Zoe: entailment",
        "unless Cal > Zoe: entailment",
        "if Cal > Zoe: entailment",
        "if Ann knight: Bob knave: entailment",
        "only if Ann knight: entailment",
        "Ann isn't 2: entailment",
        "Ann isn’t knight: entailment",
        "Ann > nobody, maybe: entailment",
        "Step 1: entailment",
        "Option 2: not entailment",
        "There are 3: entailment",
        "no: entailment",
        "false: entailment",
        "yes, no: entailment",
        "Cal > Zoe?: entailment",
        "Cal > Zoe: entailment?",
        "Cal > Zoe: entailment or not entailment",
        "Cal > Zoe: entailment, not entailment",
        "Cal > Zoe: not not entailment",
        "Cal > Zoe: perhaps entailment",
        "Cal > Zoe entailment",
        "Cal > Zoe",
        "Cal >: entailment",
        "> Zoe: not entailment but Cal",
        "Cal > Zoe,: entailment",
        "Cal > Zoe. Zoe > Max: entailment",
        "Cal Zoe: entailment",
        "Cal or Zoe: entailment",
        "Cal > Zoe: false: entailment",
        "Cal > Zoe: not",
        "Cal > Zoe: contradicted entailment",
        "entailment > not entailment: entailment",
        "unlikely 3: entailment",
        "Ann if Bob knight: entailment",
        "Bob false 2: entailment",
        "Ann or not Bob 2: not entailment",
    ],
)
def test_what_is_no_proof_and_a_label_is_unparsed(answer: str) -> None:
    assert read_proof(answer) is None
    assert read_label(answer) == UNPARSED


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Answer: entailment", ENTAILMENT),
        ("Yes: entailment", ENTAILMENT),
        ("no: not entailment", NOT_ENTAILMENT),
        ("The answer is: not entailment", NOT_ENTAILMENT),
        ("entailment\nCal > Zoe: not entailment", ENTAILMENT),
        ("I would say\nCal > Zoe: not entailment", UNPARSED),
    ],
)
def test_other_answers_are_read_as_ever(answer: str, label: str) -> None:
    assert read_proof(answer) is None
    assert read_label(answer) == label


def test_all_proofs_of_the_package_are_read() -> None:
    for row in (*TEST_ROWS, *shipped("validation")):
        for label in LABELS:
            assert read_proof(f"{row['proof']}: {label}") == ProofAnswer(row["proof"], label)  # type: ignore[arg-type]


def test_proofs_of_real_puzzles_are_read(puzzte_dir: Path) -> None:
    from entailbench_tasks.verified import load

    for row in load("validation", puzzte_dir)["evaluation"]:
        assert not row["proof"] or read_label(f"{row['proof']}: {row['label']}") == row["label"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(logic.FAMILIES), st.sampled_from(LABELS))
@example(0, "zebra", "entailment")
def test_proofs_of_new_puzzles_are_read(seed: int, family: Any, label: str) -> None:
    (row, *_) = logic.generate_split("test", seed, 1, logic.Dials(families=(family,)))
    assert read_label(f"{row.proof}: {label}") == label


WORDS = """entailment not no non yes the answer is it - : . , ? > = 2 if else or knight knave false Ann Bob tea true
    that unlikely contradiction isn't an be ;""".split()  # noqa: SIM905
words = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@settings(deadline=None)
@given(words, st.sampled_from(["it is not true that", "I doubt that", "perhaps", "not", "?", "The answer is"]), words)
def test_a_word_of_doubt_is_never_part_of_a_proof(before: str, doubt: str, after: str) -> None:
    assert read_proof_answer(f"{doubt} {before}, Cal > Zoe: entailment") is None
    assert read_proof_answer(f"Cal > Zoe, {before} {doubt} Ann > Bob: entailment") is None
    assert read_proof_answer(f"Cal > Zoe: {after} {doubt} entailment") is None or f"{after} {doubt}".split() == ["not"]


@settings(deadline=None)
@given(st.sampled_from(PROOFS), st.text(), st.sampled_from(LABELS))
def test_any_tail_but_a_label_is_not_read(proof: str, tail: str, label: str) -> None:
    read = read_proof_answer(f"{proof}: {tail}{label}")
    assert read is None or read.label in (label, f"{tail.strip().casefold()} {label}") or not tail.strip(" .\t\xa0")


def damaged(proof: str, place: int, length: int, put: str) -> str:
    place %= len(proof) + 1
    return proof[:place] + put + proof[place + length :]


@settings(deadline=None)
@given(st.sampled_from(PROOFS), st.integers(0), st.integers(0, 9), st.text(max_size=9), st.sampled_from(LABELS))
def test_what_is_read_never_depends_on_whether_it_proves_anything(
    proof: str, place: int, length: int, put: str, label: str
) -> None:
    answer = f"{damaged(proof, place, length, put)}: {label}"
    assert read_label(answer) in (*LABELS, UNPARSED)
    if len(answer.splitlines()) == 1 and (read := read_proof(answer)):
        assert read_label(answer) == read.label


def hostile() -> Iterator[str]:
    for size in (LONGEST_PROOF, 300_000):
        for bit in ("if Ann knight: ", '"', '"\\', "(", "x", " ", "a b ", "Ann > ", ":", "not ", "\u0301", "é", "\n: "):
            yield (bit * size)[:size] + ": entailment"
            yield "A > B, " + (bit * size)[:size]


def test_no_text_takes_long_to_read() -> None:
    start = time.process_time()
    for text in hostile():
        assert read_label(text) in (*LABELS, UNPARSED)
    assert time.process_time() - start < 20
    assert read_proof("A > B, " * LONGEST_PROOF + "A > B: entailment") is None


def test_a_read_answer_is_its_label_and_knows_the_answer() -> None:
    answer = ReadAnswer("entailment", "Cal > Zoe: entailment")
    assert answer == "entailment"
    assert json.dumps([answer]) == '["entailment"]'
    again = pickle.loads(pickle.dumps(answer))
    assert (again, again.text) == ("entailment", "Cal > Zoe: entailment")
