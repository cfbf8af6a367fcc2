"""Secrets besides API keys: the hub's token, and what a plugin's options hold. ``test_canary.py`` has those of APIs."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from entailbench.options import parse_options

TOKEN = "hf_canaryQ7d1f0c2e9b48a653d0Zk41"
FORMS = (TOKEN, base64.b64encode(TOKEN.encode()).decode(), TOKEN.encode().hex(), TOKEN[-16:])


def assert_nowhere(places: list[Path], *texts: str) -> None:
    """The token stands in no text and in no file."""
    for text in texts:
        assert not [form for form in FORMS if form in text], text[-2000:]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [form for form in FORMS if form.encode() in content], path


@pytest.fixture
def rude_hub() -> Iterator[str]:
    """A hub that answers every request with an error that repeats the token it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f"no: {self.headers.get('Authorization')}"
            body = said.encode()
            self.send_response(403)
            self.send_header("X-Error-Message", said)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_GET  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: object) -> None:
            seen.append(self.headers.get("Authorization") or "")

    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    assert any(TOKEN in one for one in seen), "the hub was never sent the token"


@pytest.mark.parametrize("verbose", [False, True])
def test_the_token_of_the_hub(workspace: Path, home: Path, rude_hub: str, verbose: bool) -> None:
    (workspace / "entailbench.toml").write_text('[models.far]\nbackend = "hf"\npretrained = "some/model"\n')
    loud = {"HF_HUB_VERBOSITY": "debug", "HF_DEBUG": "1", "PYTHONDEVMODE": "1"} if verbose else {}
    environment = {
        **os.environ,
        **{"HF_ENDPOINT": rude_hub, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "ENTAILBENCH_HOME": str(home)},
        **{"HF_HOME": str(workspace / "hf")},
        **loud,
    }
    for arguments in (
        ("run", "--models", "far", "--limit", "2", "--output", "out"),
        ("run", "--models", "far", "--tasks", "puzzte", "--limit", "2"),
        ("models", "--json"),
        ("export", "lora", "--format", "peft", "--push", "some/model"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "entailbench", *arguments],
            cwd=workspace,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode == 0) == (arguments[0] == "models"), done.stderr
        assert_nowhere([workspace], done.stdout, done.stderr)


PLUGIN = """
from dataclasses import dataclass, field
from entailbench import Answer, Backend, Model, ModelIdentity, ModelError, hookimpl

@dataclass(frozen=True)
class Options:
    address: str
    password: str = field(repr=False)
    fails: str = "never"

class Theirs(Model):
    def __init__(self, options):
        self.options = options
        if options.fails == "opening":
            raise ModelError(f"cannot reach {options.address}")
    @property
    def identity(self):
        return ModelIdentity(backend="theirs", weights=None, details={"address": self.options.address})
    def generate(self, prompts, decoding):
        for number, prompt in enumerate(prompts):
            if number == 1 and self.options.fails == "kindly":
                raise ModelError("the server has gone")
            if number == 1 and self.options.fails == "badly":
                raise RuntimeError(f"server said: {__import__('os').environ['THEIR_PASSWORD']}")
            yield Answer(prompt.id, "entailment")

class TheirBackend(Backend):
    name = "theirs"
    Options = Options
    def open(self, options, context):
        return Theirs(options)

@hookimpl
def entailbench_backends():
    return [TheirBackend()]
"""
MAIN = """
import sys, types
module = types.ModuleType("theirs")
exec(open("theirs.py").read(), module.__dict__)
from entailbench import cli
from entailbench.plugins import create_plugin_manager
cli.create_plugin_manager = lambda **given: create_plugin_manager(extra={"theirs": module}, **given)
cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize("fails", ["never", "opening", "kindly", "badly"])
def test_the_options_of_a_plugin(workspace: Path, home: Path, fails: str) -> None:
    """A field that a plugin's repr hides stands nowhere but in the configuration, whichever way the run ends."""
    (workspace / "theirs.py").write_text(textwrap.dedent(PLUGIN))
    (workspace / "entailbench.toml").write_text(
        f'[models.m]\nbackend = "theirs"\naddress = "127.0.0.1"\npassword = "{TOKEN}"\nfails = "{fails}"\n'
    )
    arguments = ["run", "--models", "m", "--limit", "4", "--output", "out"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=workspace,
        env={**os.environ, "ENTAILBENCH_HOME": str(home), "THEIR_PASSWORD": TOKEN},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == (0 if fails == "never" else 1), done.stderr
    assert ("Traceback" in done.stderr) == (fails == "badly")
    assert_nowhere([workspace / "out"], done.stdout, done.stderr)
    for arguments in (["models", "show", "m"], ["models", "--json"]):
        shown = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments], cwd=workspace, capture_output=True, text=True, timeout=300
        )
        assert "m" in shown.stdout
        assert_nowhere([workspace / "out"], shown.stdout, shown.stderr)


@dataclass(frozen=True)
class Options:
    api_key: int = field(default=0, repr=False)
    Password: tuple[int, ...] = ()
    count: int = 0


def test_a_mistake_in_a_secret_does_not_repeat_it() -> None:
    secret = "hunter2-canary"
    for key in ("api_key", "Password"):
        _, problems = parse_options(Options, {key: secret}, lambda key: f"file, {key}")
        assert problems
        assert secret not in str(problems)
    _, problems = parse_options(Options, {"count": "seven"}, lambda key: "file")
    assert "got 'seven'" in problems[0]
