"""Greedy answers and log-probabilities from a transformers causal language model.

Texts and scores are those of lm-eval's ``hf`` model in float32 (0.4.13: same tokenization, padding sides, stop
rules); what differs on purpose: a prompt too long for the model is an error instead of being cut, a checkpoint's own
generation settings (repetition penalty, sampling) are not applied, and log-softmax is float32 whatever the dtype.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from entailbench import Answer, CandidateScores, Decoding, Message, Model, ModelError, ModelIdentity, Prompt

from .explained_errors import first_line
from .fingerprint import hash_template
from .shared_base import SharedBase, token_ids

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["CausalModel", "SharedBase"]

TOKENIZER_INFINITY = 10**18
"""From here on a tokenizer's ``model_max_length`` means "not set"."""


@dataclass(frozen=True)
class _Encoded:
    """A prompt, or a prompt with one candidate, in tokens."""

    index: int
    """Position in the caller's list."""
    ids: tuple[int, ...]
    length: int
    """How many of ``ids`` are the candidate; 0 for a prompt alone."""


class CausalModel(Model):
    """An open model over a ``SharedBase``: the base itself, or one of its adapters.

    Args:
        base: the loaded weights; owned by who made them, not closed here.
        backend: the backend's name, for the identity.
        adapter: what ``base.add_adapter`` returned; None is the base without adapters.
        weights: hash for the identity; by default the base's.
        tokenizer: renders and tokenizes; by default the base's. Its chat template is the prompt format.
        batch_size: rows per forward pass, > 0.
        details: further facts for the identity.
        answer_tokens: see ``Model.answer_tokens``.
        remark: see ``ModelIdentity.remark``.
    """

    def __init__(
        self,
        base: SharedBase,
        *,
        backend: str,
        adapter: str | None = None,
        weights: str | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        batch_size: int,
        details: Mapping[str, str] | None = None,
        answer_tokens: int | None = None,
        remark: str | None = None,
    ) -> None:
        import torch
        import transformers

        self._base = base
        self._adapter = adapter
        self._tokenizer = base.tokenizer if tokenizer is None else tokenizer
        self._batch_size = batch_size
        self.chat = bool(self._tokenizer.chat_template)
        self.answer_tokens = answer_tokens
        self._end_ids = base.end_ids | token_ids(self._tokenizer.eos_token_id)
        self._limit = _context_length(base.model, self._tokenizer)
        facts = {
            "directory": str(base.directory),
            "dtype": str(base.dtype).removeprefix("torch."),
            "device": str(base.device),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        self._identity = ModelIdentity(
            backend=backend,
            weights=base.weights if weights is None else weights,
            template=hash_template(self._tokenizer),
            details={**facts, **(details or {})},
            remark=remark,
        )

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def render(self, messages: Sequence[Message]) -> str:
        """The messages through the tokenizer's chat template; without one, their contents joined by blank lines.

        Raises:
            ModelError: the template refuses this conversation (some allow no system message).
        """
        if not self.chat:
            return "\n\n".join(message.content for message in messages)
        from jinja2 import TemplateError

        conversation = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(self._tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
        except (TemplateError, ValueError) as error:
            raise ModelError(
                f"the chat template of {self._base.directory} refuses this conversation: {first_line(error)}"
            ) from error

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Yields the answers, longest prompts first, a batch at a time; greedy unless ``decoding.temperature`` > 0.

        Sampling draws from the whole distribution at that temperature; a prompt's draw depends on the seed and its
        id only, so an interrupted run that goes on with other batches writes the same texts.

        Raises:
            ModelError: a prompt with its answer would exceed the model's context, or memory ran out.
        """
        encoded = [_Encoded(i, self._encode(prompt.text), 0) for i, prompt in enumerate(prompts)]
        for row in encoded:
            self._check_length(prompts[row.index], len(row.ids), decoding.max_tokens, "tokens to be generated")
        for batch in self._batches(encoded):
            rows = [prompts[row.index] for row in batch]
            for prompt, text in zip(rows, self._continue([row.ids for row in batch], rows, decoding), strict=True):
                yield Answer(prompt.id, text)

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> Iterator[CandidateScores]:
        """Yields the log-probabilities of each prompt's candidates, longest first, as soon as a prompt is complete.

        Prompt and candidate are tokenized together and split where the prompt's own tokens end, as lm-eval does.

        Raises:
            ModelError: a prompt with its candidate exceeds the model's context, a candidate has no tokens of its
                own, or memory ran out.
        """
        encoded = []
        for index, (prompt, texts) in enumerate(zip(prompts, candidates, strict=True)):
            for text in texts:
                context, continuation = self._encode_pair(prompt.text, text)
                if not continuation:
                    raise ModelError(f"prompt {prompt.id!r}: the candidate {text!r} adds no token to the prompt")
                # The last token is only predicted, never read: it takes no room in the context.
                self._check_length(prompt, len(context), len(continuation) - 1, "tokens of a candidate")
                encoded.append(_Encoded(index, context + continuation, len(continuation)))
        order = {id(row): position for position, row in enumerate(encoded)}
        results: dict[int, dict[int, tuple[float, bool]]] = {index: {} for index in range(len(prompts))}
        for index, texts in enumerate(candidates):
            if not texts:
                yield CandidateScores(prompts[index].id, (), ())
        for batch in self._batches(encoded):
            for row, result in zip(batch, self._log_probabilities(batch), strict=True):
                done = results[row.index]
                done[order[id(row)]] = result
                if len(done) == len(candidates[row.index]):
                    in_order = [done[position] for position in sorted(done)]
                    yield CandidateScores(
                        prompts[row.index].id,
                        logprobs=tuple(logprob for logprob, _ in in_order),
                        greedy=tuple(greedy for _, greedy in in_order),
                    )

    def _encode(self, text: str) -> tuple[int, ...]:
        """Tokens of a whole prompt text.

        A chat template writes the special tokens itself. Plain text gets those that the tokenizer adds on its own,
        unless it already begins with one.
        """
        begin = self._tokenizer.bos_token
        special = not self.chat and not (begin and text.startswith(begin))
        return tuple(self._tokenizer.encode(text, add_special_tokens=special))

    def _encode_pair(self, context: str, continuation: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        # Spaces and line ends at the prompt's end are counted to what follows, as lm-eval does.
        stripped = context.rstrip()
        if not stripped:
            begin = self._tokenizer.bos_token_id
            start = self._tokenizer.eos_token_id if begin is None else begin
            tokens = tuple(self._tokenizer.encode(context + continuation, add_special_tokens=False))
            if start is None or tokens[:1] == (start,):
                return tokens[:1], tokens[1:]
            return (start,), tokens
        inner = self._encode(stripped)
        return inner, self._encode(context + continuation)[len(inner) :]

    def _check_length(self, prompt: Prompt, length: int, further: int, what: str) -> None:
        if length + further > self._limit:
            raise ModelError(
                f"prompt {prompt.id!r} has {length} tokens; with {further} {what} that exceeds the model's context of "
                f"{self._limit} tokens ({self._base.directory})"
            )

    def _batches(self, rows: Sequence[_Encoded]) -> Iterator[list[_Encoded]]:
        """Batches of similar length, longest first: what does not fit in memory fails at once, not at the end."""
        ordered = sorted(rows, key=lambda row: -len(row.ids))
        for start in range(0, len(ordered), self._batch_size):
            yield ordered[start : start + self._batch_size]

    def _continue(self, ids: Sequence[tuple[int, ...]], prompts: Sequence[Prompt], decoding: Decoding) -> list[str]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        width = max(map(len, ids))
        pad = self._pad_id()
        tokens = torch.tensor([[pad] * (width - len(row)) + list(row) for row in ids], device=self._base.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=self._base.device)
        # A model may also spell its end token out in plain characters; lm-eval counts that as the end.
        end_text = self._tokenizer.eos_token
        stops = [stop for stop in (*decoding.stop, end_text) if stop]
        processors = [_gumbel_sampling(prompts, decoding)] if decoding.temperature > 0 else []
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=decoding.max_tokens,
            eos_token_id=sorted(self._end_ids) or None,
            pad_token_id=pad,
            use_cache=True,
        )
        with self._base.using(self._adapter) as model, _memory_errors(self._batch_size):
            generate: Callable[..., torch.Tensor] = model.generate  # type: ignore[assignment]
            output = generate(
                input_ids=tokens,
                attention_mask=mask,
                generation_config=settings,
                logits_processor=LogitsProcessorList(processors),
                stopping_criteria=StoppingCriteriaList([_stop_rows(self._tokenizer, stops, width)] if stops else []),
            )
        return [self._text(row[width:], stops) for row in output.tolist()]

    def _text(self, generated: list[int], stops: Sequence[str]) -> str:
        end = next((i for i, token in enumerate(generated) if token in self._end_ids), len(generated))
        text = str(self._tokenizer.decode(generated[:end], skip_special_tokens=True))
        for stop in stops:
            text = text.split(stop, 1)[0]
        return text

    def _log_probabilities(self, batch: Sequence[_Encoded]) -> list[tuple[float, bool]]:
        """(log-probability of the candidate, whether each of its tokens is the likeliest) for each row."""
        import torch

        width = max(len(row.ids) - 1 for row in batch)
        pad = self._pad_id()
        # Padding on the right needs no mask: with causal attention no token sees what follows it.
        inputs = torch.tensor(
            [list(row.ids[:-1]) + [pad] * (width - len(row.ids) + 1) for row in batch], device=self._base.device
        )
        with self._base.using(self._adapter) as model, _memory_errors(self._batch_size), torch.inference_mode():
            logits = model(input_ids=inputs, use_cache=False).logits
            results = []
            for row, row_logits in zip(batch, logits, strict=True):
                end = len(row.ids) - 1
                predicted = torch.log_softmax(row_logits[end - row.length : end].float(), dim=-1)
                target = torch.tensor(row.ids[-row.length :], device=predicted.device)
                logprob = float(predicted.gather(1, target[:, None]).sum())
                if logprob != logprob:
                    raise ModelError(
                        f'{self._base.directory} computes NaN in {self._base.dtype}; use dtype = "float32"'
                    )
                results.append((logprob, bool((predicted.argmax(dim=-1) == target).all())))
        return results

    def _pad_id(self) -> int:
        pad = self._tokenizer.pad_token_id
        if pad is None:
            pad = self._tokenizer.eos_token_id
        return 0 if pad is None else int(pad)


def _context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can read: by its configuration, or its tokenizer, or else without limit."""
    config = getattr(model.config, "text_config", None) or model.config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return int(min(tokenizer.model_max_length or TOKENIZER_INFINITY, TOKENIZER_INFINITY))


def _stop_rows(tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], prompt_width: int) -> Any:
    """A stopping criterion that ends each row at its own first stop string.

    Only the tail that can newly hold a stop string is decoded: a token has at least one byte, and a few more
    make up for a character cut in two at the tail's start.
    """
    import torch
    from transformers import StoppingCriteria

    tail = max(len(stop.encode()) for stop in stops) + 4

    class StopStrings(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            texts = tokenizer.batch_decode(input_ids[:, prompt_width:][:, -tail:])
            done = [any(stop in text for stop in stops) for text in texts]
            return torch.tensor(done, device=input_ids.device)

    return StopStrings()


def _gumbel_sampling(prompts: Sequence[Prompt], decoding: Decoding) -> Callable[[Any, Any], Any]:
    """A logits processor after which the greedy choice is a draw from softmax(logits / temperature).

    The Gumbel-max trick (Maddison et al. 2014, "A* Sampling"), with a random stream for each prompt.
    """
    import torch

    generators = []
    for prompt in prompts:
        digest = hashlib.sha256(f"{decoding.seed}\0{prompt.id}".encode()).digest()
        generators.append(torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True)))

    def process(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        uniform = torch.stack(
            [torch.rand(scores.shape[1], generator=each, dtype=torch.float64) for each in generators]
        ).clamp_min(1e-300)
        return scores / decoding.temperature - torch.log(-torch.log(uniform)).to(scores.device, scores.dtype)

    return process


@contextlib.contextmanager
def _memory_errors(batch_size: int) -> Iterator[None]:
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(f"out of memory at batch_size = {batch_size}; lower the model's batch_size") from error
