"""One premise more, about something that the puzzle does not ask about."""

from __future__ import annotations

import random
import re

from entailbench.logic.generator.names import NAMES
from entailbench.logic.language.heights_words import ADJECTIVES
from entailbench.logic.language.relations import RELATIONS, Relation
from entailbench.logic.perturbing.rewrite import CannotPerturb, Rewrite, ends, everybody, premise_sentences
from entailbench.logic.puzzle import Puzzle

__all__ = ["distracted", "distractor_relations"]

_KIN = ({"height", "weight", "size", "strength"}, {"speed", "arrival"})
"""Who is taller may be thought to be heavier: what one tells of the other is not left to a model's taste."""


def distracted(puzzle: Puzzle, rng: random.Random) -> Rewrite:
    """Says of two people how they compare in something else: who is older, where the puzzle asks who is taller.

    They are people of the puzzle; of a grid, strangers. Nothing about the one order follows from the other, since no
    word of one is in the other. The sentence never stands before the first premise, which says what is compared.

    Raises:
        CannotPerturb: there is no other relation, or no place for the sentence.
    """
    relations = distractor_relations(puzzle)
    places = [one for one in premise_sentences(puzzle) if ends(one.text)]
    people = list(everybody(puzzle)) if puzzle.family != "zebra" else [n for n in NAMES if n not in puzzle.text]
    if not relations or not places or len(people) < 2:
        raise CannotPerturb("there is no place or nobody for an irrelevant premise")
    relation = rng.choice(relations)
    first, second = rng.sample(people, 2)
    after = rng.choice(places)
    stop = " ." if after.text.endswith(" .") else "."
    word = rng.choice((relation.more, relation.less))
    sentence = f"{first} {relation.verb} {word} than {second}{stop}"
    end = after.start + len(after.text)
    return Rewrite(f"{puzzle.text[:end]} {sentence}{puzzle.text[end:]}", added=sentence)


def distractor_relations(puzzle: Puzzle) -> list[Relation]:
    """The relations of which a puzzle has no word, and that are no kin of what it compares."""
    said = set(re.findall(r"[a-z]+", puzzle.text.lower()))
    spoken = {relation for word, (relation, _) in ADJECTIVES.items() if word in said}
    spoken |= {r.name for r in RELATIONS if said & {r.more, r.less, r.most, r.least, r.name, f"{r.name}s"}}
    spoken |= {r.name for r in RELATIONS if r.verb != "is" and said & {r.verb, r.base}}
    near = {name for kin in _KIN if kin & spoken for name in kin}
    return [relation for relation in RELATIONS if relation.name not in spoken | near]
