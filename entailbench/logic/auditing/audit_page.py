"""An audit as text: tables for the terminal, and a Markdown page."""

from __future__ import annotations

import html
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from entailbench.logic.auditing.agreement import Agreement
from entailbench.logic.auditing.audit import AuditedRow, AuditReport
from entailbench.logic.auditing.lag import LAGS, SOURCES, peak, total
from entailbench.logic.auditing.plain_evidence import plain_evidence
from entailbench.logic.auditing.self_checks import CHECKS
from entailbench.logic.judging.judge import STATUSES
from entailbench.logic.puzzle import FAMILIES

__all__ = ["markdown_page", "terminal_text"]

PLAINEST = 10
"""Contradictions of each kind on the page."""

LONGEST_QUOTE = 2_000
"""Characters of a puzzle, proof or reason on the page; ``audit.jsonl`` has all of it."""

TERMINAL_WIDTH = 100

LABEL_HEADERS = ("rows", "all", "definite", "verified", *STATUSES[1:])
LABEL_LEGEND = (
    "- definite: the solver gives a label; verified or unsure.",
    "- verified: and every sentence was read, and the puzzle fits (below).",
    "- unsure: a sentence was not read, the puzzle does not fit, or readings that fit differ.",
    "- unread, inconsistent, timed out: no label.",
    "- heights: comparisons of any kind; knights: knights and knaves; zebra: houses in a row.",
)

PUZZLE_HEADERS = ("puzzles", "all", "read", "fit")
PUZZLE_LEGEND = (
    "- read: every sentence was.",
    "- fit: of those read; heights have the share of open questions that the data set states (if it states one), the "
    "others exactly one solution.",
)

AGREEMENT_HEADERS = ("published labels", "compared", "agree 3-way", "by chance", "agree binary", "by chance")
AGREEMENT_LEGEND = (
    "- compared: rows that have a published label and a definite one.",
    "- by chance: what two unrelated labellings with these frequencies would reach.",
)

LAG_LEGEND = (
    "Agreement of the label published with question q and the proved answer to question q + k of the same puzzle, of "
    "all pairs compared. Right labels agree best at k = 0."
)
CHECKS_TITLE = "Checks of the solver itself (a failure is our fault, not the data set's)"
SOURCE_LEGENDS = {
    "rows at hand": "Question q + k is another row:",
    "inferred order": "Question q + k is known from the order in which questions are asked (more pairs):",
}


def terminal_text(report: AuditReport) -> str:
    """The tables, for a terminal of 120 columns."""
    texts = [*_label_texts(report, "simple"), *_lag_texts(report, "simple"), f"{CHECKS_TITLE}:", _checks_text(report)]
    return "\n\n".join(map(_wrapped, texts))


def _wrapped(text: str) -> str:
    """Sentences at most ``TERMINAL_WIDTH`` wide; lines of a table, which hold two spaces, as they are."""
    lines = []
    for line in text.splitlines():
        indent = "  " if line.startswith("- ") else ""
        wrapped = textwrap.wrap(line, TERMINAL_WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        lines += [line] if "  " in line else wrapped or [""]
    return "\n".join(lines)


def markdown_page(report: AuditReport, title: str) -> str:
    """A page with the tables and the plainest contradictions. Quotes the audited rows, escaped."""
    parts = [
        f"# Audit of {_escaped(title)}",
        *_label_texts(report, "github"),
        "## On which rows do the labels stand?",
        *_lag_texts(report, "github"),
        f"## The plainest of {len(report.contradictions):,} contradictions",
        "Verified rows whose published label is wrong, those first where the fewest steps show it. `audit.jsonl` has "
        "every row."
        if any(one.row.published is not None for one in report.rows)
        else "No row has a published label, so there is nothing to contradict.",
        *_contradictions(report),
        "## Puzzles that do not fit",
        "\n".join(_misfits(report)) or "None.",
        f"## {CHECKS_TITLE}",
        _checks_text(report),
    ]
    return "\n\n".join(parts) + "\n"


def _label_texts(report: AuditReport, form: str) -> list[str]:
    labels = [
        [
            one.name,
            f"{one.rows:,}",
            _counted(one.definite, one.rows),
            _counted(one.statuses["verified"], one.rows),
            *(f"{one.statuses[status]:,}" for status in STATUSES[1:]),
        ]
        for one in report.families
    ]
    puzzles = [
        [one.name, f"{one.puzzles:,}", f"{one.puzzles_read:,}", _counted(one.puzzles_fit, one.puzzles_read)]
        for one in report.families
    ]
    agreements = [
        [
            one.name,
            f"{one.three_way.rows:,}",
            _percent(one.three_way.share),
            _percent(one.three_way_chance),
            _percent(one.binary.share),
            _percent(one.binary_chance),
        ]
        for one in report.families
        if one.three_way.rows
    ]
    texts = [_table(LABEL_HEADERS, labels, form), "\n".join(LABEL_LEGEND)]
    texts += [_table(PUZZLE_HEADERS, puzzles, form), "\n".join(PUZZLE_LEGEND)]
    if agreements:
        texts += [_table(AGREEMENT_HEADERS, agreements, form), "\n".join(AGREEMENT_LEGEND)]
    return texts


def _lag_texts(report: AuditReport, form: str) -> list[str]:
    texts = []
    for source in SOURCES:
        families = [one for one in FAMILIES if any(total(report.lags, source, [one], lag).rows for lag in LAGS)]
        if families:
            lines = [
                [f"k = {lag:+d}" if lag else "k = 0"]
                + [_share(total(report.lags, source, [family], lag)) for family in families]
                for lag in LAGS
            ]
            texts += [SOURCE_LEGENDS[source], _table([source, *families], lines, form)]
    if not texts:
        return ["No lag can be measured: no row has a number (qid), a label, and a neighbour with a proved answer."]
    found = peak(report.lags, "inferred order")
    if found is None:
        texts.append("Too few rows were compared to say where the labels stand.")
    elif found:
        texts.append(f"The labels agree best at k = {found:+d}: they answer another row's question.")
    else:
        texts.append("The labels agree best at k = 0: they stand on their own rows.")
    plain = [
        f"- Of {one.own.rows:,} questions that {one.what}, {one.own.agree:,} are published with the right label. For "
        f"{one.following.rows:,} of them the next question is at hand: it is published with that label "
        f"{one.following.agree:,} times."
        for one in plain_evidence(report.rows)
    ]
    return [LAG_LEGEND, *texts, *(["It can be seen without any solver:\n\n" + "\n".join(plain)] if plain else [])]


def _checks_text(report: AuditReport) -> str:
    lines = [
        f"- {check}: {found.agree:,} of {found.rows:,}"
        for check, found in zip(CHECKS, report.checks.passed, strict=True)
        if found.rows
    ]
    lines += [f"- FAILED: {_escaped(failure)}" for failure in report.checks.failures[:10]]
    return "\n".join(lines) or "None applies."


def _misfits(report: AuditReport) -> Iterator[str]:
    """One line for each reason, the most frequent first."""
    puzzles: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for puzzle in report.puzzles:
        reasons = [f"not read: {sentence}" for sentence in puzzle.unread]
        if puzzle.family is None:
            reasons.append("of no family that can be read")
        elif not puzzle.fits:
            reasons.append(puzzle.reason)
        for reason in reasons:
            line = f"{puzzle.family or 'other'}: {_escaped(_clipped(reason, 200))}"
            puzzles[line] += 1
            rows[line] += puzzle.rows
    for line, count in puzzles.most_common():
        yield f"- {line} (puzzles: {count:,}, rows: {rows[line]:,})"


def _contradictions(report: AuditReport) -> Iterator[str]:
    wrong = report.contradictions
    kinds = (
        ("Nobody stands before themself", [one for one in wrong if one.reflexive]),
        ("A premise says so", [one for one in wrong if one.restates]),
        ("It follows in a few steps", [one for one in wrong if not one.reflexive and not one.restates]),
    )
    for title, ones in kinds:
        if ones:
            yield f"### {title}"
            yield f"{min(len(ones), PLAINEST)} of {len(ones):,}."
            yield from map(_contradiction, ones[:PLAINEST])


def _contradiction(one: AuditedRow) -> str:
    verdict = one.verdict
    said = " ".join(sentence.text for sentence in verdict.premises)
    why = f"From: {_escaped(_clipped(said))} " if said and not one.reflexive else ""
    if verdict.proof and not one.restates and not one.reflexive:
        why += f"Proof: {_escaped(_clipped(verdict.proof))} "
    where = _escaped(f"{one.row.where}, {one.row.id}")
    return (
        f"> {_escaped(_clipped(one.row.context))}\n>\n> **{_escaped(one.row.question)}**\n\n"
        f"Published: {_escaped(str(one.row.published))}. Proved: **{verdict.truth}**. {why}({where})"
    )


def _clipped(text: str, longest: int = LONGEST_QUOTE) -> str:
    return text if len(text) <= longest else f"{text[:longest]} …"


def _escaped(text: str) -> str:
    """Text as it is, on a Markdown page: one line, nothing in it taken for Markdown or HTML."""
    one_line = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~>])", r"\\\1", html.escape(one_line, quote=False).replace("&gt;", ">"))


def _table(headers: Sequence[str], lines: Sequence[Sequence[str]], form: str) -> str:
    from tabulate import tabulate

    align = ["left", *["right"] * (len(headers) - 1)]
    return str(tabulate(lines, headers=headers, tablefmt=form, disable_numparse=True, colalign=align))


def _counted(part: int, whole: int) -> str:
    return f"{part:,} ({_percent(part / whole)})" if whole else "-"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def _share(found: Agreement) -> str:
    return f"{_percent(found.share)} of {found.rows:,}" if found.rows else "-"
