"""Going on with a run that was interrupted: what must be the same as when it began, and what it has answered."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entailbench.bounded import parse_json, read_json
from entailbench.contracts import Model, ResolvedModel
from entailbench.errors import DataError, UsageError
from entailbench.records import OUTCOMES, Answer, CandidateScores, Usage
from entailbench.remembering import Earlier
from entailbench.run_directory import to_json, write_atomically
from entailbench.run_lock import is_held
from entailbench.run_plan import Plan, RunConfig

__all__ = [
    "PLAN",
    "Progress",
    "check_same_model",
    "check_same_plan",
    "described_plan",
    "find_unfinished",
    "is_finished",
    "progress_of",
    "recorded_config",
    "told",
]

PLAN = "plan.json"
ASKED = ("models", "tasks", "limit", "split", "data_dir", "metadata", "allow_leak", "perturb", "truncate")
"""The fields of a ``RunConfig`` that say what is asked; the others say how."""
LATELY = 50
"""How many run directories, the newest ones, are looked at for one that was not finished."""


@dataclass(frozen=True)
class Progress:
    """How far a model of an interrupted run is."""

    described: Mapping[str, Any] = field(default_factory=dict)
    """Its ``models/NAME.json``; empty where it was not opened yet."""
    answers: Mapping[str, Earlier] = field(default_factory=dict)
    """By the prompt's id, what it has answered."""
    answered_by: tuple[Mapping[str, str], ...] = ()
    """What came with these answers, see ``Model.answered_by``."""
    torn: int = 0
    """Lines that were not whole, damaged, or there twice; they are taken out of the file."""
    errors: int = 0
    """Rows that ended as errors; they are asked again, too."""

    @property
    def finished(self) -> bool:
        """Whether all its answers are judged and written down."""
        return bool(self.described.get("finished"))

    @property
    def dollars(self) -> float:
        """What its answers have cost."""
        answers = [one.answer for one in self.answers.values()]
        return sum(one.usage.dollars or 0.0 for one in answers if isinstance(one, Answer) and one.usage)


# What must be the same


def described_plan(
    plan: Plan,
    config: RunConfig,
    questions: Mapping[str, str],
    tasks: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that determines a run's answers, as far as it is known before a model is opened; plain JSON.

    Args:
        plan: what it will do.
        config: what it was asked.
        questions: by task, the hash of its rows.
        tasks: as in ``tasks.json``.
        versions: as in ``versions.json``.
    """
    asked = {name: getattr(config, name) for name in ASKED}
    models = {one.spec.name: _described_model(one) for one in plan.models}
    described = {"asked": asked, "models": models, "tasks": tasks, "questions": questions, "versions": versions}
    plain: dict[str, Any] = parse_json(to_json(described))
    return plain


def _described_model(model: ResolvedModel) -> dict[str, Any]:
    """Its options, but for those that change no answer and those that its ``repr`` hides since they may be secret."""
    shown = repr(model.options)
    options = {
        one.name: repr(value)
        for one in dataclasses.fields(model.options)
        if one.name not in model.backend.manner
        for value in (getattr(model.options, one.name),)
        if f"{one.name}={value!r}" in shown
    }
    base = model.context.base
    return {"backend": model.backend.name, "options": options, "base": _described_model(base) if base else None}


def check_same_plan(path: Path, now: Mapping[str, Any]) -> None:
    """Compares ``described_plan`` with what the run in ``path`` wrote down when it began.

    Raises:
        UsageError: something is different; names everything that is.
    """
    before = _json(path / PLAN)
    if before is None:
        raise UsageError(f"{path} has no {PLAN}: it stopped before it asked anything; begin a new run")
    if differences := list(_differences(before, now)):
        listing = "\n".join(f"  - {line}" for line in differences)
        raise UsageError(
            f"{path} cannot go on, since its answers would not be those of one run. Different now:\n{listing}\n"
            "Change it back, or begin a new run"
        )


def check_same_model(name: str, model: Model, described: Mapping[str, Any]) -> None:
    """Compares an open model with what an earlier start of the run wrote about it.

    Raises:
        UsageError: it is another one; names what is different.
    """
    if not described:
        return
    before, now = described.get("determined_by"), model.determined_by
    if before is None and now is None:
        identity = described.get("identity") or {}
        before = {key: identity.get(key) for key in ("backend", "weights", "template")}
        now = {key: getattr(model.identity, key) for key in before}
    if differences := list(_differences(before or {}, parse_json(to_json(now or {})))):
        raise UsageError(
            f"{name} is not the model that the run began with: {'; '.join(differences)}. Change it back, or begin a "
            "new run"
        )


def _differences(before: Any, now: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            yield from _differences(before.get(key), now.get(key), (*path, str(key)))
    elif before != now:
        words = [word for word in path if word not in ("asked", "options", "determined by")]
        yield f"{' · '.join(words)}: {_shown(before)} when the run began, {_shown(now)} now"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


# Unfinished runs


def is_finished(path: Path) -> bool:
    """Whether a run came to its end; its report can be made again at any time."""
    asked = (_json(path / PLAN) or {}).get("asked")
    return (
        asked is not None
        and all(_progress(path, name).finished for name in asked["models"])
        and all((path / "baselines" / f"{task}.json").is_file() for task in asked["tasks"])
    )


def find_unfinished(folder: Path, now: Mapping[str, Any]) -> Path | None:
    """The newest run in ``folder`` that was interrupted and began with the same plan; None where there is none."""
    try:
        newest = sorted((one for one in folder.iterdir() if (one / PLAN).is_file()), key=lambda one: one.name)[-LATELY:]
    except OSError:
        return None
    for path in reversed(newest):
        if _json(path / PLAN) == now and not is_finished(path) and not is_held(path):
            return path
    return None


def recorded_config(path: Path) -> RunConfig:
    """What the run in ``path`` was asked to do.

    Raises:
        UsageError: there is no run, or its ``config.json`` is of another version.
    """
    found = _json(path / "config.json")
    if found is None:
        raise UsageError(f"{path} is no run directory: it has no config.json, which every run writes first")
    values: dict[str, Any] = {}
    for one in dataclasses.fields(RunConfig):
        if one.name not in found:
            continue
        value = found[one.name]
        if isinstance(value, list):
            value = tuple(value)
        elif one.name in ("output", "data_dir", "cache_dir") and value is not None:
            value = Path(value)
        values[one.name] = value
    try:
        return dataclasses.replace(RunConfig(**values), output=path)
    except TypeError as error:
        raise UsageError(f"{path / 'config.json'} is damaged, or of another version: {error}") from error


# What was answered


def progress_of(path: Path, name: str) -> Progress:
    """How far a model is; takes what is damaged or no answer out of its file of predictions.

    Raises:
        RunError: the file cannot be written.
        DataError: it cannot be read.
    """
    file = path / "predictions" / f"{name}.jsonl"
    found = _progress(path, name)
    if not file.is_file():
        return found
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    whole, _, rest = content.rpartition(b"\n")
    kept: list[str] = []
    answers: dict[str, Earlier] = {}
    answered_by: dict[str, Mapping[str, str]] = {}
    torn, errors = int(bool(rest)), 0
    for line in whole.split(b"\n") if whole else []:
        row = _row(line)
        if row is None:
            torn += 1
        elif row.get("outcome") == "error":
            errors += 1
        elif row["prompt_id"] in answers:
            torn += 1
        else:
            answers[row["prompt_id"]] = Earlier(row["asked"], _answer(row), bool(row.get("cached")))
            kept.append(line.decode())
            if by := row.get("answered_by"):
                answered_by[to_json(by)] = by
    if torn or errors:
        write_atomically(file, "".join(f"{line}\n" for line in kept))
    return Progress(found.described, answers, tuple(answered_by.values()), torn, errors)


def _progress(path: Path, name: str) -> Progress:
    return Progress(_json(path / "models" / f"{name}.json") or {})


def _row(line: bytes) -> dict[str, Any] | None:
    """A line of predictions; None where it is damaged."""
    try:
        row = parse_json(line.decode("utf-8"))
        _answer(row)
        return row if isinstance(row["asked"], str) and isinstance(row["prompt_id"], str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _answer(row: Mapping[str, Any]) -> Answer | CandidateScores:
    cut = int(row.get("cut", 0))
    if "logprobs" in row:
        logprobs, greedy = tuple(map(float, row["logprobs"])), tuple(map(bool, row["greedy"]))
        return CandidateScores(row["prompt_id"], logprobs, greedy, cut)
    usage = row.get("usage")
    known = {one.name for one in dataclasses.fields(Usage)}
    outcome = row.get("outcome", "answered")
    if outcome not in OUTCOMES or not isinstance(row["text"], str):
        raise ValueError(outcome)
    return Answer(
        row["prompt_id"],
        row["text"],
        outcome,
        row.get("reason", ""),
        row.get("probability"),
        None if usage is None else Usage(**{key: value for key, value in usage.items() if key in known}),
        cut,
    )


def told(progress: Mapping[str, Progress]) -> Sequence[str]:
    """What a run that goes on finds, a line for each model."""
    lines = []
    for name, one in progress.items():
        if one.finished:
            lines.append(f"{name} is finished")
            continue
        line = f"{name}: {len(one.answers):,} rows are answered already"
        if one.torn:
            line += f"; {one.torn:,} damaged {'line was' if one.torn == 1 else 'lines were'} taken out"
        if one.errors:
            line += f"; {one.errors:,} {'error is' if one.errors == 1 else 'errors are'} asked again"
        lines.append(line)
    return lines


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none, or a damaged one."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
