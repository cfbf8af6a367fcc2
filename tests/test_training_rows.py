"""The train split for the baselines: of the task that is tested, and never a reason for a run to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from entailbench import harness
from entailbench.training_rows import training_rows

PATHS = [Path(__file__).parents[1] / "tasks" / "entailbench_tasks"]
YAML = """
task: made_up
output_type: generate_until
test_split: evaluation
custom_dataset: !function loader.load
doc_to_text: question
doc_to_target: label
generation_kwargs: {{until: ["\\n"], max_gen_toks: 4}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
metadata:
  version: 1.0
  splits: [train, test]
"""
LOADER = """
import datasets

def load(split="test", **_):
    if split == "train":
        raise {error}
    return {{"evaluation": datasets.Dataset.from_list([{{"question": "Is it so?", "label": "entailment"}}])}}
"""


def loaded(name: str, paths: list[Path], split: str = "test", **metadata: object) -> harness.LoadedTask:
    tasks, problems = harness.load_tasks([name], paths, split=split, metadata=metadata)
    assert not problems
    return tasks[0]


def test_the_train_split_of_the_same_task() -> None:
    task = loaded("puzzte_generated", PATHS)
    rows, reason = training_rows(task, PATHS, {})
    assert rows is not None
    assert reason == ""
    assert len(rows) > len(task.docs)
    assert not {row.puzzle for row in rows} & {row.puzzle for row in harness.rows_of(task)}


def test_with_the_same_arguments(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"puzzle_text": "A", "question": "B?", "answer": "entailment"}\n')
    (tmp_path / "train.jsonl").write_text('{"puzzle_text": "C", "question": "D?", "answer": "entailment"}\n')
    arguments = {"data_dir": str(tmp_path)}
    rows, reason = training_rows(loaded("puzzte", PATHS, **arguments), PATHS, arguments)
    assert rows is not None
    assert [(row.context, row.question) for row in rows] == [("C", "D?")]
    (tmp_path / "train.jsonl").unlink()
    rows, reason = training_rows(loaded("puzzte", PATHS, **arguments), PATHS, arguments)
    assert rows is None
    assert reason.startswith("the train split cannot be read (")
    assert "has no split 'train'" in reason
    assert "\n" not in reason


def test_a_task_without_one() -> None:
    arguments = {"fresh_seed": 3, "fresh_count": 3}
    task = loaded("puzzte_fresh", PATHS, **arguments)
    assert training_rows(task, PATHS, arguments) == (None, "the task puzzte_fresh has no train split")


def test_the_train_split_is_not_held_against_itself() -> None:
    task = loaded("puzzte_generated", PATHS, split="train")
    assert training_rows(task, PATHS, {}) == (None, "the train split itself is what is asked about")


@pytest.mark.parametrize("error", ["RuntimeError('the disk\\n is gone')", "KeyError('label')", "OSError(5, 'no')"])
def test_whatever_a_loader_raises_is_a_reason(tmp_path: Path, error: str) -> None:
    (tmp_path / "made_up.yaml").write_text(YAML.format())
    (tmp_path / "loader.py").write_text(LOADER.format(error=error))
    rows, reason = training_rows(loaded("made_up", [tmp_path]), [tmp_path], {})
    assert rows is None
    assert reason.startswith("the train split cannot be read (")
