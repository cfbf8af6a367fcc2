"""Finds and loads plugins: a fresh manager each call, no global state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from entailbench import hookspecs
from entailbench.errors import ConfigError, first_line, nearest_hint

__all__ = ["BrokenPlugin", "LoadedPlugin", "Plugins", "create_plugin_manager"]

GROUP = "entailbench"
SELECT_VARIABLE = "ENTAILBENCH_PLUGINS"


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that takes part."""

    name: str
    distribution: str
    """``name version`` of the package that brought it, or ``"in-process"``."""


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was left out, and why."""

    name: str
    distribution: str
    reason: str
    """One line."""

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution}) was left out: {self.reason}"


class Plugins:
    """The loaded plugins of one command."""

    def __init__(self, manager: pluggy.PluginManager, on_broken: Callable[[BrokenPlugin], None]) -> None:
        self.manager = manager
        self._on_broken = on_broken
        self.loaded: list[LoadedPlugin] = []
        self.broken: list[BrokenPlugin] = []

    def add(self, plugin: object, name: str, distribution: str = "in-process") -> None:
        """Registers ``plugin``, or records why it cannot take part."""
        try:
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self.manager.get_plugin(name) is plugin:
                self.manager.unregister(name=name)
            self._leave_out(name, distribution, error)
        else:
            self.loaded.append(LoadedPlugin(name, distribution))

    def load(self, entry: EntryPoint) -> None:
        """Imports and registers an entry point, or records why it cannot take part."""
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown package"
        try:
            plugin = entry.load()
        except (Exception, SystemExit) as error:  # whatever a plugin does while imported must not stop the others
            self._leave_out(entry.name, distribution, error)
        else:
            self.add(plugin, entry.name, distribution)

    def call(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Yields (plugin name, result) of ``hook``; a plugin that raises is left out and named."""
        for loaded in list(self.loaded):
            others = [plugin for name, plugin in self.manager.list_name_plugin() if name != loaded.name]
            try:
                results = self.manager.subset_hook_caller(hook, others)(**arguments)
                results = [list(result) if hook != "entailbench_commands" else result for result in results or ()]
            except (Exception, SystemExit) as error:  # as above
                self.manager.unregister(name=loaded.name)
                self.loaded.remove(loaded)
                self._leave_out(loaded.name, loaded.distribution, error)
                continue
            for result in results:
                yield loaded.name, result

    def collect(self, hook: str, kind: str) -> dict[str, tuple[str, Any]]:
        """What all plugins declare through ``hook``, by name: (plugin, thing).

        Raises:
            ConfigError: two plugins declare the same name.
        """
        found: dict[str, tuple[str, Any]] = {}
        for plugin, declared in self.call(hook):
            for thing in declared:
                if thing.name in found:
                    raise ConfigError(
                        f"plugins {found[thing.name][0]!r} and {plugin!r} both declare the {kind} {thing.name!r}: "
                        f"leave one out with {SELECT_VARIABLE}=-{plugin}"
                    )
                found[thing.name] = (plugin, thing)
        return found

    def _leave_out(self, name: str, distribution: str, error: BaseException) -> None:
        self.broken.append(BrokenPlugin(name, distribution, f"{type(error).__name__}: {first_line(error)}"))
        self._on_broken(self.broken[-1])


def create_plugin_manager(
    *,
    environment: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
    on_broken: Callable[[BrokenPlugin], None] = lambda broken: None,
) -> Plugins:
    """A fresh manager with the hooks and every selected plugin.

    ``ENTAILBENCH_PLUGINS="hf,openai"`` loads only those; ``"-replay"`` loads all but that one.

    Args:
        environment: instead of ``os.environ``.
        extra: further plugin objects by name, for tests and embedding programs.
        on_broken: told of each plugin that is left out, when it is; that may be as late as a hook's call.

    Raises:
        ConfigError: ``ENTAILBENCH_PLUGINS`` names a plugin that is not installed.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, on_broken)
    installed = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    chosen = (os.environ if environment is None else environment).get(SELECT_VARIABLE, "")
    for entry in _select(installed, chosen):
        plugins.load(entry)
    for name, plugin in (extra or {}).items():
        plugins.add(plugin, name)
    return plugins


def _select(installed: list[EntryPoint], chosen: str) -> list[EntryPoint]:
    words = [word.strip() for word in chosen.split(",") if word.strip()]
    names = {entry.name for entry in installed}
    for word in words:
        if word.removeprefix("-") not in names:
            hint = nearest_hint(word.removeprefix("-"), names)
            raise ConfigError(f"{SELECT_VARIABLE} names {word!r}, but no such plugin is installed{hint}")
    only = {word for word in words if not word.startswith("-")}
    never = {word[1:] for word in words if word.startswith("-")}
    return [entry for entry in installed if (not only or entry.name in only) and entry.name not in never]
