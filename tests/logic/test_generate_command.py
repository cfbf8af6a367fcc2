"""``entailbench generate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entailbench import ConfigError
from entailbench.commands.generate import command

SIZES = ["--train", "4", "--validation", "2", "--test", "2"]
QUICK = ["--people", "3..4"]


def test_it_writes_and_says_what(tmp_path: Path) -> None:
    out = tmp_path / "puzzles"
    result = CliRunner().invoke(command, ["--out", str(out), "--seed", "7", *SIZES, *QUICK], catch_exceptions=False)
    assert result.exit_code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == 7
    assert manifest["dials"]["people"] == [3, 4]
    for name, rows in (("train.jsonl", 12), ("validation.jsonl", 6), ("test.jsonl", 6)):
        assert len((out / name).read_text().splitlines()) == rows
        line = next(line for line in result.stdout.splitlines() if name in line)
        assert f"{rows} rows" in line
        assert manifest["files"][name]["sha256"] in line
    assert f"ENTAILBENCH_GENERATED_DIR={out}" in result.stderr


def test_a_count_writes_a_test_split_alone(tmp_path: Path) -> None:
    options = ["--family", "heights,knights", "--count", "9", "--people", "6", "--depth", "2..3", "--unknown", "0.5"]
    CliRunner().invoke(command, ["--out", str(tmp_path), *options, "--distractors", "1"], catch_exceptions=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "test.jsonl"]
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    assert [row["family"] for row in rows].count("knights") == 9
    assert len(rows) == 18
    assert {row["people"] for row in rows} == {6}
    assert {row["depth"] for row in rows} <= {0, 2, 3}
    assert {row["distractors"] for row in rows} == {1}
    with pytest.raises(ConfigError, match="--count writes a test split alone, --train several splits"):
        CliRunner().invoke(command, ["--out", str(tmp_path), "--count", "3", "--train", "3"], catch_exceptions=False)


def test_it_does_not_write_over_files_unless_told(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match=r"has test\.jsonl already"):
        CliRunner().invoke(command, ["--out", str(tmp_path), *SIZES], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["test.jsonl"]
    assert (tmp_path / "test.jsonl").read_text() == "mine"
    CliRunner().invoke(command, ["--out", str(tmp_path), "--force", *SIZES, *QUICK], catch_exceptions=False)
    assert (tmp_path / "test.jsonl").read_text() != "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test", "0"], "0 is not in the range"),
        (["--people", "3-8"], "'3-8' is not a range such as 3..8, nor a number"),
        (["--people", "many"], "is not a range"),
    ],
)
def test_what_cannot_be_is_a_usage_error(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(command, ["--out", str(tmp_path), *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_dials_that_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave zebra out of the families"):
        CliRunner().invoke(command, ["--out", str(tmp_path), "--people", "6..8"], catch_exceptions=False)
    assert not list(tmp_path.iterdir())
