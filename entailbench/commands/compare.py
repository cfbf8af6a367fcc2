"""``entailbench compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.report.formats import FORMATS
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--output", type=click.Path(path_type=Path), help="Also write report.html and the tables to this folder.")
@click.option("--with-reported", is_flag=True, help="Put what others published under the tables.")
@click.option("--each-seed", is_flag=True, help="A line for each finetune seed, instead of their mean.")
@click.option("--format", "table_format", type=click.Choice(FORMATS), default="github", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def command(
    plugins: Plugins,
    runs: tuple[Path, ...],
    output: Path | None,
    with_reported: bool,
    each_seed: bool,
    table_format: str,
    as_json: bool,
) -> None:
    """Compare the models of several run directories, row by row.

    The runs must have asked the same rows with the same prompts and labels. Models of one recipe that were trained with
    different seeds become one line, whose interval says how far another seed may lie.
    """
    from entailbench.comparing import analyse_merged, compare
    from entailbench.report.text import render, save
    from entailbench.reported import with_reported as add_reported

    merged = compare(runs)
    for note in merged.notes:
        echo(note, err=True)
    folder = None if output is None else _new_folder(Path.cwd() / output)
    report = analyse_merged(merged, str(folder or ""), each_seed=each_seed)
    if with_reported:
        report = add_reported(report, plugins)
    page = save(report, merged.tasks) if folder else None
    echo(render(report, "json" if as_json else table_format))  # type: ignore[arg-type]
    echo(f"Report to browse: {page}" if page else "Add --output FOLDER for a page to browse.", err=True)


def _new_folder(path: Path) -> Path:
    """Makes it; what is there already is not written over."""
    from entailbench.errors import UsageError

    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError(f"{path} is not empty: choose another --output")
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror}; choose another --output") from error
    return path
