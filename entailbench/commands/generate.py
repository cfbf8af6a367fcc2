"""``entailbench generate``."""

from __future__ import annotations

from pathlib import Path

import click

from entailbench.logic.generate import DEFAULT_SEED, DEFAULT_SIZES

SPLITS = tuple(DEFAULT_SIZES)


@click.command("generate")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Same seed, same files.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("puzzte_generated"),
    show_default=True,
    help="Folder to write; made if need be.",
)
@click.option("--train", type=click.IntRange(min=1), default=DEFAULT_SIZES["train"], show_default=True, help="Rows.")
@click.option(
    "--validation", type=click.IntRange(min=1), default=DEFAULT_SIZES["validation"], show_default=True, help="Rows."
)
@click.option("--test", type=click.IntRange(min=1), default=DEFAULT_SIZES["test"], show_default=True, help="Rows.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def command(seed: int, out: Path, train: int, validation: int, test: int, force: bool) -> None:
    """Write fresh height puzzles, their labels proved by transitive closure.

    The default seed and sizes give the very files that the task puzzte_generated uses. To use others,
    name their folder in ENTAILBENCH_GENERATED_DIR.
    """
    from entailbench.errors import ConfigError
    from entailbench.logic.generate import write_splits

    names = [f"{split}.jsonl" for split in SPLITS] + ["manifest.json"]
    present = [name for name in names if (out / name).exists()]
    if present and not force:
        raise ConfigError(f"{out} has {', '.join(present)} already: choose another --out, or --force to write over")
    sizes = dict(zip(SPLITS, (train, validation, test), strict=True))
    manifest = write_splits(out, seed, sizes)
    for name, entry in manifest.files.items():
        click.echo(f"{out / name}  {entry.rows:,} rows, {entry.puzzles:,} puzzles  sha256 {entry.sha256}")
    click.echo(f"{out / 'manifest.json'}  generator {manifest.generator} {manifest.version}, seed {manifest.seed}")
    click.echo(f"To use them: ENTAILBENCH_GENERATED_DIR={out} entailbench run --tasks puzzte_generated …", err=True)
