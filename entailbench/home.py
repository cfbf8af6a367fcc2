"""Where what is downloaded, converted or generated is kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_home"]


def default_home() -> Path:
    """The cache folder: ``ENTAILBENCH_HOME``, else the platform's cache folder of this user."""
    if chosen := os.environ.get("ENTAILBENCH_HOME"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("entailbench")
