"""``entailbench run``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entailbench.commands.options import config_option, data_folder, finite, names, registry_of
from entailbench.report.formats import FORMATS
from entailbench.terminal import echo

if TYPE_CHECKING:
    from entailbench.plugins import Plugins
    from entailbench.run_plan import RunConfig


@click.command("run")
@click.option("--models", callback=names, help="Model names, separated by commas; see `entailbench models`.")
@click.option("--tasks", callback=names, help="Task names, separated by commas.  [default: puzzte_generated]")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N rows of each task.")
@click.option("--split", help="train, validation or test.  [default: test]")
@click.option("--output", type=click.Path(path_type=Path), help="The run directory.  [default: runs/<time>]")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Go on with the interrupted run in DIR: what it has answered is not asked again.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with Puzzte's published files.")
@click.option("--fresh-seed", type=int, help="Seed of the task puzzte_fresh.  [default: $ENTAILBENCH_FRESH_SEED]")
@click.option(
    "--allow-leak", callback=names, help="Models to run although they were trained on puzzles of the test; marked."
)
@click.option("--perturb", is_flag=True, help="Ask every question again, put otherwise: up to five times as many more.")
@click.option("--dry-run", is_flag=True, help="Check everything, print what the run would cost, and stop.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    metavar="USD",
    help="Stop before all models together cost more.",
)
@click.option(
    "--max-errors",
    type=click.IntRange(min=0),
    metavar="N",
    help="Rows of a model that may end without an answer; with one more it stops.  [default: 10]",
)
@click.option(
    "--truncate",
    type=click.Choice(("no", "left")),
    help="Prompts longer than a model's context: error rows, or cut at their beginning.  [default: as configured: no]",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where answers are kept and found again.  [default: the user's cache folder]",
)
@click.option("--no-cache", is_flag=True, help="Take no answers from the cache, and keep none there.")
@click.option("--with-reported", "reported", is_flag=True, help="Put what others published under the tables.")
@click.option("--format", "table_format", type=click.Choice(FORMATS), default="github", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@config_option
@click.pass_obj
def command(
    plugins: Plugins,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int | None,
    split: str | None,
    output: Path | None,
    resume: Path | None,
    data_dir: Path | None,
    fresh_seed: int | None,
    allow_leak: tuple[str, ...],
    perturb: bool,
    dry_run: bool,
    budget: float | None,
    max_errors: int | None,
    truncate: str | None,
    cache: Path | None,
    no_cache: bool,
    reported: bool,
    table_format: str,
    as_json: bool,
    config: Path | None,
) -> None:
    """Run models over tasks: the table goes to standard output, progress to standard error.

    \b
    Exit codes:
      0    every row was answered
      1    the run had begun and could not be finished
      2    nothing was computed: the command or the configuration must change
      3    finished, and some rows are errors: no answer came
      4    stopped before the budget would have been exceeded
      5    stopped since more rows were errors than --max-errors allows
      130  interrupted (Ctrl-C)
      143  told to end (SIGTERM)
    What was answered before a stop is kept in the run directory, and --resume goes on with it.
    """
    from entailbench.commands.progress import TerminalObserver, say
    from entailbench.costs import cost_facts, cost_lines
    from entailbench.errors import ROWS_FAILED
    from entailbench.limits import MAX_ERRORS
    from entailbench.report.text import render, save
    from entailbench.reported import with_reported
    from entailbench.resuming import recorded_config
    from entailbench.run_directory import to_json
    from entailbench.runner import DEFAULT_TASK, RunConfig, costs, run

    if cache and no_cache:
        raise click.UsageError("--cache and --no-cache contradict each other.")
    registry = registry_of(plugins, config)
    defaults = registry.config.run
    here = Path.cwd()
    chosen = RunConfig(
        models=models or defaults.models,
        tasks=tasks or defaults.tasks or (DEFAULT_TASK,),
        limit=limit or defaults.limit,
        split=split or defaults.split,
        # A path on the command line counts from here, one in the configuration from the workspace.
        output=here / output if output else Path(defaults.output).expanduser() if defaults.output else None,
        data_dir=data_folder(data_dir, registry),
        metadata={} if fresh_seed is None else {"fresh_seed": fresh_seed},
        allow_leak=allow_leak,
        perturb=perturb,
        budget=budget if budget is not None else defaults.budget,
        cache=not no_cache,
        cache_dir=here / cache if cache else None,
        max_errors=next(value for value in (max_errors, defaults.max_errors, MAX_ERRORS) if value is not None),
        truncate=truncate,
    )
    if resume is not None:
        chosen = _as_begun(chosen, recorded_config(here / resume))
    if dry_run:
        found = costs(chosen, registry, TerminalObserver())
        facts = cost_facts(found, chosen.budget)
        echo(to_json(facts, indent=2) if as_json else "\n".join(cost_lines(found, chosen.budget)))
        return
    outcome = run(chosen, registry, TerminalObserver(), resume=resume is not None)
    report = with_reported(outcome.report, plugins) if reported else outcome.report
    page = save(report, outcome.tasks)
    echo(render(report, "json" if as_json else table_format))  # type: ignore[arg-type]
    echo(f"Report to browse: {page}", err=True)
    if failed := sum(model.errors for task in outcome.report.tasks for model in task.models):
        say(f"{failed:,} {'row is an error' if failed == 1 else 'rows are errors'}: no answer came, see the report")
        raise click.exceptions.Exit(ROWS_FAILED)


ASKED = {
    "models": "models",
    "tasks": "tasks",
    "limit": "limit",
    "split": "split",
    "output": "output",
    "data_dir": "data_dir",
    "fresh_seed": "metadata",
    "allow_leak": "allow_leak",
    "perturb": "perturb",
}
"""Options that say what is asked → the field of a ``RunConfig``."""
HOW = {"budget": ("budget",), "max_errors": ("max_errors",), "cache": ("cache", "cache_dir"), "no_cache": ("cache",)}
"""Options that may be given anew for a run that goes on → the fields."""


def _as_begun(given: RunConfig, begun: RunConfig) -> RunConfig:
    """What a run that goes on is asked: the same as when it began; how it is asked may change.

    Raises:
        UsageError: the command line asks for something else; names it.
    """
    from entailbench.errors import UsageError

    context = click.get_current_context()

    def is_given(option: str) -> bool:
        return context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE

    different = [
        f"--{option.replace('_', '-')}: {_shown(getattr(begun, field))} when the run began, {_shown(wanted)} now"
        for option, field in ASKED.items()
        for wanted in (getattr(given, field),)
        if is_given(option) and wanted != getattr(begun, field)
    ]
    if different:
        raise UsageError(
            f"{begun.output} cannot go on with other options; {'; '.join(different)}. Leave them out, or begin a new "
            "run"
        )
    anew = {field: getattr(given, field) for option, fields in HOW.items() if is_given(option) for field in fields}
    return replace(begun, **anew)


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
