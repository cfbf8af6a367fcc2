"""The published schema is the one of the records, and what is written keeps to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_up_report import made_up_report

from entailbench.report import schema
from entailbench.report.text import render

FILE = Path(__file__).parents[2] / "docs" / "report.schema.json"


def published() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def test_the_published_schema_is_that_of_the_records() -> None:
    assert published() == schema.report_schema(), "python -m entailbench.report.schema > docs/report.schema.json"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(published())


def test_what_the_records_say_of_their_fields_is_passed_on() -> None:
    records = published()["$defs"]
    assert records["Estimate"]["properties"]["undefined"]["description"].startswith("Why there is no value")
    assert records["Comparison"]["description"] == "Two models on the same rows."
    assert "`mcc`: Matthews" in records["ModelResult"]["properties"]["metrics"]["description"]


def test_a_report_keeps_to_it() -> None:
    jsonschema.validate(json.loads(render(made_up_report(), "json")), published())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.pop("schema"),
        lambda report: report.update(schema="entailbench-report/2"),
        lambda report: report["tasks"][0]["models"][0]["metrics"]["overall"].update(value="0.5"),
        lambda report: report["tasks"][0]["comparisons"][0].pop("verdict"),
        lambda report: report["tasks"][0].update(rows=None),
    ],
)
def test_what_is_no_report_does_not(spoil: Any) -> None:
    report = json.loads(render(made_up_report(), "json"))
    spoil(report)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, published())


@dataclass(frozen=True)
class Odd:
    pair: set[int]


def test_a_field_of_a_new_kind_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="say here what that is in JSON"):
        schema._record(Odd, {})
