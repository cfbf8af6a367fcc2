"""SIGTERM ends a command as Ctrl-C does: what was done is written, and how to go on with it is said."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["EXIT_CODE", "TerminatedError", "terminable"]

EXIT_CODE = 128 + signal.SIGTERM
"""As a shell gives it of a process that the signal killed."""


class TerminatedError(KeyboardInterrupt):
    """Somebody told the process to end: a scheduler, a service manager, ``kill``."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raises a ``TerminatedError`` in the main thread when SIGTERM comes.

    Nothing is changed outside of the main thread, which alone may do this, and where somebody handles or ignores the
    signal already.
    """

    def end(number: int, frame: Any) -> None:
        raise TerminatedError

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
