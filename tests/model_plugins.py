"""Plugins with models whose score is known beforehand."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench import (
    ENTAILMENT,
    NOT_ENTAILMENT,
    Answer,
    Backend,
    CandidateScores,
    Decoding,
    Model,
    ModelError,
    ModelIdentity,
    ModelSpec,
    OpenContext,
    Prompt,
    hookimpl,
)

OTHER = {ENTAILMENT: NOT_ENTAILMENT, NOT_ENTAILMENT: ENTAILMENT}
OUTLANDISH = {
    "script": "<script>document.title = 'taken over'</script></table></body>",
    "emoji": "👩‍👩‍👧 ... 🤷🏽 \u0000\u001b[31m\u0007",
    "rtl": "\u202eالجواب\u202c هو \u2066Zoe > Abe\u2069",
    "hundred-kb": "So it goes. " * 8_500,
    "line-separator": 'I think\u2028that it is\u2029so\x85or not\r\nor, "both", or $\\alpha$ & 100% | a_b#{~^}',
}
"""What a model may write that is no label and that a table, a page or a terminal could stumble over."""


def coin(prompt: Prompt) -> str:
    """A label that has nothing to do with the question, and is the same whenever it is asked."""
    return (ENTAILMENT, NOT_ENTAILMENT)[hashlib.sha256(prompt.id.encode()).digest()[0] % 2]


BEHAVIOURS: dict[str, Callable[[Prompt], str]] = {
    "perfect": lambda prompt: prompt.doc["label"],
    "inverted": lambda prompt: OTHER[prompt.doc["label"]],
    "always-yes": lambda prompt: ENTAILMENT,
    "always-no": lambda prompt: NOT_ENTAILMENT,
    "random": coin,
    "mumbles": lambda prompt: "I would rather not say.",
    "proves": lambda prompt: f"{prompt.doc['proof']}: {prompt.doc['label']}",
    "proves-nothing": lambda prompt: f"{prompt.doc['proof']}: {OTHER[prompt.doc['label']]}",
    "proves-half": lambda prompt: BEHAVIOURS["perfect" if prompt.doc_id % 2 else "proves"](prompt),
    "half-emoji": lambda prompt: "entailment \ud83d",
    **{name: lambda prompt, text=text: text for name, text in OUTLANDISH.items()},  # type: ignore[misc]
}


@dataclass(frozen=True)
class KnownOptions:
    behaviour: str
    order: str = "given"
    fail_after: int | None = None
    answer_tokens: int | None = None


class KnownModel(Model):
    """Answers from the gold label: only to test what is around a model."""

    def __init__(self, options: KnownOptions) -> None:
        self.options = options
        self.answer_tokens = options.answer_tokens
        self.closed = 0
        self.decodings: list[Decoding] = []

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(backend="known", weights=f"known:{self.options.behaviour}")

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        self.decodings.append(decoding)
        ordered = list(reversed(prompts)) if self.options.order == "reversed" else list(prompts)
        if self.options.order == "twice":
            ordered.append(ordered[0])
        if self.options.order == "missing":
            ordered.pop()
        for number, prompt in enumerate(ordered):
            if number == self.options.fail_after:
                raise ModelError("the model gave up")
            yield Answer(prompt.id, BEHAVIOURS[self.options.behaviour](prompt))

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> Iterator[CandidateScores]:
        for prompt, choices in zip(prompts, candidates, strict=True):
            best = BEHAVIOURS[self.options.behaviour](prompt)
            yield CandidateScores(
                prompt.id,
                tuple(-1.0 if choice.strip() == best else -2.0 for choice in choices),
                tuple(choice.strip() == best for choice in choices),
            )

    def close(self) -> None:
        self.closed += 1


class KnownBackend(Backend):
    name = "known"
    Options = KnownOptions
    scores = True

    def __init__(self) -> None:
        self.opened: list[KnownModel] = []

    def open(self, options: KnownOptions, context: OpenContext) -> Model:
        self.opened.append(KnownModel(options))
        return self.opened[-1]


def known_plugin(**models: dict[str, Any]) -> types.ModuleType:
    """A plugin with the backend and one model per behaviour; keyword arguments are further models' options."""
    module = types.ModuleType("known_plugin")
    backend = KnownBackend()
    specs = [ModelSpec(name, backend="known", options={"behaviour": name}) for name in BEHAVIOURS]
    specs += [ModelSpec(name.replace("_", "-"), backend="known", options=options) for name, options in models.items()]
    module.backend = backend  # type: ignore[attr-defined]
    module.entailbench_backends = hookimpl(lambda: [backend])  # type: ignore[attr-defined]
    module.entailbench_models = hookimpl(lambda: specs)  # type: ignore[attr-defined]
    return module
