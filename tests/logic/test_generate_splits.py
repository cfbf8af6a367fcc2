"""What the generator writes: balance, no repetition, no structure in two splits, the same bytes every time."""

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entailbench import ConfigError, DataError
from entailbench.logic.generator import (
    SPEC,
    Dials,
    Row,
    generate_rows,
    generate_split,
    rows,
    split_bytes,
    split_of,
    structure_of,
    write_splits,
)
from entailbench.logic.generator.spec import GENERATOR, VERSION
from entailbench.logic.language import read_puzzle
from entailbench.logic.puzzle import FAMILIES, Family

COMMITTED = importlib.resources.files("entailbench_data") / "puzzte_generated"
SMALL = {"train": 12, "validation": 6, "test": 6}
QUICK = Dials(people=(3, 5), categories=(3, 3))

Rows = list[dict[str, Any]]


def read(split: str) -> Rows:
    return [json.loads(line) for line in (COMMITTED / f"{split}.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def committed() -> dict[str, Rows]:
    return {split: read(split) for split in SPEC.sizes}


def of_family(found: Rows, family: Family) -> Rows:
    return [row for row in found if row["family"] == family]


def shares(found: Rows) -> dict[str, float]:
    counts = Counter(row["label_published"] for row in found)
    return {truth: count / counts.total() for truth, count in counts.items()}


def test_sizes_ids_and_people(committed: dict[str, Rows]) -> None:
    for split, size in SPEC.sizes.items():
        for family in FAMILIES:
            found = of_family(committed[split], family)
            assert len(found) == size
            most = 5 if family == "zebra" else 8
            assert {row["people"] for row in found} == set(range(3, most + 1))
            assert max(Counter(row["puzzle"] for row in found).values()) == SPEC.dials.questions
    every = [row for found in committed.values() for row in found]
    assert len({row["id"] for row in every}) == len(every)
    assert len({row["puzzle"] for row in every}) == len({row["context"] for row in every})


def test_it_is_as_varied_as_the_specification_says(committed: dict[str, Rows]) -> None:
    heights = of_family(committed["test"], "heights")
    assert len({row["relation"] for row in heights}) >= 5
    assert len({name for row in heights for name in row["phrasing"].split("; ")}) >= 20
    for family in FAMILIES:
        found = of_family(committed["test"], family)
        assert set(range(6)) <= {row["depth"] for row in found}
        assert {row["distractors"] for row in found} == {0, 1, 2, 3}
        assert {row["difficulty"] for row in found} == {"easy", "medium", "hard"}


def as_balanced_as_can_be(found: Rows, cue: Callable[[dict[str, Any]], object]) -> None:
    """Each answer may be ahead of its share by one or two questions, and so two others may be behind."""
    for value, count in Counter(map(cue, found)).items():
        share = shares([row for row in found if cue(row) == value])
        for truth, expected in SPEC.dials.shares.items():
            assert share.get(truth, 0) * count == pytest.approx(expected * count, abs=3.5), value


@pytest.mark.parametrize("cue", ["question_form", "people", "relation", "premises", "distractors"])
def test_three_tenths_are_open_and_the_rest_half_and_half(committed: dict[str, Rows], cue: str) -> None:
    """Over everything that can be seen without reasoning."""
    for found in committed.values():
        for family in FAMILIES:
            chosen = of_family(found, family)
            assert shares(chosen)["not entailment - unknown"] == pytest.approx(0.3, abs=0.01)
            as_balanced_as_can_be(chosen, lambda row: row[cue])


def named_first(row: dict[str, Any]) -> tuple[str, bool]:
    """The kind of question, and whether the clues name the same person first as the question."""
    clues = re.sub(r"^[^.]*\b(?:friends|students|colleagues|members)\b[^.]*\.", "", row["context"])
    one, other = re.findall(r"[A-Z][a-z]+", row["question"])[1:]
    return row["question_form"], clues.index(one) < clues.index(other)


def test_who_is_named_first_tells_nothing(committed: dict[str, Rows]) -> None:
    pairs = [row for row in of_family(committed["train"], "heights") if row["question_form"] in ("more", "less")]
    assert min(Counter(map(named_first, pairs)).values()) > 300
    as_balanced_as_can_be(pairs, named_first)


def test_new_rows_are_as_balanced() -> None:
    made = generate_split("train", 2, 400, Dials(families=("heights", "knights")))
    found = [json.loads(line) for line in split_bytes(made).splitlines()]
    for family in ("heights", "knights"):
        for cue in ("question_form", "people", "relation", "premises", "distractors"):
            as_balanced_as_can_be(of_family(found, family), lambda row, cue=cue: row[cue])
    as_balanced_as_can_be([row for row in found if row["question_form"] in ("more", "less")], named_first)


def test_no_structure_is_in_two_splits_by_the_texts_alone(committed: dict[str, Rows]) -> None:
    """Reads the English again; of grids, which take longer, a part."""
    homes: dict[str, str] = {}
    for split, found in committed.items():
        puzzles = {row["context"]: row for row in found if row["family"] != "zebra"}
        puzzles |= {row["context"]: row for row in of_family(found, "zebra")[:200]}
        for context, row in puzzles.items():
            reading = read_puzzle(context).readings[0]
            formulas = [premise.formula for premise in reading.premises]
            structure = structure_of(row["family"], reading.signature, formulas)
            assert structure == row["structure"]
            assert split_of(structure) == split
            assert homes.setdefault(structure, split) == split
            assert len(formulas) == row["premises"]
    for one, other in itertools.combinations(committed.values(), 2):
        assert not {row["structure"] for row in one} & {row["structure"] for row in other}


def without_names(row: dict[str, Any]) -> str:
    """The text with numbers for names, in the order of the clues."""
    names: dict[str, str] = {}
    body = row["context"].split(". ", 1)[1] if row["family"] == "knights" else row["context"]
    return re.sub(r"\b[A-Z][a-z]+\b", lambda match: names.setdefault(match[0], f"N{len(names)}"), body)


def test_no_puzzle_occurs_twice_even_under_other_names(committed: dict[str, Rows]) -> None:
    seen: dict[str, str] = {}
    for found in committed.values():
        for row in found:
            if row["family"] != "zebra":
                assert seen.setdefault(without_names(row), row["context"]) == row["context"]


def test_nor_where_there_are_few() -> None:
    dials = Dials(families=("heights",), people=(3, 3), variety=0.0, relations=("height",), questions=1)
    made = [json.loads(line) for line in split_bytes(generate_split("train", 1, 20, dials)).splitlines()]
    bodies = {re.sub(r"^[^.]*\b(?:friends)\b[^.]*\.", "", row["context"]) for row in made}
    assert len({without_names({**row, "context": body}) for row, body in zip(made, bodies, strict=True)}) == 20


def test_the_first_rows_are_of_all_families_alike(committed: dict[str, Rows]) -> None:
    for found in committed.values():
        for size in (32, 128, 250):
            counts = Counter(row["family"] for row in found[:size])
            assert max(counts.values()) - min(counts.values()) <= 2 * SPEC.dials.questions
        places = [row["puzzle"] for row in found]
        assert len(list(itertools.groupby(places))) == len(set(places)), "the rows of a puzzle stand together"


def test_a_matter_is_asked_once_in_a_puzzle(committed: dict[str, Rows]) -> None:
    pairs = Counter(
        (row["puzzle"], frozenset(re.findall(r"[A-Z][a-z]+", row["question"])[1:]))
        for found in committed.values()
        for row in found
        if row["question_form"] in ("more", "less", "knight", "knave")
    )
    assert max(pairs.values()) == 1


def test_the_manifest_is_of_the_committed_files(committed: dict[str, Rows]) -> None:
    manifest = json.loads((COMMITTED / "manifest.json").read_bytes())
    assert (manifest["seed"], manifest["version"], manifest["generator"]) == (SPEC.seed, VERSION, GENERATOR)
    assert sorted(manifest["files"]) == ["test.jsonl", "train.jsonl", "validation.jsonl"]
    for split, found in committed.items():
        content, entry = (COMMITTED / f"{split}.jsonl").read_bytes(), manifest["files"][f"{split}.jsonl"]
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert (entry["rows"], entry["puzzles"]) == (len(found), len({row["puzzle"] for row in found}))
        assert entry["structures"] == len({row["structure"] for row in found})
        for family in FAMILIES:
            assert entry["labels"][family] == dict(Counter(row["label_published"] for row in of_family(found, family)))
        assert content.isascii()
        assert b"\r" not in content
        assert content.endswith(b"}\n")


@pytest.mark.parametrize("split", SPEC.sizes)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_committed_files_begin_as_the_committed_seed_says(family: Family, split: Any) -> None:
    """If this fails and was meant to: `entailbench generate --out data/entailbench_data/puzzte_generated --force`."""
    lines = (COMMITTED / f"{split}.jsonl").read_bytes().splitlines(keepends=True)
    mine = [line for line in lines if json.loads(line)["family"] == family]
    puzzles = 20 if family == "zebra" else 120
    made = [
        row for rows in itertools.islice(generate_rows(family, split, SPEC.seed, SPEC.dials), puzzles) for row in rows
    ]
    made = made[: len(mine)]
    assert split_bytes(made) == b"".join(mine[: len(made)])


@pytest.mark.soak
def test_the_committed_files_are_what_the_committed_seed_gives() -> None:
    for split in ("validation", "test"):
        made = split_bytes(generate_split(split, SPEC.seed, SPEC.sizes[split], SPEC.dials))
        assert made == (COMMITTED / f"{split}.jsonl").read_bytes()


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from entailbench.logic.generator import Dials, write_splits;"
        f"write_splits(Path(sys.argv[1]), 3, {SMALL!r}, {QUICK!r})"
    )
    for hash_seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / hash_seed)], env=environment, check=True)
    write_splits(tmp_path / "here", 3, SMALL, QUICK)
    for path in (tmp_path / "here").iterdir():
        assert {(tmp_path / folder / path.name).read_bytes() for folder in ("0", "1", "4242")} == {path.read_bytes()}


def test_a_longer_file_begins_with_the_shorter_one_of_each_family() -> None:
    short, long = (generate_split("test", 5, size, QUICK) for size in (8, 20))
    for family in FAMILIES:
        mine = [row for row in long if row.family == family]
        assert mine[:8] == [row for row in short if row.family == family]
    alone = generate_split("test", 5, 8, Dials(people=(3, 5), categories=(3, 3), families=("knights",)))
    assert alone == [row for row in short if row.family == "knights"]


def test_another_seed_gives_other_puzzles_of_the_same_splits() -> None:
    one, other = (generate_split("test", seed, 12, QUICK) for seed in (1, 2))
    assert not {row.puzzle for row in one} & {row.puzzle for row in other}
    train = {row.structure for row in generate_split("train", 3, 40, QUICK)}
    assert not train & {row.structure for row in one + other}


def test_the_dials() -> None:
    deep = generate_split("train", 1, 40, Dials(families=("heights",), depth=(3, 4), distractors=(2, 2), questions=1))
    assert {row.depth for row in deep} == {0, 3, 4}
    assert {row.distractors for row in deep} == {2}
    assert len({row.puzzle for row in deep}) == 40
    closed = generate_split("train", 1, 30, Dials(families=("knights",), people=(4, 4), unknown=0.0))
    assert {row.label_published for row in closed} == {"entailment", "not entailment - contradiction"}
    assert {row.people for row in closed} == {4}
    open_ones = generate_split("train", 1, 60, Dials(families=("heights",), unknown=0.6, relations=("age", "speed")))
    assert sum(row.label_published.endswith("unknown") for row in open_ones) == pytest.approx(36, abs=3)
    assert {row.relation for row in open_ones} == {"age", "speed"}
    grids = generate_split("train", 1, 12, Dials(families=("zebra",), people=(3, 8), categories=(3, 3)))
    assert {row.people for row in grids} == {3, 4, 5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"families": ("zebras",)}, r"unknown family zebras \(known: heights, knights, zebra\)"),
        ({"families": ()}, "at least one family"),
        ({"relations": ("height", "height")}, "none twice"),
        ({"people": (2, 5)}, "people must be a range within 3 to 8, got 2 to 5"),
        ({"people": (6, 4)}, "people must be a range"),
        ({"people": (6, 8)}, "a zebra grid has 3 to 5 houses"),
        ({"depth": (0, 3)}, "depth must be a range within 1"),
        ({"unknown": 1.0}, "the share of unknown"),
        ({"variety": -0.1}, "the variety"),
        ({"questions": 0}, "at least 1 question"),
    ],
)
def test_dials_that_cannot_be_set(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dials(**changes)
    if changes.get("people") == (6, 8):
        assert Dials(families=("heights",), people=(6, 8)).people == (6, 8)


def test_more_than_there_is_(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.DRAWS, "heights", (rows.DRAWS["heights"][0], 400))  # type: ignore[index]
    with pytest.raises(ConfigError, match=r"no further puzzle .* 'heights' .* the validation split .* ask for fewer"):
        generate_split("validation", 1, 100, Dials(families=("heights",), people=(3, 3), variety=0.0))
    with pytest.raises(ConfigError, match="after 0 puzzles with 0 questions"):
        generate_split("train", 1, 10, Dials(families=("heights",), people=(3, 3), depth=(9, 9), unknown=0.0))
    with pytest.raises(ConfigError, match="the test split needs at least 1 row of each family, 0 were asked for"):
        generate_split("test", 1, 0, Dials())
    with pytest.raises(ConfigError, match=r"unknown split 'dev' \(known: train, validation, test\)"):
        generate_split("dev", 1, 5, Dials())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the splits to .*file"):
        write_splits(tmp_path / "file", 1, {"test": 2}, QUICK)


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_splits(tmp_path, 1, {"test": 2}, QUICK)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_splits(tmp_path, 2, {"test": 2}, QUICK)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_row_is_plain() -> None:
    row = generate_split("test", 1, 1, QUICK)[0]
    assert isinstance(row, Row)
    line = json.loads(split_bytes([row]))
    assert list(line) == sorted(line)
    assert line["proof_premises"] == list(row.proof_premises)
