"""``entailbench generate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entailbench import ConfigError
from entailbench.commands.generate import command

SIZES = ["--train", "12", "--validation", "4", "--test", "4"]


def test_it_writes_and_says_what(tmp_path: Path) -> None:
    out = tmp_path / "puzzles"
    result = CliRunner().invoke(command, ["--out", str(out), "--seed", "7", *SIZES], catch_exceptions=False)
    assert result.exit_code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == 7
    for name, rows in (("train.jsonl", 12), ("validation.jsonl", 4), ("test.jsonl", 4)):
        assert len((out / name).read_text().splitlines()) == rows
        line = next(line for line in result.stdout.splitlines() if name in line)
        assert f"{rows} rows" in line
        assert manifest["files"][name]["sha256"] in line
    assert f"ENTAILBENCH_GENERATED_DIR={out}" in result.stderr


def test_it_does_not_write_over_files_unless_told(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match=r"has test\.jsonl already"):
        CliRunner().invoke(command, ["--out", str(tmp_path), *SIZES], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["test.jsonl"]
    assert (tmp_path / "test.jsonl").read_text() == "mine"
    CliRunner().invoke(command, ["--out", str(tmp_path), "--force", *SIZES], catch_exceptions=False)
    assert (tmp_path / "test.jsonl").read_text() != "mine"


def test_a_size_of_none_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--out", str(tmp_path), "--test", "0"])
    assert result.exit_code == 2
    assert "0 is not in the range" in result.stderr
