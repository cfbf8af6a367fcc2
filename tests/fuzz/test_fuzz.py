"""A few inputs of each target, the same ones every time; ``make fuzz`` tries others for as long as it is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from fuzz.targets import TARGETS, Target, attempt

FOUND = Path(__file__).parent / "found"


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_only_what_a_user_can_mend_is_raised(target: Target) -> None:
    @settings(
        max_examples=target.examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs())
    def fuzzed(value: Any) -> None:
        attempt(target, value)

    fuzzed()


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_found_once(path: Path) -> None:
    """Inputs that once raised something else; their names begin with the target's."""
    target = TARGETS[path.stem.rpartition("-")[0]]
    attempt(target, thawed(json.loads(path.read_text(encoding="utf-8"))))


def thawed(value: Any) -> Any:
    """An input as ``long.py`` wrote it down."""
    if isinstance(value, dict) and set(value) == {"bytes"}:
        return bytes.fromhex(value["bytes"])
    return tuple(value) if isinstance(value, list) else value
