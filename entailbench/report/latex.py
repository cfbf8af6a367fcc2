"""A table in LaTeX with booktabs, to be pasted or input into a paper."""

from __future__ import annotations

from entailbench.report.tables import Table, footnote

__all__ = ["escape", "write_table"]

PLAIN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # A quote after its like would become a ligature; brackets may be read as an option of \\.
    "`": r"\textasciigrave{}",
    "[": r"{[}",
    "]": r"{]}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "−": r"$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "→": r"$\to$",
    "…": r"\ldots{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "’": r"\textquoteright{}",
    "†": r"\dag{}",
}
LAST_LATIN = 0x17F
"""pdfTeX's fonts reach no further; a character beyond would stop it."""


def write_table(table: Table) -> str:
    """A ``table`` with caption, rules between the groups, and the notes below; wants ``\\usepackage{booktabs}``."""
    columns = "l" + "r" * (len(table.heads) - 1)
    width = len(table.heads)
    parts = [
        r"% \usepackage[T1]{fontenc} \usepackage{booktabs} \usepackage{graphicx}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(table.heads),
    ]
    for group in table.groups:
        parts.append(r"\midrule")
        if group.heading:
            parts.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(group.heading)}}}}} \\")
        parts += [_row(line) for line in group.lines]
    parts += [r"\bottomrule", r"\end{tabular}}"]
    parts += [r"\par\smallskip", r"\begin{minipage}{\textwidth}\footnotesize"]
    parts += [rf"{escape(note)}\par" for note in (*table.verdicts, *table.notes, footnote(table))]
    return "\n".join([*parts, r"\end{minipage}", r"\end{table}"])


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands; what its common fonts do not have becomes a question mark."""
    plain = "".join(PLAIN.get(c) or (c if c.isprintable() and ord(c) <= LAST_LATIN else "?") for c in text)
    # Two hyphens would become a dash.
    return plain.replace("--", "-{}-").replace("--", "-{}-")
