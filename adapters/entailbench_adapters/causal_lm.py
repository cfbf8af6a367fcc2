"""Answers and log-probabilities from a transformers causal language model.

Texts and scores are those of lm-eval's ``hf`` model in float32 (0.4.13: same tokenization and stop rules); what differs
on purpose: a prompt too long for the model is an error instead of being cut, a checkpoint's own generation settings
(repetition penalty, sampling) are not applied, and log-softmax is float32 whatever the dtype.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import Answer, CandidateScores, Decoding, Message, Model, ModelError, ModelIdentity, Prompt

from . import inference
from .explained_errors import first_line
from .fingerprint import hash_template
from .shared_base import SharedBase, token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from .inference.engine import Engine
    from .inference.plain import PlainBatches
    from .inference.score import Scored

__all__ = ["CausalModel", "SharedBase"]

TOKENIZER_INFINITY = 10**18
"""From here on a tokenizer's ``model_max_length`` means "not set"."""
Tokens = tuple[int, ...]


class CausalModel(Model):
    """An open model over a ``SharedBase``: the base itself, or one of its adapters.

    Args:
        base: the loaded weights; owned by who made them, not closed here.
        backend: the backend's name, for the identity.
        adapter: what ``base.add_adapter`` returned; None is the base without adapters.
        weights: hash for the identity; by default the base's.
        tokenizer: renders and tokenizes; by default the base's. Its chat template is the prompt format.
        batch_size: at most so many rows are written at a time, > 0; None is what suits the device.
        truncate: whether prompts that are too long are cut from the left instead of being an error.
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
        self._truncate = truncate
        self._notify = notify
        self._engine: Engine | None = None
        self._told: set[str] = set()
        self.chat = bool(self._tokenizer.chat_template)
        self.answer_tokens = answer_tokens
        self._end_ids = base.end_ids | token_ids(self._tokenizer.eos_token_id)
        self._limit = _context_length(base.model, self._tokenizer)
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
            "context": self._limit,
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

        Raises:
            ModelError: a prompt with its answer would exceed the model's context or has a token that the model does
                not know, the model computes NaN, or memory ran out.
        """
        from .inference.choosing import Choose, drawn, likeliest
        from .inference.decode import Writing
        from .inference.stopping import StopStrings

        encoded = self._encode_all([prompt.text for prompt in prompts])
        rows = [
            self._fitting(prompt, tokens, decoding.max_tokens, "tokens to be generated")
            for prompt, tokens in zip(prompts, encoded, strict=True)
        ]
        if not rows:
            return
        # A model may also spell its end token out in plain characters; lm-eval counts that as the end.
        stops = StopStrings(self._tokenizer, [stop for stop in (*decoding.stop, self._tokenizer.eos_token) if stop])
        choose: Choose = likeliest
        if decoding.temperature > 0:
            choose = drawn([prompt.id for prompt in prompts], decoding.temperature, decoding.seed)
        writing = Writing(decoding.max_tokens, self._end_ids, stops, choose)
        for number, written in self._computer(max(map(len, rows)) + decoding.max_tokens).write(rows, writing):
            text = str(self._tokenizer.decode(written, skip_special_tokens=True))
            yield Answer(prompts[number].id, stops.cut(text))

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> Iterator[CandidateScores]:
        """Yields the log-probabilities of each prompt's candidates as soon as a prompt is complete.

        Prompt and candidate are tokenized together and split where the prompt's own tokens end, as lm-eval does.

        Raises:
            ModelError: a prompt with its candidate exceeds the model's context or has a token that the model does
                not know, a candidate has no tokens of its own, the model computes NaN, or memory ran out.
        """
        wanted, place_in_prompt = [], []
        for index, texts in enumerate(candidates):
            if not texts:
                yield CandidateScores(prompts[index].id, (), ())
        for each, place in self._encode_pairs(prompts, candidates):
            wanted.append(each)
            place_in_prompt.append(place)
        if not wanted:
            return
        results: dict[int, dict[int, tuple[float, bool]]] = {index: {} for index in range(len(prompts))}
        longest = max(len(each.context) + len(each.continuation) for each in wanted)
        for number, logprob, greedy in self._computer(longest).score(wanted):
            index = wanted[number].prompt
            done = results[index]
            done[place_in_prompt[number]] = (logprob, greedy)
            if len(done) == len(candidates[index]):
                in_order = [done[place] for place in sorted(done)]
                yield CandidateScores(
                    prompts[index].id,
                    logprobs=tuple(logprob for logprob, _ in in_order),
                    greedy=tuple(greedy for _, greedy in in_order),
                )

    def close(self) -> None:
        """Lets go of the weights; the base is closed by who made it."""
        self._engine = None

    def _tell_what_is_odd(self) -> None:
        """What a user would otherwise learn from strange answers, or only when some prompt has such a token."""
        directory, tokens, known = self._base.directory, len(self._tokenizer), self._base.known_tokens
        if not self.chat:
            self._notify(f"{directory} has no chat template: it is given plain text to continue, not a conversation")
        if tokens > known:
            self._notify(
                f"the tokenizer for {directory} has {tokens:,} tokens and the embedding {known:,} rows: a prompt with "
                "one of the others will be refused"
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
        return PlainBatches(self._base, self._adapter, pad=self._pad_id(), rows=self._batch_size)

    def _encode_all(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of whole texts, each different one tokenized once.

        A chat template writes the special tokens itself. Plain text gets those that the tokenizer adds on its own,
        unless it already begins with one.
        """
        begin = self._tokenizer.bos_token
        done: dict[str, Tokens] = {}
        for special in (False, True):
            group = [
                text
                for text in dict.fromkeys(texts)
                if (not self.chat and not (begin and text.startswith(begin))) is special
            ]
            if group:
                ids = self._tokenizer(group, add_special_tokens=special, return_attention_mask=False)["input_ids"]
                done.update(zip(group, map(tuple, ids), strict=True))
        return [done[text] for text in texts]

    def _encode_pairs(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> Iterator[tuple[Scored, int]]:
        """Each candidate of each prompt in tokens, and its place among the prompt's."""
        from .inference.score import Scored

        # Spaces and line ends at the prompt's end are counted to what follows, as lm-eval does.
        contexts = [prompt.text.rstrip() for prompt in prompts]
        inner = self._encode_all(contexts)
        whole = iter(
            self._encode_all([p.text + text for p, texts in zip(prompts, candidates, strict=True) for text in texts])
        )
        for index, (prompt, texts) in enumerate(zip(prompts, candidates, strict=True)):
            for place, text in enumerate(texts):
                tokens = next(whole)
                if contexts[index]:
                    context, continuation = inner[index], tokens[len(inner[index]) :]
                else:
                    context, continuation = self._after_nothing(prompt.text + text)
                if not continuation:
                    raise ModelError(f"prompt {prompt.id!r}: the candidate {text!r} adds no token to the prompt")
                # The last token is only predicted, never read: it takes no room in the context.
                context = self._fitting(prompt, context, len(continuation) - 1, "tokens of a candidate")
                self._check_known(prompt, continuation)
                yield Scored(index, context, continuation), place

    def _after_nothing(self, text: str) -> tuple[Tokens, Tokens]:
        """A start token and the tokens of a text without a prompt before it."""
        begin = self._tokenizer.bos_token_id
        start = self._tokenizer.eos_token_id if begin is None else begin
        tokens = tuple(self._tokenizer.encode(text, add_special_tokens=False))
        if start is None or tokens[:1] == (start,):
            return tokens[:1], tokens[1:]
        return (start,), tokens

    def _fitting(self, prompt: Prompt, tokens: Tokens, further: int, what: str) -> Tokens:
        """The prompt's tokens if there is room for so many more, or as many of the last ones as there is room for."""
        self._check_known(prompt, tokens)
        if len(tokens) + further <= self._limit:
            return tokens
        if self._truncate and further < self._limit:
            return tokens[len(tokens) + further - self._limit :]
        hint = "" if self._truncate else '; truncate = "left" would cut the prompt'
        raise ModelError(
            f"prompt {prompt.id!r} has {len(tokens)} tokens; with {further} {what} that exceeds the model's context of "
            f"{self._limit} tokens ({self._base.directory}){hint}"
        )

    def _check_known(self, prompt: Prompt, tokens: Tokens) -> None:
        if not tokens:
            raise ModelError(f"prompt {prompt.id!r} has no tokens")
        known = self._base.known_tokens
        if max(tokens) >= known:
            raise ModelError(
                f"prompt {prompt.id!r} has the token {self._tokenizer.decode([max(tokens)])!r}, number {max(tokens)}, "
                f"but the embedding of {self._base.directory} has {known} rows: the tokenizer is not this model's"
            )

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
    own = [folder / name for name in ("causal_lm.py", "shared_base.py", "hf_weights.py")]
    digest = hashlib.sha256()
    for path in (*own, *sorted((folder / "inference").glob("*.py"))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    packages = {name: version(name) for name in ("torch", "transformers", "tokenizers", "peft")}
    return {"engine": f"{inference.VERSION} {digest.hexdigest()[:16]}", **packages}


def _context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can read: by its configuration, or its tokenizer, or else without limit."""
    config = getattr(model.config, "text_config", None) or model.config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return int(min(tokenizer.model_max_length or TOKENIZER_INFINITY, TOKENIZER_INFINITY))
