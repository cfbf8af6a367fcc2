"""lm-eval's caches hold pickles. Whatever lies in them, and whoever asks for them, ours never reads one."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostile_words import entailbench, write_models, write_rows

ROWS = 6
KEYS = """
import sys
import lm_eval.api.task
from lm_eval.caching import cache
from lm_eval.caching.cache import load_from_cache
before = lm_eval.api.task.load_from_cache
def told(file_name, cache=False):
    print("CACHE", lm_eval.caching.cache._cache_file_path(file_name), flush=True)
import entailbench.harness_tasks, contextlib
import entailbench.harness
entailbench.harness.without_pickled_caches = contextlib.nullcontext
lm_eval.api.task.load_from_cache = told
from entailbench.cli import main
main(sys.argv[1:])
"""
"""Runs entailbench and prints the files where lm-eval would look for built requests."""
LOADS = "import sys; from lm_eval.caching.cache import load_from_cache; load_from_cache(sys.argv[1], cache=True)"


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo owned > '{self.canary}'",)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "the code in a cache was run"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [
        {
            "id": str(n),
            "puzzle": str(n),
            "context": "Ada is taller than Bo.",
            "question": f"{n}?",
            "label": "entailment",
        }
        for n in range(ROWS)
    ]
    workspace = tmp_path / "workspace"
    write_rows(workspace / "rows", rows)
    write_models(workspace, ROWS)
    return workspace


def environment(place: Path) -> dict[str, str]:
    return {"ENTAILBENCH_GENERATED_DIR": str(place / "rows"), "LM_HARNESS_CACHE_PATH": str(place.parent / "cache")}


def poisoned(place: Path, canary: Path, arguments: list[str]) -> list[Path]:
    """Writes the payload wherever lm-eval would look during this command."""
    told = subprocess.run(
        [sys.executable, "-c", KEYS, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        env={**os.environ, **environment(place)},
    )
    paths = [Path(line.split(" ", 1)[1]) for line in told.stdout.splitlines() if line.startswith("CACHE ")]
    assert paths, told.stderr
    (place.parent / "cache").mkdir()
    for path in paths:
        assert path.parent == place.parent / "cache"
        path.write_bytes(pickle.dumps(Payload(canary)))
    return paths


def test_a_poisoned_request_cache(place: Path, canary: Path) -> None:
    arguments = ["run", "--models", "first,second"]
    poisoned(place, canary, arguments)
    done = entailbench(place, *arguments, "--output", "out", **environment(place))
    assert done.returncode == 0, done.stderr


def test_the_poison_works(place: Path, tmp_path: Path) -> None:
    """Read as lm-eval reads it when it is told to cache requests, it runs."""
    victim = tmp_path / "victim"
    (path, *_) = poisoned(place, victim, ["run", "--models", "first"])
    name = path.name.rpartition(".pickle")[0].rpartition(".")[0]
    env = {**os.environ, **environment(place)}
    subprocess.run([sys.executable, "-c", LOADS, name], cwd=place, env=env, capture_output=True)
    assert victim.exists()


LM_EVAL = (
    *("lm-eval", "run", "--model", "entailbench", "--model_args", "name=first", "--tasks", "puzzte_generated"),
    *("--apply_chat_template", "--limit", "2"),
)


@pytest.mark.parametrize("choice", ["true", pytest.param("refresh", marks=pytest.mark.soak)])
def test_asking_for_the_request_cache(place: Path, canary: Path, choice: str) -> None:
    poisoned(place, canary, ["run", "--models", "first"])
    done = entailbench(place, *LM_EVAL, "--cache_requests", choice, **environment(place))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "--cache_requests reads pickles" in done.stderr


def test_asking_for_the_answer_cache(place: Path, canary: Path) -> None:
    with sqlite3.connect(place / "answers_rank0.db") as base:
        base.execute('CREATE TABLE "unnamed" (key TEXT PRIMARY KEY, value BLOB)')
        base.execute('INSERT INTO "unnamed" VALUES (?, ?)', ("x", pickle.dumps(Payload(canary))))
    done = entailbench(place, *LM_EVAL, "--use_cache", "answers", **environment(place))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "--use_cache reads pickles" in done.stderr


def test_without_them_it_runs(place: Path) -> None:
    done = entailbench(place, *LM_EVAL, **environment(place))
    assert done.returncode == 0, done.stderr
    assert "puzzte_generated" in done.stdout
