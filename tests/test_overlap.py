"""Which puzzles were trained on, and what happens when the test asks about them again."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import made_up_puzzte
from entailbench import DataError, OpenContext, PreflightError, SftPair
from entailbench.findings import Report
from entailbench.finetune import FinetuneConfig, finetune
from entailbench.overlap import (
    PUZZLES_NAME,
    Overlap,
    check_overlap,
    hold_out,
    overlap,
    puzzle_fingerprint,
    puzzles_of_docs,
    puzzles_of_pairs,
    puzzles_to_json,
    read_puzzles,
)
from entailbench.plugins import create_plugin_manager
from entailbench.registry import Registry, load_registry
from entailbench.report.text import render, save
from entailbench.runner import RunConfig, run
from entailbench.sft import read_pairs
from entailbench.training_data import TrainingData
from entailbench.training_leaks import training_leaks
from entailbench_tasks import puzzte
from entailbench_tasks.prompt import user_message
from model_plugins import KnownBackend, KnownOptions, known_plugin
from test_run import Quiet

ORLA = "Orla is taller than Pim. Quin is shorter than Pim. Rafe is taller than Quin."
UGO = "Ugo is taller than Vera but shorter than Wim. Xena is taller than Yan."
LISTED = "Five people live in a row. Hints:\n1. Asta lives first.\n2. Bror lives next to the green house."
QUESTIONS = ("Is Orla taller than Rafe ?", "Is Pim the tallest ?", "Is Quin shorter than Pim ?")


def rendered(context: str, question: str) -> SftPair:
    """As our tasks render a row."""
    instruction, _, rest = user_message({"context": context, "question": question}).partition("\n\n")
    return SftPair(instruction, rest, "entailment")


LAYOUTS = {
    "ours": rendered,
    "the study's": lambda c, q: SftPair("Say whether it follows.", f"Context: {c} , Question: {q}", "entailment\n"),
    "all in the instruction": lambda c, q: SftPair(f"Say whether it follows.\n{c}\n{q}", "", "entailment"),
    "a line each": lambda c, q: SftPair("Say whether it follows.", f"{c}\n{q}", "entailment"),
    "premise and hypothesis": lambda c, q: SftPair("Decide.", f"Premise: {c}\nHypothesis: {q}", "entailment"),
}


def samples(layout: str, *contexts: str) -> list[SftPair]:
    return [LAYOUTS[layout](context, question) for context in contexts for question in QUESTIONS]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_puzzle_is_found_in_samples_of_any_layout(layout: str) -> None:
    trained = puzzles_of_pairs(samples(layout, ORLA, *(f"{UGO} Zoe is taller than A{n}." for n in range(9))))
    docs = [{"context": ORLA}, {"context": ORLA}, {"context": UGO}, {}]
    assert overlap(trained, puzzles_of_docs(docs)) == Overlap(rows=4, shared_rows=2, puzzles=2, shared_puzzles=1)


@pytest.mark.parametrize("layout", ["ours", "the study's", "premise and hypothesis"])
def test_a_puzzle_of_several_lines_is_found_where_its_end_is_marked(layout: str) -> None:
    trained = puzzles_of_pairs(samples(layout, LISTED, UGO))
    assert overlap(trained, puzzles_of_docs([{"context": LISTED}])).shared_rows == 1


def test_setting_makes_no_other_puzzle_and_words_do() -> None:
    spaced = ORLA.replace(".", " .").replace("Orla", "ORLA  ")
    assert puzzle_fingerprint(spaced) == puzzle_fingerprint(ORLA)
    assert puzzle_fingerprint("ﬁve  caf\u00e9s") == puzzle_fingerprint("five cafe\u0301s")
    assert puzzle_fingerprint(ORLA.replace("taller", "shorter", 1)) != puzzle_fingerprint(ORLA)
    assert puzzle_fingerprint(ORLA.replace("Pim", "Tim")) != puzzle_fingerprint(ORLA)
    assert len(puzzle_fingerprint("")) == 12


def test_an_instruction_is_no_puzzle_though_every_sample_has_it() -> None:
    """Else any two sets of samples would share it."""
    told = "Say whether it certainly follows from what is told."
    train = [SftPair(f"{told}\n{UGO} Zoe is taller than A{n}.\nIs she?", "", "entailment") for n in range(9)]
    other = [SftPair(f"{told}\nIs Orla taller than Pim ?", "", "entailment")]
    assert not check_overlap(train, {"validation": other})["validation"]
    assert check_overlap([*train, *other], {"validation": other}, allowed=True)["validation"]


def test_one_puzzle_in_most_samples_is_still_a_puzzle() -> None:
    train = samples("ours", *[ORLA] * 9, UGO)
    assert overlap(puzzles_of_pairs(train), puzzles_of_docs([{"context": ORLA}])).shared_rows == 1


def test_samples_with_samples() -> None:
    train, validation = samples("the study's", ORLA, UGO), samples("ours", UGO, LISTED)
    found = check_overlap(train, {"validation": validation}, allowed=True)
    assert found == {"validation": Overlap(rows=6, shared_rows=3, puzzles=2, shared_puzzles=1)}
    assert str(found["validation"]) == "3 of 6 rows (1 of 2 puzzles)"
    with pytest.raises(PreflightError) as caught:
        check_overlap(train, {"validation": validation, "test": [{"context": ORLA}]})
    assert caught.value.problems == (
        "the training samples share puzzles with 3 of 6 rows (1 of 2 puzzles) of the validation split; the training "
        "samples share puzzles with 1 of 1 rows (1 of 1 puzzle) of the test split: pass --allow-leak to train all "
        "the same",
    )
    assert not check_overlap(samples("ours", ORLA), {"validation": samples("ours", UGO)})["validation"]


def test_whole_puzzles_are_held_out() -> None:
    pairs = [pair for n in range(10) for pair in samples("the study's", f"{UGO} Zoe is taller than A{n}.")]
    scattered = pairs[::3] + pairs[1::3] + pairs[2::3]
    train, validation = hold_out(scattered, 0.15)
    assert (len(train), len(validation)) == (24, 6)
    assert train == tuple(pair for pair in scattered if pair in train)
    assert not check_overlap(train, {"validation": validation})["validation"]
    assert scattered[-1] in validation
    assert hold_out(pairs[:3], 0.05) == ((), tuple(pairs[:3]))
    named = [replace(pair, puzzle=str(number // 2)) for number, pair in enumerate(pairs)]
    assert [pair.puzzle for pair in hold_out(named, 0.05)[1]] == ["14", "14"]


def test_the_file_beside_a_checkpoint(tmp_path: Path) -> None:
    assert read_puzzles(tmp_path) is None
    (tmp_path / PUZZLES_NAME).write_text(puzzles_to_json({"b" * 12, "a" * 12}))
    assert read_puzzles(tmp_path) == {"a" * 12, "b" * 12}
    for broken in ("{", "[]", '{"form": 99, "puzzles": []}', '{"form": 1, "puzzles": [3]}', '{"form": 1}'):
        (tmp_path / PUZZLES_NAME).write_text(broken)
        with pytest.raises(DataError, match=r"puzzles\.json"):
            read_puzzles(tmp_path)


def test_the_studys_samples_and_the_published_validation_split(puzzte_dir: Path) -> None:
    """1,152 rows have a puzzle of the 5,000 word for word; two more have one with other spaces."""
    path = puzzte_dir / "sft_train_5000.json"
    if not path.is_file():
        pytest.skip("needs the original study's training samples, sft_train_5000.json")
    pairs = read_pairs(path)
    docs = puzzte.read_split("validation", puzzte_dir)
    before = [pair.input.rpartition("Question:")[0].removeprefix("Context:") for pair in pairs]
    texts = {text.strip().rstrip(",").strip() for text in before}
    assert sum(doc["context"] in texts for doc in docs) == 1152
    found = check_overlap(pairs, {"validation": docs}, allowed=True)["validation"]
    assert (found.rows, found.shared_rows) == (1193, 1154)
    trained = puzzles_of_pairs(pairs)
    found_too = [doc for doc in docs if puzzle_fingerprint(doc["context"]) in trained]
    apart = [doc for doc in found_too if doc["context"] not in texts]
    unspaced = {"".join(text.split()) for text in texts}
    assert len(apart) == 2
    assert all("".join(doc["context"].split()) in unspaced for doc in apart)
    train, validation = hold_out(pairs, 0.05)
    assert len(validation) >= 250
    assert not check_overlap(train, {"validation": validation})["validation"]


# Runs


@dataclass(frozen=True)
class TrainedOptions(KnownOptions):
    behaviour: str = "perfect"
    known: bool = True
    puzzles: bool = True


class TrainedBackend(KnownBackend):
    """Models that say what they were trained on: ``ORLA``, or that nobody knows."""

    name = "trained"
    Options = TrainedOptions
    uses_base = True

    def trained_puzzles(self, options: TrainedOptions, context: OpenContext) -> frozenset[str] | None:
        if context.name == "broken":
            raise DataError("puzzles.json is damaged")
        found = {puzzle_fingerprint(ORLA)} if options.puzzles else ()
        return frozenset(found) if options.known else None


@pytest.fixture
def registry(workspace: Path, home: Path) -> Registry:
    plugin = known_plugin()
    known = plugin.entailbench_backends
    plugin.entailbench_backends = lambda: [*known(), TrainedBackend()]  # type: ignore[attr-defined]
    from entailbench import hookimpl

    hookimpl(plugin.entailbench_backends)
    (workspace / "entailbench.toml").write_text(
        '[models.knows]\nbackend = "trained"\n[models.above]\nbackend = "trained"\nbase = "knows"\npuzzles = false\n'
        '[models.foreign]\nbackend = "trained"\nknown = false\n[models.broken]\nbackend = "trained"\n'
        '[models.over-foreign]\nbackend = "trained"\nbase = "foreign"\n'
    )
    return load_registry(create_plugin_manager(environment={}, extra={"known": plugin}), workspace=workspace, home=home)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """60 test rows, 40 of them about ``ORLA``; none in the validation split."""
    data = made_up_puzzte.rows()
    about = [row for row in data if row["puzzle_text"] == ORLA]
    others = [row for row in data if row["puzzle_text"] != ORLA]
    folder = tmp_path / "puzzte"
    folder.mkdir()
    made_up_puzzte.write(folder, "test", (about + others)[:60])
    made_up_puzzte.write(folder, "validation", others)
    return folder


def run_quietly(registry: Registry, **config: Any) -> tuple[Report, list[str]]:
    quiet = Quiet()
    outcome = run(RunConfig(**config), registry, quiet)
    save(outcome.report, outcome.tasks)
    return outcome.report, quiet.messages


def test_a_leak_stops_a_run_before_anything_is_opened(registry: Registry, data_dir: Path, workspace: Path) -> None:
    rows = len([row for row in puzzte.read_split("test", data_dir) if row["context"] == ORLA])
    assert 10 < rows < 60
    with pytest.raises(PreflightError) as caught:
        run_quietly(registry, models=("perfect", "knows"), tasks=("puzzte",), data_dir=data_dir)
    (problem,) = caught.value.problems
    assert problem.startswith(f"model 'knows' was trained on the puzzles of {rows} of 60 rows (1 of ")
    assert "of task 'puzzte', test split" in problem
    assert "--allow-leak knows" in problem
    assert not (workspace / "runs").exists()
    with pytest.raises(PreflightError, match="model 'above' was trained on the puzzles"):
        run_quietly(registry, models=("above",), tasks=("puzzte_mc",), data_dir=data_dir)


def test_an_allowed_leak_is_marked_wherever_the_figures_stand(registry: Registry, data_dir: Path) -> None:
    report, messages = run_quietly(
        registry, models=("perfect", "knows"), tasks=("puzzte",), data_dir=data_dir, allow_leak=("knows",)
    )
    clean, leaked = report.tasks[0].models
    assert (clean.leaked, clean.title) == (0, "perfect")
    assert leaked.leaked == 40
    assert leaked.title == "knows (leaked: trained on the puzzles of 40 rows)"
    for form in ("github", "latex"):
        assert "leaked: trained on the puzzles of 40 rows" in render(report, form)  # type: ignore[arg-type]
    assert json.loads(render(report, "json"))["tasks"][0]["models"][1]["leaked"] == 40
    lines = csv.DictReader(render(report, "csv").splitlines())
    counts = {line["model"]: line["value"] for line in lines if line["metric"] == "leaked"}
    assert (counts["perfect"], counts["knows"]) == ("0", "40")
    assert report.tasks[0].comparisons[0].verdict.endswith("knows was trained on the puzzles of 40 of these questions")
    assert any(message.startswith("knows was trained on the puzzles of 40 of 60 rows") for message in messages)
    assert not any(message.startswith("perfect was trained") for message in messages)
    directory = Path(report.directory)
    assert "leaked" in (directory / "report.md").read_text()
    assert json.loads((directory / "config.json").read_text())["allow_leak"] == ["knows"]
    assert json.loads((directory / "models" / "knows.json").read_text())["overlap"]["puzzte"]["shared_rows"] == 40


def test_without_a_leak_it_is_said_all_the_same(registry: Registry, data_dir: Path) -> None:
    report, messages = run_quietly(
        registry, models=("knows",), tasks=("puzzte", "puzzte_mc"), split="validation", data_dir=data_dir, limit=8
    )
    assert [table.models[0].leaked for table in report.tasks] == [0, 0]
    assert sum("knows was trained on the puzzles of 0 of 8 rows (0 of" in message for message in messages) == 2


def test_the_limit_counts(registry: Registry, data_dir: Path) -> None:
    report, _ = run_quietly(
        registry, models=("knows",), tasks=("puzzte",), data_dir=data_dir, limit=5, allow_leak=("knows",)
    )
    assert report.tasks[0].models[0].leaked == 5


@pytest.mark.parametrize("name", ["foreign", "over-foreign"])
def test_an_unknown_overlap_is_said_once_and_no_error(registry: Registry, data_dir: Path, name: str) -> None:
    report, messages = run_quietly(registry, models=(name,), tasks=("puzzte", "puzzte_mc"), data_dir=data_dir, limit=3)
    assert report.tasks[0].models[0].leaked == 0
    assert sum("overlap with the test is unknown" in message for message in messages) == 1


def test_what_cannot_be_read_or_allowed(registry: Registry, data_dir: Path) -> None:
    with pytest.raises(PreflightError, match=r"model 'broken': puzzles\.json is damaged"):
        run_quietly(registry, models=("broken",), tasks=("puzzte",), data_dir=data_dir)
    with pytest.raises(PreflightError, match="--allow-leak names 'other', which is none of the models of this run"):
        run_quietly(registry, models=("perfect",), allow_leak=("other",), limit=3)


# Trainings


def leaks_of(registry: Registry, data_dir: Path, task: str | None, allowed: bool = False, **arguments: Any) -> Any:
    train = tuple(rendered(ORLA, question) for question in QUESTIONS)
    data = TrainingData(train, tuple(samples("ours", LISTED)), task=task, arguments=arguments)
    notes: list[str] = []
    config = FinetuneConfig("knows", data_dir=data_dir)
    return training_leaks(data, config, registry, allowed=allowed, notify=notes.append), notes


def test_a_training_looks_at_the_test_split_of_its_task(registry: Registry, data_dir: Path) -> None:
    with pytest.raises(PreflightError, match=r"40 of 60 rows \(1 of \d puzzles\) of the test split: take a task that"):
        leaks_of(registry, data_dir, "puzzte")
    found, notes = leaks_of(registry, data_dir, "puzzte", allowed=True)
    assert (found["test"].shared_rows, found["validation"].shared_rows) == (40, 0)
    assert [note.split(":")[0] for note in notes] == [f"overlap with the {split} split" for split in found]
    assert set(leaks_of(registry, data_dir, None)[0]) == {"validation"}


def test_the_original_split_is_allowed_by_being_asked_for(registry: Registry, data_dir: Path) -> None:
    found, _ = leaks_of(registry, data_dir, "puzzte_disjoint", original_split=True)
    assert found["test"].shared_rows == 40


def test_a_test_split_that_is_not_at_hand_is_said(registry: Registry, data_dir: Path) -> None:
    (data_dir / "test.jsonl").unlink()
    found, notes = leaks_of(registry, data_dir, "puzzte")
    assert set(found) == {"validation"}
    assert notes[0].startswith("overlap with the test split: unknown, it cannot be read (task 'puzzte': data folder")


def test_a_trained_model_knows_its_puzzles_and_is_not_asked_about_them(
    workspace: Path, home: Path, tiny_llama: Path, data_dir: Path
) -> None:
    """From the recipe to the run, with a real training of a tiny model."""
    made_up_puzzte.write(data_dir, "train", [row for row in made_up_puzzte.rows() if row["puzzle_text"] == ORLA])
    (workspace / "entailbench.toml").write_text(
        f'[models.tiny]\nbackend = "hf"\npretrained = "{tiny_llama}"\n'
        '[models.lora]\nbackend = "litgpt"\nbase = "tiny"\n[models.lora.train]\ntrainer = "litgpt-lora"\n'
        'task = "puzzte_disjoint"\nsamples = 8\nvalidation_samples = 4\nmax_steps = 2\nglobal_batch_size = 4\n'
        "micro_batch_size = 4\n"
    )
    registry = load_registry(create_plugin_manager(environment={}), workspace=workspace, home=home)
    notes: list[str] = []
    wanted = FinetuneConfig("lora", data_dir=data_dir, original_split=True)
    done = finetune(wanted, registry, notes.append)
    assert (done.directory / PUZZLES_NAME).is_file()
    assert puzzle_fingerprint(ORLA) in (read_puzzles(done.directory) or ())
    assert done.lineage["leaked"] is True
    assert done.lineage["overlap"]["test"]["shared_rows"] == 40
    assert done.lineage["data_arguments"] == {"original_split": True}
    assert any(note.startswith("overlap with the test split: 40 of 60 rows") for note in notes)
    with pytest.raises(PreflightError, match="'lora' was trained on the puzzles of 40 of 60 rows"):
        run_quietly(registry, models=("lora",), tasks=("puzzte",), data_dir=data_dir)
    report, _ = run_quietly(
        registry, models=("lora",), tasks=("puzzte",), data_dir=data_dir, limit=3, allow_leak=("lora",)
    )
    assert report.tasks[0].models[0].leaked == 3
    (done.directory / PUZZLES_NAME).unlink()
    report, messages = run_quietly(registry, models=("lora",), tasks=("puzzte",), data_dir=data_dir, limit=3)
    assert report.tasks[0].models[0].leaked == 0
    assert sum("its overlap with the test is unknown" in message for message in messages) == 1
