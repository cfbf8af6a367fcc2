"""Published labels and free-text answers."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entailbench import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED
from entailbench_tasks.labels import PUBLISHED_LABELS, read_answers, read_label, score_answer

NEGATIVE_FORMS = (
    "not entailment",
    "non-entailment",
    "not-entailment",
    "not_entailment",
    "Not an entailment",
    "nonentailment",
)


def test_the_published_labels() -> None:
    assert dict(PUBLISHED_LABELS) == {
        "entailment": "entailment",
        "not entailment - contradiction": "not entailment",
        "not entailment - unknown": "not entailment",
        "non-entailment": "not entailment",
    }


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Yes", ENTAILMENT),
        ("No.", NOT_ENTAILMENT),
        ("**Yes.** Alice is taller.", ENTAILMENT),
        ("Answer: no", NOT_ENTAILMENT),
        ("No, Bob is taller than Alice.", NOT_ENTAILMENT),
        ("\n\nYes, since Alice is taller.", ENTAILMENT),
    ],
)
def test_a_plain_yes_or_no_answers_the_question(answer: str, label: str) -> None:
    assert read_label(answer) == label


@pytest.mark.parametrize(
    "answer",
    [
        "entailment",
        "Entailment.",
        " \n\n ENTAILMENT \n",
        '"entailment"',
        "“Entailment”",
        "**Entailment**",
        "`entailment`",
        "# Entailment",
        "- entailment",
        "1. entailment",
        "(entailment)",
        "Answer: entailment",
        "**Answer:** entailment",
        "Label = entailment",
        "Answer:\nentailment",
        "```\nentailment\n```",
        "The answer is entailment.",
        "This is an entailment.",
        "The question is entailed by the context.",
        "Yes, it is entailed.",
        "Yes. Entailment",
        "entailment\nnot entailment",
        "entailment, because she is taller",
        "\uff45\uff4e\uff54\uff41\uff49\uff4c\uff4d\uff45\uff4e\uff54",
    ],
)
def test_answers_that_say_entailment(answer: str) -> None:
    assert read_label(answer) == ENTAILMENT


@pytest.mark.parametrize(
    "answer",
    [
        "not entailment",
        "Not Entailment.",
        "NON-ENTAILMENT",
        "not-entailment",
        "not_entailment",
        "nonentailment",
        "**not** entailment",
        "not  \t entailment",
        "not entailed",
        "Not an entailment.",
        "The question is not entailed by the context.",
        "The context does not entail the claim",
        "It isn't entailed",
        "It isn’t an entailment",
        "It cannot be entailed.",
        "No entailment",
        "No, it is not entailed.",
        "No. Not entailment",
        "not entailment - contradiction",
        "not entailment - unknown",
        "contradiction",
        "Contradiction.",
        "unknown",
        "Answer: Unknown",
        "The answer is: not entailment",
        "not entailment\nentailment",
        "not\u200bentailment",
    ],
)
def test_answers_that_say_not_entailment(answer: str) -> None:
    assert read_label(answer) == NOT_ENTAILMENT


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n\t",
        "yes no",
        "No answer can be given.",
        "Yes and no.",
        "Yes, no, maybe.",
        "Alice is taller than Bob.",
        "entailment or not entailment",
        "not entailment / entailment",
        "entailment, not contradiction",
        "entailment (unknown)",
        "entailment?",
        "Is it an entailment? Yes.",
        "not entailment?",
        "entailment: no",
        "Entailment - false",
        "No. Entailment.",
        "No - entailment",
        "no — entailment",
        "Not sure. Entailment",
        "not not entailment",
        "not a contradiction",
        "not unknown",
        "It isn't a contradiction",
        "not entailment is wrong",
        "neither",
        "Decide whether there is entailment",
        "unentailed",
        "entailmentish",
        "Answer:",
        "I do not know.",
    ],
)
def test_answers_that_say_neither_are_unparsed(answer: str) -> None:
    assert read_label(answer) == UNPARSED


decorations = st.sampled_from(["", "**", '"', "'", "`", "_", "*", " "])
leads = st.sampled_from(
    ["", "Answer: ", "Label: ", "**Answer:** ", "The answer is ", "Output - ", "\n\n", "> ", "Final answer: "]
)
tails = st.sampled_from(["", ".", "!", "\n", " .", "\nBecause entailment is not what it seems: yes or no?", "\n\n"])


@given(leads, decorations, st.sampled_from(LABELS), tails, st.sampled_from([str, str.upper, str.title]))
def test_dress_does_not_matter(lead: str, decoration: str, label: str, tail: str, case: type[str]) -> None:
    assert read_label(f"{lead}{decoration}{case(label)}{decoration}{tail}") == label


one_line = st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp", "Cc"]))
WORDS = "entailment not no non yes the answer is it - : . , ? / or contradiction unknown isn't an entailed be"
likely_words = st.lists(st.sampled_from(WORDS.split())).map(" ".join)


@given(st.one_of(one_line, likely_words), st.sampled_from(NEGATIVE_FORMS), st.one_of(one_line, likely_words))
@settings(max_examples=1000)
@example("ENTAILMENT0A", "not entailment", "")  # was read as entailment: "anot" is no negation
@example("entailment a", "not entailment", "A")
def test_a_denied_entailment_is_never_read_as_entailment(before: str, denied: str, after: str) -> None:
    assert read_label(f"{before}{denied}{after}") != ENTAILMENT
    assert read_label(f"{before} {denied} {after}") != ENTAILMENT


@given(likely_words, likely_words, likely_words, st.booleans())
def test_a_line_with_both_labels_is_unparsed(before: str, between: str, after: str, swap: bool) -> None:
    # A comma keeps "not" away from the bare label: with it, that would be the other one.
    first, second = ("not entailment", ", entailment")[:: -1 if swap else 1]
    assert read_label(f"{before} , {first} {between} , {second} {after}") == UNPARSED


@given(st.text())
def test_any_text_is_one_of_three(answer: str) -> None:
    label = read_label(answer)
    assert label in (*LABELS, UNPARSED)
    if "entail" not in answer.casefold() and answer.isascii():
        assert label != ENTAILMENT


def test_the_filter_keeps_the_order_of_rows_and_answers() -> None:
    answers = [["entailment", "maybe"], ["Not entailment."]]
    assert read_answers(answers, [{}, {}]) == [[ENTAILMENT, UNPARSED], [NOT_ENTAILMENT]]


@pytest.mark.parametrize("gold", LABELS)
@pytest.mark.parametrize("answer", [*LABELS, UNPARSED])
def test_the_score(gold: str, answer: str) -> None:
    assert score_answer({"label": gold}, [answer]) == {
        "acc": float(gold == answer),
        "unparsed": float(answer == UNPARSED),
    }
