"""What a task asks a model, known before the model is asked. Import only where lm_eval may be imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entailbench.harness_model import HarnessModel
from entailbench.records import Decoding, Prompt

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

__all__ = ["AskedError", "ListeningModel", "Question"]


@dataclass(frozen=True)
class Question:
    """One call of ``Model.generate`` or ``Model.score``."""

    prompts: tuple[Prompt, ...]
    decoding: Decoding | None = None
    """None where candidates are scored."""
    candidates: tuple[tuple[str, ...], ...] = ()
    """Of each prompt, where they are scored."""


class AskedError(Exception):
    """Ends an evaluation as soon as its model has been asked."""


class ListeningModel(HarnessModel):
    """Hears what lm-eval asks, which is all at once, and answers nothing."""

    questions: tuple[Question, ...] = ()

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Takes note, and raises ``AskedError``."""
        self.questions += tuple(
            Question(tuple(self._prompts([requests[i] for i in indices])), decoding)
            for decoding, indices in self._by_decoding(requests).items()
        )
        raise AskedError

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Takes note, and raises ``AskedError``."""
        members = self._by_prompt(requests)
        prompts = self._prompts([requests[indices[0]] for indices in members])
        candidates = tuple(_texts(requests, indices) for indices in members)
        self.questions += (Question(tuple(prompts), None, candidates),)
        raise AskedError


def _texts(requests: Sequence[Instance], indices: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(requests[i].args[1]) for i in indices)
