"""What the generator writes: right labels, no leaks between splits, balance, the same bytes every time."""

from __future__ import annotations

import hashlib
import importlib.resources
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from entailbench import ConfigError, DataError
from entailbench.logic import generate
from entailbench.logic.generate import DEFAULT_SEED, DEFAULT_SIZES, Row, generate_splits, split_bytes, write_splits
from entailbench.logic.names import GIVEN_NAMES

SMALL = {"train": 60, "validation": 14, "test": 14}
COMMITTED = importlib.resources.files("entailbench_data") / "puzzte_generated"


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    return generate_splits(DEFAULT_SEED, DEFAULT_SIZES)


def facts_as_read(context: str) -> list[tuple[str, str]]:
    """Reads the English again, knowing nothing of how it was written."""
    facts = []
    for sentence in context.removesuffix(".").split(". "):
        if chained := re.fullmatch(r"(\w+) is (\w+) than (\w+) but (\w+) than (\w+)", sentence):
            person, first, one, second, two = chained.groups()
            assert {first, second} == {"taller", "shorter"}
            claims = [(person, first, one), (person, second, two)]
        else:
            subjects, relation, objects = re.fullmatch(r"(.+) (?:is|are) (taller|shorter) than (.+)", sentence).groups()  # type: ignore[union-attr]
            claims = [(a, relation, b) for a in subjects.split(" and ") for b in objects.split(" and ")]
        facts += [(a, b) if relation == "taller" else (b, a) for a, relation, b in claims]
    return facts


def truth_as_read(row: Row) -> str:
    """The truth from the row's text alone, by trying every order of the people."""
    facts = facts_as_read(row.context)
    people = sorted({person for fact in facts for person in fact})
    assert len(people) == row.people
    answers = set()
    for order in itertools.permutations(people):
        if all(order.index(a) < order.index(b) for a, b in facts):
            if pair := re.fullmatch(r"Is (\w+) (taller|shorter) than (\w+)\?", row.question):
                answers.add((order.index(pair[1]) < order.index(pair[3])) == (pair[2] == "taller"))
            else:
                one = re.fullmatch(r"Is (\w+) the (tallest|shortest) of the (three|four|five|six)\?", row.question)
                assert one is not None
                answers.add(order[0 if one[2] == "tallest" else -1] == one[1])
    if len(answers) == 2:
        return "not entailment - unknown"
    return "entailment" if answers == {True} else "not entailment - contradiction"


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_label_is_what_the_text_says(splits: dict[str, list[Row]], split: str) -> None:
    for row in splits[split]:
        truth = truth_as_read(row)
        assert row.label_published == truth, row
        assert row.label == ("entailment" if truth == "entailment" else "not entailment")


def test_no_puzzle_is_in_two_splits_even_under_other_names(splits: dict[str, list[Row]]) -> None:
    names = re.compile(r"\b(?:" + "|".join(GIVEN_NAMES) + r")\b")
    seen: dict[str, str] = {}
    for rows in splits.values():
        for context in {row.context for row in rows}:
            places: dict[str, str] = {}
            form = names.sub(lambda match, places=places: places.setdefault(match[0], f"P{len(places)}"), context)
            assert seen.setdefault(form, context) == context


def test_sizes_ids_and_the_people(splits: dict[str, list[Row]]) -> None:
    assert {split: len(rows) for split, rows in splits.items()} == DEFAULT_SIZES
    rows = [row for split in splits.values() for row in split]
    assert len({row.id for row in rows}) == len(rows)
    assert max(Counter(row.puzzle for row in rows).values()) == 4
    assert len({row.puzzle for row in rows}) == len({row.context for row in rows})
    for split in splits.values():
        assert {row.people for row in split} == {3, 4, 5, 6}
    assert len(set(GIVEN_NAMES)) == len(GIVEN_NAMES) >= 60


def test_half_is_entailed_for_every_relation(splits: dict[str, list[Row]]) -> None:
    """So that no constant answer, and none by the question's wording, does better than a coin."""
    for split, rows in splits.items():
        for relation in ("taller", "shorter", "tallest", "shortest"):
            truths = Counter(row.label_published for row in rows if row.relation == relation)
            share = {truth: count / truths.total() for truth, count in truths.items()}
            assert share["entailment"] == pytest.approx(0.5, abs=0.02), (split, relation)
            assert share["not entailment - contradiction"] == pytest.approx(0.25, abs=0.02)
            assert share["not entailment - unknown"] == pytest.approx(0.25, abs=0.02)


def test_a_pair_is_asked_about_once_in_a_puzzle(splits: dict[str, list[Row]]) -> None:
    names = re.compile(r"\b(?:" + "|".join(GIVEN_NAMES) + r")\b")
    pairs = Counter(
        (row.puzzle, frozenset(names.findall(row.question)))
        for rows in splits.values()
        for row in rows
        if row.relation in ("taller", "shorter")
    )
    assert max(pairs.values()) == 1


def test_the_committed_files_are_what_the_committed_seed_gives(splits: dict[str, list[Row]]) -> None:
    manifest = json.loads((COMMITTED / "manifest.json").read_bytes())
    assert (manifest["seed"], manifest["version"], manifest["generator"]) == (
        DEFAULT_SEED,
        generate.VERSION,
        generate.GENERATOR,
    )
    assert sorted(manifest["files"]) == ["test.jsonl", "train.jsonl", "validation.jsonl"]
    for split, rows in splits.items():
        content, entry = (COMMITTED / f"{split}.jsonl").read_bytes(), manifest["files"][f"{split}.jsonl"]
        assert content == split_bytes(rows)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["rows"] == len(rows)
        assert entry["puzzles"] == len({row.puzzle for row in rows})
        assert entry["labels"] == dict(Counter(row.label_published for row in rows))


def test_the_files_are_plain(tmp_path: Path) -> None:
    write_splits(tmp_path, 1, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    content = (tmp_path / "train.jsonl").read_bytes()
    assert content.isascii()
    assert b"\r" not in content
    assert content.endswith(b"}\n")
    assert all(list(json.loads(line)) == sorted(json.loads(line)) for line in content.splitlines())


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from entailbench.logic.generate import write_splits;"
        f"write_splits(Path(sys.argv[1]), 3, {SMALL!r})"
    )
    for hash_seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / hash_seed)], env=environment, check=True)
    write_splits(tmp_path / "here", 3, SMALL)
    for path in (tmp_path / "here").iterdir():
        assert {(tmp_path / folder / path.name).read_bytes() for folder in ("0", "1", "4242", "here")} == {
            path.read_bytes()
        }


def test_another_seed_gives_other_puzzles() -> None:
    assert generate_splits(1, SMALL)["test"] != generate_splits(2, SMALL)["test"]


def test_sizes_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="the test split needs at least 1 row, 0 were asked for"):
        generate_splits(1, {"train": 8, "test": 0})
    monkeypatch.setattr(generate, "PEOPLE", {3: 1})
    monkeypatch.setattr(generate, "PATIENCE", 500)
    with pytest.raises(ConfigError, match="take fewer rows"):
        generate_splits(1, {"train": 1000})


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the splits to .*file"):
        write_splits(tmp_path / "file", 1, SMALL)


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_splits(tmp_path, 1, SMALL)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_splits(tmp_path, 2, SMALL)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
