"""``entailbench tasks``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins

OWN_PLUGIN = "tasks"
"""The entry point that brings the tasks of this distribution."""


@click.command("tasks")
@click.option("--path", "only_path", is_flag=True, help="Only print the folder of our own tasks, for lm_eval.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def command(plugins: Plugins, only_path: bool, as_json: bool) -> None:
    """List tasks: splits, who vouches for the labels, and where they come from.

    For plain lm_eval: lm_eval run --include_path "$(entailbench tasks --path)" --tasks puzzte …
    """
    paths = [(plugin, path) for plugin, found in plugins.call("entailbench_task_paths") for path in found]
    if only_path:
        from entailbench.errors import ConfigError

        own = [path for plugin, path in paths if plugin == OWN_PLUGIN]
        if not own:
            raise ConfigError(f"the plugin {OWN_PLUGIN!r} is left out: see `entailbench plugins`")
        echo(own[0])
        return
    from tabulate import tabulate

    from entailbench.harness import list_tasks
    from entailbench.run_directory import to_json

    rows = []
    for plugin, path in paths:
        for entry in list_tasks([path]).values():
            kind = "scores candidates" if entry.output_type == "multiple_choice" else "generates"
            rows.append([entry.name, kind, ", ".join(entry.splits), entry.labels, plugin, str(entry.path)])
    headers = ["task", "how", "splits", "labels", "from", "file"]
    if as_json:
        echo(to_json([dict(zip(headers, row, strict=True)) for row in rows], indent=2))
        return
    echo(tabulate([row[:-1] for row in rows], headers=headers[:-1], tablefmt="simple"))
