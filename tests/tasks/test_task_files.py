"""The YAML files as lm-eval itself sees them: all listed, all loading, the same prompt and labels everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import entailbench_tasks
import made_up_puzzte
from entailbench import LABELS, DataError, UnknownNameError
from entailbench_tasks.prompt import user_message

FOLDER = Path(entailbench_tasks.__file__).parent
TASKS = (
    "puzzte",
    "puzzte_disjoint",
    "puzzte_disjoint_mc",
    "puzzte_fresh",
    "puzzte_fresh_mc",
    "puzzte_generated",
    "puzzte_generated_mc",
    "puzzte_mc",
    "puzzte_repaired",
    "puzzte_repaired_mc",
    "puzzte_training",
    "puzzte_verified",
    "puzzte_verified_disjoint",
    "puzzte_verified_disjoint_mc",
    "puzzte_verified_mc",
)
ROWS = made_up_puzzte.rows(shift=1)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Every split has all of the made-up rows."""
    for split in ("train", "validation", "test"):
        made_up_puzzte.write(tmp_path, split, [{**row, "source": split} for row in ROWS])
    return tmp_path


def manager(**metadata: Any) -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(FOLDER), include_defaults=False, metadata=metadata)


def test_the_plugin_names_its_folder() -> None:
    assert list(entailbench_tasks.entailbench_task_paths()) == [FOLDER]


def test_every_file_is_a_listed_task_and_nothing_else_is() -> None:
    """lm-eval skips a malformed file without a word; it does not list the shared parts, which have no suffix."""
    assert [path.stem for path in sorted(FOLDER.glob("*.yaml"))] == list(TASKS)
    assert manager().all_tasks == list(TASKS)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_task_loads_every_split_it_declares(
    name: str, split: str, data_dir: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTAILBENCH_HOME", str(home))
    monkeypatch.setattr("entailbench.logic.generator.mixture.CHUNK_ROWS", 20)
    found = manager(split=split, data_dir=str(data_dir), fresh_seed=1, fresh_count=2, heights=4, validation=4)
    only = {"puzzte_fresh": ("test",), "puzzte_training": ("train", "validation")}.get(name.removesuffix("_mc"))
    if only and split not in only:
        with pytest.raises(UnknownNameError, match=rf"unknown split .* \(known: {', '.join(only)}\)"):
            found.load([name])
        return
    if "disjoint" in name and split != "train":
        with pytest.raises(DataError, match=r"of the 5 puzzles .* none belongs to the"):
            found.load([name])
        return
    task = found.load([name])["tasks"][name]
    docs = task.test_docs()
    assert split in task.config.metadata["splits"]
    assert task.config.metadata["labels"]
    assert task.config.metadata["description"]
    assert task.config.num_fewshot == 0
    assert {doc["label"] for doc in docs} <= set(LABELS)
    doc = docs[0]
    assert task.doc_to_text(doc) == user_message(doc)
    assert task.doc_to_target(doc) == doc["label"]
    if not name.startswith(("puzzte_generated", "puzzte_fresh", "puzzte_training")):
        assert doc["source"] == split
    if name.endswith("_mc"):
        assert task.OUTPUT_TYPE == "multiple_choice"
        assert tuple(task.doc_to_choice(doc)) == LABELS
    else:
        assert task.OUTPUT_TYPE == "generate_until"
        assert task.config.generation_kwargs == {
            "until": ["\n\n"],
            "max_gen_toks": 16,
            "do_sample": False,
            "temperature": 0.0,
        }


def test_without_metadata_the_split_is_test(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTAILBENCH_PUZZTE_DIR", str(data_dir))
    assert manager().load(["puzzte"])["tasks"]["puzzte"].test_docs()[0]["source"] == "test"


def test_errors_come_through_lm_eval_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no split 'test'"):
        manager(data_dir=str(tmp_path)).load(["puzzte"])
    with pytest.raises(UnknownNameError, match="unknown split 'dev'"):
        manager(split="dev").load(["puzzte_generated"])


def test_with_a_chat_template_candidates_follow_the_prompt_without_a_space() -> None:
    """As the generated label does; without a template a space stands between question and label."""
    task = manager().load(["puzzte_generated_mc"])["tasks"]["puzzte_generated_mc"]
    doc = task.test_docs()[0]
    for templated, candidates in ((True, list(LABELS)), (False, [f" {label}" for label in LABELS])):
        requests = task.construct_requests(
            doc=doc, ctx="prompt", metadata=(None, 0, 1), apply_chat_template=templated, chat_template=None
        )
        assert [request.args for request in requests] == [("prompt", candidate) for candidate in candidates]


def recorded_answers() -> Any:
    """An lm-eval model that gives the gold label to even rows, its opposite to odd ones, "perhaps" to every tenth."""
    from lm_eval.api.model import LM

    class Recorded(LM):
        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            answers = []
            for request in requests:
                gold = request.doc["label"]
                other = LABELS[1 - LABELS.index(gold)]
                answer = "perhaps" if request.doc_id % 10 == 9 else f"Answer: {other if request.doc_id % 2 else gold}."
                answers.append(answer)
            return answers

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return [(0.0 if request.args[1].strip() == request.doc["label"] else -1.0, False) for request in requests]

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            raise NotImplementedError

    return Recorded()


def test_lm_eval_s_own_results() -> None:
    from lm_eval import simple_evaluate

    names = ["puzzte_generated", "puzzte_generated_mc"]
    results = simple_evaluate(
        model=recorded_answers(), tasks=names, task_manager=manager(), limit=20, bootstrap_iters=0, log_samples=True
    )
    assert results["results"]["puzzte_generated"]["acc,label"] == 0.5
    assert results["results"]["puzzte_generated"]["unparsed,label"] == 0.1
    assert results["results"]["puzzte_generated"]["proof_valid,label"] == 0.0
    assert "proof_valid,none" not in results["results"]["puzzte_generated_mc"]
    assert results["results"]["puzzte_generated_mc"]["acc,none"] == 1.0
    for sample in results["samples"]["puzzte_generated"]:
        gold = sample["doc"]["label"]
        expected = "unparsed" if sample["doc_id"] % 10 == 9 else LABELS[LABELS.index(gold) ^ sample["doc_id"] % 2]
        assert sample["filtered_resps"] == [expected]


def test_the_real_rows_load(puzzte_dir: Path) -> None:
    for name in ("puzzte", "puzzte_mc"):
        task = manager(split="validation", data_dir=str(puzzte_dir)).load([name])["tasks"][name]
        assert len(task.test_docs()) == 1193


def lm_eval_cli(folder: Path, *arguments: str) -> dict[str, Any]:
    """The results that lm-eval's own command line writes; it knows nothing of entailbench but a folder."""
    command = [
        sys.executable,
        "-m",
        "lm_eval",
        "run",
        "--include_path",
        str(FOLDER),
        "--output_path",
        str(folder),
        *arguments,
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ENTAILBENCH_")}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(next(folder.rglob("results_*.json")).read_text())  # type: ignore[no-any-return]


@pytest.mark.slow
def test_plain_lm_eval_runs_a_real_model_and_reads_a_folder(tmp_path: Path, tiny_llama: Path, data_dir: Path) -> None:
    model = ["--model", "hf", "--model_args", f"pretrained={tiny_llama},dtype=float32", "--device", "cpu"]
    names = ("puzzte", "puzzte_mc", "puzzte_generated", "puzzte_generated_mc")
    tasks = ["--tasks", ",".join(names), "--limit", "4", "--apply_chat_template"]
    metadata = ["--metadata", "split=validation", f"data_dir={data_dir}"]
    limit = ["--gen_kwargs", "max_gen_toks=23"]
    results = lm_eval_cli(tmp_path, *model, *tasks, "--log_samples", *metadata, *limit)
    assert results["n-samples"]["puzzte_generated"] == {"original": 900, "effective": 4}
    assert results["n-samples"]["puzzte"] == {"original": len(ROWS), "effective": 4}
    assert set(results["results"]) == set(names)
    arguments = results["configs"]["puzzte_generated"]["generation_kwargs"]
    assert (arguments["max_gen_toks"], arguments["until"]) == (23, ["\n\n"])
    assert results["results"]["puzzte_generated"]["proof_valid,label"] == 0.0
    samples = next(tmp_path.rglob("samples_puzzte_generated_2*.jsonl")).read_text().splitlines()
    sample = json.loads(samples[0])
    assert user_message(sample["doc"]) in sample["arguments"]["gen_args_0"]["arg_0"]
    assert sample["filtered_resps"][0] in (*LABELS, "unparsed")
