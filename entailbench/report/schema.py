"""The JSON Schema of ``report.json``, made of the records that the file is written from.

``python -m entailbench.report.schema > docs/report.schema.json`` publishes it; a test holds the two together.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from entailbench.findings import METRICS, Report
from entailbench.report.json_form import SCHEMA

__all__ = ["report_schema"]

PLAIN: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def report_schema() -> dict[str, Any]:
    """The schema (draft 2020-12). Readers should pass over keys that they do not know: later versions may add some."""
    records: dict[str, dict[str, Any]] = {}
    top = _record(Report, records)
    top["properties"] = {"schema": {"const": SCHEMA}, **top["properties"]}
    top["required"] = ["schema", *top["required"]]
    meanings = " ".join(f"`{metric.name}`: {metric.meaning}" for metric in METRICS)
    records["ModelResult"]["properties"]["metrics"]["description"] += f" {meanings}"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "description": f"{_first_paragraph(Report)} Shares and probabilities are in [0, 1]; what is undefined is null.",
        **top,
        "$defs": dict(sorted(records.items())),
    }


def _record(record: type, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    told = _attribute_docstrings(record)
    properties = {}
    for field in dataclasses.fields(record):
        properties[field.name] = _type(hints[field.name], records)
        if field.name in told:
            properties[field.name]["description"] = told[field.name]
    return {"type": "object", "properties": properties, "required": list(properties)}


def _type(hint: Any, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of a field's type."""
    if hint is Any:
        return {}
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in records:
            records[hint.__name__] = {}
            records[hint.__name__] = {"description": _first_paragraph(hint), **_record(hint, records)}
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_type(argument, records) for argument in arguments]}
    if origin is tuple and arguments[1:] == (...,):
        return {"type": "array", "items": _type(arguments[0], records)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(arguments[1], records)}
    raise TypeError(f"a report has a field of type {hint!r}: say here what that is in JSON")


def _first_paragraph(record: type) -> str:
    return " ".join((inspect.getdoc(record) or "").split("\n\n")[0].split())


def _attribute_docstrings(record: type) -> dict[str, str]:
    """The strings below the fields of a dataclass."""
    (node,) = ast.parse(inspect.getsource(record)).body
    found: dict[str, str] = {}
    name = ""
    for statement in getattr(node, "body", ()):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and name:
            found[name] = " ".join(str(statement.value.value).split())
            name = ""
        else:
            name = ""
    return found


if __name__ == "__main__":
    print(json.dumps(report_schema(), indent=2, ensure_ascii=False))
