"""``entailbench finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.commands.options import config_option, data_folder, registry_of
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("finetune")
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="JSON or JSONL with instruction, input, output.")
@click.option(
    "--validation-data", type=click.Path(path_type=Path), help="Its validation file.  [default: its last puzzles, 5%]"
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with Puzzte's published files.")
@click.option("--target", help='What the samples teach to write, e.g. "proof"; by default as the recipe says.')
@click.option("--original-split", is_flag=True, help="Take the published splits, which share puzzles; marked leaked.")
@click.option("--allow-leak", is_flag=True, help="Train although validation or test share puzzles with the samples.")
@click.option("--dry-run", is_flag=True, help="Check everything, print what the training will be, and stop.")
@click.option("--resume", is_flag=True, help="Go on with the training of NAME that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier checkpoint of this name, or an unfinished one.")
@click.option("--json", "as_json", is_flag=True, help="Print the lineage (with --dry-run, the outline) as JSON.")
@config_option
@click.pass_obj
def command(
    plugins: Plugins,
    name: str,
    data: Path | None,
    validation_data: Path | None,
    data_dir: Path | None,
    target: str | None,
    original_split: bool,
    allow_leak: bool,
    dry_run: bool,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Train NAME as its recipe says; `entailbench run --models NAME` then opens the result.

    A training that was stopped, by Ctrl-C, a crash or a full disk, goes on with --resume as if it never had been.
    """
    from entailbench.commands.progress import say
    from entailbench.finetune import FinetuneConfig, finetune, outline
    from entailbench.run_directory import to_json

    registry = registry_of(plugins, config)
    asked = FinetuneConfig(
        name=name,
        data=data and data.absolute(),
        validation_data=validation_data and validation_data.absolute(),
        data_dir=data_folder(data_dir, registry),
        target=target,
        original_split=original_split,
        allow_leak=allow_leak,
        resume=resume,
        overwrite=overwrite,
    )
    if dry_run:
        found = outline(asked, registry, say)
        echo(to_json(found.facts, indent=2) if as_json else "\n".join(found.lines))
        return
    done = finetune(asked, registry, say)
    if as_json:
        echo(to_json(done.lineage, indent=2))
        return
    first, last = done.lineage["losses"][0], done.lineage["losses"][-1]
    echo(
        f"{name} is trained: loss {first[1]:.3f} at step {first[0]}, {last[1]:.3f} at step {last[0]}; "
        f"checkpoint and lineage in {done.directory}\n"
        f"See whether it helped: entailbench run --models {done.lineage['base'] or 'base'},{name}"
    )
