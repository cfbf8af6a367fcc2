"""Reads ``entailbench.toml``: every mistake is found and named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from entailbench.bounded import CONFIG_CHARS, TooLargeError, parse_toml, read_bounded
from entailbench.errors import ConfigError, nearest_hint
from entailbench.names import LONGEST_NAME, MODEL_NAME

__all__ = ["CONFIG_NAME", "ConfigFile", "ModelTable", "RunDefaults", "find_config", "read_config"]

CONFIG_NAME = "entailbench.toml"
HEADER_LINE = re.compile(r"\s*\[\s*([^\]]+?)\s*\]")
KEY_LINE = re.compile(r'\s*(?:"([^"]*)"|([^\s".=]+))\s*[.=]')
RUN_KEYS = {
    "models": list,
    "tasks": list,
    "limit": int,
    "split": str,
    "data_dir": str,
    "output": str,
    "budget": float,
    "max_errors": int,
}
LEAST = {"max_errors": 0}
"""What a number of ``[run]`` must at least be; 1 where nothing else is said. A budget must be more than 0."""
TRAIN_KEYS = {
    "trainer": str,
    "task": str,
    "target": str,
    "longest_target": int,
    "data": dict,
    "samples": int,
    "validation_samples": int,
}
RESERVED = {"split": "training reads both splits", "data_dir": "pass --data-dir"}


@dataclass(frozen=True)
class ModelTable:
    """One ``[models.NAME]`` table as written, split into what the core and what the backend reads."""

    name: str
    backend: str | None
    """None: the preset of this name is kept and only the given options change."""
    base: str | None
    options: Mapping[str, Any]
    train: Mapping[str, Any] | None
    """The core's own keys of ``[models.NAME.train]``."""
    recipe: Mapping[str, Any]
    """The trainer's keys of ``[models.NAME.train]``."""


@dataclass(frozen=True)
class RunDefaults:
    """``[run]``: what the command line need not repeat."""

    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    split: str | None = None
    data_dir: str | None = None
    output: str | None = None
    budget: float | None = None
    max_errors: int | None = None


@dataclass(frozen=True)
class ConfigFile:
    """A parsed configuration file."""

    path: Path | None = None
    models: Mapping[str, ModelTable] = field(default_factory=dict)
    run: RunDefaults = field(default_factory=RunDefaults)
    text: str = ""
    problems: tuple[str, ...] = ()
    """What is wrong in it as far as no plugin need be asked; the registry adds the rest and refuses them together."""

    def where(self, model: str, key: str | None = None, *, train: bool = False) -> str:
        """``file:line`` of a key of a model's table, as near as it can be found."""
        header = f"models.{model}.train" if train else f"models.{model}"
        return _locate(self.path, self.text, header, key)


def find_config(directory: Path) -> Path | None:
    """``entailbench.toml`` in ``directory``, or None."""
    path = directory / CONFIG_NAME
    return path if path.is_file() else None


def read_config(path: Path) -> ConfigFile:
    """Parses the file and checks what does not depend on plugins.

    Raises:
        ConfigError: it cannot be read, is malformed TOML (with the line), or beyond a bound (``bounded``).
    """
    try:
        text = read_bounded(path, 4 * CONFIG_CHARS).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        data = parse_toml(text)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except TooLargeError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    problems: list[str] = []
    for key in data:
        if key not in ("models", "run"):
            hint = nearest_hint(key, ("models", "run"))
            problems.append(f"{_locate(path, text, key, None)}: unknown table {key!r}{hint} (known: models, run)")
    run = _read_run(data.get("run", {}), path, text, problems)
    models = _read_models(data.get("models", {}), path, text, problems)
    return ConfigFile(path=path, models=models, run=run, text=text, problems=tuple(problems))


def _read_run(table: Any, path: Path, text: str, problems: list[str]) -> RunDefaults:
    if not isinstance(table, dict):
        problems.append(f"{path}: 'run' must be a table, [run]")
        return RunDefaults()
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = _locate(path, text, "run", key)
        if key not in RUN_KEYS:
            problems.append(f"{where}: unknown key {key!r}{nearest_hint(key, RUN_KEYS)} (known: {', '.join(RUN_KEYS)})")
        elif not _is(value, RUN_KEYS[key]) or not _is_enough(key, value):
            problems.append(f"{where}: {key!r} must be {_kind(RUN_KEYS[key], LEAST.get(key, 1))}, got {value!r}")
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return RunDefaults(**values)


def _read_models(tables: Any, path: Path, text: str, problems: list[str]) -> dict[str, ModelTable]:
    if not isinstance(tables, dict):
        problems.append(f"{_locate(path, text, '', 'models')}: 'models' must be tables, [models.NAME]")
        return {}
    models: dict[str, ModelTable] = {}
    for name, table in tables.items():
        header = f"models.{name}"
        if not isinstance(table, dict):
            problems.append(f"{_locate(path, text, 'models', name)}: {name!r} must be a table, [models.{name}]")
            continue
        if not MODEL_NAME.fullmatch(name):
            problems.append(
                f"{_locate(path, text, header, None)}: a model's name is made of at most {LONGEST_NAME} letters, "
                f"digits, '.', '_' and '-', got {name!r}"
            )
        for key in ("backend", "base"):
            if key in table and not isinstance(table[key], str):
                problems.append(f"{_locate(path, text, header, key)}: {key!r} must be a string, got {table[key]!r}")
                table = {**table, key: None}
        train = table.get("train")
        own: dict[str, Any] | None = None
        recipe: dict[str, Any] = {}
        if train is not None and not isinstance(train, dict):
            problems.append(f"{_locate(path, text, header, 'train')}: 'train' must be a table, [models.{name}.train]")
        elif train is not None:
            own = {key: value for key, value in train.items() if key in TRAIN_KEYS}
            recipe = {key: value for key, value in train.items() if key not in TRAIN_KEYS}
            for key, value in own.items():
                if not _is(value, TRAIN_KEYS[key]) or (TRAIN_KEYS[key] is int and value < 1):
                    where = _locate(path, text, f"{header}.train", key)
                    problems.append(f"{where}: {key!r} must be {_kind(TRAIN_KEYS[key])}, got {value!r}")
            problems += _data_problems(own.get("data"), f"{header}.train", path, text)
        models[name] = ModelTable(
            name=name,
            backend=table.get("backend"),
            base=table.get("base"),
            options={key: value for key, value in table.items() if key not in ("backend", "base", "train")},
            train=own,
            recipe=recipe,
        )
    return models


def _data_problems(data: Any, header: str, path: Path, text: str) -> list[str]:
    """What is wrong with the values of ``data``, as far as the task need not be asked."""
    if not isinstance(data, dict):
        return []
    problems = []
    for key, value in data.items():
        if not isinstance(value, str | int | float):
            where = _locate(path, text, f"{header}.data", key, inside=(header, "data"))
            problems.append(f"{where}: {key!r} in 'data' must be a number, a string or a boolean, got {value!r}")
        elif key in ("split", "data_dir"):
            where = _locate(path, text, f"{header}.data", key, inside=(header, "data"))
            problems.append(f"{where}: {key!r} cannot be set in 'data': {RESERVED[key]}")
    return problems


def _is(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)


def _is_enough(key: str, value: Any) -> bool:
    if RUN_KEYS[key] is float:
        return bool(0 < value < float("inf"))
    return RUN_KEYS[key] is not int or value >= LEAST.get(key, 1)


def _kind(kind: type, least: int = 1) -> str:
    return {
        list: "a list of strings",
        int: f"a whole number of at least {least}",
        float: "a number above 0",
        str: "a string",
        dict: "a table, for example {seed = 1}",
    }[kind]


def _locate(path: Path | None, text: str, header: str, key: str | None, inside: tuple[str, str] | None = None) -> str:
    """``path:line`` of ``key`` under ``[header]``, or of the key of another table that is ``inside``'s value.

    Only ``path`` where inline tables hide it.
    """
    headers, keys = _places(text)
    if key is not None and (header, key) in keys:
        return f"{path}:{keys[header, key]}"
    if header not in headers and inside:
        return _locate(path, text, *inside)
    return f"{path}:{headers[header]}" if header in headers else str(path)


@lru_cache(maxsize=4)
def _places(text: str) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """The lines at which tables begin, also those that only have tables within, and those of their keys.

    Read once, since a file can hold ten thousand mistakes.
    """
    headers: dict[str, int] = {}
    keys: dict[tuple[str, str], int] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := HEADER_LINE.match(line):
            current = re.sub(r"\s*\.\s*", ".", match[1].replace('"', ""))
            parts = current.split(".")
            for end in range(1, len(parts) + 1):
                headers.setdefault(".".join(parts[:end]), number)
        elif match := KEY_LINE.match(line):
            keys.setdefault((current, match[1] if match[1] is not None else match[2]), number)
    return headers, keys
