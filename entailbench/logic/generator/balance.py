"""Keeps what can be seen of a question from telling its answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

from entailbench.logic.truth import Truth

__all__ = ["Balance"]


class Balance:
    """How often each answer has been given so far, for everything that a guesser could go by.

    A cue is such a thing: the kind of question, how many people there are, who is named first. For each cue apart,
    the answers are held to their shares, so no cue is worth more than knowing the shares.

    Args:
        shares: answer → its share; they sum to 1.
    """

    def __init__(self, shares: Mapping[Truth, float]) -> None:
        self._shares = {truth: share for truth, share in shares.items() if share > 0}
        self._given: dict[Hashable, Counter[Truth]] = {}
        self._totals: Counter[Hashable] = Counter()
        self.asked: Counter[Hashable] = Counter()
        """How often each kind of question was asked."""

    def ahead(self, cues: Sequence[Hashable], truth: Truth) -> float:
        """By how many questions an answer would be ahead of its share if it were given once more, at the worst cue."""
        share = self._shares.get(truth)
        if share is None:
            return float("inf")
        worst = 0.0
        for cue in cues:
            given = self._given.get(cue)
            if given:
                worst = max(worst, given[truth] + 1 - share * (self._totals[cue] + 1))
        return worst

    def rarest(self, forms: Iterable[str], weights: Mapping[str, int], rng: random.Random) -> list[str]:
        """Forms of question, those first that lag most behind their weight (1 where there is none)."""
        drawn = sorted(forms)
        rng.shuffle(drawn)
        return sorted(drawn, key=lambda form: self.asked[form] / weights.get(form, 1))

    def count(self, cues: Iterable[Hashable], truth: Truth, kinds: Iterable[Hashable]) -> None:
        """Notes that a question was asked."""
        for cue in cues:
            self._given.setdefault(cue, Counter())[truth] += 1
            self._totals[cue] += 1
        self.asked.update(kinds)
