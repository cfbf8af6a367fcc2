"""Trainer ``litgpt-lora``: LoRA by ``litgpt finetune_lora``, with what it gets wrong routed around or checked.

litgpt decides by a directory's name whether prompts get a BOS, cuts long prompts without a word, and trains by default
on another prompt than anybody tests with. Here every sample is tokenized both ways before training starts, and what
litgpt wrote down afterwards is compared with what it was asked for.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from entailbench import (
    ModelError,
    OpenContext,
    Trainer,
    TrainingError,
    TrainingJob,
    TrainingOutcome,
    hookimpl,
)

from .hf_weights import load_tokenizer
from .litgpt_base import Base, base_of, base_problems, hf_config_on_disk, hf_directory_on_disk
from .litgpt_checkpoint import (
    HYPERPARAMETERS,
    LORA_WEIGHTS,
    MODEL_CONFIG,
    PromptRecord,
    adds_bos,
    load_weights,
    read_tokenizer_config,
    write_record,
)
from .litgpt_names import LLAMA_FAMILY
from .litgpt_recipe import (
    CHAT,
    LoraRecipe,
    Schedule,
    hardware_problems,
    litgpt_settings,
    precision_here,
    recipe_problems,
    schedule,
)

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle
    from transformers import PreTrainedTokenizerBase

PIP = "'entailbench[litgpt]'"


class LitgptLoraTrainer(Trainer):
    """LoRA with litgpt, on a base of the backend ``hf`` or ``litgpt``."""

    name: ClassVar[str] = "litgpt-lora"
    Recipe: ClassVar[type] = LoraRecipe
    requires = {"litgpt": PIP, "torch": PIP, "transformers": PIP, "jsonargparse": PIP}  # noqa: RUF012 -- read only

    def check(self, recipe: LoraRecipe, context: OpenContext) -> Iterable[str]:
        """The recipe, the base, and whether they go together."""
        yield from recipe_problems(recipe)
        yield from hardware_problems(recipe)
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

    def train(self, recipe: LoraRecipe, job: TrainingJob) -> TrainingOutcome:
        for problem in self.check(recipe, job.context):
            raise TrainingError(problem)
        work = job.out.absolute() / ".work"
        work.mkdir()
        try:
            return _train(recipe, job, base_of(job.context.base), work)
        except ModelError as error:
            raise TrainingError(str(error)) from error
        except OSError as error:
            raise TrainingError(f"cannot write {error.filename or job.out}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


@hookimpl
def entailbench_trainers() -> Iterable[Trainer]:
    """The ``litgpt-lora`` trainer."""
    return [LitgptLoraTrainer()]


def _train(recipe: LoraRecipe, job: TrainingJob, base: Base, work: Path) -> TrainingOutcome:
    from .fingerprint import hash_weights
    from .litgpt_process import read_losses, run_litgpt
    from .litgpt_samples import check_samples, litgpt_rows, write_rows
    from .prompt_template import named_style

    began = time.monotonic()
    if not job.train:
        raise TrainingError("there are no training samples")
    plan = schedule(recipe, len(job.train))
    style = None if recipe.prompt_style == CHAT else named_style(recipe.prompt_style)
    applied = style or named_style("default")
    litgpt_base = litgpt_form(base, job.context)
    tokenizer, bos = trained_tokenizer(base, litgpt_base, style)
    view = training_view(litgpt_base, tokenizer, bos, work / "base")

    job.context.notify(f"checking {len(job.train) + len(job.validation)} samples")
    train_rows = litgpt_rows(job.train, style, tokenizer)
    validation_rows = litgpt_rows(job.validation, style, tokenizer)
    limit, limited_by = _limit(recipe, litgpt_base)
    sizes = [
        check_samples(
            split,
            pairs,
            rows,
            litgpt_directory=view,
            style=applied,
            tokenizer=tokenizer,
            limit=limit,
            limited_by=limited_by,
        )
        for split, pairs, rows in (
            ("training", job.train, train_rows),
            ("validation", job.validation, validation_rows),
        )
    ]
    write_rows(train_rows, validation_rows or train_rows[:1], work / "sft-data")

    precision = precision_here(recipe)
    config = litgpt_settings(recipe, plan, applied, precision, work, validates=bool(validation_rows))
    _skip_merge(work / "out" / "final")
    job.context.notify(f"training: {plan.steps} steps of {recipe.global_batch_size} samples, {precision}")
    figures = run_litgpt(view, config, work, job.out / "train.log", plan.steps, job.context.notify)

    losses = read_losses(work / "out", plan.iterations_per_step)
    _check_result(work / "out" / "final", {"checkpoint_dir": str(view), **config}, losses.train, plan)
    _collect(work / "out" / "final", litgpt_base, tokenizer, job.out)
    _write_prompting(recipe, style, bos, tokenizer, job.out)
    for metrics in sorted((work / "out").glob("logs/csv/version_*/metrics.csv")):
        shutil.copyfile(metrics, job.out / "metrics.csv")
    return TrainingOutcome(
        losses=losses.train,
        validation_losses=losses.validation if validation_rows else (),
        facts={
            "base": base.name,
            "base_weights": hash_weights(base.directory),
            "recipe": {**asdict(recipe), "precision": precision, "warmup_steps": plan.warmup_steps},
            "steps": plan.steps,
            "samples": len(job.train),
            "validation_samples": len(job.validation),
            "sample_tokens": sizes[0].total,
            "longest_sample_tokens": max(size.longest for size in sizes),
            **figures,
            "bos": bos,
            "device": _device(),
            "seconds": round(time.monotonic() - began, 1),
            "versions": _versions(),
        },
    )


def _may_have_chat_template(directory: Path) -> bool:
    if any((directory / name).exists() for name in ("chat_template.jinja", "chat_template.json", "chat_templates")):
        return True
    try:
        return "chat_template" in read_tokenizer_config(directory)
    except ModelError:
        return False


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


def training_view(litgpt_base: Path, tokenizer: PreTrainedTokenizerBase, bos: bool, view: Path) -> Path:
    """The same checkpoint under a name that means nothing to litgpt, so that the file decides about the BOS."""
    from .litgpt_to_hf import write_litgpt_tokenizer

    view.mkdir()
    for path in litgpt_base.iterdir():
        if path.suffix in (".pth", ".yaml") or path.name in ("config.json", "generation_config.json"):
            (view / path.name).symlink_to(path.absolute())
    write_litgpt_tokenizer(tokenizer, litgpt_base, view, add_bos=bos)
    return view


def _limit(recipe: LoraRecipe, litgpt_base: Path) -> tuple[int, str]:
    import yaml

    config = yaml.safe_load((litgpt_base / MODEL_CONFIG).read_text(encoding="utf-8"))
    context = int(config["block_size"])
    if recipe.max_seq_length is not None and recipe.max_seq_length < context:
        return recipe.max_seq_length, f"max_seq_length = {recipe.max_seq_length}"
    return context, "the model's context"


def _skip_merge(final: Path) -> None:
    """litgpt merges when it has trained, unless merged weights are there already.

    The merge writes the whole model again, which nobody reads here: the LoRA is opened over its base.
    """
    final.mkdir(parents=True)
    (final / "lit_model.pth").touch()


def _check_result(final: Path, asked: Mapping[str, Any], losses: tuple[tuple[int, float], ...], plan: Schedule) -> None:
    """Raises TrainingError unless the checkpoint is there, finite, and of the training that was asked for."""
    import torch
    import yaml

    from .litgpt_process import differences

    if not (final / LORA_WEIGHTS).is_file():
        raise TrainingError(f"litgpt wrote no {LORA_WEIGHTS}")
    broken = [name for name, weight in load_weights(final / LORA_WEIGHTS).items() if not torch.isfinite(weight).all()]
    if broken:
        raise TrainingError(f"the trained {broken[0]} is not finite: lower the learning rate")
    written = yaml.safe_load((final / HYPERPARAMETERS).read_text(encoding="utf-8"))
    wrong = list(differences(asked, written))
    if wrong:
        raise TrainingError(f"litgpt trained with other hyperparameters than asked for: {'; '.join(wrong)}")
    if losses[-1][0] != plan.steps:
        raise TrainingError(f"litgpt made {losses[-1][0]} steps instead of {plan.steps}")


def _collect(final: Path, litgpt_base: Path, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    import yaml

    for name in (LORA_WEIGHTS, MODEL_CONFIG, "config.json", "generation_config.json"):
        if (final / name).is_file():
            shutil.copyfile(final / name, out / name)
    settings = yaml.safe_load((final / HYPERPARAMETERS).read_text(encoding="utf-8"))
    # `litgpt merge_lora` looks for the base here; the folder that it was trained through goes away.
    settings["checkpoint_dir"] = str(litgpt_base.absolute())
    (out / HYPERPARAMETERS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    tokenizer.save_pretrained(out)


def _write_prompting(
    recipe: LoraRecipe, style: PromptStyle | None, bos: bool, tokenizer: PreTrainedTokenizerBase, out: Path
) -> None:
    from .litgpt_checkpoint import recognize
    from .litgpt_prompting import style_for_litgpt
    from .prompt_template import write_style

    write_record(PromptRecord(recipe.prompt_style, bos), out)
    write_style(style or style_for_litgpt(recognize(out), recipe.prompt_style, tokenizer), out)


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    packages = ("torch", "litgpt", "lightning", "transformers", "tokenizers")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
