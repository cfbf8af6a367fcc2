"""``entailbench audit``: which labels of a data set are right. A plugin of its own, so that it can be left out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from entailbench import DataError, UnknownNameError, UsageError, echo, harmless, hookimpl

DAY = 86_400
SPLITS = ("train", "validation", "test")


def split_names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Splits "validation,test" into names of splits."""
    names = tuple(word.strip() for word in (value or "").split(",") if word.strip())
    for name in names:
        if name not in SPLITS:
            raise UnknownNameError("split", name, SPLITS)
    return names


@click.command("audit")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with Puzzte.  [default: the hub]")
@click.option("--split", "splits", callback=split_names, help="E.g. validation,test.  [default: every split there]")
@click.option("--file", type=click.Path(path_type=Path), help="Your own rows instead: context, question, label.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("audit"),
    show_default=True,
    help="Folder for audit.jsonl and audit.md; an earlier audit there is replaced.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=DAY),
    default=10.0,
    show_default=True,
    help="Seconds for one puzzle with its questions.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    data_dir: Path | None, splits: tuple[str, ...], file: Path | None, out: Path, timeout: float, as_json: bool
) -> None:
    """Prove labels of Puzzte, or of your own puzzles, and show which are wrong.

    Prints a table; audit.jsonl has the verdict and the proof of each row, audit.md the plainest contradictions.
    docs/labels.md says what is proved and how.

    \b
    entailbench audit --data-dir FOLDER --split validation
    entailbench audit --file mine.jsonl
    """
    if math.isnan(timeout):
        raise UsageError("--timeout must be a number of seconds")
    from entailbench import logic
    from entailbench_tasks import puzzte
    from entailbench_tasks.audited import audit_documents, audit_with_bar
    from entailbench_tasks.own_rows import read_own_rows

    if file is not None:
        if data_dir is not None or splits:
            raise UsageError("--file is instead of --data-dir and --split: give one or the other")
        rows = read_own_rows(file)
        _make_folder(out)
        report, title = audit_with_bar(rows, logic.ALL_READINGS, timeout), file.name
    else:
        chosen = splits or puzzte.splits_at_hand(data_dir)
        documents = {split: puzzte.read_split(split, data_dir) for split in chosen}
        _make_folder(out)
        report, title = audit_documents(documents, timeout), f"Puzzte, {' + '.join(chosen)} ({puzzte.source(data_dir)})"
    try:
        with (out / "audit.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(f"{harmless(line)}\n" for line in logic.json_lines(report))
        (out / "audit.md").write_text(harmless(logic.markdown_page(report, title)), encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write to {out}: {error.strerror or error}") from error
    if as_json:
        echo(json.dumps({"audited": title, **logic.summary(report)}, indent=2, ensure_ascii=False))
    else:
        echo(f"{title}\n\n{logic.terminal_text(report)}")
    echo(f"wrote {out / 'audit.jsonl'} and {out / 'audit.md'}", err=True)


def _make_folder(out: Path) -> None:
    """Before the work: nothing is worse than finding out after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {out}: {error.strerror or error}") from error


@hookimpl
def entailbench_commands(cli: click.Group) -> None:
    """Adds ``entailbench audit``."""
    cli.add_command(command)
