"""Remembers what large weight files hash to, so that an unchanged file of many gigabytes is not read for it again.

A file counts as unchanged while device, inode, size, and the times of its last change of content (mtime) and of
anything (ctime) are the same to the nanosecond. Whoever writes to it changes the ctime, which no program can set back.
Files below 64 MB are always read: that takes no time, and they are the ones that training writes again and again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["SMALL_BYTES", "remembered_hash"]

SMALL_BYTES = 64 * 2**20
FOLDER = "weight-hashes"
SETTLED_NS = 2 * 10**9
"""A file that was changed so shortly before may be changed again within the same tick of the file system's clock."""


def remembered_hash(
    files: Sequence[Path], settings: Sequence[tuple[str, str]], home: Path, read: Callable[[], str]
) -> str:
    """What ``read`` returns, or returned for the same files.

    Args:
        files: whose content ``read`` hashes.
        settings: the rest of what it hashes.
        home: cache folder; may not exist yet, or not be writable: then nothing is remembered.
        read: hashes everything.

    Raises:
        OSError: a file cannot be read.
    """
    before = _state(files)
    if all(size < SMALL_BYTES for _, _, _, size, *_ in before):
        return read()
    small = [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files if _is_small(path)]
    known = json.dumps([before, small, list(settings)])
    remembered = home / FOLDER / f"{hashlib.sha256(known.encode()).hexdigest()}.txt"
    with contextlib.suppress(OSError):
        text = remembered.read_text("ascii").strip()
        if text.startswith("sha256:") and len(text) == len("sha256:") + 64:
            return text
    found = read()
    # The clock may have been set back: then the times of the files are no witness.
    settled = all(max(mtime, ctime) < time.time_ns() - SETTLED_NS for *_, mtime, ctime in before)
    if settled and _state(files) == before:
        with contextlib.suppress(OSError):
            remembered.parent.mkdir(parents=True, exist_ok=True)
            part = remembered.with_name(f".{remembered.name}.{time.monotonic_ns()}")
            part.write_text(f"{found}\n", "ascii")
            part.replace(remembered)
    return found


def _is_small(path: Path) -> bool:
    return path.stat().st_size < SMALL_BYTES


def _state(files: Sequence[Path]) -> list[tuple[str, int, int, int, int, int]]:
    """Name, device, inode, size, mtime and ctime (ns) of each file."""
    found = []
    for path in files:
        stat = path.stat()
        found.append((path.name, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return found
