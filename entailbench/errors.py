"""Every exception a user can meet.

    EntailbenchError
    ├── UsageError            exit code 2: nothing was computed, change the command or the configuration
    │   ├── ConfigError       entailbench.toml, an option, a plugin's declaration
    │   ├── UnknownNameError  a model, task, backend or format that does not exist; names the nearest
    │   ├── DataError         a data file or folder: where, what is wrong, what was expected
    │   └── PreflightError    several problems found before the first token, all listed at once
    └── RunError              exit code 1: the work had begun and could not be finished
        ├── ModelError        a model could not be opened or stopped answering
        │   ├── BudgetError       exit code 4: what comes next could cost more than the budget has left
        │   └── RowErrorsError    exit code 5: more rows ended as errors than --max-errors allows
        └── TrainingError     training failed, or what it wrote is not what was asked for
            └── DivergedError its figures are no longer finite: going on would come to the same

The command line prints these as one or two lines without a traceback. Any other exception is a
bug of ours and keeps its traceback. A run that ended, but in which rows are errors, has exit code 3 (``ROWS_FAILED``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "ROWS_FAILED",
    "BudgetError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "EntailbenchError",
    "ModelError",
    "PreflightError",
    "RowErrorsError",
    "RunError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "first_line",
    "nearest_hint",
]


ROWS_FAILED = 3
"""Exit code of a run that has its tables, and rows to which no answer came."""


class EntailbenchError(Exception):
    """Something the user can mend; the message says what is wrong, where, and what to do."""

    exit_code = 1


class UsageError(EntailbenchError):
    """The command or the configuration cannot work as given; nothing was computed."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file, an option or a plugin's declaration is wrong."""


class UnknownNameError(UsageError):
    """A name that nothing is registered under.

    Args:
        kind: what was looked up, e.g. ``"model"``.
        name: what the user wrote.
        known: the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        listing = ", ".join(self.known) or "none"
        super().__init__(f"unknown {kind} {name!r}{nearest_hint(name, self.known)} (known: {listing})")


class DataError(UsageError):
    """A data file or folder is missing, malformed, or not of the promised form."""


class PreflightError(UsageError):
    """Problems found before the first token, all of them.

    Args:
        problems: one sentence each; at least one.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(self.problems[0])
        else:
            listing = "\n".join(f"  - {problem}" for problem in self.problems)
            super().__init__(f"{len(self.problems)} problems, nothing was run:\n{listing}")


class RunError(EntailbenchError):
    """The work had begun and could not be finished."""


class ModelError(RunError):
    """A model could not be opened, or stopped answering."""


class BudgetError(ModelError):
    """The next request could cost more than the budget has left, so it was not sent."""

    exit_code = 4


class RowErrorsError(ModelError):
    """More rows ended as errors than the run allows."""

    exit_code = 5


class TrainingError(RunError):
    """Training failed, or wrote something other than what was asked for."""


class DivergedError(TrainingError):
    """A loss or a weight is no longer finite: the same recipe would come to the same from any earlier state."""


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
