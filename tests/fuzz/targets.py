"""What is fuzzed: each target takes what a stranger wrote, and raises only what a user can mend."""

from __future__ import annotations

import functools
import importlib.resources
import json
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import strategies as st

from entailbench import LABELS, UNPARSED, DataError, EntailbenchError, logic
from fuzz.mutations import altered, as_json, mutated, seeds

SECONDS = 10.0
"""Of computing, no input may take longer. One that is refused takes milliseconds."""
FIRST_SECONDS = 120.0
"""The first input of a target, for which modules are imported."""


@dataclass(frozen=True)
class Target:
    """One reader of what strangers write."""

    name: str
    inputs: Callable[[], st.SearchStrategy[Any]]
    run: Callable[[Any], None]
    """Raises what is no ``EntailbenchError`` where the reader fails."""
    examples: int
    """In the normal tests."""


@contextmanager
def bounded_time(seconds: float = SECONDS) -> Iterator[None]:
    """Raises TimeoutError in what takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds} s of computing")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


_begun: set[str] = set()


def attempt(target: Target, given: Any) -> None:
    """Runs a target on one input; what a user can mend is no failure, and has a message to show."""
    with bounded_time(SECONDS if target.name in _begun else FIRST_SECONDS):
        _begun.add(target.name)
        try:
            target.run(given)
        except EntailbenchError as error:
            _check_message(error)


def _check_message(error: EntailbenchError) -> None:
    if not str(error).strip() or error.exit_code not in (1, 2):
        raise AssertionError(f"{error!r} says nothing")


@contextmanager
def a_file(name: str, text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode("utf-8", "surrogateescape" if _escaped(text) else "surrogatepass"))
        yield path


def _escaped(text: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in text)


# The configuration


@functools.cache
def _plugins() -> Any:
    from entailbench.plugins import create_plugin_manager

    return create_plugin_manager(environment={})


def config(text: str) -> None:
    """From the file to the options of every model in it."""
    from entailbench.registry import load_registry

    with a_file("entailbench.toml", text) as path:
        registry = load_registry(_plugins(), config=path)
        for name in registry.models:
            try:
                registry.resolve(name)
                if registry.spec(name).train:
                    registry.recipe(registry.spec(name))
            except EntailbenchError as error:
                _check_message(error)


# Rows and answers


def rows(given: tuple[str, str]) -> None:
    """Rows of the user's own, and the samples of ``--data``."""
    from entailbench.sft import read_pairs
    from entailbench_tasks.own_rows import read_own_rows

    suffix, text = given
    with a_file(f"rows{suffix}", text) as path:
        for read in (read_own_rows, read_pairs):
            try:
                read(path)
            except EntailbenchError as error:
                _check_message(error)


def parquet(content: bytes) -> None:
    from entailbench_tasks.tables import read_rows

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        path.write_bytes(content)
        read_rows(path)


def answers(given: tuple[str, str]) -> None:
    from entailbench_adapters.recorded_answers import read_answers

    suffix, text = given
    with a_file(f"answers{suffix}", text) as path:
        read_answers(path, None, "auto")


def generated(given: tuple[str, str]) -> None:
    """A folder that says it is one of ``entailbench generate``."""
    import hashlib

    from entailbench_tasks.generated import load

    manifest, text = given
    content = text.encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test.jsonl").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        (folder / "manifest.json").write_bytes(manifest.replace("DIGEST", digest).encode("utf-8", "surrogatepass"))
        load(generated_dir=folder)


# Answers of models, proofs, puzzles


@functools.cache
def shipped() -> list[dict[str, Any]]:
    """Some rows of each family of the package's own puzzles."""
    file = importlib.resources.files("entailbench_data") / "puzzte_generated" / "validation.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    families: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        families.setdefault(line["family"], []).append(line)
    return [row for found in families.values() for row in found[:: max(1, len(found) // 6)][:6]]


def said(given: tuple[int, str]) -> None:
    """Any text is an answer: it has a label or none, and a proof that holds or does not; nothing is raised."""
    from entailbench_tasks.labels import read_answers, read_label
    from entailbench_tasks.proof_validity import score_answer_and_proof

    number, text = given
    row = shipped()[number % len(shipped())]
    try:
        assert read_label(text) in (*LABELS, UNPARSED)
        (read,) = read_answers([[text]], [row])
        found = score_answer_and_proof(row, read)
    except EntailbenchError as error:
        raise AssertionError(f"an answer raised {error!r}") from error
    assert found["proof_valid"] <= found["proof_given"]


@functools.cache
def _question(number: int) -> tuple[Any, Any]:
    row = shipped()[number % len(shipped())]
    puzzle = logic.read_puzzle(row["context"])
    question = logic.read_question(puzzle, row["question"])
    assert isinstance(question, logic.Question)
    return puzzle.readings[0], question.formula


def proof(given: tuple[int, str]) -> None:
    """No text is a proof of two answers."""
    number, text = given
    row = shipped()[number % len(shipped())]
    reading, formula = _question(number)
    try:
        found = logic.check(reading, formula, text)
    except EntailbenchError as error:
        raise AssertionError(f"a proof raised {error!r}") from error
    # The puzzles are proved: whatever the checker accepts must be their answer.
    assert found.truth is None or found.truth == row["label_published"]


def puzzle(given: tuple[str, str]) -> None:
    text, question = given
    for conventions in (logic.ALL_READINGS, logic.PUZZTE):
        try:
            found = logic.read_puzzle(text, conventions)
        except DataError:
            continue
        logic.read_question(found, question)


# What a run left, and what a checkpoint says


@functools.cache
def run_files() -> dict[str, Any]:
    """A small whole run as values: file name → JSON, or a list of lines."""
    text = (Path(__file__).parent / "corpus/run/run.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def run_directory(files: dict[str, str]) -> None:
    """Read, analysed, and shown in every form."""
    from entailbench.analysis import analyse
    from entailbench.report.markdown import write_report
    from entailbench.report.page import render_page
    from entailbench.report.text import render
    from entailbench.results import read_run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        record = read_run(folder)
        report = analyse(record.tasks, str(folder), record.identities, record.versions)
        for form in ("github", "latex", "csv", "json"):
            render(report, form)
        write_report(report)
        render_page(report, record.tasks)


def checkpoint(files: dict[str, str]) -> None:
    """The small files of a checkpoint; its weights are no text."""
    from entailbench.lineage import sections
    from entailbench.overlap import read_puzzles
    from entailbench_adapters.checkpoint_files import adapter_problems, model_problems
    from entailbench_adapters.fingerprint import hash_weights
    from entailbench_adapters.litgpt_checkpoint import recognize
    from entailbench_adapters.litgpt_lineage import lineage_of, trained_on
    from entailbench_adapters.prompt_record import read_record
    from entailbench_adapters.prompt_template import style_class_name, style_of

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_bytes(text.encode("utf-8", "surrogateescape" if _escaped(text) else "surrogatepass"))
        reads: list[Callable[[], Any]] = [
            lambda: model_problems(folder),
            lambda: adapter_problems(folder),
            lambda: recognize(folder),
            lambda: read_record(folder),
            lambda: style_class_name(folder),
            lambda: style_of(folder),
            lambda: trained_on(folder),
            lambda: read_puzzles(folder),
            lambda: hash_weights(folder),
            lambda: sections(lineage_of(folder, None) or {}),
        ]
        for read in reads:
            try:
                read()
            except EntailbenchError as error:
                _check_message(error)


# Their inputs


def _files(corpus: str) -> st.SearchStrategy[tuple[str, str]]:
    suffixes = [".jsonl", ".json", ".csv"] if corpus == "rows" else [".jsonl", ".csv"]
    lines = [line for text in seeds(corpus) for line in text.split("\n") if line.startswith("{")]
    values = st.one_of([altered(json.loads(line)).map(as_json) for line in lines[:4]])
    return st.tuples(
        st.sampled_from(suffixes), st.one_of(mutated(seeds(corpus)), st.lists(values, max_size=4).map("\n".join))
    )


def _generated() -> st.SearchStrategy[tuple[str, str]]:
    manifest = '{"files": {"test.jsonl": {"sha256": "DIGEST", "rows": 1}}}'
    row = shipped()[0]
    return st.tuples(
        st.one_of(st.just(manifest), mutated([manifest]), altered(json.loads(manifest)).map(as_json)),
        st.one_of(mutated([json.dumps(row) + "\n"]), st.lists(altered(row).map(as_json), max_size=3).map("\n".join)),
    )


def _parquet() -> st.SearchStrategy[bytes]:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table({"context": ["a is taller than b."] * 3, "question": ["is a taller than b?"] * 3}), stream)
    whole = stream.getvalue()

    @st.composite
    def broken(draw: st.DrawFn) -> bytes:
        content = bytearray(whole)
        for _ in range(draw(st.integers(0, 8))):
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
        return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 4)) == 0 else content)

    return broken()


def _numbered(corpus: str) -> st.SearchStrategy[tuple[int, str]]:
    texts = seeds(corpus) + [row["proof"] for row in shipped() if row["proof"]]
    if corpus == "answers_of_models":
        texts += [f"{text}: entailment" for text in texts]
    return st.tuples(st.integers(0, len(shipped()) - 1), st.one_of(mutated(texts), st.text()))


def _puzzles() -> st.SearchStrategy[tuple[str, str]]:
    contexts = [*seeds("puzzles"), *(row["context"] for row in shipped())]
    return st.tuples(mutated(contexts), mutated([row["question"] for row in shipped()], 3))


@st.composite
def _runs(draw: st.DrawFn) -> dict[str, str]:
    files = dict(run_files())
    written: dict[str, str] = {}
    odd = draw(st.sets(st.sampled_from(sorted(files)), max_size=3))
    for name, value in files.items():
        if name in odd and name.endswith(".jsonl"):
            value = [*value]
            at = draw(st.integers(0, len(value) - 1))
            value[at] = draw(altered(value[at]))
        elif name in odd:
            value = draw(altered(value))
        text = "\n".join(map(json.dumps, value)) if name.endswith(".jsonl") else json.dumps(value)
        if name in odd and draw(st.integers(0, 4)) == 0:
            text = draw(mutated([text], 2))
        written[name] = text
    if draw(st.integers(0, 9)) == 0:
        del written[draw(st.sampled_from(sorted(written)))]
    return written


@st.composite
def _checkpoints(draw: st.DrawFn) -> dict[str, str]:
    folder = Path(__file__).parent / "corpus/checkpoint"
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}
    for name in draw(st.sets(st.sampled_from(sorted(files)), min_size=1, max_size=3)):
        if name.endswith(".json") and draw(st.booleans()):
            files[name] = as_json(draw(altered(json.loads(files[name]))))
        elif draw(st.integers(0, 5)) == 0:
            del files[name]
        else:
            files[name] = draw(mutated([files[name]]))
    return files


TARGETS = {
    target.name: target
    for target in (
        Target("config", lambda: mutated(seeds("config")), config, 120),
        Target("rows", lambda: _files("rows"), rows, 150),
        Target("parquet", _parquet, parquet, 60),
        Target("answers", lambda: _files("answers"), answers, 150),
        Target("generated", _generated, generated, 60),
        Target("said", lambda: _numbered("answers_of_models"), said, 150),
        Target("proof", lambda: _numbered("proofs"), proof, 150),
        Target("puzzle", _puzzles, puzzle, 60),
        Target("run_directory", _runs, run_directory, 40),
        Target("checkpoint", _checkpoints, checkpoint, 80),
    )
}
