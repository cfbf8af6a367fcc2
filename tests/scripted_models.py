"""Models that do what a test tells them while they answer, and runs of them beside models of a real server."""

from __future__ import annotations

import json
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from entailbench import Answer, Backend, Decoding, Model, ModelIdentity, OpenContext, Prompt, hookimpl
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.runner import Outcome, RunConfig, run
from model_plugins import known_plugin
from servers import RecordingServer
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


Prepare = Callable[..., Registry]
"""Makes a registry of scripted models (by name), and one model of the ``openai`` backend for each named server."""


def preparing(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """What makes registries in these folders."""
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
