"""What all tests share: a socket fence, a clean environment, folders, and real models."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
import pytest_socket

from entailbench import OpenContext

# Read when their packages are imported, which no module does before its tests run.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Begun in the background of a shell, this process ignores Ctrl-C, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Kept under a name that no code of ours reads: workers of pytest-xdist inherit the environment as it is left here.
PUZZTE_DIR = os.environ.pop("ENTAILBENCH_PUZZTE_DIR", None) or os.environ.get("TESTS_PUZZTE_DIR")
if PUZZTE_DIR:
    os.environ["TESTS_PUZZTE_DIR"] = PUZZTE_DIR
for variable in (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "HF_TOKEN"),
    *("ENTAILBENCH_PLUGINS", "ENTAILBENCH_GENERATED_DIR", "ENTAILBENCH_FRESH_SEED"),
):
    os.environ.pop(variable, None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test reaches beyond this machine; servers on it are fine."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: begun last, one of them would keep a single core busy at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def cache_home() -> Path:
    """The user's real cache: what costs a download or a conversion is kept there between test runs."""
    chosen = os.environ.get("ENTAILBENCH_HOME")
    return Path(chosen) if chosen else platformdirs.user_cache_path("entailbench")


@pytest.fixture(scope="session")
def puzzte_dir() -> Path:
    """A folder with real Puzzte rows: what ``ENTAILBENCH_PUZZTE_DIR`` named when the tests were started."""
    if not PUZZTE_DIR:
        pytest.skip("needs real Puzzte rows: set ENTAILBENCH_PUZZTE_DIR to a folder with validation.jsonl")
    return Path(PUZZTE_DIR).absolute()


@pytest.fixture(scope="session")
def smollm2(cache_home: Path) -> Path:
    """The embedded SmolLM2-135M-Instruct as a Hugging Face directory; a clean machine downloads it once."""
    from entailbench_adapters import embedded

    return embedded.prepare(cache_home, print)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with tied embeddings and a chat template. Read only."""
    from tiny_models import make_tiny_llama

    return make_tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A cache folder of this test's own; does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder for ``entailbench.toml`` and what its relative paths name."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def context(home: Path, workspace: Path) -> Callable[..., OpenContext]:
    """Makes an ``OpenContext`` in this test's folders; keyword arguments are its further fields."""

    def make(name: str = "model", **fields: object) -> OpenContext:
        return OpenContext(**{"name": name, "home": home, "workspace": workspace, "root": name, **fields})  # type: ignore[arg-type]

    return make
