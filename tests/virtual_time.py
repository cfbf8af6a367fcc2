"""An event loop whose clock jumps to the next timer: an hour of waiting passes in no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For coroutines that wait for nothing outside the loop."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.jump(timeout)
        return super().select(0)


def run_virtually(coroutine: Coroutine[Any, Any, Result]) -> tuple[Result, float]:
    """What the coroutine returns, and the seconds that it believes to have taken."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(coroutine), loop.time()
    finally:
        loop.close()
