"""Runs that are killed at any moment and go on: nothing is lost, nothing is there twice, and the results are the same.

The processes are real ones, the model is a real tiny one, the server a real one in a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cached_models import few_rows
from entailbench.answer_cache import verify_cache
from entailbench.run_lock import LOCK
from faulty_api import Api, faulty_api
from forking import Ended, Forked, Forks
from same_results import assert_same, predictions
from test_cli import mounted

pytestmark = pytest.mark.slow

ROWS = 60
MODELS = {"hf": ("tiny",), "openai": ("api",), "both": ("tiny", "api")}
"""What is run, by kind."""


@dataclass
class Place:
    """A workspace with models and rows, and runs that were not disturbed."""

    forks: Forks
    folder: Path
    rows: Path
    api: Api
    count: int = 0

    def start(self, *arguments: str, home: str, prelude: str = "") -> Forked:
        return self.forks.start(
            ["run", *arguments],
            self.folder,
            prelude,
            ENTAILBENCH_HOME=str(self.folder / home),
            ENTAILBENCH_GENERATED_DIR=str(self.rows),
            OPENAI_API_KEY="any",
        )

    def begin(self, kind: str, out: Path, *arguments: str, home: str, prelude: str = "") -> Forked:
        models = ("--models", ",".join(MODELS[kind]), "--limit", str(ROWS))
        return self.start(*models, "--output", str(out), *arguments, home=home, prelude=prelude)

    def resume(self, out: Path, *, home: str, prelude: str = "") -> Forked:
        return self.start("--resume", str(out), home=home, prelude=prelude)

    def new(self) -> tuple[Path, str]:
        """A run directory and a cache that do not exist yet."""
        self.count += 1
        return self.folder / f"run{self.count}", f"home{self.count}"

    def undisturbed(self, kind: str) -> tuple[Path, float]:
        """A run from beginning to end, and how many seconds it took."""
        out = self.folder / f"undisturbed-{kind}"
        time_of = self.folder / f"undisturbed-{kind}.seconds"
        if not time_of.exists():
            began = time.monotonic()
            done = self.begin(kind, out, home=f"home-{kind}").wait()
            assert done.code == 0, done.err
            time_of.write_text(str(time.monotonic() - began))
        return out, float(time_of.read_text())


@pytest.fixture(scope="module")
def place(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("kills")
    with Forks() as forks, faulty_api(latency=0.03, logprobs=True) as api:
        (folder / "entailbench.toml").write_text(
            f'[models.tiny]\nbackend = "hf"\npretrained = "{tiny_llama}"\ndevice = "cpu"\nbatch_size = 1\n'
            f'[models.api]\nbackend = "openai"\nmodel = "m"\nbase_url = "{api.url}"\nconcurrency = 4\nbackoff = 0.02\n'
        )
        yield Place(forks, folder, few_rows(folder / "rows"), api)


def lines(out: Path) -> int:
    """How many answers were written so far."""
    return sum(path.read_bytes().count(b"\n") for path in out.glob("predictions/*.jsonl"))


def wait_for_lines(process: Forked, out: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while process.running and lines(out) < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def killed(place: Place, process: Forked, out: Path, chance: random.Random, rows: int, seconds: float) -> Ended:
    """Kills a process at a random moment: after so many rows, or after a part of the time that a whole run takes."""
    if chance.random() < 0.6:
        wait_for_lines(process, out, chance.randrange(1, rows))
        time.sleep(chance.random() * 0.01)
    else:
        time.sleep(chance.random() * seconds)
    process.kill(signal.SIGKILL)
    return process.wait()


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("both", 3),
        *(pytest.param(kind, seed, marks=pytest.mark.soak) for kind in MODELS for seed in range(100, 130)),
    ],
)
def test_a_run_that_is_killed_goes_on(place: Place, kind: str, seed: int) -> None:
    reference, seconds = place.undisturbed(kind)
    chance = random.Random(seed)
    out, home = place.new()
    options = ["--no-cache"] if chance.random() < 0.3 else []
    rows = ROWS * len(MODELS[kind])
    done = killed(place, place.begin(kind, out, *options, home=home), out, chance, rows, seconds)
    kills = int(done.code == -signal.SIGKILL)
    while not (out / "report.html").exists():
        if not (out / "plan.json").exists():
            # It had asked nothing yet, and says that there is nothing to go on with.
            refused = place.resume(out, home=home).wait()
            assert refused.code == 2, refused.err
            shutil.rmtree(out, ignore_errors=True)
            process = place.begin(kind, out, *options, home=home)
        else:
            process = place.resume(out, home=home)
        if kills and kills < 4 and chance.random() < 0.4:
            left = max(2, rows - lines(out)) + lines(out)
            done = killed(place, process, out, chance, left, seconds)
            kills += done.code == -signal.SIGKILL
        else:
            done = process.wait()
        assert done.code in (0, -signal.SIGKILL), done.err
    done = place.resume(out, home=home).wait()  # a finished run asks nothing, and says the same
    assert done.code == 0, done.err
    assert_same(out, reference)
    assert len(predictions(out)) == rows
    assert not (out / LOCK).exists()
    if (place.folder / home / "answers.sqlite3").exists():
        assert verify_cache(place.folder / home) == []


SIGNALS = {"SIGTERM": (signal.SIGTERM, 143), "Ctrl-C": (signal.SIGINT, 130)}


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        pytest.param(kind, *SIGNALS[name], id=f"{kind}-{name}", marks=[] if kind == usual else pytest.mark.soak)
        for name, usual in (("SIGTERM", ""), ("Ctrl-C", "both"))
        for kind in MODELS
    ],
)
def test_a_run_that_is_told_to_end_goes_on(place: Place, kind: str, number: signal.Signals, code: int) -> None:
    reference, _ = place.undisturbed(kind)
    out, home = place.new()
    process = place.begin(kind, out, home=home)
    wait_for_lines(process, out, 7)
    process.kill(number)
    done = process.wait()
    assert done.code == code, done.err
    assert f"go on with it: entailbench run --resume {out.name}" in done.err
    done = place.resume(out, home=home).wait()
    assert done.code == 0, done.err
    assert_same(out, reference)


def test_a_disk_that_fills_up(place: Place, tmp_path: Path) -> None:
    """The disk of the run directory; a line that was cut by it is asked again."""
    reference, _ = place.undisturbed("both")
    _, home = place.new()
    with mounted(tmp_path / "disk", "size=70m") as disk:
        out = disk / "run"
        process = place.begin("both", out, "--no-cache", home=home)
        wait_for_lines(process, out, 3)
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"x" * 65536):
                pass
        done = process.wait()
        assert done.code == 1, done.err
        assert "No space left on device" in done.err
        assert f"--resume {out}" in done.err
        assert 3 <= lines(out) < 2 * ROWS
        (disk / "ballast").unlink()
        done = place.resume(out, home=home).wait()
        assert done.code == 0, done.err
        assert_same(out, reference)


JUMPS = """
import datetime, itertools, time
import entailbench.run_directory
real, calls = time.time, itertools.count()
YEAR = 365 * 86400.0
time.time = lambda: real() + YEAR * ((next(calls) * 7) % 5 - 2)
class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)
entailbench.run_directory.datetime = Jumping
"""
"""Whoever asks for the time is told another year."""


@pytest.mark.parametrize("kind", ["both", *(pytest.param(k, marks=pytest.mark.soak) for k in ("hf", "openai"))])
def test_a_clock_that_jumps(place: Place, kind: str) -> None:
    reference, _ = place.undisturbed(kind)
    out, home = place.new()
    process = place.begin(kind, out, home=home, prelude=JUMPS)
    wait_for_lines(process, out, 20)
    process.kill(signal.SIGKILL)
    process.wait()
    done = place.resume(out, home=home, prelude=JUMPS).wait()
    assert done.code == 0, done.err
    assert_same(out, reference)
    report = json.loads((out / "report.json").read_text())
    assert all(0 <= (model["seconds"] or 0.0) < 600 for model in report["tasks"][0]["models"])


def test_two_runs_in_one_directory(place: Place) -> None:
    """The second one names the first one's process; a killed one's lock keeps nobody out."""
    out, home = place.new()
    first = place.begin("openai", out, "--no-cache", home=home)
    wait_for_lines(first, out, 2)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        for second in (place.resume(out, home=home), place.begin("openai", out, home=home)):
            done = second.wait()
            assert done.code == 2, done.err
            assert f"{out} is being written by another run, process {first.pid}: wait for its end" in done.err
            assert done.out == ""
    finally:
        os.kill(first.pid, signal.SIGCONT)
    first.kill(signal.SIGKILL)
    first.wait()
    assert json.loads((out / LOCK).read_text())["pid"] == first.pid
    assert place.resume(out, home=home).wait().code == 0
    assert len(predictions(out)) == ROWS


@pytest.mark.soak
def test_two_runs_share_a_cache_and_one_is_killed(place: Place) -> None:
    """Both write the same answers at the same time."""
    reference, _ = place.undisturbed("both")
    (one, home), (other, _) = place.new(), place.new()
    runs = [place.begin("both", out, home=home) for out in (one, other)]
    wait_for_lines(runs[0], one, 30)
    runs[0].kill(signal.SIGKILL)
    assert runs[0].wait().code == -signal.SIGKILL
    assert runs[1].wait().code == 0
    assert place.resume(one, home=home).wait().code == 0
    assert_same(one, reference)
    assert_same(other, reference)
    assert verify_cache(place.folder / home) == []
    with sqlite3.connect(place.folder / home / "answers.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (2 * ROWS,)
