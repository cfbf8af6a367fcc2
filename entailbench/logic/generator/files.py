"""Writes splits of generated puzzles: the same seed and dials give the same bytes on any machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entailbench.errors import ConfigError, DataError
from entailbench.logic.generator.rows import Row, generate_rows
from entailbench.logic.generator.spec import GENERATOR, VERSION, Dials
from entailbench.logic.generator.structure import SHARES, Split
from entailbench.logic.puzzle import Family
from entailbench.logic.truth import TRUTHS

__all__ = ["MANIFEST", "FileEntry", "Manifest", "generate_split", "split_bytes", "write_splits"]

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of one file."""

    sha256: str
    """Of the file's bytes, in hex."""
    rows: int
    puzzles: int
    structures: int
    labels: Mapping[str, Mapping[str, int]]
    """Family → three-way truth → rows."""


@dataclass(frozen=True)
class Manifest:
    """How a folder of splits was made, and what must be in it."""

    generator: str
    version: int
    seed: int
    dials: Dials
    files: Mapping[str, FileEntry]
    """File name → its entry."""

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        said = asdict(self)
        if not self.dials.wide:
            # Manifests are older than this dial: of plain puzzles they stay as they were.
            del said["dials"]["wording"]
        return json.dumps(said, indent=2, sort_keys=True) + "\n"


def generate_split(split: str, seed: int, size: int, dials: Dials) -> list[Row]:
    """The rows of one split, the families mixed evenly, the rows of a puzzle together.

    Args:
        split: one of ``structure.SHARES``.
        seed: of every family's own source of chance.
        size: rows of each family, > 0; the last puzzle's questions are cut to fit.
        dials: how the puzzles are to be.

    Raises:
        ConfigError: no such split, a size below 1, or fewer puzzles than are needed.
    """
    if split not in SHARES:
        raise ConfigError(f"unknown split {split!r} (known: {', '.join(SHARES)})")
    if size < 1:
        raise ConfigError(f"the {split} split needs at least 1 row of each family, {size} were asked for")
    streams = {family: _first(size, family, split, seed, dials) for family in dials.families}
    taken = dict.fromkeys(streams, 0)
    rows: list[Row] = []
    while taken:
        # The first rows, which ``--limit`` takes, are to be of all families alike.
        family = min(taken, key=taken.__getitem__)
        puzzle = next(streams[family], None)
        if puzzle is None:
            del taken[family]
        else:
            taken[family] += len(puzzle)
            rows.extend(puzzle)
    return rows


def _first(size: int, family: Family, split: Split, seed: int, dials: Dials) -> Iterator[tuple[Row, ...]]:
    missing = size
    for puzzle in generate_rows(family, split, seed, dials):
        yield puzzle[:missing]
        missing -= len(puzzle)
        if missing <= 0:
            return


def write_splits(directory: Path, seed: int, sizes: Mapping[str, int], dials: Dials | None = None) -> Manifest:
    """Writes ``<split>.jsonl`` for each split and ``manifest.json`` into ``directory``, over what is there.

    Args:
        directory: made if need be.
        seed: see ``generate_split``.
        sizes: split → rows of each family.
        dials: how the puzzles are to be.

    Raises:
        ConfigError: see ``generate_split``; nothing was written.
        DataError: the folder cannot be written.
    """
    dials = dials or Dials()
    files = {}
    contents = {}
    for split, size in sizes.items():
        rows = generate_split(split, seed, size, dials)
        name = f"{split}.jsonl"
        contents[name] = split_bytes(rows)
        files[name] = _entry(contents[name], rows)
    manifest = Manifest(GENERATOR, VERSION, seed, dials, files)
    contents[MANIFEST] = manifest.to_json().encode("ascii")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write_whole(directory / name, content)
    except OSError as error:
        raise DataError(f"cannot write the splits to {directory}: {error.strerror or error}") from error
    return manifest


def split_bytes(rows: Iterable[Row]) -> bytes:
    """A split's file: JSON Lines in ASCII with sorted keys."""
    return "".join(row.to_json() + "\n" for row in rows).encode("ascii")


def _entry(content: bytes, rows: list[Row]) -> FileEntry:
    labels: dict[str, Any] = {}
    for family in dict.fromkeys(row.family for row in rows):
        counts = Counter(row.label_published for row in rows if row.family == family)
        labels[family] = {truth: counts[truth] for truth in TRUTHS}
    return FileEntry(
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(rows),
        puzzles=len({row.puzzle for row in rows}),
        structures=len({row.structure for row in rows}),
        labels=labels,
    )


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
