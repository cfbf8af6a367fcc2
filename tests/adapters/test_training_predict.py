"""The model in training answers as transformers does with the exported model, and leaves the training untouched."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
from litgpt.lora import lora_filter, merge_lora_weights
from litgpt.utils import copy_config_files
from transformers import AutoModelForCausalLM

from entailbench import ENTAILMENT, NOT_ENTAILMENT, UNPARSED, SftPair
from entailbench_adapters.hf_weights import load_tokenizer
from entailbench_adapters.litgpt_checkpoint import recognize
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.litgpt_to_hf import write_hf
from entailbench_adapters.training import decode, forward, predict, tree
from entailbench_adapters.training.model import build_model, make_fabric, trained_parameters
from entailbench_adapters.training.samples import TokenSample, tokenize
from tiny_litgpt import make_litgpt_base
from tiny_models import make_tiny_llama

MAX_TOKENS = 12
RECIPE = LoraRecipe(
    lora_r=4, lora_alpha=8, lora_dropout=0.5, lora_key=True, lora_projection=True, lora_mlp=True, lora_head=True,
    precision="32-true", device="cpu",
)  # fmt: skip
CONTEXT = "Alice is taller than Bob. Bob is not taller than Carol, who is much shorter than Dave."
PAIRS = tuple(
    SftPair(
        "Decide whether it follows.",
        f"{CONTEXT if i % 3 else 'Every knave lies.'} Question {i * i}: {'is Carol the tallest? ' * (i % 5)}",
        "entailment" if i % 2 else "not entailment",
    )
    for i in range(16)
)


class Tiny:
    """A tiny model under a LoRA that is not zero, as it is trained and as transformers opens it."""

    def __init__(self, folder: Path, *, heads: int) -> None:
        self.hf = make_tiny_llama(folder / "hf")
        if heads == 4:
            self.hf = without_shared_heads(self.hf, folder / "mha")
        litgpt = make_litgpt_base(self.hf, folder / "litgpt")
        self.tokenizer = load_tokenizer(self.hf)
        fabric = make_fabric(RECIPE)
        self.model: Any = build_model(fabric, litgpt, RECIPE)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for matrix in trained_parameters(self.model).values():
                matrix.copy_(torch.randn(matrix.shape, generator=generator) * 0.1)
        self.samples = tokenize(PAIRS, self.tokenizer)

    def transformers(self, folder: Path) -> Any:
        """The same weights, merged by litgpt and exported by us."""
        folder.mkdir()
        merged = copy.deepcopy(self.model)
        merge_lora_weights(merged)
        state = {
            name.replace("linear.", ""): weight
            for name, weight in merged.state_dict().items()
            if not lora_filter(name, weight)
        }
        copy_config_files(self.hf.parent / "litgpt", folder)
        torch.save(state, folder / "lit_model.pth")
        (folder / "hf").mkdir()
        write_hf(recognize(folder), folder / "hf")
        return AutoModelForCausalLM.from_pretrained(str(folder / "hf"), dtype=torch.float32).eval()


def without_shared_heads(hf: Path, out: Path) -> Path:
    """The same model with a key-value head for each query head."""
    model = AutoModelForCausalLM.from_pretrained(str(hf))
    config = model.config
    config.num_key_value_heads = 4
    wide = type(model)(config)
    state = model.state_dict()
    for name, weight in state.items():
        if "k_proj" in name or "v_proj" in name:
            noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))) * 0.2
            state[name] = torch.cat((weight, weight + noise))
    wide.load_state_dict(state)
    wide.save_pretrained(out)
    load_tokenizer(hf).save_pretrained(out)
    return out


@pytest.fixture(scope="module", params=[2, 4], ids=["gqa", "mha"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("predict"), heads=request.param)


@pytest.fixture(scope="module")
def expected(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> list[list[int]]:
    """What transformers writes, row by row, without the end token."""
    model = tiny.transformers(tmp_path_factory.mktemp("merged") / "litgpt")
    end = tiny.tokenizer.eos_token_id
    rows = [greedy(model, tiny.tokenizer, sample) for sample in tiny.samples]
    return [tokens[: tokens.index(end)] if end in tokens else tokens for tokens in rows]


def greedy(model: Any, tokenizer: Any, sample: TokenSample) -> list[int]:
    with torch.inference_mode():
        out = model.generate(
            input_ids=torch.tensor([sample.prompt]),
            attention_mask=torch.ones(1, len(sample.prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=MAX_TOKENS,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    return list(out[0, len(sample.prompt) :].tolist())


def written(tiny: Tiny, numbers: Sequence[int] | None = None, **settings: Any) -> list[list[int]]:
    prompts = [tiny.samples[number].prompt for number in numbers or range(len(tiny.samples))]
    settings = {"end": tiny.tokenizer.eos_token_id, "max_tokens": MAX_TOKENS, **settings}
    with predict.evaluating(tiny.model):
        found = decode.continuations(tiny.model, prompts, **settings)
    return [list(tokens) for tokens in found]


def test_the_tokens_are_those_of_transformers(tiny: Tiny, expected: list[list[int]]) -> None:
    assert written(tiny) == expected
    assert len({tuple(tokens) for tokens in expected}) > len(expected) // 2, "the model does not look at its prompts"


@pytest.mark.parametrize("look_every", [1, 3])
def test_rows_that_end_drop_out(
    tiny: Tiny, expected: list[list[int]], look_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Untrained models write no end token, so the one that they write most often stands in for it."""
    monkeypatch.setattr(decode, "CPU_STEPS_BETWEEN_LOOKS", look_every)
    ends: dict[int, dict[int, int]] = {}
    for number, tokens in enumerate(expected):
        for token in set(tokens):
            ends.setdefault(token, {})[number] = tokens.index(token)
    end, places = max(ends.items(), key=lambda item: len(set(item[1].values())))
    assert len(set(places.values())) > 2, "rows end at different steps"
    numbers = [*places, *(number for number in range(len(expected)) if number not in places)][: len(places) + 2]
    cut = [expected[number][: places.get(number)] for number in numbers]
    assert written(tiny, numbers, end=end) == cut


def test_nor_do_they_depend_on_the_batches(
    tiny: Tiny, expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "CPU_PASS_TOKENS", 300)
    assert written(tiny, range(4), cache_bytes=1) == expected[:4]
    assert written(tiny, cache_bytes=500_000) == expected


def test_an_answer_ends_with_the_context(tiny: Tiny, expected: list[list[int]]) -> None:
    longest = max(len(sample.prompt) for sample in tiny.samples)
    cos, sin = tiny.model.cos, tiny.model.sin
    tiny.model.cos, tiny.model.sin = cos[: longest + 3], sin[: longest + 3]
    try:
        found = written(tiny)
    finally:
        tiny.model.cos, tiny.model.sin = cos, sin
    for sample, short, full in zip(tiny.samples, found, expected, strict=True):
        # The last token is written, but would be read only after the context's end.
        assert short == full[: longest + 3 - len(sample.prompt) + 1]


def test_answers_are_the_decoded_tokens_in_order(tiny: Tiny, expected: list[list[int]]) -> None:
    texts = predict.answers(tiny.model, tiny.tokenizer, tiny.samples, MAX_TOKENS)
    assert texts == [tiny.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in expected]


@pytest.mark.parametrize("target", ["label", "proof"])
def test_the_training_does_not_notice(tiny: Tiny, target: str) -> None:
    pack = tree.pack(tiny.samples, [1.0] * len(tiny.samples), budget=4096)[0]

    def gradients() -> list[torch.Tensor]:
        torch.manual_seed(5)
        if validated:
            before = torch.get_rng_state()
            predict.validation_scores(tiny.model, tiny.tokenizer, tiny.samples, None, target)
            assert torch.equal(torch.get_rng_state(), before)
        forward.token_losses(tiny.model, pack).sum().backward()
        parameters = trained_parameters(tiny.model).values()
        found = [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            parameter.grad = None
        return found

    assert tiny.model.training
    validated = False
    plain = gradients()
    validated = True
    after = gradients()
    assert tiny.model.training
    assert all(module.training for module in tiny.model.modules())
    assert plain
    assert all(torch.equal(one, other) for one, other in zip(plain, after, strict=True))


def test_an_evaluating_model_stays_one(tiny: Tiny) -> None:
    tiny.model.eval()
    predict.mean_loss(tiny.model, tiny.samples)
    assert not tiny.model.training
    tiny.model.train()


def test_labels_are_compared_as_a_whole(tiny: Tiny) -> None:
    """The chosen candidate has the highest log-probability, end token included, by litgpt's own forward pass."""
    # An odd number: with as many right as wrong, the unlikelier label would look as good.
    samples = tiny.samples[:15]
    candidates = sorted({sample.answer for sample in samples})
    chosen, nll = [], []
    tiny.model.eval()
    for sample in samples:
        scores = {candidate: log_probability(tiny.model, sample.prompt, candidate) for candidate in candidates}
        chosen.append(max(candidates, key=scores.__getitem__))
        nll.append(-scores[sample.answer])
    tiny.model.train()
    right = [sample.answer == choice for sample, choice in zip(samples, chosen, strict=True)]
    assert 0 < sum(right) < len(right)

    scores = predict.validation_scores(tiny.model, tiny.tokenizer, samples, None, "label")
    assert scores.loss == pytest.approx(sum(nll) / sum(len(sample.answer) for sample in samples), rel=1e-5)
    assert scores.accuracy == sum(right) / len(right)
    shares = [
        sum(r for r, s in zip(right, samples, strict=True) if s.label == label) / sum(s.label == label for s in samples)
        for label in (ENTAILMENT, NOT_ENTAILMENT)
    ]
    assert scores.balanced_accuracy == pytest.approx(sum(shares) / 2)
    assert scores.exact == scores.accuracy
    assert scores.unparsed == 0
    assert predict.mean_loss(tiny.model, samples, 200) == pytest.approx(scores.loss, rel=1e-5)


def log_probability(model: Any, prompt: tuple[int, ...], answer: tuple[int, ...]) -> float:
    ids = torch.tensor([[*prompt, *answer]])
    with torch.no_grad():
        logits = model(ids)[0, len(prompt) - 1 : -1].double()
    return float(logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None]).sum())


def last_line(answer: str) -> str:
    """As a task might read a proof: the label is what stands behind the last colon."""
    label = answer.rpartition(": ")[2]
    return label if label in (ENTAILMENT, NOT_ENTAILMENT) else UNPARSED


def test_proofs_are_written_and_read(tiny: Tiny) -> None:
    """Samples whose targets are what the model writes are all right; the others are wrong, or unparsed."""
    texts = predict.answers(tiny.model, tiny.tokenizer, tiny.samples, MAX_TOKENS)
    short = [number for number, text in enumerate(texts) if len(text) < 60][:4]
    pairs = [
        SftPair(PAIRS[n].instruction, PAIRS[n].input, f"{texts[n]}: {ENTAILMENT if n % 2 else NOT_ENTAILMENT}", "x", "")
        for n in range(8)
    ]
    assert short
    read: list[str] = []

    def reader(answer: str) -> str:
        read.append(answer)
        return last_line(answer)

    samples = tokenize(pairs, tiny.tokenizer)
    scores = predict.validation_scores(tiny.model, tiny.tokenizer, samples, reader, "proof", max_tokens=MAX_TOKENS)
    assert read[-len(samples) :] == predict.answers(tiny.model, tiny.tokenizer, samples, MAX_TOKENS)
    assert scores.unparsed == len(samples), "the model writes the proof, but never a label"
    assert (scores.accuracy, scores.balanced_accuracy, scores.exact) == (0.0, 0.0, 0.0)
    assert math.isfinite(scores.loss)

    first_word = {text.split()[0] if text.split() else "" for text in texts}
    named = [(ENTAILMENT if (text.split() or [""])[0] == min(first_word) else NOT_ENTAILMENT) for text in texts]
    samples = tuple(replace(s, label=label) for s, label in zip(tiny.samples, named, strict=True))

    def by_word(text: str) -> str:
        if text in (ENTAILMENT, NOT_ENTAILMENT):
            return UNPARSED  # so that the row's own label counts
        return ENTAILMENT if (text.split() or [""])[0] == min(first_word) else NOT_ENTAILMENT

    scores = predict.validation_scores(tiny.model, tiny.tokenizer, samples, by_word, "proof", max_tokens=MAX_TOKENS)
    assert (scores.accuracy, scores.balanced_accuracy, scores.unparsed) == (1.0, 1.0, 0)


@pytest.mark.parametrize(
    ("constant", "balanced"), [(ENTAILMENT, 0.5), (NOT_ENTAILMENT, 0.5)], ids=["entailment", "not entailment"]
)
def test_a_constant_reader_has_half_the_balanced_accuracy(tiny: Tiny, constant: str, balanced: float) -> None:
    samples = tiny.samples[:9]
    gold = {sample.answer: sample.label for sample in samples}
    texts = {tiny.tokenizer.decode(list(answer), skip_special_tokens=True): label for answer, label in gold.items()}
    scores = predict.validation_scores(
        tiny.model, tiny.tokenizer, samples, lambda text: texts.get(text, constant), "proof", max_tokens=4
    )
    assert scores.balanced_accuracy == balanced
    assert scores.accuracy == sum(sample.label == constant for sample in samples) / len(samples)
