"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from entailbench import ModelError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary sibling of ``target`` that takes its name when the block ends well, and vanishes otherwise.

    Raises:
        ModelError: ``target`` has something in it already, or the disk refuses.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target} exists already; name a new folder")
    made: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        # mkdtemp's 0700 would make a shared cache unreadable to the others it is shared with.
        made.chmod(0o777 & ~_umask())
        yield made
        made.replace(target)
    except OSError as error:
        raise ModelError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, filled by ``make`` the first time anybody asks for it; two processes at once do the work once.

    Raises:
        ModelError: the disk refuses; what ``make`` raises passes through.
    """
    from filelock import FileLock

    if target.is_dir():
        return target
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Released by the system when its process ends, however that happens.
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.is_dir():
                # Of a process that was killed: nobody else can be at work here.
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    make(partial)
                    partial.replace(target)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ModelError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
