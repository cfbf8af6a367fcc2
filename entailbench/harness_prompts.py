"""The conversations of a task, as lm-eval builds them, without a model."""

from __future__ import annotations

import json
from typing import Any

from entailbench.harness_tasks import LoadedTask, quiet_lm_eval
from entailbench.records import Message

__all__ = ["conversations_of"]


def conversations_of(loaded: LoadedTask, limit: int | None = None) -> tuple[tuple[Message, ...], ...]:
    """What a chat model will be asked, row by row.

    Args:
        loaded: a task whose answers are written.
        limit: only the first rows.
    """
    found: dict[str, tuple[Message, ...]] = {}

    def remember(history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        text = json.dumps(history)
        found[text] = tuple(Message(turn["role"], turn["content"]) for turn in history)  # type: ignore[arg-type]
        return text

    task: Any = loaded.task
    with quiet_lm_eval():
        # Its instances are built anew when a model is asked.
        task.build_all_requests(limit=limit, apply_chat_template=True, chat_template=remember)
    return tuple(found[str(one.args[0])] for one in task.instances for _ in range(one.repeats or 1))
