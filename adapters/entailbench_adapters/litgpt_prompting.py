"""The tokenizer of a litgpt checkpoint, with the prompt format it was trained with as its chat template."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from entailbench import ModelError

from .checkpoint_files import has_tokenizer
from .hf_weights import load_tokenizer
from .litgpt_checkpoint import Checkpoint, checkpoint_adds_bos
from .prompt_parity import CHAT
from .prompt_record import PROBE
from .prompt_template import matching_style, named_style, style_of, style_to_chat_template

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle
    from transformers import PreTrainedTokenizerBase


def trained_style(checkpoint: Checkpoint, wanted: str | None) -> PromptStyle | None:
    """The litgpt style that a checkpoint is to be prompted with; None means its tokenizer's chat template.

    Args:
        checkpoint: what was trained.
        wanted: the user's ``prompt_style``, which goes before everything the checkpoint says.

    Raises:
        ModelError: ``prompt_style.yaml`` names code from elsewhere.
        UnknownNameError: litgpt knows no such style.
    """
    if wanted is None and checkpoint.record is not None:
        wanted = checkpoint.record.prompt_style
    if wanted == CHAT:
        return None
    return named_style(wanted) if wanted is not None else style_of(checkpoint.directory)


def prompting_tokenizer(
    checkpoint: Checkpoint, wanted: str | None, base: PreTrainedTokenizerBase | None
) -> PreTrainedTokenizerBase:
    """A tokenizer that renders and tokenizes the test prompts as the checkpoint's training prompts were.

    Args:
        checkpoint: what was trained.
        wanted: the user's ``prompt_style``, or None for what the checkpoint says.
        base: the tokenizer of the model it was trained from, for what the checkpoint does not carry itself.

    Raises:
        ModelError: there is no tokenizer, or the style cannot be told or translated.
    """
    style = trained_style(checkpoint, wanted)
    if base is None or has_tokenizer(checkpoint.directory):
        tokenizer = load_tokenizer(checkpoint.directory)
    else:
        tokenizer = copy.deepcopy(base)
    add_bos = checkpoint_adds_bos(checkpoint)
    if style is not None:
        tokenizer.chat_template = style_to_chat_template(style, _bos_text(tokenizer), add_bos=add_bos)
        return tokenizer
    recorded = checkpoint.record.prompt_style if checkpoint.record else CHAT
    # The template that travels with what was trained on a style is that style's.
    if base is not None and (not tokenizer.chat_template or recorded != CHAT):
        tokenizer.chat_template = base.chat_template
    if recorded != CHAT and tokenizer.chat_template == style_to_chat_template(
        named_style(recorded), _bos_text(tokenizer), add_bos=add_bos
    ):
        raise ModelError(
            f"{checkpoint.directory} has no chat template but that of the style {recorded!r}, which it was trained "
            'with: it cannot be prompted with prompt_style = "chat"'
        )
    return tokenizer


def style_for_litgpt(checkpoint: Checkpoint, wanted: str | None, tokenizer: PreTrainedTokenizerBase) -> PromptStyle:
    """The litgpt style to write beside an export, so that litgpt's own commands prompt as in training.

    For a chat template that is the style which writes the same text; where litgpt has none, it is litgpt's default,
    which leaves the prompt as it is given.
    """
    style = trained_style(checkpoint, wanted)
    if style is None and tokenizer.chat_template:
        style = matching_style(render(tokenizer, PROBE), PROBE, _bos_text(tokenizer))
    return style if style is not None else named_style("default")


def render(tokenizer: PreTrainedTokenizerBase, user: str) -> str:
    """The prompt text for one user message, as the benchmark renders it."""
    conversation = [{"role": "user", "content": user}]
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))


def starts_with_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template itself writes a BOS in front."""
    bos = _bos_text(tokenizer)
    return bool(bos) and render(tokenizer, PROBE).startswith(str(bos))


def _bos_text(tokenizer: PreTrainedTokenizerBase) -> str | None:
    return None if tokenizer.bos_token is None else str(tokenizer.bos_token)
