"""Writes splits of height puzzles: the same seed gives the same bytes on any machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from entailbench.errors import ConfigError, DataError
from entailbench.logic.heights import (
    CONTRADICTION,
    RELATIONS,
    TRUTHS,
    UNKNOWN,
    Fact,
    Premise,
    Puzzle,
    Question,
    Relation,
    Truth,
    binary_label,
    taller_closure,
)
from entailbench.logic.names import GIVEN_NAMES
from entailbench.records import ENTAILMENT, Label

__all__ = [
    "DEFAULT_SEED",
    "DEFAULT_SIZES",
    "GENERATOR",
    "VERSION",
    "FileEntry",
    "Manifest",
    "Row",
    "generate_splits",
    "random_puzzle",
    "split_bytes",
    "write_splits",
]

GENERATOR = "heights"
VERSION = 1
"""Goes up whenever the same seed gives other rows."""

DEFAULT_SEED = 20250
"""The seed of the splits that the package carries."""
DEFAULT_SIZES: Mapping[str, int] = {"train": 5000, "validation": 500, "test": 500}
"""Rows of the splits that the package carries."""

QUESTIONS_PER_PUZZLE = 4
PEOPLE = {3: 1, 4: 3, 5: 4, 6: 4}
"""Number of people → how often such a puzzle is drawn."""
TRUTH_SHARES: Mapping[Truth, int] = {ENTAILMENT: 2, CONTRADICTION: 1, UNKNOWN: 1}
RELATION_SHARES: Mapping[Relation, int] = {"taller": 3, "shorter": 3, "tallest": 2, "shortest": 2}
PATIENCE = 10_000
"""Draws in a row that give nothing new before the generator admits that there is nothing left."""


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
    family: str
    people: int
    """How many people the puzzle compares."""
    relation: Relation
    hops: int
    """Stated facts on the longest chain that the answer needs; 0 if it is unknown."""


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of one file."""

    sha256: str
    """Of the file's bytes, in hex."""
    rows: int
    puzzles: int
    labels: Mapping[str, int]
    """Rows by three-way truth."""


@dataclass(frozen=True)
class Manifest:
    """How a folder of splits was made, and what must be in it."""

    generator: str
    version: int
    seed: int
    files: Mapping[str, FileEntry]
    """File name → its entry."""

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def generate_splits(seed: int, sizes: Mapping[str, int]) -> dict[str, list[Row]]:
    """Makes splits of distinct puzzles; no puzzle occurs twice anywhere, not even under other names.

    Half of a split's rows are entailed, a quarter contradicted, a quarter unknown, for every relation alike.

    Args:
        seed: of ``random.Random``, the only source of chance.
        sizes: split → number of rows, > 0.

    Raises:
        ConfigError: a size below 1, or more puzzles than there are.
    """
    for split, size in sizes.items():
        if size < 1:
            raise ConfigError(f"the {split} split needs at least 1 row, {size} were asked for")
    rng = random.Random(seed)
    counts = {split: -(-size // QUESTIONS_PER_PUZZLE) for split, size in sizes.items()}
    dealt = _deal(_distinct_puzzles(rng, sum(counts.values())), counts)
    splits: dict[str, list[Row]] = {}
    for split, puzzles in dealt.items():
        rng.shuffle(puzzles)
        splits[split] = _rows(rng, puzzles)[: sizes[split]]
    return splits


def write_splits(directory: Path, seed: int, sizes: Mapping[str, int]) -> Manifest:
    """Writes ``<split>.jsonl`` for each split and ``manifest.json`` into ``directory``, over what is there.

    Raises:
        ConfigError: see ``generate_splits``.
        DataError: the folder cannot be written.
    """
    files = {}
    contents = {}
    for split, rows in generate_splits(seed, sizes).items():
        name = f"{split}.jsonl"
        contents[name] = split_bytes(rows)
        labels = Counter(row.label_published for row in rows)
        files[name] = FileEntry(
            sha256=hashlib.sha256(contents[name]).hexdigest(),
            rows=len(rows),
            puzzles=len({row.puzzle for row in rows}),
            labels={truth: labels[truth] for truth in TRUTHS},
        )
    manifest = Manifest(GENERATOR, VERSION, seed, files)
    contents["manifest.json"] = manifest.to_json().encode("ascii")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write_whole(directory / name, content)
    except OSError as error:
        raise DataError(f"cannot write the splits to {directory}: {error.strerror or error}") from error
    return manifest


def split_bytes(rows: Iterable[Row]) -> bytes:
    """A split's file: JSON Lines in ASCII with sorted keys."""
    return "".join(json.dumps(asdict(row), sort_keys=True) + "\n" for row in rows).encode("ascii")


def random_puzzle(rng: random.Random) -> Puzzle:
    """A puzzle of 3 to 6 people whose facts contradict nothing and mention everybody."""
    size = rng.choices(list(PEOPLE), weights=list(PEOPLE.values()))[0]
    tallest_first = rng.sample(GIVEN_NAMES, size)
    facts = _random_facts(rng, size)
    named = [(tallest_first[a], tallest_first[b]) for a, b in facts]
    rng.shuffle(named)
    return Puzzle(tuple(sorted(tallest_first)), tuple(_sentences(rng, named)))


def _random_facts(rng: random.Random, size: int) -> list[tuple[int, int]]:
    """Pairs (a, b) with a < b of ranks, 0 the tallest; every rank occurs and all of them hang together."""
    if rng.random() < 0.3:
        # Random trees are rarely total orders, and only those have long chains.
        return [(rank, rank + 1) for rank in range(size - 1)]
    ranks = rng.sample(range(size), size)
    facts = []
    for place in range(1, size):
        pair = sorted((ranks[place], ranks[rng.randrange(place)]))
        facts.append((pair[0], pair[1]))
    for _ in range(rng.randrange(3)):
        a, b = sorted(rng.sample(range(size), 2))
        if (str(a), str(b)) not in taller_closure((str(x), str(y)) for x, y in facts):
            facts.append((a, b))
    return facts


def _sentences(rng: random.Random, facts: Sequence[Fact]) -> Iterable[Premise]:
    """Puts facts into words, one or two facts to a sentence."""
    pending = list(facts)
    while pending:
        fact = pending.pop(0)
        partners = [other for other in pending if set(other) & set(fact)]
        if partners and rng.random() < 0.45:
            partner = rng.choice(partners)
            pending.remove(partner)
            yield Premise(rng.choice(_two_facts(fact, partner)), (fact, partner))
        else:
            taller, shorter = fact
            wordings = (f"{taller} is taller than {shorter}.", f"{shorter} is shorter than {taller}.")
            yield Premise(rng.choice(wordings), (fact,))


def _two_facts(first: Fact, second: Fact) -> tuple[str, str]:
    """The wordings of two different facts that share a person."""
    (a, b), (c, d) = first, second
    if a == c:
        return f"{a} is taller than {b} and {d}.", f"{b} and {d} are shorter than {a}."
    if b == d:
        return f"{b} is shorter than {a} and {c}.", f"{a} and {c} are taller than {b}."
    top, middle, bottom = (a, b, d) if b == c else (c, a, b)
    return (
        f"{middle} is taller than {bottom} but shorter than {top}.",
        f"{middle} is shorter than {top} but taller than {bottom}.",
    )


def _distinct_puzzles(rng: random.Random, count: int) -> list[Puzzle]:
    """``count`` puzzles, no two of which are the same up to renaming."""
    puzzles: dict[str, Puzzle] = {}
    missed = 0
    while len(puzzles) < count:
        puzzle = random_puzzle(rng)
        if puzzles.setdefault(puzzle.canonical, puzzle) is puzzle:
            missed = 0
        elif (missed := missed + 1) > PATIENCE:
            raise ConfigError(
                f"{count:,} different puzzles are needed, and after {len(puzzles):,} hardly any is new: take fewer rows"
            )
    return list(puzzles.values())


def _deal(puzzles: Iterable[Puzzle], counts: Mapping[str, int]) -> dict[str, list[Puzzle]]:
    """Deals puzzles out so that every split gets its share of each size: of the smallest there are only a few."""
    dealt: dict[str, list[Puzzle]] = {split: [] for split in counts}
    for puzzle in sorted(puzzles, key=lambda puzzle: len(puzzle.people)):
        open_splits = [split for split in counts if len(dealt[split]) < counts[split]]
        dealt[min(open_splits, key=lambda split: (len(dealt[split]) + 0.5) / counts[split])].append(puzzle)
    return dealt


def _rows(rng: random.Random, puzzles: Iterable[Puzzle]) -> list[Row]:
    """Asks every puzzle its questions, always of the kind that lags most behind its share."""
    asked: Counter[tuple[Relation, Truth]] = Counter()
    rows: list[Row] = []
    for puzzle in puzzles:
        questions = _all_questions(puzzle)
        chosen = []
        for _ in range(QUESTIONS_PER_PUZZLE):
            kinds = {(question.relation, puzzle.truth(question)): None for question in questions}
            kind = min(kinds, key=lambda kind: (asked[kind] / _share(kind), rng.random()))
            asked[kind] += 1
            candidates = [q for q in questions if (q.relation, puzzle.truth(q)) == kind]
            # Hops first: long chains are rarer than short ones and would hardly ever be asked about.
            hops = rng.choice(sorted({puzzle.hops(q) for q in candidates}))
            question = rng.choice([q for q in candidates if puzzle.hops(q) == hops])
            chosen.append(question)
            questions = [q for q in questions if not _same_matter(q, question)]
        rng.shuffle(chosen)
        rows.extend(_row(puzzle, question) for question in chosen)
    return rows


def _all_questions(puzzle: Puzzle) -> list[Question]:
    questions = [Question(relation, person) for relation in RELATIONS[2:] for person in puzzle.people]
    questions += [
        Question(relation, person, other)
        for relation in RELATIONS[:2]
        for person in puzzle.people
        for other in puzzle.people
        if person != other
    ]
    return questions


def _share(kind: tuple[Relation, Truth]) -> int:
    return RELATION_SHARES[kind[0]] * TRUTH_SHARES[kind[1]]


def _same_matter(one: Question, other: Question) -> bool:
    """Whether the answer to one gives away the other's: a pair is compared only once in a puzzle."""
    if one.other is None or other.other is None:
        return one == other
    return {one.person, one.other} == {other.person, other.other}


def _row(puzzle: Puzzle, question: Question) -> Row:
    context, text, truth = puzzle.context, puzzle.ask(question), puzzle.truth(question)
    return Row(
        id=_digest(f"{context}\n{text}"),
        puzzle=_digest(context),
        context=context,
        question=text,
        label=binary_label(truth),
        label_published=truth,
        family="height",
        people=len(puzzle.people),
        relation=question.relation,
        hops=puzzle.hops(question),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write_whole(path: Path, content: bytes) -> None:
    """Writes all of ``content`` or leaves ``path`` as it was."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
