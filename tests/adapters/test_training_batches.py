"""Which samples make which step: litgpt's own order, whole puzzles, tokens instead of samples, balanced classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby

import pytest

pytest.importorskip("litgpt")

from hypothesis import given, settings
from hypothesis import strategies as st

from entailbench import TrainingError
from entailbench_adapters.litgpt_recipe import LoraRecipe, schedule
from entailbench_adapters.training.batches import plan
from entailbench_adapters.training.samples import TokenSample

RECIPE = LoraRecipe(micro_batch_size=2, global_batch_size=4, epochs=3, seed=7, warmup_steps=1)


def samples_of(count: int, *, puzzle: int = 3, rare: int = 0) -> list[TokenSample]:
    """``count`` samples of growing length, ``puzzle`` to a puzzle, every ``rare``-th of a rarer label."""
    return [
        TokenSample(
            tuple(range(1 + number % 5)), (1, 2), "b" if rare and number % rare == 0 else "a", str(number // puzzle)
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [16, 17, 18, 23])
def test_the_default_order_is_that_of_litgpts_loop(count: int) -> None:
    """Run by litgpt's own classes: loader, cycling, and what is done with the samples that an epoch leaves over."""
    import torch
    from litgpt.utils import CycleIterator
    from torch.utils.data import DataLoader

    loader = DataLoader(
        list(range(count)),  # type: ignore[arg-type]
        batch_size=RECIPE.micro_batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(RECIPE.seed),
        num_workers=0,
    )
    iterator = CycleIterator(loader)
    theirs: list[list[tuple[int, ...]]] = [[]]
    while True:
        batch = next(iterator)
        if iterator.epoch >= RECIPE.epochs:
            break
        theirs[-1].append(tuple(batch.tolist()))
        if len(theirs[-1]) == 2:
            theirs.append([])
    ours = plan(samples_of(count), RECIPE)
    assert len(ours) == schedule(RECIPE, count).steps
    assert [list(ours[step]) for step in range(len(ours))] == theirs[: len(ours)]


def test_max_steps_ends_a_plan_and_changes_nothing_before() -> None:
    whole, cut = plan(samples_of(20), RECIPE), plan(samples_of(20), replace(RECIPE, max_steps=4))
    assert len(cut) == 4
    assert cut.steps == whole.steps[:4]


@pytest.mark.parametrize("order", ["litgpt", "puzzle"])
def test_the_seed_decides(order: str) -> None:
    recipe = replace(RECIPE, order=order)
    first, again, other = (plan(samples_of(30), replace(recipe, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(12, 60),
    order=st.sampled_from(["litgpt", "puzzle"]),
    epochs=st.integers(1, 3),
    tokens=st.sampled_from([None, 9, 30]),
)
def test_an_epoch_has_every_sample_once(count: int, order: str, epochs: int, tokens: int | None) -> None:
    recipe = replace(RECIPE, order=order, epochs=epochs, batch_tokens=tokens)
    plans = plan(samples_of(count), recipe)
    numbers = [number for step in plans.steps for batch in step for number in batch]
    assert plans.epoch_samples == count
    for epoch in range(len(numbers) // count):
        assert sorted(numbers[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert len(set(numbers[-(len(numbers) % count) :])) == len(numbers) % count or len(numbers) % count == 0


def test_whole_puzzles_stay_together_and_are_shuffled_anew() -> None:
    plans = plan(samples_of(60, puzzle=5), replace(RECIPE, order="puzzle", epochs=2))
    numbers = [number for step in plans.steps for batch in step for number in batch]
    epochs = [[key for key, _ in groupby(numbers[start : start + 60], lambda n: n // 5)] for start in (0, 60)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert epochs[0] != epochs[1]


def test_a_batch_in_tokens_ends_with_the_sample_that_fills_it() -> None:
    samples = samples_of(50)
    plans = plan(samples, replace(RECIPE, batch_tokens=40))
    for step in plans.steps:
        sizes = [len(samples[number]) for batch in step for number in batch]
        assert sum(sizes) >= 40 > sum(sizes[:-1])
    total = 3 * sum(map(len, samples))
    trained = sum(len(samples[number]) for step in plans.steps for batch in step for number in batch)
    assert 0 <= total - trained < 40


@pytest.mark.parametrize("order", ["litgpt", "puzzle"])
def test_balanced_classes(order: str) -> None:
    samples = samples_of(40, rare=7)
    recipe = replace(RECIPE, order=order, balance_classes=True, epochs=2, micro_batch_size=1, global_batch_size=4)
    plans = plan(samples, recipe)
    assert plans.epoch_samples == 68
    numbers = [number for step in plans.steps for batch in step for number in batch]
    counts = [Counter(numbers[:68]), Counter(numbers[68:])]
    for count in counts:
        assert set(count) == set(range(40))
        labels = Counter(samples[number].label for number in count.elements())
        assert labels["a"] == labels["b"] == 34
    # 34 is no multiple of the 6 rare ones: which of them come once more is drawn anew.
    assert counts[0] != counts[1]


def test_free_text_is_no_class_to_balance() -> None:
    samples = [TokenSample((1,), (2,), f"answer {number}", "p") for number in range(40)]
    with pytest.raises(TrainingError, match=r"balance_classes = true, but .* 40 different labels"):
        plan(samples, replace(RECIPE, balance_classes=True))


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (0, {}, "there are no training samples"),
        (2, {}, "do not fill one batch of global_batch_size = 4"),
        (3, {"batch_tokens": 10_000}, r"have 36 tokens in all epochs and do not fill .* batch_tokens = 10,000"),
    ],
)
def test_too_few_samples(count: int, changes: dict[str, int], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        plan(samples_of(count), replace(RECIPE, **changes))  # type: ignore[arg-type]
