"""The cache's file: several processes at a time, processes that are killed, and what a key is made of."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from entailbench import Decoding, Message, Prompt
from entailbench.answer_cache import FILE, AnswerCache, cache_info, clear_cache, verify_cache
from entailbench.answer_keys import model_key, question_key

WRITER = """
import sys
from pathlib import Path
from entailbench.answer_cache import AnswerCache
folder, which, first, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
told = []
with AnswerCache(folder, told.append) as cache:
    print("ready", flush=True)
    sys.stdin.readline()
    for row in range(first, last):
        cache.keep(f"model-{row % 3}", f"question-{row}", {"text": f"{which} {row}"}, name="m",
                   determined_by={"of": row % 3}, answered_by={}, asked=f"asked-{row % 3}")
        if row % 10 == 0:
            print(row, flush=True)
        if row % 7 == 0:
            cache.find(f"model-{row % 3}", [f"question-{row}", f"question-{row - 3}"])
assert not told, told
"""


def writer(folder: Path, which: str, first: int, last: int) -> subprocess.Popen[str]:
    """A process that waits for a line and then writes its rows."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), which, str(first), str(last)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def found(folder: Path, rows: range) -> dict[int, str]:
    """What the cache has of the writers' rows."""
    texts = {}
    with AnswerCache(folder, pytest.fail) as cache:
        for number in range(3):
            questions = {f"question-{row}": row for row in rows if row % 3 == number}
            answers = cache.find(f"model-{number}", list(questions))
            texts.update({questions[key]: value["text"] for key, value in answers.items()})
    return texts


@pytest.mark.parametrize("processes", [2, pytest.param(6, marks=pytest.mark.soak)])
def test_processes_lose_each_other_no_write(tmp_path: Path, processes: int) -> None:
    """10,000 rows each, of which half are also the next one's."""
    each = 10_000
    writers = [writer(tmp_path, f"p{n}", n * each // 2, n * each // 2 + each) for n in range(processes)]
    for process in writers:
        begin(process)
    for process in writers:
        process.communicate(timeout=300)
        assert process.returncode == 0
    rows = range((processes - 1) * each // 2 + each)
    texts = found(tmp_path, rows)
    assert sorted(texts) == list(rows)
    for row, text in texts.items():
        which = int(text.partition(" ")[0].removeprefix("p"))
        assert text == f"p{which} {row}"
        assert 0 <= row - which * each // 2 < each
    assert verify_cache(tmp_path) == []
    info = cache_info(tmp_path)
    assert info is not None
    assert info.answers == len(rows)


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_a_killed_process_leaves_a_whole_file_and_all_that_it_had_kept(tmp_path: Path, kills: int) -> None:
    for number in range(kills):
        first = 100_000 * number
        process = writer(tmp_path, "killed", first, first + 100_000)
        begin(process)
        assert process.stdout is not None
        at = 40 + 37 * number % 400
        said = first
        for line in process.stdout:
            said = int(line)
            if said >= first + at:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        assert process.returncode == -signal.SIGKILL
        assert sorted(found(tmp_path, range(first, said + 1))) == list(range(first, said + 1))
    assert verify_cache(tmp_path) == []


def test_threads_share_one_cache(tmp_path: Path) -> None:
    with AnswerCache(tmp_path, pytest.fail) as cache:

        def write(number: int) -> None:
            for row in range(number * 200, number * 200 + 200):
                cache.keep(
                    *("model", f"question-{row}", {"text": "x"}),
                    name="m",
                    determined_by={},
                    answered_by={},
                    asked="asked",
                )

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cache.find("model", [f"question-{row}" for row in range(1000)])) == 800


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"name": "m", "determined_by": {}, "asked": "asked"}
    with AnswerCache(tmp_path, pytest.fail) as cache:
        cache.keep("model", "question", {"text": "old"}, answered_by={"served": "1"}, **arguments)
        monkeypatch.setattr(time, "time", lambda: -1e9)
        cache.keep("other", "question", {"text": "new"}, answered_by={"served": "2"}, **arguments)
        assert cache.last_answered_by("asked") == {"served": "2"}
        assert cache.find("model", ["question"]) == {"question": {"text": "old"}}


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    told: list[str] = []
    with AnswerCache(tmp_path, told.append) as cache:
        cache.keep("m", "q", {}, name="m", determined_by={}, answered_by={}, asked="a")
        assert cache.find("m", ["q"]) == {}
    (line,) = told
    assert "it is of a newer entailbench" in line
    assert "this run goes on without it" in line


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    with AnswerCache(tmp_path / "file/cache", told.append) as cache:
        assert cache.last_answered_by("a") is None
    (line,) = told
    assert str(tmp_path / "file/cache" / FILE) in line
    assert cache_info(tmp_path / "file/cache") is None
    assert clear_cache(tmp_path / "file/cache") == 0


def test_it_writes_no_pickle_and_no_prompt(tmp_path: Path) -> None:
    with AnswerCache(tmp_path, pytest.fail) as cache:
        cache.keep("m", "q", {"text": "half \ud83d"}, name="m", determined_by={}, answered_by={}, asked="a")
        assert cache.find("m", ["q"]) == {"q": {"text": "half \ud83d"}}
    with sqlite3.connect(tmp_path / FILE) as connection:
        ((answer,),) = connection.execute("SELECT answer FROM answers").fetchall()
    assert json.loads(answer) == {"text": "half \ud83d"}


PROMPT = Prompt("t/1", "t", 1, (Message("user", "Is it so?"),), "<user>Is it so?")
DECODING = Decoding(16, ("\n\n",), 0.0, 0)


@pytest.mark.parametrize(
    "other",
    [
        question_key(replace(PROMPT, text="<user>Is it so? "), DECODING),
        question_key(replace(PROMPT, messages=(Message("system", "Is it so?"),)), DECODING),
        *(question_key(PROMPT, replace(DECODING, **{name: value})) for name, value in (
            ("max_tokens", 17), ("stop", ("\n", "\n")), ("temperature", 0.5), ("seed", 1))),
        question_key(PROMPT, None, ("yes", "no")),
    ],
)  # fmt: skip
def test_whatever_is_asked_otherwise_has_another_key(other: str) -> None:
    assert other != question_key(PROMPT, DECODING)


def test_what_is_scored_counts_in_its_order() -> None:
    keys = {question_key(PROMPT, None, candidates) for candidates in (("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""))}
    assert len(keys) == 4


def test_the_row_counts_only_where_answers_are_drawn() -> None:
    other = replace(PROMPT, id="u/7", task="u", doc_id=7)
    assert question_key(other, DECODING) == question_key(PROMPT, DECODING)
    drawn = replace(DECODING, temperature=1.0)
    assert question_key(other, drawn) != question_key(PROMPT, drawn)


def test_keys_are_the_same_in_every_process() -> None:
    value = "{'b': 1, 'a': [2, None]}, {'y': '2', 'x': '1'}"
    code = f"from entailbench.answer_keys import model_key; print(model_key({value}))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == model_key({"a": [2, None], "b": 1}, {"x": "1", "y": "2"})
