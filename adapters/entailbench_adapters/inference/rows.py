"""Token sequences in an order in which neighbours share beginnings, cut into passes that compute each of them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ..training.samples import TokenSample
from ..training.tree import pack

if TYPE_CHECKING:
    from ..training.tree import Pack

Tokens = tuple[int, ...]

SHORTEST_BRANCH = 4
"""Tokens in common that are computed once. Without gradients a branch costs little, and the candidates of a question
whose puzzle is shared have only the question in common."""
SHORTEST_ROOT = 16
"""Tokens that all rows must begin with to be kept apart: for fewer a second product costs more than it saves."""


def common(a: Tokens, b: Tokens) -> int:
    """How many tokens both begin with."""
    shortest = min(len(a), len(b))
    if a[:shortest] == b[:shortest]:
        return shortest
    low, high = 0, shortest
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def root_length(rows: Sequence[Tokens], own: int = 1) -> int:
    """How many tokens all ``rows`` begin with, of which each keeps at least ``own`` for itself; 0 where too few.

    Args:
        rows: any order.
        own: tokens at a row's end that cannot be shared, since the model is asked what follows them.
    """
    if len(rows) < 2:
        return 0
    # The first and the last in alphabetical order differ where any two do.
    length = min(common(min(rows), max(rows)), min(map(len, rows)) - own)
    return length if length >= SHORTEST_ROOT else 0


def tree(rows: Sequence[TokenSample]) -> Pack:
    """Rows as one pack in which what they have in common is computed once; ``answer`` is what is predicted."""
    (packed,) = pack(rows, [0.0] * len(rows), budget=2**62, tree_tokens=2**62, shortest=SHORTEST_BRANCH)
    return packed


def passes(order: Sequence[Tokens], budget: int) -> Iterator[range]:
    """Cuts rows in alphabetical order into runs of at most ``budget`` different tokens; a longer row is one alone."""
    first, size = 0, len(order[0]) if order else 0
    for number, (before, row) in enumerate(pairwise(order), start=1):
        further = len(row) - common(before, row)
        if size + further > budget:
            yield range(first, number)
            first, size = number, len(row)
        else:
            size += further
    if order:
        yield range(first, len(order))
