"""Every row and every answer, packed to travel inside the page.

What the list of rows and its filters need is one small block a task; the texts are in blocks of ``BLOCK`` rows, which
the page unpacks when a row is opened or searched. A block is JSON, gzipped, in base64: the browser's own
``DecompressionStream`` reads it, and no text of a model stands in the page's HTML.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench.answered import FACETS, PERTURBATIONS, Judged, ModelAnswers, TaskAnswers

__all__ = ["BLOCK", "Payload"]

BLOCK = 250
"""Rows in one block of texts."""
CODES = {"entailment": "e", "not entailment": "n"}
"""What a label is in the list; all else is ``u``, unparsed."""


@dataclass(frozen=True)
class Payload:
    """One task, to be packed; the same rows give the same bytes."""

    answers: TaskAnswers

    @property
    def task(self) -> str:
        """Its name."""
        return self.answers.task

    def index(self) -> str:
        """Base64 of gzipped JSON: the models' names, the facets, and of each row the question and everybody's label."""
        task = self.answers
        answering = [model for model in (*task.models, *task.baselines) if not model.unavailable]
        facets = [name for name in FACETS if any(name in row.facets for row in task.rows)]
        return _packed(
            {
                "task": task.task,
                "scored": task.scored,
                "block": BLOCK,
                "models": [model.name for model in task.models],
                "baselines": [model.name for model in task.baselines if not model.unavailable],
                "facets": facets,
                "rows": [
                    [
                        row.doc_id,
                        row.question,
                        CODES.get(row.gold, "u"),
                        "".join(CODES.get(model.answers[place].predicted, "u") for model in answering),
                        [row.facets.get(name, "") for name in facets],
                    ]
                    for place, row in enumerate(task.rows)
                ],
            }
        )

    def texts(self) -> Iterator[str]:
        """The same of the texts, ``BLOCK`` rows each, in the rows' order."""
        otherwise = _otherwise(self.answers)
        for start in range(0, len(self.answers.rows), BLOCK):
            yield _packed(_texts(self.answers, start, otherwise))


def _otherwise(task: TaskAnswers) -> dict[int, list[list[str]]]:
    """By ``doc_id`` how a row was put otherwise: in which way, the texts, the label, and each model's."""
    found: dict[int, list[list[str]]] = {}
    for place, row in enumerate(task.perturbed):
        said = "".join(
            CODES.get(model.perturbed[place].predicted, "u") if model.perturbed else "u" for model in task.models
        )
        title = PERTURBATIONS.get(row.perturbation, row.perturbation)
        found.setdefault(row.of, []).append([title, row.context, row.question, CODES.get(row.gold, "u"), said])
    return found


def _texts(task: TaskAnswers, start: int, otherwise: Mapping[int, list[list[str]]]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "puzzle": row.puzzle,
            "context": row.context,
            "gold": row.gold,
            "truth": row.truth,
            "published": row.published,
            "verified": row.verified,
            "proof": row.proof,
            "answers": _answers(task.models, place),
            "otherwise": otherwise.get(row.doc_id, []),
        }
        for place, row in enumerate(task.rows[start : start + BLOCK], start=start)
    ]


def _answers(models: Sequence[ModelAnswers], place: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for model in models:
        answer = _answer(model.answers[place])
        # Models of one template are sent the same: said once, and shown for both.
        same = [number for number, one in enumerate(found) if one.get("prompt") == answer["prompt"]]
        if answer["prompt"] and same:
            answer["prompt"] = same[0]
        found.append(answer)
    return found


def _answer(answer: Judged) -> dict[str, Any]:
    return {
        "text": answer.text,
        "prompt": answer.prompt,
        "exact": answer.exact,
        "threeWay": answer.three_way,
        "proof": answer.proof,
        "probability": answer.probability,
        "outcome": answer.outcome,
        "reason": answer.reason,
        "cut": answer.cut,
    }


def _packed(value: Any) -> str:
    # ASCII: half an emoji, which a model may write, has an escape in JSON but no UTF-8.
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)).decode("ascii")
