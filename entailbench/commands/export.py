"""``entailbench export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entailbench.commands.options import config_option, registry_of
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.contracts import Backend
    from entailbench.plugins import Plugins

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


@click.command("export")
@click.argument("name")
@click.option("--format", "export_format", required=True, help="peft, hf or litgpt, as the model's backend offers.")
@click.option("--out", type=click.Path(path_type=Path), help="A new folder.  [default: exports/NAME-FORMAT]")
@click.option("--dtype", help="Store the weights in it, e.g. bfloat16.  [default: as they were trained]")
@click.option(
    "--run", "run_folder", type=click.Path(path_type=Path), help="A run whose table goes into the model card."
)
@click.option("--push", metavar="ORG/REPO", help="Upload the folder to this repository of the hub (HF_TOKEN).")
@click.option("--private", is_flag=True, help="With --push: a repository that is made is private.")
@config_option
@click.pass_obj
def command(
    plugins: Plugins,
    name: str,
    export_format: str,
    out: Path | None,
    dtype: str | None,
    run_folder: Path | None,
    push: str | None,
    private: bool,
    config: Path | None,
) -> None:
    """Write NAME in a form that lm_eval, transformers, PEFT, vLLM or litgpt open, with a model card (README.md).

    The prompt format it was trained with travels as the tokenizer's chat template; how it was trained, as lineage.json.
    """
    from entailbench.commands.progress import say
    from entailbench.errors import PreflightError, UnknownNameError, UsageError
    from entailbench.hub import push as upload
    from entailbench.hub import push_problems, without_local_base
    from entailbench.overlap import PUZZLES_NAME, puzzles_to_json
    from entailbench.run_directory import write_atomically

    resolved = registry_of(plugins, config).resolve(name, notify=say)
    formats = resolved.backend.export_formats
    if export_format not in formats:
        if not formats:
            raise UsageError(f"models of the backend {resolved.spec.backend!r} cannot be exported")
        raise UnknownNameError(f"export format of {name!r}", export_format, formats)
    target = (out or Path("exports") / f"{name}-{export_format}").absolute()
    problems = resolved.problems()
    if target.exists():
        problems.append(f"{target} already exists: choose another --out")
    problems += _dtype_problems(resolved.backend, export_format, dtype)
    lineage = resolved.backend.lineage(resolved.options, resolved.context) or {}
    report, report_problems = _report(run_folder, name, lineage)
    problems += report_problems
    if private and not push:
        problems.append("--private goes with --push")
    if push:
        problems += push_problems(push)
    if problems:
        raise PreflightError(problems)
    # Only backends that declare dtypes know the argument.
    chosen = {"dtype": dtype} if dtype else {}
    resolved.backend.export(resolved.options, resolved.context, export_format, target, **chosen)
    rows = (name, resolved.spec.base) if resolved.spec.base else (name,)
    _describe(target, name, export_format, lineage, report, rows, repository=push, dtype=dtype)
    if puzzles := resolved.backend.trained_puzzles(resolved.options, resolved.context):
        write_atomically(target / PUZZLES_NAME, puzzles_to_json(puzzles))
    echo(str(target))
    if push:
        without_local_base(target)
        say(f"uploading {target} to {push}")
        echo(upload(target, push, private=private))


def _dtype_problems(backend: Backend, export_format: str, dtype: str | None) -> list[str]:
    known = backend.export_dtypes.get(export_format, ())
    if dtype is None or dtype in known:
        return []
    if not known:
        return [f"--dtype does not go with --format {export_format} of the backend {backend.name!r}"]
    return [f"--dtype {dtype}: known are {', '.join(known)}"]


def _report(folder: Path | None, name: str, lineage: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    from entailbench.card_rows import read_report

    if folder is None:
        return {}, []
    try:
        return read_report(folder, name, lineage), []
    except (OSError, ValueError) as error:
        return {}, [f"--run {folder} is not the folder of a finished run of {name!r}: {error}"]


def _describe(
    target: Path,
    name: str,
    export_format: str,
    lineage: Mapping[str, Any],
    report: Mapping[str, Any],
    rows: tuple[str, ...],
    *,
    repository: str | None,
    dtype: str | None,
) -> None:
    """Writes README.md and, of a model whose training is known, lineage.json."""
    from entailbench.card_rows import benchmark_rows
    from entailbench.lineage import is_trained, trimmed
    from entailbench.model_card import CardFacts, model_card
    from entailbench.registry import LINEAGE_NAME
    from entailbench.run_directory import to_json, write_atomically

    facts = CardFacts(
        name=name,
        format=export_format,
        repository=repository,
        dtype=dtype,
        own_tokenizer=any((target / file).is_file() for file in TOKENIZER_FILES),
        benchmark=benchmark_rows(report, rows),
    )
    write_atomically(target / "README.md", model_card(lineage, facts))
    if is_trained(lineage):
        write_atomically(target / LINEAGE_NAME, to_json(trimmed(lineage), indent=1) + "\n")
