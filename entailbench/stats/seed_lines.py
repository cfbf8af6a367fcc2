"""Models of one recipe, trained with several seeds, as one line of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

import numpy as np

from entailbench.answered import ModelAnswers, TaskAnswers
from entailbench.findings import METRICS, Comparison, Estimate, ModelResult, Seeds, Slice, TaskResult
from entailbench.stats.comparisons import comparisons_of, is_positive
from entailbench.stats.counts import EE, FORMULAS, NN, columns_of
from entailbench.stats.intervals import DRAWS, Sums
from entailbench.stats.lines import Line, compare_lines, line_difference, line_estimate
from entailbench.stats.resampling import weights
from entailbench.stats.sample import Sample, sample_of
from entailbench.stats.seeds import between, widened
from entailbench.stats.verdict import LEVEL, PERMUTATION

__all__ = ["SeedGroup", "with_seeds"]


@dataclass(frozen=True)
class SeedGroup:
    """Models that differ only in the seed of their training."""

    name: str
    """Of the line that takes their place."""
    names: tuple[str, ...]
    """Of the models; two or more."""
    seeds: tuple[int, ...]
    """Of their trainings, in the same order."""


def with_seeds(
    task: TaskAnswers, found: TaskResult, groups: Sequence[SeedGroup], *, draws: int = DRAWS, seed: int = 0
) -> TaskResult:
    """The same findings with one line for each group; its intervals hold for another seed of the recipe too.

    Args:
        task: the rows and all answers.
        found: ``analyse_task(task)`` with the same ``draws`` and ``seed``.
        groups: which models belong together; a model is in one group at most.
        draws: resamples of each interval.
        seed: of the resamples.
    """
    if not groups:
        return found
    sample = sample_of(task.rows)
    resamples = weights(sample.puzzles, draws, seed)
    group_of = {name: group for group in groups for name in group.names}

    def line(name: str, models: Sequence[ModelAnswers]) -> Line:
        columns = [columns_of(task.rows, model.answers) for model in models]
        sums = tuple(Sums.of(sample.per_puzzle(one), resamples) for one in columns)
        right = np.sum([one[:, EE] + one[:, NN] for one in columns], axis=0).round().astype(np.int64)
        return Line(name, sums, right)

    answers = {model.name: model for model in task.models}
    results = {result.name: result for result in found.models}
    baselines = [line(one.name, [one]) for one in task.baselines if not one.unavailable]
    lines: list[Line] = []
    models: list[ModelResult] = []
    for name, model in answers.items():
        group = group_of.get(name)
        if group is None:
            lines.append(line(name, [model]))
            models.append(results[name])
        elif name == group.names[0]:
            lines.append(line(group.name, [answers[member] for member in group.names]))
            members = [results[member] for member in group.names]
            models.append(_result(sample, group, lines[-1], members, baselines))
    return replace(
        found,
        models=tuple(models),
        comparisons=_comparisons(sample, lines, seed),
        slices=tuple(_slice(part, groups) for part in found.slices),
    )


def _result(
    sample: Sample, group: SeedGroup, line: Line, members: Sequence[ModelResult], baselines: Sequence[Line]
) -> ModelResult:
    told = ", ".join(map(str, group.seeds))
    balanced = [member.value("balanced") for member in members]
    part = line.seed_parts("balanced")[0] if None not in balanced else None
    seconds = [member.seconds for member in members if member.seconds is not None]
    remark = members[0].identity.remark if members[0].identity else None
    title = f"{group.name} (mean of {len(members)} finetune seeds: {told}{f'; {remark}' if remark else ''})"
    leaked = max(member.leaked for member in members)
    return ModelResult(
        name=group.name,
        title=f"{title} (leaked: trained on the puzzles of {leaked:,} rows)" if leaked else title,
        rows=members[0].rows,
        unparsed=round(fmean(member.unparsed for member in members)),
        metrics=_metrics(line, members),
        confusion=_sum([member.confusion for member in members]),
        errors=round(fmean(member.errors for member in members)),
        refused=round(fmean(member.refused for member in members)),
        filtered=round(fmean(member.filtered for member in members)),
        seconds=fmean(seconds) if seconds else None,
        cached=round(fmean(member.cached for member in members)),
        leaked=leaked,
        not_better_than=tuple(
            other.name for other in baselines if not is_positive(line_difference(sample, line, other))
        ),
        seeds=Seeds(group.names, group.seeds, tuple(balanced), part.variance**0.5 if part else None),
    )


def _metrics(line: Line, members: Sequence[ModelResult]) -> dict[str, Estimate]:
    """The mean of each metric over the members, undefined where it is for one of them."""
    found = {}
    for metric in METRICS:
        theirs = [member.metrics[metric.name] for member in members if metric.name in member.metrics]
        if not theirs:
            continue
        values = [one.value for one in theirs if one.value is not None]
        if len(values) < len(members):
            why = next((one.undefined for one in theirs if one.value is None), "not all seeds have it")
            found[metric.name] = Estimate(None, undefined=why)
            continue
        if metric.name in FORMULAS:
            found[metric.name] = line_estimate(line, metric.name)
        else:
            found[metric.name] = widened(_mean_of(theirs), [between(values, None)])
    return found


def _mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Means of values and ends: as if seeds moved together from puzzle to puzzle, which is the widest they can."""
    lows = [one.low for one in estimates if one.low is not None]
    highs = [one.high for one in estimates if one.high is not None]
    value = fmean(one.value for one in estimates if one.value is not None)
    if len(lows) < len(estimates) or len(highs) < len(estimates):
        return Estimate(value)
    return Estimate(value, fmean(lows), fmean(highs))


def _comparisons(sample: Sample, lines: Sequence[Line], seed: int) -> tuple[Comparison, ...]:
    couples = list(combinations(lines, 2))
    pairs = [compare_lines(sample, first, second, level=LEVEL / len(couples), seed=seed) for first, second in couples]
    names = [(first.name, second.name) for first, second in couples]
    return comparisons_of(sample, names, pairs, [_test(first, second) for first, second in couples])


def _test(first: Line, second: Line) -> str:
    seeds = [str(len(line.members)) for line in (first, second) if len(line.members) > 1]
    told = f" and over {' and '.join(seeds)} seeds" if seeds else ""
    return f"{PERMUTATION}{told}"


def _slice(part: Slice, groups: Sequence[SeedGroup]) -> Slice:
    return replace(part, overall=_by_line(part.overall, groups), balanced=_by_line(part.balanced, groups))


def _by_line(estimates: Mapping[str, Estimate], groups: Sequence[SeedGroup]) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    group_of = {name: group for group in groups for name in group.names}
    for name, single in estimates.items():
        group = group_of.get(name)
        if group is None:
            found[name] = single
        elif group.name not in found:
            theirs = [estimates[member] for member in group.names]
            values = [one.value for one in theirs if one.value is not None]
            if len(values) < len(theirs):
                found[group.name] = next(one for one in theirs if one.value is None)
            else:
                found[group.name] = widened(_mean_of(theirs), [between(values, None)])
    return found


def _sum(tables: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """Tables of counts, cell by cell."""
    total: dict[str, dict[str, int]] = {}
    for table in tables:
        for label, row in table.items():
            for answer, rows in row.items():
                place = total.setdefault(label, {})
                place[answer] = place.get(answer, 0) + rows
    return total
