"""``entailbench sft``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.commands.options import config_option, data_folder, registry_of
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("sft")
@click.argument("name", default="quick")
@click.option("--out", type=click.Path(path_type=Path), default="data/sft-data", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with Puzzte's published files.")
@click.option("--target", help='What the samples teach to write, e.g. "proof"; by default as the recipe says.')
@config_option
@click.pass_obj
def command(
    plugins: Plugins, name: str, out: Path, data_dir: Path | None, target: str | None, config: Path | None
) -> None:
    """Write the samples that `entailbench finetune NAME` trains on, as train.json and val.json."""
    from entailbench.finetune import FinetuneConfig
    from entailbench.sft import write_pairs
    from entailbench.training_data import training_data

    registry = registry_of(plugins, config)
    chosen = FinetuneConfig(name=name, data_dir=data_folder(data_dir, registry), target=target)
    data = training_data(chosen, registry.spec(name), registry)
    for line in data.lines():
        echo(line, err=True)
    for path, pairs in zip(write_pairs(out, data.train, data.validation), (data.train, data.validation), strict=True):
        echo(f"{path}: {len(pairs):,} samples")
