"""Names that become names of files: of models, tasks and splits, whoever declares or records them."""

from __future__ import annotations

import re

__all__ = ["LONGEST_NAME", "MODEL_NAME", "is_file_name"]

LONGEST_NAME = 100
"""Characters: file systems allow 255 bytes, and we append endings."""
MODEL_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
"""What users and plugins may call a model."""


def is_file_name(name: object) -> bool:
    """Whether ``name`` can only mean a file right in a folder, on every system, and can be printed.

    Not ``../x``, ``/x``, ``C:x`` or ``.hidden``, nothing with NUL or line ends, nothing that is too long.
    """
    return (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "replace")) <= 2 * LONGEST_NAME
        and name.isprintable()
        and not name.startswith((".", "~", "-"))
        and not set(name) & set('/\\:*?"<>|')
        and name == name.strip()
    )
