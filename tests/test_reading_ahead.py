"""Weights of the next model are read while this one computes, where memory is enough for them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from entailbench.reading_ahead import ReadingAhead
from scripted_models import PATIENCE, Prepare, Script, in_vain, preparing, ran


@pytest.fixture
def prepared(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    return preparing(workspace, home, monkeypatch)


def test_the_next_models_weights_are_read_while_this_one_computes(prepared: Prepare, workspace: Path) -> None:
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


def test_the_first_models_weights_are_read_while_it_is_opened(prepared: Prepare, workspace: Path) -> None:
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


def test_what_is_too_large_is_left_and_said(tmp_path: Path) -> None:
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


def test_the_end_of_the_run_does_not_wait_for_it(tmp_path: Path) -> None:
    endless = Path("/dev/zero")
    began = time.monotonic()
    with ReadingAhead(lambda line: None) as ahead:
        ahead.begin("endless", [endless])
        time.sleep(0.2)
        assert ahead._thread is not None
        assert ahead._thread.is_alive()
    assert time.monotonic() - began < PATIENCE / 2
    assert ahead._thread is None
