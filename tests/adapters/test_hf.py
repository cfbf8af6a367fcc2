"""Backend hf on real models: the same texts and scores as lm-eval, shared weights, adapters, exports, bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, Message, Model, ModelError, OpenContext, Prompt
from entailbench_adapters.causal_lm import CausalModel
from entailbench_adapters.checkpoint_files import safetensors_problem
from entailbench_adapters.fingerprint import hash_template, hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions, locate, shared_base
from entailbench_adapters.shared_base import quiet_peft
from tiny_models import make_tiny_llama

Contexts = Callable[..., OpenContext]

QUESTIONS = (
    "Alice is taller than Bob. Is Bob taller than Alice?",
    "The cat sat on the mat.",
    "Every knight tells the truth and every knave lies. Zoe is a knave. Does Zoe tell the truth? Say why.",
    "7",
    "It rains; is the street wet? ",
    "Does this end with a line?\n",
)
CANDIDATES = ("entailment", " not entailment", "yes", " it does not follow, because nothing was said")


def prompts_for(model: Model, questions: Sequence[str] = QUESTIONS) -> list[Prompt]:
    rendered = [((Message("user", text),), text) for text in questions]
    return [Prompt(f"t/{i}", "t", i, messages, model.render(messages)) for i, (messages, _) in enumerate(rendered)]


def answers(model: Model, prompts: Sequence[Prompt], decoding: Decoding) -> list[str]:
    by_id = {answer.prompt_id: answer.text for answer in model.generate(prompts, decoding)}
    return [by_id[prompt.id] for prompt in prompts]


def scores(model: Model, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[tuple]]:
    by_id = {each.prompt_id: each for each in model.score(prompts, candidates)}
    return [list(zip(by_id[p.id].logprobs, by_id[p.id].greedy, strict=True)) for p in prompts]


def lm_eval_answers(lm: Any, prompts: Sequence[Prompt], decoding: Decoding) -> list[str]:
    from lm_eval.api.instance import Instance

    settings = {"until": list(decoding.stop), "max_gen_toks": decoding.max_tokens, "do_sample": False}
    requests = [Instance("generate_until", {}, (prompt.text, dict(settings)), i) for i, prompt in enumerate(prompts)]
    return list(lm.generate_until(requests, disable_tqdm=True))


def lm_eval_scores(lm: Any, prompts: Sequence[Prompt], candidates: Sequence[str]) -> list[list[tuple]]:
    from lm_eval.api.instance import Instance

    pairs = [(prompt.text, candidate) for prompt in prompts for candidate in candidates]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    results = lm.loglikelihood(requests, disable_tqdm=True)
    return [results[i : i + len(candidates)] for i in range(0, len(results), len(candidates))]


def assert_same_scores(ours: Sequence[Sequence[tuple]], theirs: Sequence[Sequence[tuple]]) -> None:
    for our_row, their_row in zip(ours, theirs, strict=True):
        assert [logprob for logprob, _ in our_row] == pytest.approx([lp for lp, _ in their_row], abs=2e-4)
        assert [greedy for _, greedy in our_row] == [greedy for _, greedy in their_row]


def make_adapter(directory: Path, base: Path, *, targets: Sequence[str], seed: int = 1, alpha: int = 8) -> Path:
    """A LoRA adapter whose both matrices are random, so that it changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with quiet_peft():
        lora = LoraConfig(r=4, lora_alpha=alpha, target_modules=list(targets), task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.3)
    model.save_pretrained(directory, save_embedding_layers=False)
    return directory


@pytest.fixture(scope="session")
def tiny_adapter(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "qv"
    return make_adapter(folder, tiny_llama, targets=["q_proj", "v_proj", "down_proj"])


@pytest.fixture
def backend() -> HfBackend:
    return HfBackend()


@pytest.fixture
def tiny(backend: HfBackend, tiny_llama: Path, context: Contexts) -> Model:
    return backend.open(HfOptions(str(tiny_llama), device="cpu", batch_size=4), context())


class TestLikeLmEval:
    """What the issue requires: plain lm-eval on the same model gives the same prompts, texts and scores."""

    @pytest.mark.parametrize(("chat", "tied"), [(True, True), (False, False)])
    def test_tiny(self, chat: bool, tied: bool, tmp_path: Path, backend: HfBackend, context: Contexts) -> None:
        from lm_eval.models.huggingface import HFLM

        directory = make_tiny_llama(tmp_path / "tiny", chat=chat, tied=tied, seed=3)
        model = backend.open(HfOptions(str(directory), device="cpu", batch_size=4), context())
        lm = HFLM(pretrained=str(directory), dtype="float32", device="cpu", batch_size=3)
        prompts = prompts_for(model)
        assert model.chat is chat
        if chat:
            assert [prompt.text for prompt in prompts] == [
                lm.apply_chat_template([{"role": "user", "content": question}]) for question in QUESTIONS
            ]
        plain = Decoding(max_tokens=24)
        assert answers(model, prompts, plain) == lm_eval_answers(lm, prompts, plain)
        # A stop string that really occurs, in the middle of tokens, in one row and not in the others.
        text = answers(model, prompts, plain)[2]
        decoding = Decoding(max_tokens=24, stop=(text[5:8], "\n\n"))
        cut = answers(model, prompts, decoding)
        assert cut == lm_eval_answers(lm, prompts, decoding)
        assert cut[2] == text.split(text[5:8])[0]
        # A candidate that greedy decoding writes.
        greedy_start = text[:1]
        candidates = (*CANDIDATES, greedy_start)
        ours = scores(model, prompts, [candidates] * len(prompts))
        assert_same_scores(ours, lm_eval_scores(lm, prompts, candidates))

    def test_plain_text_that_begins_with_bos(self, tmp_path: Path, backend: HfBackend, context: Contexts) -> None:
        from lm_eval.models.huggingface import HFLM

        directory = make_tiny_llama(tmp_path / "tiny", chat=False)
        model = backend.open(HfOptions(str(directory), device="cpu"), context())
        lm = HFLM(pretrained=str(directory), dtype="float32", device="cpu", batch_size=1)
        prompts = prompts_for(model, ["<|endoftext|>The cat sat", "The cat sat", "", " \n"])
        ours = scores(model, prompts[:3], [CANDIDATES] * 3)
        assert_same_scores(ours, lm_eval_scores(lm, prompts[:3], CANDIDATES))
        # The same tokens; where in a pass they stand may round the last bits otherwise.
        assert_same_scores(ours[:1], ours[1:2])
        assert all(logprob < 0 for logprob, _ in scores(model, prompts[3:], [CANDIDATES])[0])
        decoding = Decoding(max_tokens=8)
        assert answers(model, prompts[:2], decoding) == lm_eval_answers(lm, prompts[:2], decoding)

    def test_smollm2(self, smollm2: Path, backend: HfBackend, context: Contexts) -> None:
        from lm_eval.models.huggingface import HFLM

        model = backend.open(HfOptions(str(smollm2), device="cpu", batch_size=4), context())
        lm = HFLM(pretrained=str(smollm2), dtype="float32", device="cpu", batch_size=3)
        questions = QUESTIONS[:4]
        prompts = prompts_for(model, questions)
        assert [prompt.text for prompt in prompts] == [
            lm.apply_chat_template([{"role": "user", "content": question}]) for question in questions
        ]
        decoding = Decoding(max_tokens=12, stop=("\n", ","))
        ours = answers(model, prompts, decoding)
        assert ours == lm_eval_answers(lm, prompts, decoding)
        assert len(set(ours)) > 2
        candidates = ("entailment", "not entailment", ours[1].split(" ")[0])
        assert_same_scores(scores(model, prompts[:3], [candidates] * 3), lm_eval_scores(lm, prompts[:3], candidates))

    def test_adapter(self, tiny_llama: Path, tiny_adapter: Path, backend: HfBackend, context: Contexts) -> None:
        from lm_eval.models.huggingface import HFLM

        options = HfOptions(str(tiny_llama), adapter=str(tiny_adapter), device="cpu", batch_size=4)
        model = backend.open(options, context())
        lm = HFLM(pretrained=str(tiny_llama), peft=str(tiny_adapter), dtype="float32", device="cpu", batch_size=3)
        prompts = prompts_for(model)
        decoding = Decoding(max_tokens=16)
        assert answers(model, prompts, decoding) == lm_eval_answers(lm, prompts, decoding)
        ours = scores(model, prompts, [CANDIDATES] * len(prompts))
        assert_same_scores(ours, lm_eval_scores(lm, prompts, CANDIDATES))


class TestAnswers:
    def test_no_prompts(self, tiny: Model) -> None:
        assert list(tiny.generate([], Decoding(4))) == []
        assert list(tiny.score([], [])) == []

    def test_no_candidates(self, tiny: Model) -> None:
        (only,) = tiny.score(prompts_for(tiny, ["x"]), [[]])
        assert (only.prompt_id, only.logprobs, only.greedy) == ("t/0", (), ())

    def test_batches_do_not_matter(self, backend: HfBackend, tiny_llama: Path, context: Contexts) -> None:
        results = []
        for size in (1, 5):
            model = backend.open(HfOptions(str(tiny_llama), batch_size=size, device="cpu"), context())
            prompts = prompts_for(model)
            results.append(
                (
                    answers(model, prompts, Decoding(12)),
                    answers(model, prompts, Decoding(12, temperature=0.9, seed=5)),
                    [pytest.approx(row, abs=1e-4) for row in self._logprobs(model, prompts)],
                )
            )
        assert results[0] == results[1] or results[0][:2] == results[1][:2]
        assert len(set(results[0][0])) == len(QUESTIONS)

    @staticmethod
    def _logprobs(model: Model, prompts: list[Prompt]) -> list[list[float]]:
        return [[logprob for logprob, _ in row] for row in scores(model, prompts, [CANDIDATES] * len(prompts))]

    def test_candidates_may_differ_by_prompt(self, tiny: Model) -> None:
        prompts = prompts_for(tiny)
        lists = [CANDIDATES[: 1 + i % 4] for i in range(len(prompts))]
        whole = scores(tiny, prompts, [CANDIDATES] * len(prompts))
        for row, expected, texts in zip(scores(tiny, prompts, lists), whole, lists, strict=True):
            assert [lp for lp, _ in row] == pytest.approx([lp for lp, _ in expected[: len(texts)]], abs=1e-4)

    def test_sampling_follows_the_distribution(self, tiny: Model) -> None:
        import math
        from collections import Counter

        (prompt,) = prompts_for(tiny, ["The cat sat on the mat."])
        many = [Prompt(f"draw/{i}", "t", i, prompt.messages, prompt.text) for i in range(400)]
        drawn = Counter(answer.text for answer in tiny.generate(many, Decoding(1, temperature=1.0)))
        text, count = drawn.most_common(1)[0]
        (score,) = tiny.score([prompt], [[text]])
        # The prompt ends in a line end, which is scored with the candidate: its probability must be divided out.
        line_end = tiny.score([Prompt("x", "t", 0, (), prompt.text.rstrip())], [["\n"]])
        probability = math.exp(score.logprobs[0] - next(iter(line_end)).logprobs[0])
        assert count / 400 == pytest.approx(probability, abs=0.1)
        assert len(drawn) > 1

    def test_seed_decides_the_sample(self, tiny: Model) -> None:
        prompts = prompts_for(tiny)
        first, again, other = (answers(tiny, prompts, Decoding(12, temperature=1.0, seed=seed)) for seed in (1, 1, 2))
        assert first == again
        assert first != other

    def test_checkpoint_generation_settings_do_not_leak(
        self, tiny_llama: Path, tmp_path: Path, tiny: Model, backend: HfBackend, context: Contexts
    ) -> None:
        directory = shutil.copytree(tiny_llama, tmp_path / "penalized")
        expected = answers(tiny, prompts_for(tiny), Decoding(12))
        settings = json.loads((directory / "generation_config.json").read_text())
        settings.update(repetition_penalty=1.9, do_sample=True, temperature=5.0, no_repeat_ngram_size=1)
        (directory / "generation_config.json").write_text(json.dumps(settings))
        model = backend.open(HfOptions(str(directory), device="cpu"), context())
        assert answers(model, prompts_for(model), Decoding(12)) == expected

    def test_end_tokens_of_the_checkpoint_end_an_answer(
        self, tiny_llama: Path, tmp_path: Path, tiny: Model, backend: HfBackend, context: Contexts
    ) -> None:
        directory = shutil.copytree(tiny_llama, tmp_path / "two-ends")
        prompts = prompts_for(tiny)
        tokenizer = tiny._tokenizer  # type: ignore[attr-defined]
        expected = answers(tiny, prompts, Decoding(12))
        (first,) = tokenizer.encode(answers(tiny, prompts, Decoding(1))[0], add_special_tokens=False)
        settings = json.loads((directory / "generation_config.json").read_text())
        settings["eos_token_id"] = [settings["eos_token_id"], first]
        (directory / "generation_config.json").write_text(json.dumps(settings))
        model = backend.open(HfOptions(str(directory), device="cpu"), context())
        shortened = answers(model, prompts, Decoding(12))
        assert shortened[0] == ""
        assert shortened[1] == expected[1]

    def test_template_that_refuses(
        self, tiny_llama: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        directory = shutil.copytree(tiny_llama, tmp_path / "strict")
        (directory / "chat_template.jinja").write_text("{{ raise_exception('no system message, please') }}")
        model = backend.open(HfOptions(str(directory), device="cpu"), context())
        with pytest.raises(ModelError, match="no system message, please"):
            model.render([Message("system", "s"), Message("user", "u")])


class TestSharing:
    def test_weights_are_loaded_once(
        self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        second = make_adapter(tmp_path / "second", tiny_llama, targets=["o_proj"], seed=9)
        base_context = context("base")
        shared = base_context.shared
        plain = HfOptions(str(tiny_llama), device="cpu")
        base = backend.open(plain, base_context)
        alone = answers(base, prompts_for(base), Decoding(8))
        models = [
            backend.open(
                HfOptions(str(tiny_llama), adapter=str(path), device="cpu"), context(name, root="base", shared=shared)
            )
            for name, path in (("one", tiny_adapter), ("two", second), ("three", tiny_adapter))
        ]
        assert {id(model._base) for model in (base, *models)} == {id(base._base)}  # type: ignore[attr-defined]
        texts = [answers(model, prompts_for(model), Decoding(8)) for model in models]
        assert texts[0] == texts[2]
        assert texts[0] != texts[1]
        assert alone not in texts
        assert answers(base, prompts_for(base), Decoding(8)) == alone
        # Two answering in turns do not disturb each other.
        turns = [model.generate(prompts_for(model, QUESTIONS * 6), Decoding(8)) for model in (base, *models[:2])]
        mixed = list(zip(*turns, strict=True))
        for model, got in zip((base, *models[:2]), zip(*mixed, strict=True), strict=True):
            assert {a.prompt_id: a.text for a in got} == {
                a.prompt_id: a.text for a in model.generate(prompts_for(model, QUESTIONS * 6), Decoding(8))
            }
        shared.keep_only([])
        assert not hasattr(models[0]._base, "model")  # type: ignore[attr-defined]

    def test_own_tokenizer_of_an_adapter(
        self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        adapter = shutil.copytree(tiny_adapter, tmp_path / "styled")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(tiny_llama / name, adapter / name)
        (adapter / "chat_template.jinja").write_text("### Instruction: {{ messages[-1]['content'] }}")
        base = HfOptions(str(tiny_llama), device="cpu")
        styled = HfOptions(str(tiny_llama), adapter=str(adapter), device="cpu")
        shared = context().shared
        models = [backend.open(options, context(shared=shared)) for options in (base, styled)]
        assert models[1].render([Message("user", "Hi")]) == "### Instruction: Hi"
        assert models[0].render([Message("user", "Hi")]).startswith("<|im_start|>user")
        assert models[0].identity.template != models[1].identity.template

    def test_adapter_of_another_model(
        self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        from safetensors.torch import load_file, save_file

        adapter = shutil.copytree(tiny_adapter, tmp_path / "odd")
        weights = load_file(tiny_adapter / "adapter_model.safetensors")
        deeper = "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"
        wrong = {
            r"does not fit the model .*: it lacks base_model": dict(list(weights.items())[1:]),
            "for no layer of the model, .*layers.7": {**weights, deeper: next(iter(weights.values())).clone()},
            "does not fit the model .*size mismatch|Error": {
                name: value.repeat(1, 2) for name, value in weights.items()
            },
        }
        base = backend.open(HfOptions(str(tiny_llama), device="cpu"), context("base"))
        alone = answers(base, prompts_for(base), Decoding(8))
        good = HfOptions(str(tiny_llama), adapter=str(tiny_adapter), device="cpu")
        bad = HfOptions(str(tiny_llama), adapter=str(adapter), device="cpu")
        # Once onto the bare base and once beside a good adapter: a failed one must leave no trace in either.
        for options in (HfOptions(str(tiny_llama), device="cpu"), good):
            shared = context().shared
            opened = backend.open(options, context("good", root="base", shared=shared))
            expected = answers(opened, prompts_for(opened), Decoding(8))
            for said, content in wrong.items():
                save_file(content, adapter / "adapter_model.safetensors")
                with pytest.raises(ModelError, match=said):
                    backend.open(bad, context("bad", root="base", shared=shared))
                assert answers(opened, prompts_for(opened), Decoding(8)) == expected
                base_again = CausalModel(opened._base, backend="hf", batch_size=4)  # type: ignore[attr-defined]
                assert answers(base_again, prompts_for(base), Decoding(8)) == alone

    def test_target_that_no_layer_has(
        self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        adapter = shutil.copytree(tiny_adapter, tmp_path / "odd")
        config = json.loads((adapter / "adapter_config.json").read_text())
        (adapter / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["c_attn"]}))
        base = backend.open(HfOptions(str(tiny_llama), device="cpu"), context())
        alone = answers(base, prompts_for(base), Decoding(8))
        with pytest.raises(ModelError, match="does not fit the model"):
            base._base.add_adapter(adapter)  # type: ignore[attr-defined]
        assert answers(base, prompts_for(base), Decoding(8)) == alone
        base._base.add_adapter(tiny_adapter)  # type: ignore[attr-defined]
        assert answers(base, prompts_for(base), Decoding(8)) == alone


class TestIdentity:
    def test_hash_knows_content_not_place(self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path) -> None:
        elsewhere = shutil.copytree(tiny_llama, tmp_path / "elsewhere")
        assert hash_weights(elsewhere) == hash_weights(tiny_llama)
        assert hash_weights(make_tiny_llama(tmp_path / "other", seed=1)) != hash_weights(tiny_llama)
        adapter = shutil.copytree(tiny_adapter, tmp_path / "adapter")
        config = json.loads((adapter / "adapter_config.json").read_text())
        for key, value, same in (("base_model_name_or_path", "somewhere/else", True), ("lora_alpha", 99, False)):
            (adapter / "adapter_config.json").write_text(json.dumps({**config, key: value}))
            assert (hash_weights(adapter) == hash_weights(tiny_adapter)) is same

    def test_hash_of_the_template(self, tiny: Model) -> None:
        tokenizer = tiny._tokenizer  # type: ignore[attr-defined]
        before = hash_template(tokenizer)
        tokenizer(["a", "b c d"], padding=True, truncation=True, max_length=3)
        assert hash_template(tokenizer) == before
        tokenizer.chat_template += " "
        assert hash_template(tokenizer) != before

    def test_identity(
        self, tiny: Model, tiny_llama: Path, tiny_adapter: Path, backend: HfBackend, context: Contexts
    ) -> None:
        assert tiny.identity.backend == "hf"
        assert tiny.identity.weights == hash_weights(tiny_llama)
        assert tiny.identity.details["dtype"] == "float32"
        adapted = backend.open(HfOptions(str(tiny_llama), adapter=str(tiny_adapter), device="cpu"), context())
        assert adapted.identity.weights == f"{hash_weights(tiny_llama)}+{hash_weights(tiny_adapter)}"
        assert adapted.identity.template == tiny.identity.template

    def test_no_weights(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no weights in"):
            hash_weights(tmp_path)


class TestExport:
    @pytest.mark.parametrize("tied", [True, False])
    @pytest.mark.parametrize("targets", [["q_proj", "up_proj"], ["v_proj", "lm_head"], ["k_proj", "embed_tokens"]])
    def test_merged_equals_adapted(
        self, tied: bool, targets: list[str], tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        base = make_tiny_llama(tmp_path / "base", tied=tied)
        adapter = make_adapter(tmp_path / "adapter", base, targets=targets)
        options = HfOptions(str(base), adapter=str(adapter), device="cpu")
        model = backend.open(options, context())
        out = tmp_path / "merged"
        backend.export(options, context(), "hf", out)
        assert list(backend.check(HfOptions(str(out)), context())) == []
        merged = backend.open(HfOptions(str(out), device="cpu"), context())
        prompts = prompts_for(model)
        assert prompts_for(merged) == prompts
        for ours, theirs in zip(
            scores(model, prompts, [CANDIDATES] * len(prompts)),
            scores(merged, prompts, [CANDIDATES] * len(prompts)),
            strict=True,
        ):
            assert [lp for lp, _ in ours] == pytest.approx([lp for lp, _ in theirs], rel=1e-4, abs=1e-4)
        assert answers(merged, prompts, Decoding(8)) == answers(model, prompts, Decoding(8))
        config = json.loads((out / "config.json").read_text())
        own_head = any(target in ("lm_head", "embed_tokens") for target in targets)
        assert config["tie_word_embeddings"] is (tied and not own_head)

    def test_peft(
        self,
        tiny_llama: Path,
        tiny_adapter: Path,
        workspace: Path,
        tmp_path: Path,
        backend: HfBackend,
        context: Contexts,
    ) -> None:
        from peft import AutoPeftModelForCausalLM

        shutil.copytree(tiny_llama, workspace / "tiny")
        options = HfOptions("tiny", adapter=str(tiny_adapter), device="cpu")
        out = tmp_path / "out"
        backend.export(options, context(), "peft", out)
        AutoPeftModelForCausalLM.from_pretrained(out)
        again = backend.open(HfOptions(str(tiny_llama), adapter=str(out), device="cpu"), context())
        model = backend.open(options, context())
        assert again.identity.template == model.identity.template
        assert answers(again, prompts_for(again), Decoding(8)) == answers(model, prompts_for(model), Decoding(8))

    @pytest.mark.parametrize(
        ("tied", "targets", "notes"), [(True, ["lm_head"], 1), (False, ["lm_head"], 0), (True, ["q_proj"], 0)]
    )
    def test_peft_of_a_tied_head_is_told(
        self, tied: bool, targets: list[str], notes: int, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        base = make_tiny_llama(tmp_path / "base", tied=tied)
        adapter = make_adapter(tmp_path / "adapter", base, targets=targets)
        said: list[str] = []
        options = HfOptions(str(base), adapter=str(adapter), device="cpu")
        backend.export(options, context(notify=said.append), "peft", tmp_path / "out")
        assert len(said) == notes
        assert all("--format hf" in line for line in said)

    def test_plain(self, tiny_llama: Path, tmp_path: Path, backend: HfBackend, context: Contexts) -> None:
        backend.export(HfOptions(str(tiny_llama)), context(), "hf", tmp_path / "copy")
        assert hash_weights(tmp_path / "copy") == hash_weights(tiny_llama)
        assert list(backend.check(HfOptions(str(tmp_path / "copy")), context())) == []
        with pytest.raises(ModelError, match="has no adapter"):
            backend.export(HfOptions(str(tiny_llama)), context(), "peft", tmp_path / "none")

    def test_stored_dtype_is_kept(
        self, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, backend: HfBackend, context: Contexts
    ) -> None:
        import torch
        from safetensors.torch import load_file
        from transformers import AutoModelForCausalLM, AutoTokenizer

        half = tmp_path / "half"
        AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.bfloat16).save_pretrained(half)
        AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(half)
        backend.export(HfOptions(str(half), adapter=str(tiny_adapter)), context(), "hf", tmp_path / "out")
        assert {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()} == {
            torch.bfloat16
        }


class TestBadInput:
    def problem(self, options: HfOptions, context: OpenContext) -> str:
        """The one problem that ``check`` finds; opening must then fail with the same words."""
        (problem,) = HfBackend().check(options, context)
        with pytest.raises(ModelError) as error:
            HfBackend().open(options, context)
        assert str(error.value) == problem
        return problem

    def test_nothing_wrong(self, tiny_llama: Path, tiny_adapter: Path, backend: HfBackend, context: Contexts) -> None:
        options = HfOptions(str(tiny_llama), adapter=str(tiny_adapter))
        assert list(backend.check(options, context())) == []
        assert backend.describe(options) == f"{tiny_llama} + {tiny_adapter}"

    @pytest.mark.parametrize("name", ["./nowhere", "nowhere", "/nowhere/at/all", "checkpoints/mine"])
    def test_no_directory(self, name: str, workspace: Path, context: Contexts) -> None:
        (workspace / "checkpoints").mkdir()
        assert f"no directory {workspace / name}" in self.problem(HfOptions(name), context())

    def test_a_file(self, workspace: Path, context: Contexts) -> None:
        (workspace / "model.bin").touch()
        assert self.problem(HfOptions("model.bin"), context()).endswith("model.bin is not a directory")

    def test_litgpt_checkpoint(self, workspace: Path, context: Contexts) -> None:
        (workspace / "lit").mkdir()
        (workspace / "lit" / "lit_model.pth").touch()
        assert 'if it is a litgpt checkpoint use backend = "litgpt"' in self.problem(HfOptions("lit"), context())

    @pytest.mark.parametrize(
        ("missing", "said"),
        [("model.safetensors", "has no weights"), ("tokenizer.json", "has no tokenizer")],
    )
    def test_missing_file(self, missing: str, said: str, tiny_llama: Path, workspace: Path, context: Contexts) -> None:
        directory = shutil.copytree(tiny_llama, workspace / "m")
        (directory / missing).unlink()
        assert said in self.problem(HfOptions("m"), context())

    def test_broken_config(self, tiny_llama: Path, workspace: Path, context: Contexts) -> None:
        directory = shutil.copytree(tiny_llama, workspace / "m")
        (directory / "config.json").write_text('{"architectures": []}')
        assert "names no model_type" in self.problem(HfOptions("m"), context())
        (directory / "config.json").write_text("{")
        assert "config.json is not JSON" in self.problem(HfOptions("m"), context())

    def test_truncated_weights(self, tiny_llama: Path, workspace: Path, context: Contexts) -> None:
        weights = shutil.copytree(tiny_llama, workspace / "m") / "model.safetensors"
        content = weights.read_bytes()
        header = 8 + int.from_bytes(content[:8], "little")
        for length, said in (
            (len(content) - 1, f"is truncated: {len(content) - 1} of {len(content)} bytes"),
            (header, f"is truncated: {header} of {len(content)} bytes"),
            (100, "is truncated: 100 bytes"),
            (0, "is truncated: 0 bytes"),
        ):
            weights.write_bytes(content[:length])
            assert said in self.problem(HfOptions("m"), context())

    def test_not_safetensors(self, tmp_path: Path) -> None:
        path = tmp_path / "model.safetensors"
        for content, said in (
            (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
            (b"PK\x03\x04" + b"\xff" * 40, "not a safetensors file"),
            ((4).to_bytes(8, "little") + b"{}[]", "not a safetensors file"),
            ((2).to_bytes(8, "little") + b"[]", "not a safetensors file"),
            ((2).to_bytes(8, "little") + b"{}more", "is damaged"),
        ):
            path.write_bytes(content)
            assert said in (safetensors_problem(path) or "")

    def test_shards(self, tiny_llama: Path, workspace: Path, context: Contexts) -> None:
        from transformers import AutoModelForCausalLM

        directory = shutil.copytree(tiny_llama, workspace / "m")
        (directory / "model.safetensors").unlink()
        AutoModelForCausalLM.from_pretrained(tiny_llama).save_pretrained(directory, max_shard_size="100KB")
        shards = sorted(directory.glob("model-*.safetensors"))
        assert len(shards) > 1
        assert list(HfBackend().check(HfOptions("m"), context())) == []
        shards[1].write_bytes(shards[1].read_bytes()[:-3])
        assert f"{shards[1].name} is truncated" in self.problem(HfOptions("m"), context())
        shards[1].unlink()
        assert f"names {shards[1].name}, which is missing" in self.problem(HfOptions("m"), context())

    def test_missing_tensor(self, tiny_llama: Path, workspace: Path, backend: HfBackend, context: Contexts) -> None:
        from safetensors.torch import load_file, save_file

        directory = shutil.copytree(tiny_llama, workspace / "m")
        weights = load_file(directory / "model.safetensors")
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=r"is incomplete: no weights for model\.layers\.1\.mlp\.up_proj\.weight"):
            backend.open(HfOptions("m", device="cpu"), context())

    def test_adapter(self, tiny_llama: Path, tiny_adapter: Path, workspace: Path, context: Contexts) -> None:
        options = HfOptions(str(tiny_llama), adapter="a", device="cpu")
        assert "no adapter directory" in self.problem(options, context())
        adapter = shutil.copytree(tiny_adapter, workspace / "a")
        weights = adapter / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-10])
        assert "adapter_model.safetensors is truncated" in self.problem(options, context())
        weights.unlink()
        assert "has no adapter_model.safetensors" in self.problem(options, context())
        (adapter / "adapter_config.json").unlink()
        assert "not a PEFT adapter directory" in self.problem(options, context())

    def test_prompt_tuning_adapter(
        self, tiny_llama: Path, tiny_adapter: Path, workspace: Path, context: Contexts
    ) -> None:
        adapter = shutil.copytree(tiny_adapter, workspace / "a")
        (adapter / "adapter_config.json").write_text('{"peft_type": "PROMPT_TUNING"}')
        options = HfOptions(str(tiny_llama), adapter="a", device="cpu")
        assert "PROMPT_TUNING are not supported" in self.problem(options, context())

    def test_all_problems_at_once(self, context: Contexts, backend: HfBackend) -> None:
        options = HfOptions("./nowhere", adapter="./neither", batch_size=0, device="tpu")
        assert len(list(backend.check(options, context()))) == 4

    def test_device_that_is_not_there(self, tiny_llama: Path, context: Contexts) -> None:
        assert "device = 'cuda:63'" in self.problem(HfOptions(str(tiny_llama), device="cuda:63"), context())

    def test_unknown_embedded_model(self, context: Contexts) -> None:
        problem = self.problem(HfOptions("embedded:SmolLM3"), context())
        assert "the only one is embedded:SmolLM2-135M-Instruct" in problem

    def test_hub_without_network(self, context: Contexts, backend: HfBackend) -> None:
        said: list[str] = []
        assert list(backend.check(HfOptions("nobody/no-such-model"), context())) == []
        with pytest.raises(ModelError) as error:
            backend.open(HfOptions("nobody/no-such-model"), context(notify=said.append))
        assert "cannot fetch nobody/no-such-model from the hub" in str(error.value)
        assert "HF_HUB_OFFLINE" in str(error.value)
        assert len(str(error.value).splitlines()) <= 2
        assert said == ["downloading nobody/no-such-model from the hub, once"]

    @pytest.mark.parametrize(
        ("status", "code", "said"),
        [
            (404, "RepoNotFound", "no such repository"),
            (403, "GatedRepo", "access is restricted"),
            (404, "RevisionNotFound", "no such revision"),
        ],
    )
    def test_hub_refuses(self, status: int, code: str, said: str, tmp_path: Path) -> None:
        """Against a real HTTP server that answers as the hub does; a process of its own, for its environment."""
        script = f"""
import http.server, threading, os, pathlib
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.send_header("X-Error-Code", {code!r})
        self.send_header("Content-Length", "0"); self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{{server.server_port}}"
os.environ["HF_HUB_OFFLINE"] = "0"
os.environ["HF_HOME"] = {str(tmp_path)!r}
from entailbench import OpenContext, ModelError
from entailbench_adapters.hf_weights import locate
here = pathlib.Path({str(tmp_path)!r})
try:
    locate("nobody/private", OpenContext(name="m", home=here, workspace=here))
except ModelError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        assert said in done.stdout
        assert len(done.stdout.strip().splitlines()) <= 2


def test_import_is_cheap() -> None:
    script = (
        "import sys, entailbench_adapters.hf, entailbench_adapters.presets, entailbench_adapters.causal_lm\n"
        "heavy = {'torch', 'transformers', 'peft', 'safetensors', 'huggingface_hub', 'gguf', 'numpy', 'lm_eval'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_locate_prefers_the_workspace(tiny_llama: Path, workspace: Path, context: Contexts) -> None:
    (workspace / "org").mkdir()
    directory = shutil.copytree(tiny_llama, workspace / "org" / "name")
    assert locate("org/name", context()) == directory


def test_weight_files_are_what_opening_reads(
    tiny_llama: Path, tiny_adapter: Path, smollm2: Path, workspace: Path, backend: HfBackend, context: Contexts
) -> None:
    plain, adapted = HfOptions(str(tiny_llama)), HfOptions(str(tiny_llama), adapter=str(tiny_adapter))
    assert list(backend.weight_files(plain, context())) == [tiny_llama / "model.safetensors"]
    adapter_file = tiny_adapter / "adapter_model.safetensors"
    assert list(backend.weight_files(adapted, context())) == [tiny_llama / "model.safetensors", adapter_file]
    embedded_model = HfOptions("embedded:SmolLM2-135M-Instruct")
    # Of this test's own cache folder, where it was not prepared: nothing is, and nothing is made.
    assert list(backend.weight_files(embedded_model, context())) == []
    prepared = context(home=smollm2.parents[1])
    assert list(backend.weight_files(embedded_model, prepared)) == [smollm2 / "model.safetensors"]
    assert list(backend.weight_files(HfOptions("org/name"), context())) == []


def test_shared_base_closes(tiny_llama: Path, context: Contexts) -> None:
    base = shared_base(HfOptions(str(tiny_llama), device="cpu"), context())
    model = CausalModel(base, backend="other", batch_size=2)
    assert model.identity.backend == "other"
    with pytest.raises(ModelError, match="no adapter 'x'"), base.using("x"):
        pass
    model.close()
    base.close()
