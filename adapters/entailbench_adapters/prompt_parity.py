"""Refuses to prompt a model otherwise than it was trained, unless the user says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from entailbench import ModelError

from .prompt_record import RECORD, WEIGHT_FILES, PromptRecord, edited_files, prompt_hash
from .prompt_template import named_style, style_class_name

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHAT = "chat"
"""The prompt style that is the tokenizer's own chat template."""
ALLOW = "allow_other_prompt = true"


def style_difference(directory: Path, record: PromptRecord | None, wanted: str | None) -> str | None:
    """``"prompted as 'alpaca', trained as 'chat'"`` where the user's ``prompt_style`` is not the trained one.

    Where nothing tells what a checkpoint was trained with, or it names code from elsewhere, the user's word is all
    there is, and no difference.

    Raises:
        ModelError: ``prompt_style.yaml`` is malformed.
        UnknownNameError: litgpt knows no such style as ``wanted``.
    """
    if wanted is None:
        return None
    wanted_class = _class_name(wanted)
    if record is not None:
        trained, trained_class = record.prompt_style, _class_name(record.prompt_style)
    else:
        trained_class = _own_style_class(directory)
        if trained_class is None:
            return None
        trained = trained_class
    # One style may go by several names.
    return None if wanted_class == trained_class else f"prompted as {wanted!r}, trained as {trained!r}"


def prompt_problems(
    directory: Path, record: PromptRecord | None, wanted: str | None = None, *, allow_other: bool
) -> Iterator[str]:
    """Why a checkpoint would be prompted otherwise than it was trained, as far as its small files tell.

    Raises:
        ModelError: ``prompt_style.yaml`` is malformed.
        UnknownNameError: litgpt knows no such style as ``wanted``.
    """
    difference = style_difference(directory, record, wanted)
    if allow_other:
        return
    if difference:
        yield (
            f"prompt_style = {wanted!r}: {directory} would be {difference}, and answers worse for it: remove the key, "
            f"or say {ALLOW} to see by how much"
        )
    for name in _edited(record, directory):
        yield (
            f"{directory / name} is not the one it was trained with ({RECORD} knows its hash): put that back, "
            f"or say {ALLOW} to prompt it otherwise"
        )


def prompt_remark(
    directory: Path, record: PromptRecord | None, tokenizer: PreTrainedTokenizerBase, wanted: str | None = None
) -> str | None:
    """How the prompts that ``tokenizer`` makes differ from the trained ones, for the model's title; None: not at all.

    Raises:
        ModelError: ``prompt_style.yaml`` is malformed.
        UnknownNameError: litgpt knows no such style as ``wanted``.
    """
    if difference := style_difference(directory, record, wanted):
        return difference
    edited = list(_edited(record, directory))
    if edited:
        return f"prompted with another {', '.join(edited)} than it was trained with"
    if record is not None and record.template is not None and prompt_hash(tokenizer) != record.template:
        return "prompted with another tokenizer or template than it was trained with"
    return None


def check_prompt(
    directory: Path,
    record: PromptRecord | None,
    tokenizer: PreTrainedTokenizerBase,
    wanted: str | None = None,
    *,
    allow_other: bool,
) -> str | None:
    """The remark on a difference that the user allowed, for the model's title; None where there is none.

    Raises:
        ModelError: the prompts are not those of the training, and nobody allowed that.
    """
    remark = prompt_remark(directory, record, tokenizer, wanted)
    if remark is None or allow_other:
        return remark
    raise ModelError(f"{directory} would be {remark}; if that is wanted, say {ALLOW}")


def _edited(record: PromptRecord | None, directory: Path) -> Iterator[str]:
    # Other weights than the recorded ones are nothing that this option allows.
    yield from (name for name in edited_files(record, directory) if name not in WEIGHT_FILES)


def _class_name(style: str) -> str:
    return CHAT if style == CHAT else type(named_style(style)).__name__


def _own_style_class(directory: Path) -> str | None:
    try:
        return style_class_name(directory)
    except ModelError as error:
        if "code from elsewhere" in str(error):
            return None
        raise
