"""``entailbench generate``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from entailbench.commands.options import names
from entailbench.logic.generator.spec import SPEC, WORDINGS, Dials, Wording
from entailbench.terminal import echo


class Range(click.ParamType[Any]):
    """``3..8``, or ``5`` for 5 alone."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The least and the greatest."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?:\.\.\s*(\d{1,3})\s*)?", str(value))
        if not match:
            self.fail(f"{value!r} is not a range such as 3..8, nor a number", param, ctx)
        least = int(match[1])
        return least, int(match[2] or least)


ROWS = click.IntRange(min=1)
DIALS = SPEC.dials


@click.command("generate")
@click.option(
    "--family",
    "families",
    callback=names,
    default=",".join(DIALS.families),
    show_default=True,
    help="Families, separated by commas.",
)
@click.option("--seed", type=int, default=SPEC.seed, show_default=True, help="Same seed, same files.")
@click.option("--count", type=ROWS, help="Write a test split alone, of so many rows of each family.")
@click.option("--train", type=ROWS, help=f"Rows of each family.  [default: {SPEC.sizes['train']}]")
@click.option("--validation", type=ROWS, help=f"Rows of each family.  [default: {SPEC.sizes['validation']}]")
@click.option("--test", type=ROWS, help=f"Rows of each family.  [default: {SPEC.sizes['test']}]")
@click.option(
    "--people",
    type=Range(),
    default="3..8",
    show_default=True,
    help="People of a puzzle; of a zebra grid, houses up to 5.",
)
@click.option("--depth", type=Range(), help="Premises on the proof of a definite answer.  [default: any]")
@click.option(
    "--distractors", type=Range(), default="0..3", show_default=True, help="Premises that follow from the others."
)
@click.option(
    "--unknown", type=float, default=DIALS.unknown, show_default=True, help="Share of questions that stay open."
)
@click.option(
    "--variety", type=float, default=DIALS.variety, show_default=True, help="Share of sentences not worded plainly."
)
@click.option("--relations", callback=names, default=",".join(DIALS.relations), show_default=True, help="Comparisons.")
@click.option(
    "--wording", type=click.Choice(WORDINGS), default=DIALS.wording, show_default=True, help="wide: for training."
)
@click.option("--questions", type=ROWS, default=DIALS.questions, show_default=True, help="At most, for one puzzle.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("puzzte_generated"),
    show_default=True,
    help="Folder to write; made if need be.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def command(
    families: tuple[str, ...],
    seed: int,
    count: int | None,
    train: int | None,
    validation: int | None,
    test: int | None,
    people: tuple[int, int],
    depth: tuple[int, int] | None,
    distractors: tuple[int, int],
    unknown: float,
    variety: float,
    relations: tuple[str, ...],
    wording: Wording,
    questions: int,
    out: Path,
    force: bool,
) -> None:
    """Write fresh puzzles with proved labels.

    Which split a puzzle can be in depends on its structure alone: no structure of a test split is ever in a training
    split, whatever the seeds. The default options give the very files that the task puzzte_generated uses. To use
    others, name their folder in ENTAILBENCH_GENERATED_DIR.
    """
    from entailbench.errors import ConfigError
    from entailbench.logic.generator import MANIFEST, write_splits

    given = {"train": train, "validation": validation, "test": test}
    if count is not None:
        if named := [f"--{split}" for split, size in given.items() if size is not None]:
            raise ConfigError(f"--count writes a test split alone, {', '.join(named)} several splits: choose one")
        sizes = {"test": count}
    else:
        sizes = {split: size or SPEC.sizes[split] for split, size in given.items()}
    dials = Dials(
        families=families,  # type: ignore[arg-type]  # Dials refuses others
        people=people,
        depth=depth or DIALS.depth,
        distractors=distractors,
        unknown=unknown,
        variety=variety,
        relations=relations,
        questions=questions,
        wording=wording,
    )
    present = [name for name in (*(f"{split}.jsonl" for split in given), MANIFEST) if (out / name).exists()]
    if present and not force:
        raise ConfigError(f"{out} has {', '.join(present)} already: choose another --out, or --force to write over")
    manifest = write_splits(out, seed, sizes, dials)
    for name, entry in manifest.files.items():
        echo(f"{out / name}  {entry.rows:,} rows, {entry.puzzles:,} puzzles  sha256 {entry.sha256}")
    echo(f"{out / MANIFEST}  generator {manifest.generator} {manifest.version}, seed {manifest.seed}")
    echo(f"To use them: ENTAILBENCH_GENERATED_DIR={out} entailbench run --tasks puzzte_generated …", err=True)
