"""Reading text that others wrote, within bounds: how long a file or a line may be, how deep, how long a number.

A file of a gigabyte where a page is expected, or brackets a hundred thousand deep, must end in a sentence, and not in
memory that runs out. What is beyond a bound is a ``TooLargeError``, a ``ValueError`` as malformed text is: whoever
reads a file says which one it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, Any

__all__ = [
    "CONFIG_CHARS",
    "DEEPEST",
    "DIGITS",
    "DOCUMENT_BYTES",
    "FILE_BYTES",
    "LINE_CHARS",
    "TooLargeError",
    "bounded_lines",
    "parse_json",
    "parse_toml",
    "parse_yaml",
    "read_bounded",
    "read_json",
    "split_lines",
]

CONFIG_CHARS = 256 * 2**10
"""Characters of a configuration file."""
DOCUMENT_BYTES = 64 * 2**20
"""Bytes of a file that describes something: a model's settings, a run's options, a report."""
LINE_CHARS = 16 * 2**20
"""Characters of a line that holds a row, with its puzzle, prompt or answer."""
FILE_BYTES = 2**30
"""Bytes of a file of rows that has to be read as a whole."""
DEEPEST = 100
"""Brackets within brackets."""
DIGITS = 300
"""Digits of a whole number; one with more is no number that could be computed with."""

STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
TOML_TEXT = re.compile(r"""\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*""", re.DOTALL)
"""Strings and comments of TOML."""
KEY_END = re.compile(r"[^\w\-. \t]")
"""What cannot stand between the parts of a dotted key."""


class TooLargeError(ValueError):
    """Beyond a bound; the message says which bound."""


def read_bounded(path: Path | Traversable, most: int = DOCUMENT_BYTES) -> bytes:
    """A file's content.

    Raises:
        TooLargeError: it has more than ``most`` bytes; no more than that is read.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content: bytes = file.read(most + 1)
    if len(content) > most:
        raise TooLargeError(f"the file has more than {_size(most)}, the most that is read of such a file")
    return content


def read_json(path: Path | Traversable, most: int = DOCUMENT_BYTES) -> Any:
    """A JSON file's value.

    Raises:
        TooLargeError: as ``read_bounded`` and ``parse_json``.
        ValueError: it is not JSON, or not UTF-8.
        OSError: it cannot be read.
    """
    return parse_json(read_bounded(path, most).decode("utf-8"))


def parse_json(text: str) -> Any:
    """The value that JSON text stands for.

    Raises:
        TooLargeError: it is nested deeper than ``DEEPEST``, or holds a whole number of more than ``DIGITS`` digits.
        json.JSONDecodeError: it is not JSON.
    """
    _check_depth(text)
    return json.loads(text, parse_int=_whole_number)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables that TOML text stands for.

    Raises:
        TooLargeError: it has more than ``CONFIG_CHARS`` characters, is nested deeper than ``DEEPEST``, or holds too
            long a number.
        tomllib.TOMLDecodeError: it is not TOML.
    """
    import tomllib

    if len(text) > CONFIG_CHARS:
        raise TooLargeError(f"the file has more than {CONFIG_CHARS:,} characters, the most that is read of such a file")
    # Keys nest too, a.b.c = 1, and the standard library's reader takes the square of their depth in memory.
    if any(part.count(".") > DEEPEST for part in KEY_END.split(TOML_TEXT.sub("_", text))):
        raise TooLargeError(f"a key is nested deeper than {DEEPEST} levels")
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise TooLargeError(f"nested deeper than {DEEPEST} levels") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # Python's own bound on the digits of a number
        raise TooLargeError(f"it holds a whole number of more than {DIGITS} digits") from error
    _check_tree(tables)
    return tables


def parse_yaml(text: str) -> Any:
    """The value that YAML text stands for; no objects of any class, and no more than it says itself.

    Raises:
        TooLargeError: nested deeper than ``DEEPEST``, or an alias repeats so much that it would be very large.
        ValueError: it is not YAML.
    """
    import yaml

    try:
        value = yaml.safe_load(text)
    except RecursionError:
        raise TooLargeError(f"nested deeper than {DEEPEST} levels") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    _check_tree(value)
    return value


def bounded_lines(file: IO[str], most: int = LINE_CHARS) -> Iterator[str]:
    """A text file's lines with their ends, one after the other.

    Raises:
        TooLargeError: a line has more than ``most`` characters; no more than that is read of it.
    """
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            raise TooLargeError(f"line {number} has more than {most:,} characters, the most that a line may have")
        yield line


def split_lines(text: str, most: int = LINE_CHARS) -> Iterator[str]:
    """The lines of a text without their ends; only line feeds end one, since a JSON string may hold U+2028 as it is.

    Raises:
        TooLargeError: as ``bounded_lines``.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > most:
            raise TooLargeError(f"line {number} has more than {most:,} characters, the most that a line may have")
        yield line


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise TooLargeError(f"nested deeper than {DEEPEST} levels")


def _whole_number(digits: str) -> int:
    if len(digits) > DIGITS:
        raise TooLargeError(f"a whole number of {len(digits):,} digits; at most {DIGITS} are read")
    return int(digits)


MOST_NODES = 1_000_000


def _check_tree(value: Any) -> None:
    """Depth, numbers and size of a value that was parsed already; what is repeated counts each time."""
    pending = [(value, 0)]
    seen = 0
    while pending:
        one, depth = pending.pop()
        seen += 1
        if depth > DEEPEST:
            raise TooLargeError(f"nested deeper than {DEEPEST} levels")
        if seen > MOST_NODES:
            raise TooLargeError(f"it holds more than {MOST_NODES:,} values")
        if isinstance(one, dict):
            pending += [(part, depth + 1) for part in one.values()]
        elif isinstance(one, list | tuple | set):
            pending += [(part, depth + 1) for part in one]
        elif isinstance(one, int) and abs(one) >= 10**DIGITS:
            raise TooLargeError(f"it holds a whole number of more than {DIGITS} digits")


def _size(count: int) -> str:
    return f"{count // 2**20:,} MiB" if count >= 2**20 else f"{count:,} bytes"
