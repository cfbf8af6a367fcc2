"""Writing: prompts in passes that compute shared beginnings once, then a token a row a step, rows coming and going.

A row leaves its slot as soon as it has stopped, and waiting rows take the slots that are free: the batch stays full
however long the answers are. Where memory runs out, rows go back to waiting with what they have written, and the rest
goes on with half as many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..training.samples import TokenSample
from . import flat
from .budget import Budget, OutOfMemoryHereError, memory_errors
from .flat import KeysValues
from .packed import PackedAttention
from .rows import Tokens, passes, root_length, tree
from .slots import Slots

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

REFILL = 0.25
"""Share of the slots that must be free before waiting rows are taken: a pass of few tokens is a slow one."""


@dataclass(frozen=True)
class Writing:
    """How rows are continued."""

    max_tokens: int
    """Of an answer, > 0."""
    ends: frozenset[int]
    """Tokens that end an answer and are not part of it."""
    stopped: Callable[[list[int]], bool]
    """Whether the tokens written so far contain a stop string; asked after each token."""
    choose: Callable[[Tensor, list[int]], Tensor]
    """The next token of each row, [B], from logits [B, V] and the rows' numbers."""


@dataclass
class Row:
    """One prompt being continued."""

    number: int
    """Place in the caller's list."""
    prompt: Tokens
    """Without what all rows begin with."""
    written: list[int] = field(default_factory=list)

    @property
    def tokens(self) -> Tokens:
        """All that the model must read to go on."""
        return (*self.prompt, *self.written)


class Writer:
    """One call's rows.

    Args:
        session: opens the model for computing: the right adapter, our attention, no gradients.
        device: of the model.
        budget: what is computed at a time.
        bytes_per_token: of keys and values in all layers.
        writing: how rows are continued.
        unsound: what to raise when the model computes NaN.
    """

    def __init__(
        self,
        session: Callable[[], AbstractContextManager[PreTrainedModel]],
        device: torch.device,
        budget: Budget,
        bytes_per_token: int,
        writing: Writing,
        unsound: Callable[[], Exception],
    ) -> None:
        self._session = session
        self._device = device
        self._budget = budget
        self._bytes_per_token = bytes_per_token
        self._writing = writing
        self._unsound = unsound
        self._waiting: deque[Row] = deque()
        self._active: list[Row] = []
        self._slots: Slots | None = None
        self._root: KeysValues | None = None
        self._columns = 0
        self._size = 0
        """Tokens of the pass of prompts that is being computed, where it could be split; 0 in a step."""

    def write(self, prompts: Sequence[Tokens]) -> Iterator[tuple[int, list[int]]]:
        """Yields (number of the prompt, tokens written without the end) as soon as a row has stopped.

        Raises:
            ModelError: the model computes NaN, or not even one row fits in memory.
        """
        shared = root_length(prompts)
        self._waiting = deque(
            Row(number, prompts[number][shared:]) for number in sorted(range(len(prompts)), key=prompts.__getitem__)
        )
        self._columns = max((len(row.prompt) for row in self._waiting), default=0) + self._writing.max_tokens
        while self._waiting or self._active:
            done: list[Row] = []
            with self._session() as model:
                while not done and (self._waiting or self._active):
                    try:
                        with memory_errors():
                            if shared and self._root is None:
                                self._root = common_beginning(model, prompts[0][:shared], self._device)
                            if self._may_refill():
                                self._take(model, done)
                            if self._active and not done:
                                self._step(model, done)
                    except OutOfMemoryHereError:
                        self._retreat()
            for row in done:
                yield row.number, row.written

    def _may_refill(self) -> bool:
        if not self._waiting:
            return False
        limit = self._slots.capacity if self._slots is not None else 0
        free = limit - len(self._active)
        return not self._active or free >= max(1, min(len(self._waiting), int(REFILL * limit)))

    def _take(self, model: PreTrainedModel, done: list[Row]) -> None:
        """Runs waiting prompts, as many as there are slots for, and writes their first tokens."""
        if self._slots is None:
            capacity = self._budget.rows_of(self._columns, self._bytes_per_token)
            self._slots = Slots(min(capacity, len(self._waiting)), self._root, self._device)
        free = self._slots.capacity - len(self._active)
        rows = [self._waiting[place] for place in range(min(free, len(self._waiting)))]
        for span in passes([row.tokens for row in rows], self._budget.pass_tokens):
            self._size = sum(len(rows[place].tokens) for place in span) if len(span) > 1 else 0
            self._read([rows[place] for place in span], model, done)
            # Only what was computed leaves the queue: the rest is still there should memory run out.
            for _ in span:
                self._waiting.popleft()
        self._size = 0

    def _read(self, rows: Sequence[Row], model: PreTrainedModel, done: list[Row]) -> None:
        import torch

        assert self._slots is not None
        begin = 0 if self._root is None else self._root.length
        # The answer's only token is predicted, not read: the pack holds the rows' own tokens alone.
        samples = [TokenSample(row.tokens, (0,), "", "") for row in rows]
        packed = tree(samples)
        reads = np.empty(len(rows), np.int64)
        reads[packed.sample] = packed.reads
        attention = PackedAttention(packed, self._device, self._root, keep=True)
        tokens, positions, places = (
            torch.from_numpy(array).to(self._device) for array in (packed.tokens, packed.positions + begin, reads)
        )
        chosen = self._choose(flat.logits(model, tokens, positions, attention, places), rows)
        paths = [np.nonzero(packed.ends[: read + 1] > read)[0] for read in reads]
        going = [place for place, token in enumerate(chosen) if not self._append(rows[place], token, done)]
        if going:
            self._slots.add([paths[place] for place in going], attention.keys, attention.values)
            self._active += [rows[place] for place in going]

    def _step(self, model: PreTrainedModel, done: list[Row]) -> None:
        import torch

        assert self._slots is not None
        begin = 0 if self._root is None else self._root.length
        tokens = torch.tensor([row.written[-1] for row in self._active], device=self._device)
        positions = torch.tensor(
            [begin + len(row.prompt) + len(row.written) - 1 for row in self._active], device=self._device
        )
        self._slots.advance()
        every = torch.arange(len(tokens), device=self._device)
        chosen = self._choose(flat.logits(model, tokens, positions, self._slots, every), self._active)
        for place in reversed(range(len(chosen))):
            if self._append(self._active[place], chosen[place], done):
                last = self._slots.remove(place)
                self._active[place] = self._active[last]
                self._active.pop()

    def _choose(self, logits: Tensor, rows: Sequence[Row]) -> list[int]:
        import torch

        # In 16 bits a CPU looks for the greatest one by one.
        logits = logits.float()
        # NaN is the greatest of numbers to it, so one look at the maxima finds it.
        if not bool(torch.isfinite(logits.amax(dim=-1)).all()):
            raise self._unsound()
        chosen: list[int] = self._writing.choose(logits, [row.number for row in rows]).tolist()
        return chosen

    def _append(self, row: Row, token: int, done: list[Row]) -> bool:
        """Whether the row has stopped with this token."""
        if token in self._writing.ends:
            done.append(row)
            return True
        row.written.append(token)
        if len(row.written) >= self._writing.max_tokens or self._writing.stopped(row.written):
            done.append(row)
            return True
        return False

    def _retreat(self) -> None:
        """Everything that is being written waits again, and less is computed at a time from here on."""
        self._budget.halve(tokens=self._size, rows=len(self._active))
        self._waiting.extendleft(reversed(self._active))
        self._active = []
        self._slots = None
        self._size = 0


def common_beginning(model: PreTrainedModel, tokens: Tokens, device: torch.device) -> KeysValues:
    """Keys and values of what all rows begin with. Call inside a session."""
    import torch

    packed = tree([TokenSample(tokens, (0,), "", "")])
    attention = PackedAttention(packed, device, keep=True)
    ids, positions = (torch.from_numpy(array).to(device) for array in (packed.tokens, packed.positions))
    flat.logits(model, ids, positions, attention, positions[-1:])
    return KeysValues(attention.keys, attention.values, len(tokens))
