"""How much is computed at a time: passes of tokens, rows being written, and what to do when memory runs out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from entailbench import ModelError, available_memory

if TYPE_CHECKING:
    import torch

CPU_PASS_TOKENS = 1024
"""Of one forward pass: more make vectors that leave the caches, fewer make smaller products."""
GPU_PASS_TOKENS = 16384
CPU_ROWS = 48
"""Rows being written at a time: more hardly make a step cheaper per row."""
GPU_ROWS = 512
CPU_SHARE = 0.4
"""Of the memory available when a call begins, for keys and values."""
GPU_SHARE = 0.6
LOGIT_BYTES = 2**28
"""Of the logits that are read in one pass, roughly."""


class OutOfMemoryHereError(Exception):
    """What was tried does not fit in memory; with less at a time it may."""


class Budget:
    """What a model may compute at a time; it only ever shrinks.

    Args:
        device: of the model.
        rows: at most so many are written at a time; None is what suits the device.
        notify: told in one line when it had to be halved.
    """

    def __init__(self, device: torch.device, rows: int | None, notify: Callable[[str], None]) -> None:
        on_cpu = device.type == "cpu"
        self._device = device
        self._notify = notify
        self.pass_tokens = CPU_PASS_TOKENS if on_cpu else GPU_PASS_TOKENS
        self.rows = rows or (CPU_ROWS if on_cpu else GPU_ROWS)

    def rows_of(self, columns: int, bytes_per_token: int) -> int:
        """How many rows of so many tokens may be written at a time, at least one."""
        share = CPU_SHARE if self._device.type == "cpu" else GPU_SHARE
        fits = int(share * available(self._device) / max(1, columns * bytes_per_token))
        return max(1, min(self.rows, fits))

    def halve(self, *, tokens: int = 0, rows: int = 0) -> None:
        """Takes note that something did not fit, and has less of it computed at a time from here on.

        Args:
            tokens: of the pass that did not fit; 0 where it cannot be split.
            rows: that were being written; 0 where there were none.

        Raises:
            ModelError: nothing is left to be halved.
        """
        if not tokens and (not rows or self.rows == 1):
            raise ModelError(f"out of memory on {self._device} with a single row at a time: it does not fit")
        if tokens:
            self.pass_tokens = max(1, min(self.pass_tokens, tokens) // 2)
        if rows:
            self.rows = max(1, min(self.rows, rows) // 2)
        passes = f" and passes of {self.pass_tokens:,} tokens" if tokens else ""
        self._notify(f"memory is short on {self._device}: going on with at most {self.rows} rows{passes}")
        if self._device.type == "cuda":
            import torch

            torch.cuda.empty_cache()


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Every way in which PyTorch says that memory ran out becomes ``OutOfMemoryHereError``."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemoryHereError from error
    except RuntimeError as error:
        # A CPU's allocator has no exception of its own.
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            raise OutOfMemoryHereError from error
        raise


def available(device: torch.device) -> int:
    """Bytes that could be taken now: of a GPU what is free, of a CPU what neither system nor container forbids."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()
