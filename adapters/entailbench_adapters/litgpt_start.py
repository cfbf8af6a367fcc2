"""What both engines of ``litgpt-lora`` start from: base, tokenizer with the prompt to be trained, token limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from entailbench import OpenContext, TrainingError, bounded

from .hf_weights import load_tokenizer
from .litgpt_base import Base, base_of
from .litgpt_checkpoint import MODEL_CONFIG, adds_bos, read_tokenizer_config
from .litgpt_recipe import CHAT, LoraRecipe

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Start:
    """A base, ready to be trained on."""

    base: Base
    directory: Path
    """It in litgpt's form."""
    tokenizer: PreTrainedTokenizerBase
    """With the chat template that will be trained, and that the trained model will be opened with."""
    bos: bool
    """Whether a BOS stands in front of every prompt."""
    style: PromptStyle | None
    """None for the base's own chat template."""
    limit: int
    """Tokens that a sample may have."""
    limited_by: str
    """What sets the limit, for messages."""


def start(recipe: LoraRecipe, context: OpenContext) -> Start:
    """Fetches or converts the base of ``context`` if need be.

    Raises:
        ModelError: the base cannot be used.
        TrainingError: it has no chat template, and the recipe names no style.
    """
    from .prompt_template import named_style

    base = base_of(context.base)
    directory = litgpt_form(base, context)
    style = None if recipe.prompt_style == CHAT else named_style(recipe.prompt_style)
    tokenizer, bos = trained_tokenizer(base, directory, style)
    return Start(base, directory, tokenizer, bos, style, *token_limit(recipe, directory))


def litgpt_form(base: Base, context: OpenContext) -> Path:
    """The base in litgpt's form, made from exactly the weights that the benchmark opens."""
    from . import embedded
    from .hf_weights import EMBEDDED
    from .litgpt_to_hf import litgpt_directory

    if base.options.pretrained.startswith(EMBEDDED):
        return embedded.litgpt_directory(context.home, context.notify)
    tokenizer = load_tokenizer(base.directory, trust_remote_code=base.options.trust_remote_code)
    return litgpt_directory(base.directory, tokenizer, context.home, context.notify, base.litgpt_names)


def trained_tokenizer(base: Base, litgpt_base: Path, style: PromptStyle | None) -> tuple[PreTrainedTokenizerBase, bool]:
    """The base's tokenizer with the template to be trained, and whether litgpt must put a BOS in front.

    For a litgpt style that is litgpt's own rule; a chat template says itself whether it begins with one.
    """
    from .litgpt_prompting import starts_with_bos
    from .prompt_template import style_to_chat_template

    tokenizer = load_tokenizer(base.directory, trust_remote_code=base.options.trust_remote_code)
    if style is None:
        if not tokenizer.chat_template:
            raise TrainingError(
                f'{base.directory} has no chat template: choose a litgpt prompt style, e.g. prompt_style = "alpaca"'
            )
        return tokenizer, starts_with_bos(tokenizer)
    text = None if tokenizer.bos_token is None else str(tokenizer.bos_token)
    bos = text is not None and adds_bos(litgpt_base.name, read_tokenizer_config(litgpt_base))
    tokenizer.chat_template = style_to_chat_template(style, text, add_bos=bos)
    return tokenizer, bos


def token_limit(recipe: LoraRecipe, litgpt_base: Path) -> tuple[int, str]:
    """Tokens that prompt and answer may have together, and what sets the limit."""
    config = bounded.parse_yaml((litgpt_base / MODEL_CONFIG).read_text(encoding="utf-8"))
    context = int(config["block_size"])
    if recipe.max_seq_length is not None and recipe.max_seq_length < context:
        return recipe.max_seq_length, f"max_seq_length = {recipe.max_seq_length}"
    return context, "the model's context"
