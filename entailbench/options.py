"""Checks outside input against the frozen dataclass that declares the allowed options."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from entailbench.errors import nearest_hint

__all__ = ["parse_options"]

SECRET = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)


def parse_options(
    declared: type, given: Mapping[str, Any], where: Callable[[str | None], str]
) -> tuple[Any | None, list[str]]:
    """Builds ``declared`` from ``given``.

    Args:
        declared: a frozen dataclass; its fields are the allowed keys, its annotations their types.
        given: the keys as the user wrote them.
        where: says where a key stands (``None``: where the whole table stands), for the messages.

    Returns:
        The instance, or None with every mistake as a sentence: unknown keys with the nearest
        known one, missing keys, wrong types.
    """
    from pydantic import TypeAdapter, ValidationError

    fields = {field.name for field in dataclasses.fields(declared)}
    problems = [
        f"{where(key)}: unknown key {key!r}{nearest_hint(key, fields)} (known: {', '.join(sorted(fields))})"
        for key in given
        if key not in fields
    ]
    known = {key: value for key, value in given.items() if key in fields}
    try:
        # Through JSON, so that TOML's lists pass for tuples while "5" does not pass for 5.
        options: Any = TypeAdapter(declared).validate_json(json.dumps(known, default=str), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            location = [str(part) for part in detail["loc"]]
            key = location[0] if location else None
            message = detail["msg"][0].lower() + detail["msg"][1:]
            if detail["type"] == "missing":
                problems.append(f"{where(None)}: the key {key!r} is missing")
            else:
                entry = f"{where(key)}: key {'.'.join(location)!r}: {message}{_shown(key or '', known.get(key or ''))}"
                # A union reports once per member; the first says enough.
                if not any(problem.startswith(f"{where(key)}: key '{key}") for problem in problems):
                    problems.append(entry)
        return None, problems
    return (None if problems else options), problems


def _shown(key: str, value: Any) -> str:
    """What was given, unless it could carry a secret: a key, a URL with a password, a table of arguments."""
    if SECRET.search(key):
        return ""
    plain = isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 20 and "@" not in value)
    return f", got {value!r}" if plain else ""
