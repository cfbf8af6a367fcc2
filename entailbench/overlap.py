"""Which puzzles a model was trained on, and whether a test asks about them again.

A puzzle is known by a fingerprint of its text without regard to case, spaces and punctuation, so that the same puzzle
set in another way is the same. Training samples of a file carry a puzzle and a question in one text; where one ends is
seen by a label such as "Question:", or by the line.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entailbench.bounded import FILE_BYTES, read_json
from entailbench.errors import DataError, PreflightError
from entailbench.records import SftPair

__all__ = [
    "PUZZLES_NAME",
    "Overlap",
    "check_overlap",
    "hold_out",
    "overlap",
    "puzzle_fingerprint",
    "puzzles_of_docs",
    "puzzles_of_pairs",
    "puzzles_to_json",
    "read_puzzles",
]

PUZZLES_NAME = "puzzles.json"
"""Beside a trained checkpoint: the fingerprints of what it was trained on."""
FORM = 1
"""Of that file, and of the fingerprints; another form cannot be compared."""
QUESTION = re.compile(r"\b(?:question|hypothesis|query)\s*:", re.IGNORECASE)
CONTEXT = re.compile(r"\A[\W_]*(?:context|premises?|puzzle|passage|input)\s*:", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")
FEWEST_WORDS = 5
"""A line of fewer words is no puzzle: "A is taller than B" has five."""
COMMON = 0.5
"""What stands in more than this share of all samples is an instruction."""
FEWEST_SAMPLES = 8
"""To tell what is common."""


@dataclass(frozen=True)
class Overlap:
    """How much of a set of rows is about puzzles that were trained on."""

    rows: int
    shared_rows: int
    """Rows whose puzzle was trained on."""
    puzzles: int
    """Distinct puzzles of the rows."""
    shared_puzzles: int

    def __bool__(self) -> bool:
        """Whether anything is shared."""
        return self.shared_rows > 0

    def __str__(self) -> str:
        """``"1,152 of 1,193 rows (350 of 380 puzzles)"``."""
        return (
            f"{self.shared_rows:,} of {self.rows:,} rows ({self.shared_puzzles:,} of {self.puzzles:,} "
            f"puzzle{'' if self.puzzles == 1 else 's'})"
        )


def puzzle_fingerprint(context: str) -> str:
    """12 hex digits of a puzzle's text, the same for texts that differ in case, spaces or punctuation only."""
    words = WORD.findall(unicodedata.normalize("NFKC", context).casefold())
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def puzzles_of_docs(docs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The fingerprint of each row's ``context``, in order; empty for a row that has none."""
    found: dict[str, str] = {}
    puzzles = []
    for doc in docs:
        context = doc.get("context")
        if not isinstance(context, str) or not context.strip():
            puzzles.append("")
            continue
        if context not in found:
            found[context] = puzzle_fingerprint(context)
        puzzles.append(found[context])
    return tuple(puzzles)


def puzzles_of_pairs(pairs: Sequence[SftPair]) -> frozenset[str]:
    """Fingerprints of all texts in the samples that can be a puzzle: more than there are puzzles, and none too few."""
    counts: Counter[str] = Counter()
    likely: set[str] = set()
    known: dict[str, str] = {}
    for pair in pairs:
        found = []
        for part in _parts(_text(pair)):
            # The questions of a puzzle share it, and most of the time goes into reading it.
            if part not in known:
                known[part] = puzzle_fingerprint(part)
            found.append(known[part])
        likely.add(found[0])
        counts.update(set(found))
    limit = COMMON * len(pairs) if len(pairs) >= FEWEST_SAMPLES else len(pairs)
    # A line that stands everywhere is an instruction; a puzzle may be asked about in most samples and is still one.
    return frozenset(part for part, count in counts.items() if count <= limit or part in likely)


def overlap(trained: Iterable[str], rows: Sequence[str]) -> Overlap:
    """Compares fingerprints of what was trained on with those of a test's rows; rows without one share nothing."""
    shared = frozenset(trained).intersection(rows) - {""}
    return Overlap(
        rows=len(rows),
        shared_rows=sum(row in shared for row in rows),
        puzzles=len(set(rows) - {""}),
        shared_puzzles=len(shared),
    )


def check_overlap(
    train: Sequence[SftPair],
    others: Mapping[str, Sequence[SftPair] | Sequence[Mapping[str, Any]]],
    *,
    allowed: bool = False,
    advice: str = "pass --allow-leak to train all the same",
) -> dict[str, Overlap]:
    """How much of each other set of rows is about the puzzles of the training samples.

    Args:
        train: what a model is to be trained on.
        others: what it is to be judged on, by name ("validation", "test"): samples, or rows with a ``context``.
        allowed: whether an overlap is no error.
        advice: what to do, for the message.

    Raises:
        PreflightError: there is one; names it with counts.
    """
    trained = puzzles_of_pairs(train)
    found = {name: overlap(trained, _fingerprints(rows)) for name, rows in others.items()}
    leaks = [f"the training samples share puzzles with {one} of the {name} split" for name, one in found.items() if one]
    if leaks and not allowed:
        raise PreflightError([f"{'; '.join(leaks)}: {advice}"])
    return found


def hold_out(pairs: Sequence[SftPair], share: float) -> tuple[tuple[SftPair, ...], tuple[SftPair, ...]]:
    """Parts samples into training and validation, no puzzle in both; those of the last puzzles are held out.

    Args:
        pairs: the samples; their order is kept.
        share: of the samples to hold out, at least, in (0, 1).

    Returns:
        The two parts; the first is empty where all samples are about too few puzzles.
    """
    puzzles = [pair.puzzle or _puzzle(_text(pair)) for pair in pairs]
    counts = Counter(puzzles)
    held: set[str] = set()
    missing = share * len(pairs)
    for puzzle in reversed(puzzles):
        if missing <= 0:
            break
        if puzzle not in held:
            held.add(puzzle)
            missing -= counts[puzzle]
    both = list(zip(pairs, puzzles, strict=True))
    return (
        tuple(pair for pair, puzzle in both if puzzle not in held),
        tuple(pair for pair, puzzle in both if puzzle in held),
    )


def puzzles_to_json(puzzles: Iterable[str]) -> str:
    """The text of ``puzzles.json``."""
    return json.dumps({"form": FORM, "puzzles": sorted(puzzles)}) + "\n"


def read_puzzles(directory: Path) -> frozenset[str] | None:
    """What ``puzzles.json`` of a checkpoint says; None where there is none.

    Raises:
        DataError: it is damaged, or of a form that is not known here.
    """
    path = directory / PUZZLES_NAME
    try:
        said = read_json(path, FILE_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): the checkpoint is damaged") from error
    puzzles = said.get("puzzles") if isinstance(said, dict) and said.get("form") == FORM else None
    if not isinstance(puzzles, list) or not all(isinstance(one, str) for one in puzzles):
        raise DataError(f"{path} is not of a form that this version of entailbench knows")
    return frozenset(puzzles)


def _fingerprints(rows: Sequence[SftPair] | Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    pairs = [row for row in rows if isinstance(row, SftPair)]
    if pairs:
        return tuple(_puzzle(_text(pair)) for pair in pairs)
    return puzzles_of_docs(row for row in rows if not isinstance(row, SftPair))


def _text(pair: SftPair) -> str:
    return pair.input if pair.input.strip() else pair.instruction


def _puzzle(text: str) -> str:
    """The fingerprint of what is most likely the puzzle."""
    return puzzle_fingerprint(next(_parts(text)))


def _parts(text: str) -> Iterator[str]:
    """What can be the puzzle in a sample's text, the likeliest first."""
    questions = list(QUESTION.finditer(text))
    before = text[: questions[-1].start()] if questions else text
    lines = [line for line in before.splitlines() if line.strip()]
    if not questions and len(lines) > 1:
        yield _unlabelled("\n".join(lines[:-1]))
    yield _unlabelled(before)
    for line in lines:
        if len(lines) > 1 and len(WORD.findall(line)) >= FEWEST_WORDS:
            yield _unlabelled(line)


def _unlabelled(text: str) -> str:
    return CONTEXT.sub("", text)
