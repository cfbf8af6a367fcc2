"""Training samples: the same text as the test prompts, and files in the original study's layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import DataError, PreflightError, SftPair, UsageError
from entailbench.finetune import FinetuneConfig, finetune, training_pairs
from entailbench.harness import load_tasks, sft_pairs
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.runner import task_paths
from entailbench.sft import hash_pairs, read_pairs, write_pairs

PAIRS = (SftPair("Do it.", "Context: a\nQuestion: b?", "entailment"), SftPair("Do it.", "", "not entailment"))


@pytest.fixture
def registry(workspace: Path, home: Path) -> Registry:
    return load_registry(create_plugin_manager(environment={}), workspace=workspace, home=home)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    train, validation = write_pairs(tmp_path / "deep" / "er", PAIRS, PAIRS[:1])
    assert (train.name, validation.name) == ("train.json", "val.json")
    assert read_pairs(train) == PAIRS
    assert read_pairs(validation) == PAIRS[:1]
    assert set(json.loads(train.read_text())[0]) == {"instruction", "input", "output"}


def test_json_lines_without_input(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"instruction": "a", "output": "b"}\n\n{"instruction": "c", "input": "", "output": "d"}\n')
    assert read_pairs(path) == (SftPair("a", "", "b"), SftPair("c", "", "d"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "", "is empty"),
        ("a.json", "[]", "holds no samples"),
        ("a.json", "{}", "must hold a list"),
        ("a.json", '[\n{"instruction": 1,]', "line 2: not valid JSON"),
        ("a.jsonl", '{"instruction": "a", "output": "b"}\n{"instr', "line 2: not valid JSON"),
        ("a.jsonl", '{"instruction": "a"}', "line 1: the column 'output' is missing"),
        ("a.json", '[{"instruction": "a", "output": 3}]', "sample 1: 'output' must be a string"),
        ("a.json", '[{"instruction": "a", "output": " "}]', "sample 1: 'output' is empty"),
        ("a.json", "[3]", "sample 1: must be an object"),
    ],
)
def test_bad_files_say_where_and_what(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no data file"):
        read_pairs(tmp_path / "none.json")


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5))
def test_the_hash_knows_order_content_and_split(rows: list[tuple[str, str, str]]) -> None:
    pairs = tuple(SftPair(*row) for row in rows)
    assert hash_pairs(pairs) == hash_pairs(tuple(pairs))
    assert hash_pairs(pairs, ()) != hash_pairs(())
    if pairs:
        assert hash_pairs(pairs, ()) != hash_pairs((), pairs)
    if len(set(pairs)) > 1:
        assert hash_pairs(pairs) != hash_pairs(tuple(reversed(pairs))) or pairs == tuple(reversed(pairs))


def test_training_samples_carry_the_test_prompts(registry: Registry) -> None:
    (loaded,), problems = load_tasks(["puzzte_generated"], task_paths(registry), split="train")
    assert problems == []
    for pair, doc in zip(sft_pairs(loaded, 20).pairs, loaded.docs, strict=False):
        assert pair.user == loaded.task.doc_to_text(doc)
        assert pair.instruction
        assert "\n\n" not in pair.instruction
        assert doc["context"] in pair.input
        assert pair.output == doc["label"]


def test_multiple_choice_tasks_give_the_same_samples(registry: Registry) -> None:
    tasks, _ = load_tasks(["puzzte_generated", "puzzte_generated_mc"], task_paths(registry), split="train")
    assert sft_pairs(tasks[0], 5) == sft_pairs(tasks[1], 5)


def test_more_samples_than_there_are(registry: Registry) -> None:
    (loaded,), _ = load_tasks(["puzzte_generated"], task_paths(registry), split="validation")
    with pytest.raises(UsageError, match="were asked for"):
        sft_pairs(loaded, 10**6)


def test_a_data_file_is_split_at_its_end(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"instruction": str(i), "output": "x"}) + "\n" for i in range(40)))
    train, validation = training_pairs(FinetuneConfig("lora", data=path), registry.spec("lora"), registry)
    assert [pair.instruction for pair in validation] == ["38", "39"]
    assert len(train) == 38
    path.write_text('{"instruction": "a", "output": "b"}\n')
    with pytest.raises(UsageError, match="too few"):
        training_pairs(FinetuneConfig("lora", data=path), registry.spec("lora"), registry)


def test_all_problems_before_training(registry: Registry, workspace: Path) -> None:
    registry.checkpoint("lora").mkdir(parents=True)
    with pytest.raises(PreflightError) as caught:
        finetune(FinetuneConfig("lora", data=workspace / "none.json"), registry, lambda message: None)
    text = "\n".join(caught.value.problems)
    assert "already exists: pass --overwrite" in text
    assert "there is no data file" in text


def test_a_model_without_a_recipe(registry: Registry) -> None:
    with pytest.raises(UsageError, match="has no training recipe"):
        finetune(FinetuneConfig("base"), registry, lambda message: None)
