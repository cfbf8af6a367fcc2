"""Worked proofs: proofs in the order in which they can be found, for a language model to learn from.

A minimal proof (``entailbench.logic.proofs.decide``) says only what its conclusion needs, so whoever writes it must
have found the way beforehand. A worked one is in the same language and accepted by the same checker, but says first
what the premises say and then goes on by a fixed rule, one small step after the other: no step needs to be foreseen.
"""

from __future__ import annotations

from entailbench.logic.formula import Formula
from entailbench.logic.proofs import Proved
from entailbench.logic.proofs.scope import calculus_of
from entailbench.logic.puzzle import Reading
from entailbench.logic.working.domains import work_domains
from entailbench.logic.working.orders import work_orders

__all__ = ["work"]


def work(reading: Reading, formula: Formula, proved: Proved) -> str:
    """A worked proof of a question; the same whenever it is asked.

    Args:
        reading: what holds.
        formula: what is asked.
        proved: what ``decide`` says about it. Where there is no worked form, its proof is the answer.

    Raises:
        TooHard: following every step would take too long.
    """
    match calculus_of(reading.signature):
        case "orders":
            return work_orders(reading, formula, proved)
        case "knights":
            return work_domains(reading, formula)
        case "grids":
            return proved.proof.text
