"""What a model is trained to write: a task's own targets, rendered from its rows."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path

import pytest

import entailbench_tasks
from entailbench import DataError, UnknownNameError, UsageError
from entailbench.cli import main
from entailbench.harness import LoadedTask, answer_reader, load_tasks, sft_pairs

TASK_FOLDERS = [Path(entailbench_tasks.__file__).parent]


@pytest.fixture(scope="module")
def generated() -> LoadedTask:
    (loaded,), problems = load_tasks(["puzzte_generated"], TASK_FOLDERS, split="validation")
    assert problems == []
    return loaded


def test_samples_know_their_label_and_their_puzzle(generated: LoadedTask) -> None:
    pairs = sft_pairs(generated, 30, target="proof").pairs
    assert [(pair.label, pair.puzzle) for pair in pairs] == [(d["label"], d["puzzle"]) for d in generated.docs[:30]]
    unnamed = dataclasses.replace(
        generated, docs=tuple({k: v for k, v in doc.items() if k != "puzzle"} for doc in generated.docs[:30])
    )
    keys = [pair.puzzle for pair in sft_pairs(unnamed).pairs]
    for a, one in enumerate(unnamed.docs):
        assert [keys[a] == key for key in keys] == [one["context"] == other["context"] for other in unnamed.docs]


def test_a_proof_before_the_label(generated: LoadedTask) -> None:
    rows = sft_pairs(generated, target="proof")
    assert (len(rows.pairs), rows.left_out) == (len(generated.docs), 0)
    assert [p.output for p in rows.pairs] == [f"{doc['proof']}: {doc['label']}" for doc in generated.docs]
    assert [p.user for p in rows.pairs] == [p.user for p in sft_pairs(generated).pairs]


def test_long_targets_are_left_out_and_counted(generated: LoadedTask) -> None:
    lengths = [len(f"{doc['proof']}: {doc['label']}") for doc in generated.docs]
    rows = sft_pairs(generated, target="proof", longest=100)
    assert [len(pair.output) for pair in rows.pairs] == [length for length in lengths if length <= 100]
    assert (rows.too_long, rows.without) == (sum(length > 100 for length in lengths), 0)
    some = sft_pairs(generated, 20, target="proof", longest=100)
    assert some.pairs == rows.pairs[:20]
    assert 0 < some.too_long < rows.too_long
    with pytest.raises(
        UsageError, match=r"900 rows .*; 900 were asked for, and \d+ have a target 'proof' of at most 100"
    ):
        sft_pairs(generated, 900, target="proof", longest=100)
    with pytest.raises(UsageError, match="none has a target 'proof' of at most 3 characters"):
        sft_pairs(generated, target="proof", longest=3)


def with_targets(loaded: LoadedTask, targets: object) -> LoadedTask:
    task = copy.copy(loaded.task)
    task._config = dataclasses.replace(task.config, metadata={**task.config.metadata, "targets": targets})
    return dataclasses.replace(loaded, task=task)


def test_rows_without_such_a_target_are_left_out_and_counted(generated: LoadedTask) -> None:
    only_knights = with_targets(generated, {"mine": "{% if family == 'knights' %}{{proof}}{% endif %}"})
    rows = sft_pairs(only_knights, target="mine")
    assert (len(rows.pairs), rows.without, rows.too_long) == (300, 600, 0)
    assert sft_pairs(only_knights, 5, target="label").pairs == sft_pairs(generated, 5).pairs


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"mine": "{{ proof"}, "'mine' is no Jinja template"),
        ({"mine": "{{ prof }}"}, "cannot be rendered for row '[0-9a-f]+': 'prof' is undefined"),
        ({"mine": "{{ 1 // 0 }}"}, "cannot be rendered"),
        (["mine"], "must map names to templates"),
    ],
)
def test_wrong_templates(generated: LoadedTask, targets: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sft_pairs(with_targets(generated, targets), target="mine")


def test_an_unknown_target_names_the_known_ones(generated: LoadedTask) -> None:
    known = r"unknown target 'prof', did you mean 'proof'\? \(known: label, proof\)"
    with pytest.raises(UnknownNameError, match=known):
        sft_pairs(generated, target="prof")
    loaded, (problem,) = load_tasks(["puzzte_generated"], TASK_FOLDERS, target="prof")
    assert loaded == []
    assert re.search(known, problem)
    _, (problem,) = load_tasks(["puzzte_generated_mc"], TASK_FOLDERS, target="proof")
    assert problem.endswith("unknown target 'proof' (known: label)")


def test_every_answer_is_read_as_the_task_reads_it(generated: LoadedTask) -> None:
    read = answer_reader(generated)
    assert [read(text) for text in ("Answer: entailment.", "No.", "perhaps", "")] == [
        "entailment",
        "not entailment",
        "unparsed",
        "unparsed",
    ]
    for pair in sft_pairs(generated, 50, target="proof").pairs:
        assert read(pair.output) == pair.label
    (candidates,), _ = load_tasks(["puzzte_generated_mc"], TASK_FOLDERS)
    assert [answer_reader(candidates)(text) for text in (" entailment", "Yes")] == ["entailment", "unparsed"]


def test_the_command_writes_what_was_asked_for(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    (workspace / "entailbench.toml").write_text(
        '[models.mine]\nbackend = "litgpt"\nbase = "base"\n[models.mine.train]\ntrainer = "litgpt-lora"\n'
        'task = "puzzte_generated"\nsamples = 6\nvalidation_samples = 3\nlongest_target = 40\n'
    )
    for target in ("label", "proof"):
        with pytest.raises(SystemExit) as ended:
            main(["sft", "mine", "--out", "out", "--target", target])
        assert ended.value.code == 0
        rows = json.loads((workspace / "out/train.json").read_text())
        assert len(rows) == 6
        assert all((": " in row["output"]) == (target == "proof") and len(row["output"]) <= 40 for row in rows)
        assert ("left out" in capsys.readouterr().err) == (target == "proof")
    with pytest.raises(SystemExit) as ended:
        main(["sft", "mine", "--target", "prof"])
    assert ended.value.code == 2
    assert "unknown target 'prof', did you mean 'proof'?" in capsys.readouterr().err
