"""What `entailbench run` does until its first answer, and how long each part takes.

    python benchmarks/startup.py
    python benchmarks/startup.py --model base --task puzzte_generated --times 5 --cold

Each run is a process of its own, from its start to the first row that is answered. ``--cold`` has the system forget the
weights before every run, as after a reboot (Linux). Imports are measured in one further run by the interpreter itself
(``-X importtime``, which makes them slower), and are given by the package whose module was running.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STAGES = {
    "begun": "interpreter, command line and plugins",
    "run directory": "checks, tasks and their rows (lm-eval is imported)",
    "opening": "the run directory",
    "asked": "opening the model (torch and transformers are imported, weights read, laid out and hashed)",
    "answered": "first answer, prompts included",
}


def main() -> int:
    options = parsed()
    if options.here:
        return run_here(options)
    runs = [measured(options) for _ in range(options.times)]
    totals = [sum(run.values()) for run in runs]
    print(f"first answer after {statistics.median(totals):.1f} s ({', '.join(f'{total:.1f}' for total in totals)})")
    for stage, what in STAGES.items():
        print(f"  {statistics.median(run[stage] for run in runs):5.2f} s  {what}")
    print("imports, each package's own modules, in a run of their own:")
    for package, seconds in slowest_imports(options):
        print(f"  {seconds:5.2f} s  {package}")
    return 0


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Seconds of every stage of one run."""
    if options.cold:
        forget(options)
    began = time.time()
    stamps = json.loads(child(options).stdout.splitlines()[-1])
    times = [began, *(stamps[stage] for stage in STAGES)]
    return {stage: after - before for stage, before, after in zip(STAGES, times, times[1:], strict=False)}


def child(options: argparse.Namespace, *flags: str) -> subprocess.CompletedProcess[str]:
    """This file again, in a process that runs the model and tells when it did what."""
    command = [sys.executable, *flags, __file__, "--here", "--model", options.model, "--task", options.task]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [*command, "--output", str(Path(folder) / "out")], capture_output=True, text=True, check=True
        )


def run_here(options: argparse.Namespace) -> int:
    """Runs the model on one row and prints the time of every stage."""
    stamps: dict[str, float] = {}

    class Watch:
        """Takes the time of what it is told."""

        def notify(self, message: str) -> None:
            stage = next((stage for stage in ("run directory", "opening") if message.startswith(stage)), None)
            if stage:
                stamps.setdefault(stage, time.time())

        def start(self, model: str, task: str, rows: int) -> None:
            stamps["asked"] = time.time()

        def advance(self, model: str) -> None:
            stamps.setdefault("answered", time.time())

        def finish(self, model: str) -> None:
            pass

    # What the command line imports for `run`.
    import entailbench.cli
    from entailbench.plugins import create_plugin_manager
    from entailbench.registry import load_registry
    from entailbench.runner import RunConfig, run

    assert entailbench.cli
    registry = load_registry(create_plugin_manager())
    stamps["begun"] = time.time()
    run(RunConfig(models=(options.model,), tasks=(options.task,), limit=1, output=options.output), registry, Watch())
    print(json.dumps(stamps))
    return 0


def slowest_imports(options: argparse.Namespace, count: int = 12) -> Iterable[tuple[str, float]]:
    """(package, seconds in its own modules), the slowest first."""
    seconds: dict[str, float] = collections.defaultdict(float)
    for line in child(options, "-X", "importtime").stderr.splitlines():
        if line.startswith("import time:") and "|" in line:
            own, _, module = line.removeprefix("import time:").split("|")
            if own.strip().isdigit():
                seconds[module.strip().partition(".")[0]] += int(own) / 1e6
    return sorted(seconds.items(), key=lambda pair: -pair[1])[:count]


def forget(options: argparse.Namespace) -> None:
    """Has the system drop the weights from its memory of files."""
    for path in weight_files(options.model):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def weight_files(model: str) -> list[Path]:
    """What opening the model reads."""
    from entailbench.plugins import create_plugin_manager
    from entailbench.registry import load_registry

    resolved: Any = load_registry(create_plugin_manager()).resolve(model)
    return list(resolved.backend.weight_files(resolved.options, resolved.context))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base", help="its name in entailbench.toml of this folder, or a preset")
    parser.add_argument("--task", default="puzzte_generated")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="forget the weights before each run")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
