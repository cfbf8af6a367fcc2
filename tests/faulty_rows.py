"""What must come of a model's rows at a server that goes wrong (``faulty_api``)."""

from __future__ import annotations

from collections.abc import Callable

from entailbench import Answer, Decoding, Message, Model, Prompt
from faulty_api import Api, label_of

KEY = "sk-test-0123456789abcdef"
GREEDY = Decoding(max_tokens=16)
ASKED_AGAIN = ("cut", "reset", "silence", "trickle", "garbage", "half-json", "deep-json", "500", "503")
"""Nobody knows what became of the request, or the server says that it could do better."""
GIVEN_UP = ("wrong-types", "no-choices", "two-choices", "html", "endless", "packed", "400")
"""A reply that arrived whole, and would be the same again."""
OUTCOMES = {
    **dict.fromkeys((*ASKED_AGAIN, *GIVEN_UP), "error"),
    **{"filter": "filtered", "filtered-answer": "filtered", "refusal": "refused"},
    **dict.fromkeys(("twice", "key-in-answer", "key-in-name", ""), "answered"),
}
WORDS = {
    "cut": "broke before the answer was whole",
    "reset": "broke before the answer was whole",
    "silence": "did not answer within",
    "trickle": "did not answer within",
    "garbage": "cannot be read",
    "half-json": "its JSON is damaged",
    "deep-json": "cannot be read",
    "500": "(500): The server had an error",
    "503": "(503): The server had an error",
    "wrong-types": "a choice that has no text",
    "no-choices": "an empty list of choices",
    "two-choices": "2 choices, and one was asked for",
    "html": "not with a chat completion",
    "endless": "more than 8 MB",
    "packed": "a packed reply ('gzip')",
    "400": "(400): This model's maximum context length is 10 tokens",
    "filter": "a content filter of the server refused the prompt",
    "filtered-answer": "a content filter of the server ended the answer",
    "refusal": "the model declined",
}
"""What the reason must say."""

Open = Callable[..., Model]
"""Opens a model of a running ``Api``: the fixture ``opened`` of tests/adapters."""


def read_label(text: str) -> str:
    first = text.partition("\n")[0]
    return first if first in ("entailment", "not entailment") else "unparsed"


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(f"t/{i}", "t", i, (Message("user", f"question {i}"),), "", read_label=read_label) for i in range(count)
    ]


def ask(model: Model, count: int, decoding: Decoding = GREEDY) -> dict[str, Answer]:
    """By question."""
    answers = list(model.generate(prompts(count), decoding))
    assert len({answer.prompt_id for answer in answers}) == len(answers)
    return {f"question {answer.prompt_id[2:]}": answer for answer in answers}


def check_rows(api: Api, answers: dict[str, Answer]) -> None:
    """Every answered row has its own answer, and every other row says what went wrong with it."""
    for question, answer in answers.items():
        fault = api.fault_of(question) if api.plan.fails is None else ""
        assert answer.outcome == OUTCOMES[fault], (question, fault, answer)
        if answer.outcome == "answered":
            assert answer.text.partition("\n")[0] == label_of(question), question
            assert answer.reason == ""
        else:
            assert WORDS[fault] in answer.reason, answer.reason
            assert "\n" not in answer.reason
            assert answer.outcome == "refused" or answer.text == "" or fault == "filtered-answer"
        assert KEY not in f"{answer}"
