"""Folders appear whole or not at all, and are made once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from entailbench import ModelError
from entailbench_adapters.cache_folder import made_once, new_folder


def fill(folder: Path) -> None:
    (folder / "weights").write_text("all of them")


def test_it_is_made_once(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "model"
    assert made_once(target, fill) == target
    made_once(target, lambda folder: pytest.fail("made again"))
    assert (target / "weights").read_text() == "all of them"


def test_two_at_once_do_the_work_once(tmp_path: Path) -> None:
    calls = []

    def slowly(folder: Path) -> None:
        calls.append(folder)
        time.sleep(0.2)
        fill(folder)

    threads = [threading.Thread(target=made_once, args=(tmp_path / "model", slowly)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_failure_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path / "model", fail)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert (made_once(tmp_path / "model", fill) / "weights").is_file()


def test_what_a_killed_process_left_is_not_used(tmp_path: Path) -> None:
    partial = tmp_path / ".model.partial"
    partial.mkdir()
    (partial / "rubbish").write_text("half")
    made_once(tmp_path / "model", fill)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["weights"]


def test_a_new_folder_takes_an_empty_place_only(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        fill(folder)
    with pytest.raises(ModelError, match="exists already"), new_folder(tmp_path / "out") as folder:
        fill(folder)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match="exists already"), new_folder(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match="cannot write"), new_folder(tmp_path / "file" / "out"):
        pass
    with pytest.raises(ModelError, match="cannot write"):
        made_once(tmp_path / "file" / "model", fill)
