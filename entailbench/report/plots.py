"""The plots of a report, drawn by matplotlib for a column of about 400 pixels: a phone shows them as they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from entailbench.findings import Estimate, ModelResult, Slice, TaskResult
from entailbench.lineage import points
from entailbench.report.figures import ABSENT, percent
from entailbench.report.svg import PAPER, QUIET, SERIES, canvas, plain, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Plot", "plots_of", "sliced_metric"]

WIDTH = 400.0
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
"""With the colours, so that models can be told apart without seeing colours."""
STEPWISE = {
    "depth": "Accuracy by proof depth",
    "premises": "Accuracy by number of premises",
    "difficulty": "Accuracy by difficulty",
}
"""Facets whose values are numbers, with the plots' titles."""
AXES = {"depth": "proof depth", "premises": "premises", "difficulty": "difficulty"}
NAME_LENGTH = 30
"""Characters of a name beside a figure and its interval."""


@dataclass(frozen=True)
class Plot:
    """A drawing with its words."""

    key: str
    """Letters, digits and hyphens; unique within a task."""
    title: str
    caption: str
    svg: str
    legend: tuple[tuple[int | None, str], ...] = ()
    """(number of the colour, name) of what is drawn; None for the colour of baselines. Empty where names are drawn."""


def plots_of(task: TaskResult, key: str) -> tuple[Plot, ...]:
    """All plots that the task has figures for, in reading order.

    Args:
        task: what was found.
        key: letters, digits and hyphens; unique on the page.
    """
    found = [_balanced(task, key), _classes(task, key)]
    found += [_stepwise(task, key, facet) for facet in STEPWISE]
    found += [_reliability(task, key), _training(task, key)]
    return tuple(plot for plot in found if plot is not None)


def sliced_metric(slices: Iterable[Slice], names: Iterable[str]) -> str:
    """``"balanced"`` where every slice has it for every name, else ``"overall"``: one table shows one of them."""
    wanted = list(names)
    found = (one.balanced.get(name) for one in slices for name in wanted)
    return "balanced" if all(estimate is not None and estimate.value is not None for estimate in found) else "overall"


def _balanced(task: TaskResult, key: str) -> Plot | None:
    """Balanced accuracy, or overall accuracy where a class has no rows."""
    metric = "balanced" if any(model.value("balanced") is not None for model in task.models) else "overall"
    lines = [
        (name, colour, [(estimate, marker, True)])
        for name, colour, marker, result in _lines(task, baselines=True)
        if (estimate := _known(result, metric))
    ]
    if not lines:
        return None
    title = "Balanced accuracy" if metric == "balanced" else "Accuracy"
    return Plot(
        f"{key}-headline",
        title,
        "Percent, with 95% intervals clustered by puzzle; baselines in grey.",
        _forest(lines, f"{key}-headline", _spoken(title, ((name, marks[0][0]) for name, _, marks in lines))),
    )


def _classes(task: TaskResult, key: str) -> Plot | None:
    """Accuracy over the rows of each class, one above the other."""
    lines = []
    for name, colour, marker, result in _lines(task, baselines=False):
        marks = [
            (estimate, marker, filled)
            for metric, filled in (("entailment", True), ("not_entailment", False))
            if (estimate := _known(result, metric))
        ]
        if marks:
            lines.append((name, colour, marks))
    if not lines:
        return None
    spoken = ((f"{name}, {_class(filled)}", mark) for name, _, marks in lines for mark, _, filled in marks)
    return Plot(
        f"{key}-classes",
        "Accuracy by class",
        "Percent, with 95% intervals: filled for rows labelled entailment, hollow for not entailment.",
        _forest(lines, f"{key}-classes", _spoken("Accuracy by class", spoken)),
    )


def _class(filled: bool) -> str:
    return "entailment" if filled else "not entailment"


Mark = tuple[Estimate, str, bool]
"""(figure, marker, whether it is filled)."""


def _forest(lines: Sequence[tuple[str, str, Sequence[Mark]]], key: str, description: str) -> str:
    """Name and figures in words, and under them the intervals on an axis from 0 to 100."""
    lane, words, gap, foot = 15, 17, 7, 26
    height = sum(words + lane * len(marks) + gap for *_, marks in lines) + foot
    with canvas(WIDTH, height) as figure:
        axes = figure.add_axes((8 / WIDTH, foot / height, 1 - 16 / WIDTH, 1 - foot / height))
        axes.set(xlim=(0, 100), ylim=(height - foot, 0), xticks=range(0, 101, 25), yticks=[])
        axes.grid(axis="x", linewidth=1)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=11)
        axes.axvline(50, color=QUIET, linewidth=1, linestyle=(0, (1, 2.5)))
        y = 0.0
        for name, colour, marks in lines:
            behind: dict[str, Any] = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
            in_words = " · ".join(_percent(mark) for mark, *_ in marks)
            axes.text(0, y + words - 4, _short(name, in_words), fontsize=12.5, bbox=behind)
            axes.text(100, y + words - 4, in_words, fontsize=12.5, color=QUIET, ha="right", bbox=behind)
            y += words
            for mark, marker, filled in marks:
                _interval(axes, mark, y + lane / 2, colour, marker, filled)
                y += lane
            y += gap
        return to_svg(figure, key, description)


def _interval(axes: Axes, mark: Estimate, y: float, colour: str, marker: str, filled: bool) -> None:
    if mark.low is not None and mark.high is not None:
        axes.plot((100 * mark.low, 100 * mark.high), (y, y), color=colour, linewidth=2.5, clip_on=False)
    if mark.value is not None:
        face = colour if filled else PAPER
        axes.plot((100 * mark.value,), (y,), marker, mfc=face, mec=colour, markersize=8, mew=2, clip_on=False)


def _stepwise(task: TaskResult, key: str, facet: str) -> Plot | None:
    """Accuracy against a number that rows have."""
    slices = sorted(
        ((number, one) for one in task.slices if one.facet == facet and (number := _number(one.value)) is not None),
        key=lambda pair: pair[0],
    )
    if len(slices) < 2:
        return None
    metric = sliced_metric((one for _, one in slices), (model.name for model in task.models))
    most = max(one.rows for _, one in slices)
    drawn, spoken = [], []
    numbers = [number for number, _ in slices]
    narrowest = min(b - a for a, b in itertools.pairwise(numbers))
    with canvas(WIDTH, 250) as figure:
        axes = _plane(figure, AXES[facet])
        axes.set(ylim=(-2, 102), yticks=range(0, 101, 25))
        for place, (name, colour, marker, _) in enumerate(_lines(task, baselines=False)):
            marks = [(number, one.rows, getattr(one, metric).get(name)) for number, one in slices]
            known = [
                (number, rows, mark) for number, rows, mark in marks if mark is not None and mark.value is not None
            ]
            if not known:
                continue
            # Side by side, so that one interval does not hide another.
            shift = narrowest * 0.09 * (place - (len(task.models) - 1) / 2) / max(1, len(task.models) / 4)
            xs = [number + shift for number, *_ in known]
            for x, (*_, mark) in zip(xs, known, strict=True):
                if mark.low is not None and mark.high is not None:
                    axes.plot((x, x), (100 * mark.low, 100 * mark.high), color=colour, linewidth=1.5, alpha=0.55)
            values = [100 * mark.value for *_, mark in known]
            axes.plot(xs, values, color=colour, linewidth=1.5)
            sizes = [8 + 40 * rows / most for _, rows, _ in known]
            axes.scatter(xs, values, s=sizes, marker=marker, color=colour, clip_on=False, zorder=3)
            drawn.append((SERIES.index(colour), name))
            spoken += [(f"{name} at {number:g}", mark) for number, _, mark in known]
        if not drawn:
            return None
        axes.set_xticks(_few(numbers))
        svg = to_svg(figure, f"{key}-{facet}", _spoken(STEPWISE[facet], spoken))
    what = "Balanced accuracy" if metric == "balanced" else "Accuracy"
    caption = f"{what} in percent, with 95% intervals clustered by puzzle. Larger marks stand for more questions."
    return Plot(f"{key}-{facet}", STEPWISE[facet], caption, svg, tuple(drawn))


def _reliability(task: TaskResult, key: str) -> Plot | None:
    """How often rows are entailed, against how probable the model finds it."""
    models = [line for line in _lines(task, baselines=False) if line[3].reliability]
    if not models:
        return None
    with canvas(WIDTH, 330) as figure:
        axes = _plane(figure, "probability of entailment, as the model says")
        axes.set(xlim=(-2, 102), ylim=(-2, 102), xticks=range(0, 101, 25), yticks=range(0, 101, 25))
        axes.plot((0, 100), (0, 100), color=QUIET, linewidth=1, linestyle=(0, (1, 2.5)))
        spoken = []
        for name, colour, marker, result in models:
            bins = [one for one in result.reliability if one.rows]
            xs, ys = [100 * one.probability for one in bins], [100 * one.entailed for one in bins]
            most = max(one.rows for one in bins) if bins else 1
            axes.plot(xs, ys, color=colour, linewidth=1.5)
            sizes = [18 + 90 * one.rows / most for one in bins]
            axes.scatter(xs, ys, s=sizes, marker=marker, color=colour, clip_on=False, zorder=3)
            listing = ", ".join(f"{x:.0f} → {y:.0f}" for x, y in zip(xs, ys, strict=True))
            spoken.append(f"{plain(name)}: {listing}")
        svg = to_svg(figure, f"{key}-calibration", "Calibration, said → entailed in percent. " + "; ".join(spoken))
    return Plot(
        f"{key}-calibration",
        "Calibration",
        "Percent of rows that are entailed, against what the model says; on the dotted line it is right. "
        "Larger marks stand for more rows.",
        svg,
        tuple((SERIES.index(colour), name) for name, colour, *_ in models),
    )


def _training(task: TaskResult, key: str) -> Plot | None:
    """Training and validation losses of the models that say how they were trained."""
    drawn, spoken = [], []
    with canvas(WIDTH, 250) as figure:
        axes = _plane(figure, "optimizer steps")
        for name, colour, marker, result in _lines(task, baselines=False):
            training = points(result.lineage or {}, "losses")
            validation = points(result.lineage or {}, "validation_losses")
            if len(training) < 2:
                continue
            axes.plot(*zip(*training, strict=True), color=colour, linewidth=1.2, alpha=0.9)
            if validation:
                steps, losses = zip(*validation, strict=True)
                axes.plot(steps, losses, color=colour, linewidth=0, marker=marker, markersize=6, mfc=PAPER, mew=2)
            drawn.append((SERIES.index(colour), name))
            spoken.append(f"{plain(name)} from {training[0][1]:.3g} to {training[-1][1]:.3g}")
        if not drawn:
            return None
        axes.set_ylim(bottom=0)
        svg = to_svg(figure, f"{key}-training", "Training loss: " + "; ".join(spoken))
    caption = "Cross-entropy in nats per token; hollow marks are the validation samples."
    return Plot(f"{key}-training", "Training loss", caption, svg, tuple(drawn))


def _lines(task: TaskResult, baselines: bool) -> list[tuple[str, str, str, ModelResult]]:
    """(name, colour, marker, result) of the models and, in grey, of the baselines."""
    found = [
        (model.name, SERIES[number % len(SERIES)], MARKERS[(number + number // len(SERIES)) % len(MARKERS)], model)
        for number, model in enumerate(task.models)
    ]
    if baselines:
        found += [(one.name, QUIET, "o", one) for one in task.baselines if not one.unavailable]
    return found


def _known(result: ModelResult, metric: str) -> Estimate | None:
    estimate = result.metrics.get(metric)
    return estimate if estimate is not None and estimate.value is not None else None


def _plane(figure: Figure, x_title: str) -> Axes:
    """Axes with nothing but a grid and numbers."""
    width, height = figure.get_size_inches() * 72
    axes = figure.add_axes((34 / width, 42 / height, 1 - 44 / width, 1 - 54 / height))
    axes.grid(axis="y", linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=11, pad=6)
    axes.set_xlabel(x_title, fontsize=11.5, labelpad=6)
    return axes


def _short(name: str, beside: str) -> str:
    """The name with its middle left out where it would run into the figures beside it."""
    name, most = plain(name), NAME_LENGTH + 14 - len(beside)
    return name if len(name) <= most else f"{name[: most - 9]}…{name[-8:]}"


def _few(numbers: Sequence[float]) -> list[float]:
    """At most ten of the numbers, evenly picked."""
    return list(numbers[:: -(-len(numbers) // 10)])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _percent(estimate: Estimate) -> str:
    return ABSENT if estimate.value is None else percent(estimate.value)


def _spoken(title: str, told: Iterable[tuple[str, Estimate]]) -> str:
    """The plot in words, for readers who do not see it; the tables hold the same figures."""
    said = []
    for name, mark in told:
        between = "" if mark.low is None or mark.high is None else f" ({percent(mark.low)} to {percent(mark.high)})"
        said.append(f"{plain(name)} {_percent(mark)}{between}")
    return f"{title}, in percent: " + "; ".join(said)
