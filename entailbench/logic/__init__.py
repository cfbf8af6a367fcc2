"""Puzzles whose answers are proved: what follows from what is computed, never guessed.

Imports only ``entailbench.errors`` and ``entailbench.records``. What plugins use stands here (``from entailbench
import logic``); each name's module is loaded when the name is first used, so that importing this costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entailbench.logic.auditing.agreement import COMPATIBLE
    from entailbench.logic.auditing.audit import AuditedRow, AuditReport, AuditRow, audit_rows
    from entailbench.logic.auditing.audit_json import json_lines, summary
    from entailbench.logic.auditing.audit_page import markdown_page, terminal_text
    from entailbench.logic.auditing.repair import OUTCOMES, RepairedRow, repair_labels
    from entailbench.logic.generator import Dials, generate_split
    from entailbench.logic.generator.mixture import Mixture, generate_mixture
    from entailbench.logic.judging.judge import DEFAULT_TIMEOUT, Verdict, judge_puzzle
    from entailbench.logic.language import ALL_READINGS, PUZZTE, Conventions, family_of, read_puzzle, read_question
    from entailbench.logic.proofs import check
    from entailbench.logic.puzzle import FAMILIES, Puzzle, Question, Reading, Unread
    from entailbench.logic.truth import TRUTHS, Truth, binary_label

__all__ = [
    "ALL_READINGS",
    "COMPATIBLE",
    "DEFAULT_TIMEOUT",
    "FAMILIES",
    "OUTCOMES",
    "PUZZTE",
    "TRUTHS",
    "AuditReport",
    "AuditRow",
    "AuditedRow",
    "Conventions",
    "Dials",
    "Mixture",
    "Puzzle",
    "Question",
    "Reading",
    "RepairedRow",
    "Truth",
    "Unread",
    "Verdict",
    "audit_rows",
    "binary_label",
    "check",
    "family_of",
    "generate_mixture",
    "generate_split",
    "json_lines",
    "judge_puzzle",
    "markdown_page",
    "read_puzzle",
    "read_question",
    "repair_labels",
    "summary",
    "terminal_text",
]

_HOMES = {
    "auditing.agreement": ("COMPATIBLE",),
    "auditing.audit": ("AuditReport", "AuditRow", "AuditedRow", "audit_rows"),
    "auditing.audit_json": ("json_lines", "summary"),
    "auditing.audit_page": ("markdown_page", "terminal_text"),
    "generator": ("Dials", "generate_split"),
    "generator.mixture": ("Mixture", "generate_mixture"),
    "judging.judge": ("DEFAULT_TIMEOUT", "Verdict", "judge_puzzle"),
    "language": ("ALL_READINGS", "PUZZTE", "Conventions", "family_of", "read_puzzle", "read_question"),
    "proofs": ("check",),
    "puzzle": ("FAMILIES", "Puzzle", "Question", "Reading", "Unread"),
    "auditing.repair": ("OUTCOMES", "RepairedRow", "repair_labels"),
    "truth": ("TRUTHS", "Truth", "binary_label"),
}
"""Module → the names that it gives."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
