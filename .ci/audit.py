"""Asks whether any version in constraints.txt has a known vulnerability, and never takes silence for a no.

    python .ci/audit.py              part of `make check`; where nobody can be asked it says so and is skipped
    python .ci/audit.py --require    then it fails instead

pip-audit alone ends as if all were well when the service that it asks knows none of the packages.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
ACCEPTED: dict[str, str] = {}
"""Identifier of a vulnerability → why it does not matter here."""
SECONDS = 15
"""For each request."""


@dataclass(frozen=True)
class Outcome:
    """What became of asking."""

    audited: int
    """Packages about which the service knew something."""
    unknown: tuple[str, ...] = ()
    """Packages that it did not know."""
    vulnerable: tuple[str, ...] = ()
    """One sentence each."""
    failure: str = ""
    """Why nobody could be asked."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--require", action="store_true", help="fail where nobody can be asked")
    options = parser.parse_args()
    outcome = asked()
    print(told(outcome))
    if outcome.vulnerable:
        return 1
    return int(options.require and not outcome.audited)


def asked() -> Outcome:
    """Runs pip-audit over the constraints."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
    ]
    command += ["off", "--timeout", str(SECONDS), "--requirement", str(CONSTRAINTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        return read(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode} and said nothing"]
        return Outcome(0, failure=lines[-1][:300])


def read(said: dict[str, Any]) -> Outcome:
    """What pip-audit's JSON says."""
    audited, unknown, vulnerable = 0, [], []
    for package in said["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
            continue
        audited += 1
        for found in package["vulns"]:
            if not {found["id"], *found.get("aliases", ())} & set(ACCEPTED):
                mended = ", ".join(found.get("fix_versions", ())) or "no version yet"
                vulnerable.append(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    failure = "" if audited else "the service that was asked knows none of the packages"
    return Outcome(audited, tuple(unknown), tuple(vulnerable), failure)


def told(outcome: Outcome) -> str:
    """For people."""
    if not outcome.audited:
        return (
            f"audit SKIPPED, nothing is known about the versions in {CONSTRAINTS.name}: {outcome.failure}. Run it "
            "again with a network: make audit"
        )
    unknown = f"; not known to the service: {', '.join(outcome.unknown)}" if outcome.unknown else ""
    if outcome.vulnerable:
        return "\n  ".join([f"audit: {len(outcome.vulnerable)} known vulnerabilities{unknown}", *outcome.vulnerable])
    return f"audit: {outcome.audited} packages, no known vulnerability{unknown}"


if __name__ == "__main__":
    sys.exit(main())
