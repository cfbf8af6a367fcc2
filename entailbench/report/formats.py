"""The names of the table formats; apart from the code that writes them, which ``--help`` need not load."""

from __future__ import annotations

from typing import Literal

Format = Literal["github", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("github", "latex", "csv", "json")
