"""What came of asking: as a line of ``predictions/NAME.jsonl``, and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench.answered import Judged, cut_told
from entailbench.costs import money
from entailbench.records import EMPTY, Answer, CandidateScores, Prompt, Usage

__all__ = ["Tally", "counted", "prediction", "usage_told", "what_it_took"]

NAMES = {"error": "error", "refused": "refused", "filtered": "content filter"}
"""What tables and messages call the outcomes that are no answer."""


def prediction(
    prompt: Prompt,
    answer: Answer | CandidateScores,
    split: str,
    *,
    asked: str = "",
    cached: bool = False,
    answered_by: Mapping[str, str] = EMPTY,
) -> dict[str, Any]:
    """One line of the file that takes a model's answers as they come.

    ``outcome``, ``reason``, ``probability``, ``usage``, ``cut``, ``cached`` and ``answered_by`` stand there only where
    there is something to say: without ``outcome`` it was answered, and a line whose ``outcome`` is "error" is no
    answer.

    Args:
        prompt: the question.
        answer: to it.
        split: of the task.
        asked: the question's key, by which a run that goes on knows it again.
        cached: whether the answer came from the cache.
        answered_by: see ``Model.answered_by``.
    """
    return {
        **_answered(prompt, answer, split),
        "asked": asked,
        **({"cached": True} if cached else {}),
        **({"answered_by": dict(answered_by)} if answered_by else {}),
    }


def _answered(prompt: Prompt, answer: Answer | CandidateScores, split: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "prompt_id": prompt.id,
        "task": prompt.task,
        "split": split,
        "doc_id": prompt.doc_id,
        "id": prompt.doc.get("id"),
        "gold": prompt.doc.get("label"),
    }
    if answer.cut:
        row["cut"] = answer.cut
    if not isinstance(answer, Answer):
        return {**row, "logprobs": answer.logprobs, "greedy": answer.greedy}
    row["text"] = answer.text
    if answer.outcome != "answered":
        row["outcome"] = answer.outcome
    if answer.reason:
        row["reason"] = answer.reason
    if answer.probability is not None:
        row["probability"] = answer.probability
    if answer.usage is not None:
        row["usage"] = answer.usage
    return row


def counted(errors: int, refused: int, filtered: int) -> str:
    """``"3 errors, 1 refused and 2 content filter"``; empty where there is none of them."""
    told = [
        f"{number:,} {name}{'s' if name == 'error' and number > 1 else ''}"
        for number, name in ((errors, NAMES["error"]), (refused, NAMES["refused"]), (filtered, NAMES["filtered"]))
        if number
    ]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1]))) if told else ""


def usage_told(usage: Usage) -> str:
    """``"1,000 requests, 412,345 tokens in and 5,012 out, $0.21"``."""
    told = f"{usage.requests:,} requests, {usage.input_tokens:,} tokens in and {usage.output_tokens:,} out"
    if usage.dollars is not None:
        told += f", {money(usage.dollars)}"
    if usage.uncertain:
        told += f" (of which {money(usage.uncertain)} may not have been billed: no answer came)"
    return told


@dataclass(frozen=True)
class Tally:
    """What became of the rows of one task."""

    rows: int
    outcomes: Mapping[str, int]
    """By the outcome, of ``records.OUTCOMES``."""
    cut: int
    """Rows whose prompt was cut at the left."""

    @classmethod
    def of(cls, answers: Sequence[Judged]) -> Tally:
        """Counts them."""
        outcomes = Counter(answer.outcome for answer in answers)
        return cls(len(answers), outcomes, sum(answer.cut > 0 for answer in answers))


def what_it_took(name: str, tallies: Collection[Tally], usage: Usage | None, cached: int = 0) -> str | None:
    """``"gpt35: 412 of 1,000 answers from the cache; 588 requests, …; 3 errors"``; None where nothing is to be said.

    Args:
        name: of the model.
        tallies: of its tasks.
        usage: see ``Model.usage``.
        cached: how many of the answers came from the cache.
    """
    told = [f"{cached:,} of {sum(one.rows for one in tallies):,} answers from the cache"] if cached else []
    told += [usage_told(usage)] if usage is not None else []
    failed = (sum(one.outcomes.get(kind, 0) for one in tallies) for kind in ("error", "refused", "filtered"))
    if said := counted(*failed):
        told.append(said)
    if cut := sum(one.cut for one in tallies):
        told.append(f"{cut_told(cut)} since they are longer than its context")
    return f"{name}: {'; '.join(told)}" if told else None
