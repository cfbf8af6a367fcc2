"""Reads the weights of the model that comes next while another one computes.

The bytes go nowhere: the system keeps what it has read in memory that it could spare, and gives it to whoever reads it
next. So the weights of two models are never held at a time, and what computes can have the memory back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from entailbench.free_memory import available_memory

__all__ = ["ReadingAhead"]

CHUNK_BYTES = 1 << 22
SHARE = 0.5
"""Of the free memory that files may take that are read ahead: more would push out what is needed now."""


class ReadingAhead:
    """For the length of a ``with`` block; what is still being read at its end is left.

    Args:
        notify: told in one line when files are too large to be read ahead.
        available: bytes of free memory.
    """

    def __init__(self, notify: Callable[[str], None], available: Callable[[], int] = available_memory) -> None:
        self._notify = notify
        self._available = available
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def __enter__(self) -> ReadingAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self, name: str, files: Iterable[Path]) -> None:
        """Starts reading the files of ``name`` and returns at once; stops reading any others.

        Files that cannot be read are passed over: who opens the model will say so.
        """
        self.stop()
        sizes: dict[Path, int] = {}
        for path in files:
            try:
                sizes[path] = path.stat().st_size
            except OSError:
                continue
        needed, free = sum(sizes.values()), self._available()
        if needed > SHARE * free:
            sizes_said = f"{needed / 1e9:.1f} GB, with {free / 1e9:.1f} GB of memory free"
            self._notify(f"the weights of {name} are too large to be read ahead: {sizes_said}")
            return
        if sizes:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=_read, args=(list(sizes), self._stop), daemon=True, name=f"entailbench-reading-{name}"
            )
            self._thread.start()

    def wait(self) -> None:
        """Until all is read."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Reads no further."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def _read(files: Iterable[Path], stop: threading.Event) -> None:
    buffer = bytearray(CHUNK_BYTES)
    for path in files:
        try:
            with path.open("rb", buffering=0) as stream:
                while not stop.is_set() and stream.readinto(buffer):
                    pass
        except OSError:
            continue
