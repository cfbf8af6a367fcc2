"""``entailbench init``: writes a commented configuration."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from entailbench import UsageError, echo, hookimpl

PRESETS = ("smollm2", "mistral-7b")


@click.command("init")
@click.option("--preset", type=click.Choice(PRESETS), default="smollm2", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="entailbench.toml", show_default=True)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def command(preset: str, out: Path, force: bool) -> None:
    """Write a commented entailbench.toml.

    smollm2 is the built-in default spelled out, runs on a laptop; mistral-7b is the original study's
    models and recipe, wants a GPU.
    """
    if out.exists() and not force:
        raise UsageError(f"{out} already exists: pass --force to overwrite it")
    text = files("entailbench_adapters").joinpath("templates", f"{preset}.toml").read_text(encoding="utf-8")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    echo(f"wrote {out}; `entailbench models` shows what is in it")


@hookimpl
def entailbench_commands(cli: click.Group) -> None:
    """Adds ``entailbench init``."""
    cli.add_command(command)
