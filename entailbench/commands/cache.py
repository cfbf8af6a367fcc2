"""``entailbench cache``: see, clear and verify the cache of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.commands.options import folder_option
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.answer_cache import CachedModel

SHOWN = ("backend", "model", "endpoint", "dtype", "device", "quantize")
"""What of a model's identity tells a person most."""


@click.group("cache")
def command() -> None:
    """The cache of answers: what was answered once is not asked again.

    An answer is found again only for the same weights (or the same server), prompt and decoding. Several runs may use
    one cache at a time.
    """


@command.command("info")
@folder_option
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def info(folder: Path, as_json: bool) -> None:
    """Say how large it is, and what it holds."""
    from entailbench.answer_cache import FILE, cache_info
    from entailbench.run_directory import to_json

    found = cache_info(folder)
    if as_json:
        facts = {"path": folder / FILE, "bytes": found.bytes if found else 0, "models": found.models if found else []}
        echo(to_json(facts, indent=2))
        return
    if found is None:
        echo(f"{folder / FILE}: nothing is cached")
        return
    echo(f"{found.path}: {found.answers:,} answers of {_models(len(found.models))}, {found.bytes / 1e6:,.1f} MB")
    for model in found.models:
        echo(f"  {model.answers:,} of {model.name}: {_told(model)}")


@command.command("clear")
@folder_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(folder: Path, yes: bool) -> None:
    """Forget all answers, those of a damaged cache too."""
    from entailbench.answer_cache import FILE, clear_cache

    if not (folder / FILE).is_file():
        echo(f"{folder / FILE}: nothing is cached")
        return
    if not yes and not click.confirm(f"Forget everything in {folder / FILE}?", err=True):
        raise click.exceptions.Exit(1)
    echo(f"{folder / FILE}: {clear_cache(folder):,} answers forgotten")


@command.command("verify")
@folder_option
def verify(folder: Path) -> None:
    """Check all of it; exit code 1 for damage."""
    from entailbench.answer_cache import FILE, cache_info, verify_cache

    problems = verify_cache(folder)
    if problems:
        for problem in problems:
            echo(f"entailbench: {problem}", err=True)
        echo("entailbench: `entailbench cache clear` begins a new one", err=True)
        raise click.exceptions.Exit(1)
    found = cache_info(folder)
    echo(f"{folder / FILE}: {found.answers if found else 0:,} answers, all as they were written")


def _models(count: int) -> str:
    return f"{count:,} model{'' if count == 1 else 's'}"


def _told(model: CachedModel) -> str:
    """One line that names the model for a person; what a server said of itself is untrusted text."""
    from entailbench.report.github import harmless

    facts = [f"{key} {model.determined_by[key]}" for key in SHOWN if model.determined_by.get(key)]
    weights = str(model.determined_by.get("weights") or "")
    if weights:
        facts.append("weights " + "+".join(part[:15] + "…" for part in weights.split("+")))
    facts += [f"{key} {value}" for key, value in model.answered_by.items()]
    return harmless(", ".join(facts) or "nothing is known of it")
