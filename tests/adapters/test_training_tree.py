"""Packs hold every sample whole, once, with its weight, within the budget, however much is shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import TrainingError
from entailbench_adapters.training.samples import TokenSample
from entailbench_adapters.training.tree import SHORTEST_SHARED, Pack, Sharing, pack, padded

SHARINGS: tuple[Sharing, ...] = ("none", "prefix", "tree")


def sample(prompt: Sequence[int], answer: Sequence[int]) -> TokenSample:
    return TokenSample(tuple(prompt), tuple(answer), "", "")


def path(packed: Pack, token: int) -> list[int]:
    """What a token sees, itself included."""
    return [place for place in range(token + 1) if token < packed.ends[place]]


@st.composite
def many_samples(draw: st.DrawFn) -> list[TokenSample]:
    """Few different tokens and beginnings put together from a few pieces, so that much is common at many depths."""
    tokens = st.integers(0, 2)
    pieces = draw(st.lists(st.lists(tokens, min_size=1, max_size=SHORTEST_SHARED + 9), min_size=1, max_size=4))
    one = st.builds(
        lambda parts, rest, answer: sample([*(t for part in parts for t in part), *rest], answer),
        st.lists(st.sampled_from(pieces), max_size=4),
        st.lists(tokens, min_size=1, max_size=5),
        st.lists(tokens, min_size=1, max_size=4),
    )
    samples = draw(st.lists(one, min_size=1, max_size=14))
    return samples + draw(st.lists(st.sampled_from(samples), max_size=3))


@given(
    many_samples(),
    st.sampled_from(SHARINGS),
    st.integers(1, 400),
    st.integers(1, 400),
    st.randoms(use_true_random=False),
)
def test_every_sample_is_there_whole_and_once(
    samples: list[TokenSample], sharing: Sharing, budget: int, tree_tokens: int, random: np.random.RandomState
) -> None:
    weights = [random.random() for _ in samples]
    packs = pack(samples, weights, sharing=sharing, budget=budget, tree_tokens=tree_tokens)
    found: Counter[int] = Counter()
    for packed in packs:
        numbers = list(dict.fromkeys(packed.sample.tolist()))
        found.update(numbers)
        assert len(packed) <= budget or len(numbers) == 1
        for number in numbers:
            rows = np.flatnonzero(packed.sample == number)
            one = samples[number]
            assert tuple(packed.targets[rows]) == one.answer
            for row, target in zip(rows, range(len(one.prompt), len(one)), strict=True):
                seen = path(packed, int(packed.reads[row]))
                assert tuple(packed.tokens[seen]) == one.tokens[:target]
                assert packed.positions[seen].tolist() == list(range(target))
            np.testing.assert_array_equal(packed.weights[rows], np.float32(weights[number]))
    assert found == Counter(range(len(samples)))


@given(many_samples(), st.integers(1, 400))
def test_sharing_never_costs_tokens(samples: list[TokenSample], budget: int) -> None:
    weights = [1.0] * len(samples)
    unshared = sum(len(one) - 1 for one in samples)
    assert sum(map(len, pack(samples, weights, sharing="none", budget=budget))) == unshared
    whole = {sharing: sum(map(len, pack(samples, weights, sharing=sharing, budget=10**6))) for sharing in SHARINGS}
    assert whole["tree"] <= whole["prefix"] <= whole["none"] == unshared


@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_same_arguments_give_the_same_packs(sharing: Sharing) -> None:
    generator = np.random.default_rng(0)
    samples = [sample(generator.integers(0, 3, 40), generator.integers(0, 3, 3)) for _ in range(30)]
    first, second = (pack(samples, [1.0] * 30, sharing=sharing, budget=200) for _ in range(2))
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for name in ("tokens", "positions", "ends", "reads", "targets", "weights", "sample"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_questions_have_in_common_is_stored_once() -> None:
    instruction, contexts = list(range(40)), [[100 + n] * 50 for n in range(3)]
    samples = [
        sample(instruction + contexts[number % 3] + [200 + number, 7], [300 + number, 0]) for number in range(12)
    ]
    (packed,) = pack(samples, [1.0] * 12, sharing="tree", budget=10_000)
    assert len(packed) == 40 + 3 * 50 + 12 * 3
    (packed,) = pack(samples, [1.0] * 12, sharing="prefix", budget=10_000)
    assert len(packed) == 40 + 12 * (50 + 3)


def test_a_pack_may_hold_several_trees() -> None:
    samples = [sample([1] * 40 + [number] * 10, [5, 6]) for number in range(2, 10)]
    (packed,) = pack(samples, [1.0] * 8, sharing="tree", budget=10_000, tree_tokens=40 + 4 * 11)
    assert len(packed) == 2 * 40 + 8 * 11
    assert max(packed.ends - np.arange(len(packed))) == 40 + 4 * 11


def test_a_short_beginning_is_no_branch() -> None:
    for common, tokens in ((SHORTEST_SHARED, SHORTEST_SHARED + 2 * 31), (SHORTEST_SHARED - 1, 2 * 54)):
        samples = [sample([1] * common + [number] * 30, [5, 6]) for number in (2, 3)]
        (packed,) = pack(samples, [1.0, 1.0], sharing="tree", budget=10_000)
        assert len(packed) == tokens


def test_a_sample_beyond_the_budget_has_a_pack_of_its_own() -> None:
    samples = [sample([1] * 10, [2]), sample([1] * 500, [2]), sample([1] * 12, [2])]
    for sharing in SHARINGS:
        packs = pack(samples, [1.0] * 3, sharing=sharing, budget=100)
        assert sorted(sorted(set(packed.sample.tolist())) for packed in packs) == [[0, 2], [1]]


def test_packs_are_of_about_the_same_size() -> None:
    samples = [sample([number] * 100, [1]) for number in range(11)]
    for sharing in SHARINGS:
        sizes = [len(packed) for packed in pack(samples, [1.0] * 11, sharing=sharing, budget=1000)]
        assert sorted(sizes) == [500, 600]


def test_equal_samples_keep_their_own_weights() -> None:
    twice = [sample([1] * 30, [2, 3])] * 2
    (packed,) = pack(twice, [1.0, 2.0], sharing="tree", budget=100)
    assert len(packed) == 31
    assert packed.weights.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert packed.reads.tolist() == [29, 30, 29, 30]


def test_filling_up_changes_nothing_that_is_read() -> None:
    (packed,) = pack([sample([1] * 10, [2, 3])], [1.0], sharing="none", budget=100)
    filled = padded(packed, 8)
    assert len(filled) == 16
    assert len(padded(packed, 11)) == 11
    for token in range(11):
        assert path(filled, token) == path(packed, token)
    assert [path(filled, token) for token in range(11, 16)] == [[token] for token in range(11, 16)]
    np.testing.assert_array_equal(filled.reads, packed.reads)


@pytest.mark.parametrize(("prompt", "answer", "missing"), [([], [1], "prompt"), ([1], [], "answer")])
def test_a_sample_without_a_prompt_or_an_answer(prompt: list[int], answer: list[int], missing: str) -> None:
    with pytest.raises(TrainingError, match=f"sample 1 has no {missing}"):
        pack([sample([1], [2]), sample(prompt, answer)], [1.0, 1.0], budget=100)


def test_no_samples_make_no_packs() -> None:
    assert pack([], [], budget=100) == []
