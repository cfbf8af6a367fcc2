"""Files that are too long, too deep or hold endless numbers end in a sentence that names the bound."""

from __future__ import annotations

import ast
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from entailbench import DataError, EntailbenchError, ModelError, bounded, results
from entailbench.bounded import TooLargeError, bounded_lines, parse_json, parse_toml, parse_yaml, read_bounded
from entailbench.config import read_config
from entailbench.results import read_run
from entailbench.sft import read_pairs
from entailbench_adapters.checkpoint_files import model_problems
from entailbench_adapters.litgpt_checkpoint import recognize
from entailbench_adapters.prompt_record import read_record
from entailbench_adapters.recorded_answers import read_answers
from entailbench_tasks import generated
from entailbench_tasks.tables import read_rows

ROOT = Path(__file__).parents[1]
DEEP = "[" * 100_000 + "]" * 100_000
DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
HUGE = "9" * 5_000


@pytest.mark.parametrize("text", [DEEP, DEEP_OBJECT, "[" * 100_000, f'{{"x": {DEEP}}}', '["' + "[" * 9 + '",' + DEEP])
def test_deep_json(text: str) -> None:
    with pytest.raises(TooLargeError, match="nested deeper than 100 levels"):
        parse_json(text)


def test_brackets_in_strings_are_no_nesting() -> None:
    rows = [{"text": "[{" * 500 + '\\"[', "more": ["]"]} for _ in range(200)]
    assert parse_json(json.dumps(rows)) == rows
    hundred = "[" * 100 + "]" * 100
    assert json.dumps(parse_json(hundred)) == hundred
    with pytest.raises(TooLargeError):
        parse_json(f"[{hundred}]")


@pytest.mark.parametrize("text", [HUGE, f"-{HUGE}", f'{{"doc_id": {HUGE}}}'])
def test_endless_numbers(text: str) -> None:
    with pytest.raises(TooLargeError, match=r"digits; at most 300 are read"):
        parse_json(text)
    assert parse_json("9" * 300) == 10**300 - 1


def test_no_more_than_the_bound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(TooLargeError, match="more than 1,000 bytes"):
        read_bounded(path, 1000)
    with pytest.raises(TooLargeError, match="more than 1 MiB"):
        read_bounded(Path("/dev/zero"), 2**20)
    path.write_bytes(b"x" * 1000)
    assert len(read_bounded(path, 1000)) == 1000


def test_a_line_without_an_end() -> None:
    file = io.StringIO("short\n" + "x" * 5000 + "\n")
    lines = bounded_lines(file, 1000)
    assert next(lines) == "short\n"
    with pytest.raises(TooLargeError, match=r"line 2 has more than 1,000 characters"):
        next(lines)
    assert file.tell() <= 6 + 1001
    assert list(bounded_lines(io.StringIO("a\nb"), 2)) == ["a\n", "b"]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("a." * 100_000 + "a = 1", "nested deeper"),
        ("[" + "a." * 100_000 + "a]", "nested deeper"),
        ("x = {" + '"a" . ' * 30_000 + "a = 1}", "nested deeper"),
        ("x = " + "[" * 100_000, "nested deeper"),
        ("x = " + "{a = " * 30_000, "nested deeper"),
        (f"x = {HUGE}", "more than 300 digits"),
        ("x = 1\n" * 50_000, "more than 262,144 characters"),
    ],
)
def test_a_configuration(tmp_path: Path, text: str, bound: str) -> None:
    path = tmp_path / "entailbench.toml"
    path.write_text(text)
    began = time.monotonic()
    with pytest.raises(EntailbenchError, match=f"cannot be read: .*{bound}"):
        read_config(path)
    assert time.monotonic() - began < 5


def test_what_toml_may_hold() -> None:
    text = """
    # a . b . c
    [models.x] # "
    a = "x.y.z # no comment"
    b = '''.'''
    c = \"\"\"\\\"\"\"\"
    "d.e" = 1.5
    """
    assert parse_toml(text)["models"]["x"]["d.e"] == 1.5
    parse_toml('x = "' + "." * 200 + '"\n# ' + "." * 200)


def test_ten_thousand_mistakes_take_no_minutes(tmp_path: Path) -> None:
    path = tmp_path / "entailbench.toml"
    path.write_text("[run]\n" + "\n".join(f"key{number} = 1" for number in range(15_000)))
    began = time.monotonic()
    problems = read_config(path).problems
    assert len(problems) == 15_000
    assert problems[-1].startswith(f"{path}:15001: unknown key 'key14999'")
    assert time.monotonic() - began < 10


def test_yaml_that_grows_when_it_is_read() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(TooLargeError, match="more than 1,000,000 values"):
        parse_yaml(bomb)
    with pytest.raises(TooLargeError, match="nested deeper"):
        parse_yaml("[" * 5_000)
    with pytest.raises(TooLargeError, match="nested deeper"):
        parse_yaml("a: &a [*a]")
    with pytest.raises(ValueError, match="could not determine a constructor"):
        parse_yaml("!!python/object/apply:os.system ['true']")
    assert parse_yaml("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


BAD = [DEEP, DEEP_OBJECT, f'{{"doc_id": {HUGE}}}']


def refused(act: Callable[[], object]) -> str:
    """The sentence that it is refused with."""
    with pytest.raises(EntailbenchError) as caught:
        act()
    message = str(caught.value)
    assert "nested deeper than 100 levels" in message or "at most 300 are read" in message, message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("text", BAD, ids=["deep", "deep object", "huge"])
def test_every_reader_of_rows(tmp_path: Path, text: str) -> None:
    for suffix in (".jsonl", ".json"):
        path = tmp_path / f"rows{suffix}"
        path.write_text(text)
        refused(lambda path=path: read_rows(path))  # type: ignore[misc]
        refused(lambda path=path: read_pairs(path))  # type: ignore[misc]
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    assert "line 1" in refused(lambda: read_answers(path, None, "auto"))


@pytest.mark.parametrize("text", BAD, ids=["deep", "deep object", "huge"])
def test_generated_rows(tmp_path: Path, text: str) -> None:
    import hashlib

    (tmp_path / "manifest.json").write_text(text)
    refused(lambda: generated.load(generated_dir=tmp_path))
    (tmp_path / "test.jsonl").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {"test.jsonl": {"sha256": digest}}}))
    refused(lambda: generated.load(generated_dir=tmp_path))


@pytest.mark.parametrize("text", BAD, ids=["deep", "deep object", "huge"])
@pytest.mark.parametrize(
    "name", ["config.json", "tasks.json", "models/m.json", "rows/t.jsonl", "judged/t/m.jsonl", "baselines/t.json"]
)
def test_every_file_of_a_run(tmp_path: Path, name: str, text: str) -> None:
    whole_run(tmp_path)
    read_run(tmp_path)
    (tmp_path / name).write_text(text)
    assert name in refused(lambda: read_run(tmp_path))


@pytest.mark.parametrize("text", BAD, ids=["deep", "deep object", "huge"])
def test_the_files_of_a_checkpoint(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert any("nested deeper" in one or "at most 300" in one for one in model_problems(tmp_path))
    (tmp_path / "entailbench.json").write_text(text)
    refused(lambda: read_record(tmp_path))


def test_a_checkpoint_whose_yaml_is_deep(tmp_path: Path) -> None:
    import torch

    torch.save({}, tmp_path / "lit_model.pth")
    (tmp_path / "model_config.yaml").write_text("[" * 5_000)
    with pytest.raises(ModelError, match="nested deeper than 100 levels"):
        recognize(tmp_path)


def test_long_lines_are_refused_wherever_rows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bound lowered: nobody wants to write a gigabyte in a test."""
    for function in (bounded.bounded_lines, bounded.split_lines):
        monkeypatch.setattr(function, "__defaults__", (1000,))
    row = json.dumps({"context": "x" * 2000, "question": "y", "label": "entailment", "id": "1", "answer": "z"})
    for suffix in (".jsonl", ".json"):
        path = tmp_path / f"rows{suffix}"
        path.write_text(row)
        with pytest.raises(DataError, match="line 1 has more than 1,000 characters"):
            read_rows(path)
    with pytest.raises(DataError, match="line 1 has more than 1,000 characters"):
        read_answers(tmp_path / "rows.jsonl", None, "auto")
    (tmp_path / "rows.csv").write_text("context,question\n" + "x" * 2000 + ",y\n")
    with pytest.raises(DataError, match="line 2 has more than 1,000 characters"):
        read_rows(tmp_path / "rows.csv")
    whole_run(tmp_path / "run")
    judged = tmp_path / "run/judged/t/m.jsonl"
    judged.write_text(json.dumps({"doc_id": 0, "predicted": "entailment", "text": "x" * 2000}))
    with pytest.raises(DataError, match="line 1 has more than 1,000 characters"):
        read_run(tmp_path / "run")


def test_large_documents_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded.read_json, "__defaults__", (1000,))
    monkeypatch.setattr(results, "FILE_BYTES", 1000)
    whole_run(tmp_path)
    for name in ("config.json", "tasks.json", "models/m.json", "baselines/t.json"):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before + b" " * 1000)
        with pytest.raises(DataError, match=r"more than 1,000 bytes"):
            read_run(tmp_path)
        (tmp_path / name).write_bytes(before)


def test_parquet_that_unpacks_to_more_than_memory(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 11_000_000, pa.int8()), ["x"])
    pa.parquet.write_table(pa.table({"context": column}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="11,000,000 rows"):
        read_rows(path)


RAW = {"json.loads", "json.load", "tomllib.loads", "tomllib.load", "yaml.safe_load", "csv.reader"}
OWN = {
    "bounded.py",  # the bounds themselves
    "chunks.py", "processes.py",  # pipes between processes of ours
    "finetune.py", "fresh.py", "training.py",  # what this process, or this machine, wrote itself
    "check_text.py",  # one quoted word
    "fingerprint.py",  # what the tokenizers library says
    "prices.py",  # a file of ours
    "openai_client.py", "openai_reply.py", "openai_request.py",  # bounded there, see docs/reliability.md
}  # fmt: skip


@pytest.mark.parametrize("folder", ["entailbench", "adapters/entailbench_adapters", "tasks/entailbench_tasks"])
def test_nothing_else_parses(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in RAW:
                assert path.name in OWN, f"{path}:{node.lineno}: use entailbench.bounded"


def whole_run(folder: Path) -> Path:
    """The smallest run directory that ``read_run`` takes."""
    files = {
        "config.json": {"models": ["m"]},
        "tasks.json": {"t": {"split": "test", "labels": "proved"}},
        "models/m.json": {"identity": {"backend": "replay", "weights": None}},
        "rows/t.jsonl": {"doc_id": 0, "id": "a", "puzzle": "p", "context": "c", "question": "q", "gold": "entailment"},
        "judged/t/m.jsonl": {"doc_id": 0, "predicted": "entailment"},
        "baselines/t.json": [{"name": "constant", "unavailable": "", "predicted": ["entailment"]}],
    }
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value))
    return folder
