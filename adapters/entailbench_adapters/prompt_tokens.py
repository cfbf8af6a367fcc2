"""Prompts and candidates as tokens that a model can read, or the reason why it cannot read one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entailbench import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["CandidateTokens", "PromptTokens", "TokenRows", "Unreadable", "context_length"]

TOKENIZER_INFINITY = 10**18
"""From here on a tokenizer's ``model_max_length`` means "not set"."""
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Unreadable:
    """A prompt that this model cannot read, whatever becomes of the others."""

    reason: str
    """On one line, about "the prompt"."""


@dataclass(frozen=True)
class PromptTokens:
    """A prompt that is to be continued."""

    tokens: Tokens
    """At least one."""
    cut: int = 0
    """How many were left out before them."""


@dataclass(frozen=True)
class CandidateTokens:
    """A prompt whose candidates are to be scored."""

    pairs: tuple[tuple[Tokens, Tokens], ...]
    """Of each candidate the tokens before it and its own, at least one of each."""
    cut: int = 0
    """How many were left out before them, the same for all candidates."""


class _UnreadableError(Exception):
    """Carries the reason to where the next prompt is looked at."""


class TokenRows:
    """Tokenizes for one model, and keeps to the length of its context.

    Args:
        tokenizer: of the model, or of its adapter.
        known: rows of the embedding; tokens with this number or a higher one cannot be read.
        limit: tokens of a prompt and its answer together that the model can read.
        truncate: whether prompts that are too long are cut at the left instead of being unreadable.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, known: int, limit: int, truncate: bool) -> None:
        self._tokenizer = tokenizer
        self._known = known
        self.limit = limit
        """Tokens of a prompt and its answer together."""
        self._truncate = truncate

    def prompts(self, prompts: Sequence[Prompt], further: int) -> list[PromptTokens | Unreadable]:
        """Each prompt in tokens, with room for ``further`` more."""
        encoded = self.encode([prompt.text for prompt in prompts])
        return [self._prompt(tokens, further) for tokens in encoded]

    def candidates(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> list[CandidateTokens | Unreadable]:
        """Each prompt's candidates in tokens.

        Prompt and candidate are tokenized together and split where the prompt's own tokens end. Spaces and line ends at
        the prompt's end are counted to what follows. Both are lm-eval's way.
        """
        contexts = [prompt.text.rstrip() for prompt in prompts]
        inner = self.encode(contexts)
        whole = iter(
            self.encode([p.text + text for p, texts in zip(prompts, candidates, strict=True) for text in texts])
        )
        found: list[CandidateTokens | Unreadable] = []
        for prompt, texts, context, begin in zip(prompts, candidates, contexts, inner, strict=True):
            together = [next(whole) for _ in texts]
            try:
                pairs = [
                    (begin, tokens[len(begin) :]) if context else self._after_nothing(prompt.text + text)
                    for text, tokens in zip(texts, together, strict=True)
                ]
                found.append(self._candidates(texts, pairs))
            except _UnreadableError as error:
                found.append(Unreadable(str(error)))
        return found

    def _prompt(self, tokens: Tokens, further: int) -> PromptTokens | Unreadable:
        try:
            self._check_known(tokens)
            cut = self._excess(tokens, further, "to be generated")
        except _UnreadableError as error:
            return Unreadable(str(error))
        return PromptTokens(tokens[cut:], cut)

    def _candidates(self, texts: Sequence[str], pairs: Sequence[tuple[Tokens, Tokens]]) -> CandidateTokens:
        for text, (context, continuation) in zip(texts, pairs, strict=True):
            if not continuation:
                raise _UnreadableError(f"the candidate {text!r} adds no token to the prompt")
            self._check_known(context)
            self._check_known(continuation)
        # All candidates are scored behind the same text, so that the longest one decides what is left out. Its last
        # token is only predicted, never read: it takes no room.
        longest = max((len(continuation) for _, continuation in pairs), default=1) - 1
        cut = max((self._excess(context, longest, "of a candidate") for context, _ in pairs), default=0)
        return CandidateTokens(tuple((context[cut:], continuation) for context, continuation in pairs), cut)

    def _excess(self, tokens: Tokens, further: int, what: str) -> int:
        """How many of the prompt's first tokens have to be left out, so that there is room for further ones."""
        excess = len(tokens) + further - self.limit
        if excess <= 0:
            return 0
        if self._truncate and further < self.limit:
            return excess
        hint = "" if self._truncate or further >= self.limit else "; --truncate left would cut it"
        raise _UnreadableError(
            f"the prompt has {len(tokens):,} tokens; with {further:,} {what} that exceeds the model's context of "
            f"{self.limit:,} tokens{hint}"
        )

    def _check_known(self, tokens: Tokens) -> None:
        if not tokens:
            raise _UnreadableError("the prompt has no tokens")
        if max(tokens) >= self._known:
            raise _UnreadableError(
                f"the prompt or a candidate has the token {self._tokenizer.decode([max(tokens)])!r}, number "
                f"{max(tokens)}, but the embedding has {self._known} rows: the tokenizer is not this model's"
            )

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of whole texts, each different one tokenized once.

        A chat template writes the special tokens itself. Plain text gets those that the tokenizer adds on its own,
        unless it already begins with one.
        """
        begin, chat = self._tokenizer.bos_token, bool(self._tokenizer.chat_template)
        done: dict[str, Tokens] = {}
        for special in (False, True):
            group = [
                text
                for text in dict.fromkeys(texts)
                if (not chat and not (begin and text.startswith(begin))) is special
            ]
            if group:
                ids = self._tokenizer(group, add_special_tokens=special, return_attention_mask=False)["input_ids"]
                done.update(zip(group, map(tuple, ids), strict=True))
        return [done[text] for text in texts]

    def _after_nothing(self, text: str) -> tuple[Tokens, Tokens]:
        """A start token and the tokens of a text without a prompt before it."""
        begin = self._tokenizer.bos_token_id
        start = self._tokenizer.eos_token_id if begin is None else begin
        tokens = tuple(self._tokenizer.encode(text, add_special_tokens=False))
        if start is None or tokens[:1] == (start,):
            return tokens[:1], tokens[1:]
        return (start,), tokens


def context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can read: by its configuration, or its tokenizer, or else without limit."""
    config = getattr(model.config, "text_config", None) or model.config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return int(min(tokenizer.model_max_length or TOKENIZER_INFINITY, TOKENIZER_INFINITY))
