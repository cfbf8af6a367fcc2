"""Names from strangers are names of files of ours, and lead nowhere else."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import DataError, EntailbenchError
from entailbench.cli import main
from entailbench.names import MODEL_NAME, is_file_name
from entailbench.results import read_run
from test_bounded import whole_run

STRANGE = [
    "../x",
    "..",
    ".",
    "",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:x",
    "x\0y",
    "x\ny",
    "x\x1by",
    "~/x",
    ".hidden",
    "-rf",
    "a" * 300,
    "ä" * 200,
    "\u202etxt.exe",
    "x ",
    "x\u2028y",
    "*",
    "\ud83d",
]
LONG = "a" * 5000


@given(st.one_of(st.text(), st.sampled_from(STRANGE)))
def test_a_file_name_stays_in_its_folder(name: str) -> None:
    if is_file_name(name):
        path = Path("/folder") / f"{name}.jsonl"
        assert path.resolve().parent == Path("/folder").resolve()
        assert len(path.name.encode()) <= 255
        assert "\0" not in name


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_name(name: str) -> None:
    assert not is_file_name(name)
    assert not MODEL_NAME.fullmatch(name)


def test_what_is_a_name() -> None:
    for name in ("puzzte_generated", "puzzte_generated+perturbed", "mmlu (5-shot)", "größe", "a.b"):
        assert is_file_name(name)
    assert MODEL_NAME.fullmatch("SmolLM2-135M.v1_x")


def invoke(workspace: Path, *arguments: str) -> str:
    """The message that a command is refused with."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code in (1, 2), (arguments, told.getvalue())
    assert "Traceback" not in told.getvalue()
    return told.getvalue()


@pytest.mark.parametrize("name", [*STRANGE, LONG])
def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """On the command line, and in a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "victim.json").write_text("{}")
    for arguments in (("run", "--models", name), ("models", "show", name), ("export", name, "--format", "hf")):
        if "\0" not in name and "," not in name:
            assert invoke(tmp_path, *arguments)
    if name != "\ud83d":  # TOML cannot say it
        written = json.dumps(name).replace("\\u0000", "\\u0000")
        (tmp_path / "entailbench.toml").write_text(f'[models.{written}]\nbackend = "replay"\nanswers = "x.jsonl"\n')
        assert "a model's name is made of" in invoke(tmp_path, "run", "--models", "base", "--dry-run")
    assert {path.name for path in tmp_path.iterdir()} <= {"victim.json", "entailbench.toml", "home"}


@pytest.mark.parametrize("name", [one for one in STRANGE if one not in ("", "\ud83d")] + [LONG])
def test_names_of_tasks_and_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "a.jsonl").write_text('{"doc_id": 0, "answer": "entailment"}')
    (tmp_path / "entailbench.toml").write_text('[models.a]\nbackend = "replay"\nanswers = "a.jsonl"\n')
    assert "unknown task" in invoke(tmp_path, "run", "--models", "a", "--tasks", name)
    assert "has no split" in invoke(tmp_path, "run", "--models", "a", "--split", name)
    assert {path.name for path in tmp_path.iterdir()} <= {"a.jsonl", "entailbench.toml", "home"}


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", ".x", "a" * 300])
def test_a_task_file_whose_task_has_such_a_name(tmp_path: Path, name: str) -> None:
    from entailbench.harness import list_tasks

    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "mine.yaml").write_text(f"task: {json.dumps(name)}\ndataset_path: x\noutput_type: generate_until\n")
    with pytest.raises(EntailbenchError, match="that can be no file's name"):
        list_tasks([tasks])


@pytest.mark.parametrize("name", STRANGE)
def test_names_in_a_run_directory(tmp_path: Path, name: str) -> None:
    """A run directory from elsewhere names its models and tasks: files outside of it are not read."""
    folder = whole_run(tmp_path / "run/inner")
    (tmp_path / "run/x.json").write_text('{"identity": {"backend": "secret", "weights": null}}')
    (folder / "config.json").write_text(json.dumps({"models": [name]}))
    with pytest.raises(DataError, match="cannot be the name of a model"):
        read_run(folder)
    folder = whole_run(tmp_path / "other")
    (folder / "tasks.json").write_text(json.dumps({name: {"split": "test"}}))
    with pytest.raises(DataError, match="cannot be the name of a task"):
        read_run(folder)


def test_a_run_directory_whose_names_are_no_names(tmp_path: Path) -> None:
    for value in ({"models": "m"}, {"models": [1]}, {"models": {"m": 1}}, {"models": None}):
        (whole_run(tmp_path) / "config.json").write_text(json.dumps(value))
        with pytest.raises(DataError):
            read_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("models/m.json", {"identity": {"backend": ["x"], "weights": None}}),
        ("models/m.json", {"identity": {"backend": "x"}}),
        ("models/m.json", {"identity": {"backend": "x", "weights": 3}}),
        ("models/m.json", {"identity": {"backend": "x", "weights": None, "details": []}}),
        ("models/m.json", {"identity": {"backend": "x", "weights": None}, "seconds": {"t": "long"}}),
        ("models/m.json", {"identity": {"backend": "x", "weights": None}, "leaked": [1]}),
        ("models/m.json", {"identity": {"backend": "x", "weights": None}, "lineage": "trained"}),
        ("models/m.json", {"identity": {"backend": "x", "weights": None}, "usage": {"dollars": float("nan")}}),
        ("tasks.json", {"t": []}),
        ("tasks.json", {"t": {"not_perturbed": {"x": 3}}}),
        ("rows/t.jsonl", {"facets": {"family": ["x"]}}),
        ("rows/t.jsonl", {"facets": {"depth": 10**40}}),
        ("rows/t.jsonl", {"doc_id": 10**40}),
        ("judged/t/m.jsonl", {"probability": 5}),
        ("judged/t/m.jsonl", {"probability": float("nan")}),
        ("baselines/t.json", {"name": "constant"}),
    ],
)
def test_values_of_the_wrong_kind_in_a_run_directory(tmp_path: Path, name: str, change: dict[str, object]) -> None:
    path = whole_run(tmp_path) / name
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, **change} if isinstance(before, dict) else change))
    with pytest.raises(DataError, match=f"{Path(name).name}"):
        read_run(tmp_path)


def test_a_report_is_not_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run directory from elsewhere may hold links; what they point to stays as it is."""
    from entailbench.run_directory import RunDirectory

    victim = tmp_path / "victim"
    victim.write_text("untouched")
    run = whole_run(tmp_path / "run")
    (run / "report.html").symlink_to(victim)
    RunDirectory(run).write("report.html", "new")
    assert victim.read_text() == "untouched"
    assert (run / "report.html").read_text() == "new"


@pytest.mark.parametrize(
    "pretrained", ["a/..", "a/b..c", "../a", "./a", "a/b/c", "/nowhere", "~/x", "a\\b", "x" * 500, "a/\x1b"]
)
def test_what_is_to_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretrained: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENTAILBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "entailbench.toml").write_text(f'[models.m]\nbackend = "hf"\npretrained = {json.dumps(pretrained)}\n')
    assert invoke(tmp_path, "run", "--models", "m", "--limit", "1", "--output", "out")
    assert not (tmp_path / "home" / "litgpt").exists()
