"""The readings of a grid puzzle: every meaning that its ambiguous words may have, each with its formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeAlias

from entailbench.logic.formula import Formula, Same, Signature, conjuncts, entities
from entailbench.logic.language.conventions import Conventions
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_categories import Inventory, categorize, key_of
from entailbench.logic.language.zebra_claims import Claim
from entailbench.logic.language.zebra_meaning import Beside, Row, ambiguities
from entailbench.logic.language.zebra_preamble import Frame
from entailbench.logic.puzzle import Premise, Reading, Sentence, Unread

__all__ = ["Clue", "readings_of", "row_as_read"]

Either: TypeAlias = Literal["inclusive", "exclusive"]

_BESIDE: dict[Beside, str] = {"immediate": "left of: immediately", "anywhere": "left of: anywhere"}
_EITHER: dict[Either, str] = {"inclusive": "either: or both", "exclusive": "either: not both"}


@dataclass(frozen=True)
class Clue:
    """A sentence and what it claims, not yet a formula."""

    sentence: Sentence
    claim: Claim


def readings_of(
    clues: Sequence[Clue], inventory: Inventory, frame: Frame, conventions: Conventions
) -> tuple[tuple[Reading, ...], list[Unread]]:
    """Every reading that the conventions and the categories allow, and the clues that none can hold."""
    doubts = [ambiguities(clue.claim) for clue in clues]
    besides: tuple[Beside, ...] = conventions.beside if any("beside" in doubt for doubt in doubts) else ("immediate",)
    row = Row(frame.places, lambda value: inventory.named(value.words), from_right=frame.from_right)
    refused: dict[int, Unread] = {}
    formulas: dict[Beside, dict[int, Formula]] = {beside: {} for beside in besides}
    for number, clue in enumerate(clues):
        try:
            for beside in besides:
                formulas[beside][number] = replace(row, beside=beside).formula(clue.claim)
        except NotReadError as error:
            refused[number] = Unread(clue.sentence, str(error))
    plain = {number: formula for number, formula in formulas[besides[0]].items() if number not in refused}
    together = [
        (key_of(part.first), key_of(part.second))
        for formula in plain.values()
        for part in conjuncts(formula)
        if isinstance(part, Same)
    ]
    categories = categorize(inventory, frame.kinds, together, frame.places)
    for number, formula in plain.items():
        for entity in entities(formula):
            if reason := categories.refused.get(key_of(entity)):
                refused.setdefault(number, Unread(clues[number].sentence, reason))
    kept = [number for number in plain if number not in refused]

    readings: list[Reading] = []
    for beside, (name, groups) in product(besides, zip(categories.names, categories.choices, strict=True)):
        spelled = tuple(tuple(inventory.values[key].spelling for key in group) for group in groups)
        group_of = {entity: number for number, group in enumerate(spelled) for entity in group}
        inclusive = {number: formulas[beside][number] for number in kept}
        strict = replace(row, beside=beside, exclusive=True, group=group_of.get)
        exclusive = inclusive | {n: strict.formula(clues[n].claim) for n in kept if "either" in doubts[n]}
        differ = inclusive != exclusive
        for either in conventions.either if differ else conventions.either[:1]:
            chosen = exclusive if either == "exclusive" else inclusive
            names = [
                _BESIDE[beside] if any("beside" in doubts[number] for number in kept) else "",
                _EITHER[either] if differ else "",
                name,
            ]
            premises = tuple(Premise(clues[number].sentence, chosen[number]) for number in kept)
            readings.append(Reading("; ".join(filter(None, names)), Signature((), spelled, frame.places), premises))
    return tuple(readings), list(refused.values())


def row_as_read(row: Row, claim: Claim, readings: Sequence[Reading]) -> Row:
    """The row with the meanings that a claim's ambiguous words have in all of the readings.

    Raises:
        NotReadError: the readings differ in it, or do not say it.
    """
    doubts = ambiguities(claim)
    if "either" in doubts:
        groups = {entity: number for number, group in enumerate(readings[0].signature.groups) for entity in group}
        loose, strict = (replace(row, exclusive=exclusive, group=groups.get) for exclusive in (False, True))
        if loose.formula(claim) != strict.formula(claim):
            meant = [either for either, name in _EITHER.items() if any(name in reading.name for reading in readings)]
            if len(meant) != 1:
                raise NotReadError("its 'either' may mean 'or both' or 'not both'")
            row = replace(row, exclusive=meant[0] == "exclusive", group=groups.get)
    if "beside" in doubts:
        sides = [beside for beside, name in _BESIDE.items() if any(name in reading.name for reading in readings)]
        if len(sides) != 1:
            raise NotReadError("it does not say whether the very next house is meant or any on that side")
        row = replace(row, beside=sides[0])
    return row
