"""A model of lm-eval as one of ours: prompts become lm-eval's requests, in chunks."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from entailbench import Answer, CandidateScores, Decoding, Message, Model, ModelError, ModelIdentity, Prompt, bounded

from .quiet_lm_eval import without_bars
from .redaction import describe, public_url

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import LM

__all__ = ["LmEvalModel"]

HASHED = ("pretrained", "peft", "delta")
"""Arguments that are folders whose weights are hashed, where there is a hash."""
PACKAGES = ("lm_eval", "torch", "transformers", "vllm", "sglang", "litellm")
"""What may compute the answers."""


class LmEvalModel(Model):
    """An open model of lm-eval.

    Args:
        name: lm-eval's name for it.
        lm: the open model.
        identity: what is known before it is open; the template's hash and the endpoint are added here.
        chunk: prompts handed over at a time.
        secrets: kept out of messages.
    """

    def __init__(self, name: str, lm: LM, identity: ModelIdentity, *, chunk: int, secrets: Sequence[str]) -> None:
        self._name = name
        self._lm: LM | None = lm
        self._chunk = chunk
        self._secrets = tuple(secrets)
        self.chat = _takes_conversations(name, lm)
        self._identity = dataclasses.replace(identity, template=_template_hash(lm), served=_served(lm))
        self._determined = _determined(self._identity, lm)

    @property
    def identity(self) -> ModelIdentity:
        """lm-eval's name and arguments, and the weights where they are local."""
        return self._identity

    @property
    def determined_by(self) -> Mapping[str, Any] | None:
        """None where lm-eval loads weights that nobody hashed, e.g. those of a hub id."""
        return self._determined

    def repeatable(self, decoding: Decoding) -> bool:
        """Only greedy: what is drawn depends on which prompts are computed together, and APIs are sent no seed."""
        return decoding.temperature == 0

    def render(self, messages: Sequence[Message]) -> str:
        """What lm-eval's model makes of the conversation; plain text for a model without a chat format."""
        if not self.chat:
            return "\n\n".join(message.content for message in messages)
        rendered = self._rendered(messages)
        return rendered if isinstance(rendered, str) else super().render(messages)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Answers in order, a chunk at a time."""
        arguments = {
            "until": list(decoding.stop),
            "max_gen_toks": decoding.max_tokens,
            "do_sample": decoding.temperature > 0,
            "temperature": decoding.temperature,
        }
        _seed(decoding)
        for part in self._chunks(prompts):
            requests = [
                _request("generate_until", prompt, (self._context(prompt), dict(arguments, until=list(decoding.stop))))
                for prompt in part
            ]
            texts = self._call(self._open().generate_until, requests)
            for prompt, text in zip(part, texts, strict=True):
                if not isinstance(text, str):
                    raise ModelError(f"lm-eval's {self._name!r} gave no text for {prompt.id}")
                yield Answer(prompt.id, text)

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> Iterator[CandidateScores]:
        """Log-probabilities in order, a chunk at a time."""
        choices = {prompt.id: tuple(group) for prompt, group in zip(prompts, candidates, strict=True)}
        for part in self._chunks(prompts):
            requests = [
                _request("loglikelihood", prompt, (self._context(prompt), candidate))
                for prompt in part
                for candidate in choices[prompt.id]
            ]
            pairs = iter(self._call(self._open().loglikelihood, requests))
            for prompt in part:
                mine = [next(pairs) for _ in choices[prompt.id]]
                yield CandidateScores(
                    prompt.id, tuple(float(pair[0]) for pair in mine), tuple(bool(pair[1]) for pair in mine)
                )

    def close(self) -> None:
        """Lets go of the model and of the device memory it held."""
        import gc

        self._lm = None
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _open(self) -> LM:
        if self._lm is None:
            raise ModelError(f"lm-eval's {self._name!r} is closed")
        return self._lm

    def _chunks(self, prompts: Sequence[Prompt]) -> Iterator[Sequence[Prompt]]:
        for start in range(0, len(prompts), self._chunk):
            yield prompts[start : start + self._chunk]

    def _rendered(self, messages: Sequence[Message]) -> Any:
        try:
            return self._open().apply_chat_template([{"role": m.role, "content": m.content} for m in messages])
        except Exception as error:  # whatever a template raises
            message = f"lm-eval's {self._name!r} cannot render a prompt: {describe(error, self._secrets)}"
            raise ModelError(message) from error

    def _context(self, prompt: Prompt) -> Any:
        """What lm-eval's model continues: text, or for chat APIs the object its template method makes."""
        if not self.chat:
            return prompt.text
        rendered = self._rendered(prompt.messages)
        return prompt.text if isinstance(rendered, str) else rendered

    def _call(self, work: Callable[[list[Instance]], list[Any]], requests: list[Instance]) -> list[Any]:
        try:
            with without_bars():
                results = work(requests)
        except NotImplementedError as error:
            said = describe(error, self._secrets)
            raise ModelError(f"lm-eval's {self._name!r} cannot do this kind of task ({said})") from error
        except Exception as error:  # whatever the model's library raises
            raise ModelError(f"lm-eval's {self._name!r} stopped: {describe(error, self._secrets)}") from error
        if len(results) != len(requests):
            # Some of lm-eval's API models log an error and return what they have.
            raise ModelError(f"lm-eval's {self._name!r} answered {len(results)} of {len(requests)} requests")
        return list(results)


def _determined(known: ModelIdentity, lm: LM) -> dict[str, Any] | None:
    if known.weights is None and known.served is None:
        return None
    arguments = bounded.parse_json(known.details.get("args", "{}"))
    if known.weights is not None:
        # The contents of these folders are hashed: the same weights may lie elsewhere.
        arguments = {key: value for key, value in arguments.items() if key not in HASHED}
    model = getattr(lm, "model", None)
    # Unlike our backends, lm-eval lets a checkpoint's own generation settings (repetition penalty) take part.
    generation = getattr(model, "generation_config", None)
    return {
        "backend": known.backend,
        "weights": known.weights,
        "template": known.template,
        "served": known.served,
        "model": known.details.get("model"),
        "args": arguments,
        "device": str(getattr(lm, "device", None) or "").partition(":")[0],
        "dtype": str(getattr(model, "dtype", "")),
        "generation": bounded.parse_json(generation.to_json_string())
        if hasattr(generation, "to_json_string")
        else None,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _request(kind: Any, prompt: Prompt, arguments: tuple[Any, ...]) -> Instance:
    from lm_eval.api.instance import Instance

    # Without the row: it holds the right answer.
    return Instance(kind, {}, arguments, 0, metadata=(prompt.task, prompt.doc_id, 1))


def _takes_conversations(name: str, lm: LM) -> bool:
    """Whether the model has a chat format: a template of its tokenizer, or a chat API.

    Only an attribute that is already there counts as the tokenizer: a property may go and download one.
    """
    tokenizer = vars(lm).get("tokenizer")
    applies_template = getattr(lm, "tokenized_requests", True)
    if applies_template and getattr(tokenizer, "chat_template", None):
        return True
    return "chat" in name or name.startswith("litellm")


def _template_hash(lm: LM) -> str | None:
    from .fingerprint import hash_template

    tokenizer = vars(lm).get("tokenizer")
    return hash_template(tokenizer) if hasattr(tokenizer, "special_tokens_map") else None


def _served(lm: LM) -> str | None:
    """Model and endpoint of an API model; lm-eval does not tell which model the server says it is."""
    url = getattr(lm, "base_url", None)
    return f"{getattr(lm, 'model', None)} (as asked) at {public_url(url)}" if isinstance(url, str) else None


def _seed(decoding: Decoding) -> None:
    """Local models sample from torch's generator; lm-eval passes no seed on."""
    torch = sys.modules.get("torch")
    if decoding.temperature > 0 and torch is not None:
        torch.manual_seed(decoding.seed)
