"""Puzzles made when they are asked for, from a seed that the user gives: no model can have been trained on them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from entailbench import DataError, UnknownNameError, logic

if TYPE_CHECKING:
    import datasets

__all__ = ["COUNT", "SEED_VARIABLE", "load"]

SEED_VARIABLE = "ENTAILBENCH_FRESH_SEED"
COUNT = 200
"""Rows of each family."""


def load(
    split: str = "test", fresh_seed: int | str | None = None, fresh_count: int | str = COUNT, **_: Any
) -> dict[str, datasets.Dataset]:
    """Freshly generated rows, under the name "evaluation"; lm-eval's ``custom_dataset``.

    Args:
        split: "test"; there is nothing else, since fresh puzzles are not for training.
        fresh_seed: any whole number, by default what ``ENTAILBENCH_FRESH_SEED`` says; the same gives the same rows.
        fresh_count: rows of each family.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: no seed was given, or it or the count is no whole number.
        UnknownNameError: a split other than "test".
    """
    import datasets

    if split != "test":
        raise UnknownNameError("split", split, ("test",))
    chosen = fresh_seed if fresh_seed is not None else os.environ.get(SEED_VARIABLE)
    if chosen is None or chosen == "":
        raise DataError(
            "fresh puzzles need a seed, any whole number: pass --fresh-seed, or set "
            f"{SEED_VARIABLE} (with plain lm_eval: --metadata fresh_seed=…)"
        )
    seed, count = _whole("seed", chosen), _whole("count", fresh_count)
    if count < 1:
        raise DataError(f"fresh puzzles: the count must be at least 1, got {count}")
    rows = logic.generate_split("test", seed, count, logic.Dials())
    dataset = datasets.Dataset.from_list([json.loads(row.to_json()) for row in rows])
    dataset.info.description = f"generated from seed {seed}"  # stands in the table's title
    return {"evaluation": dataset}


def _whole(what: str, value: int | str) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        return int(value)
    except ValueError:
        raise DataError(f"fresh puzzles: the {what} must be a whole number, got {value!r}") from None
