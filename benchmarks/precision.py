"""How far log-probabilities in 16 bits are from float32: entailbench's engine against lm-eval's own ``hf``.

    python benchmarks/precision.py --task puzzte_generated_mc --adapter FOLDER
    python benchmarks/precision.py --task puzzte_mc --split validation --data-dir FOLDER --adapter FOLDER

Three models answer the same rows: ours in float32, which is the truth here, ours and lm-eval's in 16 bits. An error is
the distance of a candidate's log-probability from the truth, averaged over a row's candidates; the interval of the
difference comes from 2,000 draws of rows. Rows begin alike, so part of an error is the same in all of them and no
number of rows averages it out: look at several tasks and adapters before you believe a small difference.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys

import numpy as np
from contenders import Contender
from workload import add_options, workload

DRAWS = 2_000


def main() -> int:
    options = parsed()
    everything, _ = workload(options)
    # The first rows of a file may be of one kind.
    chosen = sorted(random.Random(options.seed).sample(range(len(everything.prompts)), options.rows_asked))
    work = dataclasses.replace(
        everything,
        prompts=tuple(everything.prompts[number] for number in chosen),
        candidates=tuple(everything.candidates[number] for number in chosen),
    )
    if not work.candidates:
        sys.exit(f"{options.task} scores no candidates: name a task that ends in _mc")
    exact = answers("entailbench", dataclasses.replace(work, dtype="float32"), None)
    ours = answers("entailbench", work, None)
    its = answers("lm-eval", work, options.batch_size)
    errors = [np.abs(found - exact).mean(axis=1) for found in (ours, its)]
    draw = np.random.default_rng(options.seed)
    difference = errors[0] - errors[1]
    means = [difference[draw.integers(0, len(difference), len(difference))].mean() for _ in range(DRAWS)]
    for name, error, found in zip(("entailbench", "lm-eval"), errors, (ours, its), strict=True):
        moved = int((found.argmax(axis=1) != exact.argmax(axis=1)).sum())
        shift = abs((found - exact).mean())
        print(
            f"{name:12} mean error {error.mean():.4f}, of which the same in all rows {shift:.4f}; "
            f"{moved} of {len(error)} labels differ from float32's"
        )
    low, high = np.quantile(means, [0.025, 0.975])
    print(f"ours minus lm-eval's: {difference.mean():+.4f} (95% of draws of rows: {low:+.4f} to {high:+.4f})")
    return 0 if difference.mean() <= 0 else 1


def answers(side: str, work: object, batch_size: int | None) -> np.ndarray:
    """Log-probabilities [rows, candidates]."""
    contender = Contender(side, work)  # type: ignore[arg-type]
    try:
        run = contender.run(batch_size=batch_size)
    finally:
        contender.close()
    print(f"{side}: {run.seconds:.0f} s, {run.cpu_seconds:.0f} CPU s", file=sys.stderr, flush=True)
    return np.array(run.answers)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.set_defaults(task="puzzte_generated_mc", dtype="bfloat16", limit=None)
    parser.add_argument("--rows-asked", type=int, default=200, help="drawn from the rows")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--batch-size", type=int, default=8, help="lm-eval's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
