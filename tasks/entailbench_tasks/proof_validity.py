"""Whether the proof in an answer proves the label in it, as the solver's checker sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from entailbench import DataError, logic
from entailbench_tasks.labels import UNKNOWN, read_proof, score_answer
from entailbench_tasks.proof_answers import ProofAnswer

__all__ = ["is_proved", "score_answer_and_proof"]


def score_answer_and_proof(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """lm-eval ``process_results``: ``labels.score_answer``, and of the proof before the label:

    - ``proof_given``: whether the answer has the form of a proof and a label;
    - ``proof_valid``: whether that proof proves that label. An answer without a proof has none that is valid.

    Neither looks at the gold label; but no proof of the wrong one is valid.
    """
    answer = read_proof(getattr(results[0], "text", results[0]))
    return {
        **score_answer(doc, results),
        "proof_given": float(answer is not None),
        "proof_valid": float(answer is not None and is_proved(doc, answer)),
    }


def is_proved(doc: Mapping[str, Any], answer: ProofAnswer) -> bool:
    """Whether the checker accepts the answer's proof, and it proves the answer's label.

    Args:
        doc: a row with ``context`` and ``question``; ``reading`` is the name of the reading that its label is from,
            where the puzzle has several and it is not the preferred one.
        answer: what a model wrote; any text.

    Returns:
        False too where the row itself cannot be read, or its label is not vouched for (``checked``).
    """
    if doc.get("checked", "confirmed") != "confirmed":
        return False
    puzzle = _read(doc["context"])
    if puzzle is None:
        return False
    question = logic.read_question(puzzle, doc["question"])
    wanted = doc.get("reading", puzzle.readings[0].name)
    reading = next((one for one in puzzle.readings if one.name == wanted), None)
    if isinstance(question, logic.Unread) or reading is None:
        return False
    try:
        truth = logic.check(reading, question.formula, answer.proof).truth
    except DataError:  # of the question: it is about somebody whom the puzzle does not have
        return False
    if truth is None or logic.binary_label(truth) != answer.label:
        return False
    # What follows from some premises follows from more; what they leave open, a sentence not read may settle.
    return truth != UNKNOWN or not puzzle.unread


@lru_cache(maxsize=4096)
def _read(context: str) -> logic.Puzzle | None:
    try:
        return logic.read_puzzle(context, logic.PUZZTE)
    except DataError:
        return None
