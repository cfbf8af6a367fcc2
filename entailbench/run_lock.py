"""Keeps two processes out of one run directory.

The lock is the operating system's, on a file of the folder: it ends with the process that holds it, however that ends.
So a file that was left behind locks nothing, and whoever finds one need not ask whether its process still lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path

from entailbench.bounded import read_json
from entailbench.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["LOCK", "RunLock", "is_held"]

LOCK = "run.lock"


class RunLock:
    """Holds a folder until ``release``, or the end of the process.

    Where the system knows no such locks, nothing is locked.

    Args:
        folder: exists.

    Raises:
        UsageError: another run has it; names its process.
        OSError: the lock file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        while fcntl is not None and self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its last holder may have removed it between the two lines above: then it locks nobody out.
                if self._path.exists() and os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
                    self._descriptor = descriptor
            except BlockingIOError:
                raise UsageError(f"{folder} is being written by {self._holder()}: wait for its end") from None
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def release(self) -> None:
        """Lets the next one in."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # the folder may be gone, or read-only by now
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def _holder(self) -> str:
        try:
            said = read_json(self._path)
            where = "" if said["host"] == socket.gethostname() else f" on {said['host']}"
            return f"another run, process {int(said['pid'])}{where}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another run, which has only just begun"


def is_held(folder: Path) -> bool:
    """Whether a run is writing the folder now."""
    if fcntl is None:
        return False
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
