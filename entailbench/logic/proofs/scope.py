"""Which calculus a puzzle belongs to, and what both a prover and a checker hold a question to."""

from __future__ import annotations

from typing import Literal

from entailbench.errors import DataError
from entailbench.logic.formula import Formula, Knight, Signature, atoms, entities
from entailbench.logic.puzzle import Reading

__all__ = ["KEYWORDS", "LOCAL_CASES", "Calculus", "calculus_of", "require_in_scope"]

Calculus = Literal["orders", "knights", "grids"]
"""One full row of people; knights and knaves; things at places."""

LOCAL_CASES = 1024
"""A step may use all that one premise says if what it is about has at most this many joint values; of a premise
that is about more, only what its connectives show one by one (Kleene's three values)."""

KEYWORDS = frozenset({"all", "if", "else", "or", "not", "false", "yes", "no", "knight", "knave", "none"})
"""The words of the proof language."""


def calculus_of(signature: Signature) -> Calculus:
    """The calculus that proofs about such puzzles are written in.

    Raises:
        DataError: the signature mixes knights with places, repeats a name, or has more entities than places.
    """
    if signature.people and signature.groups:
        raise DataError("a puzzle with both knights and places is not supported by the provers")
    names = signature.entities
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{repeated!r} is named twice among the puzzle's people or things")
    for group in signature.groups:
        if len(group) > signature.places:
            raise DataError(f"{len(group)} things ({', '.join(group[:3])} …) for {signature.places} places")
    if not signature.groups:
        return "knights"
    if len(signature.groups) == 1 and len(signature.groups[0]) == signature.places:
        return "orders"
    return "grids"


def require_in_scope(reading: Reading, formula: Formula) -> Calculus:
    """The puzzle's calculus, after making sure that the premises and the question speak of what exists.

    Raises:
        DataError: see ``calculus_of``; or a formula is about somebody whom the signature does not have, or says
            of a person where they stand, or of a place's holder that they are a knight.
    """
    calculus = calculus_of(reading.signature)
    known = frozenset(reading.signature.entities)
    for where, said in (
        *((f"premise {number}", premise.formula) for number, premise in enumerate(reading.premises, 1)),
        ("the question", formula),
    ):
        for name in entities(said):
            if name not in known:
                raise DataError(f"{where} is about {name!r}, whom the puzzle does not have")
        if any(isinstance(atom, Knight) != (calculus == "knights") for atom in atoms(said)):
            wrong = "places" if calculus == "knights" else "knights"
            raise DataError(f"{where} is about {wrong}, of which the puzzle has none")
    return calculus
