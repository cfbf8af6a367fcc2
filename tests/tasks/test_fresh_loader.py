"""Fresh puzzles: from a seed that must be given, the same for the same seed, never of a training structure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner

from entailbench import DataError, UnknownNameError
from entailbench.commands.run import command
from entailbench.logic.generator import split_of
from entailbench.logic.puzzle import FAMILIES
from entailbench_tasks import fresh, generated


def load(**metadata: Any) -> Any:
    return fresh.load(**{"fresh_count": 6, **metadata})["evaluation"]


def test_the_same_seed_gives_the_same_rows_and_another_others() -> None:
    one = load(fresh_seed=5)
    assert one["id"][:] == load(fresh_seed="5", version=1.0, pretrained="somewhere")["id"][:]
    assert not set(one["id"]) & set(load(fresh_seed=6)["id"])
    assert Counter(one["family"]) == dict.fromkeys(FAMILIES, 6)
    assert one.info.description == "generated from seed 5"
    assert set(generated.load()["evaluation"].column_names) == set(one.column_names)


def test_no_structure_is_one_that_a_model_may_be_trained_on() -> None:
    assert {split_of(structure) for structure in load(fresh_seed=5)["structure"]} == {"test"}


def test_the_seed_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTAILBENCH_FRESH_SEED", "8")
    assert load().info.description == "generated from seed 8"
    assert load(fresh_seed=9).info.description == "generated from seed 9"
    assert load(fresh_seed=0).info.description == "generated from seed 0"


@pytest.mark.parametrize("seed", [None, ""])
def test_without_a_seed_it_says_how_to_give_one(seed: str | None) -> None:
    with pytest.raises(DataError, match=r"need a seed.*--fresh-seed.*ENTAILBENCH_FRESH_SEED.*--metadata fresh_seed="):
        load(fresh_seed=seed)


@pytest.mark.parametrize("seed", ["seven", 1.5, True])
def test_a_seed_that_is_none(seed: Any) -> None:
    with pytest.raises(DataError, match="the seed must be a whole number"):
        load(fresh_seed=seed)


def test_a_count_that_is_none() -> None:
    with pytest.raises(DataError, match="the count must be at least 1, got 0"):
        load(fresh_seed=1, fresh_count=0)


def test_there_is_no_other_split() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown split 'train' \(known: test\)"):
        load(split="train", fresh_seed=1)


def test_the_command_line_has_the_option() -> None:
    help_text = CliRunner().invoke(command, ["--help"]).output
    assert "--fresh-seed" in help_text
