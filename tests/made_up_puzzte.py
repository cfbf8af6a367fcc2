"""A little data set in Puzzte's form, all made up: every question of every puzzle, in Puzzte's order.

Right answers come from trying every possibility, with nothing of ours.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

COMPARISONS: tuple[tuple[tuple[str, ...], str, tuple[tuple[str, str], ...]], ...] = (
    (
        ("Orla", "Pim", "Quin", "Rafe"),
        "Orla is taller than Pim. Quin is shorter than Pim. Rafe is taller than Quin.",
        (("Orla", "Pim"), ("Pim", "Quin"), ("Rafe", "Quin")),
    ),
    (
        ("Ugo", "Vera", "Wim", "Xena", "Yan"),
        "Ugo is taller than Vera but shorter than Wim. Xena is taller than Yan.",
        (("Ugo", "Vera"), ("Wim", "Ugo"), ("Xena", "Yan")),
    ),
    (
        ("Asta", "Bror", "Cleo"),
        "Asta is shorter than Bror. Cleo is taller than Bror. Who is the tallest?",
        (("Bror", "Asta"), ("Cleo", "Bror")),
    ),
)
"""People in the order of the questions; text; who is taller than whom."""

NOT_ENTAILED = "non-entailment"
"""What Puzzte publishes for contradicted questions about knights and knaves."""

ISLAND = (
    "On the island where each inhabitant is either a knave or a knight, knights always tell the truth while "
    "knaves always lie."
)
LIARS: tuple[tuple[tuple[str, ...], str, Callable[[Mapping[str, bool]], bool]], ...] = (
    (
        ("Kit", "Lou", "Moe"),
        f"{ISLAND} You meet three inhabitants: Lou, Moe and Kit. Kit says that Lou is a knave. "
        "Lou says that Kit is a knave or Lou is a knave. Moe says that Kit is a knight. "
        "Who is a knight, and who is a knave?",
        lambda is_knight: (
            is_knight["Kit"] == (not is_knight["Lou"])
            and is_knight["Lou"] == (not is_knight["Kit"] or not is_knight["Lou"])
            and is_knight["Moe"] == is_knight["Kit"]
        ),
    ),
    (
        ("Moe", "Kit", "Lou"),
        f"{ISLAND} You meet three inhabitants: Moe, Kit and Lou. Moe says that Kit and Lou are knights. "
        "Kit says that Moe is a knave. Lou says that Kit is a knave.",
        lambda is_knight: (
            is_knight["Moe"] == (is_knight["Kit"] and is_knight["Lou"])
            and is_knight["Kit"] == (not is_knight["Moe"])
            and is_knight["Lou"] == (not is_knight["Kit"])
        ),
    ),
)
"""People in the order of the questions; text; whether a way of being knights agrees with what is said."""


def answer(possible: Sequence[bool]) -> str:
    """Puzzte's label, from the question's answers in all possible worlds."""
    if all(possible):
        return "entailment"
    return "not entailment - unknown" if any(possible) else "not entailment - contradiction"


def compared(people: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(question, right answer), in order."""
    worlds = [
        order
        for order in itertools.permutations(people)
        if all(order.index(taller) < order.index(shorter) for taller, shorter in pairs)
    ]
    asked = [(f"Is {one} the shortest ?", answer([order[-1] == one for order in worlds])) for one in people]
    asked += [(f"Is {one} the tallest ?", answer([order[0] == one for order in worlds])) for one in people]
    for word, sign in (("taller", 1), ("shorter", -1)):
        for one, other in itertools.product(people, people):
            possible = [sign * (order.index(other) - order.index(one)) > 0 for order in worlds]
            asked.append((f"Is {one} {word} than {other} ?", answer(possible)))
    return asked


def accused(people: Sequence[str], agrees: Callable[[Mapping[str, bool]], bool]) -> list[tuple[str, str]]:
    """(question, right answer), in order."""
    ways = (dict(zip(people, flags, strict=True)) for flags in itertools.product((True, False), repeat=len(people)))
    worlds = [world for world in ways if agrees(world)]
    asked = []
    for one in people:
        asked.append((f"Is {one} the knight ?", answer([world[one] for world in worlds])))
        asked.append((f"Is {one} the knave ?", answer([not world[one] for world in worlds])))
    return asked


def puzzles() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(text, its questions with their right answers)."""
    for people, text, pairs in COMPARISONS:
        yield text, compared(people, pairs)
    for people, text, agrees in LIARS:
        yield text, accused(people, agrees)


def rows(shift: int = 0, border: bool = False) -> list[Row]:
    """The data set, every label ``shift`` rows below the question that it answers, through puzzles' borders.

    With ``border`` as in Puzzte: each puzzle's last question stands under the next puzzle's text.
    """
    found: list[Row] = []
    for pid, (text, asked) in enumerate(puzzles()):
        unknown = 100 * sum(right.endswith("unknown") for _, right in asked) / len(asked)
        for qid, (question, right) in enumerate(asked, start=1):
            found.append(
                {
                    "pid": pid,
                    "puzzle_text": text,
                    "source": "made up",
                    "qid": float(qid),
                    "question": question,
                    "answer": NOT_ENTAILED if "knave" in text and right.endswith("contradiction") else right,
                    "ambiguity": unknown,
                    "right": right,
                }
            )
    answers = [row["answer"] for row in found]
    for index, row in enumerate(found):
        row["answer"] = answers[(index - shift) % len(answers)]
    if border:
        texts = [row["puzzle_text"] for row in found]
        for index, row in enumerate(found[:-1]):
            if texts[index + 1] != texts[index]:
                row["puzzle_text"], row["right"] = texts[index + 1], None
    return found


def write(folder: Path, split: str, data: Sequence[Mapping[str, Any]]) -> Path:
    """Writes rows as a split's file, without the right answers."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{split}.jsonl"
    kept = [{key: value for key, value in row.items() if key != "right"} for row in data]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return path
