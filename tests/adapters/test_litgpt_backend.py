"""The ``litgpt`` backend answers as litgpt's own model would, from the prompt the checkpoint was trained with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
import yaml

from entailbench import Decoding, Message, Model, ModelError, OpenContext, Prompt
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions, load_tokenizer
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from entailbench_adapters.litgpt_base import base_of
from entailbench_adapters.prompt_record import PromptRecord, write_record
from entailbench_adapters.prompt_template import named_style, write_style
from tiny_litgpt import litgpt_logits, make_litgpt_base, make_lora_checkpoint, merged_by_litgpt, resolved
from tiny_models import make_tiny_llama

USER = "Decide whether it follows.\n\nAlice is taller than Bob.\nHypothesis: Bob is shorter."
TARGETS = ("query", "key", "value", "projection", "mlp", "head")
BACKEND = LitgptBackend()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hf, litgpt (the same model), lora and lora2 over it, merged (lora, by litgpt). Read only."""
    folder = tmp_path_factory.mktemp("made")
    base = make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "litgpt")
    lora = make_lora_checkpoint(base, folder / "lora", TARGETS)
    make_lora_checkpoint(base, folder / "lora2", ("query", "value"), seed=1)
    merged_by_litgpt(base, lora, folder / "merged")
    return folder


@pytest.fixture
def lora(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "lora", tmp_path / "lora"))


@pytest.fixture
def over_base(made: Path, context: Callable[..., OpenContext]) -> OpenContext:
    """The context of a model whose base is the tiny Hugging Face model."""
    base = context("base")
    return replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(made / "hf")), base))


def at(path: Path, **options: Any) -> LitgptOptions:
    return LitgptOptions(checkpoint=str(path), **options)


def logprob(model: Model, candidate: str = "entailment") -> float:
    prompt = Prompt("p", "t", 0, (), model.render([Message("user", USER)]))
    (scores,) = model.score([prompt], [[candidate]])
    return scores.logprobs[0]


def expected_logprob(directory: Path, text: str, candidate: str = "entailment") -> float:
    """By litgpt's own model; blanks at the prompt's end count to the answer, as in lm-eval."""
    tokenizer = load_tokenizer(directory)
    prompt = tokenizer.encode(text.rstrip(), add_special_tokens=False)
    answer = tokenizer.encode(text + candidate, add_special_tokens=False)[len(prompt) :]
    logits = litgpt_logits(directory, prompt + answer)[len(prompt) - 1 : -1].log_softmax(-1)
    return float(logits.gather(1, torch.tensor(answer)[:, None]).sum())


def test_a_lora_answers_as_litgpts_merged_model(made: Path, over_base: OpenContext) -> None:
    assert not list(BACKEND.check(at(made / "lora"), over_base))
    model = BACKEND.open(at(made / "lora", prompt_style="chat"), over_base)
    text = model.render([Message("user", USER)])
    assert logprob(model) == pytest.approx(expected_logprob(made / "merged", text), abs=1e-3)
    (answer,) = model.generate([Prompt("p", "t", 0, (), text)], Decoding(max_tokens=4))
    assert answer.prompt_id == "p"


def test_merged_weights_answer_as_litgpts_model(made: Path, context: Callable[..., OpenContext]) -> None:
    alone = context("merged")
    assert not list(BACKEND.check(at(made / "merged"), alone))
    model = BACKEND.open(at(made / "merged", prompt_style="chat"), alone)
    assert logprob(model) == pytest.approx(
        expected_logprob(made / "merged", model.render([Message("user", USER)])), abs=1e-3
    )


def test_weight_files_are_what_opening_reads(made: Path, over_base: OpenContext) -> None:
    base, lora = made / "hf/model.safetensors", made / "lora/lit_model.pth.lora"
    assert list(BACKEND.weight_files(at(made / "lora"), over_base)) == [base, lora]
    merged = list(BACKEND.weight_files(at(made / "merged"), replace(over_base, base=None)))
    assert merged == [made / "merged/lit_model.pth"]
    assert list(BACKEND.weight_files(at(made / "nowhere"), over_base)) == []


def test_base_and_adapters_share_one_set_of_weights(made: Path, over_base: OpenContext) -> None:
    assert over_base.base is not None
    base = over_base.base.open()
    before = logprob(base)
    first = BACKEND.open(at(made / "lora", prompt_style="chat"), over_base)
    second = BACKEND.open(at(made / "lora2", prompt_style="chat"), replace(over_base, name="second"))
    values = [logprob(base), logprob(first), logprob(second)]
    assert len({round(value, 3) for value in values}) == 3
    assert [logprob(base), logprob(first), logprob(second)] == values
    assert values[0] == pytest.approx(before, abs=1e-5)
    loads: list[str] = []
    over_base.shared.get("base", "probe", lambda: loads.append("made"))
    assert len(over_base.shared._made["base"]) == 2, "one base, and the probe"


def test_the_identity_tells_adapters_and_bases_apart(made: Path, lora: Path, over_base: OpenContext) -> None:
    assert over_base.base is not None
    base = over_base.base.open().identity
    one = BACKEND.open(at(lora), over_base).identity
    again = BACKEND.open(at(made / "lora"), over_base).identity
    other = BACKEND.open(at(made / "lora2"), over_base).identity
    assert one.backend == "litgpt"
    assert str(one.weights).startswith(f"{base.weights}+sha256:")
    assert one.weights == again.weights != other.weights
    path = lora / "hyperparameters.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "lora_alpha": 99}))
    assert BACKEND.open(at(lora), over_base).identity.weights != one.weights


def test_a_directory_with_both_is_opened_unmerged_only_over_a_base(
    made: Path, lora: Path, over_base: OpenContext, context: Callable[..., OpenContext]
) -> None:
    shutil.copy(made / "merged" / "lit_model.pth", lora)
    assert "+" in str(BACKEND.open(at(lora), over_base).identity.weights)
    assert "+" not in str(BACKEND.open(at(lora), context("alone")).identity.weights)


def test_a_litgpt_base_carries_a_lora_too(made: Path, context: Callable[..., OpenContext]) -> None:
    base = context("base")
    over = replace(base, name="lora", base=resolved(BACKEND, at(made / "litgpt", prompt_style="chat"), base))
    assert not list(BACKEND.check(at(made / "lora"), over))
    model = BACKEND.open(at(made / "lora", prompt_style="chat"), over)
    text = model.render([Message("user", USER)])
    assert text.startswith("<|im_start|>user")
    assert logprob(model) == pytest.approx(expected_logprob(made / "merged", text), abs=1e-3)


def test_a_relative_checkpoint_starts_at_the_workspace(made: Path, lora: Path, over_base: OpenContext) -> None:
    shutil.copytree(lora, over_base.workspace / "mine")
    assert not list(BACKEND.check(LitgptOptions(checkpoint="mine"), over_base))


def test_what_finetune_wrote_is_the_default(lora: Path, over_base: OpenContext) -> None:
    assert list(BACKEND.check(LitgptOptions(), over_base)) == ["it is not trained yet: run `entailbench finetune lora`"]
    with pytest.raises(ModelError, match="not trained yet"):
        BACKEND.open(LitgptOptions(), over_base)
    trained = replace(over_base, trained=lora)
    assert not list(BACKEND.check(LitgptOptions(), trained))
    assert BACKEND.open(LitgptOptions(), trained).identity.details["checkpoint"] == str(lora)


def with_lineage(lora: Path, weights: object) -> Path:
    (lora / "lineage.json").write_text(json.dumps({"name": "lora", "facts": {"base_weights": weights}}))
    return lora


def test_a_lora_is_not_opened_over_other_weights(
    made: Path, lora: Path, over_base: OpenContext, context: Callable[..., OpenContext], tmp_path: Path
) -> None:
    trained = replace(over_base, trained=with_lineage(lora, hash_weights(made / "hf")))
    assert over_base.base is not None
    assert BACKEND.open(LitgptOptions(), trained).identity.weights is not None
    BACKEND.export(LitgptOptions(), trained, "peft", tmp_path / "exported")

    changed = make_tiny_llama(tmp_path / "changed", seed=9)
    other = resolved(HfBackend(), HfOptions(str(changed)), replace(over_base.base.context, name="retrained"))
    over_changed = replace(trained, base=other)
    assert not list(BACKEND.check(LitgptOptions(), over_changed)), "it fits as far as its shapes go"
    with pytest.raises(ModelError) as caught:
        BACKEND.open(LitgptOptions(), over_changed)
    assert str(caught.value) == (
        f"{lora} was trained on other weights than its base 'retrained' has now: train it again "
        "(`entailbench finetune lora --overwrite`), or point `base` at the weights it was trained on"
    )
    for format in BACKEND.export_formats:
        with pytest.raises(ModelError, match="trained on other weights than its base 'retrained'"):
            BACKEND.export(LitgptOptions(), over_changed, format, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_lineage_knows_a_litgpt_base_too(
    made: Path, lora: Path, over_base: OpenContext, context: Callable[..., OpenContext]
) -> None:
    base = context("base")
    over = replace(base, name="lora", base=resolved(BACKEND, at(made / "litgpt"), base), trained=lora)
    assert over.base is not None
    with_lineage(lora, hash_weights(base_of(over.base).directory))
    assert BACKEND.open(LitgptOptions(), over).identity.weights is not None
    with_lineage(lora, "sha256:another")
    with pytest.raises(ModelError, match="trained on other weights than its base 'base'"):
        BACKEND.open(LitgptOptions(), over)


def test_a_lineage_that_says_nothing_about_the_base(lora: Path, over_base: OpenContext) -> None:
    trained = replace(over_base, trained=with_lineage(lora, None))
    assert BACKEND.open(LitgptOptions(), trained).identity.weights is not None
    for damaged in ("{", "[]", '{"facts": null}'):
        (lora / "lineage.json").write_text(damaged)
        (problem,) = BACKEND.check(LitgptOptions(), trained)
        assert f"{lora / 'lineage.json'} is not the lineage of a training" in problem


def test_it_takes_a_base() -> None:
    assert BACKEND.uses_base
    assert not HfBackend.uses_base


def test_the_prompt_style_in_the_checkpoint_is_honoured(lora: Path, over_base: OpenContext) -> None:
    alpaca = named_style("alpaca").apply(prompt=USER.split("\n\n")[0], input=USER.split("\n\n")[1])
    write_style(named_style("alpaca"), lora)
    message = [Message("user", USER)]
    assert BACKEND.open(at(lora), over_base).render(message) == alpaca
    path = lora / "hyperparameters.yaml"
    trained_from = "checkpoints/HuggingFaceTB/SmolLM2-135M-Instruct"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "checkpoint_dir": trained_from}))
    assert BACKEND.open(at(lora), over_base).render(message) == "<|im_start|>" + alpaca
    write_record(PromptRecord("phi-2", bos=False), lora)
    assert BACKEND.open(at(lora), over_base).render(message) == f"Instruct: {USER}\nOutput:"
    other = {"allow_other_prompt": True}
    assert BACKEND.open(at(lora, prompt_style="alpaca", **other), over_base).render(message) == alpaca
    chat = BACKEND.open(at(lora, prompt_style="chat", **other), over_base).render(message)
    assert chat == f"<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_style_the_template_is_the_tokenizers(lora: Path, over_base: OpenContext) -> None:
    chat = f"<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n"
    # litgpt does not copy a chat template that lies in a file of its own: the base has it.
    assert BACKEND.open(at(lora), over_base).render([Message("user", USER)]) == chat
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (lora / name).unlink()
    assert BACKEND.open(at(lora), over_base).render([Message("user", USER)]) == chat


def test_the_base_keeps_its_template(lora: Path, over_base: OpenContext) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (lora / name).unlink()
    write_style(named_style("alpaca"), lora)
    assert over_base.base is not None
    base = over_base.base.open()
    BACKEND.open(at(lora), over_base)
    assert base.render([Message("user", USER)]).startswith("<|im_start|>user")


def test_code_from_elsewhere_is_refused_before_opening(lora: Path, over_base: OpenContext) -> None:
    (lora / "prompt_style.yaml").write_text("class_path: antigravity.Style\n")
    (problem,) = BACKEND.check(at(lora), over_base)
    assert "antigravity.Style, which is not one of litgpt's own prompt styles" in problem
    assert not list(BACKEND.check(at(lora, prompt_style="alpaca"), over_base))


def test_check_says_what_is_wrong(
    made: Path, lora: Path, over_base: OpenContext, context: Callable[..., OpenContext], tmp_path: Path
) -> None:
    def problems(options: LitgptOptions, where: OpenContext = over_base) -> str:
        return "\n".join(BACKEND.check(options, where))

    assert "does not exist" in problems(at(tmp_path / "nowhere"))
    assert 'use backend = "hf"' in problems(at(made / "hf"))
    assert 'base = "…"' in problems(at(lora), context("alone"))
    assert "did you mean 'alpaca'" in problems(at(lora, prompt_style="alpacca"))
    assert "batch_size = 0" in problems(at(lora, batch_size=0))
    for device in ("gpu", "xpu"):
        said = problems(at(lora, device=device)).splitlines()
        assert f"device = '{device}': known are auto, cpu, cuda, cuda:N, mps" in said
    assert "sees no such device" in problems(at(made / "merged", device="cuda:99"), context("alone"))
    assert "set it on 'base'" in problems(at(lora, dtype="bfloat16"))
    path = lora / "lit_model.pth.lora"
    path.write_bytes(path.read_bytes()[:-100])
    assert "truncated" in problems(at(lora))
    headless = shutil.copytree(made / "merged", tmp_path / "headless")
    (headless / "tokenizer.json").unlink()
    assert "has no tokenizer" in problems(at(headless), context("alone"))


def test_check_says_what_is_wrong_with_the_base(made: Path, over_base: OpenContext, tmp_path: Path) -> None:
    def problems(backend: Any, options: Any) -> str:
        base = replace(over_base, name="base", base=None)
        return "\n".join(BACKEND.check(at(made / "lora"), replace(over_base, base=resolved(backend, options, base))))

    assert "its base 'base': no directory" in problems(HfBackend(), HfOptions(str(tmp_path / "nowhere")))
    assert "is an adapter itself" in problems(HfBackend(), HfOptions(str(made / "hf"), adapter="somewhere"))
    assert "its base 'base': it is not trained yet" in problems(BACKEND, LitgptOptions())
    assert "is a LoRA itself" in problems(BACKEND, at(made / "lora2"))
    larger = make_tiny_llama(tmp_path / "larger")
    config = (larger / "config.json").read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3')
    (larger / "config.json").write_text(config)
    assert "was not trained on 'base': it is for a model of 2 layers, not 3" in problems(
        HfBackend(), HfOptions(str(larger))
    )

    class Other(HfBackend):
        name = "other"

    assert "has the backend 'other'; a LoRA goes on hf or litgpt" in problems(Other(), object())


def test_declaring_it_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, entailbench_adapters.litgpt, entailbench_adapters.litgpt_lora as l\n"
        "print(sorted({'torch', 'transformers', 'litgpt', 'lightning', 'peft', 'yaml', 'safetensors', 'tokenizers'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
