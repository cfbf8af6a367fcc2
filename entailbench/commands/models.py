"""``entailbench models``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entailbench.commands.options import config_option, registry_of

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("models")
@click.option("--json", "as_json", is_flag=True)
@config_option
@click.pass_obj
def command(plugins: Plugins, as_json: bool, config: Path | None) -> None:
    """List models: backend, where they come from, and whether they can run here and why not."""
    from tabulate import tabulate

    from entailbench.errors import EntailbenchError
    from entailbench.run_directory import to_json

    registry = registry_of(plugins, config)
    rows: list[dict[str, Any]] = []
    for name, spec in registry.models.items():
        try:
            resolved = registry.resolve(name)
            problems, what = resolved.problems(), resolved.backend.describe(resolved.options)
        except EntailbenchError as error:
            problems, what = [str(error)], ""
        reasons = [problem.removeprefix(f"model {name!r}: ") for problem in problems]
        rows.append(
            {
                "name": name,
                "backend": spec.backend,
                "what": what or (f"on {spec.base}" if spec.base else ""),
                "source": spec.source,
                "can_run": not problems,
                "problems": reasons,
            }
        )
    if as_json:
        click.echo(to_json(rows, indent=2))
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
    click.echo(tabulate(table, headers=["model", "backend", "what", "from", "can run here"], tablefmt="simple"))
