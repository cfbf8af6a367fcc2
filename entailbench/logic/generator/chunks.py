"""A part of a large set of puzzles, which a process can make by itself.

``python -m entailbench.logic.generator.chunks`` reads chunks, a JSON object a line, and answers each with the lines of
its rows, each behind its puzzle's key and a tab, and an empty line; or with one line that begins with ``ERROR``. Plain
processes and pipes, since ``multiprocessing`` would run the caller's own script again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from entailbench.errors import EntailbenchError
from entailbench.logic.generator.rows import generate_rows
from entailbench.logic.generator.spec import Dials
from entailbench.logic.generator.structure import Split
from entailbench.logic.puzzle import Family

__all__ = ["ERROR", "Chunk", "PuzzleLines"]

ERROR = "ERROR "
PuzzleLines = tuple[str, tuple[str, ...]]
"""(a puzzle's key, its rows as JSON)."""


@dataclass(frozen=True)
class Chunk:
    """So many rows of one family, from a source of chance of its own."""

    family: Family
    split: Split
    seed: int
    """Of the whole set."""
    number: int
    """Which chunk of the family it is, from 0."""
    rows: int
    """At least so many; the last puzzle is whole."""
    dials: Dials

    def puzzles(self) -> Iterator[PuzzleLines]:
        """The puzzles, no two the same but for their names.

        Raises:
            ConfigError: there are not so many.
        """
        own = int(hashlib.sha256(f"{self.seed} chunk {self.number}".encode()).hexdigest()[:12], 16)
        made = 0
        for puzzle in generate_rows(self.family, self.split, own, self.dials, worked=True):
            yield puzzle[0].puzzle, tuple(row.to_json() for row in puzzle)
            made += len(puzzle)
            if made >= self.rows:
                return

    def to_json(self) -> str:
        """One line, for ``read_chunk``."""
        return json.dumps(asdict(self))


def read_chunk(line: str) -> Chunk:
    """The chunk that ``Chunk.to_json`` wrote."""
    said: dict[str, Any] = json.loads(line)
    dials: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in said.pop("dials").items()
    }
    return Chunk(**said, dials=Dials(**dials))


def answer_chunks(requests: TextIO, answers: TextIO) -> None:
    """Makes every chunk that is asked for, until there are no more requests."""
    for line in requests:
        try:
            for key, rows in read_chunk(line).puzzles():
                answers.writelines(f"{key}\t{row}\n" for row in rows)
            answers.write("\n")
        except EntailbenchError as error:
            answers.write(f"{ERROR}{json.dumps(str(error))}\n")
        answers.flush()


if __name__ == "__main__":
    try:
        answer_chunks(sys.stdin, sys.stdout)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
