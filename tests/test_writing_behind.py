"""Answers are written by a thread of their own: no disk holds up a device, and a full one ends the run."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from entailbench import RunError
from entailbench.writing_behind import GRACE_SECONDS, WritingBehind
from scripted_models import PATIENCE, Prepare, Script, in_vain, preparing, ran


@pytest.fixture
def prepared(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    return preparing(workspace, home, monkeypatch)


def test_a_disk_that_hangs_does_not_hold_up_what_computes(prepared: Prepare, workspace: Path) -> None:
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


def test_a_full_disk_ends_the_run_where_it_is_noticed(prepared: Prepare, workspace: Path) -> None:
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


def test_what_cannot_be_written_is_told_once() -> None:
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


def test_a_slow_disk_is_waited_for_once_until_it_has_caught_up() -> None:
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
