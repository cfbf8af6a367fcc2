"""The audit of the versions we pin: what is known is told, and that nothing is known is told too."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci/audit.py"


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_of_constraints", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def package(name: str, *vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(vulnerabilities)}


SKIPPED = {"name": "x", "skip_reason": "Dependency not found on PyPI and could not be audited: x (1.0)"}
BAD = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": "bad"}


def test_a_service_that_knows_nothing_is_no_clean_bill(audit: ModuleType) -> None:
    outcome = audit.read({"dependencies": [SKIPPED, SKIPPED]})
    assert outcome.audited == 0
    assert audit.told(outcome).startswith("audit SKIPPED, nothing is known")


def test_vulnerabilities_are_named(audit: ModuleType) -> None:
    outcome = audit.read({"dependencies": [package("good"), package("bad", BAD), SKIPPED]})
    assert outcome.vulnerable == ("bad 1.0: PYSEC-1, mended in 1.1",)
    assert "not known to the service: x" in audit.told(outcome)
    audit.ACCEPTED["CVE-1"] = "it is not reached"
    assert not audit.read({"dependencies": [package("bad", BAD)]}).vulnerable


def test_all_well(audit: ModuleType) -> None:
    assert audit.told(audit.read({"dependencies": [package("a"), package("b")]})) == (
        "audit: 2 packages, no known vulnerability"
    )


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--require",), 1)])
def test_without_a_network_it_says_that_it_was_skipped(arguments: tuple[str, ...], code: int) -> None:
    pytest.importorskip("pip_audit")
    nobody = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, env={**os.environ, **nobody}
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("audit SKIPPED, nothing is known about the versions in constraints.txt: ")


def test_every_version_is_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+!-]+", line) for line in lines)
    assert any(line.startswith("pip_audit==") for line in lines)
