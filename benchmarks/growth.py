"""How the cost of answering grows: with rows, candidates, the prompt's length, and questions about one puzzle.

    python benchmarks/growth.py --peer --json growth.json --table growth.md --plot docs/growth.svg
    python benchmarks/growth.py --task puzzte_generated --adapter FOLDER --dtype bfloat16 --json growth.json
    python benchmarks/growth.py --drawn growth.json --table growth.md --plot docs/growth.svg

One thing varies, the others stay: the rows are those of the task in file order, ``--rows-asked`` of them where their
number is not what varies. Longer prompts have the contexts of other rows in front of their own, so that nothing more is
shared; more questions about one puzzle are questions of other rows put behind its context. The figures are seconds a
row, of the clock and of all cores. With ``--peer`` lm-eval's own ``hf`` answers the same, at most ``--peer-rows`` rows
a time, which is enough where nothing is shared.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from contenders import Contender, Work
from train import load
from workload import add_options, numbers, workload

CANDIDATES = (
    *("entailment", "not entailment", "contradiction", "neutral", "yes", "no", "true", "false", "unknown", "maybe"),
    *("it follows", "it does not follow", "both are possible", "nobody knows", "the first", "the second"),
)
AXES = {
    "rows": "rows",
    "candidates": "candidates of a row",
    "tokens": "tokens of a prompt",
    "questions": "questions about one puzzle",
}
SIDES = ("entailbench", "lm-eval")


@dataclass(frozen=True)
class Point:
    """One run."""

    side: str
    """One of ``SIDES``."""
    axis: str
    """A key of ``AXES``: what varies."""
    value: float
    """Where it stood; tokens are the mean of the rows."""
    rows: int
    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all cores."""


def main() -> int:
    options = parsed()
    if options.drawn:
        kept = json.loads(options.drawn.read_text(encoding="utf-8"))
        publish([Point(**each) for each in kept["points"]], options)
        return 0
    everything, _ = workload(options)
    sides = SIDES if options.peer else SIDES[:1]
    first = dataclasses.replace(everything, prompts=everything.prompts[:1], candidates=everything.candidates[:1])
    contenders = {side: Contender(side, first) for side in sides}
    points: list[Point] = []
    try:
        for axis, value, work in settings(everything, options):
            for side, contender in contenders.items():
                part = work if side == "entailbench" else shortened(work, options.peer_rows)
                contender.take(part)
                run = contender.run(batch_size=options.batch_size)
                points.append(Point(side, axis, value, len(part.prompts), run.seconds, run.cpu_seconds))
                print(
                    f"{AXES[axis]} {value:,.0f}: {side} {1000 * run.seconds / len(part.prompts):.1f} ms a row, "
                    f"{1000 * run.cpu_seconds / len(part.prompts):.1f} CPU ms ({len(part.prompts):,} rows, {load()})",
                    flush=True,
                )
                if options.json:
                    facts = {
                        "options": {key: str(kept) for key, kept in vars(options).items()},
                        "points": [asdict(point) for point in points],
                    }
                    options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    finally:
        for contender in contenders.values():
            contender.close()
    publish(points, options)
    return 0


def publish(points: Sequence[Point], options: argparse.Namespace) -> None:
    """Writes the table and the plot that were asked for."""
    if options.table:
        options.table.write_text(table(points), encoding="utf-8")
    if options.plot:
        draw(points, options.plot)


def table(points: Sequence[Point]) -> str:
    """In Markdown: a line for each place of what varies, the sides beside each other."""
    sides = [side for side in SIDES if any(point.side == side for point in points)]
    cells = [["what varies", "rows", *(f"{side}, {what}" for side in sides for what in ("ms a row", "CPU ms a row"))]]
    if len(sides) == 2:
        cells[0].append("ratio of CPU times")
    cells.append(["---"] * len(cells[0]))
    for axis, value in dict.fromkeys((point.axis, point.value) for point in points):
        here = {point.side: point for point in points if (point.axis, point.value) == (axis, value)}
        line = [f"{value:,.0f} {AXES[axis]}", " · ".join(f"{here[side].rows:,}" for side in sides if side in here)]
        for side in sides:
            each = here.get(side)
            line += [f"{1000 * s / each.rows:,.1f}" for s in (each.seconds, each.cpu_seconds)] if each else ["–", "–"]
        if len(sides) == 2:
            line.append(ratio(here))
        cells.append(line)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def ratio(here: dict[str, Point]) -> str:
    """The other side's CPU time a row, in ours."""
    ours, its = (here.get(side) for side in SIDES)
    if ours is None or its is None:
        return "–"
    return f"{its.cpu_seconds / its.rows / (ours.cpu_seconds / ours.rows):.1f}"


def settings(everything: Work, options: argparse.Namespace) -> Iterator[tuple[str, float, Work]]:
    """What varies, where it stands, and the work of that."""
    if too_many := [number for number in options.rows_axis if number > len(everything.prompts)]:
        sys.exit(f"--rows-axis asks for {max(too_many):,} rows, and there are {len(everything.prompts):,}")
    for number in options.rows_axis:
        yield "rows", number, shortened(everything, number)
    some = shortened(everything, options.rows_asked)
    if some.candidates:
        for number in options.candidates_axis:
            texts = tuple(CANDIDATES[:number])
            yield "candidates", number, dataclasses.replace(some, candidates=(texts,) * len(some.prompts))
    tokens = _Tokens(some.pretrained)
    for further in options.contexts_axis:
        longer = with_contexts(everything, options.rows_asked, further)
        yield "tokens", tokens.mean(longer), longer
    for number in options.questions_axis:
        yield "questions", number, with_questions(some, number)


def shortened(work: Work, rows: int) -> Work:
    """The first rows."""
    return dataclasses.replace(
        work, prompts=work.prompts[:rows], candidates=work.candidates[:rows], contexts=work.contexts[:rows]
    )


def with_contexts(work: Work, rows: int, further: int) -> Work:
    """The first rows, each with so many contexts of other rows in front of its own."""
    different = list(dict.fromkeys(work.contexts))
    prompts = []
    for number, (key, text) in enumerate(work.prompts[:rows]):
        # Another run of contexts for each row: none begins like the one before.
        others = [different[(number * 7 + step) % len(different)] for step in range(1, further + 1)]
        own = work.contexts[number]
        prompts.append((key, text.replace(own, "\n".join((*others, own)), 1)))
    return dataclasses.replace(shortened(work, rows), prompts=tuple(prompts))


def with_questions(work: Work, questions: int) -> Work:
    """The same rows, so many one after the other with the context of the first of them."""
    prompts = []
    for number, (key, text) in enumerate(work.prompts):
        leader = number - number % questions
        prompts.append((key, text.replace(work.contexts[number], f"{leader}. {work.contexts[leader]}", 1)))
    return dataclasses.replace(work, prompts=tuple(prompts))


class _Tokens:
    """Counts tokens."""

    def __init__(self, pretrained: str) -> None:
        from entailbench_adapters.hf_weights import load_tokenizer

        self._tokenizer = load_tokenizer(Path(pretrained))

    def mean(self, work: Work) -> float:
        """Of the prompts."""
        ids = self._tokenizer([text for _, text in work.prompts], add_special_tokens=False)["input_ids"]
        return sum(map(len, ids)) / len(ids)


def draw(points: Sequence[Point], out: Path) -> None:
    """A panel for each thing that varies: seconds a row."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    axes = [axis for axis in AXES if any(point.axis == axis for point in points)]
    with mpl.rc_context({"svg.hashsalt": "entailbench", "font.size": 9}):
        figure, panels = plt.subplots(1, len(axes), figsize=(3.2 * len(axes), 3), squeeze=False, layout="constrained")
        for panel, axis in zip(panels[0], axes, strict=True):
            for side, marker in zip(SIDES, ("o", "s"), strict=True):
                own = [point for point in points if point.axis == axis and point.side == side]
                if own:
                    panel.plot(
                        [point.value for point in own],
                        [1000 * point.cpu_seconds / point.rows for point in own],
                        marker=marker,
                        label=side,
                    )
            panel.set_xlabel(AXES[axis])
            panel.set_xscale("log", base=10 if axis == "rows" else 2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            panel.grid(True, which="both", alpha=0.3)
        panels[0][0].set_ylabel("CPU milliseconds a row")
        panels[0][0].legend()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    # The generated rows of all splits are more than 10,000.
    parser.set_defaults(task="puzzte_generated_mc", split="train,validation,test", limit=None)
    parser.add_argument("--rows-axis", type=numbers, default=[100, 300, 1000, 3000, 10_000])
    parser.add_argument("--candidates-axis", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--contexts-axis", type=numbers, default=[0, 1, 2, 4, 8], help="contexts of other rows added")
    parser.add_argument("--questions-axis", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--rows-asked", type=int, default=96, help="where their number is not what varies")
    parser.add_argument("--peer", action="store_true", help="lm-eval too")
    parser.add_argument("--peer-rows", type=int, default=16, help="lm-eval answers the first ones only")
    parser.add_argument("--batch-size", type=int, default=8, help="lm-eval's")
    parser.add_argument("--json", type=Path, help="file for the figures, written after every run")
    parser.add_argument("--table", type=Path, help="a Markdown file")
    parser.add_argument("--plot", type=Path, help="an SVG file")
    parser.add_argument("--drawn", type=Path, help="table and plot of this file's figures; measures nothing")
    options = parser.parse_args()
    if options.drawn and not (options.plot or options.table):
        parser.error("--drawn needs --plot or --table")
    return options


if __name__ == "__main__":
    sys.exit(main())
