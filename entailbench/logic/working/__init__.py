"""Worked proofs: the proofs of ``entailbench.logic.proofs``, in the order in which they can be found."""

from __future__ import annotations

from entailbench.logic.formula import Formula
from entailbench.logic.puzzle import Reading
from entailbench.logic.working.domains import work_domains

__all__ = ["work"]


def work(reading: Reading, formula: Formula) -> str:
    """The worked proof of a question. Raises what ``entailbench.logic.proofs.decide`` raises."""
    return work_domains(reading, formula)
