"""A report as JSON, of the published schema ``docs/report.schema.json``."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from entailbench.findings import Report
from entailbench.lineage import trimmed
from entailbench.terminal import harmless

__all__ = ["SCHEMA", "write_report"]

SCHEMA = "entailbench-report/1"
"""Which fields there are; a field may be added without a new number."""


def write_report(report: Report) -> str:
    """The report with the name of its schema; every share is in [0, 1], and what is undefined is null."""
    return harmless(json.dumps({"schema": SCHEMA, **_plain(report)}, ensure_ascii=False, indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _lineage(getattr(value, field.name)) if field.name == "lineage" else _plain(found)
            for field in dataclasses.fields(value)
            for found in (getattr(value, field.name),)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        # JSON knows no NaN; a training that diverged has such losses.
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def _lineage(lineage: Mapping[str, Any] | None) -> Any:
    """A run keeps the whole curve beside it, in ``models/NAME.json``."""
    return None if lineage is None else _plain(trimmed(lineage))
