"""What a model yields is held to the contract."""

from __future__ import annotations

import math

import pytest

from entailbench import Answer, CandidateScores, ModelError, Prompt
from entailbench.answer_stream import checked

PROMPTS = [Prompt(f"t/{number}", "t", number, (), "?") for number in range(2)]


def test_a_candidate_scored_nan_is_named() -> None:
    """Of any backend, lm-eval's own too: the first candidate would otherwise count as the likelier."""
    scores = CandidateScores("t/1", (-1.0, math.nan), (False, False))
    with pytest.raises(ModelError, match=r"backend of 'm' scored prompt 't/1' with NaN: \(-1.0, nan\)"):
        list(checked([CandidateScores("t/0", (-1.0, -2.0), (True, False)), scores], PROMPTS, "m"))


def test_a_candidate_may_be_impossible() -> None:
    stream = [CandidateScores("t/0", (-1.0, -math.inf), (True, False)), Answer("t/1", "", "error", "why")]
    assert [answer for _, answer in checked(stream, PROMPTS, "m")] == stream
