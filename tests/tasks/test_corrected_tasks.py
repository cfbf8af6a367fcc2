"""``puzzte_verified`` and ``puzzte_repaired``, on a made-up data set whose right answers are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import made_up_puzzte
from entailbench import DataError, UnknownNameError
from entailbench_tasks import puzzte, repaired, verified
from entailbench_tasks.audited import audit_documents

Row = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The made-up data, labels one row too low, its rows dealt out to three splits."""
    data = made_up_puzzte.rows(shift=1)
    made_up_puzzte.write(tmp_path, "train", [row for number, row in enumerate(data) if number % 4 > 1])
    made_up_puzzte.write(tmp_path, "validation", [row for number, row in enumerate(data) if number % 4 == 0])
    made_up_puzzte.write(tmp_path, "test", [row for number, row in enumerate(data) if number % 4 == 1])
    return tmp_path


RIGHT = {(row["puzzle_text"], row["question"]): row["right"] for row in made_up_puzzte.rows()}


def rows_of(load: Callable[..., Any], folder: Path, split: str) -> tuple[list[Row], str]:
    dataset = load(split=split, data_dir=folder)["evaluation"]
    return list(dataset), dataset.info.description


def binary(truth: str) -> str:
    return truth if truth == "entailment" else "not entailment"


def test_verified_rows_have_the_right_label(folder: Path) -> None:
    rows, described = rows_of(verified.load, folder, "test")
    assert described == f"from {folder}, {len(rows)} of {len(rows)} rows verified"
    assert len(rows) == len([number for number in range(len(RIGHT)) if number % 4 == 1])
    for row in rows:
        assert row["truth"] == RIGHT[row["context"], row["question"]]
        assert row["label"] == binary(row["truth"])
        assert row["proof"] or row["truth"].endswith("unknown")
    assert sum(row["label"] != binary(row["label_published"]) for row in rows) > 5, "the published one is kept"
    assert {"id", "puzzle", "family", "qid", "ambiguity"} <= set(rows[0])


def test_labels_are_proved_once_for_all_tasks_of_a_run(folder: Path) -> None:
    documents = {"test": puzzte.read_split("test", folder)}
    assert audit_documents(documents) is audit_documents({"test": puzzte.read_split("test", folder)})


def test_rows_that_are_not_verified_are_left_out(folder: Path, tmp_path: Path) -> None:
    data = made_up_puzzte.rows(shift=1)[:6]
    unsure = [{**row, "ambiguity": 12.5} for row in made_up_puzzte.rows(shift=1)[60:63]]
    assert unsure[0]["puzzle_text"] != data[0]["puzzle_text"]
    made_up_puzzte.write(tmp_path / "some", "test", [*data, {**data[0], "question": "Is Zoe the tallest ?"}, *unsure])
    rows, described = rows_of(verified.load, tmp_path / "some", "test")
    assert described.endswith("6 of 10 rows verified")
    assert len(rows) == 6
    made_up_puzzte.write(tmp_path / "none", "test", [{**data[0], "question": "Is Zoe the tallest ?"}])
    with pytest.raises(DataError, match=r"none of the 1 rows of the split 'test' from .* can be verified"):
        verified.load(split="test", data_dir=tmp_path / "none")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_repaired_labels_are_right(folder: Path, split: str) -> None:
    """All splits together have every row's successor; but each puzzle's last row may be another puzzle's."""
    rows, described = rows_of(repaired.load, folder, split)
    lasts = {(text, question) for text, asked in made_up_puzzte.puzzles() for question, _ in asked[-2:]}
    for row in rows:
        assert (row["context"], row["question"]) not in lasts
        assert row["truth"] == RIGHT[row["context"], row["question"]]
        assert row["label"] == binary(row["truth"])
        assert row["checked"] == "confirmed"
    total = sum(1 for _ in (folder / f"{split}.jsonl").open())
    assert described == (
        f"from {folder} (train + validation + test), {len(rows)} of {total} rows repaired: {len(rows)} confirmed by "
        f"the solver, 0 unchecked; left out: 0 contradicted, {total - len(rows)} out of reach"
    )


def test_a_row_whose_successor_is_missing_is_out_of_reach(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    rows, described = rows_of(repaired.load, folder, "validation")
    assert "(validation + test)" in described
    assert all(row["truth"] == RIGHT[row["context"], row["question"]] for row in rows)
    with pytest.raises(DataError, match=r"no label of the split 'test' can be repaired.*0 of .* rows repaired"):
        repaired.load(split="test", data_dir=folder)


def test_a_contradicted_row_is_left_out(tmp_path: Path) -> None:
    data = made_up_puzzte.rows(shift=1)
    data[10]["answer"] = "entailment" if data[10]["answer"] != "entailment" else "not entailment - unknown"
    made_up_puzzte.write(tmp_path, "test", data)
    rows, described = rows_of(repaired.load, tmp_path, "test")
    assert "1 contradicted" in described
    assert (data[9]["puzzle_text"], data[9]["question"]) not in {(row["context"], row["question"]) for row in rows}


def test_a_row_that_the_solver_cannot_read_is_repaired_unchecked(tmp_path: Path) -> None:
    data = made_up_puzzte.rows(shift=1)
    odd = {**data[4], "question": "Would Orla, all things considered, not be the tallest of them?"}
    made_up_puzzte.write(tmp_path, "test", [*data[:4], odd, *data[5:]])
    rows, described = rows_of(repaired.load, tmp_path, "test")
    assert "1 unchecked" in described
    (row,) = [row for row in rows if row["question"] == odd["question"]]
    assert (row["checked"], row["proof"]) == ("unchecked", "")
    assert row["truth"] == data[4]["right"]
    assert Counter(row["checked"] for row in rows)["unchecked"] == 1


def test_labels_that_stand_where_they_should_are_not_repaired(tmp_path: Path) -> None:
    made_up_puzzte.write(tmp_path, "test", made_up_puzzte.rows())
    with pytest.raises(DataError, match="nothing to repair"):
        repaired.load(split="test", data_dir=tmp_path)


@pytest.mark.parametrize("load", [verified.load, repaired.load])
def test_a_split_that_does_not_exist(load: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'dev'"):
        load(split="dev", data_dir=tmp_path)
    with pytest.raises(DataError, match="no split 'test'"):
        load(split="test", data_dir=tmp_path)


@pytest.mark.slow
def test_the_real_validation_split(puzzte_dir: Path, tmp_path: Path) -> None:
    """Alone it has few successors; what can be repaired, the solver confirms."""
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "validation.jsonl").write_bytes((puzzte_dir / "validation.jsonl").read_bytes())
    rows, described = rows_of(verified.load, alone, "validation")
    assert 0.9 * 1193 < len(rows) < 1193
    assert "of 1,193 rows verified" in described
    rows, described = rows_of(repaired.load, alone, "validation")
    assert 40 <= len(rows) <= 57
    assert Counter(row["checked"] for row in rows)["confirmed"] >= 40
    assert "0 contradicted" in described
