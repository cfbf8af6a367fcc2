"""Fuzzes for as long as it is given: ``python tests/fuzz/long.py --minutes 30 --target config``.

Each target in turn, or the given ones. An input that raises what it must not is shrunk, written into
``tests/fuzz/found`` under the target's name, and the next round goes on; ``test_fuzz.py`` tries it again from then on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["HF_HUB_OFFLINE"] = "1"

from hypothesis import HealthCheck, Verbosity, given, seed, settings

from fuzz.targets import TARGETS, Target, attempt

FOUND = Path(__file__).parent / "found"


def main() -> int:
    options = parsed()
    failures = 0
    for name in options.target or TARGETS:
        failures += fuzz(TARGETS[name], 60 * options.minutes, options.seed)
    return int(failures > 0)


def fuzz(target: Target, seconds: float, first_seed: int) -> int:
    """Rounds of inputs until the time is over; prints what was done, returns how many kinds of failure were found."""
    end, tried, number = time.monotonic() + seconds, 0, first_seed
    busy = time.process_time()
    seen: set[str] = set()
    while time.monotonic() < end:
        done = one_round(target, number, end)
        tried += done.tried
        number += 1
        if done.error is None:
            continue
        where = traceback.extract_tb(done.error.__traceback__)[-1]
        kind = f"{type(done.error).__name__} in {Path(where.filename).name}:{where.lineno}"
        if kind not in seen:
            seen.add(kind)
            print(f"{target.name}: {kind}: {str(done.error)[:200]!r} -> {keep(target, done.last)}", flush=True)
    print(
        f"{target.name}: {tried:,} inputs in {seconds / 60:.1f} min, {(time.process_time() - busy) / 60:.1f} of them "
        f"computing, {len(seen)} kinds of failure",
        flush=True,
    )
    return len(seen)


@dataclass
class Round:
    """What became of some inputs."""

    tried: int = 0
    last: Any = None
    """The input that was tried last: where one failed, the smallest that does."""
    error: Exception | None = None


def one_round(target: Target, number: int, end: float) -> Round:
    """Up to 500 inputs, and fewer where the time ends or one fails."""
    done = Round()

    @seed(number)
    @settings(
        max_examples=500,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(target.inputs())
    def round_of(value: Any) -> None:
        if time.monotonic() < end:
            done.tried += 1
            done.last = value
            attempt(target, value)

    try:
        round_of()
    except Exception as error:
        done.error = error
    return done


def keep(target: Target, value: Any) -> Path:
    """Writes an input down."""
    text = json.dumps({"bytes": value.hex()} if isinstance(value, bytes) else value)
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{target.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text, encoding="utf-8")
    return path


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, help="for each target")
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
