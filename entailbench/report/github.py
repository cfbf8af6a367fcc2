"""A table in GitHub's Markdown, which also reads well on a terminal."""

from __future__ import annotations

import re

from tabulate import tabulate

from entailbench.report.tables import Table

__all__ = ["harmless", "write_table"]

TAG = re.compile(r"<(?=[A-Za-z/!?])")
"""What Markdown passes on as HTML; the sign in "p < 0.001" it does not."""


def write_table(table: Table) -> str:
    """The table without its title and notes; a group's heading is a line of its own."""
    lines: list[tuple[str, ...]] = []
    for group in table.groups:
        if group.heading:
            lines.append((f"{group.heading}:", *[""] * (len(table.heads) - 1)))
        lines += group.lines
    return tabulate(
        [[harmless(cell) for cell in line] for line in lines],
        headers=[harmless(head) for head in table.heads],
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(table.heads) - 1)),
    )


def harmless(text: str) -> str:
    """A server chooses its model's name: keep it from breaking the table, driving the terminal, or being HTML, a link,
    an image that is fetched, or code."""
    plain = "".join(c if c.isprintable() else "?" for c in text).replace("|", "/").replace("`", "'")
    return TAG.sub("&lt;", plain).replace("](", "] (").replace("][", "] [")
