"""Small trainings of a tiny model, in this process or through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entailbench import OpenContext, SftPair, TrainingJob, TrainingOutcome
from tiny_litgpt import resolved

PAIRS = tuple(
    SftPair(
        "Decide whether it follows.",
        f"Alice is taller than Bob, number {i // 3}.\nHypothesis: Bob is {('shorter', 'taller', 'a cat')[i % 3]}.",
        "not entailment" if i % 3 else "entailment",
    )
    for i in range(45)
)
"""15 puzzles of 3 questions."""


@dataclass
class Workplace:
    """Where one model is trained, perhaps in several goes."""

    hf: Path
    """The base."""
    folder: Path
    notes: list[str] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """The checkpoint."""
        return self.folder / "out"

    @property
    def states(self) -> Path:
        """The states."""
        return self.folder / "work" / "states"

    @property
    def adapter(self) -> bytes:
        """The trained matrices, as they lie on the disk."""
        return (self.out / "lit_model.pth.lora").read_bytes()

    def job(
        self, pairs: Sequence[SftPair] = PAIRS, validation: Sequence[SftPair] = PAIRS[:9], **more: Any
    ) -> TrainingJob:
        """A job in this place."""
        from entailbench_adapters.hf import HfBackend
        from entailbench_adapters.hf_weights import HfOptions

        base = OpenContext("base", self.folder / "home", self.folder, root="base", notify=self.notes.append)
        context = replace(base, name="lora", base=resolved(HfBackend(), HfOptions(str(self.hf)), base))
        for path in (self.out, self.folder / "work"):
            path.mkdir(parents=True, exist_ok=True)
        return TrainingJob(context, tuple(pairs), tuple(validation), self.out, work=self.folder / "work", **more)

    def train(self, recipe: Any, **more: Any) -> TrainingOutcome:
        """Trains here; ``more`` is for ``job``."""
        from entailbench_adapters.litgpt_lora import LitgptLoraTrainer

        return LitgptLoraTrainer().train(recipe, self.job(**more))


class Workspace:
    """A workspace in which ``entailbench finetune lora`` trains a tiny model on a file."""

    def __init__(self, folder: Path, hf: Path, recipe: dict[str, Any], pairs: Sequence[SftPair] = PAIRS) -> None:
        self.folder, self.hf = folder, hf
        folder.mkdir(parents=True)
        self.write(recipe)
        self.write_pairs(pairs)

    @property
    def training(self) -> Path:
        """The folder of the training under way."""
        return self.folder / "checkpoints" / ".lora.training"

    @property
    def states(self) -> Path:
        """Its states."""
        return self.training / "work" / "states"

    @property
    def checkpoint(self) -> Path:
        """What it becomes."""
        return self.folder / "checkpoints" / "lora"

    def write(self, recipe: dict[str, Any]) -> None:
        """Writes ``entailbench.toml``."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items()]
        (self.folder / "entailbench.toml").write_text(
            f'[models.tiny]\nbackend = "hf"\npretrained = "{self.hf}"\n[models.lora]\nbackend = "litgpt"\n'
            'base = "tiny"\n[models.lora.train]\ntrainer = "litgpt-lora"\n' + "\n".join(lines) + "\n"
        )

    def write_pairs(self, pairs: Sequence[SftPair]) -> None:
        """Writes the samples."""
        rows = [{"instruction": p.instruction, "input": p.input, "output": p.output} for p in pairs]
        (self.folder / "data.json").write_text(json.dumps(rows))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """``entailbench finetune lora …``, a process of its own."""
        command = [sys.executable, "-m", "entailbench", "finetune", "lora", "--data", "data.json", *arguments]
        environment = {**os.environ, "ENTAILBENCH_HOME": str(self.folder.parent / "home"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def finetune(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
