"""``entailbench plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def command(plugins: Plugins, as_json: bool) -> None:
    """List plugins: which package they come from, what they bring, and why one was left out."""
    from tabulate import tabulate

    from entailbench.run_directory import to_json

    brings: dict[str, list[str]] = {}
    for kind in ("backends", "models", "trainers"):
        for plugin, things in plugins.call(f"entailbench_{kind}"):
            brings.setdefault(plugin, []).extend(f"{kind.removesuffix('s')} {thing.name}" for thing in things)
    for plugin, paths in plugins.call("entailbench_task_paths"):
        brings.setdefault(plugin, []).extend("tasks" for _ in paths)
    rows = [
        {"name": p.name, "package": p.distribution, "state": "loaded", "brings": ", ".join(brings.get(p.name, []))}
        for p in plugins.loaded
    ]
    rows += [
        {"name": b.name, "package": b.distribution, "state": "left out", "brings": b.reason} for b in plugins.broken
    ]
    if as_json:
        echo(to_json(rows, indent=2))
        return
    table = [list(row.values()) for row in rows]
    echo(tabulate(table, headers=["plugin", "package", "state", "brings, or why not"], tablefmt="simple"))
