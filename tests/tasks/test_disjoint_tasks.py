"""``puzzte_disjoint`` and ``puzzte_verified_disjoint``: no puzzle in two splits, nothing lost."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import made_up_puzzte
from entailbench import DataError, UnknownNameError
from entailbench_tasks import disjoint, puzzte, verified
from entailbench_tasks.disjoint import SHARES, split_of

SPLITS = puzzte.SPLITS


def made_up(number: int) -> list[dict[str, Any]]:
    """The made-up rows about other people: other puzzles."""
    text = json.dumps(made_up_puzzte.rows())
    for name in ("Orla", "Pim", "Quin", "Rafe", "Ugo", "Vera", "Wim", "Xena", "Yan", "Asta", "Bror", "Cleo", "Kit"):
        text = text.replace(name, f"{name[:-1]}{'abcdefghij'[number]}{name[-1]}")
    rows: list[dict[str, Any]] = json.loads(text)
    return [row for row in rows if "taller" in row["puzzle_text"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """30 puzzles, the rows of each dealt out to all three published splits."""
    rows = [row for number in range(10) for row in made_up(number)]
    for place, split in enumerate(SPLITS):
        made_up_puzzte.write(tmp_path, split, rows[place::3])
    return tmp_path


def load(folder: Path, split: str, **arguments: Any) -> list[dict[str, Any]]:
    return list(disjoint.load(split, folder, **arguments)["evaluation"])


def test_every_row_is_in_one_split_and_no_puzzle_in_two(folder: Path) -> None:
    found = {split: load(folder, split) for split in SPLITS}
    published = {split: puzzte.read_split(split, folder) for split in SPLITS}
    assert sum(map(len, found.values())) == sum(map(len, published.values()))
    said = Counter((row["context"], row["question"], row["label"]) for rows in found.values() for row in rows)
    assert said == Counter(
        (row["context"], row["question"], row["label"]) for rows in published.values() for row in rows
    )
    puzzles = {split: {row["puzzle"] for row in rows} for split, rows in found.items()}
    assert all(puzzles.values())
    assert sum(map(len, puzzles.values())) == len(set().union(*puzzles.values())) == 30
    assert len(puzzles["train"]) > 15
    assert len({row["id"] for rows in found.values() for row in rows}) == sum(map(len, found.values()))
    for rows in found.values():
        assert {row["published_split"] for row in rows} == set(SPLITS)
        assert all(split_of(row["context"]) == split for split, own in found.items() for row in own)
    described = disjoint.load("test", folder)["evaluation"].info.description
    assert described == f"from {folder}, split by puzzle"


def test_the_published_splits_share_puzzles_and_can_be_had(folder: Path) -> None:
    published = {row["puzzle"] for row in puzzte.read_split("train", folder)}
    test = load(folder, "test", original_split=True)
    assert test == list(puzzte.load("test", folder)["evaluation"])
    assert {row["puzzle"] for row in test} <= published
    assert "as published" in disjoint.load("test", folder, original_split=True)["evaluation"].info.description
    with pytest.raises(DataError, match="'original_split' must be true or false, got 'yes'"):
        load(folder, "test", original_split="yes")


def test_a_puzzle_set_otherwise_is_in_the_same_split() -> None:
    for number in range(40):
        text = f"Orla is taller than Pim{number}. Quin is shorter than Pim{number}."
        assert split_of(text) == split_of(text.replace(".", " .").upper())


def test_the_shares() -> None:
    counts = Counter(split_of(f"Orla is taller than Pim{number}.") for number in range(3000))
    assert sum(SHARES.values()) == 100
    for split, share in SHARES.items():
        assert counts[split] / 3000 == pytest.approx(share / 100, abs=0.025)
    assert [split_of(f"Puzzle {n}") for n in range(8)] == [
        "test",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
    ], "the splits must never change"


def test_a_row_that_occurs_twice_has_two_names(tmp_path: Path) -> None:
    rows = made_up(0)
    for split in SPLITS:
        made_up_puzzte.write(tmp_path, split, rows)
    found = [
        row for split in SPLITS if split in {split_of(r["puzzle_text"]) for r in rows} for row in load(tmp_path, split)
    ]
    assert len(found) == 3 * len(rows)
    assert len({row["id"] for row in found}) == len(found)


def test_verified_rows_are_those_of_the_new_split(folder: Path) -> None:
    rows = list(disjoint.load_verified("test", folder)["evaluation"])
    assert rows
    assert all(split_of(row["context"]) == "test" for row in rows)
    assert all(row["proof"] for row in rows)
    right = {(row["puzzle_text"], row["question"]): row["right"] for n in range(10) for row in made_up(n)}
    assert all(row["truth"] == right[row["context"], row["question"]] for row in rows)
    original = list(disjoint.load_verified("validation", folder, original_split=True)["evaluation"])
    assert original == list(verified.load("validation", folder)["evaluation"])


@pytest.mark.parametrize("load_split", [disjoint.load, disjoint.load_verified])
@pytest.mark.parametrize("missing", [("train",), ("validation", "test")])
def test_all_published_splits_are_needed(folder: Path, load_split: Any, missing: tuple[str, ...]) -> None:
    for split in missing:
        (folder / f"{split}.jsonl").unlink()
    with pytest.raises(DataError) as caught:
        load_split("test", folder)
    verb = "is" if len(missing) == 1 else "are"
    assert f"needs all its splits, and {' and '.join(missing)} {verb} missing from {folder}: add" in str(caught.value)
    assert all(f"{split}.jsonl" in str(caught.value) for split in missing)


def test_splits_that_cannot_be(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'dev'"):
        load(folder, "dev")
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    for split in SPLITS:
        made_up_puzzte.write(lonely, split, made_up(0)[:1])
    other = next(split for split in SPLITS if split != split_of(made_up(0)[0]["puzzle_text"]))
    with pytest.raises(DataError, match=f"of the 1 puzzles .* none belongs to the {other} split"):
        load(lonely, other)
