"""All pairs of a table's lines: their p-values corrected together, and each put into a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from entailbench.findings import Comparison, Estimate
from entailbench.stats.paired import Pair
from entailbench.stats.permutation import holm
from entailbench.stats.sample import Sample
from entailbench.stats.verdict import PERMUTATION, verdict

__all__ = ["comparisons_of", "is_positive"]


def comparisons_of(
    sample: Sample, names: Sequence[tuple[str, str]], pairs: Sequence[Pair], tests: Sequence[str] | None = None
) -> tuple[Comparison, ...]:
    """Corrects the p-values for how many pairs there are (Holm 1979) and words the verdicts.

    Args:
        sample: the rows.
        names: of the two lines of each pair.
        pairs: what was found of each.
        tests: what to call the test of each; default ``PERMUTATION``.
    """
    rows, puzzles = len(sample.entailed), sample.puzzles
    corrected = holm([pair.p for pair in pairs])
    called = tests or [PERMUTATION] * len(pairs)
    return tuple(
        Comparison(
            first=first,
            second=second,
            difference=pair.difference,
            metric=pair.metric,
            p=pair.p,
            p_holm=p_holm,
            mcnemar=pair.mcnemar,
            only_first=pair.only_first,
            only_second=pair.only_second,
            smallest=pair.smallest,
            rows=rows,
            puzzles=puzzles,
            verdict=verdict(first, second, pair, p_holm, pairs=len(pairs), rows=rows, puzzles=puzzles, by=by),
        )
        for (first, second), pair, p_holm, by in zip(names, pairs, corrected, called, strict=True)
    )


def is_positive(difference: Estimate) -> bool:
    """Whether a difference was shown to be above 0: a one-sided test at 2.5%, by its interval."""
    return difference.low is not None and difference.low > 0
