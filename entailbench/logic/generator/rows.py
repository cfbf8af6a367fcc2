"""From puzzles to rows: which puzzles are new, and what a row says about itself."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

from entailbench.errors import ConfigError
from entailbench.logic.formula import renamed
from entailbench.logic.generator.draft import Draft, Worded
from entailbench.logic.generator.heights import draw_heights
from entailbench.logic.generator.knights import draw_knights
from entailbench.logic.generator.questions import Asked, Asker
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.structure import Split, split_of
from entailbench.logic.generator.zebra import draw_zebra
from entailbench.logic.puzzle import Family
from entailbench.logic.truth import UNKNOWN, Truth, binary_label
from entailbench.records import Label

__all__ = ["Row", "difficulty", "generate_rows"]

Draw = Callable[[random.Random, Dials, int], Draft]
DRAWS: Mapping[Family, tuple[Draw, int]] = {
    "heights": (draw_heights, 10_000),
    "knights": (draw_knights, 10_000),
    "zebra": (draw_zebra, 1_000),
}
"""How a family's puzzles are drawn, and how many draws in a row may give nothing before the generator gives up."""
LONGEST_TURN, SHORTEST_TURN = 32, 8
"""How many puzzles of one size are drawn in a row until one can be taken; the fewer, the more often in vain."""


@dataclass(frozen=True)
class Row:
    """One question with its puzzle, as it stands in a split's file."""

    id: str
    """Hash of context and question."""
    puzzle: str
    """Hash of the context: equal for all questions of a puzzle."""
    context: str
    question: str
    label: Label
    label_published: Truth
    """The three-way truth, under Puzzte's names for it."""
    family: Family
    people: int
    """How many people the puzzle is about; of a grid, how many houses."""
    relation: str
    """What is compared, e.g. ``"height"``; empty for the other families."""
    question_form: str
    """What kind of question it is, e.g. ``"most"``."""
    depth: int
    """How many premises the proof needs; 0 for an open question."""
    premises: int
    """How many premises the puzzle has."""
    distractors: int
    """How many of them follow from the others."""
    phrasing: str
    """The names of the premises' wordings, in order, separated by semicolons."""
    difficulty: str
    """See ``difficulty``."""
    structure: str
    """Which puzzles are the same but for names, words and order; see ``structure``."""
    proof: str
    """Why the answer is what it is; see ``entailbench.logic.proofs``."""
    proof_premises: tuple[int, ...]
    """The premises that the proof needs, counted from 0."""
    worked: str = ""
    """The proof with its working; see ``entailbench.logic.working``. Only in puzzles to train on."""

    def to_json(self) -> str:
        """One line, keys sorted, in ASCII; without what is only in puzzles to train on, where it is not."""
        said = asdict(self)
        if not self.worked:
            del said["worked"]
        return json.dumps(said, sort_keys=True)


def difficulty(truth: Truth, depth: int, premises: int) -> str:
    """How many premises must be taken together: up to 2 easy, 3 to 5 medium, more hard.

    That is the depth of a definite answer; an open question is only seen to be open by looking at all premises.
    """
    together = premises if truth == UNKNOWN else depth
    return "easy" if together <= 2 else "medium" if together <= 5 else "hard"


def generate_rows(
    family: Family, split: Split, seed: int, dials: Dials, *, worked: bool = False
) -> Iterator[tuple[Row, ...]]:
    """Puzzles of one family without end, each as the rows of its questions.

    No two are the same but for their names, and all have structures of ``split``. The first n puzzles do not depend
    on how many are taken, nor on other families or splits.

    Args:
        family: one of ``dials.families``.
        split: whose structures are drawn.
        seed: together with family and split, the only source of chance.
        dials: how the puzzles are to be.
        worked: whether the rows have worked proofs, too.

    Raises:
        ConfigError: nothing new was found in a long time.
    """
    draw, patience = DRAWS[family]
    rng = random.Random(f"{seed} {family} {split}")
    asker = Asker(dials, rng, worked)
    seen: set[str] = set()
    missed = asked = 0
    low, high = dials.houses if family == "zebra" else dials.people
    turns = dict.fromkeys(range(low, high + 1), LONGEST_TURN)
    while True:
        for size, turn in turns.items():
            rows: tuple[Row, ...] = ()
            for _ in range(turn):
                rows = _rows(draw(rng, dials, size), split, seen, asker, rng, dials)
                missed += 1
                if rows:
                    break
            # A size that has become barren keeps few draws, so that it does not hold up the others.
            turns[size] = LONGEST_TURN if rows else max(SHORTEST_TURN, turn // 2)
            if rows:
                missed = 0
                asked += len(rows)
                yield rows
            elif missed >= patience:
                raise ConfigError(
                    f"no further puzzle of the family {family!r} was found for the {split} split in {missed:,} draws, "
                    f"after {len(seen):,} puzzles with {asked:,} questions: ask for fewer, or for a wider range of "
                    "people, depth or distractors"
                )


def _rows(
    draft: Draft, split: Split, seen: set[str], asker: Asker, rng: random.Random, dials: Dials
) -> tuple[Row, ...]:
    """The rows of a puzzle; none if it is of another split, not new, or has no question left that may be asked."""
    if not dials.distractors[0] <= draft.distractors <= dials.distractors[1]:
        return ()
    structure = draft.structure()
    if split_of(structure) != split:
        return ()
    worded = draft.worded(rng, dials)
    form = _canonical(worded)
    if form in seen:
        return ()
    rows = tuple(_row(draft, worded, structure, asked) for asked in asker.ask(draft, worded))
    if rows:
        seen.add(form)
    return rows


def _row(draft: Draft, worded: Worded, structure: str, asked: Asked) -> Row:
    premises = len(worded.reading.premises)
    return Row(
        id=_digest(f"{worded.text}\n{asked.text}"),
        puzzle=_digest(worded.text),
        context=worded.text,
        question=asked.text,
        label=binary_label(asked.truth),
        label_published=asked.truth,
        family=draft.family,
        people=draft.size,
        relation=worded.relation,
        question_form=asked.form,
        depth=asked.depth,
        premises=premises,
        distractors=draft.distractors,
        phrasing="; ".join(worded.phrasings),
        difficulty=difficulty(asked.truth, asked.depth, premises),
        structure=structure,
        proof=asked.proof.text,
        proof_premises=asked.proof.premises,
        worked=asked.worked,
    )


def _canonical(worded: Worded) -> str:
    """What a puzzle says and how, with numbers for the names, in the order of their first mention."""
    numbers: dict[str, str] = {}

    def number(name: str) -> str:
        return numbers.setdefault(name, str(len(numbers)))

    said = [str(renamed(premise.formula, number)) for premise in worded.reading.premises]
    return f"{worded.relation} {worded.phrasings} {said}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
