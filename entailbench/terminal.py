"""The one way by which text of ours reaches a terminal.

Answers of models, rows of data sets, names of models and files are other people's words. In them stand, by accident or
not, characters that a terminal obeys instead of showing them: they clear what was printed, set the window's title, put
text on the clipboard, or reverse the reading order so that a table says what it does not say.
"""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["echo", "harmless"]

OBEYED = re.compile(
    "["
    "\x00-\x08\x0b-\x1f"  # C0: ESC, which begins most sequences; BEL, backspace, carriage return
    "\x7f-\x9f"  # DEL and C1: one-character forms of the same sequences (CSI, OSC, DCS …)
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # order of reading
    "\u200b\u2060-\u2065\ufeff\ufff9-\ufffb"  # take no room, so that two names look alike
    "\u2028\u2029"  # line ends that only some see
    "\ud800-\udfff"  # half a character, which cannot be encoded
    "\U000e0000-\U000e007f"  # tags: text that nobody sees
    "]"
)
"""All but line feed and tab, which are layout. Zero-width joiners, without which emoji fall apart, are none of it."""


def harmless(text: str) -> str:
    r"""``text`` with each character that a terminal would obey as its escape in JSON: ESC becomes ``\u001b``.

    JSON therefore stays the same JSON.
    """
    return OBEYED.sub(_escape, text)


def echo(message: Any = "", *, err: bool = False, nl: bool = True) -> None:
    """Prints to standard output, or to standard error, what a terminal then shows and does not obey."""
    click.echo(harmless(str(message)), err=err, nl=nl)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
