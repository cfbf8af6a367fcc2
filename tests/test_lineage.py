"""What a lineage says: for people, without local paths, and with the commit where there is one."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench import lineage as lineage_module
from entailbench.lineage import (
    KEPT_LOSSES,
    commit_of,
    curve,
    duration,
    is_trained,
    number,
    overlaps,
    portable,
    scores,
    sections,
    trimmed,
)
from entailbench.model_card import CardFacts, model_card

FULL: dict[str, Any] = {
    "name": "lora",
    "base": "base",
    "task": "puzzte_training",
    "data_arguments": {"seed": 1, "heights": 100},
    "data": "sha256:abc",
    "target": "proof",
    "longest_target": 200,
    "left_out": 12,
    "samples": 1200,
    "validation_samples": 30,
    "overlap": {"validation": {"rows": 30, "shared_rows": 0}, "test": {"rows": 1000, "shared_rows": 7}},
    "leaked": True,
    "recipe": {"lora_r": 8, "precision": "auto"},
    "losses": [[1, 3.0], [2, 2.0], [3, 1.0]],
    "validation_losses": [[3, 1.25]],
    "facts": {
        "base": "org/name",
        "base_weights": "sha256:def",
        "recipe": {"lora_r": 8, "precision": "bf16-true", "max_steps": None},
        "validation_scores": [{"step": 2, "balanced_accuracy": 0.75}, {"step": 3, "balanced_accuracy": 0.5}],
        "best_step": 2,
        "steps": 3,
        "trained_tokens": 123456,
        "seconds": 3725.0,
        "device": "a GPU",
        "peak_memory_bytes": 2_500_000_000,
        "versions": {"torch": "2.13.0"},
    },
    "commit": {"commit": "0123abc", "changed_files": 2},
    "versions": {"entailbench": "0.1.0"},
    "finished": "2025-01-01T00:00:00+00:00",
    "prompt": {"prompt_style": "chat", "bos": True, "answer_tokens": 48, "stop": ["<|im_end|>"], "system": "Be brief."},
}


def told(lineage: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {heading: dict(lines) for heading, lines in sections(lineage)}


def test_all_of_it_for_people() -> None:
    found = told(FULL)
    assert list(found) == ["data", "target and prompt", "recipe", "training", "validation", "made with"]
    assert found["data"] == {
        "from": "task puzzte_training",
        "made with": "seed = 1, heights = 100",
        "samples": "1,200, 30 for validation",
        "left out": "12",
        "hash": "sha256:abc",
        "overlap": "validation 0 of 30 rows, test 7 of 1,000 rows",
        "leaked": "yes: it was trained on puzzles that it is judged on",
    }
    assert found["target and prompt"]["target"] == "proof, at most 200 characters"
    assert found["target and prompt"]["prompt style"] == "chat, with a BOS in front"
    assert found["target and prompt"]["system text"] == "'Be brief.'"
    assert found["recipe"] == {"lora_r": "8", "precision": "bf16-true"}, "as run, not as asked for"
    assert found["training"]["wall time"] == "1 h 02 min"
    assert found["training"]["peak memory"] == "2.50 GB"
    assert found["training"]["tokens"] == "123,456"
    assert found["training"]["loss"] == "3 █▅▁ 1"
    assert found["validation"]["balanced accuracy"] == "0.750", "of the step that was kept"
    assert found["made with"]["commit"] == "0123abc, 2 files changed since"
    assert found["made with"]["versions"] == "entailbench 0.1.0, torch 2.13.0"


def test_a_training_that_was_stopped_says_of_how_many_steps() -> None:
    def steps(**facts: int) -> str:
        return told({**FULL, "facts": {**FULL["facts"], **facts}})["training"]["optimizer steps"]

    assert (steps(), steps(planned_steps=3)) == ("3", "3")
    assert steps(planned_steps=1535) == "3 of 1,535 planned"


@pytest.mark.parametrize("key", sorted(FULL))
def test_whatever_is_missing_is_left_out(key: str) -> None:
    without = {name: value for name, value in FULL.items() if name != key}
    assert all(value for lines in told(without).values() for value in lines.values())


ODD = (
    None,
    [],
    {},
    "",
    "x",
    -1,
    0.5,
    math.nan,
    True,
    ["a"],
    [[1]],
    [[1, "x"]],
    {"a": {"b": [1]}},
    [{"step": {}}],
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*FULL, *FULL["facts"]]), st.sampled_from(ODD)),
    st.dictionaries(st.sampled_from([*FULL, *FULL["facts"]]), st.sampled_from(ODD)),
)
def test_whatever_a_trainer_wrote_can_be_shown(outer: dict[str, Any], facts: dict[str, Any]) -> None:
    lineage = {**FULL, "facts": {**FULL["facts"], **facts}, **outer}
    sections(lineage)
    trimmed(lineage)
    model_card(lineage, CardFacts("lora", "peft"))


def test_of_nothing_nothing_is_told() -> None:
    assert sections({}) == []
    assert not is_trained({})
    assert not is_trained(None)
    assert not is_trained({"prompt": {"prompt_style": "chat"}})
    assert is_trained(FULL)


# Curves and figures


def test_a_curve() -> None:
    assert curve([]) == ""
    assert curve([(1, 0.5)]) == "0.5 ▁ 0.5"
    assert curve([(1, 2.0), (2, 2.0)]) == "2 ▁▁ 2"
    line = curve([(step, 1000 - step) for step in range(1000)], width=10)
    assert line == "1e+03 █▇▆▆▅▄▃▃▂▁ 1"
    assert curve([(1, math.nan), (2, 1.0)]) == "1 ▁ 1"


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 80))
def test_a_curve_is_never_wider_than_asked_for(losses: list[float], width: int) -> None:
    bars = curve(list(enumerate(losses)), width).split()[1]
    assert len(bars) == min(width, len(losses))


def test_figures() -> None:
    assert [number(value) for value in (1234567, 0.5, True, "x", [1, 2])] == ["1,234,567", "0.500", "True", "x", "1, 2"]
    assert [duration(seconds) for seconds in (0.04, 59.4, 59.6, 3600, 7325)] == [
        *("0.0 s", "59.4 s", "1 min 00 s", "1 h 00 min", "2 h 02 min")
    ]
    assert overlaps({"overlap": None}) == ""
    assert scores({}) == {}
    assert scores({"facts": {"validation_scores": {"accuracy": 0.5, "leaked": True, "note": "x"}}}) == {"accuracy": 0.5}


# What travels


@pytest.mark.parametrize(
    "path",
    [
        *("/home/ann/data.json", "/home/Ann Example/my data.json", "~/data.json", "../data.json", "./x/y"),
        *(r"C:\Users\Ann Example\data.json", r"\\server\share\x", "/x"),
    ],
)
def test_a_path_does_not_travel(path: str) -> None:
    assert portable({"a": [path]}) == {"a": ["(local path)"]}
    folded = json.dumps(portable({"said": f"cannot read {path}"}))
    assert "Ann" not in folded.split("Example")[0]
    assert "(local path)" in folded


@pytest.mark.parametrize(
    "text",
    [
        *("org/name", "https://huggingface.co/org/name", "3/4", "sha256:a/b", "and/or", "</s>", "[/INST]", "a / b"),
        *(
            "<|im_start|>user\n",
            "### Instruction:\nX\n\n### Response:\n",
            "1.5 GB/s",
            "embedded:X/Y",
            "<s>[INST] x [/INST]",
        ),
    ],
)
def test_what_is_no_path_travels_as_it_is(text: str) -> None:
    assert portable(text) == text


def test_long_curves_are_thinned_to_their_ends() -> None:
    lineage = {**FULL, "losses": [[step, 1.0] for step in range(10_001)]}
    losses = trimmed(lineage)["losses"]
    assert len(losses) <= KEPT_LOSSES + 1
    assert (losses[0], losses[-1]) == ([0, 1.0], [10_000, 1.0])
    assert trimmed(FULL)["losses"] == FULL["losses"]
    assert "prompt" not in trimmed(FULL), "it has a file of its own"


# The commit


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_commit_and_whether_something_differs(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None, "no repository"
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path) is None, "no commit yet"
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "-m", "a")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert commit_of(tmp_path) == {"commit": commit, "changed_files": 0}
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == {"commit": commit, "changed_files": 1}
    assert commit_of(tmp_path / "nowhere") is None


def test_without_git_a_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path) is None
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(lineage_module, "SECONDS_OF_GIT", 0.2)
    assert commit_of(tmp_path) is None
