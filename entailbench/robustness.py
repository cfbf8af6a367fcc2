"""Asks a task's questions again, put otherwise: what does a model's answer hang on beside the logic?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from entailbench.answered import PERTURBATIONS, SUFFIX, PerturbedRow
from entailbench.harness_docs import with_docs
from entailbench.harness_tasks import LoadedTask
from entailbench.logic.perturbing import NEGATED, Perturbed, perturb_puzzle
from entailbench.logic.truth import binary_label

__all__ = ["PerturbedTask", "perturbed_task"]


@dataclass(frozen=True)
class PerturbedTask:
    """A task's rows put otherwise, to be asked as the task asks its own."""

    loaded: LoadedTask | None
    """Named after the task, with ``SUFFIX``; None where no row could be perturbed."""
    rows: tuple[PerturbedRow, ...]
    """In the order of ``loaded.docs``."""
    left_out: Mapping[str, Mapping[str, int]]
    """Perturbation → why it was not made of a row → how many rows."""


def perturbed_task(
    loaded: LoadedTask, limit: int | None = None, seed: int = 0, advance: Callable[[int], None] = lambda rows: None
) -> PerturbedTask:
    """Perturbs a task's rows in every way that there is, and that reader and solver confirm.

    Args:
        loaded: the task.
        limit: only the first rows.
        seed: of orders and names; the same gives the same rows.
        advance: is told after each puzzle how many rows it had.
    """
    puzzles: dict[tuple[str, float | None], list[int]] = {}
    for number, doc in enumerate(loaded.docs[:limit]):
        puzzles.setdefault((str(doc.get("context") or ""), _number(doc.get("ambiguity"))), []).append(number)
    docs: list[dict[str, Any]] = []
    rows: list[PerturbedRow] = []
    left_out: dict[str, Counter[str]] = {name: Counter() for name in PERTURBATIONS}
    for (context, ambiguity), numbers in puzzles.items():
        questions = tuple(str(loaded.docs[number].get("question") or "") for number in numbers)
        found = _perturbed(context, questions, seed, ambiguity)
        # The questions about one text stand together: backends read it once.
        for way in range(len(PERTURBATIONS)):
            for number, variants in zip(numbers, found, strict=True):
                variant = variants[way]
                if variant.refused:
                    left_out[variant.perturbation][variant.refused] += 1
                    continue
                doc = _doc(loaded.docs[number], variant)
                rows.append(
                    PerturbedRow(
                        doc_id=len(rows),
                        of=number,
                        perturbation=variant.perturbation,
                        context=variant.context,
                        question=variant.question,
                        gold=doc["label"],
                    )
                )
                docs.append(doc)
        advance(len(numbers))
    twin = with_docs(loaded, f"{loaded.name}{SUFFIX}", docs) if docs else None
    return PerturbedTask(twin, tuple(rows), {name: dict(counts) for name, counts in left_out.items() if counts})


@lru_cache(maxsize=5_000)
def _perturbed(
    context: str, questions: tuple[str, ...], seed: int, ambiguity: float | None
) -> Sequence[tuple[Perturbed, ...]]:
    # Two tasks of one run often ask the same rows, once written and once scored.
    if context and all(questions):
        return perturb_puzzle(context, questions, seed, ambiguity)
    none = tuple(Perturbed(name, refused="the row has no context and question") for name in PERTURBATIONS)
    return [none] * len(questions)


def _doc(doc: Mapping[str, Any], variant: Perturbed) -> dict[str, Any]:
    """The task's row, put otherwise; only the label of a negated question is another one."""
    new = {
        **doc,
        "id": f"{doc.get('id', '')}~{variant.perturbation}",
        "context": variant.context,
        "question": variant.question,
    }
    if variant.perturbation == NEGATED and variant.truth is not None:
        new["label"] = binary_label(variant.truth)
    # What was proved or published of the row speaks of its own names and words.
    if variant.truth is not None:
        new.update({column: variant.truth for column in ("truth", "label_published") if column in doc})
    new.update({column: "" for column in ("proof",) if column in doc})
    new.update({column: [] for column in ("proof_premises",) if column in doc})
    return new


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
