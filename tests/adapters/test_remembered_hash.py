"""What large weight files hash to is remembered exactly while they are the same files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from entailbench_adapters import fingerprint, remembered_hash
from entailbench_adapters.fingerprint import hash_weights

SMALL = 1000
"""Bytes that count as large here."""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose weights count as large, and were not changed a moment ago."""
    monkeypatch.setattr(remembered_hash, "SMALL_BYTES", SMALL)
    monkeypatch.setattr(remembered_hash, "SETTLED_NS", 0)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"a" * 2 * SMALL)
    (folder / "small.safetensors").write_bytes(b"b" * (SMALL - 1))
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every time that all files are read."""
    times: list[int] = []
    original = remembered_hash.remembered_hash

    def listening(files, settings, home, read):  # type: ignore[no-untyped-def]
        return original(files, settings, home, lambda: (times.append(1), read())[1])

    monkeypatch.setattr(fingerprint, "remembered_hash", listening)
    return times


def test_an_unchanged_file_is_read_once(model: Path, home: Path, read: list[int]) -> None:
    first = hash_weights(model, home)
    assert [hash_weights(model, home) for _ in range(3)] == [first] * 3
    assert len(read) == 1
    assert hash_weights(model) == first


def test_whatever_changes_is_seen(model: Path, home: Path, read: list[int]) -> None:
    weights, seen = model / "model.safetensors", {hash_weights(model, home)}
    before = weights.stat()

    def changed(what: str) -> None:
        found = hash_weights(model, home)
        assert found == hash_weights(model), what
        assert found not in seen, what
        seen.add(found)

    weights.write_bytes(b"c" * 2 * SMALL)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed("content, with the time set back")
    (model / "new").write_bytes(b"d" * 2 * SMALL)
    os.utime(model / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (model / "new").replace(weights)
    changed("another file in its place")
    small = model / "small.safetensors"
    times = small.stat()
    small.write_bytes(b"e" * (SMALL - 1))
    os.utime(small, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed("a small file beside it")
    (model / "config.json").write_text(json.dumps({"rope_theta": 7}))
    changed("the settings")


def test_a_small_file_is_always_read(model: Path, home: Path, read: list[int]) -> None:
    (model / "model.safetensors").write_bytes(b"a")
    assert hash_weights(model, home) == hash_weights(model, home)
    assert len(read) == 2
    assert not (home / remembered_hash.FOLDER).exists()


@pytest.mark.parametrize("ahead", [0, 10**18], ids=["changed a moment ago", "from the future"])
def test_times_that_are_no_witness_are_not_trusted(
    model: Path, home: Path, read: list[int], monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(remembered_hash, "SETTLED_NS", 2 * 10**9)
    before = (model / "model.safetensors").stat()
    if ahead:
        monkeypatch.setattr(remembered_hash.time, "time_ns", lambda: before.st_mtime_ns - ahead)
    hash_weights(model, home)
    hash_weights(model, home)
    assert len(read) == 2


def test_a_home_that_cannot_be_written_or_has_rubbish(model: Path, home: Path, read: list[int]) -> None:
    first = hash_weights(model, home)
    (remembered,) = (home / remembered_hash.FOLDER).iterdir()
    remembered.write_text("sha256:half")
    assert hash_weights(model, home) == first
    (home / "file").write_text("")
    assert hash_weights(model, home / "file") == first
    assert len(read) == 3


def test_a_small_file_beside_a_large_one_is_read_whatever_its_times_say(
    model: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        remembered_hash, "_state", lambda files: [(one.name, 0, 0, one.stat().st_size, 0, 0) for one in files]
    )
    first = hash_weights(model, home)
    (model / "small.safetensors").write_bytes(b"e" * (SMALL - 1))
    assert hash_weights(model, home) == hash_weights(model) != first
