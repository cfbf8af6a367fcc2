"""Do entailbench and plain lm_eval give the same answers? Exits with 1 when one row differs.

    python benchmarks/parity.py --models base,lora --tasks puzzte,puzzte_mc --split validation --limit 200

Runs `entailbench run`, exports each model as a Hugging Face folder, runs `lm_eval run --model hf` on it, and compares
row by row: the prompt, the text, the label, and, for tasks that score candidates, the log-probabilities.
Puzzte is read from the folder that ENTAILBENCH_PUZZTE_DIR names, or from the hub.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TOLERANCE = 1e-4
"""Of log-probabilities in float32."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="base,lora")
    parser.add_argument("--tasks", default="puzzte_generated,puzzte_generated_mc")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=50)
    options = parser.parse_args()
    models, tasks = options.models.split(","), options.tasks.split(",")
    selection = ["--limit", str(options.limit)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        ours = folder / "ours"
        print(
            call(
                *("-m", "entailbench", "run", "--models", options.models, "--tasks", options.tasks),
                *("--split", options.split, *selection, "--no-cache", "--output", str(ours)),
            )
        )
        print(f"entailbench run: {time.monotonic() - began:.0f} s with start-up")
        include = call("-m", "entailbench", "tasks", "--path").strip()
        different = 0
        for model in models:
            exported, theirs = folder / model, folder / f"{model}-lm_eval"
            call("-m", "entailbench", "export", model, "--format", "hf", "--out", str(exported))
            began = time.monotonic()
            call(
                *("-m", "lm_eval", "run", "--include_path", include, "--tasks", *tasks, "--model", "hf"),
                *("--model_args", f"pretrained={exported},dtype=float32", "--batch_size", "16"),
                *("--apply_chat_template", "--metadata", f"split={options.split}", *selection),
                *("--output_path", str(theirs), "--log_samples"),
            )
            print(f"plain lm_eval on {model}: {time.monotonic() - began:.0f} s with start-up")
            for task in tasks:
                different += compare(model, task, ours / "lm_eval" / model, theirs)
    return 1 if different else 0


def call(*arguments: str) -> str:
    """Runs this Python with the arguments; its standard output."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def compare(model: str, task: str, ours: Path, theirs: Path) -> int:
    """Prints how one task compares; returns the number of rows that differ."""
    a, b = samples(ours, task), samples(theirs, task)
    if a.keys() != b.keys():
        print(f"{model} · {task}: not the same rows")
        return len(a.keys() ^ b.keys())
    prompts = sum(prompt(a[row]) != prompt(b[row]) for row in a)
    if len(next(iter(a.values()))["filtered_resps"]) > 1:
        worst = max(abs(x - y) for row in a for x, y in zip(scores(a[row]), scores(b[row]), strict=True))
        labels = sum(best(a[row]) != best(b[row]) for row in a)
        print(
            f"{model} · {task}: {len(a)} rows, {prompts} prompts and {labels} labels differ, largest difference of a "
            f"log-probability {worst:.1e}"
        )
        return prompts + labels + (worst > TOLERANCE)
    texts = sum(a[row]["resps"] != b[row]["resps"] for row in a)
    labels = sum(a[row]["filtered_resps"] != b[row]["filtered_resps"] for row in a)
    print(f"{model} · {task}: {len(a)} rows, {prompts} prompts, {texts} texts and {labels} labels differ")
    return prompts + texts + labels


def samples(folder: Path, task: str) -> dict[int, dict[str, Any]]:
    """lm-eval's samples of a task, by row."""
    (path,) = folder.rglob(f"samples_{task}_2*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["doc_id"]: row for row in rows}


def prompt(row: dict[str, Any]) -> str:
    return str(row["arguments"]["gen_args_0"]["arg_0"])


def scores(row: dict[str, Any]) -> list[float]:
    return [float(pair[0]) for pair in row["filtered_resps"]]


def best(row: dict[str, Any]) -> int:
    values = scores(row)
    return values.index(max(values))


if __name__ == "__main__":
    sys.exit(main())
