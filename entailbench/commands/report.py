"""``entailbench report``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.report.formats import FORMATS
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "chosen", type=click.Choice(("html", *FORMATS)), default="html", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file.  [html: RUN/report.html]")
@click.option("--open", "show", is_flag=True, help="Show the page in a browser.")
@click.option(
    "--with-reported",
    "reported",
    is_flag=True,
    help="Add what the original study reported, marked as not measured here.",
)
@click.pass_obj
def command(plugins: Plugins, run: Path, chosen: str, output: Path | None, show: bool, reported: bool) -> None:
    """Compute everything about the run directory RUN again, from its answers, and show it.

    html is one page to read and to browse every answer on, and standard output says where it is; the other formats go
    to standard output.
    """
    from entailbench.analysis import analyse
    from entailbench.errors import UsageError
    from entailbench.report.page import page_pieces
    from entailbench.report.text import render
    from entailbench.reported import with_reported
    from entailbench.results import read_run
    from entailbench.run_directory import write_atomically

    if show and chosen != "html":
        raise UsageError(f"--open shows the page, and --format {chosen} makes none: leave one of them out")
    record = read_run(run, prompts=False)
    report = analyse(record.tasks, str(run), record.identities, record.versions)
    if reported:
        report = with_reported(report, plugins)
    if chosen == "html":
        text: Iterable[str] = page_pieces(report, record.tasks)
        target: Path | None = output or run / "report.html"
    else:
        text = [render(report, chosen) + "\n"]  # type: ignore[arg-type]
        target = output
    if target is None:
        echo("".join(text), nl=False)
        return
    write_atomically(target, text)
    if chosen == "html":
        for task in report.tasks:
            for comparison in task.comparisons:
                echo(comparison.verdict, err=True)
    echo(target)
    if show and click.launch(target.absolute().as_uri()) != 0:
        echo(f"no browser could be started: open {target} in one", err=True)
