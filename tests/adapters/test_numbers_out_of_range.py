"""Models that compute NaN or infinity: named, whatever is asked and however it is computed; never an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, ModelError, OpenContext, Prompt
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from tiny_models import VOCABULARY, make_tiny_tokenizer

SAID = r"computes NaN or infinity in torch\.float32: its weights may be damaged"


def llama() -> Any:
    """Goes through our engine."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=False,
    )


def bloom() -> Any:
    """Goes through plain transformers batches."""
    from transformers import BloomConfig

    return BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, tie_word_embeddings=False)


def all_nan(model: Any, token: int) -> None:
    model.lm_head.weight.data[:] = float("nan")


def one_token_is_nan(model: Any, token: int) -> None:
    """Only the logit of a token that nobody asks for."""
    model.lm_head.weight.data[VOCABULARY - 1] = float("nan")


def infinite(model: Any, token: int) -> None:
    """One logit is greater than any number, and all others are what they should be."""
    head = model.lm_head.weight.data
    head[VOCABULARY - 1], head[VOCABULARY - 2] = 3e38, 0.0
    head[VOCABULARY - 2, 0] = -3e38
    head[VOCABULARY - 1, 1:] = 0.0
    for module in model.modules():
        if type(module).__name__ in ("LlamaRMSNorm", "LayerNorm"):
            module.weight.data[0] = 1e4


def one_row_is_nan(model: Any, token: int) -> None:
    """Only rows with that token come to NaN."""
    model.get_input_embeddings().weight.data[token] = float("nan")


@pytest.mark.parametrize("scoring", [False, True], ids=["writing", "scoring"])
@pytest.mark.parametrize("sick", [all_nan, one_token_is_nan, infinite, one_row_is_nan])
@pytest.mark.parametrize("config", [llama, bloom])
def test_named(
    config: Callable[[], Any],
    sick: Callable[[Any, int], None],
    scoring: bool,
    tmp_path: Path,
    context: Callable[..., OpenContext],
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = make_tiny_tokenizer()
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config())
    token = tokenizer.encode(" 7", add_special_tokens=False)[-1]
    sick(model, token)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    said: list[str] = []
    opened = HfBackend().open(HfOptions(str(tmp_path), device="cpu"), context(notify=said.append))
    rows = [Prompt(f"t/{number}", "t", number, (), text) for number, text in enumerate(("The cat", "A 7 B", "Bob"))]
    with pytest.raises(ModelError, match=SAID):
        list(opened.score(rows, [["yes", "no"]] * 3) if scoring else opened.generate(rows, Decoding(4)))
    assert bool(said) is (config is bloom)
