"""Answers and log-probabilities from a transformers causal language model.

Texts and scores are those of lm-eval's ``hf`` model in float32 (0.4.13: same tokenization and stop rules); what differs
on purpose: a prompt too long for the model is an error row instead of being cut in silence, a checkpoint's own
generation settings (repetition penalty, sampling) are not applied, and log-softmax is float32 whatever the dtype.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import Answer, CandidateScores, Decoding, Limits, Message, Model, ModelError, ModelIdentity, Prompt

from . import inference
from .explained_errors import first_line
from .fingerprint import hash_template
from .prompt_tokens import CandidateTokens, PromptTokens, TokenRows, Unreadable, context_length
from .shared_base import SharedBase, token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .inference.engine import Engine
    from .inference.plain import PlainBatches
__all__ = ["CausalModel", "SharedBase"]


class CausalModel(Model):
    """An open model over a ``SharedBase``: the base itself, or one of its adapters.

    Args:
        base: the loaded weights; owned by who made them, not closed here.
        backend: the backend's name, for the identity.
        adapter: what ``base.add_adapter`` returned; None is the base without adapters.
        weights: hash for the identity; by default the base's.
        tokenizer: renders and tokenizes; by default the base's. Its chat template is the prompt format.
        batch_size: at most so many rows are written at a time, > 0; None is what suits the device.
        truncate: whether prompts that are too long are cut at the left instead of being error rows.
        limits: how many error rows there may be.
        name: the model's, for errors; by default the folder of its weights.
        details: further facts for the identity.
        answer_tokens: see ``Model.answer_tokens``.
        remark: see ``ModelIdentity.remark``.
        notify: told in one line what a user should know.
    """

    def __init__(
        self,
        base: SharedBase,
        *,
        backend: str,
        adapter: str | None = None,
        weights: str | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        batch_size: int | None = None,
        truncate: bool = False,
        limits: Limits | None = None,
        name: str | None = None,
        details: Mapping[str, str] | None = None,
        answer_tokens: int | None = None,
        remark: str | None = None,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        import torch
        import transformers

        self._base = base
        self._adapter = adapter
        self._tokenizer = base.tokenizer if tokenizer is None else tokenizer
        self._batch_size = batch_size
        self._limits = limits or Limits()
        self._name = name or str(base.directory)
        self._errors = 0
        self._notify = notify
        self._engine: Engine | None = None
        self._plain: PlainBatches | None = None
        self._told: set[str] = set()
        self.chat = bool(self._tokenizer.chat_template)
        self.answer_tokens = answer_tokens
        self._end_ids = base.end_ids | token_ids(self._tokenizer.eos_token_id)
        self._rows = TokenRows(
            self._tokenizer,
            known=base.known_tokens,
            limit=context_length(base.model, self._tokenizer),
            truncate=truncate,
        )
        facts = {
            "directory": str(base.directory),
            "dtype": str(base.dtype).removeprefix("torch."),
            "device": str(base.device),
            "engine": f"entailbench {inference.VERSION}",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            **({"quantize": base.quantize} if base.quantize else {}),
            **({"truncate": "left"} if truncate else {}),
            **({} if self.chat else {"prompt": "plain text: no chat template"}),
        }
        self._identity = ModelIdentity(
            backend=backend,
            weights=(base.weights if weights is None else weights) + (f" in {base.quantize}" if base.quantize else ""),
            template=hash_template(self._tokenizer),
            details={**facts, **(details or {})},
            remark=remark,
        )
        self._determined = {
            "backend": backend,
            "weights": self._identity.weights,
            "template": self._identity.template,
            "dtype": facts["dtype"],
            "device": base.device.type,
            "quantize": base.quantize,
            "truncate": truncate,
            "context": self._rows.limit,
            "ends": sorted(self._end_ids),
            "versions": _versions(),
        }
        self._tell_what_is_odd()

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    @property
    def determined_by(self) -> Mapping[str, Any]:
        """Not counted: how many rows are computed at a time, which changes no more than the rounding."""
        return self._determined

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
        """Yields each answer as soon as it is known; greedy unless ``decoding.temperature`` > 0.

        Sampling draws from the whole distribution at that temperature; a prompt's draw depends on the seed and its
        id only, so an interrupted run that goes on with other batches writes the same texts.

        A prompt that with its answer would exceed the model's context, that has no tokens, or one that the model does
        not know, is an error row.

        Raises:
            RowErrorsError: there are more error rows than allowed; nothing was computed.
            ModelError: the model computes NaN, or memory ran out.
        """
        from .inference.choosing import Choose, drawn, likeliest
        from .inference.decode import Writing
        from .inference.stopping import StopStrings

        found = self._rows.prompts(prompts, decoding.max_tokens)
        yield from self._error_rows(prompts, found)
        asked = [(p, row) for p, row in zip(prompts, found, strict=True) if isinstance(row, PromptTokens)]
        if not asked:
            return
        # A model may also spell its end token out in plain characters; lm-eval counts that as the end.
        stops = StopStrings(self._tokenizer, [stop for stop in (*decoding.stop, self._tokenizer.eos_token) if stop])
        choose: Choose = likeliest
        if decoding.temperature > 0:
            choose = drawn([prompt.id for prompt, _ in asked], decoding.temperature, decoding.seed)
        writing = Writing(decoding.max_tokens, self._end_ids, stops, choose)
        rows = [row.tokens for _, row in asked]
        for number, written in self._computer(max(map(len, rows)) + decoding.max_tokens).write(rows, writing):
            text = str(self._tokenizer.decode(written, skip_special_tokens=True))
            prompt, row = asked[number]
            yield Answer(prompt.id, stops.cut(text), cut=row.cut)

    def score(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> Iterator[CandidateScores | Answer]:
        """Yields the log-probabilities of each prompt's candidates as soon as a prompt is complete.

        A prompt that with its longest candidate exceeds the model's context, whose tokens the model does not know, or
        that has a candidate without tokens of its own, is an error row.

        Raises:
            RowErrorsError: there are more error rows than allowed; nothing was computed.
            ModelError: the model computes NaN, or memory ran out.
        """
        from .inference.score import Scored

        found = self._rows.candidates(prompts, candidates)
        yield from self._error_rows(prompts, found)
        asked = [(p, row) for p, row in zip(prompts, found, strict=True) if isinstance(row, CandidateTokens)]
        yield from (CandidateScores(prompt.id, (), ()) for prompt, row in asked if not row.pairs)
        wanted = [Scored(number, *pair) for number, (_, row) in enumerate(asked) for pair in row.pairs]
        candidate = [place for _, row in asked for place in range(len(row.pairs))]
        if not wanted:
            return
        results: list[dict[int, tuple[float, bool]]] = [{} for _ in asked]
        longest = max(len(each.context) + len(each.continuation) for each in wanted)
        for place, logprob, greedy in self._computer(longest).score(wanted):
            number = wanted[place].prompt
            done, (prompt, row) = results[number], asked[number]
            done[candidate[place]] = (logprob, greedy)
            if len(done) == len(row.pairs):
                in_order = [done[which] for which in range(len(done))]
                yield CandidateScores(
                    prompt.id,
                    logprobs=tuple(logprob for logprob, _ in in_order),
                    greedy=tuple(greedy for _, greedy in in_order),
                    cut=row.cut,
                )

    def close(self) -> None:
        """Lets go of the weights; the base is closed by who made it."""
        self._engine = self._plain = None

    def _error_rows(self, prompts: Sequence[Prompt], rows: Sequence[object]) -> Iterator[Answer]:
        """Those that cannot be read, with the reason; all of them are known before anything is computed.

        Raises:
            RowErrorsError: they are more than allowed.
        """
        last = ""
        for prompt, row in zip(prompts, rows, strict=True):
            if isinstance(row, Unreadable):
                self._errors += 1
                last = f"row {prompt.id!r}: {row.reason}"
                yield Answer(prompt.id, "", "error", row.reason)
        if last and (stopped := self._limits.too_many(self._name, self._errors, last)):
            raise stopped

    def _tell_what_is_odd(self) -> None:
        """What a user would otherwise learn from strange answers, or only when some prompt has such a token."""
        directory, tokens, known = self._base.directory, len(self._tokenizer), self._base.known_tokens
        if not self.chat:
            self._notify(f"{directory} has no chat template: it is given plain text to continue, not a conversation")
        if tokens > known:
            self._notify(
                f"the tokenizer for {directory} has {tokens:,} tokens and the embedding {known:,} rows: a prompt with "
                "one of the others will be an error row"
            )

    def _computer(self, longest: int) -> Engine | PlainBatches:
        """What computes rows of so many tokens: the engine, or where it cannot, plain batched transformers."""
        from .inference.engine import Engine
        from .inference.plain import PlainBatches

        if self._engine is None:
            self._engine = Engine(self._base, self._adapter, rows=self._batch_size, notify=self._notify)
        problem = self._engine.problem(longest)
        if problem is None:
            return self._engine
        if problem not in self._told:
            self._told.add(problem)
            kind = type(self._base.model).__name__
            self._notify(f"{kind} goes through plain transformers batches, not through our engine: {problem}")
            details = {**self._identity.details, "engine": f"transformers ({problem})"}
            self._identity = replace(self._identity, details=details)
        if self._plain is None:
            self._plain = PlainBatches(
                self._base, self._adapter, pad=self._pad_id(), rows=self._batch_size, notify=self._notify
            )
        return self._plain

    def _pad_id(self) -> int:
        pad = self._tokenizer.pad_token_id
        if pad is None:
            pad = self._tokenizer.eos_token_id
        return 0 if pad is None else int(pad)


@functools.cache
def _versions() -> dict[str, str]:
    """Of all code that takes part in an answer; of our own its text, since a checkout changes without a new version."""
    from importlib.metadata import version

    folder = Path(__file__).parent
    own = [folder / name for name in ("causal_lm.py", "prompt_tokens.py", "shared_base.py", "hf_weights.py")]
    digest = hashlib.sha256()
    for path in (*own, *sorted((folder / "inference").glob("*.py"))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    packages = {name: version(name) for name in ("torch", "transformers", "tokenizers", "peft")}
    return {"engine": f"{inference.VERSION} {digest.hexdigest()[:16]}", **packages}
