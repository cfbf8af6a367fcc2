"""Weights from strangers: no file of weights runs code when it is read, whichever way it gets to us."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

import torch

from entailbench import EntailbenchError, ModelError, OpenContext
from entailbench_adapters.checkpoint_files import model_problems
from entailbench_adapters.hf_weights import HfOptions, load, load_tokenizer
from entailbench_adapters.litgpt_checkpoint import load_weights, recognize
from entailbench_adapters.litgpt_to_hf import hf_state, litgpt_directory, write_hf
from entailbench_adapters.litgpt_to_peft import peft_directory
from hostile_words import entailbench
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint
from tiny_models import make_tiny_llama

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("entailbench", "adapters/entailbench_adapters", "tasks/entailbench_tasks", "data/entailbench_data")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
READERS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "sqlitedict",
}
"""Modules that read objects which can be anything."""


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that only the malicious code writes."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "the code in a file of weights was run"


class Payload:
    """Runs a shell command when it is read back."""

    def __init__(self, canary: Path) -> None:
        self.command = f"echo owned > '{canary}'"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Rebuilt:
    """The same by another way: as a tensor that is built from what a function returns."""

    def __init__(self, canary: Path) -> None:
        self.code = f"open({str(canary)!r}, 'w').write('owned')"

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.code,)


def zipped(path: Path, payload: Any) -> None:
    torch.save({"model": {"transformer.wte.weight": torch.zeros(2), "x": payload}}, path)


def legacy(path: Path, payload: Any) -> None:
    torch.save({"model": {"x": payload}}, path, _use_new_zipfile_serialization=False)


def bare(path: Path, payload: Any) -> None:
    path.write_bytes(pickle.dumps(payload, protocol=2))


def whole(path: Path, payload: Any) -> None:
    torch.save(payload, path)


WAYS: list[Callable[[Path, Any], None]] = [zipped, legacy, bare, whole]


def test_the_payloads_do_what_they_are_for(tmp_path: Path) -> None:
    for number, (way, kind) in enumerate((way, kind) for way in WAYS for kind in (Payload, Rebuilt)):
        path, canary = tmp_path / f"{number}.pth", tmp_path / f"canary{number}"
        way(path, kind(canary))
        if way is bare:
            pickle.loads(path.read_bytes())
        else:
            torch.load(path, weights_only=False)
        assert canary.exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    base = make_litgpt_base(make_tiny_llama(folder / "hf"), folder / "full")
    make_lora_checkpoint(base, folder / "lora", ("query", "value"))
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    for name in ("hf", "full", "lora"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [Payload, Rebuilt])
def test_reading_weights(canary: Path, place: Path, way: Callable[[Path, Any], None], kind: Any) -> None:
    path = place / "full/lit_model.pth"
    way(path, kind(canary))
    with pytest.raises(ModelError, match=r"lit_model\.pth cannot be read as weights"):
        load_weights(path)


@pytest.mark.parametrize("way", WAYS)
def test_every_function_that_opens_a_checkpoint(
    canary: Path, place: Path, way: Callable[[Path, Any], None], context: Callable[..., OpenContext]
) -> None:
    way(place / "full/lit_model.pth", Payload(canary))
    way(place / "lora/lit_model.pth.lora", Payload(canary))
    with pytest.raises(ModelError):
        write_hf(recognize(place / "full"), _new(place / "out"))
    config = json.loads((place / "hf/config.json").read_text())
    with pytest.raises(ModelError):
        peft_directory(recognize(place / "lora"), config, context().home)


def test_an_architecture_that_litgpt_converts(canary: Path, place: Path) -> None:
    """litgpt's own reading of weights runs what is in them, so that ours has to come first."""
    zipped(place / "full/lit_model.pth", Payload(canary))
    config = json.loads((place / "full/config.json").read_text())
    (place / "full/config.json").write_text(json.dumps({**config, "model_type": "gpt_neox"}))
    with pytest.raises(ModelError, match="cannot be read as weights"):
        write_hf(recognize(place / "full"), _new(place / "out"))


CONFIGURATION = """
[models.base]
backend = "hf"
pretrained = "hf"
[models.full]
backend = "litgpt"
checkpoint = "full"
[models.lora]
backend = "litgpt"
base = "base"
checkpoint = "lora"
[models.again]
backend = "litgpt"
base = "full"
[models.again.train]
trainer = "litgpt-lora"
task = "puzzte_training"
samples = 8
engine = "litgpt"
[models.ours]
backend = "litgpt"
base = "full"
[models.ours.train]
trainer = "litgpt-lora"
task = "puzzte_training"
samples = 8
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("models",),
        pytest.param(("models", "show", "full"), marks=pytest.mark.soak),
        ("run", "--models", "full", "--limit", "2"),
        ("run", "--models", "base,lora", "--limit", "2"),
        pytest.param(("export", "full", "--format", "hf"), marks=pytest.mark.soak),
        pytest.param(("export", "lora", "--format", "peft"), marks=pytest.mark.soak),
        pytest.param(("export", "lora", "--format", "litgpt"), marks=pytest.mark.soak),
        ("finetune", "again"),
        ("finetune", "ours"),
        pytest.param(("finetune", "ours", "--dry-run"), marks=pytest.mark.soak),
        ("lm-eval", "run", "--model", "entailbench", "--model_args", "name=full", "--tasks", "puzzte_generated",
         "--limit", "2", "--apply_chat_template"),
    ],
    ids=lambda arguments: "-".join(map(str, arguments[:3])),
)  # fmt: skip
def test_every_command(canary: Path, place: Path, arguments: tuple[str, ...], home: Path) -> None:
    zipped(place / "full/lit_model.pth", Payload(canary))
    zipped(place / "lora/lit_model.pth.lora", Payload(canary))
    (place / "entailbench.toml").write_text(CONFIGURATION)
    done = entailbench(place, *arguments, ENTAILBENCH_HOME=str(home))
    if arguments[0] == "models":
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "cannot be read as weights" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pickle_where_safetensors_belong(
    canary: Path, place: Path, home: Path, context: Callable[..., OpenContext]
) -> None:
    tokenizer = load_tokenizer(place / "hf")
    zipped(place / "hf/pytorch_model.bin", Payload(canary))
    (place / "hf/model.safetensors").unlink()
    assert any("a pickle" in problem for problem in model_problems(place / "hf"))
    (place / "entailbench.toml").write_text('[models.base]\nbackend = "hf"\npretrained = "hf"\n')
    done = entailbench(place, "run", "--models", "base", "--limit", "2", ENTAILBENCH_HOME=str(home))
    assert done.returncode == 2
    assert "a pickle, which can run code" in done.stderr
    for read in (
        lambda: load(place / "hf", torch.device("cpu"), torch.float32, False),
        lambda: hf_state(place / "hf"),
        lambda: litgpt_directory(place / "hf", tokenizer, home, print),
    ):
        with pytest.raises(ModelError):
            read()


def test_a_pickle_beside_safetensors_is_not_read(canary: Path, place: Path) -> None:
    zipped(place / "hf/pytorch_model.bin", Payload(canary))
    load(place / "hf", torch.device("cpu"), torch.float32, False)


@pytest.mark.parametrize("name", ["../hf/model.safetensors", "/etc/passwd", "..", "", "a/b", "x\0y", "a\\b", 7, None])
def test_an_index_of_weights_that_points_elsewhere(place: Path, name: Any) -> None:
    (place / "hf/model.safetensors").rename(place / "elsewhere.safetensors")
    (place / "hf/model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    (problem,) = model_problems(place / "hf")
    assert "no file beside it" in problem or "which is missing" in problem


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_or_writes_objects_that_can_be_anything(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            found = {alias.name.split(".")[0] for alias in node.names} & READERS
            # pickle's exception is what torch raises when a file holds more than weights.
            assert found <= ({"pickle"} if path.name == "litgpt_checkpoint.py" else set()), where
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.module.split(".")[0] not in READERS, where
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert not called.startswith("pickle."), where
            assert called not in ("eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load"), where
            if called == "torch.load":
                assert keywords.get("weights_only") == "True", where
            assert keywords.get("allow_pickle", "False") == "False", where
            assert keywords.get("trust_remote_code") != "True", where
            if called in ("np.load", "numpy.load"):
                assert keywords.get("allow_pickle") == "False", where
            if called.endswith("CausalLM.from_pretrained"):
                assert keywords.get("use_safetensors") == "True", where


CODE = """
import pathlib
from transformers import PreTrainedTokenizerFast
pathlib.Path({marker!r}).write_text("run")
class Own(PreTrainedTokenizerFast):
    pass
"""


def test_code_in_a_checkpoint_needs_a_flag_that_the_run_records(tmp_path: Path, place: Path, home: Path) -> None:
    """Without ``trust_remote_code`` the code is not run; with it, it is, and the run says so."""
    marker = tmp_path / "marker"
    (place / "hf/own.py").write_text(CODE.format(marker=str(marker)))
    settings = json.loads((place / "hf/tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "own.Own"]}}
    (place / "hf/tokenizer_config.json").write_text(json.dumps(settings))
    table = '[models.base]\nbackend = "hf"\npretrained = "hf"\n'
    environment = {"ENTAILBENCH_HOME": str(home), "HF_HOME": str(tmp_path / "hf-home")}
    for given in ("", "trust_remote_code = false\n"):
        (place / "entailbench.toml").write_text(table + given)
        entailbench(place, "run", "--models", "base", "--limit", "2", **environment)
        entailbench(place, "models", "show", "base", **environment)
        assert not marker.exists()
    (place / "entailbench.toml").write_text(table + "trust_remote_code = true\n")
    done = entailbench(place, "run", "--models", "base", "--limit", "2", "--output", "out", **environment)
    assert done.returncode == 0, done.stderr
    assert marker.exists()
    recorded = json.loads((place / "out/models/base.json").read_text())
    assert "trust_remote_code=True" in recorded["options"]


def test_no_flag_is_none() -> None:
    assert HfOptions("x").trust_remote_code is False


def test_kind_errors() -> None:
    assert issubclass(ModelError, EntailbenchError)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
