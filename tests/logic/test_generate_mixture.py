"""Training puzzles made on several cores: the same rows for any number of them, and no text twice."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest

from entailbench import ConfigError, RunError
from entailbench.logic.generator import Dials, chunks, mixture, processes, split_of
from entailbench.logic.generator.chunks import Chunk, answer_chunks, read_chunk
from entailbench.logic.generator.mixture import Mixture, generate_mixture
from entailbench.logic.generator.processes import make_chunks

SIZES = {"heights": 620, "knights": 90, "zebra": 30}


def rows(found: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found]


@pytest.fixture(scope="module")
def made() -> list[str]:
    return list(generate_mixture(Mixture("train", 5, SIZES, questions=5), processes=2))


def test_the_rows_do_not_depend_on_the_number_of_processes(made: list[str]) -> None:
    assert list(generate_mixture(Mixture("train", 5, SIZES, questions=5), processes=1)) == made


def test_these_rows_come_out_until_a_version_says_otherwise(made: list[str]) -> None:
    """A file of training puzzles is found by seed, sizes and versions: other rows need another ``MIXTURE_VERSION``."""
    digest = hashlib.sha256("\n".join(made).encode()).hexdigest()
    assert (mixture.MIXTURE_VERSION, digest[:16]) == (3, "070d381799b2f321")


def test_sizes_splits_and_order(made: list[str]) -> None:
    found = rows(made)
    assert Counter(row["family"] for row in found) == SIZES
    assert all(split_of(row["structure"]) == "train" for row in found)
    assert len({row["id"] for row in found}) == len(found)
    places = [row["puzzle"] for row in found]
    together = [one for one, before in zip(places, [None, *places], strict=False) if one != before]
    assert len(together) == len(set(together)), "the rows of a puzzle stand together"
    half = Counter(row["family"] for row in found[: len(found) // 2])
    assert half["heights"] == pytest.approx(310, abs=12)
    assert half["knights"] == pytest.approx(45, abs=12)
    assert max(Counter(places).values()) == 5


def test_the_share_in_wide_wording() -> None:
    numbers = [Mixture("train", 1, {"heights": 1}, wide=share) for share in (0.0, 0.25, 1.0)]
    said = [[one.chunk("heights", number).dials.wide for number in range(8)] for one in numbers]
    assert [sum(wide) for wide in said] == [0, 2, 8]
    assert Mixture("train", 1, {"knights": 1}).dials("knights", True).people == (2, 9)
    assert Mixture("train", 1, {"zebra": 1}).dials("zebra", False) == Dials(families=("zebra",), questions=6)


def test_plain_puzzles_are_those_of_the_frozen_setting() -> None:
    found = rows(list(generate_mixture(Mixture("validation", 2, {"heights": 60}, questions=4, wide=0.0), processes=1)))
    assert not any(" ?" in row["question"] or " ," in row["context"] for row in found)
    assert all(split_of(row["structure"]) == "validation" for row in found)


def test_other_seeds_and_splits_give_other_puzzles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "CHUNK_ROWS", 60)
    one, other, held = (
        {row["puzzle"] for row in rows(list(generate_mixture(Mixture(split, seed, {"knights": 60}), processes=1)))}  # type: ignore[arg-type]
        for split, seed in (("train", 1), ("train", 2), ("validation", 1))
    )
    assert not one & other
    assert not one & held


def test_a_puzzle_that_comes_twice_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chunks that give the same texts: the second adds nothing, and a third is made."""
    asked: list[int] = []

    def make(wanted: list[Chunk], *_: Any) -> list[list[chunks.PuzzleLines]]:
        asked.extend(chunk.number for chunk in wanted)
        made = [Chunk(c.family, c.split, c.seed, max(c.number, 1), 20, c.dials) for c in wanted]
        return [list(chunk.puzzles()) for chunk in made]

    monkeypatch.setattr(mixture, "CHUNK_ROWS", 20)
    monkeypatch.setattr(mixture, "make_chunks", make)
    found = rows(list(generate_mixture(Mixture("train", 1, {"heights": 40}, wide=0.0), processes=1)))
    assert len(found) == 40
    assert asked == [0, 1, 2]
    assert len({row["id"] for row in found}) == 40


def impossible() -> Chunk:
    """What the process that is to make it refuses."""
    dials = Dials(families=("heights",))
    object.__setattr__(dials, "unknown", 7)
    return Chunk("heights", "train", 1, 0, 3, dials)


def test_a_chunk_travels_as_a_line() -> None:
    chunk = Mixture("train", 3, {"knights": 5}).chunk("knights", 1)
    assert read_chunk(chunk.to_json()) == chunk
    small = Chunk("heights", "train", 1, 0, 3, Dials(families=("heights",)))
    answers = io.StringIO()
    answer_chunks(io.StringIO(f"{small.to_json()}\n{impossible().to_json()}\n"), answers)
    *lines, empty, error = answers.getvalue().splitlines()
    assert [line.split("\t")[0] for line in lines] == [key for key, found in small.puzzles() for _ in found]
    assert empty == ""
    assert error.startswith(chunks.ERROR)


def test_what_cannot_be_made_is_the_users_error_also_from_another_process() -> None:
    with pytest.raises(ConfigError, match=r"the share of unknown must be in \[0, 1\), got 7"):
        make_chunks([impossible()], 1)


def test_a_process_that_dies_is_an_error_and_leaves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
        started.append(real([sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"], **options))
        return started[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", start)
    chunk = Mixture("train", 1, {"zebra": 1}).chunk("zebra", 0)
    with pytest.raises(RunError, match=r"ended early \(exit status 3\)"):
        make_chunks([chunk, chunk, chunk], 2)
    assert all(process.poll() is not None for process in started)


def test_a_stop_takes_the_processes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
        started.append(real(command, **options))
        return started[-1]

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.subprocess, "Popen", start)
    small = Chunk("heights", "train", 1, 0, 10, Dials(families=("heights",)))
    large = Chunk("zebra", "train", 1, 0, 100_000, Dials(families=("zebra",)))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        make_chunks([small, large], 2, stop)
    assert time.monotonic() - began < 20
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "dev"}, "unknown split 'dev'"),
        ({"sizes": {"sudoku": 3}}, r"unknown family sudoku \(known: heights, knights, zebra\)"),
        ({"sizes": {"heights": 0}}, "at least one family needs rows"),
        ({"sizes": {"heights": 5, "zebra": -1}}, "none fewer than 0"),
        ({"questions": 0}, "at least 1 question"),
        ({"wide": 1.5}, r"wide wording must be in \[0, 1\], got 1.5"),
    ],
)
def test_mixtures_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Mixture(**{"split": "train", "seed": 1, "sizes": {"heights": 5}, **changes})
