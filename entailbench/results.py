"""Reads a run directory back: what was asked, what was answered, and by whom."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from entailbench.answered import PERTURBATIONS, SUFFIX, Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.bounded import FILE_BYTES, bounded_lines, parse_json, read_json
from entailbench.errors import DataError
from entailbench.names import MODEL_NAME, is_file_name
from entailbench.records import LABELS, OUTCOMES, UNPARSED, ModelIdentity, Usage

__all__ = ["RunRecord", "read_rows", "read_run"]

R = TypeVar("R", Row, PerturbedRow, Judged)
MOST = 10**15
"""No count, time or price of a run is larger; what is would only be a number to trip over."""
TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "bool | None": (bool, type(None)),
    "str | None": (str, type(None)),
    "float | None": (float, int, type(None)),
    "Mapping[str, str | int]": (dict, MappingProxyType),
}
"""What JSON may give for the fields of ``Row`` and ``Judged``, by their annotations."""
SHARED = frozenset(
    (
        *("puzzle", "context", "gold", "truth", "published", "verified", "perturbation"),
        *("predicted", "text", "prompt", "three_way", "outcome", "reason"),
    )
)
"""Fields of which many records have the same text: questions of one puzzle, models of one template, two labels."""


@dataclass(frozen=True)
class RunRecord:
    """A finished run."""

    directory: Path
    config: Mapping[str, Any]
    """What was asked for, see ``runner.RunConfig``."""
    versions: Mapping[str, str]
    """Of Python and the packages that took part."""
    tasks: tuple[TaskAnswers, ...]
    identities: Mapping[str, ModelIdentity]
    """By model name."""


def read_run(path: Path, *, prompts: bool = True) -> RunRecord:
    """Reads what ``entailbench run`` wrote.

    Args:
        path: the run directory.
        prompts: whether rows keep what was asked, which takes as much memory as all else of them, and which only
            comparing runs needs.

    Raises:
        DataError: no run directory, a run that was not finished, or a damaged file; names file and line.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no run directory: {'it is a file' if path.exists() else 'it does not exist'}")
    if not (path / "config.json").is_file() or not (path / "tasks.json").is_file():
        raise DataError(
            f"{path} is no run directory: it has no config.json and tasks.json, which every run writes first"
        )
    config, described = _object(path / "config.json"), _object(path / "tasks.json")
    # Of an older run these files are missing altogether.
    if not (path / "rows").is_dir():
        raise DataError(f"{path} was written by an older entailbench, which did not keep its rows: run it again")
    names = _names(path / "config.json", config)
    if not all(isinstance(facts, dict) for facts in described.values()):
        raise DataError(f"{path / 'tasks.json'} is damaged: it does not describe the tasks")
    if strange := [task for task in described if not is_file_name(task)]:
        raise DataError(f"{path / 'tasks.json'} is damaged: {strange[0][:100]!r} cannot be the name of a task")
    models = {name: _object(path / "models" / f"{name}.json") for name in _finished(path, names, described)}
    identities = {name: _identity(path / "models" / f"{name}.json", model) for name, model in models.items()}
    tasks = tuple(_task(path, task, facts, models, prompts) for task, facts in described.items())
    versions = path / "versions.json"
    return RunRecord(path, config, _object(versions) if versions.is_file() else {}, tasks, identities)


def _names(file: Path, config: Mapping[str, Any]) -> Sequence[str]:
    """The models of the run; their names are names of files, and must not lead out of the folder."""
    names = config.get("models", ())
    if not isinstance(names, list | tuple):
        raise DataError(f"{file} is damaged: it does not list the models")
    for name in names:
        if not isinstance(name, str) or not MODEL_NAME.fullmatch(name):
            raise DataError(f"{file} is damaged: {str(name)[:100]!r} cannot be the name of a model")
    return names


def _finished(path: Path, names: Sequence[str], tasks: Mapping[str, Any]) -> Sequence[str]:
    """The models of the run; all of them must have answered all tasks."""
    missing = [
        f"{name} on {task}"
        for name in names
        for task in tasks
        if not (path / "judged" / task / f"{name}.jsonl").is_file() or not (path / "models" / f"{name}.json").is_file()
    ]
    if missing:
        raise DataError(
            f"{path} is a run that was not finished: there are no judged answers of {', '.join(missing)}. What was "
            f"answered is in {path / 'predictions'}; go on with it: entailbench run --resume {path}"
        )
    return names


def read_rows(path: Path, task: str, *, prompts: bool = False) -> tuple[Row, ...]:
    """The rows of a task that a run asked.

    Args:
        path: the run directory.
        task: the task's name.
        prompts: see ``read_run``.

    Raises:
        DataError: there are none, or the file is damaged or missing.
    """
    records = _records(path / "rows" / f"{task}.jsonl", Row)
    rows = tuple(records if prompts else (dataclasses.replace(row, prompt="") for row in records))
    if not rows:
        raise DataError(f"{path / 'rows' / f'{task}.jsonl'} has no rows")
    return rows


def _task(
    path: Path,
    task: str,
    facts: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    prompts: bool,
) -> TaskAnswers:
    rows = read_rows(path, task, prompts=prompts)
    perturbed = _perturbed(path, task, rows)
    answers = [_model_answers(path, task, name, model, rows, perturbed) for name, model in models.items()]
    return TaskAnswers(
        task=task,
        split=str(facts.get("split", "test")),
        labels=str(facts.get("title") or facts.get("labels", "")),
        rows=rows,
        models=tuple(answers),
        baselines=_baselines(path / "baselines" / f"{task}.json", rows),
        scored=bool(facts.get("scored")),
        perturbed=perturbed,
        not_perturbed=_not_perturbed(path / "tasks.json", facts),
    )


def _model_answers(
    path: Path, task: str, name: str, model: Mapping[str, Any], rows: Sequence[Row], perturbed: Sequence[PerturbedRow]
) -> ModelAnswers:
    """What a model that is finished has answered to one task.

    Args:
        path: the run directory.
        task: the task's name.
        name: the model's.
        model: its ``models/NAME.json``.
        rows: of the task.
        perturbed: the rows that were put otherwise; empty without ``--perturb``.

    Raises:
        DataError: a file is damaged or missing.
    """
    file = path / "judged" / task / f"{name}.jsonl"
    twin = path / "judged" / f"{task}{SUFFIX}" / f"{name}.jsonl"
    described = path / "models" / f"{name}.json"
    return ModelAnswers(
        name=name,
        answers=_paired(file, rows, tuple(_records(file, Judged))),
        identity=_identity(described, model),
        seconds=_by_task(described, model, "seconds").get(task),
        cached=int(_by_task(described, model, "cached").get(task, 0)),
        leaked=int(_by_task(described, model, "leaked").get(task, 0)),
        lineage=_lineage(described, model),
        usage=_usage(described, model.get("usage")),
        perturbed=_paired(twin, perturbed, tuple(_records(twin, Judged))) if perturbed else (),
    )


def _perturbed(path: Path, task: str, rows: Sequence[Row]) -> tuple[PerturbedRow, ...]:
    """The rows that ``run --perturb`` asked too; none without it."""
    file = path / "perturbed" / f"{task}.jsonl"
    if not file.is_file():
        return ()
    found = tuple(_records(file, PerturbedRow))
    known = {row.doc_id for row in rows}
    if strange := [one.doc_id for one in found if one.of not in known or one.perturbation not in PERTURBATIONS]:
        raise DataError(
            f"{file} is damaged: its row {strange[0]} is of no row of the task, or perturbed in no known way"
        )
    return found


def _paired(file: Path, rows: Sequence[Row | PerturbedRow], answers: Sequence[Judged]) -> tuple[Judged, ...]:
    found = {answer.doc_id: answer for answer in answers}
    wanted = [row.doc_id for row in rows]
    if len(found) != len(answers) or set(found) != set(wanted):
        raise DataError(
            f"{file} answers {len(found):,} different rows in {len(answers):,} lines; its task has {len(wanted):,} rows"
        )
    return tuple(found[number] for number in wanted)


def _baselines(file: Path, rows: Sequence[Row]) -> tuple[ModelAnswers, ...]:
    if not file.is_file():
        return ()
    try:
        return tuple(
            ModelAnswers(
                name=str(one["name"]),
                answers=tuple(Judged(row.doc_id, label) for row, label in zip(rows, one["predicted"], strict=True))
                if not one["unavailable"]
                else (),
                unavailable=str(one["unavailable"]),
            )
            for one in read_json(file, FILE_BYTES)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged: {error}") from error


def _identity(file: Path, model: Mapping[str, Any]) -> ModelIdentity:
    facts = model.get("identity")
    known = {field.name for field in dataclasses.fields(ModelIdentity)}
    if (
        not isinstance(facts, dict)
        or not {"backend", "weights"} <= set(facts) <= known
        or not isinstance(facts["backend"], str)
        or not all(isinstance(facts.get(name), str | None) for name in known - {"backend", "details"})
        or not isinstance(facts.get("details", {}), dict)
    ):
        raise DataError(f"{file} is damaged: it does not say what the model was (identity)")
    details = {str(key): str(value) for key, value in facts.get("details", {}).items()}
    return ModelIdentity(**{**facts, "details": details})


def _by_task(file: Path, model: Mapping[str, Any], what: str) -> Mapping[str, float]:
    """A table of numbers by task, which an older version may lack."""
    found = model.get(what) or {}
    if not isinstance(found, dict) or not all(
        type(value) in (int, float) and 0 <= value < MOST for value in found.values() if value is not None
    ):
        raise DataError(f"{file} is damaged: {what} is no table of numbers by task")
    return {task: value for task, value in found.items() if value is not None}


def _lineage(file: Path, model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    lineage = model.get("lineage")
    if lineage is not None and not isinstance(lineage, dict):
        raise DataError(f"{file} is damaged: lineage is no table")
    return lineage


def _not_perturbed(file: Path, facts: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]]:
    found = facts.get("not_perturbed") or {}
    if not isinstance(found, dict) or not all(
        isinstance(reasons, dict) and all(type(count) is int for count in reasons.values())
        for reasons in found.values()
    ):
        raise DataError(f"{file} is damaged: not_perturbed is no table of numbers of rows by reason")
    return found


def _usage(file: Path, facts: Any) -> Usage | None:
    """What answering took; a run of an older version does not say it."""
    known = {field.name for field in dataclasses.fields(Usage)}
    if facts is None:
        return None
    if not isinstance(facts, dict) or not all(
        value is None or (type(value) in (int, float) and 0 <= value < MOST) for value in facts.values()
    ):
        raise DataError(f"{file} is damaged: it does not say what answering took (usage)")
    return Usage(**{name: value for name, value in facts.items() if name in known})


def _object(file: Path) -> dict[str, Any]:
    try:
        value = read_json(file)
    except FileNotFoundError:
        raise DataError(f"no file {file}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{file} is damaged: not a JSON object")
    return value


def _records(file: Path, kind: type[R]) -> Iterator[R]:
    """The records of a JSON Lines file; fields that a later version added are passed over."""
    known = {field.name: field for field in dataclasses.fields(kind)}
    needed = {
        name
        for name, field in known.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(bounded_lines(lines), start=1):
                if line.strip():
                    yield _record(kind, line, known, needed, f"{file}, line {number}")
    except FileNotFoundError:
        raise DataError(f"no file {file}: the run is not complete") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _record(kind: type[R], line: str, known: Container[str], needed: Set[str], where: str) -> R:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error})") from error
    if not isinstance(value, dict) or not needed <= set(value):
        missing = ", ".join(sorted(needed - set(value))) if isinstance(value, dict) else "all fields"
        raise DataError(f"{where}: damaged, without {missing}")
    record = kind(**{name: _once(name, item) for name, item in value.items() if name in known})
    if problem := _problem(record):
        raise DataError(f"{where}: {problem}")
    return record


def _once(name: str, value: Any) -> Any:
    """The value; what many records have in common is kept once."""
    if name in SHARED and type(value) is str:
        return sys.intern(value)
    if name == "facets" and isinstance(value, dict) and all(map(_is_facet, value.values())):
        return _facets(tuple(value.items()))
    return value


@lru_cache(maxsize=4_096)
def _facets(found: tuple[tuple[str, str | int], ...]) -> Mapping[str, str | int]:
    return MappingProxyType(dict(found))


def _problem(record: Row | PerturbedRow | Judged) -> str | None:
    """What is wrong with the values, as half a sentence."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if type(value) not in TYPES[str(field.type)]:
            return f"{field.name} is {_shown(value)}, not {field.type}"
        if value is not None and "float" in str(field.type) and not 0 <= value <= 1:
            return f"{field.name} is {_shown(value)}, not in [0, 1]"
        if type(value) is int and abs(value) > MOST:
            return f"{field.name} is {_shown(value)}, too large"
        if isinstance(value, dict) and (strange := [one for one in value.values() if not _is_facet(one)]):
            return f"{field.name} holds {_shown(strange[0])}, not text or a number"
    if isinstance(record, Row | PerturbedRow):
        allowed: tuple[str, ...] = LABELS
        label, what = record.gold, "gold label"
    elif record.outcome not in OUTCOMES:
        allowed, label, what = OUTCOMES, record.outcome, "outcome"
    else:
        # Only an answer has a label.
        allowed = (*LABELS, UNPARSED) if record.outcome == "answered" else (UNPARSED,)
        label, what = record.predicted, "label read"
    if label not in allowed:
        return f"the {what} {_shown(label)} is none of {', '.join(allowed)}"
    return None


def _is_facet(value: Any) -> bool:
    return isinstance(value, str) or (type(value) is int and abs(value) <= MOST)


def _shown(value: Any) -> str:
    """What stands there, as far as a message has room."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
