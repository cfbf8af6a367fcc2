"""The same premises in another order."""

from __future__ import annotations

import random

from entailbench.logic.perturbing.rewrite import CannotPerturb, Rewrite, ends, premise_sentences, with_sentences
from entailbench.logic.puzzle import Puzzle

__all__ = ["shuffled"]


def shuffled(puzzle: Puzzle, rng: random.Random) -> Rewrite:
    """Deals the sentences that state premises out anew to the places that they have in the text.

    What stands around them (an introduction, the numbers of hints, a question at the end) stays where it is.

    Raises:
        CannotPerturb: there are no two premises, or all are the same.
    """
    sentences = premise_sentences(puzzle)
    texts = [one.text for one in sentences]
    if len(set(texts)) < 2:
        raise CannotPerturb("it has one premise only")
    # The last sentence of a text may lack its full stop, and would run into the next one elsewhere.
    stops = [text for text in texts if ends(text)]
    stop = " ." if any(text.endswith(" .") for text in stops) else "."
    ended = [text if ends(text) or not stops else text.rstrip() + stop for text in texts]
    order = ended[:]
    while order == ended:
        rng.shuffle(order)
    return Rewrite(with_sentences(puzzle.text, dict(zip(sentences, order, strict=True))))
