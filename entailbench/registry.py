"""Model names → how to open and how to train them: presets of plugins, ``entailbench.toml``, what was trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entailbench.config import ConfigFile, ModelTable, find_config, read_config
from entailbench.contracts import Backend, OpenContext, ResolvedModel, Shared, Trainer
from entailbench.errors import ConfigError, UnknownNameError, nearest_hint
from entailbench.home import default_home
from entailbench.limits import Limits
from entailbench.names import MODEL_NAME
from entailbench.options import parse_options
from entailbench.plugins import Plugins
from entailbench.records import ModelSpec, TrainSpec

__all__ = ["LINEAGE_NAME", "Registry", "default_home", "load_registry"]

LINEAGE_NAME = "lineage.json"
"""Its presence marks a finished checkpoint."""


@dataclass(frozen=True)
class Registry:
    """All named models of a workspace, and the backends and trainers they may use."""

    workspace: Path
    home: Path
    models: Mapping[str, ModelSpec]
    backends: Mapping[str, Backend]
    trainers: Mapping[str, Trainer]
    providers: Mapping[str, str]
    """Which plugin brought ``backend:NAME`` or ``trainer:NAME``."""
    config: ConfigFile
    plugins: Plugins

    def spec(self, name: str) -> ModelSpec:
        """The model called ``name``.

        Raises:
            UnknownNameError: there is none; names the nearest.
        """
        if name not in self.models:
            raise UnknownNameError("model", name, self.models)
        return self.models[name]

    def checkpoint(self, name: str) -> Path:
        """Where ``entailbench finetune NAME`` puts its result; may not exist."""
        return self.workspace / "checkpoints" / name

    def trained(self, name: str) -> Path | None:
        """The finished checkpoint of ``name``, if it was trained here."""
        directory = self.checkpoint(name)
        return directory if (directory / LINEAGE_NAME).is_file() else None

    def resolve(
        self,
        name: str,
        *,
        shared: Shared | None = None,
        notify: Callable[[str], None] | None = None,
        limits: Limits | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ResolvedModel:
        """Finds the backend of ``name`` and validates its options; opens nothing.

        Args:
            name: of the model.
            shared: what the models of a run share.
            notify: told about waits, in one line each.
            limits: of the run.
            options: go before the model's own, where its backend has options of these names.

        Raises:
            UnknownNameError: no such model.
            ConfigError: its backend or its options are wrong.
        """
        spec = self.spec(name)
        if problems := self._base_mistakes(spec):
            raise ConfigError("\n".join(problems))
        if not MODEL_NAME.fullmatch(name):
            raise ConfigError(f"plugin {spec.source!r} declares {name!r}: a name is letters, digits, '.', '_' and '-'")
        shared = shared or Shared()
        notify = notify or (lambda message: None)
        backend = self._backend(spec)
        known = {field.name for field in dataclasses.fields(backend.Options)}
        given = {key: value for key, value in (options or {}).items() if key in known}
        spec = dataclasses.replace(spec, options={**spec.options, **given})
        parsed, problems = self._options(spec, backend)
        if problems:
            raise ConfigError("\n".join(problems))
        base = self.resolve(spec.base, shared=shared, notify=notify, limits=limits) if spec.base else None
        context = OpenContext(
            name=name,
            home=self.home,
            workspace=self.workspace,
            trained=self.trained(name),
            base=base,
            # A key could look like a name, a name never begins with a colon.
            root=base.context.root
            if base
            else f":{backend.weights_key(parsed)}"
            if backend.weights_key(parsed)
            else name,
            shared=shared,
            limits=limits or Limits(),
            notify=notify,
        )
        return ResolvedModel(spec=spec, backend=backend, options=parsed, context=context)

    def recipe(self, spec: ModelSpec) -> tuple[Trainer, Any]:
        """The trainer of a model and its validated recipe.

        Raises:
            ConfigError: the model has no training recipe, or a wrong one.
        """
        if spec.train is None:
            raise ConfigError(
                f"model {spec.name!r} has no training recipe: add [models.{spec.name}.train] to entailbench.toml"
            )
        trainer, recipe, problems = self._recipe(spec, spec.train)
        if problems or trainer is None:
            raise ConfigError("\n".join(problems))
        return trainer, recipe

    def mistakes(self, names: Iterable[str]) -> list[str]:
        """Everything wrong with how these models are declared, each as a sentence."""
        problems: list[str] = []
        for spec in map(self.spec, names):
            try:
                problems += self._options(spec, self._backend(spec))[1]
            except ConfigError as error:
                problems.append(str(error))
            problems += self._base_mistakes(spec)
            if spec.train is not None:
                problems += self._recipe(spec, spec.train)[2]
        return problems

    def _backend(self, spec: ModelSpec) -> Backend:
        if spec.backend not in self.backends:
            hint = nearest_hint(spec.backend, self.backends)
            raise ConfigError(
                f"{self._where(spec, 'backend')}: model {spec.name!r} wants the unknown backend {spec.backend!r}{hint} "
                f"(known: {', '.join(sorted(self.backends)) or 'none'})"
            )
        return self.backends[spec.backend]

    def _options(self, spec: ModelSpec, backend: Backend) -> tuple[Any | None, list[str]]:
        return parse_options(backend.Options, spec.options, lambda key: self._where(spec, key))

    def _recipe(self, spec: ModelSpec, train: TrainSpec) -> tuple[Trainer | None, Any | None, list[str]]:
        if train.trainer not in self.trainers:
            hint = nearest_hint(train.trainer, self.trainers)
            known = ", ".join(sorted(self.trainers)) or "none"
            where = self._where(spec, "trainer", train=True)
            return None, None, [f"{where}: unknown trainer {train.trainer!r}{hint} (known: {known})"]
        trainer = self.trainers[train.trainer]
        recipe, problems = parse_options(trainer.Recipe, train.recipe, lambda key: self._where(spec, key, train=True))
        return trainer, recipe, problems

    def _base_mistakes(self, spec: ModelSpec) -> list[str]:
        if spec.base and spec.backend in self.backends and not self.backends[spec.backend].uses_base:
            where = self._where(spec, "base")
            return [f"{where}: backend {spec.backend!r} builds on no other model: remove the key 'base'"]
        seen = [spec.name]
        while spec.base:
            if spec.base not in self.models:
                hint = nearest_hint(spec.base, self.models)
                where = self._where(spec, "base")
                return [f"{where}: model {spec.name!r} is based on {spec.base!r}, which is unknown{hint}"]
            if spec.base in seen:
                return [f"{self._where(spec, 'base')}: circular base: {' → '.join([*seen, spec.base])}"]
            seen.append(spec.base)
            spec = self.models[spec.base]
        return []

    def _where(self, spec: ModelSpec, key: str | None, *, train: bool = False) -> str:
        if spec.name in self.config.models:
            return self.config.where(spec.name, key, train=train)
        return f"model {spec.name!r} of plugin {spec.source!r}"


def load_registry(
    plugins: Plugins, *, workspace: Path | None = None, config: Path | None = None, home: Path | None = None
) -> Registry:
    """Builds the registry from the plugins and, where there is one, ``entailbench.toml``.

    Args:
        plugins: see ``create_plugin_manager``.
        workspace: folder of the configuration, of ``checkpoints/`` and ``runs/``; default the current one,
            or the folder of ``config``.
        config: a configuration file; default ``entailbench.toml`` of the workspace, if it exists.
        home: cache folder; default ``default_home()``.

    Raises:
        ConfigError: with every mistake in the file and in what plugins declare.
    """
    if config is not None and not config.is_file():
        raise ConfigError(f"there is no configuration file {config}")
    workspace = (workspace or (config.parent if config else Path.cwd())).absolute()
    path = config or find_config(workspace)
    parsed = read_config(path) if path else ConfigFile()
    backends = plugins.collect("entailbench_backends", "backend")
    trainers = plugins.collect("entailbench_trainers", "trainer")
    declared = plugins.collect("entailbench_models", "model")
    models = {name: dataclasses.replace(spec, source=plugin) for name, (plugin, spec) in declared.items()}
    problems = list(parsed.problems)
    for name, table in parsed.models.items():
        try:
            models[name] = _merge(models.get(name), table, parsed)
        except ConfigError as error:
            problems.append(str(error))
    registry = Registry(
        workspace=workspace,
        home=home or default_home(),
        models=models,
        backends={name: thing for name, (_, thing) in backends.items()},
        trainers={name: thing for name, (_, thing) in trainers.items()},
        providers={f"backend:{name}": plugin for name, (plugin, _) in backends.items()}
        | {f"trainer:{name}": plugin for name, (plugin, _) in trainers.items()},
        config=parsed,
        plugins=plugins,
    )
    # What a plugin declares wrongly, or for a backend that was left out, shows as a model that cannot run;
    # only the user's own file is refused as a whole.
    problems += registry.mistakes(name for name in parsed.models if name in models)
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return registry


def _merge(preset: ModelSpec | None, table: ModelTable, config: ConfigFile) -> ModelSpec:
    """A table with ``backend`` stands alone; one without changes only the preset's given keys."""
    source = str(config.path)
    train = preset.train if preset is not None and table.backend is None else None
    if table.train is not None:
        own = dict(table.train)
        if train is not None and own.get("trainer", train.trainer) == train.trainer:
            recipe = {**train.recipe, **table.recipe}
            train = dataclasses.replace(train, recipe=recipe, **own)
        elif "trainer" in own:
            train = TrainSpec(recipe=table.recipe, **own)
        else:
            raise ConfigError(f"{config.where(table.name, train=True)}: the key 'trainer' is missing")
    if table.backend is not None:
        return ModelSpec(table.name, table.backend, table.options, base=table.base, train=train, source=source)
    if preset is None:
        raise ConfigError(f"{config.where(table.name)}: the key 'backend' is missing")
    return dataclasses.replace(
        preset,
        options={**preset.options, **table.options},
        base=table.base or preset.base,
        train=train,
        source=source,
    )
