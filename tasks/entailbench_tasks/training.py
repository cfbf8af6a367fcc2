"""Generated puzzles to train on, as many as asked for; the structures of the test split never occur.

They are made on all cores and kept in ``ENTAILBENCH_HOME/generated``, in a file named by all that determines them: it
can be carried to another machine.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import DataError, UnknownNameError, default_home, logic

if TYPE_CHECKING:
    import datasets

__all__ = ["load", "training_file"]

SPLITS = ("train", "validation")
DEFAULT_ROWS = 3000
"""Of each family, where no size is given."""
VALIDATION_ROWS = 100
"""Of each family, in the validation split."""


def load(
    split: str = "train",
    seed: int = 1,
    heights: int | None = None,
    knights: int | None = None,
    zebra: int | None = None,
    questions: int = 6,
    wide: float = 0.5,
    validation: int = VALIDATION_ROWS,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """Generated rows, under the name "evaluation"; lm-eval's ``custom_dataset``.

    Args:
        split: "train" or "validation".
        seed: any whole number; the same gives the same rows.
        heights: rows of this family in the train split; 0 leaves the family out of both splits. Where none of the
            three is given, each has ``DEFAULT_ROWS``; where one is, the others have none.
        knights: the same.
        zebra: the same.
        questions: how many questions are asked about a puzzle, at most.
        wide: the share of puzzles in wide wording, in [0, 1].
        validation: rows of each family in the validation split.
        _: lm-eval passes all of a task's metadata, and from its command line the model's arguments too.

    Raises:
        DataError: an argument is out of range, or the file can be neither read nor written.
        ConfigError: there are not so many puzzles.
        UnknownNameError: no such split.
    """
    import datasets

    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    asked = {"heights": heights, "knights": knights, "zebra": zebra}
    counts = {"seed": seed, "questions": questions, "validation": validation, **asked}
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise DataError(f"training puzzles: {name!r} must be a whole number, got {value!r}")
    if isinstance(wide, bool) or not isinstance(wide, int | float):
        raise DataError(f"training puzzles: 'wide' must be a number from 0 to 1, got {wide!r}")
    sizes = {family: size or 0 for family, size in asked.items()}
    if all(size is None for size in asked.values()):
        sizes = dict.fromkeys(asked, DEFAULT_ROWS)
    if split == "validation":
        sizes = {family: validation if size else 0 for family, size in sizes.items()}
    mixture = logic.Mixture(split, seed, sizes, questions, wide)  # type: ignore[arg-type]
    path = training_file(mixture, default_home() / "generated")
    dataset = datasets.Dataset.from_list([json.loads(line) for line in _lines(path)])
    wanted = ", ".join(f"{size:,} {family}" for family, size in sizes.items() if size)
    dataset.info.description = f"generated from seed {seed}: {wanted}"
    return {"evaluation": dataset}


def training_file(mixture: logic.Mixture, folder: Path) -> Path:
    """The file of a mixture's rows; made, with a bar on standard error, unless it is there.

    JSON Lines, compressed with gzip; the first line says what the file is and has the checksum of the others.

    Raises:
        DataError: the file cannot be written, or the one that is there is damaged.
        ConfigError: there are not so many puzzles.
    """
    said = json.dumps(asdict(mixture), sort_keys=True)
    path = folder / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}.jsonl.gz"
    if path.exists():
        return path
    lines = [line.encode("ascii") + b"\n" for line in _made(mixture)]
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    header = {"mixture": asdict(mixture), "rows": len(lines), "sha256": digest.hexdigest()}
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6) as packed:
                    packed.write(json.dumps(header, sort_keys=True).encode("ascii") + b"\n")
                    packed.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot keep the generated puzzles in {path}: {error.strerror or error}") from error
    return path


def _made(mixture: logic.Mixture) -> Iterator[str]:
    from tqdm import tqdm

    total = sum(mixture.sizes.values())
    title = f"generating the {mixture.split} split"
    with tqdm(total=total, desc=title, unit="row", file=sys.stderr, mininterval=0.5) as bar:

        def advance(rows: int) -> None:
            # A chunk ends with a whole puzzle, so a few more rows are made than are kept.
            bar.update(min(rows, total - bar.n))

        yield from logic.generate_mixture(mixture, advance=advance)


def _lines(path: Path) -> list[bytes]:
    """The rows of a file, checked."""
    advice = f"delete {path}: it is then generated again"
    try:
        with gzip.open(path, "rb") as file:
            header, *lines = file
        expected = json.loads(header)["sha256"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read ({type(error).__name__}: {reason}): {advice}") from error
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    if digest.hexdigest() != expected:
        raise DataError(f"{path} is not the file that was generated (its checksum differs): {advice}")
    return lines
