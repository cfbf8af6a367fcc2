"""An audit as JSON: one object a row, and the figures of all. docs/labels.md lists the fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from entailbench.logic.auditing.audit import AuditedRow, AuditReport
from entailbench.logic.auditing.lag import LAGS, SOURCES, peak, total
from entailbench.logic.auditing.plain_evidence import plain_evidence
from entailbench.logic.auditing.self_checks import CHECKS
from entailbench.logic.puzzle import FAMILIES
from entailbench.logic.truth import binary_label

__all__ = ["json_lines", "summary"]


def json_lines(report: AuditReport) -> Iterator[str]:
    """One JSON object a row: the row, its verdict, its proof, and its puzzle's figures."""
    for one in report.rows:
        yield json.dumps(_record(one, report), ensure_ascii=False)


def summary(report: AuditReport) -> dict[str, Any]:
    """The figures, for ``--json``."""
    return {
        "families": [
            {
                "family": one.name,
                "rows": one.rows,
                "definite": one.definite,
                **{status.replace(" ", "_"): count for status, count in one.statuses.items()},
                "puzzles": one.puzzles,
                "puzzles_read": one.puzzles_read,
                "puzzles_fit": one.puzzles_fit,
                "compared": one.three_way.rows,
                "agreement_three_way": one.three_way.share,
                "chance_three_way": one.three_way_chance,
                "agreement_binary": one.binary.share,
                "chance_binary": one.binary_chance,
            }
            for one in report.families
        ],
        "lags": [
            {"source": source, "family": family, "k": lag, "agree": found.agree, "rows": found.rows}
            for source in SOURCES
            for family in FAMILIES
            for lag in LAGS
            if (found := total(report.lags, source, [family], lag)).rows
        ],
        "lag_peak": {source: peak(report.lags, source) for source in SOURCES},
        "plain_evidence": [
            {
                "questions_that": one.what,
                "rows": one.own.rows,
                "right": one.own.agree,
                "following_rows": one.following.rows,
                "following_right": one.following.agree,
            }
            for one in plain_evidence(report.rows)
        ],
        "self_checks": [
            {"check": check, "passed": found.agree, "made": found.rows}
            for check, found in zip(CHECKS, report.checks.passed, strict=True)
        ],
        "self_check_failures": list(report.checks.failures),
        "contradictions": len(report.contradictions),
    }


def _record(one: AuditedRow, report: AuditReport) -> dict[str, Any]:
    row, verdict, puzzle = one.row, one.verdict, report.puzzles[one.puzzle]
    return {
        "id": row.id,
        "where": row.where,
        "family": one.family,
        "context": row.context,
        "question": row.question,
        "qid": row.qid,
        "published": row.published,
        "truth": verdict.truth,
        "label": verdict.truth and binary_label(verdict.truth),
        "status": verdict.status,
        "reason": verdict.reason,
        "agrees": one.agrees,
        "reading": verdict.reading,
        "rivals": [{"reading": rival.reading, "truth": rival.truth} for rival in verdict.rivals],
        "formula": str(verdict.formula) if verdict.formula is not None else None,
        "proof": verdict.proof or None,
        "premises": [sentence.text for sentence in verdict.premises],
        "reflexive": one.reflexive,
        "restates_a_premise": one.restates,
        "puzzle": {
            "number": one.puzzle,
            "fits": puzzle.fits,
            "reason": puzzle.reason,
            "readings": puzzle.readings,
            "unread": puzzle.unread,
            "ambiguity": row.ambiguity,
            "open_share": puzzle.open_share,
        },
    }
