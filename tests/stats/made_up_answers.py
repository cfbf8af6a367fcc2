"""Made-up tasks: rows on puzzles, and answers whose figures are known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED
from entailbench.answered import Judged, ModelAnswers, Row, TaskAnswers

OTHER = {ENTAILMENT: NOT_ENTAILMENT, NOT_ENTAILMENT: ENTAILMENT}
ANSWERS = (*LABELS, UNPARSED)


def rows_of(golds: Sequence[str], puzzles: Sequence[str] | None = None, **facets: Sequence[str | int]) -> list[Row]:
    """Rows with these labels; each is a puzzle of its own unless ``puzzles`` says otherwise."""
    return [
        Row(
            doc_id=number,
            id=f"row {number}",
            puzzle=puzzles[number] if puzzles else f"puzzle {number}",
            context="A context.",
            question="A question?",
            gold=gold,
            facets={name: values[number] for name, values in facets.items()},
        )
        for number, gold in enumerate(golds)
    ]


def model(name: str, rows: Sequence[Row], answer: Callable[[Row], str | Judged]) -> ModelAnswers:
    """A model that answers each row as told, with a label or a whole record."""
    said = [answer(row) for row in rows]
    return ModelAnswers(
        name,
        tuple(
            one if isinstance(one, Judged) else Judged(row.doc_id, one, text=one)
            for row, one in zip(rows, said, strict=True)
        ),
    )


def perfect(rows: Sequence[Row], name: str = "perfect") -> ModelAnswers:
    """Always right."""
    return model(name, rows, lambda row: row.gold)


def inverted(rows: Sequence[Row], name: str = "inverted") -> ModelAnswers:
    """Always wrong, but readable."""
    return model(name, rows, lambda row: OTHER[row.gold])


def constant(rows: Sequence[Row], label: str = NOT_ENTAILMENT, name: str = "constant") -> ModelAnswers:
    """Always the same."""
    return model(name, rows, lambda row: label)


def noisy(rows: Sequence[Row], accuracy: float, seed: int, name: str = "noisy", unparsed: float = 0.0) -> ModelAnswers:
    """Right with this chance, row by row."""
    rng = random.Random(seed)

    def answer(row: Row) -> str:
        if rng.random() < unparsed:
            return UNPARSED
        return row.gold if rng.random() < accuracy else OTHER[row.gold]

    return model(name, rows, answer)


def task(rows: Sequence[Row], *models: ModelAnswers, baselines: Sequence[ModelAnswers] = ()) -> TaskAnswers:
    """A task with these answers."""
    return TaskAnswers("made-up", "test", "labels made up", tuple(rows), models, tuple(baselines))


def many_rows(count: int, puzzles: int, seed: int = 0, entailed: float = 0.35) -> list[Row]:
    """Rows spread at random over puzzles."""
    rng = random.Random(seed)
    golds = [ENTAILMENT if rng.random() < entailed else NOT_ENTAILMENT for _ in range(count)]
    return rows_of(golds, [f"puzzle {rng.randrange(puzzles):04}" for _ in range(count)])


answered_rows = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(ANSWERS), st.sampled_from(ANSWERS), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)
"""Gold label, two models' answers, and the puzzle's number."""
