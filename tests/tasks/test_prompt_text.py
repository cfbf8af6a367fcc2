"""The prompt's wording: a change here changes every measured number."""

from __future__ import annotations

from entailbench import SftPair
from entailbench_tasks.prompt import INSTRUCTION, user_message

GOLDEN = """\
Your whole answer must be one of two labels, entailment or not entailment. Write entailment if the context makes the \
answer to the question certainly yes. Write not entailment if the context makes the answer no or leaves it open.

Context: Ann is taller than Ben.
Question: Is Ben taller than Ann?"""


def test_golden() -> None:
    assert user_message({"context": "Ann is taller than Ben.", "question": "Is Ben taller than Ann?"}) == GOLDEN


def test_it_splits_into_instruction_and_input_also_where_the_context_has_blank_lines() -> None:
    message = user_message({"context": "One.\n\nTwo.", "question": "Three?"})
    instruction, _, rest = message.partition("\n\n")
    assert instruction == INSTRUCTION
    assert rest == "Context: One.\n\nTwo.\nQuestion: Three?"
    assert SftPair(instruction, rest, "entailment").user == message
