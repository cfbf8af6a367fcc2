"""The engine over one loaded model and its adapters: which rows are computed when, and with what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..shared_base import SharedBase
from . import processor
from .budget import Budget
from .decode import Writer, Writing
from .flat import flat
from .probe import Probed, probe
from .processor import Products
from .rows import Tokens
from .score import Scored, score

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Engine:
    """Writes and scores with one model: a base, or one of its adapters.

    Args:
        base: the loaded weights.
        adapter: see ``SharedBase.using``.
        rows: at most so many are written at a time; None is what suits the device.
        notify: told in one line what a user should know.
    """

    def __init__(
        self, base: SharedBase, adapter: str | None, *, rows: int | None, notify: Callable[[str], None]
    ) -> None:
        self._base = base
        self._adapter = adapter
        self._budget = Budget(base.device, rows, notify)
        self._probed: Probed | None = None
        self._products: tuple[int, Products] | None = None
        self._wide = True
        """Whether the architecture was not seen to fail with sums in float32, see ``Products``."""
        if base.device.type == "cpu":
            processor.prepare()

    def problem(self, longest: int = 0) -> str | None:
        """Why it cannot take this model, or rows of so many tokens; the end of a sentence, None when it can."""
        if self._probed is None:
            with self._base.using(self._adapter) as model:
                self._probed = probe(model, self._base.device, lambda: self._fast(model))
                if self._probed.problem is not None and self._wide:
                    self._wide, self._products = False, None
                    self._probed = probe(model, self._base.device, lambda: self._fast(model))
        if self._probed.problem is None and self._probed.longest is not None and longest > self._probed.longest:
            return f"its attention slides over {self._probed.longest:,} tokens, and rows may have {longest:,}"
        return self._probed.problem

    def write(self, prompts: Sequence[Tokens], writing: Writing) -> Iterator[tuple[int, list[int]]]:
        """Yields (number of the prompt, tokens written after it) as soon as each is known.

        Raises:
            ModelError: the model computes NaN, or a single row does not fit in memory.
        """
        assert self._probed is not None
        writer = Writer(
            self._session, self._base.device, self._budget, self._probed.bytes_per_token, writing, self._base.unsound
        )
        return writer.write(prompts)

    def score(self, wanted: Sequence[Scored]) -> Iterator[tuple[int, float, bool]]:
        """Yields (place in ``wanted``, log-probability, whether it is what greedy decoding writes).

        Raises:
            ModelError: the model computes NaN, or a single candidate does not fit in memory.
        """
        for place, logprob, greedy in score(
            self._session, self._base.device, self._budget, wanted, self._base.known_tokens
        ):
            if logprob != logprob:
                raise self._base.unsound()
            yield place, logprob, greedy

    @contextlib.contextmanager
    def _session(self) -> Iterator[PreTrainedModel]:
        import torch

        with self._base.using(self._adapter) as model, torch.inference_mode(), flat(model), self._fast(model):
            yield model

    def _fast(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        # Another adapter puts layers around layers that were found before.
        if self._products is None or self._products[0] != self._base.adapters:
            self._products = (self._base.adapters, Products(model, self._adapter, wide=self._wide))
        return self._products[1].fast()
