"""Whole runs of real tiny models in one process, and how often a model was really asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entailbench import Decoding, Prompt
from entailbench.findings import ModelResult
from entailbench.plugins import create_plugin_manager
from entailbench.registry import load_registry
from entailbench.report.text import save
from entailbench.resuming import recorded_config
from entailbench.runner import Outcome, RunConfig, run
from entailbench_adapters.causal_lm import CausalModel
from test_run import Quiet


class Asked(list[str]):
    """The ids of the prompts that models of ``hf`` were asked, in a ``with asked(…)`` block."""


@contextmanager
def asked(patch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Listens to what really computes; nothing of it is replaced."""
    found = Asked()
    generate, score = CausalModel.generate, CausalModel.score

    def heard(self: CausalModel, prompts: Sequence[Prompt], decoding: Decoding) -> Any:
        found.extend(prompt.id for prompt in prompts)
        return generate(self, prompts, decoding)

    def heard_score(self: CausalModel, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> Any:
        found.extend(prompt.id for prompt in prompts)
        return score(self, prompts, candidates)

    with patch.context() as inner:
        inner.setattr(CausalModel, "generate", heard)
        inner.setattr(CausalModel, "score", heard_score)
        yield found


@contextmanager
def interrupted(patch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """Ctrl-C when models of ``hf`` have given so many answers."""
    generate, left = CausalModel.generate, [after]

    def broken_off(self: CausalModel, prompts: Sequence[Prompt], decoding: Decoding) -> Any:
        for answer in generate(self, prompts, decoding):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            yield answer

    with patch.context() as inner:
        inner.setattr(CausalModel, "generate", broken_off)
        try:
            yield
        except KeyboardInterrupt:
            return
        pytest.fail("it was not interrupted")


def few_rows(folder: Path) -> Path:
    """A folder for ``ENTAILBENCH_GENERATED_DIR``: test rows, and no others to compute baselines from."""
    from entailbench.logic.generator import Dials, write_splits

    write_splits(folder, seed=1, sizes={"test": 80}, dials=Dials(families=("heights",), people=(3, 4)))
    return folder


class Runs:
    """Runs of a workspace over 80 rows; ``messages`` is what the last one told its user."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self.workspace = workspace
        self.home = home
        self.messages: list[str] = []

    def models(self, text: str) -> None:
        """Writes entailbench.toml."""
        (self.workspace / "entailbench.toml").write_text(text, encoding="utf-8")

    def hf(self, **directories: Path) -> None:
        """Writes it with a model of the backend ``hf`` for each directory."""
        self.models(
            "".join(
                f'[models.{name}]\nbackend = "hf"\npretrained = "{path}"\ndevice = "cpu"\n'
                for name, path in directories.items()
            )
        )

    @property
    def about_the_file(self) -> list[str]:
        """What the last run told of the cache that must make its user act."""
        return [line for line in self.messages if "the cache /" in line]

    def __call__(self, *models: str, **config: Any) -> Outcome:
        return self._run(RunConfig(**{"models": models, "limit": 6, **config}))

    def resume(self, name: str, **changes: Any) -> Outcome:
        """Goes on with the run in that folder of the workspace."""
        return self._run(replace(recorded_config(self.workspace / name), **changes), resume=True)

    def _run(self, config: RunConfig, *, resume: bool = False) -> Outcome:
        registry = load_registry(create_plugin_manager(environment={}), workspace=self.workspace, home=self.home)
        observer = Quiet()
        self.messages = observer.messages
        outcome = run(config, registry, observer, resume=resume)
        save(outcome.report, outcome.tasks)
        return outcome


def texts(outcome: Outcome, model: int = 0) -> list[str]:
    """What a model wrote, row by row."""
    return [answer.text for answer in outcome.tasks[0].models[model].answers]


def result(outcome: Outcome, model: int = 0) -> ModelResult:
    """A line of the first task's table."""
    return outcome.report.tasks[0].models[model]
