"""Cells of a CSV file that a spreadsheet reads as what they are: numbers as numbers, and text as text, never a formula.

A spreadsheet takes a cell that begins with ``=`` for a formula, and a formula can send the sheet's contents away or
start a program. An apostrophe in front is the sign of spreadsheets themselves for "this is text"; whoever reads the
file with a program sees it too. (OWASP, "CSV Injection".)
"""

from __future__ import annotations

from entailbench.terminal import harmless

__all__ = ["cell"]

BEGINNINGS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
"""Of formulas, and of what spreadsheets have taken for one: full-width signs, and calls of other programs."""


def cell(value: object) -> object:
    """Numbers as they are; text with an apostrophe in front where it would begin a formula.

    White space before does not hide a formula, and a tab or carriage return counts as one.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    formula = text[:1] in ("\t", "\r", "\n") or text.strip().startswith(BEGINNINGS)
    return harmless(f"'{text}" if formula else text)
