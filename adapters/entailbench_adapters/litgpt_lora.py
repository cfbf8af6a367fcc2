"""Trainer ``litgpt-lora``: LoRA on litgpt's model, by our own loop or by litgpt's command.

Both engines begin with the same base, prompt and samples, and leave the same files, so whatever opens, converts or
serves a checkpoint need not know which of them trained it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from entailbench import (
    ModelError,
    OpenContext,
    PreflightError,
    Trainer,
    TrainingError,
    TrainingJob,
    TrainingOutcome,
    TrainingOutline,
    hookimpl,
)

from .litgpt_base import base_problems, hf_config_on_disk, hf_directory_on_disk
from .litgpt_checkpoint import read_tokenizer_config
from .litgpt_names import LLAMA_FAMILY
from .litgpt_recipe import CHAT, LoraRecipe
from .litgpt_recipe_checks import hardware_problems, recipe_problems

PIP = "'entailbench[litgpt]'"


class LitgptLoraTrainer(Trainer):
    """LoRA with litgpt, on a base of the backend ``hf`` or ``litgpt``."""

    name: ClassVar[str] = "litgpt-lora"
    Recipe: ClassVar[type] = LoraRecipe
    requires = {"litgpt": PIP, "torch": PIP, "transformers": PIP, "jsonargparse": PIP}  # noqa: RUF012 -- read only
    resumes: ClassVar[bool] = True

    def check(self, recipe: LoraRecipe, context: OpenContext) -> Iterable[str]:
        """The recipe, the base, and whether they go together."""
        from .training.curves import logger_problems, plot_problems

        yield from recipe_problems(recipe)
        yield from hardware_problems(recipe)
        yield from logger_problems(recipe.logger)
        if recipe.engine == "packed":
            yield from plot_problems()
        if context.base is None:
            yield 'a LoRA is trained on a base: add base = "…" to the model'
            return
        yield from base_problems(context.base)
        hf_config = hf_config_on_disk(context.base)
        if hf_config is not None and hf_config.get("model_type") not in LLAMA_FAMILY:
            yield (
                f"its base {context.base.spec.name!r} is of the architecture {hf_config.get('model_type')!r}; "
                f"litgpt-lora trains {', '.join(sorted(LLAMA_FAMILY))}"
            )
        directory = hf_directory_on_disk(context.base)
        if recipe.prompt_style == CHAT and directory is not None and not _may_have_chat_template(directory):
            yield (
                f"its base {context.base.spec.name!r} has no chat template: choose a litgpt prompt style, "
                'e.g. prompt_style = "alpaca"'
            )

    def outline(self, recipe: LoraRecipe, job: TrainingJob) -> TrainingOutline:
        """See ``training.estimate.outline``."""
        from .litgpt_start import start
        from .training.estimate import outline

        problems = list(self.check(recipe, job.context))
        if job.resume and recipe.engine == "litgpt":
            problems.append('engine = "litgpt" saves no states to go on from: use engine = "packed", or --overwrite')
        if problems:
            raise PreflightError(problems)
        try:
            return outline(recipe, job, start(recipe, job.context))
        except (ModelError, TrainingError) as error:
            raise PreflightError([str(error)]) from error

    def train(self, recipe: LoraRecipe, job: TrainingJob) -> TrainingOutcome:
        """See ``training.engine.train_packed`` and ``litgpt_engine.train_litgpt``."""
        from .litgpt_engine import train_litgpt
        from .litgpt_start import start
        from .training.engine import train_packed

        for problem in self.check(recipe, job.context):
            raise TrainingError(problem)
        try:
            begun = start(recipe, job.context)
            engine = train_packed if recipe.engine == "packed" else train_litgpt
            return engine(recipe, job, begun)
        except ModelError as error:
            raise TrainingError(str(error)) from error
        except OSError as error:
            raise TrainingError(f"cannot write {error.filename or job.out}: {error.strerror or error}") from error


@hookimpl
def entailbench_trainers() -> Iterable[Trainer]:
    """The ``litgpt-lora`` trainer."""
    return [LitgptLoraTrainer()]


def _may_have_chat_template(directory: Path) -> bool:
    if any((directory / name).exists() for name in ("chat_template.jinja", "chat_template.json", "chat_templates")):
        return True
    try:
        return "chat_template" in read_tokenizer_config(directory)
    except ModelError:
        return False
