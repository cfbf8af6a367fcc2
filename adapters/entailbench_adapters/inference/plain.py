"""Plain batched transformers, for models that the engine cannot take: the same answers, with nothing shared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ..shared_base import SharedBase
from .budget import Budget, OutOfMemoryHereError, memory_errors
from .choosing import likeliest
from .decode import Writing
from .rows import Tokens
from .score import Scored

if TYPE_CHECKING:
    import torch

BATCH_SIZE = 16
Result = TypeVar("Result")


class PlainBatches:
    """``Engine``'s ``write`` and ``score`` by ``generate`` and padded forward passes, longest rows first.

    Args:
        base: the loaded weights.
        adapter: see ``SharedBase.using``.
        pad: the token that fills rows up.
        rows: of a batch, at most; None is 16.
        notify: told in one line when memory is short.
    """

    def __init__(
        self, base: SharedBase, adapter: str | None, *, pad: int, rows: int | None, notify: Callable[[str], None]
    ) -> None:
        self._base = base
        self._adapter = adapter
        self._pad = pad
        self._budget = Budget(base.device, rows or BATCH_SIZE, notify)

    def write(self, prompts: Sequence[Tokens], writing: Writing) -> Iterator[tuple[int, list[int]]]:
        """See ``Engine.write``; the tokens may go on behind an end or a stop string."""
        yield from self._in_batches(
            prompts, lambda batch: self._continue(batch, [prompts[number] for number in batch], writing)
        )

    def score(self, wanted: Sequence[Scored]) -> Iterator[tuple[int, float, bool]]:
        """See ``Engine.score``."""
        rows = [(*each.context, *each.continuation) for each in wanted]
        compute = self._log_probabilities
        for place, (logprob, greedy) in self._in_batches(rows, lambda batch: compute([wanted[n] for n in batch])):
            yield place, logprob, greedy

    def _in_batches(
        self, rows: Sequence[Tokens], compute: Callable[[list[int]], Sequence[Result]]
    ) -> Iterator[tuple[int, Result]]:
        """Rows of similar length together, longest first; batches that do not fit in memory are halved from there on.

        Raises:
            ModelError: not even a single row fits.
        """
        waiting = deque(sorted(range(len(rows)), key=lambda number: -len(rows[number])))
        while waiting:
            batch = list(islice(waiting, self._budget.rows))
            try:
                with memory_errors():
                    results = compute(batch)
            except OutOfMemoryHereError:
                self._budget.halve(rows=len(batch))
                continue
            for _ in batch:
                waiting.popleft()
            yield from zip(batch, results, strict=True)

    def _continue(self, numbers: list[int], ids: Sequence[Tokens], writing: Writing) -> list[list[int]]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        width = max(map(len, ids))
        tokens = torch.tensor([[self._pad] * (width - len(row)) + list(row) for row in ids], device=self._base.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=self._base.device)
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=writing.max_tokens,
            eos_token_id=sorted(writing.ends) or None,
            pad_token_id=self._pad,
            use_cache=True,
        )

        def stopped(input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            done = [writing.stopped(row) for row in input_ids[:, width:].tolist()]
            return torch.tensor(done, device=input_ids.device)

        def choose(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            if not bool(torch.isfinite(scores.amax(dim=-1)).all()):
                raise self._base.unsound()
            if writing.choose is likeliest:
                return scores
            chosen = writing.choose(scores, numbers)
            return torch.full_like(scores, float("-inf")).scatter_(1, chosen[:, None], 0.0)

        with self._base.using(self._adapter) as model:
            generate: Any = model.generate
            output = generate(
                input_ids=tokens,
                attention_mask=mask,
                generation_config=settings,
                logits_processor=LogitsProcessorList([choose]),
                stopping_criteria=StoppingCriteriaList([stopped]),
            )
        rows: list[list[int]] = output[:, width:].tolist()
        return [row[: next((i for i, token in enumerate(row) if token in writing.ends), len(row))] for row in rows]

    def _log_probabilities(self, batch: Sequence[Scored]) -> list[tuple[float, bool]]:
        """(log-probability of the candidate, whether each of its tokens is the likeliest) for each row."""
        import torch

        ids = [(*each.context, *each.continuation[:-1]) for each in batch]
        width = max(map(len, ids))
        # Padding on the right needs no mask: with causal attention no token sees what follows it.
        inputs = torch.tensor([[*row, *[self._pad] * (width - len(row))] for row in ids], device=self._base.device)
        with self._base.using(self._adapter) as model, torch.inference_mode():
            logits = model(input_ids=inputs, use_cache=False).logits
            results = []
            for each, row, row_logits in zip(batch, ids, logits, strict=True):
                predicted = torch.log_softmax(row_logits[len(each.context) - 1 : len(row)].float(), dim=-1)
                target = torch.tensor(each.continuation, device=predicted.device)
                logprob = float(predicted.gather(1, target[:, None]).sum())
                if logprob != logprob:
                    raise self._base.unsound()
                results.append((logprob, bool((predicted.argmax(dim=-1) == target).all())))
        return results
