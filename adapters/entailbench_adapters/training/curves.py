"""Where the figures of a training go as they become known: a table beside the checkpoint, a logger, a plot at the end.

``losses.csv`` has a line for each step and one for each validation, written and flushed at once. A training that is
gone on with drops the lines after the state it goes on from: those steps are done again.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..litgpt_recipe import LoraRecipe

TABLE = "losses.csv"
PLOT = "curves.svg"
VALIDATION = "validation_"
"""Stands before what a validation measured."""
COLUMNS = (
    *("step", "epoch", "loss", "learning_rate", "gradient_norm", "samples", "tokens", "seconds"),
    *(f"{VALIDATION}{name}" for name in ("loss", "accuracy", "balanced_accuracy", "unparsed", "exact")),
)
"""Of ``losses.csv``. Samples, tokens and seconds are of all steps so far."""
BARS = "▁▂▃▄▅▆▇█"
LOGGERS = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}
"""By ``logger``: the packages of which it needs one, the first being the one to install."""


class Curves:
    """The figures of one training.

    Args:
        out: the checkpoint's folder, which exists.
        recipe: for the logger.
        resumed_at: the step that the training goes on after; 0 for a new one.
        name: what the training is called in the logger.
    """

    def __init__(self, out: Path, recipe: LoraRecipe, *, resumed_at: int = 0, name: str = "lora") -> None:
        self._out = out
        kept = [row for row in read_table(out / TABLE) if int(row["step"]) <= resumed_at] if resumed_at else []
        self._file = _begin(out / TABLE, kept)
        self._table = csv.DictWriter(self._file, COLUMNS)
        self._logger = _open_logger(recipe.logger, out, name, resumed_at)

    def train(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        *,
        epoch: float | None = None,
        gradient_norm: float | None = None,
        samples: int | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """One optimizer step, counted from 1.

        Args:
            step: its number.
            loss: of its samples, before the update.
            learning_rate: that of the update.
            epoch: how often all the samples were gone over so far.
            gradient_norm: before it was clipped.
            samples: trained on so far; ``tokens`` likewise.
            seconds: spent so far, without validations.
        """
        figures = {
            "epoch": epoch,
            "loss": loss,
            "learning_rate": learning_rate,
            "gradient_norm": gradient_norm,
            "samples": samples,
            "tokens": tokens,
            "seconds": seconds,
        }
        self._write(step, {key: value for key, value in figures.items() if value is not None})

    def validation(self, step: int, figures: Mapping[str, float]) -> None:
        """One validation after a step: "loss", and perhaps "accuracy", "balanced_accuracy", "unparsed", "exact"."""
        known = {f"{VALIDATION}{key}": value for key, value in figures.items()}
        self._write(step, {key: value for key, value in known.items() if key in COLUMNS})

    def close(self) -> None:
        """Ends table and logger, and draws the plot."""
        self._file.close()
        if self._logger is not None:
            self._logger.finalize("success")
        draw(self._out / TABLE, self._out / PLOT)

    def _write(self, step: int, figures: Mapping[str, float]) -> None:
        self._table.writerow({"step": step, **{key: _shown(value) for key, value in figures.items()}})
        self._file.flush()
        if self._logger is not None:
            self._logger.log_metrics({key.replace(VALIDATION, "validation/"): v for key, v in figures.items()}, step)


def logger_problems(logger: str) -> Iterator[str]:
    """What the recipe's ``logger`` needs and is not installed."""
    modules = LOGGERS.get(logger, ())
    if modules and not any(find_spec(module) for module in modules):
        yield f'logger = "{logger}" needs a package that is not installed: pip install {modules[0]}'


def plot_problems() -> Iterator[str]:
    """What the plot needs and is not installed."""
    if find_spec("matplotlib") is None:
        yield "the plot of the curves needs a package that is not installed: pip install matplotlib"


def read_table(path: Path) -> list[dict[str, str]]:
    """The whole lines of a ``losses.csv``; a last line cut short by a crash is left out. No file, no lines."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    rows = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    return [row for row in rows if row.get("step", "").isdigit() and None not in row.values() and None not in row]


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """The course of ``values`` in at most ``width`` characters, each the mean of its share of them: ``"█▆▄▃▂▁"``."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    width = min(width, len(finite))
    edges = [round(place * len(finite) / width) for place in range(width + 1)]
    means = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return BARS[0] * width
    return "".join(BARS[min(len(BARS) - 1, int((mean - low) / (high - low) * len(BARS)))] for mean in means)


def progress_line(step: int, steps: int, losses: Sequence[float], parts: Iterable[str] = ()) -> str:
    """``"step 40/390, loss 0.4120 █▅▃▂▁, 1,840 tokens/s"``: a line for the terminal.

    Args:
        step: the last one done.
        steps: of all.
        losses: of all the steps so far, at least one.
        parts: what else to say.
    """
    course = sparkline(losses)
    loss = f"loss {losses[-1]:.4g}{' ' + course if course else ''}"
    return ", ".join((f"step {step}/{steps}", loss, *parts))


def draw(table: Path, plot: Path) -> None:
    """Draws the loss, and where there were validations their loss and balanced accuracy, as an SVG.

    The same table gives the same bytes. Nothing is drawn without a step.

    Args:
        table: a ``losses.csv``.
        plot: the file to write.
    """
    train = _points(table, "loss")
    if not train:
        return
    losses, balanced = (_points(table, f"{VALIDATION}{name}") for name in ("loss", "balanced_accuracy"))

    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.hashsalt": "entailbench",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e6e6e6",
        "path.simplify_threshold": 0.5,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7.2, 5.2 if balanced else 3.4), layout="constrained")
        FigureCanvasSVG(figure)
        upper, *lower = figure.subplots(2 if balanced else 1, 1, sharex=True, squeeze=False)[:, 0]
        steps, values = zip(*train, strict=True)
        upper.plot(steps, values, color="#9ecae1", linewidth=0.8, label="training")
        upper.plot(steps, _smoothed(values), color="#2171b5", linewidth=1.6, label="training, smoothed")
        if losses:
            upper.plot(*zip(*losses, strict=True), color="#d94801", marker="o", markersize=3.5, label="validation")
        upper.set_ylabel("loss (nats per answer token)")
        # Losses fall over decades where a model learns its answers by heart.
        if min(values) > 0 and max(values) > 20 * min(_smoothed(values)):
            upper.set_yscale("log")
        upper.legend(frameon=False)
        for axes in lower:
            axes.axhline(0.5, color="#888888", linewidth=0.8, linestyle="--", label="a constant answer")
            axes.plot(*zip(*balanced, strict=True), color="#238b45", marker="o", markersize=3.5, label="validation")
            axes.set_ylim(0, 1.03)
            axes.set_ylabel("balanced accuracy")
            axes.legend(frameon=False, loc="lower right")
        figure.align_ylabels()
        (lower or [upper])[-1].set_xlabel("optimizer step")
        partial = plot.with_name(f".{plot.name}.partial")
        figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
    partial.replace(plot)


def _points(table: Path, column: str) -> list[tuple[int, float]]:
    found = [(int(row["step"]), float(row[column])) for row in read_table(table) if row.get(column)]
    return [(step, value) for step, value in found if math.isfinite(value)]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average over about a sixtieth of the steps, corrected for its start."""
    keep = 1 - 1 / max(1.0, len(values) / 60)
    mean, found = 0.0, []
    for number, value in enumerate(values, start=1):
        mean = keep * mean + (1 - keep) * value
        found.append(mean / (1 - keep**number))
    return found


def _begin(path: Path, kept: Sequence[Mapping[str, str]]) -> Any:
    """Opens the table for appending, with nothing in it but the header and ``kept``."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
    partial.replace(path)
    return path.open("a", encoding="utf-8", newline="")


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.8g}"


def _open_logger(logger: str, out: Path, name: str, resumed_at: int) -> Any:
    if logger == "none":
        return None
    from litgpt.utils import choose_logger

    if logger == "tensorboard":
        # One folder for the whole training: what a stopped process logged after its last state is purged.
        purge = resumed_at + 1 if resumed_at else None
        return choose_logger("tensorboard", out, name, version="run", purge_step=purge)
    settings = {"project": "entailbench", "run": name, "group": None}
    return choose_logger("wandb", out, name, log_args=settings, resume=bool(resumed_at), save_dir=str(out))
