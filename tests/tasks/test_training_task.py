"""``puzzte_training``: generated puzzles in any number, kept in a file that can be carried."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import entailbench_tasks
from entailbench import ConfigError, DataError, UnknownNameError, harness
from entailbench.logic.generator import mixture, split_of
from entailbench_tasks import training
from entailbench_tasks.proof_answers import read_proof_answer
from entailbench_tasks.proof_validity import is_proved

PATHS = [Path(entailbench_tasks.__file__).parent]
SMALL = {"seed": 4, "heights": 60, "knights": 20}


@pytest.fixture(autouse=True)
def own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENTAILBENCH_HOME", str(home))
    monkeypatch.setattr(mixture, "CHUNK_ROWS", 20)  # as little as these tests need
    return home


def rows(split: str = "train", **arguments: Any) -> list[dict[str, Any]]:
    return list(training.load(split, **arguments)["evaluation"])


def kept(home: Path) -> list[Path]:
    return sorted((home / "generated").iterdir())


def test_the_splits_have_what_was_asked_for(home: Path) -> None:
    dataset = training.load("train", **SMALL)["evaluation"]  # type: ignore[arg-type]
    assert dataset.info.description == "generated from seed 4: 60 heights, 20 knights"
    assert Counter(dataset["family"]) == {"heights": 60, "knights": 20}
    held = rows("validation", **SMALL, validation=12)
    assert Counter(row["family"] for row in held) == {"heights": 12, "knights": 12}
    assert not {row["structure"] for row in held} & set(dataset["structure"])
    assert {split_of(row["structure"]) for row in held} == {"validation"}
    assert {split_of(structure) for structure in dataset["structure"]} == {"train"}
    assert len(kept(home)) == 2


def test_no_structure_is_that_of_a_test_puzzle() -> None:
    from entailbench_tasks import fresh, generated

    test = {row["structure"] for row in generated.load("test")["evaluation"]}
    test |= {row["structure"] for row in fresh.load("test", fresh_seed=3, fresh_count=20)["evaluation"]}
    assert not test & {row["structure"] for row in rows(seed=2, heights=300)}


def test_a_proof_is_a_target_and_the_checker_accepts_it() -> None:
    loaded, problems = harness.load_tasks(
        ["puzzte_training"], PATHS, split="train", metadata={"seed": 6, "heights": 90, "knights": 30, "zebra": 12}
    )
    assert not problems
    pairs = harness.sft_pairs(loaded[0], target="proof").pairs
    assert len(pairs) == 132
    read = harness.answer_reader(loaded[0])
    for doc, pair in zip(loaded[0].docs, pairs, strict=True):
        assert pair.output == f"{doc['proof']}: {doc['label']}"
        assert (pair.label, pair.puzzle) == (doc["label"], doc["puzzle"])
        answer = read_proof_answer(pair.output)
        assert answer is not None, pair.output
        assert is_proved(doc, answer), (doc["context"], doc["question"], pair.output)
        assert read(pair.output) == doc["label"]


def test_a_file_is_made_once_and_carried(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows(**SMALL)
    (path,) = kept(home)
    before = path.read_bytes()
    other = tmp_path / "other machine"
    (other / "generated").mkdir(parents=True)
    (other / "generated" / path.name).write_bytes(before)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(other))

    def no_generator(*_: Any, **__: Any) -> Any:
        raise AssertionError("it is there already")

    with monkeypatch.context() as patched:
        patched.setattr(training.logic, "generate_mixture", no_generator, raising=False)
        assert rows(**SMALL) == first
    path.unlink()
    monkeypatch.setenv("ENTAILBENCH_HOME", str(home))
    assert rows(**SMALL) == first
    assert path.read_bytes() == before, "the same bytes again"


@pytest.mark.parametrize(
    "change", [{"seed": 5}, {"heights": 61}, {"questions": 3}, {"wide": 0.0}, {"zebra": 4}, {"knights": 0}]
)
def test_everything_that_matters_makes_another_file(home: Path, change: dict[str, Any]) -> None:
    small = {"seed": 4, "heights": 6, "knights": 4}
    rows(**small)
    rows(**{**small, **change})
    assert len(kept(home)) == 2


def test_a_damaged_file_is_named(home: Path) -> None:
    rows(**SMALL)
    (path,) = kept(home)
    whole = path.read_bytes()
    header, *lines = gzip.decompress(whole).splitlines(keepends=True)
    assert json.loads(header)["rows"] == 80
    changed = lines[0].replace(b"entailment", b"contradict", 1)
    for damaged in (
        whole[:-100],
        b"",
        b"nonsense",
        gzip.compress(b"{}\n"),
        gzip.compress(header + b"".join(lines[1:])),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"\.jsonl\.gz.* delete .* generated again"):
            rows(**SMALL)
    path.write_bytes(gzip.compress(header + changed + b"".join(lines[1:])))
    with pytest.raises(DataError, match="its checksum differs"):
        rows(**SMALL)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENTAILBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot keep the generated puzzles in .*file/generated"):
        rows(seed=1, heights=4)


def test_a_failed_write_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training.os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        rows(seed=1, heights=4)
    assert kept(home) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"split": "test"}, UnknownNameError, r"unknown split 'test' \(known: train, validation\)"),
        ({"seed": "one"}, DataError, "'seed' must be a whole number, got 'one'"),
        ({"heights": 3.5}, DataError, "'heights' must be a whole number, got 3.5"),
        ({"questions": True}, DataError, "'questions' must be a whole number, got True"),
        ({"wide": "much"}, DataError, "'wide' must be a number from 0 to 1, got 'much'"),
        ({"wide": 2}, ConfigError, "wide wording must be in"),
        ({"heights": -1}, ConfigError, "none fewer than 0"),
        ({"heights": 0, "zebra": 0}, ConfigError, "at least one family needs rows"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        training.load(**arguments)


def test_arguments_that_the_task_does_not_have() -> None:
    problems = harness.argument_problems("puzzte_training", PATHS, {"hights": 5, "seed": 1})
    assert len(problems) == 1
    assert "'puzzte_training' has no argument 'hights', did you mean 'heights'? (known: seed, heights" in problems[0]
    assert harness.argument_problems("puzzte", PATHS, {"seed": 1}) == [
        "task 'puzzte' has no argument 'seed' (known: none)"
    ]
    assert harness.argument_problems("puzzte_disjoint", PATHS, {"original_split": True}) == []
    assert harness.argument_problems("no such task", PATHS, {"seed": 1}) == []
