"""How many requests may be in flight: more while all goes well, fewer when the server says that it is too much.

Additive increase, multiplicative decrease (Chiu and Jain, Computer Networks and ISDN Systems 17, 1989), begun like
TCP's slow start (RFC 5681): until the server first complains, every answer makes room for one request more. Requests
are also spread over time, as TCP's are by pacing (Aggarwal, Savage and Anderson, INFOCOM 2000): a server that allows 60
requests a second seldom allows 60 at once.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["AdaptiveLimit", "Pass"]

START = 16
"""Requests in flight at the beginning, at most."""
DECREASE = 0.8
"""What is left of the limit after the server complained."""
STEPS = 4
"""After a complaint the limit grows by this part of what was too much, for each round of answers."""
SLOWER = 2.0
"""The limit does not grow while answers take so many times longer than they did at their fastest: the server has as
much to do as it can do, and more requests would only wait there."""
SMOOTHING = 0.1
"""The weight of a new answer in the mean time that answers take."""
PACE = 1.2
"""Requests are sent so many times as fast as answers can come at the limit …"""
PACE_AT_START = 2.0
"""… and so many times during slow start, which doubles the limit with each round of answers."""
FIRST_GUESS = 1.0
"""Seconds that an answer takes, until one has come."""
LESS_AT_ONCE = 0.5
"""What is left of the number of requests that may be sent at once after the server complained about such."""
SPREAD = 0.1
"""What is added at random to a wait that the server asked for: up to this part of it …"""
MOST_SPREAD = 1.0
"""… and up to so many seconds."""
LONGEST_PAUSE = 30.0
"""Seconds of a pause that the limit itself makes after a complaint that does not say how long."""


@dataclass(frozen=True)
class Pass:
    """The right to have one request in flight."""

    since: float
    """When it was given, on the limit's clock."""
    hurried: bool
    """Whether it was given ahead of the pace, to make up for a pause."""


class AdaptiveLimit:
    """Lets requests through. For one event loop, and not safe from several threads.

    Args:
        most: requests that are ever in flight.
        clock: a clock that never jumps, in seconds: the event loop's.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self.running = 0
        self._clock = clock
        self._limit = float(min(START, most))
        self._step = math.inf
        """By how much the limit grows for a round of answers; infinite is slow start, one for each answer."""
        self._closed_since: float | None = None
        self._closed_until = 0.0
        self._last_decrease = -math.inf
        self._complaints = 0
        """In a row, without an answer between them."""
        self._waiting: deque[asyncio.Future[Pass]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._typical = FIRST_GUESS
        self._fastest = math.inf
        self._answers = 0
        self._at_once = self._limit
        self._ahead = self.limit
        """How many may still be sent ahead of the pace."""
        self._next = clock()
        """When the pace allows another."""

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return max(1, min(self.most, int(self._limit)))

    @property
    def at_once(self) -> int:
        """Requests that may be sent at once after a pause."""
        return max(1, int(self._at_once))

    async def enter(self, *, again: bool = False) -> Pass:
        """Waits, first come first served, until another request may be sent; ``leave`` must follow.

        Args:
            again: whether it was refused before; then it need not queue behind the others.
        """
        waiting: asyncio.Future[Pass] = asyncio.get_running_loop().create_future()
        if again:
            self._waiting.appendleft(waiting)
        else:
            self._waiting.append(waiting)
        self._let_through()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.leave()  # let through at the very moment at which it was cancelled
            raise

    def leave(self) -> None:
        """A request is no longer in flight."""
        self.running -= 1
        self._let_through()

    def answered(self, passed: Pass) -> None:
        """A request was answered: additive increase."""
        taken = self._clock() - passed.since
        self._typical = taken if not self._answers else self._typical + SMOOTHING * (taken - self._typical)
        self._answers += 1
        if self._answers >= 1 / SMOOTHING:
            self._fastest = min(self._fastest, self._typical)
        self._complaints = 0
        self._at_once = min(self._limit, self._at_once + 1 / self._limit)
        # Where nobody waits it is not the limit that keeps more from being sent.
        if self._waiting and self._typical <= SLOWER * self._fastest:
            self._limit = min(float(self.most), self._limit + min(1.0, self._step / self._limit))
            self._let_through()

    def overloaded(self, passed: Pass) -> bool:
        """The server had too much to do: multiplicative decrease, once for all requests that were sent before it.

        Returns:
            Whether it was decreased.
        """
        if passed.since <= self._last_decrease:
            return False
        self._last_decrease = self._clock()
        reached, self._limit = self._limit, max(1.0, DECREASE * self._limit)
        if passed.hurried:
            # Too many at once; how many in flight would be too many is still to be found.
            self._at_once = max(1.0, LESS_AT_ONCE * self._at_once)
        else:
            self._step = max(1.0, reached / STEPS)
        return True

    def refused(self, passed: Pass, wait: float | None) -> None:
        """The server takes nothing more for now: as ``overloaded``, and nothing is sent for a while.

        Args:
            passed: the request's.
            wait: seconds until the server wants to be asked again, by anybody; a random bit is added, since clients
                that were refused together must not come back together. None where it does not say: then as long as an
                answer takes, twice as long after each further complaint, and a random part of it.
        """
        decreased = self.overloaded(passed)
        if wait is not None:
            self.close_for(wait + random.uniform(0.0, min(MOST_SPREAD, SPREAD * wait)))
        elif decreased:
            longest = min(LONGEST_PAUSE, self._typical * 2.0 ** min(self._complaints, 16))
            self.close_for(random.uniform(0.5, 1.0) * longest)
        self._complaints += decreased

    def close_for(self, seconds: float) -> None:
        """Lets nothing through for some seconds; those in flight go on."""
        now = self._clock()
        if self._closed_since is None:
            self._closed_since = now
        self._closed_until = max(self._closed_until, now + seconds)

    def shut(self) -> None:
        """Cancels all who wait."""
        while self._waiting:
            self._waiting.popleft().cancel()

    def _let_through(self) -> None:
        while self._waiting and self.running < self.limit:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            if wait := self._seconds_until_next():
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = asyncio.get_running_loop().call_later(wait, self._let_through)
                return
            hurried = self._ahead > 0
            self._ahead -= hurried
            self.running += 1
            self._next = max(self._next, self._clock()) + 1 / self._pace
            self._waiting.popleft().set_result(Pass(self._clock(), hurried))

    @property
    def _pace(self) -> float:
        """Requests a second."""
        faster = PACE_AT_START if self._step == math.inf else PACE
        return faster * self._limit / max(self._typical, 1e-6)

    def _seconds_until_next(self) -> float:
        """Until the server wants to be asked again, and the pace allows it; 0 is now."""
        now = self._clock()
        if now < self._closed_until:
            return self._closed_until - now
        if self._closed_since is not None:
            paused, self._closed_since = now - self._closed_since, None
            self._ahead = int(min(self._at_once, paused * self._limit / max(self._typical, 1e-6)))
        return 0.0 if self._ahead > 0 else max(0.0, self._next - now)
