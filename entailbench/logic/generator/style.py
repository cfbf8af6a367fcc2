"""How a puzzle is set: spaces before its signs, and how its questions write the names."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["TIDY", "Style", "draw_style"]


@dataclass(frozen=True)
class Style:
    """One puzzle's way; the default is the ordinary one."""

    commas: bool = False
    """Whether there is a space before commas and colons."""
    stops: float = 0.0
    """How often there is one before the full stop of a sentence."""
    asks: bool = False
    """Whether there is one before a question mark."""
    gaps: float = 0.0
    """How often there are two spaces between sentences."""
    doubled: bool = False
    """Whether questions write a name of one letter twice: "AA" is A."""

    def set(self, sentence: str, rng: random.Random) -> str:
        """A sentence with its signs."""
        if self.commas:
            sentence = sentence.replace(", ", " , ").replace(": ", " : ")
        spaced = self.asks if sentence.endswith("?") else self.stops > 0 and rng.random() < self.stops
        return f"{sentence[:-1]} {sentence[-1]}" if spaced else sentence

    def gap(self, rng: random.Random) -> str:
        """What stands between two sentences."""
        return "  " if self.gaps > 0 and rng.random() < self.gaps else " "

    def asked(self, name: str) -> str:
        """A name in a question."""
        return name * 2 if self.doubled and len(name) == 1 else name


TIDY = Style()


def draw_style(rng: random.Random) -> Style:
    """Tidy, or with some or all signs apart, as texts are that were once cut into words."""
    doubled = rng.random() < 0.6
    chance = rng.random()
    if chance < 0.2:
        return Style(doubled=doubled)
    if chance < 0.65:
        return Style(commas=True, stops=0.1, asks=True, gaps=0.05, doubled=doubled)
    return Style(commas=True, stops=1.0, asks=True, doubled=doubled)
