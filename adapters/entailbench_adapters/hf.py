"""Backend ``hf``: any Hugging Face causal language model, a folder or a hub id, with or without a PEFT adapter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from entailbench import Backend, Model, ModelError, OpenContext, hookimpl

from .checkpoint_files import adapter_problems
from .explained_errors import raise_first
from .hf_weights import HfOptions, device_problems, own_tokenizer, pretrained_problems, shared_base

PIP = "'entailbench[hf]'"


class HfBackend(Backend):
    """Opens transformers causal language models."""

    name: ClassVar[str] = "hf"
    Options: ClassVar[type] = HfOptions
    scores: ClassVar[bool] = True
    requires = {"torch": PIP, "transformers": PIP, "peft": PIP, "safetensors": PIP}  # noqa: RUF012 -- read only
    export_formats: ClassVar[tuple[str, ...]] = ("peft", "hf")

    def check(self, options: HfOptions, context: OpenContext) -> Iterable[str]:
        """Everything about files and settings; whether a hub id exists is only known when it is fetched."""
        yield from pretrained_problems(options.pretrained, context)
        if options.adapter is not None:
            yield from adapter_problems(context.path(options.adapter))
        if options.batch_size < 1:
            yield f"batch_size = {options.batch_size}: it must be at least 1"
        yield from device_problems(options.device)

    def weights_key(self, options: HfOptions) -> str:
        """Everything that ``shared_base`` loads by, so that a model and adapters over it load once."""
        return f"{options.pretrained} {options.revision} {options.device} {options.dtype} {options.trust_remote_code}"

    def describe(self, options: HfOptions) -> str:
        return options.pretrained + (f" + {options.adapter}" if options.adapter else "")

    def open(self, options: HfOptions, context: OpenContext) -> Model:
        from .causal_lm import CausalModel
        from .fingerprint import hash_weights

        base = shared_base(options, context)
        details = {"pretrained": options.pretrained}
        if options.revision:
            details["revision"] = options.revision
        if options.adapter is None:
            return CausalModel(base, backend=self.name, batch_size=options.batch_size, details=details)
        directory = context.path(options.adapter)
        raise_first(adapter_problems(directory))
        adapter = base.add_adapter(directory)
        return CausalModel(
            base,
            backend=self.name,
            adapter=adapter,
            weights=f"{base.weights}+{hash_weights(directory)}",
            tokenizer=own_tokenizer(directory, trust_remote_code=options.trust_remote_code),
            batch_size=options.batch_size,
            details={**details, "adapter": str(directory)},
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
