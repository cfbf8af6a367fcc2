"""A model that is asked only what nobody remembers: nothing that its run has answered already, or the cache knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from entailbench.answer_cache import AnswerCache
from entailbench.answer_keys import model_key, question_key
from entailbench.contracts import Model
from entailbench.errors import ModelError
from entailbench.records import (
    EMPTY,
    OUTCOMES,
    Answer,
    CandidateScores,
    Decoding,
    Message,
    ModelIdentity,
    Prompt,
    Usage,
)

__all__ = ["Earlier", "RememberingModel"]

Answered = Answer | CandidateScores


@dataclass(frozen=True)
class Earlier:
    """An answer that an earlier start of the same run wrote down."""

    asked: str
    """The key of the question, see ``answer_keys.question_key``."""
    answer: Answered
    cached: bool = False
    """Whether it was taken from the cache then."""


class RememberingModel(Model):
    """Gives back what is remembered, first, and asks ``model`` the rest.

    Args:
        model: open.
        name: its registered name.
        cache: None keeps nothing and finds nothing.
        earlier: by the prompt's id, what this run has answered already.
        earlier_seconds: by task, what the model took for those that an earlier start was through with.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        cache: AnswerCache | None = None,
        earlier: Mapping[str, Earlier] | None = None,
        earlier_seconds: Mapping[str, float | None] | None = None,
    ) -> None:
        self.chat = model.chat
        self.answer_tokens = model.answer_tokens
        self._model = model
        self._name = name
        self._cache = cache
        self._earlier = earlier or {}
        self._earlier_seconds = earlier_seconds or {}
        self._asked: Mapping[str, str] = EMPTY
        self._cached: dict[str, Mapping[str, str]] = {}
        self._seconds: dict[str, float] = {}
        self._spent = _sum([one.answer.usage for one in self._earlier.values() if isinstance(one.answer, Answer)])

    @property
    def identity(self) -> ModelIdentity:
        return self._model.identity

    @property
    def determined_by(self) -> Mapping[str, Any] | None:
        return self._model.determined_by

    @property
    def answered_by(self) -> Mapping[str, str]:
        return self._model.answered_by

    def recall(self, answered_by: Mapping[str, str]) -> None:
        self._model.recall(answered_by)

    @property
    def usage(self) -> Usage | None:
        """With what earlier starts of this run took; answers of the cache take nothing."""
        return _sum([self._spent, self._model.usage])

    def render(self, messages: Sequence[Message]) -> str:
        return self._model.render(messages)

    def close(self) -> None:
        self._model.close()

    # What the run wants to know of an answer

    def is_earlier(self, prompt_id: str) -> bool:
        """Whether an earlier start wrote it down already."""
        return prompt_id in self._earlier

    def is_cached(self, prompt_id: str) -> bool:
        """Whether it came from the cache, now or before the run was interrupted."""
        return prompt_id in self._cached

    def answered_by_of(self, prompt_id: str) -> Mapping[str, str]:
        """What came with the answer that was given last, or with one that came from the cache."""
        return self._cached.get(prompt_id, self.answered_by)

    def asked(self, prompt_id: str) -> str:
        """The key of the question; known while the answers to those that were put last are taken."""
        return self._asked[prompt_id]

    def cached(self, task: str) -> int:
        """How many answers to the questions of a task came from the cache."""
        # A copy: another thread may be asking about the next task.
        return sum(1 for prompt_id in list(self._cached) if _is_of(prompt_id, task))

    def seconds(self, task: str) -> float | None:
        """What the model itself took for the questions of a task, by the clock; those that it was not asked take none.

        None where it was asked nothing, and where it was interrupted in between: then nobody knows.
        """
        before = any(_is_of(prompt_id, task) and not one.cached for prompt_id, one in self._earlier.items())
        if not before:
            return self._seconds.get(task)
        return None if task in self._seconds else self._earlier_seconds.get(task)

    # Asking

    @property
    def is_remembered(self) -> bool:
        """Whether any answer of it may be: by its run, or in the cache."""
        if self._earlier:
            return True
        determined_by = self.determined_by
        if self._cache is None or determined_by is None:
            return False
        return self._cache.last_answered_by(model_key(determined_by, EMPTY)) is not None

    def unasked(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Prompt]:
        """Those of the prompts that ``generate`` would put to the model."""
        rest = [prompt for prompt in prompts if prompt.id not in self._earlier]
        if self._cache is None or not self._is_kept(decoding):
            return rest
        found, _ = self._found(self._cache, rest, {prompt.id: question_key(prompt, decoding) for prompt in rest})
        return [prompt for prompt in rest if prompt.id not in found]

    def _is_kept(self, decoding: Decoding) -> bool:
        return self.determined_by is not None and self._model.repeatable(decoding)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        keys = {prompt.id: question_key(prompt, decoding) for prompt in prompts}
        for answer in self._answers(
            prompts, keys, lambda rest: self._model.generate(rest, decoding), repeatable=self._is_kept(decoding)
        ):
            assert isinstance(answer, Answer)
            yield answer

    def score(
        self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
    ) -> Iterator[CandidateScores | Answer]:
        of = dict(zip((prompt.id for prompt in prompts), candidates, strict=True))
        keys = {prompt.id: question_key(prompt, None, of[prompt.id]) for prompt in prompts}
        # An answer instead of scores is an error row.
        yield from self._answers(
            prompts,
            keys,
            lambda rest: self._model.score(rest, [of[prompt.id] for prompt in rest]),
            repeatable=self.determined_by is not None,
        )

    def _answers(
        self,
        prompts: Sequence[Prompt],
        keys: Mapping[str, str],
        ask: Callable[[Sequence[Prompt]], Iterator[Any]],
        *,
        repeatable: bool,
    ) -> Iterator[Answered]:
        self._asked = keys
        rest = []
        for prompt in prompts:
            one = self._earlier.get(prompt.id)
            if one is None:
                rest.append(prompt)
                continue
            if one.asked != keys[prompt.id]:
                raise ModelError(
                    f"the question {prompt.id} of {self._name!r} is not the one that was answered when the run began: "
                    "begin a new run"
                )
            if one.cached:
                self._cached[prompt.id] = EMPTY
            yield one.answer
        cache = self._cache if repeatable else None
        found, answered_by = self._found(cache, rest, keys) if cache else ({}, EMPTY)
        for prompt in rest:
            if prompt.id in found:
                self._cached[prompt.id] = answered_by
                yield found[prompt.id]
        rest = [prompt for prompt in rest if prompt.id not in found]
        if rest:
            yield from self._put(rest, keys, ask, cache)

    def _put(
        self,
        prompts: Sequence[Prompt],
        keys: Mapping[str, str],
        ask: Callable[[Sequence[Prompt]], Iterator[Any]],
        cache: AnswerCache | None,
    ) -> Iterator[Answered]:
        task = prompts[0].task
        by_id = {prompt.id: prompt for prompt in prompts}
        began = time.perf_counter()
        stream = ask(prompts)
        try:
            for answer in stream:
                # First to who writes it down: so what the cache has of this run stands in its directory too.
                yield answer
                if cache and answer.prompt_id in by_id:
                    self._keep(cache, by_id[answer.prompt_id], keys[answer.prompt_id], answer)
        finally:
            self._seconds[task] = self._seconds.get(task, 0.0) + time.perf_counter() - began
            close = getattr(stream, "close", None)
            if callable(close):
                close()

    # The cache

    def _found(
        self, cache: AnswerCache, prompts: Sequence[Prompt], keys: Mapping[str, str]
    ) -> tuple[dict[str, Answered], Mapping[str, str]]:
        """The answers that the cache has, by prompt, and what came with them."""
        determined_by = self.determined_by
        assert determined_by is not None
        answered_by = cache.last_answered_by(model_key(determined_by, {}))
        if answered_by is None:
            return {}, EMPTY
        kept = cache.find(model_key(determined_by, answered_by), list(dict.fromkeys(keys[one.id] for one in prompts)))
        found = {}
        for prompt in prompts:
            answer = _read(prompt, kept[keys[prompt.id]]) if keys[prompt.id] in kept else None
            if answer is not None:
                found[prompt.id] = answer
        if found:
            self._model.recall(answered_by)
        return found, answered_by

    def _keep(self, cache: AnswerCache, prompt: Prompt, key: str, answer: Answered) -> None:
        determined_by, answered_by = self.determined_by, self.answered_by
        value = _written(prompt, answer)
        if determined_by is None or value is None:
            return
        cache.keep(
            model_key(determined_by, answered_by),
            key,
            value,
            name=self._name,
            determined_by=determined_by,
            answered_by=answered_by,
            asked=model_key(determined_by, {}),
        )


def _written(prompt: Prompt, answer: Answered) -> dict[str, Any] | None:
    """What the cache keeps of an answer; None for one that is none."""
    if isinstance(answer, CandidateScores):
        return {"logprobs": list(answer.logprobs), "greedy": list(answer.greedy), "cut": answer.cut}
    if answer.outcome == "error":
        return None
    value: dict[str, Any] = {
        "text": answer.text,
        "outcome": answer.outcome,
        "reason": answer.reason,
        "cut": answer.cut,
    }
    if answer.probability is not None:
        # It is of the label that this task reads; another task may read another one.
        value |= {"probability": answer.probability, "label": _label(prompt, answer.text)}
    return value


def _read(prompt: Prompt, value: Any) -> Answered | None:
    """The answer that was kept; None where it is not one to this prompt."""
    if "logprobs" in value:
        return CandidateScores(prompt.id, tuple(value["logprobs"]), tuple(value["greedy"]), value["cut"])
    if value["outcome"] not in OUTCOMES or value.get("label") != (
        _label(prompt, value["text"]) if "probability" in value else None
    ):
        return None
    text, outcome, reason = value["text"], value["outcome"], value["reason"]
    return Answer(prompt.id, text, outcome, reason, value.get("probability"), cut=value["cut"])


def _label(prompt: Prompt, text: str) -> str:
    return prompt.read_label(text) if prompt.read_label else ""


def _is_of(prompt_id: str, task: str) -> bool:
    """A prompt's id is the task's name, a stroke and the row, see ``records.Prompt``."""
    return prompt_id.rpartition("/")[0] == task


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """All of them together; None where nobody counted."""
    total: Usage | None = None
    for usage in usages:
        if usage is None or total is None:
            total = total or usage
            continue
        both = ((name, value, getattr(usage, name)) for name, value in asdict(total).items())
        total = replace(total, **{name: a if b is None else b if a is None else a + b for name, a, b in both})
    return total
