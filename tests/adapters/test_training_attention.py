"""Attention cut into blocks is attention under the rule, and so are its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from entailbench_adapters.training import attention
from entailbench_adapters.training.attention_cpu import FILLED_UP, BlockAttention, blocks, together
from entailbench_adapters.training.attention_dense import DenseAttention
from entailbench_adapters.training.samples import TokenSample
from entailbench_adapters.training.tree import Pack, pack, padded


def tree_of(ends: np.ndarray[Any, np.dtype[np.int64]]) -> Pack:
    nothing = np.zeros(0, np.int64)
    return Pack(ends, ends, ends, nothing, nothing, nothing.astype(np.float32), nothing)


@st.composite
def trees(draw: st.DrawFn) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Ends of any tree laid out depth first: each token hangs on one of the path to the token before, or on none."""
    depths = [0]
    for _ in range(draw(st.integers(0, 40))):
        depths.append(draw(st.integers(max(0, depths[-1] - 3), depths[-1] + 1)))
        if draw(st.booleans()):
            depths[-1] = depths[-2] + 1
    ends = [
        next((later for later in range(token + 1, len(depths)) if depths[later] <= depth), len(depths))
        for token, depth in enumerate(depths)
    ]
    return np.array(ends, np.int64)


def real_tree() -> Pack:
    """Contexts of unlike length under one instruction, several questions each, one longer than a block."""
    generator = np.random.default_rng(0)
    instruction = generator.integers(0, 50, 60).tolist()
    contexts = [generator.integers(0, 50, size).tolist() for size in (40, 90, 300, 25)]
    samples = [
        TokenSample(
            (*instruction, *contexts[number % 4], *generator.integers(0, 50, 3 + number).tolist()), (1, 2), "", ""
        )
        for number in range(13)
    ]
    (packed,) = pack(samples, [1.0] * 13, sharing="tree", budget=10**6)
    return packed


@given(trees(), st.integers(1, 12))
def test_blocks_cover_the_rule(ends: np.ndarray[Any, np.dtype[np.int64]], rows: int) -> None:
    place = 0
    for block in blocks(ends, rows):
        assert block.start == place
        place = block.stop
        assert 0 < block.stop - block.start <= rows
        above = [token for first, last in block.above for token in range(first, last)]
        assert above == sorted(set(above))
        for token in range(block.start, block.stop):
            seen = {earlier for earlier in range(token + 1) if token < ends[earlier]}
            own = set(range(block.start, block.stop))
            assert seen - own == set(above)
    assert place == len(ends)


@given(trees(), st.integers(1, 12))
def test_blocks_multiplied_together_are_of_about_the_same_size(
    ends: np.ndarray[Any, np.dtype[np.int64]], rows: int
) -> None:
    found = blocks(ends, rows)
    groups = together(found)
    assert sorted(block.start for group in groups for block in group) == [block.start for block in found]
    for group in groups:
        alone = sum((block.stop - block.start) * block.keys for block in group)
        most = max(block.stop - block.start for block in group) * max(block.keys for block in group)
        assert most * len(group) <= FILLED_UP * alone


@pytest.mark.parametrize(("heads", "groups"), [(6, 6), (6, 2), (4, 1)])
@pytest.mark.parametrize("fill", [1, 64])
def test_values_and_gradients(heads: int, groups: int, fill: int) -> None:
    packed = padded(real_tree(), fill)
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(count, len(packed), 16, generator=generator, dtype=torch.float64).requires_grad_()
        for count in (heads, groups, groups)
    ]
    direction = torch.randn(len(packed), heads * 16, generator=generator, dtype=torch.float64)
    found = []
    for way in (DenseAttention(packed, torch.device("cpu")), BlockAttention(packed)):
        out = way.attend(*tensors, 0.3)
        found.append((out.detach(), *torch.autograd.grad(out, tensors, direction)))
    for expected, actual in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@given(trees())
def test_any_tree(ends: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    tensors = [torch.randn(count, len(ends), 4, dtype=torch.float64) for count in (2, 1, 1)]
    dense, cut = DenseAttention(tree_of(ends), torch.device("cpu")), BlockAttention(tree_of(ends), rows=5)
    torch.testing.assert_close(cut.attend(*tensors, 1.0), dense.attend(*tensors, 1.0), rtol=1e-10, atol=1e-10)


def test_some_tokens_only() -> None:
    packed = real_tree()
    q, k, v = (torch.randn(count, len(packed), 8) for count in (4, 2, 2))
    places = torch.tensor([0, 5, 61, len(packed) - 1])
    for way in (DenseAttention(packed, torch.device("cpu")), BlockAttention(packed)):
        whole = way.attend(q, k, v, 0.5)
        torch.testing.assert_close(way.attend_from(places, q[:, places], k, v, 0.5), whole[places])


def test_sixteen_bits_are_as_near_as_pytorchs_own() -> None:
    packed = real_tree()
    exact = [torch.randn(count, len(packed), 64) for count in (9, 3, 3)]
    expected = DenseAttention(packed, torch.device("cpu")).attend(*exact, 0.125)
    errors = [
        (way.attend(*(tensor.bfloat16() for tensor in exact), 0.125).float() - expected).norm() / expected.norm()
        for way in (DenseAttention(packed, torch.device("cpu")), BlockAttention(packed))
    ]
    assert errors[1] < 1.5 * errors[0]


def test_mixed_precision_rounds_what_it_is_given() -> None:
    packed = real_tree()
    q, k, v = (torch.randn(count, len(packed), 8, requires_grad=True) for count in (4, 2, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = BlockAttention(packed).attend(q, k, v, 0.5)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert q.grad is not None
    assert q.grad.dtype == torch.float32


def test_a_cpu_gets_the_blocks() -> None:
    assert isinstance(attention.prepare(real_tree(), torch.device("cpu"), torch.float32), BlockAttention)
