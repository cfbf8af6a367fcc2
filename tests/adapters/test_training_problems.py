"""Bad input is told before anything is computed: a clear sentence each, all of them at once."""

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

from entailbench import ENTAILMENT, PreflightError, SftPair, TrainingJob, TrainingOutline
from entailbench_adapters import litgpt_recipe_checks
from entailbench_adapters.litgpt_lora import LitgptLoraTrainer
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.litgpt_start import Start, start
from entailbench_adapters.training import curves, problems
from entailbench_adapters.training.problems import disk_bytes, notices, training_problems
from entailbench_adapters.training.samples import tokenize
from tiny_models import make_tiny_llama
from tiny_training import PAIRS, Workplace

RECIPE = LoraRecipe(epochs=2, micro_batch_size=4, global_batch_size=8, precision="32-true", device="cpu")
TRAINER = LitgptLoraTrainer()


@pytest.fixture(scope="module")
def hf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="module")
def place(hf: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """One for all tests: nothing here is trained, and the base is converted once."""
    return Workplace(hf, tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def begun(place: Workplace) -> Start:
    return start(RECIPE, place.job().context)


Refused = Callable[..., tuple[str, ...]]


@pytest.fixture
def refused(place: Workplace) -> Refused:
    """The problems with which an outline is refused."""

    def outline(recipe: LoraRecipe = RECIPE, **job: Any) -> tuple[str, ...]:
        with pytest.raises(PreflightError) as caught:
            TRAINER.outline(recipe, place.job(**job))
        return caught.value.problems

    return outline


def pair(number: int, output: str = ENTAILMENT, text: str = "short") -> SftPair:
    return SftPair("Decide.", f"{text} {number}", output, output, str(number))


GOOD = tuple(pair(number, ("yes", "no")[number % 2]) for number in range(20))


def test_sound_samples_are_outlined(place: Workplace) -> None:
    found = TRAINER.outline(RECIPE, place.job(GOOD, GOOD[:4]))
    assert isinstance(found, TrainingOutline)
    assert found.facts["samples"] == 20


def test_samples_longer_than_the_context(refused: Refused) -> None:
    long = tuple(pair(number, text="taller than Bob " * 500) for number in range(5))
    first, second, third, more, validation = refused(pairs=GOOD + long, validation=long[:1])
    for number, problem in ((20, first), (21, second), (22, third)):
        assert f"training sample {number} has " in problem
        assert "the model's context allows 1,024" in problem
    assert "2 more training samples have more than 1,024 tokens" in more
    assert "validation sample 0 has" in validation


def test_samples_longer_than_the_recipe_allows(refused: Refused) -> None:
    found = refused(replace(RECIPE, max_seq_length=30), pairs=GOOD, validation=GOOD[:2])
    assert any("max_seq_length = 30 allows 30" in problem for problem in found)


def test_empty_splits(refused: Refused) -> None:
    (train,) = refused(pairs=())
    assert "no training samples" in train
    (validation,) = refused(pairs=GOOD, validation=())
    assert "no validation samples" in validation
    (stopping,) = refused(replace(RECIPE, early_stopping=True), pairs=GOOD, validation=())
    assert "early_stopping" in stopping


def test_a_recipe_without_a_single_step(refused: Refused) -> None:
    (samples,) = refused(replace(RECIPE, global_batch_size=64), pairs=GOOD)
    assert "20 training samples do not fill one batch of global_batch_size = 64" in samples
    (tokens,) = refused(replace(RECIPE, batch_tokens=100_000), pairs=GOOD)
    assert "batch_tokens = 100,000" in tokens


@pytest.mark.parametrize("batch", [{}, {"batch_tokens": 200}])
def test_a_warm_up_as_long_as_the_training(refused: Refused, batch: dict[str, Any]) -> None:
    (problem,) = refused(replace(RECIPE, warmup_steps=50, **batch), pairs=GOOD)
    assert "warmup_steps = 50" in problem
    assert "must be shorter" in problem


def test_answers_that_would_be_cut(refused: Refused) -> None:
    marked = pair(0, "yes<|im_end|> and no")
    stopped = tuple(pair(number, "Cal > Zoe\n\nentailment") for number in range(1, 6))
    found = refused(pairs=(marked, *stopped, *GOOD), read_answer=lambda text: text)
    assert "training sample 0 has '<|im_end|>' in its output" in found[0]
    assert "training sample 1 has an empty line in its output" in found[1]
    assert "2 more training samples have an empty line" in found[4]
    assert len(found) == 5


def test_in_a_file_an_answer_may_have_paragraphs(place: Workplace) -> None:
    paragraphs = tuple(replace(one, output=f"{one.output}\n\nsince") for one in GOOD)
    assert TRAINER.outline(RECIPE, place.job(paragraphs, paragraphs[:4])).facts["samples"] == 20


def test_all_problems_come_at_once(refused: Refused) -> None:
    found = refused(
        replace(RECIPE, global_batch_size=400, max_seq_length=80),
        pairs=(*GOOD, pair(20, ""), pair(21, text="taller " * 90)),
        validation=(),
    )
    assert len(found) == 4
    for part in ("no validation samples", "empty output", "max_seq_length = 80", "global_batch_size = 400"):
        assert any(part in problem for problem in found), part


def check_base(job: TrainingJob, begun: Start, **changes: Any) -> list[str]:
    given = replace(begun, **changes)
    samples = tokenize(GOOD, given.tokenizer)
    return list(training_problems(RECIPE, replace(job, train=GOOD, validation=GOOD), given, samples, samples))


def test_a_base_whose_weights_are_of_another_model(place: Workplace, begun: Start, tmp_path: Path) -> None:
    assert check_base(place.job(), begun) == []
    other = tmp_path / "other"
    shutil.copytree(begun.directory, other)
    config = yaml.safe_load((other / "model_config.yaml").read_text())
    config |= {"intermediate_size": 96, "n_layer": 3}
    (other / "model_config.yaml").write_text(yaml.safe_dump(config))
    (problem,) = check_base(place.job(), begun, directory=other)
    assert "do not fit its model_config.yaml" in problem
    assert "transformer.h.0.mlp.fc_1.weight is [128, 64], and should be [96, 64], and " in problem
    config |= {"intermediate_size": 128}
    (other / "model_config.yaml").write_text(yaml.safe_dump(config))
    (problem,) = check_base(place.job(), begun, directory=other)
    assert "transformer.h.2." in problem
    assert "is missing" in problem


def test_a_tokenizer_of_another_model(place: Workplace, begun: Start, tmp_path: Path) -> None:
    tokenizer = begun.tokenizer.__class__.from_pretrained(place.hf)
    tokenizer.add_tokens(["Decide."])
    (problem,) = check_base(place.job(), begun, tokenizer=tokenizer)
    assert "the tokenizer gives token" in problem


def test_a_base_whose_configuration_was_edited(hf: Path, tmp_path: Path) -> None:
    """From the outside: the trainer's outline refuses it too, wherever it is noticed first."""
    broken = tmp_path / "broken"
    shutil.copytree(hf, broken)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "intermediate_size": 96}))
    with pytest.raises(PreflightError, match=r"intermediate|\[96, 64\]|\[64, 96\]|shape"):
        TRAINER.outline(RECIPE, Workplace(broken, tmp_path / "place").job())


def test_a_full_disk(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(problems.shutil, "disk_usage", lambda path: usage._replace(free=10_000_000))
    (problem,) = refused(pairs=GOOD)
    assert "17 MB" in problem
    assert "10 MB left" in problem
    assert disk_bytes(1_000_000) > 50_000_000


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize(
    "changes", [{"device": "cuda"}, {"quantize": "bnb.nf4"}, {"precision": "16-true"}, {"precision": "16-mixed"}]
)
def test_cuda_asked_for_and_absent(refused: Refused, changes: dict[str, Any]) -> None:
    (problem,) = refused(replace(LoraRecipe(), **changes))
    assert "CUDA GPU" in problem


def test_a_gpu_without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older GPUs only emulate it; torch says so when asked."""
    asked = []

    def supported(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    (problem,) = litgpt_recipe_checks.hardware_problems(LoraRecipe(precision="bf16-true", device="cuda"))
    assert "this GPU has no bfloat16" in problem
    assert asked == [False]


@pytest.mark.parametrize("logger", ["tensorboard", "wandb"])
def test_a_logger_that_is_not_installed(refused: Refused, logger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        curves, "find_spec", lambda name: None if name in ("tensorboard", "tensorboardX", "wandb") else 1
    )
    (problem,) = refused(replace(RECIPE, logger=logger), pairs=GOOD)
    assert f"pip install {logger}" in problem


def told(begun: Start, train: tuple[SftPair, ...], validation: tuple[SftPair, ...] = GOOD, **changes: Any) -> list[str]:
    recipe = replace(RECIPE, **changes)
    return list(notices(recipe, tokenize(train, begun.tokenizer), tokenize(validation, begun.tokenizer)))


def test_sound_samples_need_no_notice(begun: Start) -> None:
    assert told(begun, GOOD) == []


def test_repeated_samples_are_noticed(begun: Start) -> None:
    (notice,) = told(begun, (*GOOD, GOOD[0], GOOD[0], GOOD[1]))
    assert "3 of the 23 training samples are there more than once" in notice
    (notice,) = told(begun, (*GOOD, replace(GOOD[0], output="no", label="no")))
    assert "1 training prompts are there with different answers" in notice


def test_a_single_class_is_noticed(begun: Start) -> None:
    train, validation = told(begun, GOOD[::2], GOOD[1::2])
    assert "all 10 training samples are 'yes'" in train
    assert "all 10 validation samples are 'no'" in validation


def test_early_stopping_without_the_time_for_it_is_noticed(begun: Start) -> None:
    (notice,) = told(begun, GOOD, early_stopping=True)
    assert "too few" in notice
    assert told(begun, GOOD, early_stopping=True, validate_every=1, patience=2) == []


def test_nothing_is_written_by_an_outline(hf: Path, tmp_path: Path) -> None:
    place = Workplace(hf, tmp_path / "place")
    job = place.job(PAIRS)
    shutil.rmtree(place.out)
    shutil.rmtree(place.folder / "work")
    TRAINER.outline(RECIPE, job)
    assert {path.name for path in place.folder.iterdir()} == {"home"}
