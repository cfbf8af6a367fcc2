"""Backend ``litgpt``: checkpoints of litgpt, a LoRA over another model or all the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from entailbench import Backend, Model, ModelError, OpenContext, UnknownNameError, hookimpl, read_puzzles

from .checkpoint_files import has_tokenizer
from .explained_errors import raise_first
from .fingerprint import hash_weights, weight_files
from .hf_weights import device_problems, shared_base
from .litgpt_base import (
    LitgptOptions,
    base_of,
    base_problems,
    checkpoint_of,
    full_options,
    hf_config_on_disk,
    opens_lora,
    origin_of,
)
from .litgpt_checkpoint import Checkpoint
from .litgpt_config import read_hf_config
from .litgpt_lineage import base_facts, check_base, lineage_of, trained_on
from .litgpt_to_peft import lora_problems, peft_directory
from .prompt_parity import check_prompt, prompt_problems, style_difference
from .prompt_template import style_class_name

PIP = "'entailbench[litgpt]'"


class LitgptBackend(Backend):
    """Opens litgpt checkpoints through their Hugging Face or PEFT form, so that they share weights with ``hf``."""

    name: ClassVar[str] = "litgpt"
    Options: ClassVar[type] = LitgptOptions
    uses_base: ClassVar[bool] = True
    scores: ClassVar[bool] = True
    manner: ClassVar[frozenset[str]] = frozenset({"batch_size"})
    requires = {"litgpt": PIP, "torch": PIP, "transformers": PIP, "peft": PIP}  # noqa: RUF012 -- read only
    export_formats: ClassVar[tuple[str, ...]] = ("peft", "hf", "litgpt")
    export_dtypes = {"peft": ("float32", "bfloat16", "float16")}  # noqa: RUF012 -- read only

    def check(self, options: LitgptOptions, context: OpenContext) -> Iterable[str]:
        """Everything about the files, the settings, and whether a LoRA fits its base as far as that is on disk."""
        if options.batch_size is not None and options.batch_size < 1:
            yield f"batch_size = {options.batch_size}: it must be at least 1"
        yield from device_problems(options.device)
        try:
            checkpoint = checkpoint_of(options, context)
            if options.prompt_style is None and checkpoint.record is None:
                style_class_name(checkpoint.directory)
        except ModelError as error:
            yield str(error)
            return
        try:
            yield from prompt_problems(
                checkpoint.directory,
                checkpoint.record,
                options.prompt_style,
                allow_other=options.allow_other_prompt,
            )
        except (ModelError, UnknownNameError) as error:
            yield str(error)
        if opens_lora(checkpoint, context):
            yield from _lora_problems(checkpoint, options, context)
        elif not has_tokenizer(checkpoint.directory):
            yield f"{checkpoint.directory} has no tokenizer (tokenizer.json or tokenizer.model)"

    def describe(self, options: LitgptOptions) -> str:
        return options.checkpoint or "trained by `entailbench finetune`"

    def origin(self, options: LitgptOptions, context: OpenContext) -> str:
        return origin_of(options, context)

    def weight_files(self, options: LitgptOptions, context: OpenContext) -> Iterable[Path]:
        try:
            checkpoint = checkpoint_of(options, context)
        except ModelError:
            return
        if opens_lora(checkpoint, context) and context.base is not None:
            yield from context.base.backend.weight_files(context.base.options, context.base.context)
        yield from weight_files(checkpoint.directory)

    def lineage(self, options: LitgptOptions, context: OpenContext) -> Mapping[str, Any] | None:
        """What lies beside the checkpoint: ``lineage.json``, and under ``prompt`` what ``entailbench.json`` says."""
        try:
            checkpoint = checkpoint_of(options, context)
        except ModelError:
            return None
        return lineage_of(checkpoint.directory, checkpoint.record, base_facts(context.base))

    def trained_puzzles(self, options: LitgptOptions, context: OpenContext) -> frozenset[str] | None:
        """What ``puzzles.json`` beside the checkpoint says; None where it was trained elsewhere."""
        checkpoint = checkpoint_of(options, context)
        found = read_puzzles(checkpoint.directory)
        # What comes with entailbench was trained on generated puzzles of structures that no test split has.
        return frozenset() if found is None and checkpoint.peft else found

    def open(self, options: LitgptOptions, context: OpenContext) -> Model:
        from .causal_lm import CausalModel
        from .litgpt_prompting import prompting_tokenizer

        checkpoint = checkpoint_of(options, context)
        details = {"checkpoint": str(checkpoint.directory), "origin": origin_of(options, context)}
        adapter = weights = None
        if opens_lora(checkpoint, context):
            raise_first(_lora_problems(checkpoint, options, context))
            under = base_of(context.base)
            base = shared_base(under.options, under.context)
            check_base(checkpoint.directory, base.weights, base=under.context.name, model=context.name)
            directory = peft_directory(checkpoint, read_hf_config(under.directory), context.home)
            adapter = base.add_adapter(directory)
            weights = f"{base.weights}+{hash_weights(directory)}"
            batch_size = options.batch_size or under.options.batch_size
        else:
            full = full_options(checkpoint, options, context)
            base = shared_base(full, context)
            batch_size = full.batch_size
        tokenizer = prompting_tokenizer(checkpoint, options.prompt_style, base.tokenizer)
        remark = check_prompt(
            checkpoint.directory,
            checkpoint.record,
            tokenizer,
            options.prompt_style,
            allow_other=options.allow_other_prompt,
        )
        if remark:
            context.notify(f"{context.name} is {remark}, as allow_other_prompt allows")
        return CausalModel(
            base,
            backend=self.name,
            adapter=adapter,
            weights=weights,
            tokenizer=tokenizer,
            batch_size=batch_size,
            truncate=options.truncate == "left",
            limits=context.limits,
            name=context.name,
            details=details,
            answer_tokens=checkpoint.record.answer_tokens if checkpoint.record else None,
            remark=remark,
            notify=context.notify,
        )

    def export(
        self, options: LitgptOptions, context: OpenContext, format: str, out: Path, *, dtype: str | None = None
    ) -> None:
        """``peft``: the LoRA as an adapter. ``hf``, ``litgpt``: all the weights, the LoRA merged into them."""
        from .litgpt_export import export

        checkpoint = checkpoint_of(options, context)
        if difference := style_difference(checkpoint.directory, checkpoint.record, options.prompt_style):
            # Whoever opens the export could not know.
            raise ModelError(
                f"{checkpoint.directory} would be exported {difference}: remove `prompt_style` to export it"
            )
        base = None
        if opens_lora(checkpoint, context):
            raise_first(_lora_problems(checkpoint, options, context))
            base = base_of(context.base)
            check_base(checkpoint.directory, hash_weights(base.directory), base=base.context.name, model=context.name)
        export(checkpoint, options.prompt_style, base, context.home, format, out, context.notify, dtype=dtype)


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``litgpt`` backend."""
    return [LitgptBackend()]


def _lora_problems(checkpoint: Checkpoint, options: LitgptOptions, context: OpenContext) -> Iterator[str]:
    try:
        # Whether these are the weights that the base has now takes reading all of them: that is seen at opening.
        trained_on(checkpoint.directory)
    except ModelError as error:
        yield str(error)
    problems = list(base_problems(context.base))
    yield from problems
    if problems or context.base is None:
        return
    base = context.base
    # A run may be of this model alone, and then nobody else checks what it stands on.
    for problem in base.backend.check(base.options, base.context):
        yield f"its base {base.spec.name!r}: {problem}"
    for key, value in (("dtype", options.dtype), ("device", options.device)):
        own = getattr(base.options, key)
        if value not in ("auto", own):
            yield (
                f"{key} = {value!r}: a LoRA shares the weights of its base; "
                f"set it on {base.spec.name!r} (there: {own!r})"
            )
    hf_config = hf_config_on_disk(base)
    if hf_config is not None:
        yield from lora_problems(checkpoint, hf_config, repr(base.spec.name))
