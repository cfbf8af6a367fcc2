"""Backend ``hf``: any Hugging Face causal language model, a folder or a hub id, with or without a PEFT adapter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from entailbench import Backend, Model, ModelError, OpenContext, hookimpl, read_puzzles

from .checkpoint_files import adapter_problems
from .explained_errors import raise_first
from .fingerprint import hash_weights, weight_files
from .hf_weights import (
    HfOptions,
    device_problems,
    directory_here,
    own_tokenizer,
    pretrained_problems,
    shared_base,
)
from .litgpt_lineage import LINEAGE, lineage_of
from .prompt_parity import check_prompt, prompt_problems
from .prompt_record import read_record, weight_problems
from .quantization import quantize_problems

PIP = "'entailbench[hf]'"


class HfBackend(Backend):
    """Opens transformers causal language models."""

    name: ClassVar[str] = "hf"
    Options: ClassVar[type] = HfOptions
    scores: ClassVar[bool] = True
    manner: ClassVar[frozenset[str]] = frozenset({"batch_size"})
    requires = {"torch": PIP, "transformers": PIP, "peft": PIP, "safetensors": PIP}  # noqa: RUF012 -- read only
    export_formats: ClassVar[tuple[str, ...]] = ("peft", "hf")

    def check(self, options: HfOptions, context: OpenContext) -> Iterable[str]:
        """Everything about files and settings; whether a hub id exists is only known when it is fetched."""
        yield from pretrained_problems(options.pretrained, context)
        if options.adapter is not None:
            yield from adapter_problems(context.path(options.adapter))
        if options.batch_size is not None and options.batch_size < 1:
            yield f"batch_size = {options.batch_size}: it must be at least 1"
        yield from device_problems(options.device)
        yield from quantize_problems(options.quantize, options.device)
        yield from _record_problems(options, context)

    def weights_key(self, options: HfOptions) -> str:
        """Everything that ``shared_base`` loads by, so that a model and adapters over it load once."""
        how = f"{options.device} {options.dtype} {options.quantize}"
        return f"{options.pretrained} {options.revision} {how} {options.trust_remote_code}"

    def describe(self, options: HfOptions) -> str:
        return options.pretrained + (f" + {options.adapter}" if options.adapter else "")

    def weight_files(self, options: HfOptions, context: OpenContext) -> Iterable[Path]:
        directory = directory_here(options.pretrained, context, options.revision)
        yield from weight_files(directory) if directory else ()
        if options.adapter is not None:
            yield from weight_files(context.path(options.adapter))

    def lineage(self, options: HfOptions, context: OpenContext) -> Mapping[str, Any] | None:
        """What an export of ours carries: ``lineage.json``, and under ``prompt`` what ``entailbench.json`` says."""
        directory = context.path(options.pretrained if options.adapter is None else options.adapter)
        try:
            return lineage_of(directory, read_record(directory))
        except ModelError:
            return None

    def trained_puzzles(self, options: HfOptions, context: OpenContext) -> frozenset[str] | None:
        """What ``puzzles.json`` of an export says; of other models nobody claims that they know puzzles."""
        directory = context.path(options.pretrained if options.adapter is None else options.adapter)
        found = read_puzzles(directory)
        return frozenset() if found is None and not (directory / LINEAGE).is_file() else found

    def open(self, options: HfOptions, context: OpenContext) -> Model:
        from .causal_lm import CausalModel

        raise_first(_record_problems(options, context))
        base = shared_base(options, context)
        details = {"pretrained": options.pretrained}
        if options.revision:
            details["revision"] = options.revision
        directory, adapter, weights, tokenizer = base.directory, None, None, None
        if options.adapter is not None:
            directory = context.path(options.adapter)
            raise_first(adapter_problems(directory))
            details["adapter"] = str(directory)
            adapter = base.add_adapter(directory)
            weights = f"{base.weights}+{hash_weights(directory)}"
            tokenizer = own_tokenizer(directory, trust_remote_code=options.trust_remote_code)
        record = read_record(directory)
        remark = check_prompt(directory, record, tokenizer or base.tokenizer, allow_other=options.allow_other_prompt)
        if remark:
            context.notify(f"{context.name} is {remark}, as allow_other_prompt allows")
        return CausalModel(
            base,
            backend=self.name,
            adapter=adapter,
            weights=weights,
            tokenizer=tokenizer,
            batch_size=options.batch_size,
            truncate=options.truncate == "left",
            limits=context.limits,
            name=context.name,
            details=details,
            answer_tokens=record.answer_tokens if record else None,
            remark=remark,
            notify=context.notify,
        )

    def export(self, options: HfOptions, context: OpenContext, format: str, out: Path) -> None:
        """``peft``: the adapter with its tokenizer. ``hf``: a plain model directory, the adapter merged into it."""
        from .hf_export import export_adapter, export_model

        if format == "peft":
            export_adapter(options, context, out)
        elif format == "hf":
            export_model(options, context, out)
        else:
            raise ModelError(f"backend 'hf' exports {' and '.join(self.export_formats)}, not {format!r}")


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``hf`` backend."""
    return [HfBackend()]


def _record_problems(options: HfOptions, context: OpenContext) -> Iterator[str]:
    """What the record of an export (``entailbench.json``) says against the files beside it."""
    directory = context.path(options.pretrained if options.adapter is None else options.adapter)
    try:
        record = read_record(directory)
        yield from prompt_problems(directory, record, allow_other=options.allow_other_prompt)
        yield from weight_problems(directory, record)
    except ModelError as error:
        yield str(error)
