"""A user's own puzzles and questions, from a file."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from entailbench import DataError, logic
from entailbench_tasks.labels import CONTRADICTION, UNKNOWN
from entailbench_tasks.tables import SUFFIXES, number_field, read_rows, text_field

__all__ = ["read_own_rows"]

CONTEXTS = ("context", "puzzle_text")
LABELS = ("label_published", "answer", "label")
"""The first of these columns that a row has."""

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "contradiction": CONTRADICTION,
        "unknown": UNKNOWN,
        "neutral": UNKNOWN,
        "non entailment": "non-entailment",
        "not-entailment": "not entailment",
    }
)
"""What labels are also called; upper case and underscores do not matter."""

ANSWERS = ("yes", "no", "true", "false")
"""No labels: "no" may mean that the text says otherwise, or only that it does not say so."""


def read_own_rows(path: Path) -> list[logic.AuditRow]:
    """The rows of a file with the columns ``context`` (or ``puzzle_text``) and ``question``.

    Where there are such columns: ``label`` (or ``answer``, ``label_published``) is what the file claims,
    ``ambiguity`` the puzzle's share of open questions in percent, ``qid`` the question's number in its puzzle, ``id``
    the row's name.

    Raises:
        DataError: the file or a row is not of that form; names the line.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: the file's name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not path.is_file():
        raise DataError(f"{path} is a folder, not a file" if path.exists() else f"{path} does not exist")
    rows = []
    seen: Counter[str] = Counter()
    for number, (where, row) in enumerate(read_rows(path), start=1):
        context = next((column for column in CONTEXTS if column in row), None)
        if context is None or "question" not in row:
            raise DataError(
                f"{where}: needs the columns 'context' (or 'puzzle_text') and 'question'; it has "
                f"{', '.join(map(str, row)) or 'none'}"
            )
        qid = number_field(row, "qid", where)
        name = str(row.get("id") or number)
        seen[name] += 1
        rows.append(
            logic.AuditRow(
                id=name if seen[name] == 1 else f"{name}-{seen[name]}",
                where=where,
                context=text_field(row, context, where),
                question=text_field(row, "question", where),
                published=_label(row, where),
                ambiguity=number_field(row, "ambiguity", where),
                qid=int(qid) if qid is not None and qid == int(qid) else None,
            )
        )
    return rows


def _label(row: Mapping[str, Any], where: str) -> str | None:
    column = next((column for column in LABELS if not _is_missing(row.get(column))), None)
    if column is None:
        return None
    value = row[column]
    said = re.sub(r"[\s_]+", " ", str(value)).strip().casefold()
    label = SYNONYMS.get(said, said)
    if label not in logic.COMPATIBLE:
        known = ", ".join(map(repr, [*logic.COMPATIBLE, *SYNONYMS]))
        hint = "; 'yes' is 'entailment', 'no' is 'contradiction' or, if it only denies that, 'not entailment'"
        raise DataError(
            f"{where}: unknown label {value!r} in the column {column!r} (known: {known}; leave it empty for a row "
            f"without one{hint if said in ANSWERS else ''})"
        )
    return label


def _is_missing(value: Any) -> bool:
    # Tables that were written by pandas have NaN where there is nothing.
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
