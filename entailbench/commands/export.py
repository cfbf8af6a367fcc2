"""``entailbench export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.commands.options import config_option, registry_of

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("export")
@click.argument("name")
@click.option("--format", "export_format", required=True, help="peft, hf or litgpt, as the model's backend offers.")
@click.option("--out", type=click.Path(path_type=Path), help="A new folder.  [default: exports/NAME-FORMAT]")
@config_option
@click.pass_obj
def command(plugins: Plugins, name: str, export_format: str, out: Path | None, config: Path | None) -> None:
    """Write NAME in a form that lm_eval, transformers, PEFT, vLLM or litgpt open.

    The prompt format it was trained with travels as the tokenizer's chat template.
    """
    from entailbench.commands.progress import say
    from entailbench.errors import PreflightError, UnknownNameError, UsageError

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
    if problems:
        raise PreflightError(problems)
    resolved.backend.export(resolved.options, resolved.context, export_format, target)
    click.echo(str(target))
