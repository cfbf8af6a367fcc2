"""How many puzzles the generator writes a second, on one core.

    python benchmarks/generate.py [--puzzles 1000] [--questions 1] [--seed 1]

Each puzzle is drawn, put into words, asked its questions, labelled and proved; rows are ready to be written. The
test split is the slowest but one, since most drawn structures belong to training.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from entailbench.logic.generator import Dials, generate_rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puzzles", type=int, default=1000, help="of each family; of grids a tenth")
    parser.add_argument("--questions", type=int, default=1)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dials = Dials(questions=options.questions)
    print(f"{'family':10} {'puzzles':>8} {'rows':>8} {'puzzles/s':>10} {'rows/s':>8}")
    for family in dials.families:
        count = max(1, options.puzzles // 10 if family == "zebra" else options.puzzles)
        puzzles = generate_rows(family, options.split, options.seed, dials)
        next(puzzles)  # what is imported and tabulated once does not count
        began = time.process_time()
        rows = sum(len(puzzle) for puzzle in itertools.islice(puzzles, count))
        seconds = time.process_time() - began
        print(f"{family:10} {count:8,} {rows:8,} {count / seconds:10,.0f} {rows / seconds:8,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
