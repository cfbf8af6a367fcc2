"""The command line: subcommands loaded when used, and the single error boundary."""

from __future__ import annotations

import errno
import importlib
import io
import sys
import traceback
from collections.abc import Sequence

import click

import entailbench
from entailbench.errors import EntailbenchError
from entailbench.plugins import create_plugin_manager
from entailbench.redaction import redact
from entailbench.terminal import echo
from entailbench.termination import EXIT_CODE, TerminatedError, terminable

__all__ = ["main"]

COMMANDS = {
    "run": ("entailbench.commands.run", "Run models over tasks and print the table."),
    "report": ("entailbench.commands.report", "Show a run: one page to read and browse, or its tables."),
    "compare": ("entailbench.commands.compare", "Compare the models of several runs, row by row."),
    "finetune": ("entailbench.commands.finetune", "Train a model as its recipe says."),
    "sft": ("entailbench.commands.sft", "Write the training samples as train.json and val.json."),
    "cache": ("entailbench.commands.cache", "See, clear and verify the cache of answers."),
    "models": ("entailbench.commands.models", "List models: where from, and whether they can run here."),
    "tasks": ("entailbench.commands.tasks", "List tasks, or print the folder of our own."),
    "plugins": ("entailbench.commands.plugins", "List plugins: loaded and left out."),
    "generate": ("entailbench.commands.generate", "Write fresh puzzles with proved labels."),
    "export": ("entailbench.commands.export", "Write a model as PEFT, Hugging Face or litgpt files."),
    "lm-eval": ("entailbench.commands.lm_eval", "lm-eval's own command line, with our models and tasks."),
}


class Commands(click.Group):
    """Knows every command's one-line help without importing it: starting must stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in commands in the order of use, then those of plugins."""
        return [*COMMANDS, *sorted(super().list_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command when it is used."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(COMMANDS[cmd_name][0])
            command: click.Command = module.command
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing the built-in ones."""
        plugins = [(name, self.commands[name].get_short_help_str(80)) for name in sorted(self.commands)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()] + plugins)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for a command that does not exist."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from entailbench.errors import UnknownNameError

            raise UnknownNameError("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(entailbench.__version__, prog_name="entailbench")
def cli() -> None:
    """Can a language model tell what follows from what?

    \b
    entailbench run --models base            try it: downloads a small model once
    entailbench finetune lora                train an adapter on puzzles
    entailbench run --models base,lora       see whether it helped
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits.

    What the user can mend is one message on standard error and exit code 2 (nothing was computed) or 1 (it
    had begun), or what the command says of its own codes; Ctrl-C is 130 and SIGTERM 143. Any other exception is a bug
    of ours, keeps its traceback, and has exit code 1.
    """
    with terminable():
        code = _code(arguments)
    sys.exit(code)


def _code(arguments: Sequence[str] | None) -> int:
    """Runs the command line; returns the exit code, with everything said that is to be said."""
    code: object
    try:
        plugins = create_plugin_manager(on_broken=lambda broken: echo(f"entailbench: {broken}", err=True))
        for _ in plugins.call("entailbench_commands", cli=cli):
            pass
        code = cli.main(args=None if arguments is None else list(arguments), standalone_mode=False, obj=plugins)
    except EntailbenchError as error:
        echo(redact(f"entailbench: {error}"), err=True)
        code = error.exit_code
    except click.exceptions.Exit as exit_request:
        code = exit_request.exit_code
    except click.ClickException as error:
        _show_usage(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        # click makes an Abort of it.
        terminated = isinstance(stop, TerminatedError) or isinstance(stop.__cause__, TerminatedError)
        echo("entailbench: told to end (SIGTERM)" if terminated else "entailbench: interrupted", err=True)
        code = EXIT_CODE if terminated else 130
    except BrokenPipeError:
        # The reader of our output (head, less) has left; Python would complain again while it exits.
        sys.stderr.close()
        code = 1
    except OSError as error:
        code = 1
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            echo(f"entailbench: {str(error.filename)[:100]}… cannot be a path: {error.strerror}", err=True)
            code = 2
        elif error.filename is not None or error.errno != errno.ENOSPC:
            _show_bug(error)
        else:
            # Writing to a file of ours is answered where it happens; what is left is standard output.
            echo("entailbench: cannot write the output: no space left on device", err=True)
    except Exception as error:
        _show_bug(error)
        code = 1
    return code if isinstance(code, int) else 0


def _show_usage(error: click.ClickException) -> None:
    """As click does; what the user wrote may come from elsewhere."""
    told = io.StringIO()
    error.show(told)
    echo(told.getvalue(), err=True, nl=False)


def _show_bug(error: Exception) -> None:
    """The traceback as Python prints it, but that messages of other packages may repeat the keys they were given."""
    echo(redact("".join(traceback.format_exception(error))).rstrip(), err=True)
