"""What a training has done so far: kept from step to step, saved with every state, told every few seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .curves import progress_line

SECONDS = 5.0
"""Between two lines for the user."""


@dataclass
class Progress:
    """Figures of all the steps done, also by earlier processes of the same training."""

    step: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, training loss)."""
    validation_losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Of the validations that let the model answer, by step."""
    best: tuple[int, float] | None = None
    """(step, balanced accuracy) of the best validation so far."""
    stale: int = 0
    """Validations in a row that were not better."""
    stopped_early: bool = False
    samples: int = 0
    tokens: int = 0
    """Tokens of all samples trained on, repeated and shared ones counted each time."""
    computed_tokens: int = 0
    """Tokens that went through the model for them."""
    seconds: float = 0.0
    """Spent on training steps, validation and saving left out."""

    def facts(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Progress:
        """From ``facts``."""
        known = dict(facts)
        for key in ("losses", "validation_losses"):
            known[key] = [(int(step), float(loss)) for step, loss in known[key]]
        if known["best"] is not None:
            known["best"] = (int(known["best"][0]), float(known["best"][1]))
        return cls(**known)


class Pace:
    """How fast it goes since the last line, and how long it will take at the pace since the first.

    What comes before the first line is left out: the first step also compiles and warms up.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first: tuple[int, float] | None = None
        self._last = (progress.samples, progress.tokens, progress.seconds)
        self._said = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for a line."""
        return time.monotonic() - self._said >= SECONDS

    def line(self, steps: int) -> str:
        """``"step 40/390, loss 0.412 █▅▃▂▁, 1,840 tokens/s, 12.5 samples/s, 3 min 5 s left"``."""
        progress = self._progress
        samples, tokens, seconds = self._last
        elapsed = max(progress.seconds - seconds, 1e-9)
        parts = [
            f"{(progress.tokens - tokens) / elapsed:,.0f} tokens/s",
            f"{(progress.samples - samples) / elapsed:.3g} samples/s",
        ]
        if self._first and self._first[0] < progress.step < steps:
            left = (progress.seconds - self._first[1]) / (progress.step - self._first[0]) * (steps - progress.step)
            parts.append(f"{duration(left)} left")
        self._first = self._first or (progress.step, progress.seconds)
        self._last = (progress.samples, progress.tokens, progress.seconds)
        self._said = time.monotonic()
        return progress_line(progress.step, steps, [loss for _, loss in progress.losses], parts)


def duration(seconds: float) -> str:
    """``"2 h 5 min"``, ``"3 min 12 s"`` or ``"8 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
