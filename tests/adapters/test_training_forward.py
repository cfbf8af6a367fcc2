"""Losses and gradients of packs are those of litgpt's own forward pass over one sample after another."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("litgpt")

import torch
from litgpt.lora import GPT, Config, mark_only_lora_as_trainable
from litgpt.utils import chunked_cross_entropy

from entailbench_adapters.training import layers
from entailbench_adapters.training.forward import supported, token_losses
from entailbench_adapters.training.samples import TokenSample
from entailbench_adapters.training.tree import Pack, Sharing, pack

VOCABULARY = 120
LLAMA: dict[str, Any] = {
    "block_size": 512,
    "vocab_size": VOCABULARY,
    "padded_vocab_size": 128,
    "n_layer": 3,
    "n_head": 6,
    "n_query_groups": 2,
    "n_embd": 48,
    "head_size": 8,
    "intermediate_size": 64,
    "rotary_percentage": 1.0,
    "parallel_residual": False,
    "bias": False,
    "norm_class_name": "RMSNorm",
    "mlp_class_name": "LLaMAMLP",
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "heads of their own": {"n_query_groups": 6},
    "one key-value head": {"n_query_groups": 1},
    "qwen2 (biased queries, keys, values)": {"attn_bias": True},
    "qwen3 (normed queries and keys)": {"norm_qk": True, "head_size": 16},
    "olmo2": {"norm_qk": True, "norm_qk_type": "olmo2", "post_attention_norm": True, "post_mlp_norm": True,
              "norm_1": False, "norm_2": False},
    "pythia": {"parallel_residual": True, "norm_class_name": "LayerNorm", "mlp_class_name": "GptNeoxMLP",
               "rotary_percentage": 0.25, "bias": True, "n_query_groups": 6},
    "falcon (one norm for both)": {"parallel_residual": True, "shared_attention_norm": True, "bias": True,
                                   "norm_class_name": "LayerNorm", "mlp_class_name": "GptNeoxMLP"},
    "gemma": {"name": "Gemma", "mlp_class_name": "GemmaMLP", "scale_embeddings": True, "gelu_approximate": "tanh",
              "final_logit_softcapping": 30.0},
    "gemma 3 (two kinds of positions)": {"name": "Gemma-3", "mlp_class_name": "GemmaMLP", "scale_embeddings": True,
                                         "rope_local_base_freq": 10.0, "rope_indices": [0, 1, 0], "norm_qk": True,
                                         "sliding_window_size": 400, "sliding_window_indices": [0, 1, 0]},
    "mixtral": {"mlp_class_name": "LLaMAMoE", "n_expert": 4, "n_expert_per_token": 2, "moe_intermediate_size": 32},
    "interleaved positions": {"rope_interleave": True},
}  # fmt: skip
TARGETS = ("query", "key", "value", "projection", "mlp", "head")


def make_model(targets: tuple[str, ...] = TARGETS, *, dropout: float = 0.0, **settings: Any) -> GPT:
    """Random weights, with LoRA matrices that are not zero and norms that are not one."""
    torch.manual_seed(0)
    lora = {f"lora_{target}": True for target in targets}
    model = GPT(Config(**{**LLAMA, **settings}, lora_r=4, lora_alpha=8, lora_dropout=dropout, **lora))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif "norm" in name or "ln_f" in name:
            torch.nn.init.normal_(parameter, mean=1.0, std=0.2)
    mark_only_lora_as_trainable(model)
    return model.train()


def make_samples(count: int = 14, seed: int = 1) -> list[TokenSample]:
    """Questions on three contexts under one instruction, prompts and answers of unlike length."""
    generator = torch.Generator().manual_seed(seed)

    def draw(size: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, VOCABULARY, (size,), generator=generator).tolist())

    instruction, contexts = draw(30), [draw(size) for size in (150, 40, 33)]
    return [
        TokenSample((*instruction, *contexts[number % 3], *draw(1 + number % 9)), draw(1 + number % 4), "", "")
        for number in range(count)
    ]


def litgpt_loss(model: GPT, sample: TokenSample) -> torch.Tensor:
    """The mean over a sample's answer tokens, computed as in ``litgpt.finetune.lora.fit``."""
    ids = torch.tensor([sample.tokens])
    labels = ids.clone()
    labels[:, : len(sample.prompt)] = -100
    logits = model(ids, lm_head_chunk_size=128)
    logits[-1] = logits[-1][..., :-1, :]
    return chunked_cross_entropy(logits, labels[..., 1:])


def gradients(model: GPT, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def means(packs: list[Pack], losses: list[torch.Tensor]) -> torch.Tensor:
    """Of each sample's answer tokens, in the order of the samples."""
    found = {
        number: loss[torch.from_numpy(packed.sample == number)].mean()
        for packed, loss in zip(packs, losses, strict=True)
        for number in set(packed.sample.tolist())
    }
    return torch.stack([found[number] for number in range(len(found))])


def compare(model: GPT, samples: list[TokenSample], sharing: Sharing, budget: int) -> None:
    weights = [0.1 + number / len(samples) for number in range(len(samples))]
    each = [litgpt_loss(model, sample) for sample in samples]
    total = sum(w * len(s.answer) * loss for w, s, loss in zip(weights, samples, each, strict=True))
    expected = gradients(model, total)
    packs = pack(samples, weights, sharing=sharing, budget=budget)
    losses = [token_losses(model, packed) for packed in packs]
    assert {loss.dtype for loss in losses} == {torch.float32}
    torch.testing.assert_close(means(packs, losses), torch.stack(each), rtol=2e-5, atol=1e-6)
    actual = gradients(
        model, sum((torch.from_numpy(p.weights) * loss).sum() for p, loss in zip(packs, losses, strict=True))
    )
    assert actual.keys() == expected.keys()
    assert any("lora_A" in name for name in actual)
    for name, gradient in expected.items():
        assert gradient.norm() > 0, name
        assert (actual[name] - gradient).norm() <= 1e-5 * gradient.norm(), name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_losses_and_gradients_of_every_architecture(name: str) -> None:
    model = make_model(**ARCHITECTURES[name])
    assert not list(supported(model.config, longest=300))
    compare(model, make_samples(), "tree", 10_000)


@pytest.mark.parametrize("sharing", ["none", "prefix", "tree"])
@pytest.mark.parametrize("budget", [1, 300, 10_000])
def test_however_it_is_packed(sharing: Sharing, budget: int) -> None:
    compare(make_model(), make_samples(), sharing, budget)


@pytest.mark.parametrize("targets", [*((target,) for target in TARGETS), ("query", "value"), ("key", "mlp")])
def test_every_target_of_a_lora(targets: tuple[str, ...]) -> None:
    compare(make_model(targets), make_samples(6), "tree", 10_000)


def test_the_modules_themselves_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU runs, and a CPU under mixed precision."""
    monkeypatch.setattr(layers, "_by_hand", lambda x: False)
    compare(make_model(attn_bias=True), make_samples(), "tree", 300)


def test_merged_weights_are_not_added_twice() -> None:
    model = make_model()
    samples = make_samples(3)
    for layer in model.modules():
        if hasattr(layer, "merge"):
            layer.merge()
    packs = pack(samples, [1.0] * 3, budget=10_000)
    expected = torch.stack([litgpt_loss(model, sample) for sample in samples])
    actual = means(packs, [token_losses(model, packed) for packed in packs])
    torch.testing.assert_close(actual, expected, rtol=2e-5, atol=1e-6)


def test_sixteen_bits_are_as_near_as_litgpts() -> None:
    exact, model = make_model(), make_model().bfloat16()
    # As litgpt's loop does: positions are not rounded.
    model.cos, model.sin = model.rope_cache()
    errors = []
    for seed in range(6):
        samples = make_samples(seed=seed)
        expected, theirs = (torch.stack([litgpt_loss(one, sample) for sample in samples]) for one in (exact, model))
        packs = pack(samples, [1.0] * len(samples), budget=10_000)
        ours = means(packs, [token_losses(model, packed) for packed in packs])
        errors.append([(ours - expected).norm().item(), (theirs.float() - expected).norm().item()])
    mine, litgpts = torch.tensor(errors).norm(dim=0)
    assert mine < 1.3 * litgpts


def test_mixed_precision_is_as_near_as_litgpts() -> None:
    model, samples = make_model(), make_samples()
    exact = torch.stack([litgpt_loss(model, sample) for sample in samples])
    packs = pack(samples, [1.0] * len(samples), budget=10_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = torch.stack([litgpt_loss(model, sample) for sample in samples])
        ours = means(packs, [token_losses(model, packed) for packed in packs])
    assert ours.dtype == torch.float32
    assert 0 < (ours - exact).norm() < 1.5 * (theirs - exact).norm()
    assert all(gradient.dtype == torch.float32 for gradient in gradients(model, ours.sum()).values())


def test_nothing_is_computed_for_weights_that_do_not_learn() -> None:
    model = make_model(("query", "value"))
    (packed,) = pack(make_samples(), [1.0] * 14, budget=10_000)
    token_losses(model, packed).sum().backward()
    learnt = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learnt == {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_dropout_drops_its_share_and_nothing_on_average() -> None:
    model = make_model(("mlp",), dropout=0.25, n_layer=1)
    layer = model.transformer.h[0].mlp.fc_1
    x = torch.randn(400, 48)
    exact = (x @ layer.lora_A.T @ layer.lora_B.T) * layer.scaling
    runs = torch.stack([layers.linear(layer, x) - layer.linear(x) for _ in range(200)]).detach()
    assert (runs.mean(dim=0) - exact).norm() < 0.1 * exact.norm()
    assert (runs[0] - exact).norm() > 0.1 * exact.norm()
    # The identity in place of A shows which elements of x went in, and that the others were scaled up.
    layer.lora_A.data = torch.eye(48)[:4]
    layer.lora_B.data = torch.eye(64)[:, :4]
    seen = ((layers.linear(layer, x) - layer.linear(x)) / layer.scaling)[:, :4] / x[:, :4]
    dropped = seen.abs() < 1e-3
    assert 0.2 < dropped.float().mean() < 0.3
    torch.testing.assert_close(seen[~dropped], torch.full_like(seen[~dropped], 1 / 0.75), rtol=1e-2, atol=1e-3)
    model.eval()
    torch.testing.assert_close(layers.linear(layer, x), layer(x))


def test_dropout_has_the_gradient_of_what_it_kept() -> None:
    model = make_model(("mlp",), dropout=0.5, n_layer=1)
    layer = model.transformer.h[0].mlp.fc_1
    x = torch.randn(50, 48, requires_grad=True)
    direction = torch.randn(50, 64)
    learnt = [x, layer.lora_A, layer.lora_B]

    def run() -> torch.Tensor:
        torch.manual_seed(3)
        return (layers.linear(layer, x) * direction).sum()

    found = torch.autograd.grad(run(), learnt)
    step = 1e-2
    for tensor, gradient in zip(learnt, found, strict=True):
        aside = torch.randn_like(tensor)
        with torch.no_grad():
            tensor.add_(aside, alpha=step)
            after = run()
            tensor.sub_(aside, alpha=2 * step)
            before = run()
            tensor.add_(aside, alpha=step)
        # The loss is at most quadratic in each of them, so that the difference is exact but for rounding.
        torch.testing.assert_close((gradient * aside).sum(), (after - before) / (2 * step), rtol=1e-2, atol=1e-2)


def test_the_seed_decides_what_is_dropped() -> None:
    model = make_model(dropout=0.3)
    (packed,) = pack(make_samples(), [1.0] * 14, budget=10_000)
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        runs.append(token_losses(model, packed))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(
    ("settings", "longest", "problem"),
    [
        ({"attention_logit_softcapping": 50.0}, None, "caps scores"),
        ({"sliding_window_size": 64, "sliding_window_indices": [1, 1, 1]}, None, "slides over 64 tokens"),
        ({"sliding_window_size": 64, "sliding_window_indices": [0, 1, 0]}, 65, "slides over 64 tokens"),
        ({"sliding_window_size": 64, "sliding_window_indices": [1, 1, 1]}, 64, None),
        ({"sliding_window_size": 64, "sliding_window_indices": [0, 0, 0]}, None, None),
        ({"latent_attention": {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
                               "v_head_dim": 8}, "n_query_groups": 6}, None, "latent"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_named(settings: dict[str, Any], longest: int | None, problem: str | None) -> None:
    found = list(supported(Config(**{**LLAMA, **settings}), longest))
    assert not found if problem is None else len(found) == 1 and problem in found[0]
