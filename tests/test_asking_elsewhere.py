"""Models that compute elsewhere are asked while others compute here: the same answers, and every way to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, ModelError, Prompt
from entailbench.elsewhere import Elsewhere, Listener
from entailbench.harness_questions import Question
from entailbench.plugins import create_plugin_manager
from entailbench.registry import load_registry
from entailbench_adapters.openai import OpenaiBackend
from model_plugins import known_plugin
from scripted_models import PATIENCE, Prepare, Script, Scripted, in_vain, preparing, ran, texts
from servers import RecordingServer, Reply, Request
from test_run import Quiet


@pytest.fixture
def prepared(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    return preparing(workspace, home, monkeypatch)


def meeting(met: threading.Barrier) -> Callable[[Request], str]:
    """Answers of a server whose first one waits for the others of ``met``."""
    first = threading.Event()

    def answer(request: Request) -> str:
        if not first.is_set():
            first.set()
            met.wait()
        return "entailment"

    return answer


def test_an_api_is_asked_while_a_model_computes(prepared: Prepare) -> None:
    met = threading.Barrier(2, timeout=PATIENCE)
    with RecordingServer(meeting(met)) as server:
        # It stands behind the one that computes: its turn would come afterwards.
        registry = prepared({"here": Script(at=lambda row: row or met.wait())}, api=server)
        ran(registry, models=("here", "api"))
    assert not met.broken


def test_two_apis_are_asked_at_a_time(prepared: Prepare) -> None:
    met = threading.Barrier(2, timeout=PATIENCE)
    with RecordingServer(meeting(met)) as one, RecordingServer(meeting(met)) as other:
        ran(prepared(one=one, other=other), models=("one", "other"))
    # A server that has waited in vain is asked again.
    assert not met.broken


@pytest.mark.parametrize("perturb", [False, True])
def test_nothing_that_is_found_depends_on_it(
    perturb: bool, prepared: Prepare, workspace: Path, monkeypatch: pytest.MonkeyPatch
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
            json.loads((workspace / kind / "models" / f"{name}.json").read_text()) for kind in ("overlapping", "alone")
        ]
        for one_of_them in described:
            assert set(one_of_them.pop("seconds")) >= set(tasks)
        assert described[0] == described[1]
        assert len(list((workspace / "overlapping/lm_eval" / name).glob("samples_*"))) == 2 + 2 * perturb


def test_one_alone_is_asked_as_it_always_was(prepared: Prepare) -> None:
    threads: set[int] = set()

    class Watching(Quiet):
        def advance(self, model: str) -> None:
            threads.add(threading.get_ident())

    with RecordingServer(lambda request: "entailment") as server:
        ran(prepared(api=server), Watching(), models=("api",))
    assert threads == {threading.get_ident()}


def test_when_an_api_fails_what_computes_is_finished_and_nothing_new_begun(prepared: Prepare, workspace: Path) -> None:
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


def test_when_what_computes_fails_answers_that_are_paid_for_are_waited_for(prepared: Prepare, workspace: Path) -> None:
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
    workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch
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
    prepared: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ModelError("no such weights")

    with (
        RecordingServer(lambda request: "entailment") as server,
        pytest.raises(ModelError, match="no such weights"),
    ):
        ran(prepared({"here": Script(opened=refuse)}, api=server), models=("here", "api"))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("entailbench-asking")]


def test_ctrl_c_does_not_wait_for_a_server(prepared: Prepare, workspace: Path) -> None:
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


def test_nothing_is_asked_after_a_stop() -> None:
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
        asked = elsewhere.ask("m", Scripted(Script(at=at)), {"t": (questions, listener), "u": (questions, listener)})
        assert not in_vain(asking)
    assert rows == [0, 1]
    assert ends == ["end", "end"]


def test_ctrl_c_on_the_command_line_while_servers_are_waited_for(workspace: Path, home: Path) -> None:
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
