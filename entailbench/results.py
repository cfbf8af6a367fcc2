"""Reads a run directory back: what was asked, what was answered, and by whom."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from entailbench.answered import PERTURBATIONS, SUFFIX, Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.errors import DataError
from entailbench.records import LABELS, OUTCOMES, UNPARSED, ModelIdentity, Usage

__all__ = ["RunRecord", "read_model_answers", "read_run"]

R = TypeVar("R", Row, PerturbedRow, Judged)
TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "bool | None": (bool, type(None)),
    "str | None": (str, type(None)),
    "float | None": (float, int, type(None)),
    "Mapping[str, str | int]": (dict,),
}
"""What JSON may give for the fields of ``Row`` and ``Judged``, by their annotations."""


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


def read_run(path: Path) -> RunRecord:
    """Reads what ``entailbench run`` wrote.

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
    names = [str(name) for name in config.get("models", ())]
    models = {name: _object(path / "models" / f"{name}.json") for name in _finished(path, names, described)}
    identities = {name: _identity(path / "models" / f"{name}.json", model) for name, model in models.items()}
    tasks = tuple(_task(path, task, facts, models) for task, facts in described.items())
    versions = path / "versions.json"
    return RunRecord(path, config, _object(versions) if versions.is_file() else {}, tasks, identities)


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


def _task(
    path: Path,
    task: str,
    facts: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
) -> TaskAnswers:
    rows = tuple(_records(path / "rows" / f"{task}.jsonl", Row))
    if not rows:
        raise DataError(f"{path / 'rows' / f'{task}.jsonl'} has no rows")
    perturbed = _perturbed(path, task, rows)
    answers = [read_model_answers(path, task, name, model, rows, perturbed) for name, model in models.items()]
    return TaskAnswers(
        task=task,
        split=str(facts.get("split", "test")),
        labels=str(facts.get("title") or facts.get("labels", "")),
        rows=rows,
        models=tuple(answers),
        baselines=_baselines(path / "baselines" / f"{task}.json", rows),
        scored=bool(facts.get("scored")),
        perturbed=perturbed,
        not_perturbed=facts.get("not_perturbed") or {},
    )


def read_model_answers(
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
    return ModelAnswers(
        name=name,
        answers=_paired(file, rows, tuple(_records(file, Judged))),
        identity=_identity(path / "models" / f"{name}.json", model),
        seconds=(model.get("seconds") or {}).get(task),
        cached=int((model.get("cached") or {}).get(task, 0)),
        leaked=int((model.get("leaked") or {}).get(task, 0)),
        lineage=model.get("lineage"),
        usage=_usage(path / "models" / f"{name}.json", model.get("usage")),
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
            for one in json.loads(file.read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged: {error}") from error


def _identity(file: Path, model: Mapping[str, Any]) -> ModelIdentity:
    facts = model.get("identity")
    known = {field.name for field in dataclasses.fields(ModelIdentity)}
    if not isinstance(facts, dict) or "backend" not in facts or not set(facts) <= known:
        raise DataError(f"{file} is damaged: it does not say what the model was (identity)")
    return ModelIdentity(**facts)


def _usage(file: Path, facts: Any) -> Usage | None:
    """What answering took; a run of an older version does not say it."""
    known = {field.name for field in dataclasses.fields(Usage)}
    if facts is None:
        return None
    if not isinstance(facts, dict) or any(type(value) not in (int, float, type(None)) for value in facts.values()):
        raise DataError(f"{file} is damaged: it does not say what answering took (usage)")
    return Usage(**{name: value for name, value in facts.items() if name in known})


def _object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
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
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"no file {file}: the run is not complete") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    # Not splitlines(): a JSON string may hold U+2028 as it is.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DataError(f"{file}, line {number}: not JSON ({error})") from error
        if not isinstance(value, dict) or not needed <= set(value):
            missing = ", ".join(sorted(needed - set(value))) if isinstance(value, dict) else "all fields"
            raise DataError(f"{file}, line {number}: damaged, without {missing}")
        record = kind(**{name: item for name, item in value.items() if name in known})
        if problem := _problem(record):
            raise DataError(f"{file}, line {number}: {problem}")
        yield record


def _problem(record: Row | PerturbedRow | Judged) -> str | None:
    """What is wrong with the values, as half a sentence."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if type(value) not in TYPES[str(field.type)]:
            return f"{field.name} is {value!r}, not {field.type}"
        if isinstance(value, float) and not 0 <= value <= 1:
            return f"{field.name} is {value!r}, not in [0, 1]"
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
        return f"the {what} {label!r} is none of {', '.join(allowed)}"
    return None
