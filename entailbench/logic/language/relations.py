"""The comparisons that the grammar reads and the generator writes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RELATIONS", "Relation"]


@dataclass(frozen=True)
class Relation:
    """A scale on which people differ; who has most of it stands at place 1."""

    name: str
    """What is compared: the noun."""
    more: str
    less: str
    most: str
    least: str
    verb: str = "is"
    """"Ann is taller", "Ann arrived earlier"."""
    base: str = "be"
    """The verb's base form: "Did Ann arrive earlier …?"; "be" asks "Is Ann taller …?"."""


RELATIONS: tuple[Relation, ...] = (
    Relation("height", "taller", "shorter", "tallest", "shortest"),
    Relation("age", "older", "younger", "oldest", "youngest"),
    Relation("weight", "heavier", "lighter", "heaviest", "lightest"),
    Relation("speed", "faster", "slower", "fastest", "slowest"),
    Relation("arrival", "earlier", "later", "earliest", "latest", "arrived", "arrive"),
    Relation("wealth", "richer", "poorer", "richest", "poorest"),
    Relation("strength", "stronger", "weaker", "strongest", "weakest"),
    Relation("size", "bigger", "smaller", "biggest", "smallest"),
)
