"""How memory and time of a run grow with its rows: recorded answers of three models, so that only our own work counts.

    python benchmarks/load.py
    python benchmarks/load.py --rows 1000 10000 100000 --models 3

The rows are those of the shipped test split again and again, under new names. Each run is `entailbench run` in a
process of its own; memory is the most that it had at any time (resident, as the system counts it).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.resources
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from entailbench import LABELS

__all__ = ["Load", "command", "made", "measured"]

SKILLS = (0.6, 0.75, 0.9)
"""How often each model in turn is right."""
UNPARSED = 0.05
"""How often any of them says neither label."""


@dataclass(frozen=True)
class Load:
    """What a run of so many rows took."""

    rows: int
    models: int
    seconds: float
    """Wall time, from the start of the process to its end."""
    peak: int
    """Bytes."""
    written: int
    """Bytes of the run directory."""


def main() -> int:
    options = parsed()
    print(f"| rows | models | seconds | ms a row | peak memory, MiB | run directory, MiB |\n|{'---|' * 6}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            load = measured(Path(folder), rows, options.models)
        print(
            f"| {load.rows:,} | {load.models} | {load.seconds:,.1f} | {1000 * load.seconds / load.rows:.2f} | "
            f"{load.peak / 2**20:,.0f} | {load.written / 2**20:,.0f} |",
            flush=True,
        )
    return 0


def measured(workspace: Path, rows: int, models: int) -> Load:
    """Makes rows and answers, and runs over them."""
    names = made(workspace, rows, models)
    started = time.perf_counter()
    with (workspace / "said.txt").open("w+b") as file:
        process = subprocess.Popen(
            command(names),
            cwd=workspace,
            stdout=file,
            stderr=file,
            env={**os.environ, "ENTAILBENCH_GENERATED_DIR": str(workspace / "rows")},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            file.seek(0)
            sys.exit(f"the run of {rows:,} rows failed:\n{file.read().decode()}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    written = sum(path.stat().st_size for path in (workspace / "run").rglob("*") if path.is_file())
    return Load(rows, models, seconds, peak, written)


def command(names: list[str]) -> list[str]:
    """The command line of the run; its table goes nowhere."""
    return [sys.executable, "-m", "entailbench", "run", "--models", ",".join(names), "--output", "run"]


def made(workspace: Path, rows: int, models: int) -> list[str]:
    """Writes a data set, the models' answers and ``entailbench.toml``; returns the models' names."""
    folder = workspace / "rows"
    folder.mkdir()
    digest = hashlib.sha256()
    names = [f"model{number}" for number in range(1, models + 1)]
    chances = [random.Random(name) for name in names]
    answers = [(workspace / f"{name}.jsonl").open("w", encoding="utf-8") for name in names]
    with (folder / "test.jsonl").open("wb") as file:
        for number, row in enumerate(_rows(rows)):
            line = (json.dumps(row) + "\n").encode()
            digest.update(line)
            file.write(line)
            for which, (chance, answer) in enumerate(zip(chances, answers, strict=True)):
                said = _answer(row["label"], chance, SKILLS[which % len(SKILLS)])
                answer.write(json.dumps({"doc_id": number, "answer": said}) + "\n")
    for answer in answers:
        answer.close()
    manifest = {"files": {"test.jsonl": {"sha256": digest.hexdigest(), "rows": rows}}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    tables = [f'[models.{name}]\nbackend = "replay"\nanswers = "{name}.jsonl"\n' for name in names]
    (workspace / "entailbench.toml").write_text("\n".join(tables), encoding="utf-8")
    return names


def _rows(count: int) -> Iterator[dict[str, object]]:
    """The shipped rows, again and again; a copy is another puzzle, with another text: equal ones would be kept once."""
    shipped = importlib.resources.files("entailbench_data") / "puzzte_generated" / "test.jsonl"
    lines = shipped.read_text(encoding="utf-8").splitlines()
    for number in range(count):
        row = json.loads(lines[number % len(lines)])
        copy = number // len(lines)
        named = {name: f"{row[name]}-{copy}" for name in ("id", "puzzle")}
        yield {**row, **named, "context": f"{row['context']} ({copy + 1:,})"}


def _answer(label: object, chance: random.Random, skill: float) -> str:
    if chance.random() < UNPARSED:
        return "I cannot tell."
    return str(label) if chance.random() < skill else LABELS[label == LABELS[0]]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--models", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
