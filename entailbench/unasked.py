"""What a run has yet to ask a model: of the rest an earlier start of it, or the cache, has the answers."""

from __future__ import annotations

from collections.abc import Mapping

from entailbench import harness
from entailbench.answer_cache import AnswerCache
from entailbench.contracts import ResolvedModel
from entailbench.records import Prompt
from entailbench.remembering import Earlier, RememberingModel

__all__ = ["unasked"]


def unasked(
    resolved: ResolvedModel,
    loaded: harness.LoadedTask,
    limit: int | None,
    cache: AnswerCache | None,
    earlier: Mapping[str, Earlier],
) -> tuple[Prompt, ...] | None:
    """The prompts of a task that a model would be sent; None where that is all of them.

    The model is opened for it and closed again, so this is for those that open in no time: the ones behind an API.

    Args:
        resolved: the model.
        loaded: a task whose answers are written.
        limit: only its first rows.
        cache: None where the run has none.
        earlier: as ``RememberingModel`` takes them.

    Raises:
        ModelError: the model cannot be opened, or cannot render the task's conversations.
    """
    name = resolved.spec.name
    cache = cache if resolved.backend.caches else None
    if cache is None and not earlier:
        return None
    model = resolved.open()
    try:
        remembering = RememberingModel(model, name, cache, earlier)
        if not remembering.is_remembered:
            return None
        questions = harness.questions(remembering, name, loaded, limit=limit)
        return tuple(
            prompt
            for question in questions
            if question.decoding is not None
            for prompt in remembering.unasked(question.prompts, question.decoding)
        )
    finally:
        model.close()
