"""docs/training.md says what is: its table of keys is the recipe's, and its commands run."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("litgpt")

from entailbench.config import TRAIN_KEYS
from entailbench_adapters.litgpt_recipe import LoraRecipe
from test_cli import Cli

DOC = Path(__file__).parents[1] / "docs" / "training.md"
DERIVED = {"none": None, "by device": None, "by engine": None, "a tenth": None, "the context": None}
"""Defaults that are told in words."""
CONFIG = """
[models.base]
backend = "hf"
pretrained = "{directory}"

[models.quick]
backend = "litgpt"
base = "base"
[models.quick.train]
trainer = "litgpt-lora"
task = "puzzte_generated"
target = "proof"
longest_target = 60
samples = 24
validation_samples = 6
epochs = 1
micro_batch_size = 4
global_batch_size = 8
logger = "none"

[run]
limit = 5
"""


def tables() -> list[list[tuple[str, str]]]:
    """(key, default) of each table that has such columns."""
    found = []
    for block in re.findall(r"\| key \| default \|.*?\n\n", DOC.read_text(encoding="utf-8"), re.DOTALL):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()[2:]]
        found.append([(row[0], row[1]) for row in rows])
    return found


def test_the_keys_of_the_recipe_are_all_there_with_their_defaults() -> None:
    _, recipe = tables()
    fields = dataclasses.fields(LoraRecipe)
    assert [key.strip("`") for key, _ in recipe] == [field.name for field in fields]
    for (_, told), field in zip(recipe, fields, strict=True):
        default = DERIVED[told] if told in DERIVED else json.loads(told.strip("`"))
        assert default == field.default, field.name


def test_the_keys_of_the_core_are_all_there() -> None:
    core, _ = tables()
    named = {key.strip("`") for cell, _ in core for key in cell.split(", ")}
    assert named == set(TRAIN_KEYS)


def commands() -> list[list[str]]:
    """Every command of the document, in its order."""
    lines = re.findall(r"^    entailbench (.*)$", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.slow
def test_the_commands_run(tiny_llama: Path, tmp_path: Path) -> None:
    """Those about ``quick`` on a tiny model that goes by its names; the others need other weights and data."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    cli = Cli(workspace, tmp_path / "home")
    cli.config(CONFIG.format(directory=tiny_llama))
    run = [arguments for arguments in commands() if "init" not in arguments and "PUZZTE" not in arguments]
    assert len(run) == 8
    for arguments in run:
        done = cli(*arguments)
        if "--resume" in arguments:
            assert done.returncode == 2
            assert "nothing to resume" in done.stderr, "the training before it was finished"
            continue
        assert done.returncode == 0, (arguments, done.stderr)
        if "--dry-run" in arguments:
            assert not (workspace / "checkpoints").exists()
            assert done.stdout.startswith("base ")
            assert "to learn proofs" in done.stdout
            assert "overlap with the test split" in done.stderr
    checkpoint = workspace / "checkpoints" / "quick"
    for name in ("losses.csv", "curves.svg", "puzzles.json", "lineage.json"):
        assert (checkpoint / name).is_file(), name


@pytest.mark.parametrize("arguments", [a for a in commands() if a[0] == "init"], ids=" ".join)
def test_the_templates_name_their_recipes(arguments: list[str], tmp_path: Path) -> None:
    done = Cli(tmp_path, tmp_path / "home")(*arguments)
    assert done.returncode == 0, done.stderr
    assert "litgpt-lora" in (tmp_path / "entailbench.toml").read_text()
