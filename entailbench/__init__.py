"""entailbench: can a language model tell what follows from what?

This module is what plugins import; it loads nothing heavy.
"""

from entailbench import bounded
from entailbench.contracts import (
    Backend,
    Model,
    OpenContext,
    ResolvedModel,
    Trainer,
    TrainingJob,
    TrainingOutcome,
    TrainingOutline,
)
from entailbench.errors import (
    BudgetError,
    ConfigError,
    DataError,
    DivergedError,
    EntailbenchError,
    ModelError,
    PreflightError,
    RowErrorsError,
    RunError,
    TrainingError,
    UnknownNameError,
    UsageError,
)
from entailbench.free_memory import available_memory
from entailbench.home import default_home
from entailbench.hookspecs import hookimpl
from entailbench.limits import Limits, Purse
from entailbench.overlap import puzzle_fingerprint, read_puzzles
from entailbench.records import (
    ENTAILMENT,
    LABELS,
    NOT_ENTAILMENT,
    UNPARSED,
    Answer,
    CandidateScores,
    CostEstimate,
    Decoding,
    Label,
    Message,
    ModelIdentity,
    ModelSpec,
    Prompt,
    ReportedResult,
    SftPair,
    TaskOutline,
    TrainSpec,
    Usage,
)
from entailbench.redaction import HIDDEN, redact
from entailbench.terminal import echo, harmless

__version__ = "0.1.0"

__all__ = [
    "ENTAILMENT",
    "HIDDEN",
    "LABELS",
    "NOT_ENTAILMENT",
    "UNPARSED",
    "Answer",
    "Backend",
    "BudgetError",
    "CandidateScores",
    "ConfigError",
    "CostEstimate",
    "DataError",
    "Decoding",
    "DivergedError",
    "EntailbenchError",
    "Label",
    "Limits",
    "Message",
    "Model",
    "ModelError",
    "ModelIdentity",
    "ModelSpec",
    "OpenContext",
    "PreflightError",
    "Prompt",
    "Purse",
    "ReportedResult",
    "ResolvedModel",
    "RowErrorsError",
    "RunError",
    "SftPair",
    "TaskOutline",
    "TrainSpec",
    "Trainer",
    "TrainingError",
    "TrainingJob",
    "TrainingOutcome",
    "TrainingOutline",
    "UnknownNameError",
    "Usage",
    "UsageError",
    "__version__",
    "available_memory",
    "bounded",
    "default_home",
    "echo",
    "harmless",
    "hookimpl",
    "puzzle_fingerprint",
    "read_puzzles",
    "redact",
]
