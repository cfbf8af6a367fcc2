"""The report as one HTML file: no network, nothing of a model that is not escaped.

``page.html`` is the Jinja2 template; ``page.css`` and the scripts are put into it as they stand. The content security
policy allows exactly these, by their hashes: a model's answer that were taken for markup could still run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from entailbench.answered import TaskAnswers
from entailbench.findings import Report

__all__ = ["page_pieces", "render_page"]

FOLDER = Path(__file__).parent
SCRIPTS = ("theme.js", "sorting.js", "blocks.js", "place.js", "detail.js", "rows.js")
"""In the order in which they need each other."""
SHOWN_VERDICTS = 6
"""Sentences before the rest is folded away; all stand in the table of comparisons."""


def render_page(report: Report, tasks: Sequence[TaskAnswers]) -> str:
    """The whole page, see ``page_pieces``."""
    return "".join(page_pieces(report, tasks))


def page_pieces(report: Report, tasks: Sequence[TaskAnswers]) -> Iterator[str]:
    """The page, one piece after the other: that of many rows takes more memory than the rows do.

    Args:
        report: what was found.
        tasks: the rows and answers that it was found in, for the reader to browse.

    Yields:
        HTML that any browser of 2023 or later shows from disk; UTF-8 can encode it.
    """
    import jinja2

    from entailbench.report.page.payload import Payload
    from entailbench.report.page.view import model_cards, task_view

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _read("page.css")
    script = '(() => {\n"use strict";\n' + "\n".join(map(_read, SCRIPTS)) + "})();\n"
    pieces = environment.get_template("page.html").generate(
        report=report,
        name=Path(report.directory).name,
        tasks=[task_view(result, number) for number, result in enumerate(report.tasks)],
        cards=model_cards(report.identities, report.tasks),
        payloads=[Payload(task) for task in tasks],
        rows=sum(len(task.rows) for task in tasks),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        shown_verdicts=SHOWN_VERDICTS,
    )
    for piece in pieces:
        # A server may call its model by half an emoji, which has no UTF-8. No piece ends within a value.
        yield piece if piece.isascii() else piece.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an inline script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
