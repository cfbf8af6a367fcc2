"""States of a training on disk: each is whole or not there, whatever happens while it is written.

A state is a folder ``step-000040`` with ``tensors.safetensors`` (weights, optimizer, random generators) and
``state.json`` (everything else, and the hash of the tensors). It is written under another name, forced to the disk, and
renamed; no pickle is involved.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import TrainingError, bounded

if TYPE_CHECKING:
    import torch

TENSORS = "tensors.safetensors"
FACTS = "state.json"
NAME = re.compile(r"step-(\d{6,})")
KEPT = 2
"""States kept besides the best: the newest, and one more should that be damaged."""


@dataclass(frozen=True)
class State:
    """Everything that a training needs to go on after a step as if it had never stopped."""

    step: int
    """Optimizer steps done."""
    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]
    """What is no tensor; plain JSON."""


class BrokenState(Exception):
    """A state on disk that cannot be used; the message says why."""


def save(folder: Path, state: State) -> Path:
    """Writes a state into ``folder`` and returns where.

    Raises:
        TrainingError: it cannot be written; what was written before is untouched.
    """
    from safetensors.torch import save as to_bytes

    target = folder / f"step-{state.step:06d}"
    partial = folder / f".{target.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        content = to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()})
        facts = {"step": state.step, "sha256": hashlib.sha256(content).hexdigest(), **state.facts}
        _write(partial / TENSORS, content)
        _write(partial / FACTS, (json.dumps(facts, indent=1) + "\n").encode())
        _sync(partial)
        if target.exists():
            # Only a damaged one, or this very one, can have its number.
            _remove(target)
        partial.rename(target)
        _sync(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = error.strerror or error
        raise TrainingError(f"cannot save the state of step {state.step} in {folder}: {reason}") from error
    return target


def load(directory: Path) -> State:
    """Reads a state.

    Raises:
        BrokenState: a part is missing, cut off or altered.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    try:
        facts = bounded.read_json(directory / FACTS)
        content = (directory / TENSORS).read_bytes()
    except OSError as error:
        raise BrokenState(f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise BrokenState(f"{FACTS} is not JSON") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("step"), int):
        raise BrokenState(f"{FACTS} does not name its step")
    if hashlib.sha256(content).hexdigest() != facts.get("sha256"):
        raise BrokenState(f"{TENSORS} is cut off or altered: its hash is not the recorded one")
    try:
        tensors = from_bytes(content)
    except SafetensorError as error:
        raise BrokenState(f"{TENSORS} cannot be read: {error}") from error
    return State(facts["step"], tensors, {key: facts[key] for key in facts if key not in ("step", "sha256")})


def latest(folder: Path, notify: Callable[[str], None]) -> State | None:
    """The newest state that can be read; tells ``notify`` of each that cannot. None if there is none."""
    for _, directory in sorted(_states(folder), reverse=True):
        try:
            return load(directory)
        except BrokenState as error:
            notify(f"the state {directory} is damaged ({error}); trying the one before it")
    return None


def newest(folder: Path) -> Path | None:
    """Where the state with the highest step lies, without reading it."""
    return max(_states(folder), default=(0, None))[1]


def at(folder: Path, step: int) -> Path:
    """Where the state of a step lies, if it was kept."""
    return folder / f"step-{step:06d}"


def prune(folder: Path, keep: Iterable[int] = ()) -> None:
    """Removes all states but the newest ``KEPT`` and those of the steps ``keep``, and what an interrupted save left."""
    kept = set(keep)
    found = sorted(_states(folder), reverse=True)
    for step, directory in found[KEPT:]:
        if step not in kept:
            _remove(directory)
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def _states(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob("step-*"):
        if name := NAME.fullmatch(path.name):
            yield int(name.group(1)), path


def _remove(directory: Path) -> None:
    # Renamed first: half a state under its own name would be taken for a damaged one.
    hidden = directory.with_name(f".{directory.name}.removed")
    shutil.rmtree(hidden, ignore_errors=True)
    directory.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Makes the names in a folder last, where the system can do that."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
