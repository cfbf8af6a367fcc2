"""``entailbench models`` and ``entailbench models show``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entailbench.commands.options import config_option, registry_of
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins
    from entailbench.records import TrainSpec
    from entailbench.registry import Registry


@click.group("models", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@config_option
@click.pass_context
def command(click_context: click.Context, as_json: bool, config: Path | None) -> None:
    """List models: backend, where they come from, and whether they can run here and why not.

    `entailbench models show NAME` says how one was trained.
    """
    if click_context.invoked_subcommand is not None:
        if as_json or config:
            raise click.UsageError(f"put the options behind `{click_context.invoked_subcommand}`")
        return
    from tabulate import tabulate

    from entailbench.run_directory import to_json

    registry = registry_of(click_context.obj, config)
    rows = [_described(registry, name) for name in registry.models]
    if as_json:
        echo(to_json(rows, indent=2))
        return
    table = [
        [
            row["name"],
            row["backend"],
            row["what"],
            row["source"],
            "yes" if row["can_run"] else "no: " + "; ".join(row["problems"]),
        ]
        for row in rows
    ]
    echo(tabulate(table, headers=["model", "backend", "what", "from", "can run here"], tablefmt="simple"))


@command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known, as JSON.")
@config_option
@click.pass_obj
def show(plugins: Plugins, name: str, as_json: bool, config: Path | None) -> None:
    """Show which weights NAME means here and how they were trained: data, target, recipe, curve, scores, versions."""
    from entailbench.run_directory import to_json

    registry = registry_of(plugins, config)
    spec = registry.spec(name)
    described = {**_described(registry, name), "base": spec.base, "train": spec.train, "lineage": None}
    if not registry.mistakes([name]):
        resolved = registry.resolve(name)
        described["lineage"] = resolved.backend.lineage(resolved.options, resolved.context)
    if as_json:
        echo(to_json(described, indent=2))
        return
    echo("\n".join(_lines(described, spec.train)))


def _described(registry: Registry, name: str) -> dict[str, Any]:
    from entailbench.errors import EntailbenchError

    spec = registry.models[name]
    try:
        resolved = registry.resolve(name)
        problems, what = resolved.problems(), resolved.backend.origin(resolved.options, resolved.context)
    except EntailbenchError as error:
        problems, what = [str(error)], ""
    return {
        "name": name,
        "backend": spec.backend,
        "what": what or (f"on {spec.base}" if spec.base else ""),
        "source": spec.source,
        "can_run": not problems,
        "problems": [problem.removeprefix(f"model {name!r}: ") for problem in problems],
    }


def _lines(described: Mapping[str, Any], train: TrainSpec | None) -> list[str]:
    from entailbench.lineage import is_trained, sections

    name = described["name"]
    can_run = "yes" if described["can_run"] else "no: " + "; ".join(described["problems"])
    head = [("backend", described["backend"]), ("weights", described["what"]), ("builds on", described["base"])]
    head += [("declared by", described["source"]), ("can run here", can_run)]
    parts = [(name, [(what, value) for what, value in head if value]), *sections(described["lineage"] or {})]
    lines: list[str] = []
    for heading, entries in parts:
        width = max((len(what) for what, _ in entries), default=0)
        lines += [*([""] if lines else []), heading, *(f"  {what:<{width}}  {value}" for what, value in entries)]
    if is_trained(described["lineage"]):
        return lines
    command = f"`entailbench finetune {name}`"
    if train is None or described["can_run"]:
        return [*lines, "", "nothing tells how it was trained"]
    if any(command in problem for problem in described["problems"]):
        return lines
    return [*lines, "", f"not trained yet: {command}"]
