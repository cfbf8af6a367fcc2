"""Which models are one recipe trained with several seeds, as their lineages tell."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from entailbench.answered import ModelAnswers
from entailbench.lineage import is_trained
from entailbench.stats.seed_lines import SeedGroup

__all__ = ["seed_groups"]

SAME = ("base", "trainer", "task", "data_file", "data", "data_arguments", "target", "longest_target", "samples")
"""Entries of a lineage that must agree, besides the recipe."""
TAIL = re.compile(r"([-_.](seed|s)?|seed)?[-_.]?\d*$")
"""What the names of such models may end in: ``lora-seed3``, ``lora_2``."""


def seed_groups(models: Sequence[ModelAnswers]) -> tuple[SeedGroup, ...]:
    """The groups of two or more models that differ in the seed of their training and in nothing that made them.

    They have the same base weights, samples and recipe, and are prompted alike. Of two trainings with the same seed the
    first is taken: a recipe repeated says nothing about another seed.
    """
    alike: dict[str, dict[int, str]] = {}
    for model in models:
        told = _recipe(model)
        if told is not None:
            key, seed = told
            alike.setdefault(key, {}).setdefault(seed, model.name)
    taken = {model.name for model in models}
    groups = []
    for by_seed in alike.values():
        if len(by_seed) > 1:
            name = _name(list(by_seed.values()), taken - set(by_seed.values()))
            taken.add(name)
            groups.append(SeedGroup(name, tuple(by_seed.values()), tuple(by_seed)))
    return tuple(groups)


def _recipe(model: ModelAnswers) -> tuple[str, int] | None:
    """What made the model, its seed apart; None where that is not known."""
    lineage = model.lineage
    if lineage is None or not is_trained(lineage):
        return None
    told = lineage.get("facts")
    facts: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    recipe = facts.get("recipe") or lineage.get("recipe")
    if not isinstance(recipe, Mapping) or not isinstance(recipe.get("seed"), int):
        return None
    made: dict[str, Any] = {key: lineage.get(key) for key in SAME}
    made["base_weights"] = facts.get("base_weights")
    made["recipe"] = {key: value for key, value in sorted(recipe.items()) if key != "seed"}
    made["prompt"] = (
        [model.identity.backend, model.identity.template, model.identity.remark] if model.identity else None
    )
    return json.dumps(made, sort_keys=True, default=str), recipe["seed"]


def _name(names: Sequence[str], taken: set[str]) -> str:
    """What they are called together: the name that they share, apart from their run and number."""
    plain = [name.partition("@")[0] for name in names]
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*plain, strict=False))
    common = "".join(letters[0] for letters in alike)
    name = (common if set(plain) == {common} else TAIL.sub("", common)) or names[0]
    while name in taken:
        name += " (seeds)"
    return name
