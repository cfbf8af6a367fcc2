"""The two sides of ``evaluate.py``, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from entailbench import Decoding


@dataclass(frozen=True)
class Work:
    """What both sides do."""

    prompts: tuple[tuple[str, str], ...]
    """(id, text) of each row."""
    candidates: tuple[tuple[str, ...], ...]
    """Of each row; empty where texts are generated."""
    decoding: Decoding
    pretrained: str
    adapter: str | None
    dtype: str
    device: str
    threads: int
    rows: int | None
    """Ours, written at a time."""
    contexts: tuple[str, ...] = ()
    """Of each row, its puzzle as it stands in the prompt."""


@dataclass(frozen=True)
class Measured:
    """One run of one side."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all threads of its process."""
    answers: list[Any]
    """By row: the text, or the log-probabilities of the candidates."""
    written: int
    """Tokens of all texts."""


@dataclass(frozen=True)
class Floor:
    """The arithmetic that a run cannot do without."""

    tokens: int
    """Different ones: what rows begin with together counts once; with those that were written."""
    all_tokens: int
    """Of all rows, as a side reads them that shares nothing."""
    operations: float
    """Floating-point operations: products with weights for those tokens, and the head where logits are read."""
    rate: float
    """Operations a second in products of this model's shapes, the best of PyTorch's two ways on a CPU."""
    seconds: float


class Contender:
    """A side, loaded and warm in its own process; asked for one thing at a time."""

    def __init__(self, side: str, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        began = time.perf_counter()
        self._process = context.Process(target=_serve, args=(side, work, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()
        self.startup = time.perf_counter() - began
        """Seconds from the start of its process to its first answer, imports and loading included."""

    def run(self, batch_size: int | None = None, limit: int | None = None) -> Measured:
        """Answers all rows, or the first ``limit``."""
        return self._ask("run", batch_size, limit)  # type: ignore[no-any-return]

    def take(self, work: Work) -> None:
        """Other rows, for the model that is open."""
        self._ask("take", work)

    def margins(self, texts: Sequence[tuple[int, str, str]]) -> list[float]:
        """Of rows with two texts: how far the two tokens at their first difference are apart, in log-probability."""
        return self._ask("margins", list(texts))  # type: ignore[no-any-return]

    def floor(self, run: Measured) -> Floor:
        """Of a run of this side."""
        return self._ask("floor", run)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Ends its process."""
        self._pipe.close()
        self._process.join(timeout=10)
        self._process.kill()

    def _ask(self, *request: Any) -> Any:
        self._pipe.send(request)
        return self._pipe.recv()


def _serve(side: str, work: Work, pipe: Connection) -> None:
    os.environ["OMP_NUM_THREADS"] = str(work.threads)
    import torch

    torch.set_num_threads(work.threads)
    served: Any = Ours(work) if side == "entailbench" else LmEval(work)
    served.run(limit=1)
    pipe.send("ready")
    while True:
        try:
            name, *arguments = pipe.recv()
        except EOFError:
            return
        if name == "run":
            batch_size, limit = arguments
            wait = torch.cuda.synchronize if work.device.startswith("cuda") else lambda: None
            began, cpu = time.perf_counter(), time.process_time()
            answers = served.run(batch_size, limit)
            wait()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            if work.device.startswith("cuda"):
                # What PyTorch keeps for later would be missing on the GPU when the other side has its turn.
                torch.cuda.empty_cache()
            pipe.send(Measured(seconds, cpu, answers, served.written(answers)))
        else:
            pipe.send(getattr(served, name)(*arguments))


class Ours:
    """The backend ``hf``."""

    def __init__(self, work: Work) -> None:
        from pathlib import Path

        from entailbench import OpenContext, default_home
        from entailbench_adapters.hf import HfBackend
        from entailbench_adapters.hf_weights import HfOptions

        options = HfOptions(
            work.pretrained,
            adapter=work.adapter,
            dtype=work.dtype,
            device=work.device,
            batch_size=work.rows,  # type: ignore[arg-type]
        )
        context = OpenContext(name="ours", home=default_home(), workspace=Path.cwd(), notify=print)
        self._model: Any = HfBackend().open(options, context)
        self.take(work)

    def take(self, work: Work) -> None:
        from entailbench import Prompt

        self._work = work
        self._prompts = [Prompt(key, "", n, (), text) for n, (key, text) in enumerate(work.prompts)]

    def run(self, batch_size: int | None = None, limit: int | None = None) -> list[Any]:
        prompts = self._prompts[:limit]
        if self._work.candidates:
            scores = {s.prompt_id: s for s in self._model.score(prompts, self._work.candidates[: len(prompts)])}
            return [list(scores[prompt.id].logprobs) for prompt in prompts]
        texts = {a.prompt_id: a.text for a in self._model.generate(prompts, self._work.decoding)}
        return [texts[prompt.id] for prompt in prompts]

    def written(self, answers: list[Any]) -> int:
        if self._work.candidates:
            return 0
        # A row that has not reached its limit has written what ended it.
        most = self._work.decoding.max_tokens
        return sum(min(most, len(self._model._tokenizer.encode(text)) + 1) for text in answers)

    def margins(self, texts: Sequence[tuple[int, str, str]]) -> list[float]:
        from entailbench_adapters.inference.score import Scored

        wanted = []
        for row, a, b in texts:
            prompt = self._model._rows.encode([self._prompts[row].text])[0]
            end = self._model._tokenizer.eos_token_id
            ours, theirs = ((*self._model._tokenizer.encode(text, add_special_tokens=False), end) for text in (a, b))
            shared = next((n for n, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), 0)
            wanted += [Scored(row, (*prompt, *ours[:shared]), (tokens[shared],)) for tokens in (ours, theirs)]
        found = {place: logprob for place, logprob, _ in self._model._engine.score(wanted)}
        return [abs(found[2 * n] - found[2 * n + 1]) for n in range(len(texts))]

    def floor(self, run: Measured) -> Floor:
        from itertools import pairwise

        from entailbench_adapters.inference.rows import common

        encode = self._model._rows.encode
        if self._work.candidates:
            found = self._model._rows.candidates(self._prompts, self._work.candidates)
            pairs = [pair for each in found for pair in each.pairs]
            rows = sorted((*context, *continuation[:-1]) for context, continuation in pairs)
            reads = len(self._prompts) + sum(len(continuation) - 1 for _, continuation in pairs)
        else:
            texts = zip(self._prompts, run.answers, strict=True)
            rows = sorted(encode([prompt.text + text for prompt, text in texts]))
            reads = run.written
        tokens = len(rows[0]) + sum(len(row) - common(before, row) for before, row in pairwise(rows))
        model = self._model._base.model
        head = model.get_output_embeddings().weight
        inside = sum(p.numel() for m in model.modules() for n, p in m.named_parameters(recurse=False) if p.ndim == 2)
        inside -= model.get_input_embeddings().weight.numel()
        inside -= 0 if head is model.get_input_embeddings().weight else head.numel()
        operations = 2.0 * (inside * tokens + head.numel() * reads)
        rate = _product_rate(model)
        return Floor(tokens, sum(map(len, rows)), operations, rate, operations / rate)


class LmEval:
    """lm-eval's class ``HFLM``."""

    def __init__(self, work: Work) -> None:
        from lm_eval.models.huggingface import HFLM

        self.take(work)
        self._lm: Any = HFLM(
            pretrained=work.pretrained, peft=work.adapter, dtype=work.dtype, device=work.device, batch_size=1
        )

    def take(self, work: Work) -> None:
        self._work = work

    def run(self, batch_size: int | None = None, limit: int | None = None) -> list[Any]:
        from lm_eval.api.instance import Instance

        self._lm.batch_size_per_gpu = batch_size or 1
        prompts = self._work.prompts[:limit]
        if self._work.candidates:
            rows = list(zip(prompts, self._work.candidates, strict=False))
            pairs = [(text, candidate) for (_, text), candidates in rows for candidate in candidates]
            results = iter(
                self._lm.loglikelihood(
                    [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)], disable_tqdm=True
                )
            )
            return [[next(results)[0] for _ in candidates] for _, candidates in rows]
        decoding = self._work.decoding
        settings = {"until": list(decoding.stop), "max_gen_toks": decoding.max_tokens, "do_sample": False}
        requests = [Instance("generate_until", {}, (text, dict(settings)), n) for n, (_, text) in enumerate(prompts)]
        return list(self._lm.generate_until(requests, disable_tqdm=True))

    def written(self, answers: list[Any]) -> int:
        if self._work.candidates:
            return 0
        most = self._work.decoding.max_tokens
        return sum(min(most, len(self._lm.tokenizer.encode(text)) + 1) for text in answers)


def _product_rate(model: Any, rows: int = 1024, seconds: float = 1.0) -> float:
    """Floating-point operations a second in a product of this model's width, the best of several tries."""
    import torch

    weight = model.get_input_embeddings().weight
    width = weight.shape[1]
    x = torch.randn(rows, width, dtype=weight.dtype, device=weight.device)
    matrix = torch.randn(4 * width, width, dtype=weight.dtype, device=weight.device)
    ways = [lambda: torch.nn.functional.linear(x, matrix)]
    if weight.device.type == "cpu":
        ways.append(lambda: torch.ops.mkldnn._linear_pointwise(x, matrix, None, "none", [], ""))
    best = float("inf")
    until = time.perf_counter() + seconds
    with torch.inference_mode():
        while time.perf_counter() < until:
            for way in ways:
                began = time.perf_counter()
                for _ in range(4):
                    way()
                if weight.device.type == "cuda":
                    torch.cuda.synchronize()
                best = min(best, (time.perf_counter() - began) / 4)
    return 2 * rows * matrix.numel() / best
