"""A task's rows, and lm-eval's samples of answers to them, as the records that statistics are computed from."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from entailbench.answered import FACETS, THREE_WAY, Judged, Row
from entailbench.harness_tasks import LoadedTask
from entailbench.records import ENTAILMENT, LABELS, UNPARSED, Answer, CandidateScores

__all__ = ["judged_of", "rows_of"]


def rows_of(loaded: LoadedTask, limit: int | None = None) -> Iterator[Row]:
    """The rows that are asked, in order."""
    for number, doc in enumerate(loaded.docs[:limit]):
        yield _row(number, doc, str(loaded.task.doc_to_text(doc)))


def _row(number: int, doc: Mapping[str, Any], prompt: str) -> Row:
    # What many rows have in common, as the text of a puzzle, is kept once.
    context = str(doc.get("context", ""))
    published = str(doc.get("label_published") or "")
    proof = str(doc.get("proof") or "")
    # Rows of corrected tasks say what was proved; generated ones publish nothing but what was proved.
    verified = str(doc.get("truth") or (published if proof else "")) if doc.get("checked") != "unchecked" else ""
    truth = str(doc.get("truth") or published)
    puzzle = str(doc.get("puzzle") or "") or hashlib.sha256((context or f"row {number}").encode()).hexdigest()[:12]
    return Row(
        doc_id=number,
        id=str(doc.get("id", number)),
        puzzle=sys.intern(puzzle),
        context=sys.intern(context),
        question=str(doc.get("question", "")),
        gold=sys.intern(str(doc["label"])),
        truth=sys.intern(truth) if truth in THREE_WAY else "",
        published=sys.intern(published),
        verified=sys.intern(verified) if verified in THREE_WAY else "",
        proof=proof,
        facets={name: _plain(doc[name]) for name in FACETS if doc.get(name) not in (None, "")},
        prompt=prompt,
    )


def _plain(value: Any) -> str | int:
    return value if type(value) in (str, int) else str(value)


def judged_of(loaded: LoadedTask, sample: Mapping[str, Any], answer: Answer | CandidateScores | None = None) -> Judged:
    """One of lm-eval's samples.

    What a task's filter returns may know more than the label: ``exact`` (bool) and ``three_way`` (str) are read off
    it where it has such attributes.

    Args:
        loaded: the task.
        sample: as lm-eval wrote it.
        answer: what the model answered, of which lm-eval saw the text or the log-probabilities.
    """
    # Models of one template are sent the same prompts, and most answers are one of two labels: kept once each.
    prompt = sys.intern(str(sample["arguments"][0][0]))
    if isinstance(answer, Answer) and answer.outcome != "answered":
        return Judged(
            doc_id=sample["doc_id"],
            predicted=UNPARSED,
            text=answer.text,
            prompt=prompt,
            exact=False if answer.text else None,
            outcome=answer.outcome,
            reason=answer.reason,
        )
    cut = answer.cut if answer is not None else 0
    if loaded.scores_candidates:
        return _scored(loaded.task.doc_to_choice(sample["doc"]), sample, cut)
    said = sample["filtered_resps"][0]
    text = sys.intern(str(sample["resps"][0][0]))
    label = sys.intern(str(said)) if said in LABELS else UNPARSED
    return Judged(
        doc_id=sample["doc_id"],
        predicted=label,
        text=text,
        prompt=prompt,
        exact=bool(getattr(said, "exact", text.strip() in LABELS)),
        three_way=getattr(said, "three_way", None),
        proof=bool(sample["proof_valid"]) if sample.get("proof_given") and "proof_valid" in sample else None,
        probability=answer.probability if isinstance(answer, Answer) and label in LABELS else None,
        cut=cut,
    )


def _scored(choices: Sequence[str], sample: Mapping[str, Any], cut: int) -> Judged:
    logprobs = [float(pair[0]) for pair in sample["filtered_resps"]]
    predicted = choices[max(range(len(choices)), key=logprobs.__getitem__)]
    best = max(logprobs)
    shares = [math.exp(logprob - best) for logprob in logprobs]
    probability = sum(share for share, choice in zip(shares, choices, strict=True) if choice == ENTAILMENT) / sum(
        shares
    )
    return Judged(
        doc_id=sample["doc_id"],
        predicted=predicted if predicted in LABELS else UNPARSED,
        prompt=sys.intern(str(sample["arguments"][0][0])),
        probability=probability if math.isfinite(probability) else None,
        cut=cut,
    )
