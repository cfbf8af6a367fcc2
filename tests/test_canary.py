"""A canary key is looked for wherever a run leaves anything: after it ended, after it crashed, and with logging on.

``ApiRuns`` looks after every run: stdout, stderr, and every file of workspace and cache; in the clear, in a URL, in
base64, in hexadecimal, and in halves.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from api_runs import CANARY, ApiRuns, canaries
from faulty_api import faulty_api

TELLS_KEYS = {"key-in-answer": 0.2, "400": 0.2, "key-in-name": 0.2}
"""What a server does that repeats the key it was sent: in answers, in errors, and as the name of its model."""
LOUD = {"OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1"}

ALL_LOGS = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from entailbench.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def runs(workspace: Path, home: Path) -> ApiRuns:
    return ApiRuns(workspace, home)


def test_the_search_finds_what_it_is_for(runs: ApiRuns) -> None:
    import base64

    for leak in (CANARY, f'{{"key": "{CANARY}"}}', base64.b64encode(CANARY.encode()).decode(), f"…{CANARY[-12:]}"):
        assert canaries(leak.encode())
        (runs.home).mkdir(exist_ok=True)
        (runs.home / "deep").mkdir(exist_ok=True)
        (runs.home / "deep/cache.sqlite").write_bytes(b"\0SQL\0" + leak.encode() + b"\xff")
        with pytest.raises(AssertionError):
            runs.check_canary({})


@pytest.mark.parametrize("loud", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_a_whole_run(runs: ApiRuns, loud: bool) -> None:
    with faulty_api(faults=TELLS_KEYS, key=CANARY, logprobs=True) as api:
        runs.config(api)
        done = runs("--limit", "40", "--max-errors", "40", **(LOUD if loud else {}))
        again = runs("--limit", "5", "--max-errors", "40", "--format", "latex")
        assert {seen.fault for seen in api.seen()} == {*TELLS_KEYS, ""}
    assert (done.code, again.code) == (3, 3)
    assert ("DEBUG" in done.err) == loud
    texts = [row["text"] for row in done.predictions]
    assert any("(your key is [redacted])" in text for text in texts)


def test_a_key_in_the_url(runs: ApiRuns) -> None:
    """With the logs of all libraries on: some write every URL down."""
    with faulty_api(faults=TELLS_KEYS) as api:
        runs.config(api, base_url=None, api_key_env="")
        url = api.url.replace("127", f"user:{quote(CANARY, safe='')}@127") + f"?key={quote(CANARY)}"
        process, folder = runs.start("--limit", "20", "--max-errors", "40", code=ALL_LOGS, OPENAI_BASE_URL=url, **LOUD)
        done = runs.ended(process, folder)
        assert api.seen()
    assert done.code == 3
    assert f"HTTP Request: POST {api.url}/chat/completions?key=[redacted]" in done.err
    gone = runs("--limit", "5", OPENAI_BASE_URL=url, **LOUD)
    assert gone.code == 3


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGKILL, -signal.SIGKILL),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.soak),
        pytest.param(signal.SIGABRT, -signal.SIGABRT, marks=pytest.mark.soak),
        pytest.param(signal.SIGSEGV, -signal.SIGSEGV, marks=pytest.mark.soak),
    ],
)
def test_a_crash(runs: ApiRuns, number: signal.Signals, code: int) -> None:
    with faulty_api(faults=TELLS_KEYS, key=CANARY, latency=0.2) as api:
        runs.config(api, concurrency=4)
        process, folder = runs.start("--limit", "400", "--max-errors", "400", **LOUD)
        predictions = folder / "predictions/api.jsonl"
        deadline = time.monotonic() + 60
        while not (predictions.exists() and predictions.read_bytes().count(b"\n") >= 20):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        done = runs.ended(process, folder)
    assert done.code == code, done.err[-2000:]
    assert len(done.predictions) >= 20


def test_a_bug(runs: ApiRuns) -> None:
    """An exception that nobody foresaw has the key in its message; its traceback is kept, and the key is not."""
    patch = (
        "import sys\n"
        "from entailbench_adapters import openai_model\n"
        "from entailbench.cli import main\n"
        "def read_reply(completion, read_label):\n"
        "    raise RuntimeError(f'cannot read {completion.choices[0].message.content}')\n"
        "openai_model.read_reply = read_reply\n"
        "main(sys.argv[1:])\n"
    )
    with faulty_api(faults={"key-in-answer": 1.0}, key=CANARY) as api:
        runs.config(api)
        process, folder = runs.start("--limit", "5", **LOUD, code=patch)
        done = runs.ended(process, folder)
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err
    assert "RuntimeError: cannot read" in done.err
    assert "(your key is [redacted])" in done.err
