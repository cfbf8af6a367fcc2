"""The inference engine on real tiny models of several architectures, held against transformers' own forward pass."""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, ModelError, OpenContext, Prompt
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from entailbench_adapters.inference.budget import Budget
from entailbench_adapters.inference.choosing import likeliest
from entailbench_adapters.inference.decode import Writer, Writing
from entailbench_adapters.inference.flat import flat
from entailbench_adapters.inference.plain import PlainBatches
from entailbench_adapters.inference.probe import probe
from entailbench_adapters.inference.processor import Products
from entailbench_adapters.inference.rows import common, passes, root_length
from entailbench_adapters.inference.score import Scored, score
from entailbench_adapters.inference.stopping import StopStrings
from tiny_models import make_tiny_llama, make_tiny_tokenizer

VOCABULARY = 400
SMALL: dict[str, Any] = dict(  # noqa: C408 -- keyword arguments of configurations
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=256,
    pad_token_id=0,
)


def configurations() -> dict[str, Any]:
    import transformers as t

    without_groups = {key: value for key, value in SMALL.items() if key not in ("num_key_value_heads", "head_dim")}
    return {
        "llama": t.LlamaConfig(**SMALL, attention_bias=True),
        "mistral": t.MistralConfig(**SMALL, sliding_window=None),
        "qwen2": t.Qwen2Config(**SMALL),
        "qwen3": t.Qwen3Config(**SMALL),
        "gpt_neox": t.GPTNeoXConfig(**without_groups, rotary_pct=0.5),
        "gemma": t.GemmaConfig(**SMALL),
        "gemma2": t.Gemma2Config(**SMALL, sliding_window=64, attn_logit_softcapping=5.0, final_logit_softcapping=9.0),
        "gemma3": t.Gemma3TextConfig(**SMALL, sliding_window=64),
        "phi3": t.Phi3Config(**SMALL),
        "gpt2": t.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256),
        "mixtral": t.MixtralConfig(**SMALL, num_local_experts=4, sliding_window=None),
    }


TAKEN = ("llama", "mistral", "qwen2", "qwen3", "gpt_neox", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "mixtral")


def make(config: Any, dtype: str = "float32") -> Any:
    """A model whose weights are spread so widely that what it attends to changes its answers.

    It attends by the implementation that leaves nothing out.
    """
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                # Gemma multiplies its embedding, and norms what layers add to it: wider, it would drown them.
                embedded = 0.1 if config.model_type.startswith("gemma") else 1.0
                weight.normal_(std=0.3 if "embed" not in name and "wte" not in name else embedded)
    return model.to(getattr(torch, dtype))


def put_lora_on(model: Any) -> Any:
    """Puts the adapter ``default`` into ``model`` and returns PEFT's model around it."""
    import torch
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj", "lm_head"])).eval()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.2)
    return adapted


def puzzles(rows: int, seed: int = 0, begin: int = 20) -> list[tuple[int, ...]]:
    """Token rows that begin alike, in groups that go on alike, of different lengths."""
    draw = random.Random(seed)
    start = [draw.randrange(VOCABULARY) for _ in range(begin)]
    contexts = [[draw.randrange(VOCABULARY) for _ in range(draw.randrange(1, 40))] for _ in range(max(1, rows // 3))]
    return [
        (*start, *draw.choice(contexts), *(draw.randrange(VOCABULARY) for _ in range(draw.randrange(1, 9))))
        for _ in range(rows)
    ]


def sessions(model: Any) -> Callable[[], Any]:
    import contextlib

    import torch

    @contextlib.contextmanager
    def session() -> Any:
        with torch.inference_mode(), flat(model):
            yield model

    return session


def writing(tokens: int, ends: Sequence[int] = (), stopped: Callable[[list[int]], bool] = lambda row: False) -> Writing:
    return Writing(tokens, frozenset(ends), stopped, likeliest)


def budget(rows: int | None = None, tokens: int | None = None, told: list[str] | None = None) -> Budget:
    import torch

    made = Budget(torch.device("cpu"), rows, (told if told is not None else []).append)
    if tokens:
        made.pass_tokens = tokens
    return made


def written(model: Any, prompts: Sequence[tuple[int, ...]], how: Writing, limits: Budget) -> list[list[int]]:
    import torch

    writer = Writer(sessions(model), torch.device("cpu"), limits, 1024, how, lambda: ModelError("NaN"))
    found = dict(writer.write(prompts))
    return [found[number] for number in range(len(prompts))]


def greedy(model: Any, prompt: tuple[int, ...], tokens: int, ends: Sequence[int] = ()) -> tuple[list[int], float]:
    """What the model itself writes, token by token without a cache, and how near its nearest decision was."""
    import torch

    row, nearest = list(prompt), float("inf")
    with torch.inference_mode():
        for _ in range(tokens):
            best, second = model(torch.tensor([row])).logits[0, -1].topk(2).values.tolist()
            nearest = min(nearest, best - second)
            row.append(int(model(torch.tensor([row])).logits[0, -1].argmax()))
            if row[-1] in ends:
                return row[len(prompt) : -1], nearest
    return row[len(prompt) :], nearest


@pytest.mark.parametrize("name", TAKEN)
class TestArchitectures:
    def test_taken(self, name: str) -> None:
        import torch

        model = make(configurations()[name])
        found = probe(model, torch.device("cpu"))
        assert found.problem is None
        assert found.longest == (64 if name in ("gemma2", "gemma3") else None)
        assert found.bytes_per_token == 2 * 2 * 4 * 8 * (4 if name in ("gpt_neox", "gpt2") else 2)
        assert model.config._attn_implementation != "entailbench_flat"

    def test_writes_what_the_model_writes(self, name: str) -> None:
        model = make(configurations()[name])
        prompts = puzzles(9)
        # Few slots and small passes: rows come and go.
        found = written(model, prompts, writing(8), budget(rows=3, tokens=50))
        for prompt, tokens in zip(prompts, found, strict=True):
            expected, nearest = greedy(model, prompt, 8)
            assert tokens == expected or nearest < 1e-4
        assert len(set(map(tuple, found))) > 3

    def test_scores_what_the_model_scores(self, name: str) -> None:
        import torch

        model = make(configurations()[name])
        wanted = [
            Scored(number, prompt, candidate)
            for number, prompt in enumerate(puzzles(5))
            for candidate in ((7,), (7, 8, 9), tuple(range(30, 50)), (8, 1))
        ]
        found = {
            place: (logprob, best)
            for place, logprob, best in score(
                sessions(model), torch.device("cpu"), budget(tokens=60), wanted, VOCABULARY
            )
        }
        assert sorted(found) == list(range(len(wanted)))
        for place, each in enumerate(wanted):
            with torch.inference_mode():
                row = torch.tensor([(*each.context, *each.continuation)])
                logits = model(row).logits[0, len(each.context) - 1 : -1].double().log_softmax(dim=-1)
            target = torch.tensor(each.continuation)
            expected = float(logits.gather(1, target[:, None]).sum())
            assert found[place][0] == pytest.approx(expected, abs=2e-4, rel=2e-6)
            assert found[place][1] == bool((logits.argmax(dim=-1) == target).all())


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "gpt_neox", "gemma", "gemma3"])
def test_a_backend_answers_as_plain_transformers_do(name: str, tmp_path: Path, context: Any) -> None:
    """With everything that is done on the way: a CPU's products, prompts in tokens, stop strings, candidates."""
    tokenizer = make_tiny_tokenizer()
    model = make(configurations()[name])
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    said: list[str] = []
    options = HfOptions(str(tmp_path), device="cpu", batch_size=3)
    ours, plain = (HfBackend().open(options, context(notify=said.append)) for _ in range(2))
    around: Any = plain
    around._computer = lambda longest: PlainBatches(around._base, None, pad=0, rows=2, notify=said.append)
    texts = [f"{begin} {end}" for begin in ("Alice", "The cat sat. Every knight") for end in ("is", "and 7", "the")]
    asked = [Prompt(f"t/{number}", "t", number, (), text) for number, text in enumerate(texts)]
    written_by_each = [
        {answer.prompt_id: answer.text for answer in one.generate(asked, Decoding(10, stop=("e",)))}
        for one in (ours, plain)
    ]
    assert written_by_each[0] == written_by_each[1]
    assert len(set(written_by_each[0].values())) > 2
    candidates = [("entailment", " not entailment", "7")] * len(asked)
    scored = [{each.prompt_id: each for each in one.score(asked, candidates)} for one in (ours, plain)]
    for number, each in scored[0].items():
        assert each.logprobs == pytest.approx(scored[1][number].logprobs, abs=2e-4, rel=2e-6)
        assert each.greedy == scored[1][number].greedy
    assert ours.identity.details["engine"] == "entailbench 2"
    assert said == []


class TestNotTaken:
    @pytest.mark.parametrize(("kind", "said"), [("bloom", "position ids"), ("mamba", "position ids"), ("mpt", "")])
    def test_other_architectures(self, kind: str, said: str) -> None:
        import torch
        import transformers as t

        config = {
            "bloom": lambda: t.BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4),
            "mamba": lambda: t.MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2),
            "mpt": lambda: t.MptConfig(vocab_size=VOCABULARY, d_model=32, n_layers=2, n_heads=4),
        }[kind]()
        problem = probe(make(config), torch.device("cpu")).problem
        assert problem is not None
        assert said in problem

    def test_positions_that_depend_on_the_batch(self) -> None:
        import torch
        import transformers as t

        rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0}
        config = t.LlamaConfig(**SMALL, rope_parameters=rope)
        assert "dynamic" in str(probe(make(config), torch.device("cpu")).problem)

    def test_attention_of_its_own_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A model that looks like the others and hides from ``AttentionInterface`` what it does beside it."""
        import torch

        model = make(configurations()["llama"])
        inner = model.model.layers[0].forward

        def recurrent(hidden: Any, **others: Any) -> Any:
            return inner(hidden + 0.1 * hidden.cumsum(dim=1), **others)

        monkeypatch.setattr(model.model.layers[0], "forward", recurrent)
        assert "logits would differ" in str(probe(model, torch.device("cpu")).problem)

    def test_window_and_fallback_are_told(self, tmp_path: Path, context: Callable[..., OpenContext]) -> None:
        import torch

        model = make(configurations()["gemma2"])
        tokenizer = make_tiny_tokenizer()
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.save_pretrained(tmp_path / "windowed")
        tokenizer.save_pretrained(tmp_path / "windowed")
        said: list[str] = []
        opened = HfBackend().open(HfOptions(str(tmp_path / "windowed"), device="cpu"), context(notify=said.append))
        assert opened.identity.details["engine"] == "entailbench 2"
        short = Prompt("t/0", "t", 0, (), "The cat sat")
        (answer,) = opened.generate([short], Decoding(4))
        assert said == []
        long = Prompt("t/1", "t", 1, (), "0 1 2 3 4 5 6 7 8 9 " * 8)
        for _ in range(2):
            list(opened.generate([long], Decoding(4)))
        assert said == [
            "Gemma2ForCausalLM goes through plain transformers batches, not through our engine: its attention slides "
            f"over 64 tokens, and rows may have {len(tokenizer.encode(long.text)) + 4}"
        ]
        assert opened.identity.details["engine"].startswith("transformers (")
        assert [each.text for each in opened.generate([short], Decoding(4))] == [answer.text]
        ids = torch.tensor([tokenizer.encode(long.text)])
        with torch.inference_mode():
            expected = opened._base.model(ids).logits[0, -1].argmax()  # type: ignore[attr-defined]
        (first,) = opened.generate([long], Decoding(1))
        assert first.text == tokenizer.decode([int(expected)], skip_special_tokens=True)


class TestRows:
    def test_alone_or_together_in_any_order(self) -> None:
        model = make(configurations()["llama"])
        prompts = puzzles(24, seed=3)
        alone = [written(model, [prompt], writing(12), budget())[0] for prompt in prompts]
        for seed, rows, tokens in ((0, 1, 1), (1, 5, 64), (2, 24, 4096)):
            order = random.Random(seed).sample(range(len(prompts)), len(prompts))
            found = written(model, [prompts[number] for number in order], writing(12), budget(rows, tokens))
            assert [alone[number] for number in order] == found
        assert len(set(map(tuple, alone))) > 12

    def test_nothing_is_computed_twice(self) -> None:
        import torch

        model = make(configurations()["llama"])
        start, puzzle = puzzles(1, begin=40)[0], tuple(range(100, 130))
        prompts = [(*start, *puzzle, *(number + step for step in range(9))) for number in range(8)]
        candidates = [(200, 201, 202), (210, 211), (220,)]
        inner = model.forward
        tokens: list[int] = []
        read: list[int] = []

        def counting(input_ids: Any, logits_to_keep: Any, **others: Any) -> Any:
            tokens.append(input_ids.shape[1])
            read.append(len(logits_to_keep))
            return inner(input_ids=input_ids, logits_to_keep=logits_to_keep, **others)

        model.forward = counting
        wanted = [Scored(n, prompt, candidate) for n, prompt in enumerate(prompts) for candidate in candidates]
        list(score(sessions(model), torch.device("cpu"), budget(), wanted, VOCABULARY))
        assert sum(tokens) == len(start) + len(puzzle) + 8 * (9 + 2 + 1)
        # A prompt's last token is read once for all its candidates, and one place of the beginning, unasked.
        assert sum(read) == 1 + 8 * (1 + 2 + 1)
        tokens.clear()
        written(model, prompts, writing(5), budget())
        assert sum(tokens) == len(start) + len(puzzle) + 8 * 9 + 8 * 4

    def test_rows_stop_on_their_own(self) -> None:
        model = make(configurations()["llama"])
        prompts = puzzles(12, seed=4)
        free = written(model, prompts, writing(10), budget())
        end, stop = free[0][4], free[1][6]
        found = written(model, prompts, writing(10, [end], lambda row: row[-1] == stop), budget(rows=5))
        for tokens, cut in zip(free, found, strict=True):
            expected = tokens[: tokens.index(end)] if end in tokens else tokens
            expected = expected[: expected.index(stop) + 1] if stop in expected else expected
            assert cut == expected
        assert len(set(map(len, found))) > 2

    def test_same_row_twice(self) -> None:
        model = make(configurations()["llama"])
        (prompt,) = puzzles(1)
        first, *others = written(model, [prompt] * 5 + [prompt[:-1]], writing(5), budget(rows=2))
        assert others[:4] == [first] * 4
        assert others[4] == greedy(model, prompt[:-1], 5)[0]

    def test_memory_that_runs_out(self) -> None:
        """A machine on which only so many tokens fit at a time: everything is answered, and the same."""
        import torch

        model = make(configurations()["llama"])
        prompts = puzzles(10, seed=5)
        wanted = [Scored(n, prompt, (n, n + 1)) for n, prompt in enumerate(prompts)]
        device = torch.device("cpu")
        whole = written(model, prompts, writing(9), budget())
        scores = sorted(score(sessions(model), device, budget(), wanted, VOCABULARY))
        longest = max(map(len, prompts))
        inner = model.forward

        def small(input_ids: Any, **others: Any) -> Any:
            if input_ids.shape[1] > longest:
                raise torch.OutOfMemoryError
            return inner(input_ids=input_ids, **others)

        told: list[str] = []
        model.forward = small
        assert written(model, prompts, writing(9), budget(told=told)) == whole
        assert told[0].startswith("memory is short on cpu: going on with at most")
        found = sorted(score(sessions(model), device, budget(), wanted, VOCABULARY))
        assert [logprob for _, logprob, _ in found] == pytest.approx([logprob for _, logprob, _ in scores], abs=1e-4)

        steps = iter(range(1000))

        def sometimes(input_ids: Any, **others: Any) -> Any:
            if input_ids.shape[1] > 3 and others["logits_to_keep"].shape[0] == input_ids.shape[1] and next(steps) > 2:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
            return inner(input_ids=input_ids, **others)

        told.clear()
        model.forward = sometimes
        assert written(model, prompts, writing(9), budget(told=told)) == whole
        assert len(told) == 2

        def never(**others: Any) -> Any:
            raise MemoryError

        model.forward = never
        with pytest.raises(ModelError, match="single row"):
            written(model, prompts, writing(9), budget())
        with pytest.raises(ModelError, match="single row"):
            list(score(sessions(model), device, budget(), wanted, VOCABULARY))

    def test_memory_that_runs_out_of_plain_batches(self, tiny_llama: Path, context: Any) -> None:
        """The same of plain transformers: at most three rows fit at a time, or none."""
        import torch

        told: list[str] = []
        opened: Any = HfBackend().open(HfOptions(str(tiny_llama), device="cpu"), context())
        model = opened._base.model
        prompts = puzzles(10, seed=5)
        wanted = [Scored(n, prompt, (n, n + 1)) for n, prompt in enumerate(prompts)]
        plain = PlainBatches(opened._base, None, pad=0, rows=10, notify=told.append)
        whole, scores = sorted(plain.write(prompts, writing(9))), sorted(plain.score(wanted))
        inner, most = model.forward, 3

        def small(input_ids: Any, **others: Any) -> Any:
            if input_ids.shape[0] > most:
                raise torch.OutOfMemoryError
            return inner(input_ids=input_ids, **others)

        model.forward = small
        assert sorted(plain.write(prompts, writing(9))) == whole
        assert told == [f"memory is short on cpu: going on with at most {rows} rows" for rows in (5, 2)]
        found = sorted(PlainBatches(opened._base, None, pad=0, rows=10, notify=told.append).score(wanted))
        assert [logprob for _, logprob, _ in found] == pytest.approx([logprob for _, logprob, _ in scores], abs=1e-4)
        most = 0
        with pytest.raises(ModelError, match="single row"):
            list(plain.write(prompts, writing(9)))
        with pytest.raises(ModelError, match="single row"):
            list(plain.score(wanted))

    def test_passes(self) -> None:
        rows = sorted(puzzles(30, seed=6))
        spans = list(passes(rows, 100))
        assert [place for span in spans for place in span] == list(range(30))
        assert len(spans) > 2
        assert list(passes([], 10)) == []
        assert [len(span) for span in passes([(1,) * 50, (2,) * 50], 10)] == [1, 1]
        assert common((1, 2, 3), (1, 2, 4, 5)) == 2
        assert root_length(rows) >= 20
        assert root_length([rows[0], (*rows[0], 1)]) == len(rows[0]) - 1
        assert root_length(rows[:1]) == 0


class TestProducts:
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_same_answers(self, dtype: str) -> None:
        import torch

        model = make(configurations()["qwen2"], dtype)
        ids = torch.tensor([puzzles(1)[0]])
        products = Products(model, None, wide=False)
        with torch.inference_mode():
            expected = model(ids).logits
            with products.fast():
                assert len(products._forwards) == 15
                found = model(ids).logits
            assert (found.double() - expected.double()).abs().max() < 8 * torch.finfo(model.dtype).eps * expected.std()
            assert "forward" not in model.lm_head.__dict__
            assert torch.equal(model(ids).logits, expected)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_lora(self, dtype: str) -> None:
        import torch

        model = make(configurations()["llama"], dtype)
        adapted = put_lora_on(model)
        ids = torch.tensor([puzzles(1)[0]])
        with torch.inference_mode():
            expected = model(ids).logits
            with Products(model, "default", wide=False).fast():
                found = model(ids).logits
            with adapted.disable_adapter():
                base = model(ids).logits
                with Products(model, None, wide=False).fast():
                    without = model(ids).logits
        tolerance = {"float32": 1e-4, "bfloat16": 0.3}[dtype]
        assert (found - expected).abs().max() < tolerance * expected.std()
        assert (without - base).abs().max() < tolerance * base.std()
        assert (base - expected).abs().max() > expected.std()


class TestSixteenBits:
    """Sums of layers are kept in float32, so that less is rounded than the model's own way rounds."""

    WIDE = ("llama", "mistral", "qwen2", "qwen3", "gpt_neox", "gemma", "gemma2", "gemma3", "phi3")

    @pytest.mark.parametrize("name", [*WIDE, "lora"])
    def test_nearer_to_float32_than_the_model_itself(self, name: str) -> None:
        import torch

        config = configurations()["llama" if name == "lora" else name]
        config.num_hidden_layers = 12
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:1] * 12
        model = make(config, "bfloat16")
        if name == "lora":
            put_lora_on(model)
        with torch.no_grad():
            for each in model.modules():
                if isinstance(each, torch.nn.Linear):
                    # Or attention would be so sharp that any rounding of scores turned it over.
                    each.weight.mul_(0.5)
        exact = copy.deepcopy(model).float()
        products = Products(model, "default" if name == "lora" else None)
        assert products.wide
        # The next token after each row, of all that there are.
        rows = puzzles(60, seed=7)
        asked = range(0, VOCABULARY, 20)
        wanted = [Scored(number, row, (token,)) for number, row in enumerate(rows) for token in asked]
        with products.fast():
            scores = score(sessions(model), torch.device("cpu"), budget(), wanted, VOCABULARY)
            found = torch.tensor([logprob for _, logprob, _ in sorted(scores)]).view(len(rows), -1)
        with torch.inference_mode():
            true, own = (
                torch.stack([each(torch.tensor([row])).logits[0, -1].float().log_softmax(dim=-1) for row in rows])
                for each in (exact, model)
            )
        ours, its = ((each - true[:, asked]).square().mean().sqrt() for each in (found, own[:, asked]))
        assert ours < 0.85 * its

    @pytest.mark.parametrize("name", ["gpt2", "mixtral"])
    def test_weights_outside_of_linear_layers(self, name: str, tmp_path: Path, context: Any) -> None:
        """They stay as narrow as the model has them, and in our engine."""
        tokenizer = make_tiny_tokenizer()
        make(configurations()[name], "bfloat16").save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        said: list[str] = []
        options = HfOptions(str(tmp_path), device="cpu", dtype="bfloat16")
        opened = HfBackend().open(options, context(notify=said.append))
        (answer,) = opened.generate([Prompt("t/0", "t", 0, (), "The cat sat")], Decoding(4))
        assert answer.prompt_id == "t/0"
        assert said == []
        engine = opened._engine  # type: ignore[attr-defined]
        assert not engine._products[1].wide
        assert engine._products[1]._forwards


class TestStopStrings:
    def test_only_what_can_complete_one_is_decoded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tokenizer = make_tiny_tokenizer()
        stops = StopStrings(tokenizer, ["Bob.", "\n"])
        text = "Alice is taller than Bob. Bob is not\ntaller"
        ids = tokenizer.encode(text, add_special_tokens=False)
        found = [stops(ids[: end + 1]) for end in range(len(ids))]
        naive = [any(s in tokenizer.decode(ids[: end + 1]) for s in ("Bob.", "\n")) for end in range(len(ids))]
        # From the first one on a row is not asked again.
        assert found.index(True) == naive.index(True)
        assert stops.cut(text) == "Alice is taller than "
        decoded: list[int] = []
        inner = tokenizer.decode
        monkeypatch.setattr(tokenizer, "decode", lambda ids, **kw: (decoded.append(len(ids)), inner(ids, **kw))[1])
        assert [stops(ids[: end + 1]) for end in range(len(ids))] == found
        assert len(decoded) < len(ids) / 2
        assert not StopStrings(tokenizer, [])(ids)

    def test_pieces_of_a_character(self) -> None:
        tokenizer = make_tiny_tokenizer()
        ids = tokenizer.encode("a → b", add_special_tokens=False)
        stops = StopStrings(tokenizer, ["→"])
        assert [stops(ids[: end + 1]) for end in range(len(ids))].index(True) == next(
            end for end in range(len(ids)) if "→" in tokenizer.decode(ids[: end + 1])
        )


class TestBadInput:
    def test_tokenizer_of_another_model_is_told_when_it_is_opened(
        self, tiny_llama: Path, tmp_path: Path, context: Callable[..., OpenContext]
    ) -> None:
        from entailbench_adapters.hf_weights import load_tokenizer

        directory = shutil.copytree(tiny_llama, tmp_path / "m")
        tokenizer = load_tokenizer(directory)
        tokenizer.add_tokens([f"entirely-new-{number}" for number in range(500)])
        tokenizer.save_pretrained(directory)
        told: list[str] = []
        HfBackend().open(HfOptions(str(directory), device="cpu"), context(notify=told.append))
        (line,) = told
        assert line.startswith(f"the tokenizer for {directory} has {len(tokenizer)} tokens and the embedding 400 rows")

    def test_without_a_chat_template(self, tmp_path: Path, context: Callable[..., OpenContext]) -> None:
        told: list[str] = []
        directory = make_tiny_llama(tmp_path / "plain", chat=False)
        model = HfBackend().open(HfOptions(str(directory), device="cpu"), context(notify=told.append))
        assert told == [f"{directory} has no chat template: it is given plain text to continue, not a conversation"]
        assert model.identity.details["prompt"] == "plain text: no chat template"
        assert not model.chat


def test_nothing_is_left_of_a_failed_call() -> None:
    model = make(configurations()["llama"])
    before = model.config._attn_implementation
    with pytest.raises(ZeroDivisionError), flat(model), nullcontext():
        raise ZeroDivisionError
    assert model.config._attn_implementation == before
