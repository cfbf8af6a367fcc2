"""A run that goes on asks what is missing and nothing else, and only where it would be the same run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cached_models import Runs, asked, few_rows, interrupted, result
from entailbench import RunError, UsageError
from entailbench.cli import cli
from entailbench.errors import BudgetError
from entailbench.plugins import create_plugin_manager
from entailbench.resuming import find_unfinished, is_finished
from entailbench.run_lock import LOCK, RunLock
from same_results import assert_same, predictions
from servers import RecordingServer, Reply, Request, completion
from tiny_models import make_tiny_llama

PREDICTIONS = "out/predictions/tiny.jsonl"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_rows(tmp_path_factory.mktemp("rows"))


@pytest.fixture
def runs(workspace: Path, home: Path, rows: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Without a cache unless a test says so: what is asked again is to be seen."""
    monkeypatch.setenv("ENTAILBENCH_GENERATED_DIR", str(rows))
    runs = Runs(workspace, home)
    runs.hf(tiny=tiny_llama)
    return runs


@pytest.fixture
def stopped(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Begins a run of ``tiny`` into ``out`` and interrupts it after so many answers."""

    def begin(after: int = 4, *models: str, **config: Any) -> Path:
        with interrupted(monkeypatch, after):
            runs(*(models or ("tiny",)), **{"limit": 10, "cache": False, "output": Path("out"), **config})
        return runs.workspace / "out"

    return begin


def refusal(runs: Runs, **changes: Any) -> str:
    with pytest.raises(UsageError) as caught:
        runs.resume("out", **changes)
    return str(caught.value)


def test_tables_that_are_interrupted_can_be_made_later(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("entailbench.runner.analyse", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runs("tiny", limit=2, cache=False, output=Path("out"))
    out = runs.workspace / "out"
    command = f"entailbench report {out}"
    assert runs.messages[-1] == f"all answers are kept in {out}; what makes the tables of them: {command}"
    done = CliRunner().invoke(cli, [*command.split()[1:], "--format", "github"])
    assert done.exit_code == 0, done.output
    assert "| tiny" in done.output


def test_only_what_is_missing_is_asked(
    runs: Runs, stopped: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = stopped()
    assert runs.messages[-1] == (
        f"what was answered so far is kept in {out}; go on with it: entailbench run --resume {out} "
        f"--config {runs.workspace / 'entailbench.toml'}"
    )
    before = set(predictions(out))
    assert (len(before), is_finished(out)) == (4, False)
    with asked(monkeypatch) as prompts:
        resumed = runs.resume("out")
    assert len(prompts) == 6
    assert not before & {f"tiny.jsonl {prompt}" for prompt in prompts}
    assert "tiny: 4 rows are answered already" in runs.messages
    runs("tiny", limit=10, cache=False, output=Path("whole"))
    assert_same(out, runs.workspace / "whole")
    assert is_finished(out)
    # Nobody knows what the first four took.
    assert result(resumed).seconds is None
    assert len(list((out / "lm_eval/tiny").glob("samples_*"))) == 1


def test_candidates_and_perturbed_rows_too(
    runs: Runs, stopped: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"tasks": ("puzzte_generated_mc", "puzzte_generated"), "perturb": True, "limit": 3}
    out = stopped(2, **config)
    scored = sum("_mc/" in key for key in predictions(out))
    assert scored == 3
    with asked(monkeypatch) as prompts:
        runs.resume("out")
    whole = runs("tiny", cache=False, output=Path("whole"), **config)
    assert whole.tasks[0].perturbed
    assert len(prompts) == len(predictions(out)) - scored - 2
    assert_same(out, runs.workspace / "whole")


DAMAGED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "last line cut": lambda lines: [*lines[:-1], lines[-1][:-20]],
    "last line without its end": lambda lines: [*lines[:-1], lines[-1].rstrip(b"\n")],
    "cut within a character": lambda lines: [*lines[:-1], b'{"prompt_id": "\xe2\x82'],
    "zeros after a power cut": lambda lines: [*lines[:-1], b"\0" * 300 + b"\n"],
    "rubbish in the middle": lambda lines: [lines[0], b"rubbish\n", *lines[2:]],
    "another type": lambda lines: [*lines[:-1], b'{"prompt_id": 3, "asked": "x", "text": "entailment"}\n'],
    "no question": lambda lines: [*lines[:-1], lines[-1].replace(b'"asked"', b'"else"')],
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_lines_are_never_counted(runs: Runs, stopped: Callable[..., Path], how: str) -> None:
    out = stopped(5)
    file = runs.workspace / PREDICTIONS
    file.write_bytes(b"".join(DAMAGED[how](file.read_bytes().splitlines(keepends=True))))
    runs.resume("out")
    assert "tiny: 4 rows are answered already; 1 damaged line was taken out" in runs.messages
    assert len(predictions(out)) == 10


def test_a_line_that_stands_there_twice_counts_once(runs: Runs, stopped: Callable[..., Path]) -> None:
    out = stopped()
    file = runs.workspace / PREDICTIONS
    file.write_bytes(file.read_bytes() + file.read_bytes().splitlines(keepends=True)[0])
    runs.resume("out")
    assert len(predictions(out)) == 10


def test_an_answer_to_another_question_is_not_taken(runs: Runs, stopped: Callable[..., Path]) -> None:
    from entailbench import ModelError

    stopped()
    file = runs.workspace / PREDICTIONS
    file.write_text(re.sub(r'"asked": "....', '"asked": "0000', file.read_text(), count=1))
    with pytest.raises(ModelError, match=r"question puzzte_generated/\d+ of 'tiny' is not the one"):
        runs.resume("out")


def test_answers_that_could_not_be_judged_into_their_file_are_not_finished(
    runs: Runs, stopped: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = stopped()
    in_the_way = out / "judged/puzzte_generated/tiny.jsonl"
    in_the_way.mkdir(parents=True)
    with pytest.raises(RunError, match="cannot write"):
        runs.resume("out")
    assert not is_finished(out)
    in_the_way.rmdir()
    with asked(monkeypatch) as prompts:
        runs.resume("out")
    assert prompts == []
    assert is_finished(out)


class TestRefused:
    """What is different is named, before anything is asked."""

    def test_an_option(self, runs: Runs, stopped: Callable[..., Path], tiny_llama: Path) -> None:
        stopped()
        (runs.workspace / "entailbench.toml").open("a").write('dtype = "bfloat16"\n')
        message = refusal(runs)
        assert "models · tiny · dtype: 'auto' when the run began, 'bfloat16' now" in message
        assert "Change it back, or begin a new run" in message
        runs.hf(tiny=tiny_llama)
        # How many rows are computed at a time changes no answer.
        (runs.workspace / "entailbench.toml").open("a").write("batch_size = 2\n")
        runs.resume("out")

    def test_weights(self, runs: Runs, stopped: Callable[..., Path], tmp_path: Path) -> None:
        place = make_tiny_llama(tmp_path / "model", seed=1)
        runs.hf(tiny=place)
        out = stopped()
        before = (runs.workspace / PREDICTIONS).read_bytes()
        make_tiny_llama(place, seed=2)
        assert re.search(
            r"tiny is not the model that the run began with: weights: sha256:\w+ when the run began, sha256:\w+ now",
            refusal(runs),
        )
        assert (runs.workspace / PREDICTIONS).read_bytes() == before
        make_tiny_llama(place, seed=1)
        runs.resume("out")
        assert len(predictions(out)) == 10

    def test_rows_and_versions(
        self, runs: Runs, stopped: Callable[..., Path], rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = stopped()
        plan = json.loads((out / "plan.json").read_text())
        plan["versions"]["torch"] = "1.0"
        (out / "plan.json").write_text(json.dumps(plan))
        from entailbench.logic.generator import Dials, write_splits

        write_splits(tmp_path / "others", seed=2, sizes={"test": 80}, dials=Dials(families=("heights",), people=(3, 4)))
        monkeypatch.setenv("ENTAILBENCH_GENERATED_DIR", str(tmp_path / "others"))
        message = refusal(runs)
        assert "versions · torch: 1.0 when the run began" in message
        assert "tasks · puzzte_generated · sha256: sha256:" in message

    def test_what_is_asked(self, runs: Runs, stopped: Callable[..., Path]) -> None:
        stopped()
        assert "limit: 10 when the run began, 12 now" in refusal(runs, limit=12)

    def test_a_folder_without_a_run(self, runs: Runs, stopped: Callable[..., Path]) -> None:
        out = stopped()
        (out / "plan.json").unlink()
        assert "it stopped before it asked anything; begin a new run" in refusal(runs)
        (out / "config.json").unlink()
        assert "it has no config.json" in refusal(runs)

    def test_on_the_command_line(
        self, runs: Runs, stopped: Callable[..., Path], home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped()
        monkeypatch.chdir(runs.workspace)
        monkeypatch.setenv("ENTAILBENCH_HOME", str(home))

        def entailbench(*arguments: str) -> Result:
            plugins = create_plugin_manager(environment={})
            return CliRunner().invoke(cli, ["run", "--resume", "out", *arguments], obj=plugins)

        done = entailbench("--limit", "12", "--models", "tiny,other")
        assert isinstance(done.exception, UsageError)
        assert "--models: tiny when the run began, tiny,other now; --limit: 10 when" in str(done.exception)
        done = entailbench("--models", "tiny", "--max-errors", "3")
        assert done.exit_code == 0, done.output
        assert "going on in the run directory" in done.stderr
        assert "| tiny" in done.stdout


def test_a_plain_rerun_says_that_there_is_something_to_go_on_with(
    runs: Runs, stopped: Callable[..., Path], tiny_llama: Path
) -> None:
    out = stopped(4, output=None)
    (first,) = (runs.workspace / "runs").iterdir()
    command = f"entailbench run --resume {first} --config {runs.workspace / 'entailbench.toml'}"
    assert not out.exists()
    config = {"limit": 10, "cache": False}

    def said() -> bool:
        return f"{first} is the same run and was not finished; to go on with it: {command}" in runs.messages

    runs("tiny", **config)
    assert said()
    runs("tiny", **{**config, "limit": 9})
    assert not said()
    with pytest.raises(UsageError, match=re.escape(command)):
        runs("tiny", **config, output=first)
    lock = RunLock(first)
    plan = json.loads((first / "plan.json").read_text())
    assert find_unfinished(first.parent, plan) is None  # somebody is at it
    lock.release()
    assert find_unfinished(first.parent, plan) == first
    runs.resume(f"runs/{first.name}")
    runs("tiny", **config)
    assert not said()


def test_a_finished_model_is_not_opened_again(
    runs: Runs, stopped: Callable[..., Path], tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from entailbench_adapters.hf import HfBackend

    runs.hf(tiny=tiny_llama, other=tiny_llama)
    out = stopped(13, "tiny", "other")
    opened: list[str] = []
    real = HfBackend.open
    monkeypatch.setattr(HfBackend, "open", lambda self, o, c: (opened.append(c.name), real(self, o, c))[1])
    resumed = runs.resume("out")
    assert opened == ["other"]
    assert "tiny is finished" in runs.messages
    assert result(resumed, 0).seconds is not None
    runs.resume("out")
    assert opened == ["other"]
    runs("tiny", "other", limit=10, cache=False, output=Path("whole"))
    assert_same(out, runs.workspace / "whole")


class TestApi:
    """What was paid is paid."""

    @pytest.fixture
    def api(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        monkeypatch.setenv("OPENAI_API_KEY", "any")

        def configure(server: RecordingServer, **options: Any) -> None:
            given = {"model": "m", "base_url": server.url, "max_retries": 0, "concurrency": 1, **options}
            text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
            runs.models(f'[models.api]\nbackend = "openai"\n{text}price = {{input = 1.0, output = 1.0}}\n')

        return configure

    def test_the_budget_holds_for_all_starts(self, runs: Runs, api: Callable[..., None]) -> None:
        def answer(request: Request) -> Reply:
            body = completion("entailment", "m-1")
            return Reply(body={**body, "usage": {"prompt_tokens": 1000, "completion_tokens": 1, "total_tokens": 1001}})

        with RecordingServer(answer) as server:
            api(server)
            with pytest.raises(BudgetError):
                runs("api", limit=10, cache=False, budget=0.0055, output=Path("out"))
            asked = len(server.requests)
            assert 0 < asked < 10
            with pytest.raises(BudgetError, match="it was not sent"):
                runs.resume("out")
            assert len(server.requests) == asked
            # More money, and a server that is treated gently, are no other run.
            api(server, concurrency=2, timeout=30.0)
            done = runs.resume("out", budget=1.0)
            assert len(server.requests) == 10
        usage = result(done).usage
        assert usage is not None
        assert (usage.requests, usage.input_tokens) == (10, 10_000)
        assert usage.dollars == pytest.approx(10 * 1001e-6)
        assert result(done).title == f"api (m-1 at {server.url})"

    def test_errors_are_asked_again(self, runs: Runs, api: Callable[..., None]) -> None:
        broken = True

        def answer(request: Request) -> Any:
            return Reply.error(500, "out of order") if broken and len(server.requests) > 3 else "entailment"

        with RecordingServer(answer) as server:
            api(server)
            with pytest.raises(Exception, match="rows without an answer"):
                runs("api", limit=10, cache=False, max_errors=2, output=Path("out"))
            broken = False
            done = runs.resume("out")
        assert "api: 3 rows are answered already; 3 errors are asked again" in runs.messages
        assert result(done).errors == 0
        assert len(predictions(runs.workspace / "out")) == 10


def test_a_lock_that_was_left_behind_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"pid": 1, "host": "elsewhere"}')
    first = RunLock(tmp_path)
    with pytest.raises(UsageError, match=r"another run, process \d+: wait for its end"):
        RunLock(tmp_path)
    first.release()
    assert not (tmp_path / LOCK).exists()
    RunLock(tmp_path).release()
