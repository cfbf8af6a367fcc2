"""Which weights a LoRA was trained on, from the ``lineage.json`` that ``entailbench finetune`` leaves beside it."""

from __future__ import annotations

import json
from pathlib import Path

from entailbench import ModelError

LINEAGE = "lineage.json"


def trained_on(directory: Path) -> str | None:
    """Hash of the base's weights (``fingerprint.hash_weights``) at training; None where nobody wrote it down.

    Raises:
        ModelError: the file is there and cannot be read.
    """
    path = directory / LINEAGE
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))["facts"]
        recorded = facts.get("base_weights")
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not the lineage of a training: train again, or restore the file") from error
    return recorded if isinstance(recorded, str) else None


def check_base(directory: Path, weights: str, *, base: str, model: str) -> None:
    """Refuses a LoRA over other weights than it was trained on: it would answer, and nothing would look wrong.

    Args:
        directory: the LoRA's checkpoint.
        weights: hash of the weights that ``base`` has now.
        base: the registered name of the base.
        model: the registered name of the LoRA.

    Raises:
        ModelError: they are others, or the lineage cannot be read.
    """
    recorded = trained_on(directory)
    if recorded is not None and recorded != weights:
        raise ModelError(
            f"{directory} was trained on other weights than its base {base!r} has now: train it again "
            f"(`entailbench finetune {model} --overwrite`), or point `base` at the weights it was trained on"
        )
