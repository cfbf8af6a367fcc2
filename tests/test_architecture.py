"""Imports point one way, and starting the command line loads nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "entailbench"
LAYERS = [
    ["errors", "redaction", "terminal", "termination", "bounded", "names"],
    ["records"],
    ["answered", "limits"],
    ["findings"],
    ["free_memory", "writing_behind", "answer_stream", "answer_keys", "answer_cache"],
    ["contracts", "options", "decoding", "stats", "logic", "overlap", "home", "lineage", "card_rows"],
    ["run_lock"],
    ["hookspecs", "run_directory", "remembering", "hub", "model_card"],
    ["plugins", "config", "sft", "training_folder"],
    ["registry"],
    ["table_rows"],
    ["harness_model", "harness_tasks"],
    ["harness_samples", "harness_rows", "harness_docs", "harness_prompts", "harness_questions"],
    ["harness_parts"],
    ["harness"],
    ["elsewhere", "reading_ahead", "unasked"],
    ["leaks", "costs"],
    ["outcomes"],
    ["results"],
    ["analysis"],
    ["training_rows", "robustness", "seed_groups", "reported", "shared_perturbations"],
    ["comparing"],
    ["run_plan"],
    ["resuming"],
    ["answering"],
    ["runner"],
    ["training_data"],
    ["training_leaks"],
    ["finetune"],
    ["report"],
    ["commands"],
    ["cli"],
    ["__main__"],
]
"""A module imports only from layers before its own (or from its own package)."""
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = (
    "torch",
    "transformers",
    "lm_eval",
    "litgpt",
    "datasets",
    "openai",
    "peft",
    "lightning",
    "pydantic",
    "tabulate",
)


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "entailbench"}
    return found


def unit(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda p: str(p.relative_to(CORE)))
def test_core_imports_point_one_way(path: Path) -> None:
    own = unit(path)
    if own == "__init__":
        return
    for name in imports(path):
        assert not name.startswith(("entailbench_adapters", "entailbench_tasks", "entailbench_data")), name
        parts = name.split(".")
        if parts[0] == "entailbench" and len(parts) > 1 and parts[1] in LEVEL:
            assert parts[1] == own or LEVEL[parts[1]] < LEVEL[own], f"{own} imports {name}"


def test_every_core_module_has_a_layer() -> None:
    units = {unit(path) for path in CORE.rglob("*.py")} - {"__init__"}
    assert units <= set(LEVEL), "name its layer in LAYERS"


def test_only_the_harness_imports_lm_eval_in_the_core() -> None:
    importers = {unit(p) for p in CORE.rglob("*.py") if any(n.split(".")[0] == "lm_eval" for n in imports(p))}
    assert importers <= {"harness", "harness_model", "harness_questions", "harness_samples", "harness_tasks"}


@pytest.mark.parametrize("folder", ["adapters/entailbench_adapters", "tasks/entailbench_tasks"])
def test_plugins_import_the_core_only_through_its_front_door(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        deep = {
            node.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("entailbench.")
        }
        assert not deep, f"{path.name} imports {deep}"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom entailbench.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert "HEAVY []" in done.stdout
    assert "finetune" in done.stdout
    assert done.stderr == ""
