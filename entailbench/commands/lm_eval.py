"""``entailbench lm-eval``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from entailbench.plugins import Plugins


@click.command("lm-eval", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(plugins: Plugins, arguments: tuple[str, ...]) -> None:
    """lm-eval's own command line, with our models (--model entailbench --model_args name=lora) and tasks."""
    from entailbench.harness import run_lm_eval_cli

    paths = [Path(path) for _, found in plugins.call("entailbench_task_paths") for path in found]
    run_lm_eval_cli(arguments, paths)
