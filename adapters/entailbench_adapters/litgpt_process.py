"""``litgpt finetune_lora`` as a subprocess: its configuration file, its progress, its end, its results.

A process of its own, because litgpt's ``setup()`` reads ``sys.argv`` again when it writes the hyperparameters: called
from Python it stops before the end, or writes down values that were not trained with.
"""

from __future__ import annotations

import csv
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from entailbench import TrainingError

STEP = re.compile(r"Epoch (\d+) \| iter (\d+) step (\d+) \| loss train: ([^,]+), val: .*\(step\)")
FACTS = {
    "trainable_parameters": re.compile(r"Number of trainable parameters: ([\d,]+)"),
    "trained_tokens": re.compile(r"Tokens w/ Prompt\s*:\s*(\d+)"),
    "trained_tokens_with_padding": re.compile(r"Total Tokens \(w/ Padding\)\s*:\s*(\d+)"),
}
ERROR = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Exit)\b(?:: .*)?$")
PROGRESS_SECONDS = 5.0
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Losses:
    """What litgpt logged, by optimizer step."""

    train: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...]


def run_litgpt(
    directory: Path,
    config: Mapping[str, Any],
    work: Path,
    log: Path,
    steps: int,
    notify: Callable[[str], None],
    *,
    on_cpu: bool = False,
) -> dict[str, int]:
    """Runs ``litgpt finetune_lora`` to its end and returns the figures it prints (see ``FACTS``).

    Args:
        directory: the base in litgpt's form.
        config: everything else that litgpt is told.
        work: folder for the configuration file; the process runs in it.
        log: where all its output is kept.
        steps: optimizer steps to come, for the progress.
        notify: gets a short line every few seconds.
        on_cpu: whether a GPU, should there be one, is to be left alone.

    Raises:
        TrainingError: the process failed.
    """
    import yaml

    file = work / "finetune.yaml"
    file.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "litgpt", "finetune_lora", str(directory), "--config", str(file)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if on_cpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    figures: dict[str, int] = {}
    with log.open("w", encoding="utf-8") as record:
        # A group of its own, so that what litgpt starts in turn can be ended with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        with _ended_with_us(process):
            if process.stdout is None:
                raise TrainingError("litgpt's output cannot be read")
            _follow(process.stdout, record, figures, steps, notify)
            code = process.wait()
    if code != 0:
        raise TrainingError(f"litgpt finetune_lora failed: {_reason(log, code)} (log: {log})")
    return figures


def read_losses(out: Path, iterations_per_step: int) -> Losses:
    """Reads litgpt's ``metrics.csv``, whose "step" counts micro-batches, and checks that training went well.

    Raises:
        TrainingError: a loss is missing or not finite.
    """
    files = sorted(out.glob("logs/csv/version_*/metrics.csv"))
    if not files:
        raise TrainingError(f"litgpt wrote no metrics under {out}")
    train: dict[int, float] = {}
    validation: dict[int, float] = {}
    with files[-1].open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            iteration = int(float(row["step"]))
            if row.get("loss") and iteration % iterations_per_step == 0:
                train[iteration // iterations_per_step] = float(row["loss"])
            if row.get("val_loss"):
                # The last validation is logged without a step.
                step = iteration // iterations_per_step if iteration else max(train, default=0)
                validation[step] = float(row["val_loss"])
    if not train:
        raise TrainingError("litgpt finished without a single optimizer step")
    for kind, losses in (("training", train), ("validation", validation)):
        broken = [step for step, loss in sorted(losses.items()) if not math.isfinite(loss)]
        if broken:
            raise TrainingError(
                f"the {kind} loss became {losses[broken[0]]} at step {broken[0]}: lower the learning rate, or train "
                'in precision = "32-true"'
            )
    return Losses(tuple(sorted(train.items())), tuple(sorted(validation.items())))


def differences(asked: Mapping[str, Any], written: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Where litgpt's ``hyperparameters.yaml`` says something else than it was told."""
    for key, value in asked.items():
        name = f"{prefix}{key}"
        if key not in written:
            if value is not None:
                yield f"{name} is missing"
        elif isinstance(value, Mapping) and isinstance(written[key], Mapping):
            yield from differences(value, written[key], f"{name}.")
        elif written[key] != value:
            yield f"{name} is {written[key]!r}, not {value!r}"


def _follow(
    output: IO[str], record: IO[str], figures: dict[str, int], steps: int, notify: Callable[[str], None]
) -> None:
    started: float | None = None
    said = time.monotonic()
    for line in output:
        record.write(line)
        record.flush()
        for name, pattern in FACTS.items():
            if found := pattern.search(line):
                figures[name] = int(found.group(1).replace(",", ""))
        if (step := STEP.match(line)) is None:
            continue
        done, now = int(step.group(3)), time.monotonic()
        if started is None:
            started = now
            first = done
        if now - said >= PROGRESS_SECONDS or done == steps:
            said = now
            rate = (now - started) / (done - first) if done > first else None
            left = f", {_duration(rate * (steps - done))} left" if rate is not None and done < steps else ""
            notify(f"step {done}/{steps}, loss {step.group(4)}{left}")


@contextmanager
def _ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends the process group when the block is left by an exception, SIGTERM included."""

    def leave(number: int, frame: Any) -> None:
        sys.exit(128 + number)

    own_handler = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if own_handler:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except BaseException:
        _end(process)
        raise
    finally:
        if own_handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if process.stdout is not None:
            process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        break
    process.wait()


def _reason(log: Path, code: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed, most likely because memory ran out; lower micro_batch_size"
    lines = [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    errors = [line for line in lines if ERROR.match(line)]
    if any("out of memory" in line for line in errors):
        return "memory ran out; lower micro_batch_size"
    return (errors or lines or [f"exit code {code}, no output"])[-1]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
