"""What the benchmarks of answering ask: the rows of a task, as a model is asked them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contenders import Work
from train import home

from entailbench import Decoding, Message, Model, ModelIdentity, Prompt


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that ``workload`` reads."""
    parser.add_argument("--task", default="puzzte_generated", help="a task whose name ends in _mc is scored")
    parser.add_argument("--split", default="test", help="or several with commas between, one after the other")
    parser.add_argument("--data-dir", type=Path, help="of tasks that read a folder")
    parser.add_argument("--limit", type=int, default=120, help="rows")
    parser.add_argument("--order", choices=("file", "puzzle"), default="file", help="puzzle: whole puzzles together")
    parser.add_argument(
        "--shots", type=int, default=0, help="answered rows in front of every row, from the end of the task"
    )
    parser.add_argument("--pretrained", type=Path, help="a Hugging Face folder; default: SmolLM2-135M-Instruct")
    parser.add_argument("--adapter", type=Path, help="a PEFT adapter on it")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rows", type=int, help="of ours being written at a time; default: what suits the device")
    parser.add_argument(
        "--candidates",
        type=lambda text: tuple(text.split("|")),
        help="to score instead of the task's, a | between them",
    )
    parser.add_argument("--max-tokens", type=int, help="of an answer, instead of the task's limit")
    parser.add_argument("--no-stop", action="store_true", help="with --max-tokens: without the task's stop strings")


class _AskedError(Exception):
    """Stops a task as soon as it has asked its model."""


class _Listener(Model):
    """Listens to what is asked and answers nothing."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.prompts: list[Prompt] = []
        self.decoding: Decoding | None = None
        self.candidates: list[Sequence[str]] = []

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("none", None)

    def render(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def generate(self, prompts: Any, decoding: Any) -> Any:
        self.prompts += prompts
        self.decoding = decoding
        raise _AskedError

    def score(self, prompts: Any, candidates: Any) -> Any:
        self.prompts += prompts
        self.candidates += candidates
        raise _AskedError


def workload(options: argparse.Namespace) -> tuple[Work, int]:
    """The rows of a task as a model is asked them, and how many puzzles they are about."""
    from entailbench_adapters.hf_weights import load_tokenizer

    pretrained = options.pretrained or embedded_folder()
    found = _Listener(
        load_tokenizer(options.adapter if options.adapter and has_tokenizer(options.adapter) else pretrained)
    )
    for split in options.split.split(","):
        _listen(found, options, split)
    last = len(found.prompts) - options.shots
    shots = [
        turn for shot in found.prompts[last:] for turn in (*shot.messages, Message("assistant", str(shot.doc["label"])))
    ]
    puzzle_of = [puzzle(prompt) for prompt in found.prompts[:last]]
    order = list(range(last))
    if options.order == "puzzle":
        first = {name: number for number, name in reversed(list(enumerate(puzzle_of)))}
        order.sort(key=lambda number: first[puzzle_of[number]])
    order = order[: options.limit]
    decoding = found.decoding or Decoding(1)
    if options.max_tokens:
        decoding = Decoding(options.max_tokens, () if options.no_stop else decoding.stop)
    prompts = [found.prompts[number] for number in order]
    work = Work(
        prompts=tuple(
            (f"{number}", found.render([*shots, *prompt.messages]) if shots else prompt.text)
            for number, prompt in enumerate(prompts)
        ),
        candidates=tuple(options.candidates or tuple(found.candidates[number]) for number in order)
        if found.candidates
        else (),
        decoding=decoding,
        pretrained=str(pretrained),
        adapter=str(options.adapter) if options.adapter else None,
        dtype=options.dtype,
        device=options.device,
        threads=options.threads,
        rows=options.rows,
        contexts=tuple(str(prompt.doc.get("context") or "") for prompt in prompts),
    )
    return work, len({puzzle_of[number] for number in order})


def puzzle(prompt: Prompt) -> str:
    """What the rows on one puzzle have in common."""
    return str(prompt.doc.get("context") or prompt.doc.get("puzzle") or prompt.id)


def _listen(found: _Listener, options: argparse.Namespace, split: str) -> None:
    from entailbench import harness
    from entailbench.plugins import create_plugin_manager
    from entailbench.registry import load_registry
    from entailbench.runner import task_paths

    metadata = {"data_dir": str(options.data_dir) if options.data_dir else None}
    paths = task_paths(load_registry(create_plugin_manager()))
    tasks, problems = harness.load_tasks([options.task], paths, split=split, metadata=metadata)
    if problems:
        sys.exit("\n".join(problems))
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(_AskedError):
        harness.evaluate(
            *(found, "listener", tasks[0]),
            limit=None,
            on_start=lambda rows: None,
            on_answer=lambda prompt, answer: None,
            out=Path(folder),
        )


def numbers(text: str) -> list[int]:
    """``1,4,8``."""
    return [int(part) for part in text.split(",")]


def has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer.json").is_file()


def embedded_folder() -> Path:
    """SmolLM2 from the cache."""
    from entailbench_adapters import embedded

    return embedded.prepare(home(), lambda line: print(line, file=sys.stderr))
