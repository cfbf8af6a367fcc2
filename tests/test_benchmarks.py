"""The benchmarks of answering run, at sizes that prove nothing but that."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def run(script: str, *arguments: object, model: Path) -> str:
    """What ``script`` prints on a tiny model and few generated rows."""
    done = subprocess.run(
        [
            *(sys.executable, str(FOLDER / script), "--pretrained", str(model), "--threads", "1"),
            *("--split", "validation", *map(str, arguments)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=400,
    )
    assert done.returncode == 0 or script == "precision.py", done.stderr
    return done.stdout


@pytest.fixture
def roomy_llama(tiny_llama: Path, tmp_path: Path) -> Path:
    """The tiny model with room for longer prompts."""
    folder = tmp_path / "roomy"
    shutil.copytree(tiny_llama, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 8192}), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_growth(roomy_llama: Path, tmp_path: Path) -> None:
    small = ("--rows-axis", "4,8", "--candidates-axis", "1,3", "--contexts-axis", "0,1", "--questions-axis", "1,4")
    figures, plot, table = (tmp_path / f"growth.{form}" for form in ("json", "svg", "md"))
    printed = run(
        *("growth.py", *small, "--rows-asked", 8, "--peer", "--peer-rows", 2, "--batch-size", 2),
        *("--json", figures, "--plot", plot, "--table", table),
        model=roomy_llama,
    )
    assert "questions about one puzzle 4: entailbench" in printed
    points = json.loads(figures.read_text(encoding="utf-8"))["points"]
    assert [(p["axis"], p["side"], p["rows"]) for p in points[:6]] == [
        ("rows", "entailbench", 4),
        ("rows", "lm-eval", 2),
        ("rows", "entailbench", 8),
        ("rows", "lm-eval", 2),
        ("candidates", "entailbench", 8),
        ("candidates", "lm-eval", 2),
    ]
    assert len(points) == 16
    short, long = (p["value"] for p in points if p["axis"] == "tokens" and p["side"] == "entailbench")
    assert long > 1.3 * short
    before = plot.read_text(encoding="utf-8")
    assert before.count("<svg") == 1
    lines = [line.strip("|\n").split("|") for line in table.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2 + 8
    assert {len(line) for line in lines} == {7}
    first, its = points[0], points[1]
    cpu = [each["cpu_seconds"] / each["rows"] for each in (first, its)]
    assert [cell.strip() for cell in lines[2]][:2] == ["4 rows", "4 · 2"]
    assert float(lines[2][3]) == pytest.approx(1000 * cpu[0], abs=0.06)
    assert float(lines[2][6]) == pytest.approx(cpu[1] / cpu[0], abs=0.06)
    plot.unlink()
    run("growth.py", "--drawn", figures, "--plot", plot, model=roomy_llama)
    assert plot.read_text(encoding="utf-8") == before


@pytest.mark.slow
def test_three_adapters_take_hardly_more_memory_than_their_base(smollm2: Path, cache_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "memory.py"), "--pretrained", str(smollm2), "--adapters", "3", "--limit", "4"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ENTAILBENCH_HOME": str(cache_home)},
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    ratio = re.search(r"ratio: ([\d.]+)", done.stdout)
    assert ratio, done.stdout
    assert float(ratio[1]) <= 1.15, done.stdout


@pytest.mark.soak
def test_precision(tiny_llama: Path) -> None:
    printed = run("precision.py", "--rows-asked", 5, model=tiny_llama)
    errors = re.findall(r"mean error ([\d.]+)", printed)
    assert len(errors) == 2
    assert all(0 < float(error) < 1 for error in errors)
    assert "ours minus lm-eval's" in printed


@pytest.mark.soak
def test_evaluate_with_shots(tiny_llama: Path) -> None:
    short = ("--limit", 4, "--pairs", 1, "--batch-sizes", "1,2", "--max-tokens", 3)
    printed = run("evaluate.py", *short, "--shots", 1, model=tiny_llama)
    assert "0 of 4 texts differ" in printed
    assert "times as fast" in printed
