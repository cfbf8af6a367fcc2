"""Writes puzzles whose answers are proved.

A puzzle is drawn as formulas (``heights``, ``knights``, ``zebra``), put into words (``wording_…``), and asked
questions (``rows``) whose answers are balanced against everything that could give them away (``balance``). The family's
drawing knows the answers by counting; ``entailbench.logic.proofs`` proves them apart from that, and the two must agree.
``structure`` says which puzzles are the same but for names, words and order, and which split each belongs to.
``spec`` holds the dials, and the setting of the puzzles that the package carries.
"""

from entailbench.logic.generator.files import MANIFEST, Manifest, generate_split, split_bytes, write_splits
from entailbench.logic.generator.rows import Row, generate_rows
from entailbench.logic.generator.spec import SPEC, Dials, Spec
from entailbench.logic.generator.structure import split_of, structure_of

__all__ = [
    "MANIFEST",
    "SPEC",
    "Dials",
    "Manifest",
    "Row",
    "Spec",
    "generate_rows",
    "generate_split",
    "split_bytes",
    "split_of",
    "structure_of",
    "write_splits",
]
