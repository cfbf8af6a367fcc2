"""The command line as a person meets it: exit codes, what is on stdout and what on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from entailbench.errors import RunError
from entailbench.run_directory import PredictionsFile
from servers import RecordingServer


class Cli:
    """Runs ``python -m entailbench`` in a folder of its own."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self.workspace = workspace
        self.environment = {**os.environ, "ENTAILBENCH_HOME": str(home)}

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "entailbench", *arguments],
            capture_output=True,
            text=True,
            cwd=self.workspace,
            env={**self.environment, **environment},
        )

    def config(self, text: str) -> None:
        (self.workspace / "entailbench.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def cli(workspace: Path, home: Path) -> Cli:
    return Cli(workspace, home)


def one_message(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The single message of a command that failed as the user's mistake."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    messages = [line for line in done.stderr.splitlines() if line.startswith("entailbench: ")]
    assert len(messages) == 1, done.stderr
    return done.stderr


def test_unknown_model(cli: Cli) -> None:
    assert "unknown model 'loar', did you mean 'lora'?" in one_message(cli("run", "--models", "loar"), 2)


def test_unknown_task(cli: Cli) -> None:
    cli.config('[models.r]\nbackend = "replay"\nanswers = "a.jsonl"\n')
    (cli.workspace / "a.jsonl").write_text('{"doc_id": 0, "answer": "entailment"}\n')
    assert "unknown task 'puzte', did you mean 'puzzte'?" in one_message(
        cli("run", "--models", "r", "--tasks", "puzte"), 2
    )


def test_unknown_command(cli: Cli) -> None:
    assert "unknown command 'rnu', did you mean 'run'?" in one_message(cli("rnu"), 2)


def test_malformed_configuration(cli: Cli) -> None:
    cli.config("[models.a]\nbackend = 'hf\n")
    assert "is not valid TOML" in one_message(cli("models"), 2)


def test_a_missing_key_is_one_line_before_any_compute(cli: Cli) -> None:
    """Also when the other models could have run."""
    cli.config('[models.r]\nbackend = "replay"\nanswers = "a.jsonl"\n')
    (cli.workspace / "a.jsonl").write_text('{"doc_id": 0, "answer": "entailment"}\n')
    done = cli("run", "--models", "r,gpt35", "--limit", "1")
    assert "OPENAI_API_KEY is not set" in one_message(done, 2)
    assert done.stderr.count("\n") == 1
    assert not (cli.workspace / "runs").exists()


def add_plugin(site: Path, name: str, code: str) -> str:
    """Lays out an installed package with one entry point; returns what ``PYTHONPATH`` must be."""
    package = site / f"plugin_{name}-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[entailbench]\n{name} = plugin_{name}\n")
    (site / f"plugin_{name}.py").write_text(f"from entailbench import ModelSpec, hookimpl\n\n@hookimpl\n{code}\n")
    return str(site)


def test_two_plugins_with_the_same_model_name(cli: Cli, tmp_path: Path) -> None:
    for name in ("one", "two"):
        site = add_plugin(tmp_path, name, "def entailbench_models(): return [ModelSpec('twin', backend='hf')]")
    message = one_message(cli("models", PYTHONPATH=site), 2)
    assert "plugins 'one' and 'two' both declare the model 'twin'" in message


def test_a_plugin_whose_hook_raises_is_named_and_the_others_work(cli: Cli, tmp_path: Path) -> None:
    site = add_plugin(tmp_path, "raises", "def entailbench_models(): raise RuntimeError('no luck')")
    done = cli("models", PYTHONPATH=site)
    assert done.returncode == 0
    assert "gpt35" in done.stdout
    assert done.stderr == "entailbench: plugin 'raises' (plugin-raises 1) was left out: RuntimeError: no luck\n"


def test_unknown_arguments_of_our_model_under_lm_eval(cli: Cli) -> None:
    done = cli("lm-eval", "run", "--model", "entailbench", "--model_args", "nam=base", "--tasks", "puzzte_generated")
    assert done.returncode == 2
    assert "does not know nam: its --model_args are name and config" in done.stderr
    assert "Traceback" not in done.stderr


def test_sft_into_a_file(cli: Cli) -> None:
    (cli.workspace / "taken").write_text("")
    assert "choose another --out" in one_message(cli("sft", "--out", "taken"), 2)


def test_a_full_standard_output(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "entailbench", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cli.workspace,
            env=cli.environment,
        )
    assert done.returncode == 1
    assert "no space left on device" in done.stderr


def test_a_bug_keeps_its_traceback(cli: Cli, tmp_path: Path) -> None:
    code = (
        "def entailbench_commands(cli):\n"
        "    import click\n"
        "    cli.add_command(click.Command('explode', callback=lambda: 1 / 0))"
    )
    site = add_plugin(tmp_path, "bug", code)
    done = cli("explode", PYTHONPATH=site)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_tasks_path_is_the_folder_of_our_own_tasks(cli: Cli) -> None:
    done = cli("tasks", "--path")
    assert done.returncode == 0
    assert (Path(done.stdout.strip()) / "puzzte.yaml").is_file()
    listed = cli("tasks", "--json")
    assert {row["task"] for row in json.loads(listed.stdout)} >= {"puzzte", "puzzte_mc", "puzzte_generated"}


def test_models_say_why_they_cannot_run(cli: Cli) -> None:
    rows = {row["name"]: row for row in json.loads(cli("models", "--json").stdout)}
    assert rows["base"]["can_run"]
    assert "entailbench finetune quick" in rows["quick"]["problems"][0]
    assert "OPENAI_API_KEY" in rows["gpt35"]["problems"][0]


def test_init_writes_a_configuration_and_does_not_overwrite_it(cli: Cli) -> None:
    assert cli("init", "--preset", "mistral-7b").returncode == 0
    assert "mistralai/Mistral-7B-Instruct-v0.2" in cli("models").stdout
    assert "--force" in one_message(cli("init"), 2)


def test_sft_writes_the_studys_layout(cli: Cli) -> None:
    cli.config('[models.quick.train]\ntarget = "label"\nsamples = 4\nvalidation_samples = 2\n')
    done = cli("sft")
    assert done.returncode == 0, done.stderr
    rows = json.loads((cli.workspace / "data/sft-data/train.json").read_text())
    assert len(rows) == 4
    assert set(rows[0]) == {"instruction", "input", "output"}
    assert rows[0]["output"] in ("entailment", "not entailment")
    assert len(json.loads((cli.workspace / "data/sft-data/val.json").read_text())) == 2


def test_the_endpoint_and_the_model_served_stand_in_the_table(cli: Cli) -> None:
    with RecordingServer(lambda request: "not entailment", model="stand-in") as server:
        cli.config(f'[models.gpt35]\nbase_url = "{server.url}"\n')
        done = cli("run", "--models", "gpt35", "--limit", "5", OPENAI_API_KEY="secret-key")
    assert done.returncode == 0, done.stderr
    assert f"gpt35 (stand-in at {server.url})" in done.stdout
    assert done.stdout.startswith("puzzte_generated · test split · 5 rows")
    everything = (
        done.stdout
        + done.stderr
        + "".join(path.read_text() for path in (cli.workspace / "runs").rglob("*") if path.is_file())
    )
    assert "secret-key" not in everything


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "told to end (SIGTERM)")],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_an_interruption_keeps_what_was_done(cli: Cli, number: signal.Signals, code: int, told: str) -> None:
    release = threading.Event()
    answered = threading.Semaphore(0)
    count = iter(range(10**6))

    def answer(request: object) -> str:
        if next(count) >= 3:
            release.wait(60)
        answered.release()
        return "entailment"

    with RecordingServer(answer) as server:
        cli.config(f'[models.gpt35]\nbase_url = "{server.url}"\nconcurrency = 1\n')
        process = subprocess.Popen(
            [sys.executable, "-m", "entailbench", "run", "--models", "gpt35", "--limit", "9", "--output", "out"],
            cwd=cli.workspace,
            env={**cli.environment, "OPENAI_API_KEY": "x"},
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in a shell's background inherit "ignore Ctrl-C", and so would this one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        predictions = cli.workspace / "out/predictions/gpt35.jsonl"
        try:
            deadline = time.monotonic() + 120
            while not (predictions.exists() and predictions.read_text().count("\n") == 3):
                assert time.monotonic() < deadline, "the run did not get going"
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.1)
            process.send_signal(number)
            # The request in flight is let go, so that the client can end.
            threading.Timer(1, release.set).start()
            _, errors = process.communicate(timeout=60)
        finally:
            release.set()
            process.kill()
            process.wait()
    assert process.returncode == code, errors
    assert "what was answered so far is kept in" in errors
    assert "go on with it: entailbench run --resume out" in errors
    assert errors.endswith(f"entailbench: {told}\n")
    assert "Traceback" not in errors
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [row["doc_id"] for row in rows[:3]] == [0, 1, 2]


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own, for which only root's rights will do."""
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def run_into(cli: Cli, folder: Path) -> subprocess.CompletedProcess[str]:
    cli.config('[models.r]\nbackend = "replay"\nanswers = "a.jsonl"\n')
    (cli.workspace / "a.jsonl").write_text('{"doc_id": 0, "answer": "entailment"}\n')
    return cli("run", "--models", "r", "--limit", "1", "--output", str(folder / "out"))


def test_a_read_only_output_folder(cli: Cli, tmp_path: Path) -> None:
    with mounted(tmp_path / "read-only", "size=1m,ro") as folder:
        assert "cannot be written (read-only): choose another --output" in one_message(run_into(cli, folder), 2)


def test_a_full_output_folder(cli: Cli, tmp_path: Path) -> None:
    with mounted(tmp_path / "full", "size=1m") as folder:
        message = one_message(run_into(cli, folder), 2)
    assert re.search(r"only \d+ MB are free for the output folder", message)


def test_a_disk_that_fills_up_during_the_run() -> None:
    file = PredictionsFile(Path("/dev/full"))
    with pytest.raises(RunError, match="No space left on device; the answers before this one are kept"):
        file.append({"text": "x"})


def test_the_output_can_be_piped_into_head(cli: Cli) -> None:
    done = subprocess.run(
        f"{sys.executable} -m entailbench models | head -n 1",
        shell=True,
        cwd=cli.workspace,
        env=cli.environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
