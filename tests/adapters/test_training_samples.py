"""Training samples as tokens: those that litgpt's own loader makes, and those that the benchmark sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

from entailbench import SftPair, TrainingError
from entailbench_adapters.hf_weights import load_tokenizer
from entailbench_adapters.litgpt_base import Base
from entailbench_adapters.litgpt_engine import training_view
from entailbench_adapters.litgpt_samples import litgpt_rows
from entailbench_adapters.litgpt_start import trained_tokenizer
from entailbench_adapters.prompt_template import named_style
from entailbench_adapters.training.samples import sample_problems, tokenize
from tiny_litgpt import make_litgpt_base
from tiny_models import make_tiny_llama

PAIRS = tuple(
    SftPair(
        "Decide whether it follows.",
        f"Context: {who} is taller than Bob. Bob is “short”, 1.75 m.\nQuestion: is Bob taller than {other} ?",
        output,
    )
    for who in ("Alice", "Zoë", "Carol")
    for other, output in (("Dave", "entailment"), ("Eve", "not entailment"), (who, f"{who} > Bob: not entailment"))
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Any:
    return load_tokenizer(tiny)


@pytest.mark.parametrize("style_name", ["chat", "alpaca"])
def test_the_tokens_are_those_of_litgpts_loader(style_name: str, tiny: Path, tmp_path: Path) -> None:
    from litgpt.data.base import SFTDataset
    from litgpt.tokenizer import Tokenizer

    litgpt = make_litgpt_base(tiny, tmp_path / "Llama-custom")
    style = None if style_name == "chat" else named_style(style_name)
    base = Base(None, None, "base", tiny, ())  # type: ignore[arg-type]
    base = replace(base, options=type("O", (), {"trust_remote_code": False})())
    tokenizer, bos = trained_tokenizer(base, litgpt, style)
    view = training_view(litgpt, tokenizer, bos, tmp_path / "view")
    rows = litgpt_rows(PAIRS, style, tokenizer)
    theirs = SFTDataset(rows, Tokenizer(view), style or named_style("default"))
    for sample, other in zip(tokenize(PAIRS, tokenizer), theirs, strict=True):
        assert list(sample.tokens) == other["input_ids"].tolist()
        assert [-100] * len(sample.prompt) + list(sample.answer) == other["labels"].tolist()


def test_labels_and_puzzles_are_taken_over(tokenizer: Any) -> None:
    pairs = [replace(PAIRS[0], label="entailment", puzzle="p1"), replace(PAIRS[1], puzzle="p2"), PAIRS[2]]
    first, second, third = tokenize(pairs, tokenizer)
    assert (first.label, first.puzzle) == ("entailment", "p1")
    assert (second.label, second.puzzle) == ("not entailment", "p2")
    assert third.puzzle not in ("", "p1", "p2")


def test_questions_about_one_text_are_one_puzzle(tokenizer: Any) -> None:
    shuffled = [PAIRS[i] for i in (4, 0, 8, 1, 3, 6, 2, 7, 5)]
    puzzles = [sample.puzzle for sample in tokenize(shuffled, tokenizer)]
    names = [pair.input.split()[1] for pair in shuffled]
    assert len(set(puzzles)) == 3
    assert len(set(zip(puzzles, names, strict=True))) == 3


def test_unlike_prompts_are_puzzles_of_their_own(tokenizer: Any) -> None:
    texts = ("The cat sat on the mat.", "Every knave lies.", "If it rains, the street is wet.")
    assert len({s.puzzle for s in tokenize([SftPair("Decide.", t, "x") for t in texts], tokenizer)}) == 3


def test_a_tokenizer_without_an_end(tiny: Path) -> None:
    tokenizer = load_tokenizer(tiny)
    tokenizer.eos_token = None
    with pytest.raises(TrainingError, match="no end-of-sequence token"):
        tokenize(PAIRS, tokenizer)


def test_samples_that_cannot_be_trained_on_are_named(tokenizer: Any) -> None:
    long = replace(PAIRS[0], input="Alice is taller than Bob. " * 50)
    samples = tokenize([PAIRS[0], long, replace(PAIRS[1], output=""), *[long] * 4], tokenizer)
    problems = list(sample_problems("training", samples, limit=200, limited_by="max_seq_length = 200"))
    assert problems[0] == "training sample 2 has an empty output: there is nothing to learn from it"
    assert problems[1].startswith("training sample 1 has ")
    assert "max_seq_length = 200 allows 200 and would cut it" in problems[1]
    assert problems[-1] == "2 more training samples have more than 200 tokens"
    assert len(problems) == 5
    longest = len(samples[0])
    assert not list(sample_problems("training", samples[:1], limit=longest, limited_by="x"))
    assert list(sample_problems("training", samples[:1], limit=longest - 1, limited_by="x"))
