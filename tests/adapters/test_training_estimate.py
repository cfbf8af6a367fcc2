"""What an outline counts is what the training then does; what it estimates is of the right size."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch

from entailbench import SftPair, TrainingOutline
from entailbench_adapters.litgpt_lora import LitgptLoraTrainer
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.litgpt_start import start
from entailbench_adapters.training import batches, estimate, feed
from entailbench_adapters.training.model import build_model, make_fabric
from entailbench_adapters.training.samples import tokenize
from tiny_models import make_tiny_llama
from tiny_training import PAIRS, Workplace

RECIPE = LoraRecipe(
    lora_key=True,
    lora_mlp=True,
    epochs=3,
    micro_batch_size=4,
    global_batch_size=8,
    precision="32-true",
    device="cpu",
    seed=3,
)
UNEVEN = tuple(replace(pair, input=pair.input + " Is it so?" * (number % 7)) for number, pair in enumerate(PAIRS))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    hf = make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")
    return Workplace(hf, tmp_path_factory.mktemp("place"))


def outline(place: Workplace, recipe: LoraRecipe, pairs: tuple[SftPair, ...] = UNEVEN, **job: Any) -> TrainingOutline:
    return LitgptLoraTrainer().outline(recipe, place.job(pairs, pairs[:9], **job))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sharing": "none"},
        {"sharing": "prefix", "order": "puzzle"},
        {"batch_tokens": 900, "warmup_steps": 2},
        {"max_steps": 7, "pack_tokens": 150},
        {"balance_classes": True},
    ],
    ids=str,
)
def test_counts_are_those_of_the_training(place: Workplace, tmp_path: Path, changes: dict[str, Any]) -> None:
    recipe = replace(RECIPE, **changes)
    facts = outline(place, recipe).facts
    there = Workplace(place.hf, tmp_path / "there")
    (there.folder).mkdir()
    (there.folder / "home").symlink_to(place.folder / "home")
    done = there.train(recipe, pairs=UNEVEN, validation=UNEVEN[:9]).facts
    assert facts["steps"] == done["steps"]
    assert facts["warmup_steps"] == done["recipe"]["warmup_steps"]
    assert facts["trainable_parameters"] == done["trainable_parameters"]
    assert facts["trained_tokens"] == done["trained_tokens"]
    assert facts["tokens"] == done["sample_tokens"]
    assert facts["longest_sample_tokens"] == done["longest_sample_tokens"]
    assert facts["samples"] == done["samples"]
    assert facts["computed_tokens"] == pytest.approx(done["computed_tokens"], rel=1e-6), "every step was looked at"


def test_what_sharing_saves_is_seen_on_some_steps(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = outline(place, RECIPE).facts["computed_tokens"]
    monkeypatch.setattr(estimate, "SAMPLED_STEPS", 4)
    assert outline(place, RECIPE).facts["computed_tokens"] == pytest.approx(exact, rel=0.1)


def test_padding_is_what_litgpts_loader_would_pad(place: Workplace) -> None:
    """Against batches that litgpt's own collate function makes, in the order of its loader."""
    from litgpt.data.base import get_sft_collate_fn
    from torch.utils.data import DataLoader

    begun = start(RECIPE, place.job().context)
    samples = tokenize(UNEVEN, begun.tokenizer)
    rows = [{"input_ids": torch.tensor(s.tokens), "labels": torch.tensor(s.tokens)} for s in samples]
    counts = {"raw": 1, "raw_plus_prompt_template": 1}
    rows = [{**row, "token_counts": counts} for row in rows]
    loader: Any = DataLoader(
        rows,  # type: ignore[arg-type]
        batch_size=RECIPE.micro_batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(RECIPE.seed),
        collate_fn=lambda batch: get_sft_collate_fn(pad_id=-1)(batch)["input_ids"],
    )
    seen = list(loader)
    assert len(seen) % 2 == 0, "each of them is in a step of two"
    padded = sum(int((batch == -1).sum()) for batch in seen) / sum(batch.numel() for batch in seen)
    assert padded > 0.05
    assert estimate.padding_share(samples, RECIPE) == pytest.approx(padded, abs=1e-4)
    assert estimate.padding_share(samples[:3], RECIPE) is None


def test_parameters_are_those_of_the_model(place: Workplace) -> None:
    begun = start(RECIPE, place.job().context)
    sizes = estimate.sizes_of(estimate.meta_model(RECIPE, begun))
    model = build_model(make_fabric(RECIPE), begun.directory, RECIPE)
    assert sizes.base + sizes.lora == sum(parameter.numel() for parameter in model.parameters())
    assert sizes.lora == sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    blocks = [m for m in model.transformer.h.modules() if isinstance(m, torch.nn.Linear)]
    assert sizes.linear == sum(linear.weight.numel() for linear in blocks)
    assert sizes.head == model.lm_head.linear.weight.numel()


def test_operations_are_those_that_torch_counts(place: Workplace) -> None:
    """One sample alone, no LoRA to speak of: forward and backward, by PyTorch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    from entailbench_adapters.training.forward import token_losses

    recipe = replace(RECIPE, lora_r=1, lora_key=False, lora_mlp=False, lora_dropout=0.0)
    begun = start(recipe, place.job().context)
    model = build_model(make_fabric(recipe), begun.directory, recipe)
    samples = tokenize(UNEVEN, begun.tokenizer)
    (packed,) = feed.lay_out(0, ((0,),), samples, recipe, 4096).packs
    with FlopCounterMode(display=False) as counter:
        token_losses(model, packed).sum().backward()
    work = estimate.Work(len(samples[0]), len(packed), len(packed), len(packed.reads), len(packed.reads), len(packed))
    counted = estimate.flops_of(work, estimate.sizes_of(model), model.config, len(packed) / 2)
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.3), "the first of 2 blocks needs less backward"


def test_the_outline_is_quick_and_has_figures_for_machines_and_lines_for_people(place: Workplace) -> None:
    began = time.monotonic()
    found = outline(place, RECIPE, target="proof")
    assert time.monotonic() - began < 60
    json.dumps(dict(found.facts))
    low, high = found.facts["seconds"]
    assert 0 <= low <= high
    low, high = found.facts["memory_bytes"]
    assert 0 < low < high
    starts = [line[:10].strip() for line in found.lines]
    assert starts[:10] == [
        "base", "samples", "longest", "tokens", "computed", "steps", "trained", "memory", "disk", "time",
    ]  # fmt: skip
    assert all(line[9] == " " and line[10] != " " for line in found.lines), "the texts stand under each other"
    assert "45 to learn proofs, 9 for validation" in found.lines[1]


@pytest.mark.parametrize(
    ("here", "other", "precision", "word"),
    [
        (1.0, 3.0, "32-true", 'precision = "bf16-true"'),
        (1.0, 1.2, "32-true", None),
        (1.0, 4.0, "bf16-true", 'precision = "32-true"'),
        (4.0, 1.0, "bf16-true", None),
    ],
)
def test_what_bfloat16_is_worth_here_is_said(
    here: float, other: float, precision: Any, word: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "matmul_rate", lambda *arguments: other)
    found = estimate._hardware_notices(replace(RECIPE, precision=precision), "cpu", precision, here, None)
    assert [word in notice for notice in found] == ([True] if word else [])


def test_too_little_memory_is_said(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_memory_here", lambda device: 2**28)
    assert any("of memory" in notice for notice in outline(place, RECIPE).facts["notices"])


def test_litgpts_own_loop_computes_its_padding(place: Workplace) -> None:
    facts = outline(place, replace(RECIPE, engine="litgpt")).facts
    begun = start(RECIPE, place.job().context)
    samples = tokenize(UNEVEN, begun.tokenizer)
    plans = batches.plan(samples, RECIPE)
    rows = [[len(samples[n]) for n in batch] for step in plans.steps for batch in step]
    assert facts["computed_tokens"] == sum(max(lengths) * len(lengths) for lengths in rows)
    assert facts["computed_tokens"] > facts["trained_tokens"]
