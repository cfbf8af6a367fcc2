"""The main job on a real tiny model: train, run, export, and the same answers from plain lm_eval."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from test_cli import Cli

ROWS = 10
TASKS = ("puzzte_generated", "puzzte_generated_mc")
CONFIG = """
[models.tiny]
backend = "hf"
pretrained = "{directory}"

[models.tuned]
backend = "litgpt"
base = "tiny"
[models.tuned.train]
trainer = "litgpt-lora"
task = "puzzte_generated"
samples = 64
validation_samples = 8
epochs = 4
micro_batch_size = 8
global_batch_size = 8
learning_rate = 2e-2
lora_r = 8
lora_query = true
lora_key = true
lora_value = true
lora_projection = true
lora_mlp = true

[models.studied]
backend = "litgpt"
base = "tiny"
[models.studied.train]
trainer = "litgpt-lora"
prompt_style = "alpaca"
mask_prompt = false
max_steps = 2
micro_batch_size = 4
global_batch_size = 8
"""


@pytest.fixture(scope="module")
def cli(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A workspace in which ``tuned`` has been trained and both models have been run."""
    folder = tmp_path_factory.mktemp("end-to-end")
    (folder / "workspace").mkdir()
    cli = Cli(folder / "workspace", folder / "home")
    cli.config(CONFIG.format(directory=tiny_llama))
    done = cli("finetune", "tuned")
    assert done.returncode == 0, done.stderr
    done = cli(
        *("run", "--models", "tiny,tuned", "--tasks", ",".join(TASKS)),
        *("--limit", str(ROWS), "--output", "out", "--json"),
    )
    assert done.returncode == 0, done.stderr
    (cli.workspace / "stdout.json").write_text(done.stdout)
    return cli


def samples(folder: Path, task: str) -> dict[int, dict[str, Any]]:
    """lm-eval's samples of a task, by row."""
    (path,) = folder.rglob(f"samples_{task}_2*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["doc_id"]: row for row in rows}


def lm_eval(cli: Cli, *arguments: str, out: str) -> Path:
    """Plain lm_eval, which knows nothing of us but the folder of our tasks."""
    paths = cli("tasks", "--path").stdout.strip()
    command = [sys.executable, "-m", "lm_eval", "run", "--include_path", paths, "--tasks", *TASKS, *arguments]
    command += ["--limit", str(ROWS), "--output_path", out, "--log_samples"]
    done = subprocess.run(command, cwd=cli.workspace, env=cli.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return cli.workspace / out


def assert_same(ours: Path, theirs: Path) -> None:
    """Same prompts, texts and labels row by row; log-probabilities to 1e-4."""
    a, b = samples(ours, TASKS[0]), samples(theirs, TASKS[0])
    assert a.keys() == b.keys()
    assert len(a) == ROWS
    for row in a:
        assert a[row]["arguments"]["gen_args_0"]["arg_0"] == b[row]["arguments"]["gen_args_0"]["arg_0"]
        assert a[row]["resps"] == b[row]["resps"]
        assert a[row]["filtered_resps"] == b[row]["filtered_resps"]
    a, b = samples(ours, TASKS[1]), samples(theirs, TASKS[1])
    for row in a:
        ours_scores = [float(pair[0]) for pair in a[row]["filtered_resps"]]
        their_scores = [float(pair[0]) for pair in b[row]["filtered_resps"]]
        assert ours_scores == pytest.approx(their_scores, abs=1e-4)
        assert a[row]["acc"] == b[row]["acc"]


def test_training_taught_the_labels(cli: Cli) -> None:
    """A model that never learned to answer would make the comparisons below say nothing."""
    tables = json.loads((cli.workspace / "stdout.json").read_text())["tasks"]
    tiny, tuned = tables[0]["models"]
    assert tiny["unparsed"] == ROWS
    assert tuned["unparsed"] < ROWS
    lineage = json.loads((cli.workspace / "checkpoints/tuned/lineage.json").read_text())
    assert lineage["samples"] == 64
    assert lineage["losses"][-1][1] < lineage["losses"][0][1]


def test_base_and_adapter_share_base_weights_but_not_identity(cli: Cli) -> None:
    identity = {
        name: json.loads((cli.workspace / f"out/models/{name}.json").read_text())["identity"]["weights"]
        for name in ("tiny", "tuned")
    }
    assert identity["tiny"] != identity["tuned"]
    assert identity["tiny"] in identity["tuned"]


def test_plain_lm_eval_gives_the_same_on_the_base(cli: Cli, tiny_llama: Path) -> None:
    out = lm_eval(
        cli,
        *("--model", "hf", "--model_args", f"pretrained={tiny_llama},dtype=float32", "--apply_chat_template"),
        out="plain-base",
    )
    assert_same(cli.workspace / "out/lm_eval/tiny", out)


def test_plain_lm_eval_gives_the_same_on_the_merged_export(cli: Cli) -> None:
    done = cli("export", "tuned", "--format", "hf")
    assert done.returncode == 0, done.stderr
    exported = done.stdout.strip()
    out = lm_eval(
        cli,
        *("--model", "hf", "--model_args", f"pretrained={exported},dtype=float32", "--apply_chat_template"),
        out="plain-merged",
    )
    assert_same(cli.workspace / "out/lm_eval/tuned", out)


def test_plain_lm_eval_gives_the_same_on_the_peft_export(cli: Cli, tiny_llama: Path) -> None:
    done = cli("export", "tuned", "--format", "peft")
    assert done.returncode == 0, done.stderr
    exported = done.stdout.strip()
    model = f"pretrained={tiny_llama},peft={exported},tokenizer={exported},dtype=float32"
    out = lm_eval(cli, "--model", "hf", "--model_args", model, "--apply_chat_template", out="plain-peft")
    assert_same(cli.workspace / "out/lm_eval/tuned", out)


def test_lm_evals_command_line_knows_our_models(cli: Cli) -> None:
    done = cli(
        *("lm-eval", "run", "--model", "entailbench", "--model_args", "name=tuned", "--apply_chat_template"),
        *("--tasks", *TASKS, "--limit", str(ROWS), "--output_path", "through-us", "--log_samples"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same(cli.workspace / "out/lm_eval/tuned", cli.workspace / "through-us")


def test_a_file_like_the_original_studys_trains_and_is_tested_with_its_prompt(cli: Cli) -> None:
    rows = [
        {
            "instruction": "Decide.",
            "input": f"Context: A{n} is taller than B{n}.\nQuestion: {n}?",
            "output": "entailment\n",
        }
        for n in range(24)
    ]
    (cli.workspace / "mine.json").write_text(json.dumps(rows))
    done = cli("finetune", "studied", "--data", "mine.json")
    assert done.returncode == 0, done.stderr
    lineage = json.loads((cli.workspace / "checkpoints/studied/lineage.json").read_text())
    assert lineage["data_file"].endswith("mine.json")
    assert (lineage["samples"], lineage["validation_samples"]) == (22, 2)
    done = cli("run", "--models", "studied", "--limit", "2", "--output", "studied")
    assert done.returncode == 0, done.stderr
    for row in samples(cli.workspace / "studied", "puzzte_generated").values():
        prompt = row["arguments"]["gen_args_0"]["arg_0"]
        assert "### Instruction:\nYour whole answer" in prompt
        assert f"### Input:\nContext: {row['doc']['context']}" in prompt
        assert prompt.endswith("### Response:\n")


def test_lm_eval_without_the_chat_template_is_refused(cli: Cli) -> None:
    """The prompt would be another than the one the model was trained with."""
    done = cli(
        *("lm-eval", "run", "--model", "entailbench", "--model_args", "name=tuned"),
        *("--tasks", "puzzte_generated", "--limit", "1"),
    )
    assert done.returncode == 2
    assert "add --apply_chat_template" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_training_does_not_overwrite_the_first_unasked(cli: Cli) -> None:
    done = cli("finetune", "tuned")
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
