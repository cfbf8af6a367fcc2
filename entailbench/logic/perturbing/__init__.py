"""The same question put otherwise: premises in another order, other names, the opposite words, something irrelevant,
or negated. Reader and solver confirm every text that is made."""

from __future__ import annotations

from entailbench.logic.perturbing.perturb import NEGATED, REWRITES, Perturbed, perturb_puzzle

__all__ = ["NEGATED", "REWRITES", "Perturbed", "perturb_puzzle"]
