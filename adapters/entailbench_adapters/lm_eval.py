"""Backend ``lm-eval``: any model that lm-eval knows (vLLM, SGLang, Anthropic, …), by its name and arguments.

The answers are those of lm-eval's own model class, its habits included; seen in 0.4.13:

- ``openai-chat-completions`` sends models with a "5" in their name (``gpt-3.5-turbo`` too) temperature 1
  and no stop sequences, retries requests that can never succeed, and gives up on a long ``Retry-After``:
  prefer our ``openai`` backend.
- Chat APIs cannot score candidates.
- ``hf`` cuts a prompt that is too long from the left, and adds the tokenizer's BOS unless the prompt
  starts with it (``add_bos_token = false`` turns that off).
- A seed cannot be given with a request: API models send their own argument ``seed``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from entailbench import Backend, Model, ModelError, ModelIdentity, OpenContext, UnknownNameError, hookimpl

from .redaction import (
    HIDDEN,
    describe,
    is_variable_name,
    looks_like_credential,
    names_secret,
    public_url,
    redact,
    url_problem,
)

__all__ = ["LmEvalBackend", "LmEvalOptions"]

ArgValue = str | int | float | bool | None

_API_PACKAGES = (("requests", "aiohttp", "tenacity"), "'entailbench[lm-eval]'")
NEEDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "anthropic_llms": _API_PACKAGES,
    "huggingface": (("torch", "transformers", "accelerate"), "'entailbench[lm-eval]'"),
    "litellm_llms": (("litellm",), "'lm-eval[litellm]'"),
    "openai_completions": _API_PACKAGES,
    "sglang_causallms": (("sglang",), "'sglang[all]'"),
    "vllm_causallms": (("vllm",), "'lm-eval[vllm]'"),
}
"""lm-eval's module → what it imports late, and what to ``pip install`` for that."""

KEYS: Mapping[str, str] = {
    "anthropic-chat": "ANTHROPIC_API_KEY",
    "anthropic-chat-completions": "ANTHROPIC_API_KEY",
    "anthropic-completions": "ANTHROPIC_API_KEY",
    "openai-chat-completions": "OPENAI_API_KEY",
    "openai-completions": "OPENAI_API_KEY",
}
"""Environment variables without which these models raise, but only at their first request."""

FOLDERS = ("pretrained", "peft", "delta", "tokenizer")
"""Arguments that name a folder or a hub id."""

_HEADER = re.compile(r"(^|[_-])(headers?|authorization)$", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"(?P<name>(?:key|token|secret|password|authorization)['\"]?\s*[:=]\s*)['\"]?[^\s,;}'\"]+", re.IGNORECASE
)
"""Inside a longer value, e.g. JSON for an API."""
_FROM_ENVIRONMENT = "env:"
_BATCH_SIZE = re.compile(r"[1-9]\d*|auto(:\d+)?")


@dataclass(frozen=True)
class LmEvalOptions:
    """Which model of lm-eval, and its arguments."""

    model: str
    """lm-eval's name for it, e.g. ``"hf"``, ``"vllm"``, ``"anthropic-chat"``."""
    args: Mapping[str, ArgValue] = field(default_factory=dict, repr=False)
    """What ``lm_eval --model_args`` takes. ``"env:NAME"`` stands for the value of an environment variable."""
    batch_size: int | str | None = None
    """lm-eval's: a number, ``"auto"`` (measured again for each chunk), or None for the model's own default."""
    chunk: int = 64
    """Prompts handed over at a time: answers come, and are kept, chunk by chunk."""


class LmEvalBackend(Backend):
    """Opens lm-eval's models."""

    name: ClassVar[str] = "lm-eval"
    Options: ClassVar[type] = LmEvalOptions
    scores: ClassVar[bool] = True
    manner: ClassVar[frozenset[str]] = frozenset({"batch_size", "chunk"})
    requires: ClassVar[dict[str, str]] = {"lm_eval": "'entailbench[lm-eval]'"}

    def check(self, options: LmEvalOptions, context: OpenContext) -> Iterable[str]:
        """Name, packages, keys and arguments; loads no model code."""
        from lm_eval.api.registry import model_registry
        from lm_eval.models import MODEL_MAPPING

        # lm-eval's command line may know our own models, too: a model cannot be opened through itself.
        known = sorted(set(model_registry) - {"entailbench"})
        if options.model not in known:
            yield str(UnknownNameError("lm-eval model", options.model, known))
            return
        module = MODEL_MAPPING.get(options.model, "").partition(":")[0].rpartition(".")[2]
        packages, pip = NEEDS.get(module, ((), ""))
        if missing := [package for package in packages if find_spec(package) is None]:
            yield f"lm-eval's {options.model!r} needs {', '.join(missing)}: pip install {pip}"
        key = KEYS.get(options.model)
        if key and not os.environ.get(key, "").strip():
            yield f"{key} is not set: lm-eval's {options.model!r} needs it"
        yield from _argument_problems(options, context)
        if module == "huggingface" and not options.args.get("pretrained"):
            yield "args.pretrained is missing: a model folder or a hub id"
        if options.batch_size is not None:
            if "batch_size" in options.args:
                yield "batch_size stands both in the options and in args: keep one"
            if not _BATCH_SIZE.fullmatch(str(options.batch_size)):
                yield f'batch_size must be a positive number or "auto", it is {options.batch_size!r}'
        if options.chunk < 1:
            yield f"chunk must be at least 1, it is {options.chunk}"

    def describe(self, options: LmEvalOptions) -> str:
        """lm-eval's name, and the model that it is to load."""
        model = next((options.args[key] for key in ("pretrained", "model") if options.args.get(key)), None)
        return options.model if model is None else f"{options.model} {_public(model)}"

    def open(self, options: LmEvalOptions, context: OpenContext) -> Model:
        """Imports lm-eval's model class and makes the model as ``lm_eval --model`` would.

        Raises:
            ModelError: a package is missing, an argument is wrong, or the model cannot be loaded.
        """
        if problem := next(iter(self.check(options, context)), None):
            raise ModelError(problem)
        # Imported late for its size, and since a package may be missing that the model's module imports.
        from .lm_eval_model import LmEvalModel
        from .quiet_lm_eval import without_stdout

        arguments, folders = _resolved(options.args, context)
        secrets = [str(arguments[key]) for key in _from_environment(options.args)]
        try:
            with without_stdout():
                from lm_eval.api.registry import get_model

                lm = get_model(options.model).create_from_arg_obj(arguments, {"batch_size": options.batch_size})
        except Exception as error:  # whatever the model's library raises
            raise ModelError(f"lm-eval cannot open {options.model!r}: {describe(error, secrets)}") from error
        details = {
            "model": options.model,
            "args": json.dumps({key: _public(value) for key, value in options.args.items()}, sort_keys=True),
            "batch_size": str(options.batch_size),
        }
        identity = ModelIdentity(
            backend=self.name, weights=_weights(options.args, folders, context.home), details=details
        )
        return LmEvalModel(options.model, lm, identity, chunk=options.chunk, secrets=secrets)


def _argument_problems(options: LmEvalOptions, context: OpenContext) -> Iterable[str]:
    for key, value in options.args.items():
        if value is None or isinstance(value, bool):
            continue
        if _HEADER.search(key):
            yield (
                f"args.{key} would hold a secret, and lm-eval takes headers as a table only: leave it out and export "
                "the key as the variable that lm-eval reads (OPENAI_API_KEY for OpenAI-compatible servers)"
            )
        elif isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT):
            variable = value.removeprefix(_FROM_ENVIRONMENT)
            if not is_variable_name(variable):
                yield f"args.{key}: after env: must stand the name of an environment variable, not its value"
            elif not os.environ.get(variable, "").strip():
                yield f"{variable} is not set: args.{key} takes its value from there"
        elif names_secret(key) or _suspicious(key, value, context):
            yield f'args.{key} looks like a secret: export it as a variable and write {key} = "env:NAME"'
        elif not isinstance(value, str):
            continue
        elif key in FOLDERS and value.startswith(("/", "./", "../", "~")) and not context.path(value).is_dir():
            yield f"args.{key}: no folder {context.path(value)}"
        elif key == "base_url" and (problem := url_problem(value)):
            yield f"args.base_url is no endpoint: {problem}"


def _suspicious(key: str, value: ArgValue, context: OpenContext) -> bool:
    if not isinstance(value, str) or not looks_like_credential(value):
        return False
    return not (key in FOLDERS and context.path(value).is_dir())


def _from_environment(args: Mapping[str, ArgValue]) -> list[str]:
    return [key for key, value in args.items() if isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT)]


def _resolved(args: Mapping[str, ArgValue], context: OpenContext) -> tuple[dict[str, Any], dict[str, Path]]:
    """The arguments as lm-eval is to get them, and which of them are local folders."""
    arguments: dict[str, Any] = dict(args)
    for key in _from_environment(args):
        arguments[key] = os.environ[str(args[key]).removeprefix(_FROM_ENVIRONMENT)].strip()
    folders = {key: context.path(str(args[key])) for key in FOLDERS if args.get(key)}
    folders = {key: path for key, path in folders.items() if path.is_dir()}
    # lm-eval would take a relative path from the current folder instead of the configuration's.
    arguments.update({key: str(path) for key, path in folders.items()})
    return arguments, folders


def _weights(args: Mapping[str, ArgValue], folders: Mapping[str, Path], home: Path) -> str | None:
    """The hash of local weights, base and adapter; None where a hub id or a server hides any of them."""
    from .fingerprint import hash_weights
    from .lm_eval_model import HASHED

    parts = [key for key in HASHED if args.get(key)]
    if "pretrained" not in folders or not set(parts) <= set(folders):
        return None
    try:
        return "+".join(hash_weights(folders[key], home) for key in parts)
    except ModelError:
        # A form that lm-eval opens and that we cannot hash, e.g. GGUF.
        return None


def _public(value: ArgValue) -> ArgValue:
    """``value`` as it may be written down: ``check`` refuses what is plainly a secret, this hides what may be one."""
    if not isinstance(value, str):
        return value
    if looks_like_credential(value):
        return HIDDEN
    shown = public_url(value) if url_problem(value) is None else redact(value)
    return _NAMED_SECRET.sub(rf"\g<name>{HIDDEN}", shown)


@hookimpl
def entailbench_backends() -> Iterable[Backend]:
    """The ``lm-eval`` backend."""
    return [LmEvalBackend()]
