"""The probability of "entailment" in a written answer."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench_adapters.label_probability import Token, label_probability

YES, NO = "entailment", "not entailment"


def token(text: str, **likely: float) -> Token:
    """A token with probabilities of what could have stood there; "_" at the front stands for a space."""
    return Token(text, {name.replace("_", " "): math.log(share) for name, share in likely.items()})


@pytest.mark.parametrize(
    ("tokens", "label", "probability"),
    [
        ([token("entail", entail=0.6, no=0.2, maybe=0.2), token("ment", ment=1)], YES, 0.75),
        ([token("not", _not=0.1, Not=0.2, ent=0.1, yes=0.6), token(" entailment", _entailment=1)], NO, 0.25),
        ([token("not entailment", entailment=0.5, n=0.25, nothing=0.25)], NO, 0.5 / 0.75),
        ([token("Answer:"), token(" Ent", _Ent=0.9, _not=0.1), token("ailment.")], YES, 0.9),
        # What stands before the label in the same token belongs to none of them.
        (
            [Token("**ent", {"**ent": math.log(0.3), "**not": math.log(0.1), "So": math.log(0.6)}), token("ailment**")],
            YES,
            0.75,
        ),
        # Only one of the labels is among the likeliest.
        ([token("entailment", entailment=0.99)], YES, 1.0),
        ([token("not", _not=0.99), token(" entailment")], NO, 0.0),
        # After a proof, given the proof.
        ([token("Cal > Zoe"), token(": "), token("not", _not=0.5, ent=0.5), token(" entailment")], NO, 0.5),
    ],
)
def test_the_token_that_decides(tokens: list[Token], label: str, probability: float) -> None:
    assert label_probability(tokens, label) == pytest.approx(probability)


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        (["yes"], YES),  # a label that is not written out
        (["non-", "entailment"], NO),
        (["no", " entailment"], NO),
        (["entailment", " or", " entailment"], YES),
        (["not", " entailment"], YES),  # what was read is not what stands there
        (["entailment"], "unparsed"),
        ([], YES),
    ],
)
def test_nothing_is_guessed(texts: list[str], label: str) -> None:
    tokens = [Token(text, {text: math.log(0.9)}) for text in texts]
    assert label_probability(tokens, label) is None


@given(
    st.sampled_from([YES, NO]),
    st.lists(st.integers(1, 13), max_size=6),
    st.dictionaries(st.text(max_size=8), st.floats(-50, 0), max_size=6),
    st.text(alphabet=st.characters(exclude_characters="entailmENTAILM"), max_size=10),
)
def test_a_probability_is_one(label: str, cuts: list[int], alternatives: dict[str, float], before: str) -> None:
    text = f"{before}{label}"
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    tokens = [Token(text[begin:end], {**alternatives, text[begin:end]: -0.5}) for begin, end in pairwise(places)]
    found = label_probability(tokens, label)
    assert found is None or 0 <= found <= 1
