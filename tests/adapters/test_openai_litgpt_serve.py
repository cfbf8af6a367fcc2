"""The ``openai`` backend against a server that nobody here wrote: ``litgpt serve``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from entailbench import Decoding, Model
from faulty_rows import Open, ask


def make_litgpt_checkpoint(directory: Path) -> Path:
    """A litgpt checkpoint of 2 layers with random weights."""
    import torch
    from litgpt import GPT, Config
    from litgpt.utils import save_config

    from tiny_models import make_tiny_tokenizer

    tokenizer = make_tiny_tokenizer()
    tokenizer.save_pretrained(directory)
    config = Config(
        name="tiny",
        block_size=256,
        vocab_size=len(tokenizer),
        padded_vocab_size=len(tokenizer),
        n_layer=2,
        n_head=2,
        n_embd=32,
        intermediate_size=64,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
    )
    torch.manual_seed(0)
    torch.save(GPT(config).state_dict(), directory / "lit_model.pth")
    save_config(config, directory)
    return directory


@contextlib.contextmanager
def litgpt_serve(checkpoint: Path, log: Path) -> Iterator[str]:
    """Runs ``litgpt serve`` and yields its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [shutil.which("litgpt", path=str(Path(sys.executable).parent)) or "litgpt", "serve", str(checkpoint)]
    command += ["--openai_spec", "true", "--port", str(port), "--top_k", "1", "--accelerator", "cpu"]
    # A session of its own, since it starts workers: they are stopped together, and nothing else is.
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + 240
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.mark.slow
def test_litgpt_serve(opened: Open, tmp_path: Path) -> None:
    pytest.importorskip("litserve")
    checkpoint = make_litgpt_checkpoint(tmp_path / "tiny")
    with litgpt_serve(checkpoint, tmp_path / "serve.log") as url:
        # litgpt's server reads this field alone, and is greedy by --top_k 1 only.
        model = opened(url, model="tiny-litgpt", max_tokens_field="max_completion_tokens", concurrency=2, timeout=120)
        first = texts(model, 8)
        assert texts(model, 8) == first
        longer = texts(model, 16)
    assert len(first) == 3
    assert all(first.values())
    assert all(len(longer[key]) > len(first[key]) for key in first)
    assert model.identity.served == f"tiny-litgpt at {url}"


def texts(model: Model, tokens: int) -> dict[str, str]:
    answers = ask(model, 3, Decoding(max_tokens=tokens))
    return {question: answer.text for question, answer in answers.items()}
