"""A matplotlib figure as SVG that takes its colours and its font from the page around it.

Plots are drawn in the colours of ``INKS``, which stand for roles and are never seen: on the way out each becomes a
class (``fill-ink``, ``stroke-series-2``) that the page's style sheet colours, in light and in dark. Nothing else of the
page is needed: no style attribute (a strict content security policy forbids them), no script, no font.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["INK", "LINE", "PAPER", "QUIET", "SERIES", "canvas", "plain", "to_svg"]

INK, QUIET, LINE, PAPER = "#010203", "#010204", "#010205", "#010206"
"""Text and axes; secondary text and baselines; grid lines; the background."""
SERIES = tuple(f"#02030{number}" for number in range(8))
"""One for each model, in the order of the tables; a ninth model begins again."""
INKS = {INK: "ink", QUIET: "quiet", LINE: "line", PAPER: "paper"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES)
}
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "entailbench",
    # A model may be called "$x$".
    "text.parse_math": False,
    "font.size": 12.0,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "grid.color": LINE,
    "lines.solid_capstyle": "round",
}
NAMESPACE = re.compile(r"\{[^}]*\}")
REFERENCE = re.compile(r"#([\w-]+)")


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """A figure of ``width`` × ``height`` CSS pixels, to be drawn on inside the block; a point is a pixel."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS), warnings.catch_warnings():  # type: ignore[arg-type]
        # Texts are drawn by the browser, so it does not matter which letters matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        yield figure


def to_svg(figure: Figure, key: str, description: str) -> str:
    """The figure as an ``<svg>`` element; the same figure gives the same bytes.

    Args:
        figure: drawn inside ``canvas``.
        key: letters, digits and hyphens; unique on the page, begins every id.
        description: what a reader who cannot see it should hear.
    """
    out = io.BytesIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(out.getvalue())
    referred = {
        name
        for element in root.iter()
        for attribute, value in element.attrib.items()
        if attribute.endswith("href") or value.startswith("url(")
        for name in REFERENCE.findall(value)
    }
    svg = ElementTree.Element(
        "svg", {"viewBox": root.get("viewBox", ""), "role": "img", "aria-label": description, "class": "plot"}
    )
    svg.extend(_cleaned(root, key, referred))
    return ElementTree.tostring(svg, encoding="unicode")


def plain(text: str) -> str:
    """Text that XML may hold, and that cannot turn the text around it: a server chooses its model's name."""
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cs", "Cf") or c in "\ufffe\uffff" else c for c in text)


def _cleaned(parent: ElementTree.Element, key: str, referred: set[str]) -> Iterator[ElementTree.Element]:
    for element in parent:
        tag = NAMESPACE.sub("", element.tag)
        if tag in ("metadata", "style"):
            continue
        children = list(_cleaned(element, key, referred))
        if tag in ("g", "defs") and not children:
            continue
        attributes = _attributes(element, key, referred)
        if tag == "path" and attributes.get("fill") == "none" and "stroke-" not in attributes.get("class", ""):
            continue
        clean = ElementTree.Element(tag, attributes)
        clean.text = element.text.strip() if element.text and element.text.strip() else None
        clean.extend(children)
        yield clean


def _attributes(element: ElementTree.Element, key: str, referred: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    classes = []
    for name, value in element.attrib.items():
        name = NAMESPACE.sub("", name)
        if name == "id":
            if value in referred:
                found["id"] = f"{key}-{value}"
        elif name == "style":
            for declaration in value.split(";"):
                what, _, how = (part.strip() for part in declaration.partition(":"))
                if what in ("fill", "stroke") and how in INKS:
                    classes.append(f"{what}-{INKS[how]}")
                elif what == "font":
                    found["font-size"] = re.findall(r"[\d.]+(?=px)", how)[0]
                # Texts are in the page's font.
                elif what and what != "font-family":
                    found[what] = how
        elif name in ("href", "clip-path"):
            found[name] = REFERENCE.sub(rf"#{key}-\1", value)
        elif name not in ("version", "gid"):
            found[name] = value
    if classes:
        found["class"] = " ".join(classes)
    return found
