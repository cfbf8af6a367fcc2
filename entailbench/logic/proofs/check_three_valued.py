"""Kleene's three-valued logic: True, False, and None for what is not known (S. Kleene, 1952, section 64)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["conjunction", "disjunction", "negation"]


def negation(value: bool | None) -> bool | None:
    """Not the value."""
    return None if value is None else not value


def conjunction(values: Iterable[bool | None]) -> bool | None:
    """False where one is known to be false, True where all are known to be true."""
    result: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def disjunction(values: Iterable[bool | None]) -> bool | None:
    """True where one is known to be true, False where all are known to be false."""
    return negation(conjunction(map(negation, values)))
