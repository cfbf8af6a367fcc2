"""How fast answering and scoring are: entailbench's engine against lm-eval's own `hf`, on the same rows.

    python benchmarks/evaluate.py --task puzzte_generated_mc --limit 120
    python benchmarks/evaluate.py --task puzzte --split validation --data-dir FOLDER --limit 120 --order puzzle
    python benchmarks/evaluate.py --task puzzte --split validation --data-dir FOLDER --dtype bfloat16 --max-tokens 200

Both get the same prompts, stop strings, limits, dtype and number of threads, each in a process of its own that has
loaded and warmed up before any time is taken; start-up is told apart. lm-eval first runs some rows with every batch
size and then, with its fastest, in turns with ours; what it asks its model for is called directly, so its own
bookkeeping is left out, and so is ours. Answers are compared before the figures are printed.

The floor is the arithmetic of the tokens that are different (a beginning that rows share counts once) over the rate of
this machine's own matrix products, measured here and now.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contenders import Contender, Measured, Work
from train import load
from workload import add_options, numbers, workload

SCORE_TOLERANCE = 2e-4
"""Of log-probabilities in float32."""
TEXT_TOLERANCE = 0.005
"""Share of the texts that may differ in float32, by near-ties."""
NEAR_TIE = 1e-3
"""Difference of log-probabilities of two next tokens that rounding may decide."""


def main() -> int:
    options = parsed()
    work, puzzles = workload(options)
    print(
        f"{len(work.prompts)} rows on {puzzles} puzzles, order {options.order}, "
        f"{'scoring' if work.candidates else f'generation of at most {work.decoding.max_tokens} tokens'}, "
        f"{options.dtype}, {options.threads} threads ({load()})",
        flush=True,
    )
    ours, peer = Contender("entailbench", work), Contender("lm-eval", work)
    try:
        print(f"start-up to the first answer: ours {ours.startup:.1f} s, lm-eval {peer.startup:.1f} s", flush=True)
        best = swept(peer, options)
        pairs: list[tuple[Measured, Measured]] = []
        for number in range(options.pairs):
            turns = [lambda: ours.run(), lambda: peer.run(batch_size=best)]
            done = [turn() for turn in (turns if number % 2 == 0 else reversed(turns))]
            mine, its = done if number % 2 == 0 else reversed(done)
            pairs.append((mine, its))
            print(f"  pair {number + 1}: {mine.seconds:.2f} s, lm-eval {its.seconds:.2f} s, {load()}", flush=True)
        same = compared(work, pairs[0][0], pairs[0][1], ours, options)
        facts = show(work, pairs, best, ours)
    finally:
        ours.close()
        peer.close()
    if options.json:
        everything = {"options": {k: str(v) for k, v in vars(options).items()}, **facts}
        options.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    return 0 if same else 1


def swept(peer: Contender, options: argparse.Namespace) -> int:
    """The batch size with which lm-eval is fastest on some of the rows."""
    seconds = {}
    for size in options.batch_sizes:
        seconds[size] = peer.run(batch_size=size, limit=options.sweep_rows).seconds
        print(f"  lm-eval, batch size {size}: {options.sweep_rows / seconds[size]:.2f} rows/s", flush=True)
    return min(seconds, key=seconds.__getitem__)


def compared(work: Work, mine: Measured, its: Measured, ours: Contender, options: argparse.Namespace) -> bool:
    """Prints how the answers compare; whether they are the same as far as the precision goes."""
    exact = options.dtype == "float32"
    if work.candidates:
        worst = max(
            abs(a - b) for x, y in zip(mine.answers, its.answers, strict=True) for a, b in zip(x, y, strict=True)
        )
        labels = sum(x.index(max(x)) != y.index(max(y)) for x, y in zip(mine.answers, its.answers, strict=True))
        print(f"log-probabilities differ by at most {worst:.1e}; {labels} of {len(mine.answers)} labels differ")
        return not exact or (worst <= SCORE_TOLERANCE and not labels)
    different = [n for n, (a, b) in enumerate(zip(mine.answers, its.answers, strict=True)) if a != b]
    print(f"{len(different)} of {len(mine.answers)} texts differ")
    margins = ours.margins([(n, mine.answers[n], its.answers[n]) for n in different]) if different else []
    for number, margin in zip(different, margins, strict=True):
        print(f"  row {number}: at the first difference the two tokens are {margin:.1e} apart")
    if exact and (len(different) > TEXT_TOLERANCE * len(mine.answers) or any(m > NEAR_TIE for m in margins)):
        print("that is not the same work", file=sys.stderr)
        return False
    return True


def show(work: Work, pairs: Sequence[tuple[Measured, Measured]], best: int, ours: Contender) -> dict[str, Any]:
    """Prints the comparison and returns it."""
    ratios = sorted(its.seconds / mine.seconds for mine, its in pairs)
    for name, runs in (
        ("entailbench", [mine for mine, _ in pairs]),
        (f"lm-eval, batch size {best}", [i for _, i in pairs]),
    ):
        seconds = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs)
        print(
            f"{name:26} {len(work.prompts) / seconds:8.2f} rows/s {runs[0].written / seconds:9.1f} written tokens/s "
            f"{seconds:8.2f} s {cpu:8.2f} CPU s"
        )
    floor = ours.floor(pairs[0][0])
    cpu_ratio = statistics.median(its.cpu_seconds / mine.cpu_seconds for mine, its in pairs)
    middle = statistics.median(mine.seconds for mine, _ in pairs)
    print(
        f"{statistics.median(ratios):.2f} times as fast (median of {len(ratios)} pairs: "
        f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}); by CPU seconds {cpu_ratio:.2f}\n"
        f"floor {floor.seconds:.2f} s: {floor.tokens:,} different of {floor.all_tokens:,} tokens, "
        f"{floor.operations / 1e12:.2f} TFLOP at {floor.rate / 1e9:,.0f} GFLOP/s; reached {floor.seconds / middle:.0%}",
        flush=True,
    )
    return {
        "peer_batch_size": best,
        "ratio": statistics.median(ratios),
        "seconds": [mine.seconds for mine, _ in pairs],
        "peer_seconds": [its.seconds for _, its in pairs],
        "cpu_seconds": [mine.cpu_seconds for mine, _ in pairs],
        "peer_cpu_seconds": [its.cpu_seconds for _, its in pairs],
        "floor": asdict(floor),
    }


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--batch-sizes", type=numbers, default=[1, 4, 8, 16, 32], help="of lm-eval; the best is taken")
    parser.add_argument("--sweep-rows", type=int, default=32, help="rows on which the batch size is chosen")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    options.sweep_rows = min(options.sweep_rows, options.limit)
    return options


if __name__ == "__main__":
    began = time.monotonic()
    status = main()
    print(f"({time.monotonic() - began:.0f} s in all)")
    sys.exit(status)
