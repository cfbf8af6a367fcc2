"""entailbench: can a language model tell what follows from what?

This module is what plugins import; it loads nothing heavy.
"""

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
    ConfigError,
    DataError,
    DivergedError,
    EntailbenchError,
    ModelError,
    PreflightError,
    RunError,
    TrainingError,
    UnknownNameError,
    UsageError,
)
from entailbench.free_memory import available_memory
from entailbench.home import default_home
from entailbench.hookspecs import hookimpl
from entailbench.overlap import puzzle_fingerprint, read_puzzles
from entailbench.records import (
    ENTAILMENT,
    LABELS,
    NOT_ENTAILMENT,
    UNPARSED,
    Answer,
    CandidateScores,
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
)

__version__ = "0.1.0"

__all__ = [
    "ENTAILMENT",
    "LABELS",
    "NOT_ENTAILMENT",
    "UNPARSED",
    "Answer",
    "Backend",
    "CandidateScores",
    "ConfigError",
    "DataError",
    "Decoding",
    "DivergedError",
    "EntailbenchError",
    "Label",
    "Message",
    "Model",
    "ModelError",
    "ModelIdentity",
    "ModelSpec",
    "OpenContext",
    "PreflightError",
    "Prompt",
    "ReportedResult",
    "ResolvedModel",
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
    "UsageError",
    "__version__",
    "available_memory",
    "default_home",
    "hookimpl",
    "puzzle_fingerprint",
    "read_puzzles",
]
