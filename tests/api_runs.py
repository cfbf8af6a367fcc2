"""Whole runs (``entailbench run``) against a server that goes wrong, and what they leave behind.

Every run is asked with a canary key, and wherever it leaves anything that key is looked for.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from faulty_api import Api

CANARY = "sk-canary/7d1f0c2e+9b48a653d0"
"""A key that is written otherwise in a URL, in base64 and in JSON where that is done thoroughly."""


@dataclass(frozen=True)
class Done:
    """A run that ended."""

    code: int
    """Its exit code; negative for a signal."""
    out: str
    err: str
    folder: Path
    """The run directory; need not be there."""

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Of a JSON Lines file of the run directory; empty where there is none."""
        path = self.folder / name
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    @property
    def predictions(self) -> list[dict[str, Any]]:
        return self.lines("predictions/api.jsonl")

    @property
    def judged(self) -> list[dict[str, Any]]:
        return self.lines("judged/puzzte_generated/api.jsonl")

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text("utf-8"))
        return found

    def questions(self) -> dict[int, str]:
        """By ``doc_id``, what the server was asked."""
        return {row["doc_id"]: row["prompt"] for row in self.lines("rows/puzzte_generated.jsonl")}


class ApiRuns:
    """Runs ``python -m entailbench`` in a folder of its own, with the canary as its key."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self.workspace = workspace
        self.home = home
        self.count = 0

    def config(self, api: Api, models: tuple[str, ...] = ("api",), **options: Any) -> None:
        """Writes entailbench.toml: models of the server."""
        given = {"model": "m", "base_url": api.url, "timeout": 5.0, "max_retries": 2, "backoff": 0.02, **options}
        table = "".join(f"{name} = {_toml(value)}\n" for name, value in given.items() if value is not None)
        text = "".join(f'[models.{name}]\nbackend = "openai"\n{table}' for name in models)
        (self.workspace / "entailbench.toml").write_text(text, encoding="utf-8")

    def start(self, *arguments: str, code: str = "", **environment: str) -> tuple[subprocess.Popen[str], Path]:
        """Starts ``entailbench run`` into a new run directory; or ``code``, which is given the same arguments."""
        self.count += 1
        folder = self.workspace / f"out{self.count}"
        given = ["run", "--models", "api", "--output", folder.name, *arguments]
        command = [sys.executable, *(("-c", code) if code else ("-m", "entailbench")), *given]
        process = subprocess.Popen(
            command,
            cwd=self.workspace,
            env={**os.environ, "ENTAILBENCH_HOME": str(self.home), "OPENAI_API_KEY": CANARY, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, folder

    def __call__(self, *arguments: str, **environment: str) -> Done:
        """Runs it to its end, and looks for the canary."""
        return self.ended(*self.start(*arguments, **environment))

    def ended(self, process: subprocess.Popen[str], folder: Path) -> Done:
        """Waits for the end."""
        out, err = process.communicate(timeout=300)
        self.check_canary({"stdout": out, "stderr": err})
        return Done(process.returncode, out, err, folder)

    def check_canary(self, texts: Mapping[str, str]) -> None:
        """The key stands in no text, and in no file of workspace and cache."""
        for name, text in texts.items():
            assert not canaries(text.encode()), name
        files = [path for top in (self.workspace, self.home) for path in top.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert not canaries(path.read_bytes()), path


def canaries(content: bytes) -> list[str]:
    """The forms of the key that stand there."""
    forms = {
        CANARY,
        quote(CANARY, safe=""),
        json.dumps(CANARY).replace("/", r"\/").strip('"'),
        *(base64.b64encode(text.encode()).decode() for text in (CANARY, f"user:{CANARY}")),
        CANARY.encode().hex(),
        # Half of a secret is none; and these are written alike everywhere.
        *re.findall(r"[0-9a-f]{8,}", CANARY),
    }
    return sorted(form for form in forms if form.encode() in content)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value)
