"""The ``litgpt-lora`` trainer, above all with litgpt's real command: what it trains on and writes, how it fails."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch
import yaml

from entailbench import Decoding, Message, OpenContext, Prompt, SftPair, TrainingError, TrainingJob, TrainingOutcome
from entailbench_adapters import embedded
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import EMBEDDED, HfOptions, locate
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from entailbench_adapters.litgpt_base import Base, base_of
from entailbench_adapters.litgpt_checkpoint import load_weights
from entailbench_adapters.litgpt_engine import training_view
from entailbench_adapters.litgpt_lora import LitgptLoraTrainer
from entailbench_adapters.litgpt_process import differences, read_losses
from entailbench_adapters.litgpt_recipe import LoraRecipe, schedule
from entailbench_adapters.litgpt_samples import check_samples, litgpt_rows
from entailbench_adapters.litgpt_start import litgpt_form, trained_tokenizer
from entailbench_adapters.prompt_record import read_record
from entailbench_adapters.prompt_template import named_style
from tiny_litgpt import litgpt_logits, make_litgpt_base, resolved
from tiny_models import make_tiny_llama

PAIRS = tuple(
    SftPair(
        "Decide whether it follows.",
        f"Alice is taller than Bob, number {i}.\nHypothesis: Bob is {'shorter' if i % 2 else 'taller'}.",
        "entailment" if i % 2 else "not entailment",
    )
    for i in range(12)
)
RECIPE = LoraRecipe(
    engine="litgpt",
    lora_r=4,
    lora_alpha=12,
    lora_key=True,
    lora_mlp=True,
    lora_head=True,
    epochs=1,
    micro_batch_size=2,
    global_batch_size=4,
    learning_rate=1e-2,
    eval_interval=2,
    seed=7,
)
TRAINER = LitgptLoraTrainer()


@dataclass(frozen=True)
class Trained:
    """One training, done."""

    context: OpenContext
    out: Path
    outcome: TrainingOutcome
    notes: list[str]


def train(folder: Path, hf: Path, recipe: LoraRecipe, pairs: tuple[SftPair, ...] = PAIRS) -> Trained:
    notes: list[str] = []
    base = OpenContext("base", folder / "home", folder, root="base", notify=notes.append)
    context = replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(hf)), base))
    out = folder / "checkpoint"
    out.mkdir(parents=True)
    outcome = TRAINER.train(recipe, TrainingJob(context, pairs, pairs[:3], out))
    return Trained(replace(context, trained=out), out, outcome, notes)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="module")
def chat(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("chat"), tiny, RECIPE)


@pytest.fixture(scope="module")
def packed(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("packed"), tiny, replace(RECIPE, engine="packed"))


@pytest.fixture(scope="module")
def packed_alpaca(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    recipe = replace(RECIPE, engine="packed", prompt_style="alpaca")
    return train(tmp_path_factory.mktemp("packed-alpaca"), tiny, recipe)


@pytest.fixture(scope="module")
def alpaca(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("alpaca"), tiny, replace(RECIPE, prompt_style="alpaca"))


def test_the_losses_are_per_optimizer_step_and_fall(chat: Trained) -> None:
    steps, losses = zip(*chat.outcome.losses, strict=True)
    assert steps == (1, 2, 3)
    assert all(math.isfinite(loss) for loss in losses)
    assert [step for step, _ in chat.outcome.validation_losses] == [2, 3]
    assert chat.outcome.validation_losses[-1][1] < chat.outcome.validation_losses[0][1]


def test_the_lineage_says_what_was_done(chat: Trained, tiny: Path) -> None:
    facts = chat.outcome.facts
    assert facts["base_weights"] == hash_weights(tiny)
    assert chat.context.base is not None
    assert chat.context.base.open().identity.weights == facts["base_weights"], "what opening compares it with"
    assert facts["recipe"]["precision"] == ("bf16-mixed" if torch.cuda.is_available() else "32-true")
    assert facts["recipe"]["warmup_steps"] == 1
    assert (facts["steps"], facts["samples"], facts["validation_samples"]) == (3, 12, 3)
    weights = load_weights(chat.out / "lit_model.pth.lora")
    assert facts["trainable_parameters"] == sum(weight.numel() for weight in weights.values())
    assert facts["trained_tokens"] == facts["sample_tokens"]
    assert facts["versions"]["litgpt"]
    json.dumps(dict(facts))


def test_the_hyperparameters_written_are_the_ones_asked_for(chat: Trained) -> None:
    written = yaml.safe_load((chat.out / "hyperparameters.yaml").read_text())
    assert written["lora_alpha"] == 12
    assert written["optimizer"]["init_args"] == {"lr": 0.01, "weight_decay": 0.02}
    assert written["data"]["init_args"]["mask_prompt"] is True
    assert written["data"]["init_args"]["num_workers"] == 0
    assert written["eval"]["max_new_tokens"] == 1
    assert written["train"]["lr_warmup_steps"] == 1
    assert (written["seed"], written["data"]["init_args"]["seed"]) == (7, 7)
    assert (Path(written["checkpoint_dir"]) / "lit_model.pth").is_file(), "`litgpt merge_lora` must find the base"


def test_the_checkpoint_is_small_and_complete(chat: Trained) -> None:
    names = {path.name for path in chat.out.iterdir()}
    assert {"lit_model.pth.lora", "hyperparameters.yaml", "model_config.yaml", "config.json", "train.log"} <= names
    assert {"prompt_style.yaml", "entailbench.json", "tokenizer.json", "tokenizer_config.json", "metrics.csv"} <= names
    assert not {"lit_model.pth", ".work"} & names
    assert "Verifying settings" in (chat.out / "train.log").read_text()


def test_both_engines_leave_the_same_files_and_hyperparameters(chat: Trained, packed: Trained) -> None:
    own = {"train.log", "metrics.csv"}
    assert {path.name for path in chat.out.iterdir()} - own <= {path.name for path in packed.out.iterdir()}
    theirs, ours = (yaml.safe_load((each.out / "hyperparameters.yaml").read_text()) for each in (chat, packed))
    for settings in (theirs, ours):
        # Where each of them worked.
        settings.pop("out_dir")
        settings.pop("checkpoint_dir")
        settings["data"]["init_args"].pop("json_path")
    assert not list(differences(ours, theirs))
    for name in ("model_config.yaml", "prompt_style.yaml", "tokenizer_config.json"):
        assert (chat.out / name).read_bytes() == (packed.out / name).read_bytes()


def test_progress_is_told_in_short_lines(chat: Trained) -> None:
    assert any(note.startswith("step 3/3, loss ") for note in chat.notes)
    assert all("\n" not in note and len(note) < 160 for note in chat.notes)


@pytest.mark.parametrize("engine", ["litgpt", "packed"])
@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_the_backend_opens_it_and_sends_the_prompt_it_was_trained_on(
    request: pytest.FixtureRequest, style: str, engine: str, tiny: Path
) -> None:
    fixtures = {"chat": "packed", "alpaca": "packed_alpaca"} if engine == "packed" else {}
    trained: Trained = request.getfixturevalue(fixtures.get(style, style))
    backend = LitgptBackend()
    assert not list(backend.check(LitgptOptions(), trained.context))
    model = backend.open(LitgptOptions(), trained.context)
    text = model.render([Message("user", PAIRS[0].user)])
    record = read_record(trained.out)
    assert record is not None
    if style == "chat":
        base = HfBackend().open(HfOptions(str(tiny)), trained.context)
        assert text == base.render([Message("user", PAIRS[0].user)])
        assert (record.prompt_style, record.bos, record.target) == ("chat", True, "label")
    else:
        assert text == named_style("alpaca").apply(prompt=PAIRS[0].instruction, input=PAIRS[0].input)
        assert (record.prompt_style, record.bos, record.target) == ("alpaca", False, "label")
    (answer,) = model.generate([Prompt("a", "t", 0, (), text)], Decoding(max_tokens=4))
    assert answer.prompt_id == "a"
    # Trained to answer, it must find the answers likelier than the base does.
    untrained = replace(trained.context.base.options) if trained.context.base else HfOptions(str(tiny))
    base = HfBackend().open(untrained, trained.context)
    prompt = Prompt("a", "t", 0, (), text)
    before, after = (next(iter(m.score([prompt], [["not entailment"]]))).logprobs[0] for m in (base, model))
    assert after > before + 1


def test_the_same_seed_gives_the_same_adapter(chat: Trained, tiny: Path, tmp_path: Path) -> None:
    again = train(tmp_path, tiny, RECIPE)
    first, second = (load_weights(each.out / "lit_model.pth.lora") for each in (chat, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert chat.outcome.losses == again.outcome.losses


def test_when_litgpt_fails_the_reason_and_the_log_are_told(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    from entailbench_adapters.hf_weights import load_tokenizer
    from entailbench_adapters.litgpt_to_hf import litgpt_directory

    made = litgpt_directory(tiny, load_tokenizer(tiny), home, print, ("hf",))
    (made / "lit_model.pth").write_bytes(b"broken")
    with pytest.raises(TrainingError, match=r"litgpt finetune_lora failed: .*Error.* \(log: .*train\.log\)"):
        train(tmp_path, tiny, RECIPE)
    assert "Traceback" in (tmp_path / "checkpoint" / "train.log").read_text()
    assert not (tmp_path / "checkpoint" / ".work").exists()


# ---- prompts: the tokens litgpt trains on are those the benchmark sends


def compared(litgpt: Path, hf: Path, style_name: str, tmp_path: Path, **changes: Any) -> Any:
    """Runs the trainer's own comparison on ``PAIRS``."""
    style = None if style_name == "chat" else named_style(style_name)
    base_context = OpenContext("base", tmp_path, tmp_path)
    base = Base(HfOptions(str(hf)), base_context, "base", hf, ())
    tokenizer, bos = trained_tokenizer(base, litgpt, style)
    view = training_view(litgpt, tokenizer, changes.pop("bos", bos), tmp_path / "view")
    pairs = changes.pop("pairs", PAIRS)
    return check_samples(
        "training",
        pairs,
        litgpt_rows(pairs, style, tokenizer),
        litgpt_directory=view,
        style=style or named_style("default"),
        tokenizer=tokenizer,
        **{"limit": 512, "limited_by": "the model's context", **changes},
    )


@pytest.fixture(scope="module")
def tiny_litgpt(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_litgpt_base(tiny, tmp_path_factory.mktemp("litgpt") / "Llama-custom")


@pytest.mark.parametrize("style", ["chat", "alpaca", "llama2", "phi-3", "smollm2", "default"])
def test_prompts_agree_on_the_tiny_model(tiny_litgpt: Path, tiny: Path, tmp_path: Path, style: str) -> None:
    assert compared(tiny_litgpt, tiny, style, tmp_path).longest > 30


@pytest.mark.parametrize("style", ["chat", "alpaca"])
def test_prompts_agree_on_smollm2(smollm2: Path, cache_home: Path, tmp_path: Path, style: str) -> None:
    litgpt = embedded.litgpt_directory(cache_home, print)
    assert compared(litgpt, smollm2, style, tmp_path).longest > 30


def test_smollm2_gets_its_bos_before_an_alpaca_prompt(smollm2: Path, cache_home: Path, tmp_path: Path) -> None:
    """litgpt's rule goes by the name SmolLM2…Instruct, and a wrong guess about it is noticed."""
    litgpt = embedded.litgpt_directory(cache_home, print)
    context = OpenContext("base", cache_home, tmp_path)
    assert locate(EMBEDDED + embedded.NAME, context) == smollm2
    base = Base(HfOptions(EMBEDDED + embedded.NAME), context, "base", smollm2, ())
    tokenizer, bos = trained_tokenizer(base, litgpt, named_style("alpaca"))
    assert bos
    assert str(tokenizer.chat_template).count("<|im_start|>") == 2
    with pytest.raises(TrainingError, match=r"training sample 0 would be trained with another prompt .* from token 0"):
        compared(litgpt, smollm2, "alpaca", tmp_path, bos=False)


def test_a_sample_that_would_be_cut_is_named(tiny_litgpt: Path, tiny: Path, tmp_path: Path) -> None:
    pairs = (*PAIRS[:2], replace(PAIRS[2], input="Alice is taller than Bob. " * 200))
    with pytest.raises(TrainingError, match=r"training sample 2 has \d+ tokens .* context allows 512 and would cut"):
        compared(tiny_litgpt, tiny, "chat", tmp_path, pairs=pairs)


def test_the_limit_counts_the_answer_and_its_end(tiny_litgpt: Path, tiny: Path, tmp_path: Path) -> None:
    longest = compared(tiny_litgpt, tiny, "chat", tmp_path).longest
    for folder, limit in (("fits", longest), ("cut", longest - 1)):
        (tmp_path / folder).mkdir()
        if folder == "fits":
            compared(tiny_litgpt, tiny, "chat", tmp_path / folder, limit=limit)
        else:
            with pytest.raises(TrainingError, match=f"max_seq_length = 5 allows {limit}"):
                compared(tiny_litgpt, tiny, "chat", tmp_path / folder, limit=limit, limited_by="max_seq_length = 5")


def test_an_empty_answer_is_refused(tiny_litgpt: Path, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="training sample 1 has an empty output"):
        compared(tiny_litgpt, tiny, "chat", tmp_path, pairs=(PAIRS[0], replace(PAIRS[1], output="")))


def test_an_instruction_with_a_blank_line_is_split_as_the_benchmark_does(
    tiny_litgpt: Path, tiny: Path, tmp_path: Path
) -> None:
    pairs = (replace(PAIRS[0], instruction="Decide.\n\nWhether it follows."), SftPair("No input.", "", "entailment"))
    compared(tiny_litgpt, tiny, "alpaca", tmp_path, pairs=pairs)


def test_a_litgpt_base_is_trained_from_the_weights_the_benchmark_opens(
    tiny_litgpt: Path, context: Callable[..., OpenContext]
) -> None:
    base = context("base")
    over = replace(base, base=resolved(LitgptBackend(), LitgptOptions(str(tiny_litgpt)), base))
    assert not list(TRAINER.check(LoraRecipe(), over))
    form = litgpt_form(base_of(over.base), over)
    assert torch.equal(litgpt_logits(form, [1, 17, 250]), litgpt_logits(tiny_litgpt, [1, 17, 250]))


# ---- the recipe


@pytest.fixture
def over_base(tiny: Path, context: Callable[..., OpenContext]) -> OpenContext:
    base = context("base")
    return replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(tiny)), base))


def test_a_sound_recipe_has_no_problems(over_base: OpenContext) -> None:
    assert not list(TRAINER.check(LoraRecipe(), over_base))
    assert not list(TRAINER.check(RECIPE, over_base))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"global_batch_size": 5}, "global_batch_size = 5 is not a multiple of micro_batch_size = 2"),
        ({"lora_query": False, "lora_value": False}, "no LoRA target is enabled"),
        ({"warmup_steps": 10, "max_steps": 10}, "warmup_steps = 10 is not less than max_steps = 10"),
        ({"warmup_steps": 0}, "warmup_steps = 0: it must be at least 1"),
        ({"lora_r": 0}, "lora_r = 0"),
        ({"epochs": 0}, "epochs = 0"),
        ({"micro_batch_size": 0}, "micro_batch_size = 0"),
        ({"lora_dropout": 1.0}, "lora_dropout = 1.0"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0"),
        ({"seed": -1}, "seed = -1"),
        ({"prompt_style": "alpacca"}, "did you mean 'alpaca'"),
        ({"batch_tokens": 0}, "batch_tokens = 0"),
        ({"max_grad_norm": -1.0}, "max_grad_norm = -1.0: it must not be negative"),
        ({"patience": 0}, "patience = 0"),
    ],
)
def test_a_mistaken_recipe(over_base: OpenContext, changes: dict[str, Any], message: str) -> None:
    problems = list(TRAINER.check(replace(LoraRecipe(), **changes), over_base))
    assert len(problems) == 1
    assert message in problems[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_tokens": 4096},
        {"pack_tokens": 4096},
        {"sharing": "prefix"},
        {"order": "puzzle"},
        {"balance_classes": True},
        {"loss_average": "token"},
        {"schedule": "linear"},
        {"max_grad_norm": 0.5},
        {"validate_every": 5},
        {"early_stopping": True},
        {"save_every_steps": 5},
        {"compile": True},
        {"logger": "tensorboard"},
    ],
)
def test_what_litgpts_own_loop_cannot_do_is_refused(over_base: OpenContext, changes: dict[str, Any]) -> None:
    (problem, *rest) = TRAINER.check(LoraRecipe(engine="litgpt", **changes), over_base)
    assert f"{next(iter(changes))} = " in problem
    assert 'nothing that litgpt\'s own loop does: remove it, or use engine = "packed"' in problem
    assert not [one for one in rest if "not installed" not in one]


def test_what_litgpts_own_loop_does_anyway_may_be_said(over_base: OpenContext) -> None:
    said = {"sharing": "none", "loss_average": "micro_batch", "max_grad_norm": 0, "order": "litgpt", "compile": False}
    assert not list(TRAINER.check(LoraRecipe(engine="litgpt", **said), over_base))  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="these work on a GPU")
@pytest.mark.parametrize(
    "changes", [{"quantize": "bnb.nf4"}, {"precision": "16-true"}, {"precision": "16-mixed"}, {"device": "cuda"}]
)
def test_what_needs_a_gpu(over_base: OpenContext, changes: dict[str, Any]) -> None:
    (problem,) = TRAINER.check(replace(LoraRecipe(), **changes), over_base)
    assert "needs a CUDA GPU" in problem or "there is no CUDA GPU here" in problem


def test_a_base_that_cannot_be_trained_on(
    over_base: OpenContext, context: Callable[..., OpenContext], tmp_path: Path
) -> None:
    (missing,) = TRAINER.check(LoraRecipe(), context("alone"))
    assert 'add base = "…"' in missing
    base = context("base")
    plain = make_tiny_llama(tmp_path / "plain", chat=False)
    over_plain = replace(over_base, base=resolved(HfBackend(), HfOptions(str(plain)), base))
    (no_template,) = TRAINER.check(LoraRecipe(), over_plain)
    assert 'no chat template: choose a litgpt prompt style, e.g. prompt_style = "alpaca"' in no_template
    assert not list(TRAINER.check(LoraRecipe(prompt_style="alpaca"), over_plain))
    config = plain / "config.json"
    config.write_text(config.read_text().replace('"model_type": "llama"', '"model_type": "gpt_neox"'))
    (family,) = TRAINER.check(LoraRecipe(prompt_style="alpaca"), over_plain)
    assert "architecture 'gpt_neox'" in family
    adapter = resolved(HfBackend(), HfOptions(str(plain), adapter="somewhere"), base)
    assert any("adapter itself" in problem for problem in TRAINER.check(LoraRecipe(), replace(over_base, base=adapter)))


@pytest.mark.parametrize(
    ("samples", "changes", "steps", "warmup"),
    [
        (12, {"epochs": 1}, 3, 1),
        (13, {"epochs": 2}, 6, 1),
        (5000, {"micro_batch_size": 2, "global_batch_size": 32}, 468, 46),
        (5000, {"micro_batch_size": 2, "global_batch_size": 32, "epochs": 30}, 4680, 100),
        (5000, {"max_steps": 10}, 10, 1),
        (12, {"epochs": 1, "warmup_steps": 2}, 3, 2),
    ],
)
def test_the_schedule(samples: int, changes: dict[str, Any], steps: int, warmup: int) -> None:
    recipe = replace(LoraRecipe(micro_batch_size=2, global_batch_size=4), **changes)
    plan = schedule(recipe, samples)
    assert (plan.steps, plan.warmup_steps) == (steps, warmup)


@pytest.mark.parametrize(
    ("samples", "changes", "message"),
    [
        (2, {}, "2 training samples do not fill one batch"),
        (4, {"epochs": 1}, "4 samples make 1 step in all, and the first is warm-up: raise epochs, max_steps or"),
        (12, {"max_steps": 1}, "12 samples make 1 step in all, and the first is warm-up: raise epochs, max_steps or"),
        (12, {"epochs": 1, "warmup_steps": 3}, "warmup_steps = 3, and 12 samples make 3 steps"),
    ],
)
def test_a_schedule_that_cannot_work(samples: int, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        schedule(replace(LoraRecipe(micro_batch_size=2, global_batch_size=4), **changes), samples)
    assert "\n" not in str(caught.value)


def test_hyperparameters_that_differ_are_listed() -> None:
    asked = {"lora_alpha": 64, "train": {"epochs": 3, "max_steps": None}, "seed": 1}
    assert not list(differences(asked, {**asked, "train": {"epochs": 3}, "more": 1}))
    found = list(differences(asked, {"lora_alpha": 16, "train": {"epochs": 5, "max_steps": 9}}))
    assert found == [
        "lora_alpha is 16, not 64",
        "train.epochs is 5, not 3",
        "train.max_steps is 9, not None",
        "seed is missing",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("nan,2,\n", "the training loss became nan at step 1"),
        ("1.0,2,\n,2,inf\n", "the validation loss became inf at step 1"),
        (",1,\n", "without a single optimizer step"),
    ],
)
def test_losses_that_are_not_finite(tmp_path: Path, rows: str, message: str) -> None:
    folder = tmp_path / "logs" / "csv" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("loss,step,val_loss\n" + rows)
    with pytest.raises(TrainingError, match=message):
        read_losses(tmp_path, 2)


def test_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="wrote no metrics"):
        read_losses(tmp_path, 2)


# ---- interruption

WAITING = """
import subprocess, sys
from entailbench_adapters.litgpt_process import _ended_with_us
inner = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", inner], stdout=subprocess.PIPE, text=True, start_new_session=True)
with _ended_with_us(process):
    print(process.pid, process.stdout.readline().strip(), flush=True)
    process.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_everything_that_litgpt_started(number: signal.Signals) -> None:
    outer = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in a shell's background inherit "ignore Ctrl-C", and so would this one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert outer.stdout is not None
    started = [int(pid) for pid in outer.stdout.readline().split()]
    assert len(started) == 2
    outer.send_signal(number)
    outer.communicate(timeout=30)
    assert outer.returncode in (128 + number, -number, 1)
    deadline = time.monotonic() + 5
    while any(is_running(pid) for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in started if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended but is not collected yet still has its number.
    state = Path(f"/proc/{pid}/stat")
    return not (state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z")
