"""Proof validity: what the solver's checker accepts, and nothing else; of any answer, in bounded time."""

from __future__ import annotations

import json
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entailbench_tasks
from entailbench import LABELS, logic
from entailbench.harness import load_tasks
from entailbench_tasks import proof_validity
from entailbench_tasks.labels import read_answers
from entailbench_tasks.proof_answers import LONGEST_PROOF, ProofAnswer
from entailbench_tasks.proof_validity import is_proved, score_answer_and_proof

FOLDERS = [Path(entailbench_tasks.__file__).parent]
ROWS = [
    json.loads(line)
    for line in (files("entailbench_data") / "puzzte_generated/test.jsonl").read_text(encoding="utf-8").splitlines()
]
OTHER = dict(zip(LABELS, reversed(LABELS), strict=True))
ROW = {
    "context": "Ann is taller than Ben. Ben is taller than Cal.",
    "question": "Is Ann taller than Cal?",
    "label": "entailment",
}


def metrics(doc: dict[str, Any], answer: str) -> dict[str, float]:
    """As lm-eval computes them: through the filter."""
    ((filtered,),) = read_answers([[answer]], [doc])
    return score_answer_and_proof(doc, [filtered])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Ann > Ben > Cal: entailment", (1, 0, 1, 1)),
        ("Ben > Cal, Ann > Ben: entailment", (1, 0, 1, 1)),
        ("Ann > Cal: entailment", (1, 0, 1, 0)),
        ("Ann > Ben > Cal: not entailment", (0, 0, 1, 0)),
        ("Ann > Ben > Zoe: entailment", (1, 0, 1, 0)),
        ("Cal > Ben > Ann: not entailment", (0, 0, 1, 0)),
        ("Ann > Ben > Cal or Cal > Ben > Ann: not entailment", (0, 0, 1, 0)),
        ("entailment", (1, 0, 0, 0)),
        ("Yes", (1, 0, 0, 0)),
        ("Ann > Ben > Cal", (0, 1, 0, 0)),
        ("I am sure that Ann > Ben > Cal: entailment", (0, 1, 0, 0)),
        ("", (0, 1, 0, 0)),
    ],
)
def test_metrics_of_one_answer(answer: str, expected: tuple[int, ...]) -> None:
    names = ("acc", "unparsed", "proof_given", "proof_valid")
    assert metrics(ROW, answer) == dict(zip(names, map(float, expected), strict=True))


def test_the_gold_label_does_not_matter() -> None:
    wrong = {**ROW, "label": "not entailment"}
    assert metrics(wrong, "Ann > Ben > Cal: entailment")["proof_valid"] == 1.0
    assert metrics(wrong, "Ann > Ben > Cal: entailment")["acc"] == 0.0


def test_an_open_question_is_shown_open_by_two_orders() -> None:
    row = {**ROW, "context": "Ann is taller than Cal. Ben is taller than Cal.", "question": "Is Ann taller than Ben?"}
    assert is_proved(row, ProofAnswer("Ann > Ben > Cal or Ben > Ann > Cal", "not entailment"))
    assert not is_proved(row, ProofAnswer("Ann > Ben > Cal or Ben > Ann > Cal", "entailment"))
    assert not is_proved(row, ProofAnswer("Ann > Ben > Cal or Ben > Cal > Ann", "not entailment"))


def test_a_sentence_that_was_not_read_may_settle_what_seems_open() -> None:
    context = "Ann is taller than Cal. Ben is taller than Cal. Gruffly the two of them wibble."
    row = {**ROW, "context": context, "question": "Is Ann taller than Ben?"}
    puzzle = logic.read_puzzle(context, logic.PUZZTE)
    assert puzzle.unread
    assert not is_proved(row, ProofAnswer("Ann > Ben > Cal or Ben > Ann > Cal", "not entailment"))
    assert is_proved({**row, "question": "Is Ann taller than Cal?"}, ProofAnswer("Ann > Cal", "entailment"))


def test_the_reading_is_the_one_that_the_label_is_from() -> None:
    row = {
        "context": "There are three people: Ann, Ben and Cal. Ann is taller than Ben.",
        "question": "Is Ann the tallest?",
        "label": "entailment",
    }
    names = [reading.name for reading in logic.read_puzzle(row["context"], logic.PUZZTE).readings]
    assert len(names) == 2
    two_orders = "Ann > Ben > Cal or Cal > Ann > Ben"
    proofs = (ProofAnswer("Ann > Ben", "entailment"), ProofAnswer(two_orders, "not entailment"))
    accepted = {
        name: [is_proved({**row, "reading": name}, proof) for proof in proofs] for name in (*names, "no such reading")
    }
    assert accepted == {names[0]: [True, False], names[1]: [False, True], "no such reading": [False, False]}
    assert [is_proved(row, proof) for proof in proofs] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"checked": "unchecked"},
        {"context": ""},
        {"context": "No family of puzzles."},
        {"question": "What is the capital of France?"},
        {"question": "Is Ann taller than Zoe?"},
        {"context": "There are three people: Ann, Ben and Zoe. Ann is taller than Ben.", "question": "Is Ann Zoe?"},
        {"context": "There are Ann, Ben and Zoe. Ann is taller than Ben.", "question": "Is Ann taller than Zoe?"},
        {"question": ""},
        {"context": "Ann is a knave. Ann is taller than Ben. Ben is taller than Cal."},
    ],
)
def test_a_row_that_the_solver_cannot_vouch_for_has_no_valid_proof(change: dict[str, str]) -> None:
    assert not is_proved({**ROW, **change}, ProofAnswer("Ann > Ben > Cal", "entailment"))
    assert is_proved({**ROW, "checked": "confirmed"}, ProofAnswer("Ann > Ben > Cal", "entailment"))


def counted(docs: Any) -> Counter[tuple[bool, float, float]]:
    """(right label, proof given, proof valid) of every row's own proof before either label."""
    found: Counter[tuple[bool, float, float]] = Counter()
    for doc in docs:
        for label in LABELS:
            scores = metrics(doc, f"{doc['proof']}: {label}")
            found[label == doc["label"], scores["proof_given"], scores["proof_valid"]] += 1
    return found


@pytest.mark.parametrize("rows", [300, pytest.param(3000, marks=pytest.mark.soak)])
def test_the_own_proof_of_every_test_row_is_valid_and_none_of_the_other_label(rows: int) -> None:
    proof_validity._read.cache_clear()
    start = time.process_time()
    assert counted(ROWS[:rows]) == {(True, 1.0, 1.0): rows, (False, 1.0, 0.0): rows}
    # 2 ms a row where nobody else uses the core.
    assert time.process_time() - start < 0.02 * rows


def test_the_own_proofs_of_fresh_rows_are_valid() -> None:
    (loaded,), _ = load_tasks(["puzzte_fresh"], FOLDERS, metadata={"fresh_seed": 11, "fresh_count": 20})
    assert counted(loaded.docs) == {(True, 1.0, 1.0): 60, (False, 1.0, 0.0): 60}


@pytest.mark.parametrize("task", ["puzzte_verified", "puzzte_repaired"])
def test_the_own_proofs_of_real_rows_are_valid(puzzte_dir: Path, task: str) -> None:
    (loaded,), problems = load_tasks([task], FOLDERS, split="validation", metadata={"data_dir": str(puzzte_dir)})
    assert problems == []
    proved = [doc for doc in loaded.docs if doc["proof"]]
    assert counted(proved) == {(True, 1.0, 1.0): len(proved), (False, 1.0, 0.0): len(proved)}
    if task == "puzzte_verified":
        assert len({doc["reading"] for doc in proved}) > 1


@given(st.sampled_from(ROWS), st.data())
@settings(max_examples=150, deadline=None)
def test_the_proof_of_another_row_proves_only_what_is_so(row: dict[str, Any], data: st.DataObject) -> None:
    """What the checker accepts is the truth, whoever wrote it; so a valid proof is always of the gold label here."""
    kin = [other for other in ROWS if other["family"] == row["family"] and other["puzzle"] == row["puzzle"]]
    proof = data.draw(st.sampled_from(kin))["proof"]
    place, length = data.draw(st.integers(0, len(proof))), data.draw(st.integers(0, 12))
    put = data.draw(st.one_of(st.just(""), st.sampled_from([other["proof"] for other in kin]), st.text(max_size=6)))
    label = data.draw(st.sampled_from(LABELS))
    scores = metrics(row, f"{proof[:place]}{put}{proof[place + length :]}: {label}")
    assert not scores["proof_valid"] or label == row["label"]
    assert scores["proof_valid"] <= scores["proof_given"]


TOKENS = "if else or not false yes no knight knave > = , ; : 1 2 3 Ann entailment \" ' \\ ( )".split()  # noqa: SIM905


@given(st.sampled_from(ROWS[:60]), st.one_of(st.text(), st.lists(st.sampled_from(TOKENS), max_size=40).map(" ".join)))
@settings(max_examples=300, deadline=None)
def test_no_answer_makes_it_fail(row: dict[str, Any], answer: str) -> None:
    for said in (answer, f"{answer}: entailment", f"{row['proof']}, {answer}: not entailment"):
        scores = metrics(row, said)
        assert set(scores.values()) <= {0.0, 1.0}
        is_proved(row, ProofAnswer(said, "entailment"))


@pytest.mark.parametrize("family", logic.FAMILIES)
def test_no_answer_takes_long(family: str) -> None:
    row = max((row for row in ROWS if row["family"] == family), key=lambda row: (row["people"], len(row["context"])))
    reading = logic.read_puzzle(row["context"], logic.PUZZTE).readings[0]
    a, b, *_ = reading.signature.entities
    literal = {"heights": f"{a} > {b}", "knights": f"{a} knight", "zebra": f"{a} not 2"}[family]
    opposite = {"heights": f"{b} > {a}", "knights": f"{a} knave", "zebra": f"{a} not 3"}[family]
    proof = row["proof"]
    for bit in (f"if {literal}: ", f"if {literal}: if {opposite}: ", f"{literal}, ", f"{proof}, ", f"{proof} or "):
        for ending in ("", proof, "no; " * 200 + proof):
            text = bit * ((LONGEST_PROOF - 1000 - len(ending)) // len(bit)) + ending
            start = time.process_time()
            is_proved(row, ProofAnswer(text, "entailment"))
            metrics(row, f"{text}: entailment")
            assert time.process_time() - start < 10, bit


def test_an_answer_that_was_not_filtered_here_is_read_as_it_is() -> None:
    """Another task may put its own filters in front."""
    assert score_answer_and_proof(ROW, ["entailment"])["proof_given"] == 0.0
    assert score_answer_and_proof(ROW, ["Ann > Ben > Cal: entailment"])["proof_valid"] == 1.0


def test_the_tasks_with_proofs_report_them_and_the_others_do_not() -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    for path in FOLDERS[0].glob("*.yaml"):
        config = load_yaml(path, resolve_func=False)
        names = {metric["metric"] for metric in config["metric_list"]}
        proves = "proof" in (config["metadata"].get("targets") or {})
        assert ({"proof_given", "proof_valid"} <= names) == proves, path.name
