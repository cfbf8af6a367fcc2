"""What a set of answers shows, and how sure that is: metrics, intervals, tests, verdicts.

Imports only ``errors``, ``records``, ``answered`` and ``findings``. Each name's module is loaded when the name is first
used, so that importing this costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entailbench.stats.analyse import analyse_task
    from entailbench.stats.intervals import clustered_mean

__all__ = ["analyse_task", "clustered_mean"]

_HOMES = {"analyse": ("analyse_task",), "intervals": ("clustered_mean",)}
"""Module → the names that it gives."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
