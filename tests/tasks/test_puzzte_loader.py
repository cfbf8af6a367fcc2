"""Puzzte from a folder, from the hub, and every way in which that can go wrong. The rows here are made up."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from entailbench import DataError, UnknownNameError
from entailbench_tasks import puzzte
from entailbench_tasks.labels import PUBLISHED_LABELS

Rows = Sequence[Mapping[str, Any]]


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A row with the published columns."""
    return {
        "pid": 900 + number,
        "puzzle_text": f" Made-up person {number} is taller than made-up person Z. ",
        "source": "a test",
        "qid": float(number),
        "question": "Is Z taller than everybody ?",
        "answer": list(PUBLISHED_LABELS)[number % 4],
        "ambiguity": 12.5,
        **changes,
    }


ROWS = [row(number) for number in range(5)]


def write_jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_json(path: Path, rows: Rows) -> None:
    path.write_text(json.dumps(list(rows), indent=1))


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: Rows) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)


WRITERS = {"jsonl": write_jsonl, "json": write_json, "csv": write_csv, "parquet": write_parquet}


def load(folder: Path, split: str = "test") -> list[dict[str, Any]]:
    found = puzzte.load(split=split, data_dir=folder)
    assert list(found) == ["evaluation"]
    return list(found["evaluation"])


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"test.{suffix}", ROWS)
    docs = load(tmp_path)
    assert [doc["label"] for doc in docs] == ["entailment", *["not entailment"] * 3, "entailment"]
    assert [doc["label_published"] for doc in docs] == [row["answer"] for row in ROWS]
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    assert docs == load(tmp_path, "train")
    assert {key: docs[1][key] for key in ("context", "question", "pid", "qid", "ambiguity", "source", "family")} == {
        "context": "Made-up person 1 is taller than made-up person Z.",
        "question": "Is Z taller than everybody ?",
        "pid": 901,
        "qid": 1,
        "ambiguity": 12.5,
        "source": "a test",
        "family": "heights",
    }


@pytest.mark.parametrize(
    "name",
    ["validation.jsonl", "puzzte_validation.jsonl", "puzzte-validation.jsonl", "Validation.JSONL", "validation.json"],
)
def test_file_names(tmp_path: Path, name: str) -> None:
    write_jsonl(tmp_path / name, ROWS)  # JSON Lines under the name .json too
    assert len(load(tmp_path, "validation")) == len(ROWS)


def test_parts_are_put_together_in_order(tmp_path: Path) -> None:
    write_parquet(tmp_path / "validation-00001-of-00002.parquet", ROWS[3:])
    with pytest.raises(DataError, match=r"has only validation-00001-of-00002.parquet of the 2 parts of the split"):
        load(tmp_path, "validation")
    write_parquet(tmp_path / "validation-00000-of-00002.parquet", ROWS[:3])
    assert [doc["pid"] for doc in load(tmp_path, "validation")] == [row["pid"] for row in ROWS]


def test_ids_come_from_the_text(tmp_path: Path) -> None:
    """So they survive another order of rows; a row that is there twice still has two ids."""
    write_jsonl(tmp_path / "test.jsonl", [ROWS[0], ROWS[1], row(1, question="Is it ?"), ROWS[0]])
    write_jsonl(tmp_path / "train.jsonl", [ROWS[1], ROWS[0]])
    docs, other = load(tmp_path), load(tmp_path, "train")
    assert len({doc["id"] for doc in docs}) == 4
    assert (docs[0]["id"], docs[1]["id"]) == (other[1]["id"], other[0]["id"])
    assert docs[3]["id"] == docs[0]["id"] + "-2"
    assert docs[1]["puzzle"] == docs[2]["puzzle"] != docs[0]["puzzle"] == docs[3]["puzzle"]


def test_columns_that_the_task_does_not_need_may_be_missing(tmp_path: Path) -> None:
    needed = ("puzzle_text", "question", "answer")
    write_jsonl(tmp_path / "test.jsonl", [{key: row[key] for key in needed} for row in ROWS])
    assert load(tmp_path)[0]["qid"] is None


def test_the_folder_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "test.jsonl", ROWS)
    monkeypatch.setenv("ENTAILBENCH_PUZZTE_DIR", str(tmp_path))
    # lm-eval passes the metadata of the task and the arguments of the model too.
    assert len(puzzte.load(version=1.0, labels="…", pretrained="somewhere")["evaluation"]) == len(ROWS)
    other = tmp_path / "other"
    other.mkdir()
    write_jsonl(other / "test.jsonl", ROWS[:2])
    assert len(load(other)) == 2, "an option is stronger than the environment"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("A knave is never TALLER.", "knights"),
        ("Ann is the tallest.", "heights"),
        ("Bo is shorter than Ann.", "heights"),
        ("Five houses stand in a row.", "zebra"),
        ("The moon is made of cheese.", "other"),
    ],
)
def test_family(text: str, family: str) -> None:
    assert puzzte.family(text) == family


def line(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + "\n"


def without(column: str) -> dict[str, Any]:
    return {key: value for key, value in row().items() if key != column}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.jsonl", "", r"test\.jsonl is empty: it has no rows"),
        ("test.jsonl", "\n \n", r"test\.jsonl is empty: it has no rows"),
        ("test.csv", "pid,puzzle_text,question,answer\n", r"test\.csv is empty: it has no rows"),
        ("test.json", "[]", r"test\.json is empty: it has no rows"),
        ("test.jsonl", line(row()) + '{"pid": 1,\n', r"test\.jsonl, line 2: not valid JSON: .* at column \d+"),
        ("test.jsonl", line(row()) + "\n[1]\n", r"test\.jsonl, line 3: a row must be a JSON object, not list"),
        ("test.json", "[\n{},\n{]", r"test\.json, line 3: not valid JSON"),
        ("test.json", "[{}, 3]", r"test\.json, row 2: a row must be a JSON object, not int"),
        (
            "test.jsonl",
            line(row()) + line(without("answer")),
            r"test\.jsonl, line 2: no column 'answer' \(there are: pid, puzzle_text, source, qid, question, ambiguity; "
            r"the published columns are pid, puzzle_text, source, qid, question, answer, ambiguity\)",
        ),
        (
            "test.csv",
            "pid,question\n1,What ?\n",
            r"test\.csv, line 2: no column 'puzzle_text', 'answer' \(there are: pid",
        ),
        (
            "test.jsonl",
            line(row()) * 2 + line(row(answer="Entailment")),
            r"test\.jsonl, line 3: unknown label 'Entailment' \(known: 'entailment', 'not entailment - contradiction', "
            r"'not entailment - unknown', 'non-entailment'\)",
        ),
        ("test.jsonl", line(row(puzzle_text="  ")), r"line 1: 'puzzle_text' must be text, and not empty; it is '  '"),
        ("test.jsonl", line(row(question=None)), r"line 1: 'question' must be text, and not empty; it is None"),
        ("test.jsonl", line(row(answer=1)), r"line 1: 'answer' must be text, and not empty; it is 1"),
        ("test.jsonl", line(row(qid="seven")), r"line 1: 'qid' must be a number; it is 'seven'"),
        ("test.csv", "puzzle_text,question,answer\na,b\n", r"test\.csv, line 2: fewer fields than the header"),
        ("test.csv", "puzzle_text,question,answer\na,b,c,d\n", r"test\.csv, line 2: more fields than the header"),
        ("test.csv", 'puzzle_text,question,answer\n"a\nb",c,\n', r"test\.csv, line 2: 'answer' must be text"),
        ("test.csv", 'puzzle_text,question,answer\n"a,b,c\n', r"test\.csv, line 2: not valid CSV"),
        ("test.parquet", "PAR1 or so", r"test\.parquet is not a whole Parquet file"),
    ],
)
def test_a_bad_file_is_named_with_the_place(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_bytes(line(row(source="é")).encode("utf-8").replace(b"\\u00e9", b"\xe9"))
    with pytest.raises(DataError, match=r"test\.jsonl is not UTF-8 text"):
        load(tmp_path)


def test_line_numbers_count_newlines_only(tmp_path: Path) -> None:
    odd = json.dumps(row(puzzle_text="Odd\u2028but one line"), ensure_ascii=False) + "\n"
    (tmp_path / "test.jsonl").write_text(odd + "{", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: not valid JSON"):
        load(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data folder .*nowhere does not exist: name the folder that holds test\.jsonl"
    ):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"data folder .*file is not a folder"):
        load(tmp_path / "file")


def test_a_folder_without_the_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no split 'test' \(splits there: none; files: none\)"):
        load(tmp_path)
    for name in ("validation.jsonl", "puzzte_train.csv", "test_results.jsonl", "latest.jsonl", "test.txt"):
        write_jsonl(tmp_path / name, ROWS)
    with pytest.raises(
        DataError, match=r"has no split 'test' \(splits there: train, validation; files: latest\.jsonl, .*test\.txt.*\)"
    ):
        load(tmp_path)


def test_two_files_for_one_split(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "test.jsonl", ROWS)
    write_csv(tmp_path / "test.csv", ROWS)
    with pytest.raises(
        DataError, match=r"more than one file for the split 'test' \(test\.csv, test\.jsonl\): keep one"
    ):
        load(tmp_path)
    (tmp_path / "test.csv").rename(tmp_path / "puzzte_test.jsonl")
    with pytest.raises(DataError, match="more than one file"):
        load(tmp_path)


def test_an_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'tset', did you mean 'test'"):
        load(tmp_path, "tset")


HUB = """
import sys
from entailbench import DataError
from entailbench_tasks import puzzte
try:
    puzzte.load(split="validation")
except DataError as error:
    print(error)
    sys.exit(3)
"""


def from_the_hub(folder: Path, **environment: str) -> str:
    """What the loader says in a process of its own, as the hub's settings are read at import."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ENTAILBENCH_"))}
    environment = {**keep, "HF_HOME": str(folder / "hf"), **environment}
    result = subprocess.run(
        [sys.executable, "-c", HUB], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 3, result.stderr
    return result.stdout.strip()


def test_offline_without_a_folder(tmp_path: Path) -> None:
    message = from_the_hub(tmp_path, HF_HUB_OFFLINE="1")
    assert message == (
        "cannot get tasksource/puzzte from the Hugging Face hub (HF_HUB_OFFLINE is set and it is not in the cache): "
        "pass --data-dir, or set ENTAILBENCH_PUZZTE_DIR, to a folder with validation.jsonl, .json, .csv or .parquet in "
        "the published columns (pid, puzzle_text, source, qid, question, answer, ambiguity)"
    )


def test_a_hub_that_refuses_the_connection(tmp_path: Path) -> None:
    started = time.monotonic()
    message = from_the_hub(tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "cannot get tasksource/puzzte from the Hugging Face hub" in message
    assert "ENTAILBENCH_PUZZTE_DIR" in message
    assert "\n" not in message
    assert time.monotonic() - started < 30


def test_a_hub_that_never_answers_does_not_hang(tmp_path: Path, silent_server: str) -> None:
    started = time.monotonic()
    assert "timed out" in from_the_hub(tmp_path, HF_ENDPOINT=silent_server)
    assert time.monotonic() - started < 40


@pytest.fixture
def silent_server() -> Any:
    """A server that takes connections and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_folder_with_the_hub_s_name_is_not_taken_for_the_hub(tmp_path: Path) -> None:
    (tmp_path / "tasksource" / "puzzte").mkdir(parents=True)
    write_jsonl(tmp_path / "tasksource" / "puzzte" / "validation.jsonl", ROWS)
    assert "would be taken for the hub's tasksource/puzzte" in from_the_hub(tmp_path, HF_HUB_OFFLINE="1")


def test_rows_of_the_hub_are_checked_like_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub cannot be reached here, so what it would return is put in its place."""
    import datasets

    asked: list[tuple[str, str]] = []

    def load_dataset(repository: str, split: str) -> datasets.Dataset:
        asked.append((repository, split))
        return datasets.Dataset.from_list([*ROWS, row(answer="maybe")])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="tasksource/puzzte, train, row 6: unknown label 'maybe'"):
        puzzte.load(split="train")
    assert asked == [("tasksource/puzzte", "train")]


def test_the_real_validation_split(puzzte_dir: Path) -> None:
    """Figures that the data's own description gives."""
    docs = load(puzzte_dir, "validation")
    assert Counter(doc["label_published"] for doc in docs) == {
        "not entailment - contradiction": 567,
        "entailment": 345,
        "not entailment - unknown": 180,
        "non-entailment": 101,
    }
    assert Counter(doc["label"] for doc in docs) == {"entailment": 345, "not entailment": 848}
    assert len({doc["id"] for doc in docs}) == len(docs) == 1193
    assert {doc["family"] for doc in docs if doc["label_published"] == "non-entailment"} == {"knights"}
    assert all(doc["context"] == doc["context"].strip() for doc in docs)


@pytest.mark.parametrize("change", ["csv", "parquet", "json"])
def test_the_real_rows_are_the_same_in_every_format(puzzte_dir: Path, tmp_path: Path, change: str) -> None:
    rows = [json.loads(text) for text in (puzzte_dir / "validation.jsonl").read_text().splitlines()]
    WRITERS[change](tmp_path / f"validation.{change}", rows)
    assert load(tmp_path, "validation") == load(puzzte_dir, "validation")
