"""The generated splits: from the package, from a folder, and never a file that was changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from entailbench import DataError, UnknownNameError
from entailbench.logic.generator import SPEC, Dials, generate_split, write_splits
from entailbench_tasks import generated

SIZES = {"train": 4, "validation": 2, "test": 3}
DIALS = Dials(people=(3, 4), categories=(3, 3))
FAMILIES = len(DIALS.families)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_splits(tmp_path / "puzzles", 5, SIZES, DIALS)
    return tmp_path / "puzzles"


@pytest.mark.parametrize("split", SPEC.sizes)
def test_the_package_s_own_splits(split: str) -> None:
    rows = generated.load(split=split, version=1.0, pretrained="somewhere")["evaluation"]
    assert len(rows) == FAMILIES * SPEC.sizes[split]
    assert {"id", "puzzle", "context", "question", "label", "label_published", "family"} <= set(rows.column_names)


def test_the_default_split_is_test() -> None:
    assert generated.load()["evaluation"]["id"][:] == generated.load(split="test")["evaluation"]["id"][:]
    first = generate_split("test", SPEC.seed, 2, SPEC.dials)[0]
    assert generated.load()["evaluation"][0]["id"] == first.id


def test_a_folder_of_ones_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [row.question for row in generate_split("train", 5, SIZES["train"], DIALS)]
    assert list(generated.load(split="train", generated_dir=folder)["evaluation"]["question"]) == expected
    monkeypatch.setenv("ENTAILBENCH_GENERATED_DIR", str(folder))
    assert list(generated.load(split="train")["evaluation"]["question"]) == expected


def test_a_folder_given_for_puzzte_is_not_read(tmp_path: Path) -> None:
    assert len(generated.load(data_dir=tmp_path)["evaluation"]) == FAMILIES * SPEC.sizes["test"]


def test_a_changed_file_is_named(folder: Path) -> None:
    text = (folder / "test.jsonl").read_text()
    (folder / "test.jsonl").write_text(text.replace("the", "THE", 1))
    with pytest.raises(DataError, match=r"test\.jsonl is not the file that was generated \(its sha256 differs"):
        generated.load(generated_dir=folder)
    assert len(generated.load(split="train", generated_dir=folder)["evaluation"]) == FAMILIES * SIZES["train"]


def test_a_changed_file_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import entailbench_data

    copy = tmp_path / "entailbench_data"
    shutil.copytree(Path(entailbench_data.__file__).parent, copy)
    (copy / "puzzte_generated" / "test.jsonl").write_bytes(b"{}\n")
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path / package)
    with pytest.raises(DataError, match=r"puzzte_generated/test\.jsonl is not the file that was generated"):
        generated.load()


def test_a_split_that_there_is_not(folder: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown split 'tests', did you mean 'test'\? \(known: test, train, val"
    ):
        generated.load(split="tests", generated_dir=folder)


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not a folder; `entailbench generate --out .*nowhere` writes one"):
        generated.load(generated_dir=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"manifest\.json cannot be read \(No such file or directory\)"):
        generated.load(generated_dir=tmp_path)
    (folder / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"test\.jsonl cannot be read"):
        generated.load(generated_dir=folder)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": []}', '{"files": {"test.jsonl": 3}}', "\xff"])
def test_a_manifest_that_is_none(folder: Path, manifest: str) -> None:
    (folder / "manifest.json").write_bytes(manifest.encode("latin-1"))
    with pytest.raises(DataError, match=r"manifest\.json is not a manifest that `entailbench generate` wrote"):
        generated.load(generated_dir=folder)


def test_rows_of_another_form(folder: Path) -> None:
    import hashlib

    content = b'{"label": "maybe"}\n'
    (folder / "test.jsonl").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["test.jsonl"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="rows without one of the labels entailment, not entailment"):
        generated.load(generated_dir=folder)
