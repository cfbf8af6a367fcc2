"""A real extension package beside a real wheel, installed where the checkout is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tests" / "extension_package"
BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "entailbench-broken"
version = "0.1.0"
[project.entry-points.entailbench]
broken = "entailbench_broken"
[tool.hatch.build.targets.wheel]
packages = ["entailbench_broken"]
"""


class Outside:
    """A virtual environment with wheels of entailbench and two extensions; dependencies are those of this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        site = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
        # A path in a .pth file is searched without its own .pth files: the editable install stays invisible.
        (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        for source in (self.copy_of_the_project(), PACKAGE, self.broken_package()):
            self.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "wheels"), str(source))
        wheels = sorted(str(wheel) for wheel in (folder / "wheels").glob("*.whl"))
        assert len(wheels) == 3
        self.pip("install", "--no-deps", "--no-index", "--target", str(site), *wheels)
        self.workspace = folder / "workspace"
        self.workspace.mkdir()

    def copy_of_the_project(self) -> Path:
        """Building in the checkout would leave files there."""
        target = self.folder / "source"
        target.mkdir()
        for name in ("entailbench", "adapters", "tasks", "data"):
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, target / name)
        return target

    def broken_package(self) -> Path:
        package = self.folder / "broken" / "entailbench_broken"
        package.mkdir(parents=True)
        (package.parent / "pyproject.toml").write_text(BROKEN)
        (package / "__init__.py").write_text("import a_module_that_is_nowhere\n")
        return package.parent

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ENTAILBENCH_PLUGINS")}
        return subprocess.run(
            [self.python, "-m", "entailbench", *arguments],
            capture_output=True,
            text=True,
            cwd=self.workspace,
            env=environment,
        )


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    return Outside(tmp_path_factory.mktemp("outside"))


def test_the_code_in_the_documentation_is_the_package() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8"), re.DOTALL)
    code = (PACKAGE / "entailbench_constant" / "__init__.py").read_text(encoding="utf-8")
    assert blocks == [code]


def test_every_hook_stands_in_the_documentation() -> None:
    from entailbench import hookspecs

    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("entailbench_")]
    assert len(hooks) == 6
    for name in hooks:
        assert f"`{name}(" in text


def test_it_is_not_the_checkout_that_is_tested(outside: Outside) -> None:
    done = subprocess.run(
        [outside.python, "-c", "import entailbench, entailbench_adapters; print(entailbench.__file__)"],
        capture_output=True,
        text=True,
        cwd=outside.workspace,
        check=True,
    )
    assert str(outside.folder) in done.stdout


def test_the_extension_shows_up_and_the_broken_one_is_named(outside: Outside) -> None:
    done = outside.run("models", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["always-no"]["can_run"]
    assert rows["always-no"]["source"] == "constant"
    assert {"base", "lora", "gpt35"} <= set(rows)
    assert done.stderr.count("\n") == 1
    assert "plugin 'broken' (entailbench-broken 0.1.0) was left out: ModuleNotFoundError" in done.stderr
    listed = outside.run("plugins")
    assert "entailbench-constant 0.1.0" in listed.stdout
    assert "left out" in listed.stdout


def test_the_default_task_runs_from_the_wheel(outside: Outside) -> None:
    (outside.workspace / "entailbench.toml").write_text(
        '[models.always-yes]\nbackend = "constant"\nanswer = "entailment"\n'
    )
    done = outside.run("run", "--models", "always-no,always-yes", "--json")
    assert done.returncode == 0, done.stderr
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["task"] == "puzzte_generated"
    no, yes = task["models"]
    assert no["rows"] == yes["rows"] == task["rows"] > 0

    def shares(line: dict[str, Any]) -> list[float]:
        names = ("entailment", "not_entailment", "balanced", "overall")
        return [line["metrics"][name]["value"] for name in names]

    assert (shares(no)[:3], no["unparsed"]) == ([0.0, 1.0, 0.5], 0)
    assert shares(yes)[:2] == [1.0, 0.0]
    assert shares(no)[3] + shares(yes)[3] == pytest.approx(1.0)
    assert shares(task["baselines"][0])[3] == max(shares(no)[3], shares(yes)[3])
    assert task["comparisons"][0]["verdict"].startswith("cannot tell always-no and always-yes apart")
