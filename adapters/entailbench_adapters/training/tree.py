"""Packs: the samples of a step as few flat token axes, with what they have in common stored once.

The tokens of a pack are laid out depth first, so that what a token may see is one comparison: token i sees token j
if and only if ``j <= i < ends[j]``. Without sharing that is causal attention inside each sample (a block-diagonal
mask); with sharing it is attention along the path from the root of a prefix tree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from entailbench import TrainingError

if TYPE_CHECKING:
    from .samples import TokenSample

    Ints = np.ndarray[Any, np.dtype[np.int64]]
    Floats = np.ndarray[Any, np.dtype[np.float32]]

Sharing = Literal["none", "prefix", "tree"]

Bin = TypeVar("Bin")

SHORTEST_SHARED = 24
"""Tokens that samples must have in common, below what they share already, to be worth a branch of the tree: each
branch costs the attention blocks of its own, a token saved only its share of the linear layers."""


TREE_TOKENS = 4096
"""Tokens under one root. Beyond, a beginning costs less when it is stored again than when all of them look back at it:
a GPU gathers the gradient of a key in a single row over all the tokens that see it."""


@dataclass(frozen=True, eq=False)
class Pack:
    """Several samples on one flat token axis of T tokens, with R places where a token is predicted."""

    tokens: Ints
    """[T] token numbers. A sample's last token is only predicted, never read, and so is not among them."""
    positions: Ints
    """[T] place of each token within its sample, from 0."""
    ends: Ints
    """[T] one past the last token that may see this one: the end of its subtree."""
    reads: Ints
    """[R] the token whose output predicts; a token shared by several samples may stand here several times."""
    targets: Ints
    """[R] the token to be predicted there."""
    weights: Floats
    """[R] what its negative log-likelihood counts in the step's loss, which is the weighted sum over all packs."""
    sample: Ints
    """[R] number of the sample it belongs to, as ``pack`` was given them."""

    def __len__(self) -> int:
        return len(self.tokens)


def pack(
    samples: Sequence[TokenSample],
    weights: Sequence[float],
    *,
    sharing: Sharing = "tree",
    budget: int,
    tree_tokens: int = TREE_TOKENS,
    shortest: int = SHORTEST_SHARED,
) -> list[Pack]:
    """Lays out the samples of one optimizer step.

    Args:
        samples: each with at least one token of prompt and of answer; the answer's tokens are what is predicted.
        weights: per sample, what the negative log-likelihood of each of its answer tokens counts in the loss.
        sharing: ``"none"``; ``"prefix"`` (what all samples of a pack begin with is stored once); ``"tree"`` (whatever
            samples begin with together, wherever that is worth it).
        budget: tokens that a pack may have; a longer sample gets a pack of its own.
        tree_tokens: tokens that may stand under one root; a pack may hold several trees.
        shortest: tokens that make a branch; see ``SHORTEST_SHARED``.

    Returns:
        As few packs as a simple rule finds, of about the same size. The same arguments give the same packs.

    Raises:
        TrainingError: a sample without a prompt or an answer.
    """
    if len(samples) != len(weights):
        raise TrainingError(f"{len(samples)} samples, but {len(weights)} weights")
    for number, sample in enumerate(samples):
        if not sample.prompt or not sample.answer:
            raise TrainingError(f"training sample {number} has no {'answer' if sample.prompt else 'prompt'}")
    if not samples:
        return []
    inputs = [(*sample.prompt, *sample.answer[:-1]) for sample in samples]
    if sharing == "none":
        layouts = _without_sharing(inputs, budget)
    else:
        # Neighbours in this order have the longest beginnings in common.
        order = sorted(range(len(inputs)), key=inputs.__getitem__)
        trees = _with_sharing(order, inputs, min(budget, tree_tokens), deep=sharing == "tree", shortest=shortest)
        layouts = _joined(trees, budget)
    return [_lay_out(layout, samples, inputs, weights) for layout in layouts]


def padded(pack: Pack, multiple: int) -> Pack:
    """The pack with tokens at its end that see and are seen by nobody, until its length is a multiple of this."""
    missing = -len(pack) % multiple
    if not missing:
        return pack
    filler = np.zeros(missing, np.int64)
    own_end = np.arange(len(pack) + 1, len(pack) + missing + 1)
    return replace(
        pack,
        tokens=np.concatenate([pack.tokens, filler]),
        positions=np.concatenate([pack.positions, filler]),
        ends=np.concatenate([pack.ends, own_end]),
    )


@dataclass(frozen=True)
class _Segment:
    """A run of tokens of one sample, which the samples ``members`` share."""

    members: tuple[int, ...]
    start: int
    """Place within the sample of the first token, and one past the last."""
    stop: int
    children: tuple[_Segment, ...] = ()
    size: int = field(init=False)
    """Tokens of it and of what is below it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.stop - self.start + _size(self.children))


def _without_sharing(inputs: Sequence[tuple[int, ...]], budget: int) -> list[list[_Segment]]:
    """First fit, the longest first; samples keep their order within a pack."""

    def bins_of(limit: int) -> list[list[int]]:
        bins: list[list[int]] = []
        room: list[int] = []
        for number in sorted(range(len(inputs)), key=lambda number: -len(inputs[number])):
            size = len(inputs[number])
            place = next((place for place, left in enumerate(room) if size <= left), None)
            if place is None:
                bins.append([number])
                room.append(limit - size)
            else:
                bins[place].append(number)
                room[place] -= size
        return bins

    total = sum(map(len, inputs))
    bins = _balanced(bins_of, total, budget)
    return [[_Segment((number,), 0, len(inputs[number])) for number in sorted(members)] for members in sorted(bins)]


def _with_sharing(
    order: Sequence[int], inputs: Sequence[tuple[int, ...]], budget: int, *, deep: bool, shortest: int
) -> list[list[_Segment]]:
    """Consecutive samples of ``order``, as many as fit into each pack."""
    common = [_common(inputs[a], inputs[b]) for a, b in pairwise(order)]
    lengths = [len(inputs[number]) for number in order]

    def layout(first: int, last: int) -> list[_Segment]:
        return _branches(first, last, 0, order, common, lengths, deep, shortest)

    # What samples add to the tree of those before them if every common token is shared, summed up; short beginnings
    # are not, so a tree has this many tokens or a few more.
    at_least = [0, *accumulate(length - shared for length, shared in zip(lengths, [0, *common], strict=True))]

    def bins_of(limit: int) -> list[tuple[int, int]]:
        bins = []
        first = 0
        while first < len(order):
            already = at_least[first + 1] - lengths[first]
            last = max(first + 1, bisect_right(at_least, already + limit) - 1)
            while last > first + 1 and (excess := _size(layout(first, last)) - limit) > 0:
                last = max(first + 1, min(last - 1, bisect_right(at_least, at_least[last] - excess) - 1))
            step = 1
            # Galloping, then halving: the size grows with every sample, but costs a pass over all of them to know.
            while step:
                if last + step <= len(order) and _size(layout(first, last + step)) <= limit:
                    last += step
                    step *= 2
                else:
                    step //= 2
            bins.append((first, last))
            first = last
        return bins

    total = _size(layout(0, len(order)))
    return [layout(first, last) for first, last in _balanced(bins_of, total, budget)]


def _joined(trees: Sequence[list[_Segment]], budget: int) -> list[list[_Segment]]:
    """Trees side by side in one pack, as many as fit into it."""
    packs: list[list[_Segment]] = []
    room = 0
    for tree in trees:
        size = _size(tree)
        if not packs or size > room:
            packs.append([])
            room = budget
        packs[-1] += tree
        room -= size
    return packs


def _branches(
    first: int,
    last: int,
    depth: int,
    order: Sequence[int],
    common: Sequence[int],
    lengths: Sequence[int],
    deep: bool,
    shortest: int,
) -> list[_Segment]:
    """The subtrees of ``order[first:last]``, whose first ``depth`` tokens are laid out already."""
    breaks = [place for place in range(first, last - 1) if common[place] < depth + shortest]
    if not deep and (depth or breaks):
        breaks = list(range(first, last - 1))
    segments = []
    start = first
    for stop in (*(place + 1 for place in breaks), last):
        members = tuple(order[start:stop])
        if stop - start > 1:
            shared = min(common[start : stop - 1])
            children = _branches(start, stop, shared, order, common, lengths, deep, shortest)
            segments.append(_Segment(members, depth, shared, tuple(children)))
        elif lengths[start] > depth:
            segments.append(_Segment(members, depth, lengths[start]))
        start = stop
    return segments


def _size(segments: Sequence[_Segment]) -> int:
    return sum(segment.size for segment in segments)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Tokens that both begin with."""
    shortest = min(len(a), len(b))
    if a[:shortest] == b[:shortest]:
        return shortest
    return next(place for place in range(shortest) if a[place] != b[place])


def _balanced(bins_of: Callable[[int], list[Bin]], total: int, budget: int) -> list[Bin]:
    """As many bins as the budget makes necessary, but of about the same size: the last would else be nearly empty."""
    bins = bins_of(budget)
    least = -(-total // len(bins))
    # Samples longer than the budget can raise the mean above it.
    for eighth in range(8 if len(bins) > 1 and least < budget else 0):
        tighter = bins_of(least + (budget - least) * eighth // 8)
        if len(tighter) <= len(bins):
            return tighter
    return bins


def _lay_out(
    segments: Sequence[_Segment],
    samples: Sequence[TokenSample],
    inputs: Sequence[tuple[int, ...]],
    weights: Sequence[float],
) -> Pack:
    size = _size(segments)
    tokens, positions, ends = (np.empty(size, np.int64) for _ in range(3))
    paths: dict[int, list[Ints]] = {}

    def place(segment: _Segment, begin: int) -> int:
        here = slice(begin, begin + segment.stop - segment.start)
        tokens[here] = inputs[segment.members[0]][segment.start : segment.stop]
        positions[here] = np.arange(segment.start, segment.stop)
        for number in segment.members:
            paths.setdefault(number, []).append(np.arange(here.start, here.stop))
        end = here.stop
        for child in segment.children:
            end = place(child, end)
        ends[here] = end
        return end

    begin = 0
    for segment in segments:
        begin = place(segment, begin)
    members = sorted(paths)
    answers = {number: samples[number].answer for number in members}
    counts = [len(answers[number]) for number in members]
    return Pack(
        tokens=tokens,
        positions=positions,
        ends=ends,
        reads=np.concatenate([np.concatenate(paths[number])[-len(answers[number]) :] for number in members]),
        targets=np.concatenate([np.asarray(answers[number], np.int64) for number in members]),
        weights=np.repeat(np.asarray([weights[number] for number in members], np.float32), counts),
        sample=np.repeat(np.asarray(members, np.int64), counts),
    )
