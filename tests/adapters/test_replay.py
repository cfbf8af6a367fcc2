"""The ``replay`` backend: recorded answers find their questions, or nothing is answered at all."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import DataError, Decoding, Message, Model, ModelError, OpenContext, Prompt, TaskOutline
from entailbench_adapters.replay import ReplayBackend, ReplayOptions, most_agreed

GREEDY = Decoding(max_tokens=16)
MakeContext = Callable[..., OpenContext]


def prompts(count: int, task: str = "t", first: int = 0) -> list[Prompt]:
    return [
        Prompt(
            f"{task}/{i}",
            task,
            i,
            (Message("user", f"question {i}"),),
            "",
            {"id": f"row-{i}", "context": f"A is\ttaller  than B{i}.", "question": f"Is A taller than B{i} ?"},
        )
        for i in range(first, first + count)
    ]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    return {".jsonl": write_jsonl, ".csv": write_csv}[path.suffix](path, rows)


def opened(context: MakeContext, path: Path | str, **options: Any) -> Model:
    return ReplayBackend().open(ReplayOptions(str(path), **options), context())


def answers(model: Model, asked: Sequence[Prompt]) -> dict[str, str]:
    return {answer.prompt_id: answer.text for answer in model.generate(asked, GREEDY)}


def problem(context: MakeContext, path: Path, **options: Any) -> str:
    """What ``check`` says, which must be what ``open`` raises."""
    (sentence,) = ReplayBackend().check(ReplayOptions(str(path), **options), context())
    with pytest.raises(DataError) as caught:
        opened(context, path, **options)
    assert str(caught.value) == sentence
    assert "\n" not in sentence
    return sentence


ROWS_BY: dict[str, Callable[[int], dict[str, Any]]] = {
    "doc_id": lambda i: {"doc_id": i},
    "id": lambda i: {"id": f"row-{i}"},
    "text": lambda i: {"context": f" A is taller\nthan B{i}. ", "question": f"Is  A taller than B{i} ?"},
    "task and doc_id": lambda i: {"task": "t", "doc_id": i},
}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("kind", ROWS_BY)
@pytest.mark.parametrize("column", ["answer", "output", "prediction", "response", "text", "mine"])
def test_answers_find_their_rows(context: MakeContext, tmp_path: Path, suffix: str, kind: str, column: str) -> None:
    rows = [{**ROWS_BY[kind](i), column: f"said {i},\n“so”"} for i in (2, 0, 1)]
    path = write(tmp_path / f"recorded{suffix}", rows)
    model = opened(context, path, answer_column="mine" if column == "mine" else None)
    assert answers(model, prompts(3)) == {f"t/{i}": f"said {i},\n“so”" for i in range(3)}
    assert answers(model, prompts(1, first=2)) == {"t/2": "said 2,\n“so”"}


@pytest.mark.parametrize("row_id", [lambda i: f"row-{i}", lambda i: None], ids=["id", "no id"])
def test_a_predictions_file_of_an_earlier_run(
    context: MakeContext, tmp_path: Path, row_id: Callable[[int], str | None]
) -> None:
    rows = [
        {
            "prompt_id": f"{task}/{i}",
            "task": task,
            "split": "test",
            "doc_id": i,
            "id": row_id(i),
            "gold": "entailment",
            "text": f" {task} {i}\n",
        }
        for task in ("t", "u")
        for i in range(2)
    ]
    model = opened(context, write_jsonl(tmp_path / "gpt35.jsonl", rows))
    assert answers(model, prompts(2)) == {"t/0": " t 0\n", "t/1": " t 1\n"}
    assert answers(model, prompts(2, "u")) == {"u/0": " u 0\n", "u/1": " u 1\n"}
    with pytest.raises(
        ModelError, match=r"no answer for 2 of 2 prompts: v/0, v/1 \(looked for .*id '.*0' of task 'v', …"
    ):
        answers(model, prompts(2, "v"))


def test_answers_to_another_split_are_not_taken(context: MakeContext, tmp_path: Path) -> None:
    rows = [{"task": "t", "split": "test", "doc_id": 0, "id": "test-row-0", "text": "x"}]
    model = opened(context, write_jsonl(tmp_path / "a.jsonl", rows))
    with pytest.raises(ModelError, match=r"looked for id 'row-0' of task 't'"):
        answers(model, prompts(1))


def test_a_relative_path_starts_at_the_workspace(context: MakeContext, workspace: Path) -> None:
    write_jsonl(workspace / "mine.jsonl", [{"doc_id": 0, "answer": ""}])
    assert answers(opened(context, "mine.jsonl"), prompts(1)) == {"t/0": ""}


def test_the_file_is_the_identity(context: MakeContext, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "mine.jsonl", [{"doc_id": 0, "answer": "x"}])
    identity = opened(context, path).identity
    assert identity.backend == "replay"
    assert identity.weights == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert identity.details["answers"] == str(path)
    assert not ReplayBackend.scores


def test_nothing_is_answered_when_something_is_missing(context: MakeContext, tmp_path: Path) -> None:
    model = opened(context, write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": "x"}]))
    stream = model.generate(prompts(6), GREEDY)
    with pytest.raises(ModelError, match=r"no answer for 5 of 6 prompts: t/1, t/2, t/3, … \(looked for doc_id '1', …"):
        next(stream)


@pytest.mark.parametrize("kind", ROWS_BY)
def test_missing_answers_are_known_before_anything_is_opened(context: MakeContext, tmp_path: Path, kind: str) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{**ROWS_BY[kind](i), "answer": "x"} for i in (0, 2)])
    options = ReplayOptions(str(path))
    docs = tuple(prompt.doc for prompt in prompts(7))

    def problems(count: int, decoding: Decoding | None = GREEDY) -> list[str]:
        return list(ReplayBackend().check_task(options, context(), TaskOutline("t", docs[:count], decoding)))

    assert problems(1) == []
    assert problems(7, None) == [], "a task that scores candidates is refused elsewhere"
    (problem,) = problems(7)
    assert f"{path} has no answer for 5 of 7 prompts: t/1, t/3, t/4, … (looked for " in problem
    with pytest.raises(ModelError) as caught:
        answers(opened(context, path), prompts(7))
    assert str(caught.value) == problem
    path.write_text("")
    assert "has no rows" in problems(1)[0]


def test_conflicting_answers_are_known_before_anything_is_opened(context: MakeContext, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": word} for word in "xy"])
    (problem,) = ReplayBackend().check_task(
        ReplayOptions(str(path)), context(), TaskOutline("t", (prompts(1)[0].doc,), GREEDY)
    )
    assert "lines 1 and 2 give different answers for the same doc_id '0'" in problem


def test_row_numbers_of_one_task_are_not_those_of_another(context: MakeContext, tmp_path: Path) -> None:
    model = opened(context, write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": "x"}]))
    assert answers(model, prompts(1)) == {"t/0": "x"}
    with pytest.raises(ModelError, match=r"without saying of which task.*'t' and 'u': add a column `task`"):
        answers(model, prompts(1, "u"))


def test_the_key_can_be_chosen(context: MakeContext, tmp_path: Path) -> None:
    rows = [{"doc_id": 5, **ROWS_BY["text"](0), "answer": "x"}]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    assert answers(opened(context, path, key="text"), prompts(1)) == {"t/0": "x"}
    with pytest.raises(ModelError):
        answers(opened(context, path), prompts(1))


def test_an_id_is_the_number_where_rows_have_none(context: MakeContext, tmp_path: Path) -> None:
    model = opened(context, write_csv(tmp_path / "a.csv", [{"id": 3, "answer": "x"}]))
    assert answers(model, [Prompt("t/3", "t", 3, (), "", {})]) == {"t/3": "x"}


def test_the_same_answer_twice_is_one(context: MakeContext, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": "x"}, {"doc_id": 0, "answer": "x"}])
    assert answers(opened(context, path), prompts(1)) == {"t/0": "x"}


def test_two_answers_for_one_row(context: MakeContext, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"doc_id": 7, "answer": "x"}\n\n{"doc_id": "7", "answer": "y"}\n')
    assert "lines 1 and 3 give different answers for the same doc_id '7'" in problem(context, path)
    path = write_jsonl(path, [{**ROWS_BY["text"](0), "answer": word} for word in "xy"])
    assert "lines 1 and 2 give different answers for the same context and question" in problem(context, path)
    path = write_jsonl(path, [{"task": "t", "doc_id": 1, "answer": word} for word in "xy"])
    assert "for the same doc_id '1' of task 't'" in problem(context, path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"", "has no rows"),
        ("a.jsonl", b"\n \n", "has no rows"),
        ("a.csv", b"doc_id,answer\n", "has no rows"),
        ("a.csv", b"", "has no rows"),
        ("a.jsonl", b'{"doc_id": 0, "answer": "x"}\n{"doc_id": 1, "ans', "line 2: not JSON"),
        ("a.jsonl", b'\n["doc_id"]\n', "line 2: not a JSON object"),
        ("a.jsonl", b'{"doc_id": 0, "answer": "x"}\n{"doc_id": 1, "answer": "\xff"}', "line 2: not UTF-8 text"),
        ("a.jsonl", b'{"doc_id": 0, "answer": 3}', "line 1: 'answer' is not text but 3"),
        ("a.jsonl", b'{"doc_id": 0, "answer": "x"}\n{"doc_id": 1}\n', "line 2: no value in answer"),
        ("a.jsonl", b'{"doc_id": 0, "answer": null}', "line 1: no value in answer"),
        ("a.jsonl", b'{"doc_id": 0, "answer": "x"}\n{"answer": "x"}\n', "line 2: no value in doc_id"),
        ("a.jsonl", b'{"answer": "x"}', "needs the columns id, doc_id, or context and question, and has answer"),
        ("a.csv", b"context,answer\na,b\n", "needs the columns id, doc_id, or context and question"),
        ("a.csv", b"doc_id,label\n0,b\n", "no column one of answer, output, prediction, response, text"),
        ("a.csv", b"doc_id,text,output\n0,b,c\n", "several columns for the answers (output, text); set answer_column"),
        ("a.csv", b"doc_id,answer\n0,b\n1\n", "line 3: the header has 2 columns, this row has not"),
        ("a.csv", b"doc_id,answer\n0,b,c\n", "line 2: the header has 2 columns, this row has not"),
        ("a.csv", b'doc_id,answer\n0,"b\n', "not CSV"),
        ("a.json", b"{}", "is neither .jsonl nor .csv"),
        ("a.parquet", b"PAR1", "is neither .jsonl nor .csv"),
    ],
)
def test_files_that_cannot_be_used(context: MakeContext, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    sentence = problem(context, path)
    assert words in sentence
    assert str(path) in sentence


def test_options_that_do_not_fit_the_file(context: MakeContext, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": "x"}])
    assert "no column 'mine' for the answers (it has doc_id, answer)" in problem(context, path, answer_column="mine")
    assert "needs the columns context and question" in problem(context, path, key="text")


def test_no_file(context: MakeContext, tmp_path: Path) -> None:
    assert f"no file {tmp_path / 'none.jsonl'}" in problem(context, tmp_path / "none.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    assert f"cannot read {tmp_path / 'folder.jsonl'}: Is a directory" in problem(context, tmp_path / "folder.jsonl")


def test_a_byte_order_mark_is_no_part_of_a_column(context: MakeContext, tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("doc_id,answer\r\n0,x\r\n".encode("utf-8-sig"))
    assert answers(opened(context, path), prompts(1)) == {"t/0": "x"}


# Several answers a row

SAID = {0: ["yes", "no", "yes"], 1: ["no", "no", "yes"], 2: ["maybe", "yes", "maybe"]}
"""Row → what was answered; "maybe" is no label."""


def several(form: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A file with three answers for each of three rows, and the options that it wants."""
    if form == "list":
        return write_jsonl(folder / "a.jsonl", [{"id": f"row-{i}", "answer": SAID[i]} for i in SAID]), {"samples": 3}
    if form == "lines":
        rows = [{"doc_id": i, "answer": SAID[i][place]} for place in range(3) for i in SAID]
        return write_csv(folder / "a.csv", rows), {"samples": 3}
    rows = [{"doc_id": i, **{f"run {place}": SAID[i][place] for place in range(3)}} for i in SAID]
    return write_csv(folder / "a.csv", rows), {"answer_column": ("run 0", "run 1", "run 2")}


def label(text: str) -> str:
    return {"yes": "entailment", "no": "not entailment"}.get(text, "unparsed")


def voting(asked: Sequence[Prompt]) -> list[Prompt]:
    return [replace(prompt, read_label=label) for prompt in asked]


@pytest.mark.parametrize("form", ["list", "lines", "columns"])
def test_of_several_answers_the_majority_counts_or_one_of_them(context: MakeContext, tmp_path: Path, form: str) -> None:
    path, options = several(form, tmp_path)
    model = opened(context, path, **options)
    assert list(answers(model, voting(prompts(3))).values()) == ["yes", "no", "yes"]
    assert model.identity.remark == "majority of 3 answers"
    for place in range(3):
        model = opened(context, path, sample=place + 1, **options)
        assert list(answers(model, voting(prompts(3))).values()) == [SAID[i][place] for i in range(3)]
        assert model.identity.remark == f"answer {place + 1} of 3"


def test_one_answer_needs_no_remark(context: MakeContext, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"doc_id": 0, "answer": "x"}])
    assert opened(context, path).identity.remark is None
    assert opened(context, path, sample=1, samples=1).identity.remark is None


@pytest.mark.parametrize(
    ("texts", "winner"),
    [
        (["yes"], "yes"),
        (["no", "yes", "yes"], "yes"),
        (["maybe", "maybe", "no"], "no"),
        (["maybe", "perhaps"], "maybe"),
        (["no", "yes"], "no"),
        (["yes", "no", "no", "yes"], "yes"),
    ],
)
def test_answers_without_a_label_do_not_vote_and_the_first_of_equals_wins(texts: list[str], winner: str) -> None:
    assert most_agreed(texts, label) == winner


def test_where_nobody_reads_labels_the_texts_are_counted() -> None:
    assert most_agreed(["a", "b ", "b"], None) == "b "


@given(st.lists(st.sampled_from(["yes", "no", "maybe"]), min_size=1, max_size=9))
def test_the_winner_is_an_answer_and_no_label_has_more(texts: list[str]) -> None:
    winner = most_agreed(texts, label)
    assert winner in texts
    assert all(texts.count(winner) >= texts.count(other) for other in ("yes", "no") if label(winner) != "unparsed")
    assert label(winner) != "unparsed" or not {"yes", "no"} & set(texts)


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([{"doc_id": 0, "answer": ["x", "y"]}], {}, "line 1: 'answer' has 2 answers: set samples = 2"),
        (
            [{"doc_id": 0, "answer": ["x", "y"]}],
            {"samples": 3},
            "line 1: 'answer' has 2 answers: samples = 3 are wanted",
        ),
        ([{"doc_id": 0, "answer": []}], {}, "'answer' has 0 answers"),
        ([{"doc_id": 0, "answer": ["x", 3]}], {"samples": 2}, "line 1: 'answer' is not text but 3"),
        (
            [{"doc_id": i, "answer": f"{i}{n}"} for i in range(2) for n in range(2 - i)],
            {"samples": 2},
            "has 1 answer for doc_id '1' (line 3), and samples = 2 are wanted of every row",
        ),
        ([{"doc_id": 0, "answer": word} for word in "xy"], {}, "keep one of them, or say samples = 2"),
        ([{"doc_id": 0, "answer": [*pair]} for pair in ("xy", "xz")], {"samples": 2}, "lines 1 and 2 give different"),
        ([{"doc_id": 0, "a": "x", "b": "y"}], {"answer_column": ("a", "c")}, "has no column 'c' for the answers"),
        ([{"doc_id": 0, "a": "x", "b": "y"}], {"answer_column": ("a", "a")}, "names a column twice"),
        ([{"doc_id": 0, "a": "x", "b": "y"}], {"answer_column": ("a", "b"), "samples": 3}, "answer_column names 2"),
        ([{"doc_id": 0, "a": "x", "b": None}], {"answer_column": ("a", "b")}, "line 1: no value in b"),
        ([{"doc_id": 0, "answer": "x"}], {"samples": 0}, "at least one answer"),
        ([{"doc_id": 0, "answer": "x"}], {"sample": 2}, "read with 1 answer a row"),
        ([{"doc_id": 0, "answer": "x"}], {"sample": 0}, "sample = 0"),
        ([{"answer": "x"}, {"answer": "y"}], {"key": "order", "samples": 2}, "1 answer for row 0 (line 1)"),
        ([{"answer": "x"}], {}, 'key = "order" takes its lines in the order of the rows'),
    ],
)
def test_answers_that_do_not_fit_their_number(
    context: MakeContext, tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any], words: str
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    (sentence,) = ReplayBackend().check(ReplayOptions(str(path), **options), context())
    assert words in sentence


# In the rows' order


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_lines_answer_the_rows_in_their_order(context: MakeContext, tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", [{"doc_id": 9 - i, "answer": f"said {i}"} for i in range(4)])
    model = opened(context, path, key="order")
    assert answers(model, prompts(4)) == {f"t/{i}": f"said {i}" for i in range(4)}
    with pytest.raises(ModelError, match="without saying of which task"):
        answers(model, prompts(4, "u"))


def test_lines_of_several_tasks_are_counted_apart(context: MakeContext, tmp_path: Path) -> None:
    rows = [{"task": task, "answer": f"{task} {i}"} for i in range(2) for task in "tu"]
    model = opened(context, write_jsonl(tmp_path / "a.jsonl", rows), key="order")
    assert answers(model, prompts(2)) == {"t/0": "t 0", "t/1": "t 1"}
    assert answers(model, prompts(2, "u")) == {"u/0": "u 0", "u/1": "u 1"}


@pytest.mark.parametrize(
    ("lines", "asked", "split", "fits"),
    [(7, 7, None, True), (7, 7, 7, True), (7, 3, 7, True), (6, 7, 7, False), (8, 7, 7, False), (3, 3, 7, False)],
)
def test_the_order_wants_as_many_lines_as_the_split_has_rows(
    context: MakeContext, tmp_path: Path, lines: int, asked: int, split: int | None, fits: bool
) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"answer": "x"} for _ in range(lines)])
    outline = TaskOutline("t", tuple(prompt.doc for prompt in prompts(asked)), GREEDY, split)
    problems = list(ReplayBackend().check_task(ReplayOptions(str(path), key="order"), context(), outline))
    assert [f"has {lines} rows and task 't' has {split or asked}" in problem for problem in problems] == [True] * (
        not fits
    )


def test_the_task_reads_what_votes(workspace: Path, home: Path) -> None:
    """A real run: the answers agree on a label, in words that differ."""
    from entailbench.plugins import create_plugin_manager
    from entailbench.registry import load_registry
    from entailbench.runner import RunConfig, run

    class Quiet:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_: None

    said = ["entailment", "Not entailment.", "not entailment"]
    write_jsonl(workspace / "a.jsonl", [{"doc_id": i, "id": None, "answer": said} for i in range(3000)])
    (workspace / "entailbench.toml").write_text(
        '[models.votes]\nbackend = "replay"\nanswers = "a.jsonl"\nkey = "order"\nsamples = 3\n'
        '[models.first]\nbackend = "replay"\nanswers = "a.jsonl"\nkey = "order"\nsamples = 3\nsample = 1\n'
    )
    registry = load_registry(create_plugin_manager(environment={}), workspace=workspace, home=home)
    (task,) = run(RunConfig(models=("votes", "first"), limit=5), registry, Quiet()).tasks
    assert {answer.predicted for answer in task.models[0].answers} == {"not entailment"}
    assert {answer.text for answer in task.models[0].answers} == {"Not entailment."}
    assert {answer.predicted for answer in task.models[1].answers} == {"entailment"}
    assert task.models[0].title == "votes (majority of 3 answers)"


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = write_jsonl(folder / "a.jsonl", [{"doc_id": i, "answer": text} for i, text in enumerate(texts)])
    model = ReplayBackend().open(ReplayOptions(str(path)), OpenContext("m", folder, folder))
    assert answers(model, prompts(len(texts))) == {f"t/{i}": text for i, text in enumerate(texts)}
