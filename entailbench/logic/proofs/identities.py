"""Proofs that two things of a grid are, or are not, at one place, by who is who alone: ``dog = Spaniard``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from entailbench.logic.formula import Formula, Not, Same, Signature, conjuncts
from entailbench.logic.proofs.wording import Written, written

__all__ = ["identity_proof"]


def identity_proof(
    signature: Signature, premises: Iterable[tuple[int, Formula]], asked: tuple[Formula, bool]
) -> Written | None:
    """The shortest chains of stated identities that answer a question about identity, and their premises.

    Two things are the same where a chain leads from one to the other, and different where chains lead from them
    to two things of one group: ``dog = Spaniard, Parliaments = Japanese``.

    Args:
        premises: those that may be used, with their indices.
        asked: the question and its answer.

    Returns:
        None where it is another sort of question, or there are no such chains.
    """
    formula, wanted = asked
    while isinstance(formula, Not):
        formula, wanted = formula.part, not wanted
    if not isinstance(formula, Same) or formula.first == formula.second:
        return None
    links: dict[str, list[tuple[str, int]]] = {name: [] for name in signature.entities}
    for number, premise in premises:
        for part in conjuncts(premise):
            if isinstance(part, Same):
                links[part.first].append((part.second, number))
                links[part.second].append((part.first, number))
    first, second = _chains(formula.first, links), _chains(formula.second, links)
    if wanted:
        return _text([first[formula.second]]) if formula.second in first else None
    apart = [
        (first[a], second[b])
        for group in signature.groups
        for a in group
        for b in group
        if a != b and a in first and b in second
    ]
    return _text(min(apart, key=lambda both: len(both[0]) + len(both[1]))) if apart else None


def _chains(start: str, links: dict[str, list[tuple[str, int]]]) -> dict[str, list[tuple[str, int]]]:
    """For everything that is where ``start`` is: the shortest chain to it, each thing with the premise before it."""
    chains: dict[str, list[tuple[str, int]]] = {start: [(start, -1)]}
    row = [start]
    while row:
        reached = []
        for name in row:
            for other, premise in links[name]:
                if other not in chains:
                    chains[other] = [*chains[name], (other, premise)]
                    reached.append(other)
        row = reached
    return chains


def _text(chains: Sequence[list[tuple[str, int]]]) -> Written:
    longer = [chain for chain in chains if len(chain) > 1]
    text = ", ".join(" = ".join(written(name) for name, _ in chain) for chain in longer)
    return Written(text, frozenset(premise for chain in longer for _, premise in chain[1:]))
