"""The files of a trained checkpoint besides its weights, the same for both engines; and what the lineage is told."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .litgpt_checkpoint import HYPERPARAMETERS, MODEL_CONFIG
from .litgpt_recipe import LoraRecipe
from .litgpt_start import Start
from .prompt_record import generous

CONFIG_FILES = (MODEL_CONFIG, "config.json", "generation_config.json")


def write_small_files(
    start: Start,
    recipe: LoraRecipe,
    hyperparameters: Mapping[str, Any],
    out: Path,
    *,
    target: str,
    longest_answer: int,
) -> None:
    """Writes all that a checkpoint needs beside its ``lit_model.pth.lora``, which must be there already.

    Args:
        start: what was trained on.
        recipe: for the prompt style.
        hyperparameters: as litgpt's command writes them down.
        out: the checkpoint.
        target: what the samples teach to write.
        longest_answer: tokens of the longest answer, with its end.
    """
    import yaml

    from .litgpt_checkpoint import recognize
    from .litgpt_prompting import style_for_litgpt
    from .prompt_record import record_prompt
    from .prompt_template import write_style

    for name in CONFIG_FILES:
        if (start.directory / name).is_file():
            shutil.copyfile(start.directory / name, out / name)
    # `litgpt merge_lora` looks for the base here.
    settings = {**hyperparameters, "checkpoint_dir": str(start.directory.absolute())}
    (out / HYPERPARAMETERS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    start.tokenizer.save_pretrained(out)
    write_style(start.style or style_for_litgpt(recognize(out), recipe.prompt_style, start.tokenizer), out)
    record_prompt(
        out,
        start.tokenizer,
        prompt_style=recipe.prompt_style,
        bos=start.bos,
        target=target,
        answer_tokens=generous(longest_answer),
    )


def device_name(device: str) -> str:
    """``"cpu"``, or the name of the GPU."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    import platform
    from importlib.metadata import version

    packages = ("torch", "litgpt", "lightning", "transformers", "tokenizers")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
