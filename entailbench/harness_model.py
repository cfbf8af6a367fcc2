"""An open model as lm-eval sees it. Import only where lm_eval may be imported."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM

from entailbench.answer_stream import checked
from entailbench.answered import cut_told
from entailbench.decoding import decoding_of, with_room_for
from entailbench.errors import ModelError, PreflightError, RowErrorsError, UsageError
from entailbench.plugins import create_plugin_manager
from entailbench.records import Answer, CandidateScores, Decoding, Message, Prompt
from entailbench.registry import load_registry
from entailbench.terminal import echo

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from entailbench.contracts import Model

__all__ = ["EntailbenchLM", "HarnessModel", "OnAnswer"]

OnAnswer = Callable[[Prompt, Answer | CandidateScores], None]
"""Called for every answer as it comes, with the prompt it belongs to."""


class HarnessModel(LM):  # type: ignore[misc]
    """Turns lm-eval's requests into prompts, and a model's answers into lm-eval's responses."""

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        on_start: Callable[[int], None] = lambda rows: None,
        on_answer: OnAnswer | None = None,
        read_label: Callable[[str], str] | None = None,
        max_errors: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.name = name
        self.answers: dict[int, Answer | CandidateScores] = {}
        """By ``doc_id``: lm-eval keeps no more of it than the text, or the log-probabilities."""
        self._max_errors = max_errors
        self._on_start = on_start
        self._on_answer = on_answer or (lambda prompt, answer: None)
        self._read_label = read_label
        self._messages: dict[str, tuple[Message, ...]] = {}
        self._first = 0
        """The number of the row that lm-eval, which is given some rows at a time, calls 0."""
        self._failed: list[Answer] = []
        """Those that are errors, in all parts."""

    def begin_part(self, first: int) -> None:
        """What comes next is asked about rows from the number ``first`` on; what was kept of others is let go."""
        self._first = first
        self.answers.clear()
        self._messages.clear()

    # What lm-eval asks while it builds requests

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The model's own rendering; the messages are remembered for models that take a conversation."""
        if not self.model.chat:
            raise UsageError(f"model {self.name!r} has no chat template: run lm-eval without --apply_chat_template")
        messages = tuple(Message(turn["role"], turn["content"]) for turn in chat_history)  # type: ignore[arg-type]
        text = self.model.render(messages)
        self._messages[text] = messages
        return text

    @property
    def tokenizer_name(self) -> str:
        """Keys lm-eval's request cache: everything that shapes a prompt."""
        return f"{self.name}-{self.model.identity.template}"

    # What lm-eval asks of a model

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """One text per request, in order."""
        texts: dict[int, str] = {}
        for decoding, indices in self._by_decoding(requests).items():
            prompts = self._prompts([requests[i] for i in indices])
            answers: dict[str, Any] = {}
            self._collect(self.model.generate(prompts, decoding), prompts, answers)
            for index, prompt in zip(indices, prompts, strict=True):
                answer = answers[prompt.id]
                self.answers.setdefault(prompt.doc_id, answer)
                # What a model says when it declines, or what a filter left of an answer, must not be read as a label.
                texts[index] = answer.text if answer.outcome == "answered" else ""
        return [texts[i] for i in range(len(requests))]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """One (log-probability, greedy) pair per request, in order; NaN for those of an error row."""
        members = self._by_prompt(requests)
        prompts = self._prompts([requests[indices[0]] for indices in members])
        candidates = [[requests[i].args[1] for i in indices] for indices in members]
        scores: dict[str, Any] = {}
        self._collect(self.model.score(prompts, candidates), prompts, scores)
        pairs: dict[int, tuple[float, bool]] = {}
        for prompt, indices in zip(prompts, members, strict=True):
            answer = scores[prompt.id]
            self.answers.setdefault(prompt.doc_id, answer)
            if isinstance(answer, Answer):
                pairs.update((index, (math.nan, False)) for index in indices)
                continue
            if len(answer.logprobs) != len(indices):
                raise ModelError(f"model {self.name!r} scored {len(answer.logprobs)} of {len(indices)} candidates")
            for index, logprob, greedy in zip(indices, answer.logprobs, answer.greedy, strict=True):
                pairs[index] = (logprob, greedy)
        return [pairs[i] for i in range(len(requests))]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Not offered: entailment tasks generate or choose."""
        raise ModelError("entailbench models cannot run perplexity tasks (loglikelihood_rolling)")

    def _by_decoding(self, requests: Sequence[Instance]) -> dict[Decoding, list[int]]:
        groups: dict[Decoding, list[int]] = {}
        for index, request in enumerate(requests):
            decoding = decoding_of(with_room_for(self.model.answer_tokens, request.args[1]))
            groups.setdefault(decoding, []).append(index)
        return groups

    def _by_prompt(self, requests: Sequence[Instance]) -> list[list[int]]:
        groups: dict[tuple[str, int, str], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault((request.task_name, request.doc_id, request.args[0]), []).append(index)
        return list(groups.values())

    def _prompts(self, requests: Sequence[Instance]) -> list[Prompt]:
        seen: Counter[str] = Counter()
        prompts = []
        for request in requests:
            text = request.args[0]
            messages = self._messages.get(text)
            if messages is None and self.model.chat:
                raise UsageError(f"model {self.name!r} has its own prompt format: add --apply_chat_template")
            messages = messages or (Message("user", text),)
            number = self._first + request.doc_id
            key = f"{request.task_name}/{number}"
            seen[key] += 1
            unique = key if seen[key] == 1 else f"{key}#{seen[key]}"
            prompts.append(Prompt(unique, request.task_name, number, messages, text, request.doc, self._read_label))
        return prompts

    def _collect(self, stream: Any, prompts: Sequence[Prompt], into: dict[str, Any]) -> None:
        """Checks that every prompt is answered exactly once, and passes each answer on."""
        self._on_start(len(prompts))
        for prompt, answer in checked(stream, prompts, self.name):
            into[prompt.id] = answer
            self._on_answer(prompt, answer)
        self._check_errors(into.values())

    def _check_errors(self, answers: Iterable[Any]) -> None:
        """For a model that went on answering all the same."""
        failed = self._failed
        failed += [answer for answer in answers if isinstance(answer, Answer) and answer.outcome == "error"]
        if len(failed) > self._max_errors:
            raise RowErrorsError(f"{self.name!r} could not answer {len(failed)} rows: {failed[0].reason}")


class EntailbenchLM(HarnessModel):
    """A registered model under lm-eval's own command line: ``--model entailbench --model_args name=lora``."""

    def __init__(
        self,
        name: str = "",
        config: str | None = None,
        batch_size: Any = None,
        max_batch_size: Any = None,
        device: Any = None,
        **unknown: Any,
    ) -> None:
        """Opens the model.

        Args:
            name: as in ``entailbench models``.
            config: a configuration file instead of ``entailbench.toml`` of the current folder.
            batch_size: lm-eval passes this and the next two along; the registry decides.
            max_batch_size: see ``batch_size``.
            device: see ``batch_size``.
            unknown: refused.
        """
        if unknown or not name:
            wrong = f"does not know {', '.join(unknown)}" if unknown else "needs name=NAME"
            raise UsageError(f"--model entailbench {wrong}: its --model_args are name and config")
        registry = load_registry(create_plugin_manager(), config=Path(config) if config else None)
        resolved = registry.resolve(name, notify=lambda message: echo(message, err=True))
        if problems := resolved.problems():
            raise PreflightError(problems)
        super().__init__(resolved.open(), name=name)

    def _collect(self, stream: Any, prompts: Sequence[Prompt], into: dict[str, Any]) -> None:
        super()._collect(stream, prompts, into)
        # lm-eval's own tables have no place for it.
        if cut := sum(answer.cut > 0 for answer in into.values()):
            echo(f"{self.name}: {cut_told(cut)} since they are longer than its context", err=True)
