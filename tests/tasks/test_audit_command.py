"""``entailbench audit`` as a user meets it: tables, files, and what is said about bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import made_up_puzzte
from entailbench.cli import main

CHAIN = "Asta is taller than Bror. Cleo is shorter than Bror."


def cli(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    with pytest.raises(SystemExit) as stopped:
        main(["audit", *map(str, arguments)])
    output = capsys.readouterr()
    return int(stopped.value.code or 0), output.out, output.err


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_folder_of_puzzte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = made_up_puzzte.rows(shift=1)
    made_up_puzzte.write(tmp_path / "data", "validation", data[::2])
    made_up_puzzte.write(tmp_path / "data", "test", data[1::2])
    code, out, err = cli(capsys, "--data-dir", tmp_path / "data", "--out", tmp_path / "out")
    assert code == 0, err
    assert "Puzzte, validation + test" in out
    assert "heights" in out
    assert "The labels agree best at k = -1" in out
    assert "proving labels" in err
    rows = [json.loads(line) for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()]
    assert len(rows) == len(data)
    assert [row["where"] for row in rows] == ["validation"] * len(data[::2]) + ["test"] * len(data[1::2])
    right = {(row["puzzle_text"], row["question"]): row["right"] for row in data}
    assert all(row["truth"] == right[row["context"], row["question"]] for row in rows)
    page = (tmp_path / "out" / "audit.md").read_text()
    assert page.startswith("# Audit of Puzzte")
    assert "contradictions" in page


def test_one_split_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = made_up_puzzte.rows()
    made_up_puzzte.write(tmp_path, "validation", data[:20])
    made_up_puzzte.write(tmp_path, "test", data[20:])
    code, out, _ = cli(capsys, "--data-dir", tmp_path, "--split", "validation", "--out", tmp_path / "out", "--json")
    figures = json.loads(out)
    assert code == 0
    assert figures["families"][0]["rows"] == 20
    assert figures["families"][0]["agreement_three_way"] == 1.0


def test_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(
        tmp_path / "mine.jsonl",
        {"context": CHAIN, "question": "Is Asta taller than Cleo?", "label": "entailment"},
        {"context": CHAIN, "question": "Is Cleo the tallest?", "label": "not entailment"},
        {"puzzle_text": CHAIN, "question": "Is Asta taller than Asta?", "answer": "neutral", "id": "odd"},
        {"context": CHAIN, "question": "Is Zoe the tallest?"},
        {"context": "Das ist kein Rätsel.", "question": "Oder doch?", "label": ""},
    )
    code, out, err = cli(capsys, "--file", path, "--out", tmp_path / "out")
    assert code == 0, err
    assert "mine.jsonl" in out
    rows = [json.loads(line) for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["verified", "verified", "verified", "unread", "unread"]
    assert [row["agrees"] for row in rows] == [True, True, False, None, None]
    assert rows[2]["id"] == "odd"
    assert rows[0]["where"].endswith("mine.jsonl, line 1")
    assert "Asta is taller than Bror" in (tmp_path / "out" / "audit.md").read_text()


def test_the_same_rows_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f'context,question,label,ambiguity\n"{CHAIN}",Is Asta taller than Cleo?,entailment,0\n')
    code, out, _ = cli(capsys, "--file", path, "--out", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["families"][0]["verified"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.jsonl", "", "mine.jsonl is empty: it has no rows"),
        ("mine.jsonl", '{"context": "a"}\n', "line 1: needs the columns 'context' (or 'puzzle_text') and 'question'"),
        ("mine.jsonl", '{"context": "a", "question": "b"}\n{"question"\n', "line 2: not valid JSON"),
        ("mine.jsonl", '{"context": "a", "question": " "}\n', "line 1: 'question' must be text, and not empty"),
        (
            "mine.jsonl",
            '{"context": "a", "question": "b", "label": "maybe"}\n',
            "line 1: unknown label 'maybe' in the column 'label' (known: 'entailment', 'not entailment",
        ),
        ("mine.jsonl", '{"context": "a", "question": "b", "ambiguity": "much"}\n', "'ambiguity' must be a number"),
        ("mine.jsonl", '{"context": "a", "question": "b", "qid": Infinity}\n', "'qid' must be a number; it is 'inf'"),
        ("mine.jsonl", f'{{"context": "a", "question": "b", "qid": 1{"0" * 400}}}\n', "a whole number of 401 digits"),
        ("mine.jsonl", f'{{"context": "a", "question": "b", "qid": {"1" * 5000}}}\n', "line 1: JSON that cannot be"),
        ("mine.jsonl", f'{{"context": {"[" * 100_000}\n', "line 1: JSON that cannot be read"),
        ("mine.jsonl", '\n\n{"context": "a", "question": "b", "label": "no"}\n', "line 3: unknown label 'no'"),
        ("mine.jsonl", '{"context": "a", "question": "b", "label": true}\n', "'yes' is 'entailment', 'no' is"),
        ("mine.json", '{\n"context": "a"}', "mine.json must be an array of rows"),
        ("mine.json", '[\n{"context": }]', "mine.json, line 2: not valid JSON"),
        ("mine.csv", "context;question\na;b\n", "line 2: needs the columns 'context'"),
        ("mine.txt", "context", "mine.txt: the file's name must end in .jsonl, .json, .csv or .parquet"),
        (None, None, "mine.jsonl does not exist"),
    ],
)
def test_a_bad_file_is_named_with_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str | None, content: str | None, message: str
) -> None:
    path = tmp_path / (name or "mine.jsonl")
    if content is not None:
        path.write_text(content)
    code, out, err = cli(capsys, "--file", path, "--out", tmp_path / "out")
    assert code == 2
    assert message in err
    assert out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.csv", "mine.parquet"])
def test_a_file_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 50)
    code, out, err = cli(capsys, "--file", path, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert f"{path} is not" in err
    (tmp_path / "folder.jsonl").mkdir()
    code, _, err = cli(capsys, "--file", tmp_path / "folder.jsonl", "--out", tmp_path / "out")
    assert code == 2
    assert "is a folder, not a file" in err


def test_labels_as_people_write_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Upper case, underscores, other names; marks and line ends of other systems; nothing, as pandas writes it."""
    written = ["Entailment", " CONTRADICTION ", "neutral", "not_entailment", "NaN"]
    rows = [f'{{"context": "{CHAIN}", "question": "Is Asta taller than Cleo?", "label": "{one}"}}' for one in written]
    text = "\ufeff" + "\r\n\r\n".join(rows).replace('"NaN"', "NaN") + "\r\n"
    (tmp_path / "mine.jsonl").write_bytes(text.encode())
    code, out, err = cli(capsys, "--file", tmp_path / "mine.jsonl", "--out", tmp_path / "out", "--json")
    assert code == 0, err
    assert json.loads(out)["families"][0]["compared"] == 4
    found = [json.loads(line) for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()]
    assert [row["agrees"] for row in found] == [True, False, False, False, None]
    assert found[4]["where"].endswith("line 9")


def test_rows_of_one_name_can_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": "a", "context": CHAIN, "question": "Is Asta taller than Cleo?"}
    code, _, err = cli(capsys, "--file", lines(tmp_path / "mine.jsonl", row, row), "--out", tmp_path / "out")
    assert code == 0, err
    found = (tmp_path / "out" / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in found] == ["a", "a-2"]


def test_a_puzzle_longer_than_a_csv_field_may_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f'context,question\n"{"Das ist kein Rätsel. " * 10_000}",Oder doch?\n', encoding="utf-8")
    code, out, err = cli(capsys, "--file", path, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    assert json.loads(out)["families"][0]["unread"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "a.jsonl", "--split", "test"], "--file is instead of --data-dir and --split"),
        (["--split", "dev"], "unknown split 'dev'"),
        (["--data-dir", "nowhere"], "data folder nowhere does not exist"),
        (["--timeout", "0"], "Invalid value for '--timeout'"),
        (["--timeout", "inf"], "Invalid value for '--timeout'"),
        (["--timeout", "nan"], "--timeout must be a number"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, _, err = cli(capsys, *arguments)
    assert code == 2
    assert message in err


def test_a_folder_without_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = cli(capsys, "--data-dir", tmp_path)
    assert code == 2
    assert "has no splits" in err


def test_an_output_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found out before the work."""
    made_up_puzzte.write(tmp_path, "test", made_up_puzzte.rows()[:3])
    (tmp_path / "out").write_text("a file")
    code, _, err = cli(capsys, "--data-dir", tmp_path, "--out", tmp_path / "out")
    assert code == 2
    assert "cannot make the folder" in err
    assert "proving" not in err
