"""The variance of finetune seeds: closed forms, properties, and a short simulation."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_answers import constant, noisy, perfect, rows_of
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from entailbench import ENTAILMENT, NOT_ENTAILMENT, UNPARSED
from entailbench.answered import Judged, ModelAnswers, TaskAnswers
from entailbench.findings import Estimate, TaskResult
from entailbench.stats import analyse_task
from entailbench.stats.seed_lines import SeedGroup, with_seeds
from entailbench.stats.seeds import SeedPart, between, p_of, reach, widened

shares = st.floats(0, 1, allow_nan=False)


# The pieces


@given(st.lists(shares, min_size=2, max_size=8))
def test_without_resamples_it_is_the_sample_variance(values: list[float]) -> None:
    assert between(values, None).variance == pytest.approx(np.var(values, ddof=1))
    assert between(values, None).error == pytest.approx(scipy_stats.sem(values))


def test_what_moves_all_seeds_alike_is_no_difference_between_them() -> None:
    common = np.random.default_rng(0).normal(size=(500, 1))
    values = [0.5, 0.6, 0.7]
    assert between(values, 0.6 + common + np.zeros((1, 3))).variance == pytest.approx(0.01)


def test_what_puzzles_explain_is_taken_off_and_never_more() -> None:
    rng = np.random.default_rng(0)
    values = [0.5, 0.6, 0.7]
    own = rng.normal(0, 0.05, size=(20_000, 3))
    assert between(values, 0.6 + own).variance == pytest.approx(0.01 - 0.05**2, rel=0.02)
    assert between(values, 0.6 + 10 * own).variance == 0.0
    assert between(values[:2], 0.6 + own[:, :2]).variance == pytest.approx(0.005), "two seeds tell too little"


@given(st.lists(shares, min_size=2, max_size=6), st.sampled_from([0.01, 0.05, 0.2]))
def test_one_line_of_seeds_reaches_as_far_as_a_t_interval(values: list[float], level: float) -> None:
    found = reach([between(values, None)], level)
    assert found == pytest.approx(scipy_stats.t.ppf(1 - level / 2, len(values) - 1) * scipy_stats.sem(values))


@given(st.lists(shares, min_size=2, max_size=6), st.lists(shares, min_size=2, max_size=6))
def test_two_lines_of_seeds_are_compared_as_by_welch(first: list[float], second: list[float]) -> None:
    if np.ptp(first) < 1e-6 or np.ptp(second) < 1e-6:
        return
    parts = [between(first, None), between(second, None)]
    welch = scipy_stats.ttest_ind(first, second, equal_var=False)
    interval = welch.confidence_interval()
    assert 2 * reach(parts) == pytest.approx(interval.high - interval.low)
    difference = float(np.mean(first) - np.mean(second))
    # Without puzzles to vary, p is Welch's.
    if abs(difference) > 1e-6 and welch.pvalue > 1e-9:
        assert p_of(difference, 0.0, 100, parts) == pytest.approx(welch.pvalue, rel=1e-6)


@given(st.floats(0.001, 0.2), st.floats(0.001, 0.5), st.integers(2, 500))
def test_without_seeds_p_is_students(error: float, difference: float, puzzles: int) -> None:
    wanted = 2 * scipy_stats.t.sf(difference / error, puzzles - 1)
    assert p_of(difference, error, puzzles, []) == pytest.approx(max(wanted, 1e-12), rel=1e-5)
    assert p_of(-difference, error, puzzles, []) == p_of(difference, error, puzzles, [])


@given(st.floats(0.001, 0.2), st.floats(-0.5, 0.5), st.floats(0, 0.1), st.integers(2, 5))
def test_p_and_interval_agree(error: float, difference: float, spread: float, seeds: int) -> None:
    parts = [SeedPart(spread**2, seeds)]
    half = scipy_stats.t.ppf(0.975, 99) * error
    found = widened(Estimate(difference, difference - half, difference + half), parts, lowest=-1.0)
    assert found.low is not None
    assert found.high is not None
    if abs(abs(difference) - math.hypot(half, reach(parts))) > 1e-6:
        assert (found.low > 0 or found.high < 0) == (p_of(difference, error, 100, parts) < 0.05)


@given(shares, shares, shares, st.floats(0, 0.3), st.integers(2, 6))
def test_seeds_widen_and_never_leave_the_range(a: float, b: float, c: float, spread: float, seeds: int) -> None:
    low, value, high = sorted((a, b, c))
    found = widened(Estimate(value, low, high, error=0.1), [SeedPart(spread**2, seeds)])
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= low + 1e-12
    assert high - 1e-12 <= found.high <= 1
    assert found.error == pytest.approx(math.hypot(0.1, spread / math.sqrt(seeds)))
    unknown = Estimate(None, undefined="no row")
    assert widened(unknown, [SeedPart(spread**2, seeds)]) == unknown


# Whole lines


ROWS = rows_of(
    [ENTAILMENT if number % 3 else NOT_ENTAILMENT for number in range(240)],
    [f"puzzle {number // 4}" for number in range(240)],
    family=["ab"[number // 8 % 2] for number in range(240)],
)


def analysed(models: Sequence[ModelAnswers], *groups: SeedGroup, baselines: Sequence[ModelAnswers] = ()) -> TaskResult:
    task = TaskAnswers("t", "test", "made up", tuple(ROWS), tuple(models), tuple(baselines))
    return with_seeds(task, analyse_task(task, draws=400), groups, draws=400)


def seeds_of(*accuracies: float, start: int = 0) -> list[ModelAnswers]:
    return [noisy(ROWS, accuracy, start + place, name=f"s{start + place}") for place, accuracy in enumerate(accuracies)]


def group(models: Sequence[ModelAnswers], name: str = "line") -> SeedGroup:
    return SeedGroup(name, tuple(model.name for model in models), tuple(range(1, len(models) + 1)))


def test_without_groups_nothing_changes() -> None:
    task = TaskAnswers("t", "test", "made up", tuple(ROWS), tuple(seeds_of(0.6, 0.7)))
    found = analyse_task(task, draws=100)
    assert with_seeds(task, found, (), draws=100) is found


def test_seeds_that_answer_alike_are_one_model() -> None:
    one = seeds_of(0.7)[0]
    twins = [replace(one, name=f"twin {number}") for number in range(3)]
    other = noisy(ROWS, 0.6, 99, name="other")
    line, single = (
        analysed([*models, other], *groups, baselines=[constant(ROWS, name="always")])
        for models, groups in ((twins, [group(twins, one.name)]), ([one], []))
    )
    assert line.models[0].seeds is not None
    assert line.models[0].seeds.deviation == 0.0
    for name, wanted in single.models[0].metrics.items():
        found = line.models[0].metrics[name]
        assert [found.value, found.low, found.high] == pytest.approx([wanted.value, wanted.low, wanted.high]), name
    (pair,), (wanted_pair,) = line.comparisons, single.comparisons
    assert pair.difference.low == pytest.approx(wanted_pair.difference.low)
    assert pair.p >= wanted_pair.p - 1e-12
    assert pair.p == pytest.approx(wanted_pair.p, rel=0.35)
    assert (pair.mcnemar, pair.only_first, pair.only_second) == (
        *(wanted_pair.mcnemar, wanted_pair.only_first, wanted_pair.only_second),
    )
    assert line.models[0].not_better_than == single.models[0].not_better_than


def test_figures_are_the_means_over_the_seeds() -> None:
    models = seeds_of(0.6, 0.7, 0.8)
    line = analysed(models, group(models)).models[0]
    each = analysed(models).models
    for name, found in line.metrics.items():
        values = [one.value(name) for one in each]
        if found.value is None:
            assert None in values
        else:
            assert found.value == pytest.approx(np.mean([value for value in values if value is not None])), name
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.value <= found.high
    assert line.seeds is not None
    assert line.seeds.balanced == tuple(one.value("balanced") for one in each)
    assert line.confusion[ENTAILMENT][ENTAILMENT] == sum(one.confusion[ENTAILMENT][ENTAILMENT] for one in each)


def test_the_order_of_seeds_does_not_matter() -> None:
    models = seeds_of(0.55, 0.7, 0.8)
    there, back = (analysed(order, group(order)) for order in (models, models[::-1]))
    for name, found in there.models[0].metrics.items():
        other = back.models[0].metrics[name]
        assert (found.value is None) == (other.value is None)
        if found.value is not None:
            assert [found.value, found.low, found.high] == pytest.approx([other.value, other.low, other.high]), name


def test_seeds_far_apart_widen_the_interval() -> None:
    close, far = seeds_of(0.7, 0.7, 0.7), seeds_of(0.5, 0.7, 0.9)
    widths = []
    for models in (close, far):
        found = analysed(models, group(models)).models[0].metrics["balanced"]
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_a_line_stands_where_its_first_seed_stood_and_pairs_with_all() -> None:
    first, second = seeds_of(0.6, 0.7)
    models = [constant(ROWS, name="zero"), first, noisy(ROWS, 0.65, 77, name="between"), second]
    found = analysed(models, group([first, second]))
    assert [model.name for model in found.models] == ["zero", "line", "between"]
    assert [(pair.first, pair.second) for pair in found.comparisons] == [
        ("zero", "line"),
        ("zero", "between"),
        ("line", "between"),
    ]
    assert "over 2 seeds" in found.comparisons[0].verdict
    assert "seeds" not in found.comparisons[1].verdict
    assert all(set(part.balanced) == {"zero", "line", "between"} for part in found.slices)
    # Over the lines, not over the seeds.
    corrected = multipletests([pair.p for pair in found.comparisons], method="holm")[1]
    assert [pair.p_holm for pair in found.comparisons] == pytest.approx(corrected)
    assert max(pair.p for pair in found.comparisons) > 0.1, "otherwise Holm is Bonferroni"


def test_the_error_of_a_difference_is_that_of_the_means() -> None:
    one, other = seeds_of(0.6, 0.6, 0.6), seeds_of(0.7, 0.7, 0.7, start=3)
    (pair,) = analysed([*one, *other], group(one, "one"), group(other, "other")).comparisons
    right = np.array(
        [
            [row.gold == said.predicted for row, said in zip(ROWS, model.answers, strict=True)]
            for model in (*one, *other)
        ]
    )
    gain = right[:3].mean(axis=0) - right[3:].mean(axis=0)
    entailed = np.array([row.gold == ENTAILMENT for row in ROWS])
    puzzles = np.array([row.puzzle for row in ROWS])
    left_out = [
        (gain[entailed & (puzzles != name)].mean() + gain[~entailed & (puzzles != name)].mean()) / 2
        for name in sorted(set(puzzles.tolist()))
    ]
    over_puzzles = math.sqrt((len(left_out) - 1) * np.var(left_out))
    assert pair.difference.error is not None
    seeds = pair.difference.error**2 - over_puzzles**2
    assert seeds >= -1e-12
    balanced = [(row[entailed].mean() + row[~entailed].mean()) / 2 for row in right]
    assert seeds <= (np.var(balanced[:3], ddof=1) + np.var(balanced[3:], ddof=1)) / 3 + 1e-12


def test_two_lines_of_seeds_are_compared() -> None:
    one, other = seeds_of(0.55, 0.56, 0.57), seeds_of(0.9, 0.91, 0.92, start=3)
    found = analysed([*one, *other], group(one, "one"), group(other, "other"))
    (pair,) = found.comparisons
    assert pair.p_holm < 0.01
    assert pair.verdict.startswith("other beats one by")
    assert "over 3 and 3 seeds" in pair.verdict


def test_a_constant_and_a_perfect_line_have_intervals_that_are_not_empty() -> None:
    for make in (perfect, constant):
        models = [make(ROWS, name=name) for name in ("a", "b")]
        found = analysed(models, group(models)).models[0].metrics["entailment"]
        assert found.low is not None
        assert found.high is not None
        assert found.high - found.low > 0.01


def test_a_figure_that_one_seed_lacks_is_undefined_with_the_reason() -> None:
    mumbles = ModelAnswers("mumbles", tuple(Judged(row.doc_id, UNPARSED, text="hm") for row in ROWS))
    models = [*seeds_of(0.7), mumbles]
    found = analysed(models, group(models)).models[0]
    assert found.metrics["overall_parsed"] == Estimate(None, undefined="no answer could be read")
    assert found.metrics["overall"].value is not None
    assert found.unparsed == 120


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=2, max_size=4), st.floats(0.05, 0.95))
def test_any_seeds_give_proper_figures(accuracies: list[float], other: float) -> None:
    models = seeds_of(*accuracies)
    task = TaskAnswers(
        "t", "test", "made up", tuple(ROWS[:60]), tuple(cut([*models, noisy(ROWS, other, 50, name="o")]))
    )
    found = with_seeds(task, analyse_task(task, draws=100), [group(models)], draws=100)
    for metric in found.models[0].metrics.values():
        if metric.value is not None and metric.low is not None and metric.high is not None:
            assert -1 <= metric.low <= metric.value <= metric.high <= 1
    (pair,) = found.comparisons
    assert 0 < pair.p <= pair.p_holm <= 1
    assert pair.difference.low is not None
    assert pair.difference.high is not None
    if pair.difference.low > 0.01 or pair.difference.high < -0.01:
        assert pair.p < 0.15


def cut(models: Sequence[ModelAnswers]) -> list[ModelAnswers]:
    return [replace(model, answers=model.answers[:60]) for model in models]


# The simulation of benchmarks/, short


def simulation() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "simulate_seeds.py"
    spec = importlib.util.spec_from_file_location("simulate_seeds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulate_seeds"] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_hold_for_seeds_that_were_not_drawn() -> None:
    found = simulation().simulate(puzzles=60, seeds=4, spread=0.06, samples=200, draws=200)
    assert 0.90 <= found.covered <= 0.99
    assert found.naive < 0.85, "otherwise this shows nothing"
    assert found.rejected <= 0.09


@pytest.mark.soak
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.06])
def test_intervals_hold_for_seeds_that_were_not_drawn_at_length(spread: float) -> None:
    found = simulation().simulate(puzzles=100, seeds=5, spread=spread, samples=2000, draws=500)
    assert 0.93 <= found.covered <= 0.97
    assert found.rejected <= 0.065
