"""Ctrl-C and SIGTERM during training: the step under way is finished and saved before the process ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Interruption:
    """Whether somebody asked for the end."""

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None


@contextmanager
def listening(notify: Callable[[str], None]) -> Iterator[Interruption]:
    """Takes note of the first signal; a second one acts as it would have without this.

    Outside of the main thread, which alone may do this, nothing is caught.
    """
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before: dict[signal.Signals, Any] = {}

    def note(number: int, frame: Any) -> None:
        found.asked = signal.Signals(number)
        restore()
        notify("stopping after this step (once more stops at once)")

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.getsignal(number)
        # Who was started with a signal ignored, in a shell's background, shall go on ignoring it.
        if before[number] != signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield found
    finally:
        restore()
