"""The rows of a large table, made when they are looked at: as Python's own values a row takes four times the room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import datasets

__all__ = ["TableRows"]

BATCH = 1_000
"""Rows that are made at a time: one by one they take a quarter of a millisecond each."""


class TableRows(Sequence[Mapping[str, Any]]):
    """Some consecutive rows of a table, as a sequence of mappings; a slice is of the same kind and copies nothing."""

    def __init__(self, table: datasets.Dataset, rows: range | None = None) -> None:
        self._table = table
        self._rows = range(len(table)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, place: slice) -> TableRows: ...

    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | TableRows:
        if isinstance(place, slice):
            return TableRows(self._table, self._rows[place])
        row: Mapping[str, Any] = self._table[self._rows[place]]
        return row

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(self._rows), BATCH):
            columns = self._table[self._rows[start : start + BATCH]]
            yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
