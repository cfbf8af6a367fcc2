"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from entailbench.home import default_home

if TYPE_CHECKING:
    from entailbench.plugins import Plugins
    from entailbench.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """``--config FILE``."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Configuration file.  [default: ./entailbench.toml if it exists]",
    )(function)


def folder_option(function: F) -> F:
    """``--cache DIR``, given to the function as ``folder``."""
    return click.option(
        "--cache",
        "folder",
        type=click.Path(path_type=Path),
        default=default_home,
        metavar="DIR",
        help="The folder of the cache.  [default: the user's cache folder]",
    )(function)


def names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Splits "a,b, c" into names."""
    return tuple(word.strip() for word in (value or "").split(",") if word.strip())


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuses nan, which is in every range, and inf."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount.", context, parameter)
    return value


def data_folder(chosen: Path | None, registry: Registry) -> Path | None:
    """``--data-dir``, which counts from here, else ``[run] data_dir``, which counts from the workspace."""
    if chosen is not None:
        return chosen.absolute()
    default = registry.config.run.data_dir
    return registry.workspace / Path(default).expanduser() if default else None


def registry_of(plugins: Plugins, config: Path | None) -> Registry:
    """The registry of the current folder, or of the given configuration file."""
    from entailbench.registry import load_registry

    return load_registry(plugins, config=config)
