"""Several models of one run: some are asked elsewhere while others compute here, and nothing waits for a disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from entailbench import (
    Answer,
    Backend,
    Decoding,
    Model,
    ModelError,
    ModelIdentity,
    OpenContext,
    Prompt,
    RunError,
    hookimpl,
)
from entailbench.elsewhere import Elsewhere, Listener
from entailbench.harness_questions import Question
from entailbench.plugins import create_plugin_manager
from entailbench.reading_ahead import ReadingAhead
from entailbench.registry import Registry, load_registry
from entailbench.runner import Outcome, RunConfig, run
from entailbench.writing_behind import GRACE_SECONDS, WritingBehind
from entailbench_adapters.openai import OpenaiBackend
from model_plugins import known_plugin
from servers import RecordingServer, Reply, Request
from test_run import Quiet

PATIENCE = 20.0
"""Seconds after which something that should have happened counts as not happening."""


@dataclass(frozen=True)
class Script:
    """What a ``Scripted`` model does besides answering every row with "entailment"."""

    at: Callable[[int], None] = lambda row: None
    """Called with the number of each row before it is answered."""
    opened: Callable[[], None] = lambda: None
    weights: tuple[Path, ...] = ()
    text: str = "entailment"
    done: threading.Event = field(default_factory=threading.Event)
    """Set when the last row was answered."""


@dataclass(frozen=True)
class ScriptedOptions:
    script: str


class Scripted(Model):
    def __init__(self, script: Script) -> None:
        self.script = script

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(backend="scripted", weights="none")

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        for number, prompt in enumerate(prompts):
            self.script.at(number)
            yield Answer(prompt.id, self.script.text)
        self.script.done.set()


class ScriptedBackend(Backend):
    name = "scripted"
    Options = ScriptedOptions

    def __init__(self, scripts: dict[str, Script]) -> None:
        self.scripts = scripts

    def weight_files(self, options: ScriptedOptions, context: OpenContext) -> Iterable[Path]:
        return self.scripts[options.script].weights

    def open(self, options: ScriptedOptions, context: OpenContext) -> Model:
        self.scripts[options.script].opened()
        return Scripted(self.scripts[options.script])


@pytest.fixture
def prepared(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    """A registry with scripted models, and one of the ``openai`` backend for each server."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")

    def make(scripts: dict[str, Script] | None = None, **servers: RecordingServer) -> Registry:
        module = types.ModuleType("scripted_plugin")
        module.entailbench_backends = hookimpl(lambda: [ScriptedBackend(scripts or {})])  # type: ignore[attr-defined]
        lines = [f'[models.{name}]\nbackend = "scripted"\nscript = "{name}"\n' for name in scripts or {}]
        lines += [
            f'[models.{name}]\nbackend = "openai"\nmodel = "m"\nbase_url = "{server.url}"\nconcurrency = 2\n'
            "max_retries = 0\n"
            for name, server in servers.items()
        ]
        (workspace / "entailbench.toml").write_text("\n".join(lines))
        plugins = create_plugin_manager(environment={}, extra={"known": known_plugin(), "scripted": module})
        return load_registry(plugins, workspace=workspace, home=home)

    return make


def ran(registry: Registry, observer: Quiet | None = None, **config: Any) -> Outcome:
    return run(RunConfig(**{"limit": 4, "output": Path("out"), **config}), registry, observer or Quiet())


def texts(workspace: Path, name: str, run: str = "out") -> dict[int, str]:
    lines = (workspace / run / "predictions" / f"{name}.jsonl").read_text().splitlines()
    return {row["doc_id"]: row["text"] for row in map(json.loads, lines) if row.get("outcome") != "error"}


def in_vain(awaited: threading.Event) -> bool:
    return not awaited.wait(PATIENCE)


def meeting(met: threading.Barrier) -> Callable[[Request], str]:
    """Answers of a server whose first one waits for the others of ``met``."""
    first = threading.Event()

    def answer(request: Request) -> str:
        if not first.is_set():
            first.set()
            met.wait()
        return "entailment"

    return answer


class TestElsewhere:
    def test_an_api_is_asked_while_a_model_computes(self, prepared: Callable[..., Registry]) -> None:
        met = threading.Barrier(2, timeout=PATIENCE)
        with RecordingServer(meeting(met)) as server:
            # It stands behind the one that computes: its turn would come afterwards.
            registry = prepared({"here": Script(at=lambda row: row or met.wait())}, api=server)
            ran(registry, models=("here", "api"))
        assert not met.broken

    def test_two_apis_are_asked_at_a_time(self, prepared: Callable[..., Registry]) -> None:
        met = threading.Barrier(2, timeout=PATIENCE)
        with RecordingServer(meeting(met)) as one, RecordingServer(meeting(met)) as other:
            ran(prepared(one=one, other=other), models=("one", "other"))
        # A server that has waited in vain is asked again.
        assert not met.broken

    @pytest.mark.parametrize("perturb", [False, True])
    def test_nothing_that_is_found_depends_on_it(
        self, perturb: bool, prepared: Callable[..., Registry], workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answer(request: Request) -> str:
            return "entailment" if len(request.user) % 2 else "not entailment \ud83d"

        names = ("inverted", "one", "perfect", "other")
        tasks = ("puzzte_generated", "puzzte_fresh")
        config: dict[str, Any] = {"models": names, "tasks": tasks, "perturb": perturb}
        config["metadata"] = {"fresh_seed": 3, "fresh_count": 2}
        with RecordingServer(answer) as one, RecordingServer(answer) as other:
            registry = prepared(one=one, other=other)
            overlapping = ran(registry, **config, cache=False, output=Path("overlapping"))
            asked = len(one.requests)
            monkeypatch.setattr(OpenaiBackend, "remote", False)
            alone = ran(registry, **config, cache=False, output=Path("alone"))
            assert len(one.requests) == 2 * asked
        for with_it, without in zip(overlapping.tasks, alone.tasks, strict=True):
            assert [model.name for model in with_it.models] == list(names)
            assert [model.answers for model in with_it.models] == [model.answers for model in without.models]
            assert [model.perturbed for model in with_it.models] == [model.perturbed for model in without.models]
            assert all(model.perturbed for model in with_it.models) is perturb
            assert all(model.seconds > 0 for model in with_it.models)
        for name in names:
            written = [
                sorted((workspace / kind / "predictions" / f"{name}.jsonl").read_text().splitlines())
                for kind in ("overlapping", "alone")
            ]
            assert written[0] == written[1]
            described = [
                json.loads((workspace / kind / "models" / f"{name}.json").read_text())
                for kind in ("overlapping", "alone")
            ]
            for one_of_them in described:
                assert set(one_of_them.pop("seconds")) >= set(tasks)
            assert described[0] == described[1]
            assert len(list((workspace / "overlapping/lm_eval" / name).glob("samples_*"))) == 2 + 2 * perturb

    def test_one_alone_is_asked_as_it_always_was(self, prepared: Callable[..., Registry]) -> None:
        threads: set[int] = set()

        class Watching(Quiet):
            def advance(self, model: str) -> None:
                threads.add(threading.get_ident())

        with RecordingServer(lambda request: "entailment") as server:
            ran(prepared(api=server), Watching(), models=("api",))
        assert threads == {threading.get_ident()}

    def test_when_an_api_fails_what_computes_is_finished_and_nothing_new_begun(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        observer = Quiet()
        told = threading.Event()
        begun: list[str] = []

        class Listening(Quiet):
            def notify(self, message: str) -> None:
                observer.notify(message)
                if message.startswith("api failed: "):
                    told.set()

        def fail(request: Request) -> str | Reply:
            return "entailment" if len(server.requests) < 3 else Reply.error(401, "no such key")

        def wait(row: int) -> None:
            assert not in_vain(told)

        scripts = {
            "here": Script(at=wait),
            "later": Script(opened=lambda: begun.append("later")),
        }
        with RecordingServer(fail) as server, pytest.raises(ModelError, match="no such key"):
            ran(prepared(scripts, api=server), Listening(), models=("here", "later", "api"))
        assert begun == []
        assert len(texts(workspace, "here")) == 4
        assert len((workspace / "out/judged/puzzte_generated/here.jsonl").read_text().splitlines()) == 4
        assert 1 <= len(texts(workspace, "api")) < 4
        assert (workspace / "out/models/api.json").is_file()
        assert sum("failed" in message for message in observer.messages) == 1
        assert observer.messages[-1].startswith("what was answered so far is kept in")

    def test_when_what_computes_fails_answers_that_are_paid_for_are_waited_for(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        failed = threading.Event()

        def answer(request: Request) -> str:
            return "too early" if in_vain(failed) else "entailment"

        def fail(row: int) -> None:
            if row == 1:
                failed.set()
                raise ModelError("the device is gone")

        observer = Quiet()
        with RecordingServer(answer) as server, pytest.raises(ModelError, match="the device is gone"):
            ran(prepared({"here": Script(at=fail)}, api=server), observer, models=("here", "api"))
        assert texts(workspace, "api") == dict.fromkeys(range(4), "entailment")
        assert len((workspace / "out/judged/puzzte_generated/api.jsonl").read_text().splitlines()) == 4
        assert len(texts(workspace, "here")) == 1
        assert any("here failed: the device is gone" in message for message in observer.messages)

    def test_a_backend_elsewhere_that_breaks_its_promise_is_named(
        self, workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin = known_plugin(sloppy={"behaviour": "perfect", "order": "twice"})
        monkeypatch.setattr(type(plugin.backend), "remote", True)
        plugins = create_plugin_manager(environment={}, extra={"known": plugin})
        registry = load_registry(plugins, workspace=workspace, home=home)
        with pytest.raises(ModelError, match=r"'sloppy'.*twice"):
            ran(registry, models=("perfect", "sloppy"))
        assert len(texts(workspace, "perfect")) == len(texts(workspace, "sloppy")) == 4
        assert [model.closed for model in plugin.backend.opened] == [1, 1]

    def test_one_that_cannot_be_opened_stops_those_that_are_asked(
        self, prepared: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse() -> None:
            raise ModelError("no such weights")

        with (
            RecordingServer(lambda request: "entailment") as server,
            pytest.raises(ModelError, match="no such weights"),
        ):
            ran(prepared({"here": Script(opened=refuse)}, api=server), models=("here", "api"))
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("entailbench-asking")]

    def test_ctrl_c_does_not_wait_for_a_server(self, prepared: Callable[..., Registry], workspace: Path) -> None:
        stuck, release = threading.Event(), threading.Event()

        def answer(request: Request) -> str:
            if len(server.requests) > 2:
                stuck.set()
                release.wait(PATIENCE)
            return "entailment"

        def interrupted(row: int) -> None:
            if row == 2:
                assert not in_vain(stuck)
                raise KeyboardInterrupt

        began = time.monotonic()
        with RecordingServer(answer) as server:
            try:
                with pytest.raises(KeyboardInterrupt):
                    ran(prepared({"here": Script(at=interrupted)}, api=server), models=("here", "api"), limit=30)
                took = time.monotonic() - began
            finally:
                release.set()
            time.sleep(0.5)
            assert len(server.requests) <= 6
        assert took < PATIENCE / 2
        assert set(texts(workspace, "here")) == {0, 1}
        assert 2 <= len(texts(workspace, "api")) < 30
        assert {json.loads(path.read_text())["name"] for path in (workspace / "out/models").iterdir()} == {
            "here",
            "api",
        }

    def test_nothing_is_asked_after_a_stop(self) -> None:
        rows: list[int] = []
        ends: list[str] = []
        asking = threading.Event()

        def at(row: int) -> None:
            rows.append(row)
            if row == 1:
                asking.set()
                asked.stopped.wait(PATIENCE)

        prompts = tuple(Prompt(str(number), "t", number, (), "?") for number in range(4))
        questions = (Question(prompts, Decoding(8)), Question(prompts, Decoding(9)))
        listener = Listener(lambda rows: None, lambda prompt, answer: None, lambda: ends.append("end"))
        with Elsewhere(print) as elsewhere:
            asked = elsewhere.ask(
                "m", Scripted(Script(at=at)), {"t": (questions, listener), "u": (questions, listener)}
            )
            assert not in_vain(asking)
        assert rows == [0, 1]
        assert ends == ["end", "end"]

    def test_ctrl_c_on_the_command_line_while_servers_are_waited_for(self, workspace: Path, home: Path) -> None:
        waiting, release = threading.Event(), threading.Event()

        def answer(request: Request) -> str:
            if len(server.requests) > 3:
                waiting.set()
                release.wait(2 * PATIENCE)
            return "entailment"

        with RecordingServer(answer) as server:
            (workspace / "entailbench.toml").write_text(
                "\n".join(
                    f'[models.{name}]\nbackend = "openai"\nmodel = "m"\nbase_url = "{server.url}"\napi_key_env = ""\n'
                    for name in ("one", "other")
                )
            )
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "entailbench",
                    "run",
                    "--models",
                    "one,other",
                    "--limit",
                    "40",
                    "--output",
                    "out",
                ],
                cwd=workspace,
                env={**os.environ, "ENTAILBENCH_HOME": str(home)},
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert waiting.wait(3 * PATIENCE)
                time.sleep(1)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                release.set()
                process.kill()
        assert process.returncode == 130
        assert out == ""
        assert "Traceback" not in err
        assert "what was answered so far is kept in" in err
        assert "\x1b" not in err
        kept = texts(workspace, "one") | texts(workspace, "other")
        assert 1 <= len(kept) < 40


class TestWritingBehind:
    def test_a_disk_that_hangs_does_not_hold_up_what_computes(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        pipe = workspace / "out/predictions/here.jsonl"
        read: list[str] = []
        held_up: list[bool] = []

        def read_late() -> None:
            with pipe.open(encoding="utf-8") as stream:
                held_up.append(in_vain(script.done))
                read.extend(stream)

        def piped() -> None:
            os.mkfifo(pipe)
            reader.start()

        reader = threading.Thread(target=read_late, daemon=True)
        script = Script(text="x" * 200_000, opened=piped)
        ran(prepared({"here": script}), models=("here",))
        reader.join(PATIENCE)
        assert held_up == [False]
        assert [json.loads(line)["doc_id"] for line in read] == [0, 1, 2, 3]

    def test_a_full_disk_ends_the_run_where_it_is_noticed(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        pipe = workspace / "out/predictions/here.jsonl"
        gone = threading.Event()

        def read_one() -> None:
            with pipe.open(encoding="utf-8") as stream:
                stream.readline()
            gone.set()

        def piped() -> None:
            os.mkfifo(pipe)
            reader.start()

        def wait(row: int) -> None:
            if row > 0:
                assert not in_vain(gone)
                time.sleep(0.05)

        reader = threading.Thread(target=read_one, daemon=True)
        script = Script(opened=piped, at=wait)
        with pytest.raises(RunError, match=r"cannot write .*here\.jsonl: Broken pipe"):
            ran(prepared({"here": script}), models=("here",), limit=30)
        assert not script.done.is_set()

    def test_what_cannot_be_written_is_told_once(self) -> None:
        class Full:
            closed = 0

            def __init__(self, seconds: float) -> None:
                self.seconds = seconds

            def append(self, row: Any) -> None:
                time.sleep(self.seconds)
                raise RunError("the disk is full")

            def close(self) -> None:
                self.closed += 1

        slow = Full(4 * GRACE_SECONDS)
        behind = WritingBehind(slow)
        behind.append({})
        with pytest.raises(RunError, match="the disk is full"):
            behind.close()
        behind = WritingBehind(quick := Full(0))
        with pytest.raises(RunError, match="the disk is full"):
            behind.append({})
        behind.close()
        assert (slow.closed, quick.closed) == (1, 1)

    def test_a_slow_disk_is_waited_for_once_until_it_has_caught_up(self) -> None:
        class Disk:
            written = 0
            hangs = threading.Event()

            def append(self, row: Any) -> None:
                self.hangs.wait()
                self.written += 1

            def close(self) -> None:
                pass

        disk = Disk()
        behind = WritingBehind(disk)
        began = time.monotonic()
        for number in range(400):
            behind.append({"row": number})
        assert GRACE_SECONDS <= time.monotonic() - began < 100 * GRACE_SECONDS
        assert disk.written == 0
        disk.hangs.set()
        deadline = time.monotonic() + PATIENCE
        while disk.written < 400:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(GRACE_SECONDS)
        for number in range(400, 500):  # now each is with the system when the next comes
            behind.append({"row": number})
            assert disk.written == number + 1
        behind.close()


class TestReadingAhead:
    def test_the_next_models_weights_are_read_while_this_one_computes(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        pipes = [workspace / f"{name}.weights" for name in ("first", "second")]
        for pipe in pipes:
            os.mkfifo(pipe)
        fed: dict[str, list[int]] = {"first": [], "second": []}

        def feed(number: int) -> Callable[[int], None]:
            def at(row: int) -> None:
                if row == 0:
                    # Opened only once somebody reads the other end; nobody does unless it is read ahead.
                    deadline = time.monotonic() + PATIENCE
                    while time.monotonic() < deadline:
                        try:
                            end = os.open(pipes[number], os.O_WRONLY | os.O_NONBLOCK)
                        except OSError:
                            time.sleep(0.01)
                            continue
                        os.write(end, b"weights")
                        os.close(end)
                        fed[("first", "second")[number]].append(row)
                        return

            return at

        scripts = {
            "one": Script(at=feed(0)),
            "two": Script(at=feed(1), weights=(pipes[0],)),
            "three": Script(weights=(pipes[0], pipes[1])),  # what the second has read is not read again
        }
        ran(prepared(scripts), models=("one", "two", "three"))
        assert fed == {"first": [0], "second": [0]}

    def test_the_first_models_weights_are_read_while_it_is_opened(
        self, prepared: Callable[..., Registry], workspace: Path
    ) -> None:
        pipe = workspace / "weights"
        os.mkfifo(pipe)
        fed = threading.Event()

        def feed() -> None:
            with pipe.open("wb") as end:
                end.write(b"weights")
            fed.set()

        threading.Thread(target=feed, daemon=True).start()
        waited: list[bool] = []
        script = Script(weights=(pipe,), opened=lambda: waited.append(in_vain(fed)))
        ran(prepared({"here": script}), models=("here",))
        assert waited == [False]

    def test_what_is_too_large_is_left_and_said(self, tmp_path: Path) -> None:
        weights = tmp_path / "weights"
        weights.write_bytes(bytes(1000))
        told: list[str] = []
        with ReadingAhead(told.append, available=lambda: 1999) as ahead:
            ahead.begin("big", [weights])
            assert ahead._thread is None
        assert told == ["the weights of big are too large to be read ahead: 0.0 GB, with 0.0 GB of memory free"]
        with ReadingAhead(told.append, available=lambda: 2000) as ahead:
            ahead.begin("fits", [weights, tmp_path / "missing"])
            assert ahead._thread is not None
            ahead.wait()
        assert len(told) == 1

    def test_the_end_of_the_run_does_not_wait_for_it(self, tmp_path: Path) -> None:
        endless = Path("/dev/zero")
        began = time.monotonic()
        with ReadingAhead(lambda line: None) as ahead:
            ahead.begin("endless", [endless])
            time.sleep(0.2)
            assert ahead._thread is not None
            assert ahead._thread.is_alive()
        assert time.monotonic() - began < PATIENCE / 2
        assert ahead._thread is None
