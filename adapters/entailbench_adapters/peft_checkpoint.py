"""An adapter in the form of PEFT with a record of ours: what `entailbench export --format peft` writes and ships."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from entailbench import ModelError, bounded

from .checkpoint_files import adapter_problems
from .litgpt_checkpoint import TARGETS, Checkpoint, LoraSettings
from .prompt_record import RECORD, WEIGHT_FILES, read_record, weight_problems

MODULES = {
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "projection",
    **dict.fromkeys(("gate_proj", "up_proj", "down_proj"), "mlp"),
    "lm_head": "head",
}
"""What litgpt calls the modules of the Llama family."""
SHIPPED = Path(str(importlib.resources.files("entailbench_data"))) / "adapters"
"""Where the adapters lie that come with entailbench."""


def shipped_directory(name: str) -> Path | None:
    """The folder of an adapter that comes with entailbench; None where this installation has none of that name."""
    folder = SHIPPED / Path(name).name
    return folder if (folder / "adapter_config.json").is_file() else None


def recognize_peft(directory: Path) -> Checkpoint:
    """Reads the small files of such an adapter, and sees by its hash whether the large one is the recorded one.

    Raises:
        ModelError: parts of it are missing, malformed, or not the ones that were recorded.
    """
    for problem in adapter_problems(directory):
        raise ModelError(problem)
    record = read_record(directory)
    if record is None or not set(WEIGHT_FILES) <= set(record.files):
        raise ModelError(f"{directory} has no {RECORD} that vouches for its weights; export or install it again")
    for problem in weight_problems(directory, record):
        raise ModelError(problem)
    return Checkpoint(
        directory=directory,
        model_config={},
        full=False,
        lora=_lora_settings(directory / "adapter_config.json"),
        record=record,
        peft=True,
    )


def _lora_settings(path: Path) -> LoraSettings:
    config = bounded.read_json(path)
    try:
        modules = config["target_modules"]
        targets = {MODULES[module] for module in modules}
        # The product must be PEFT's plain form, or merging it our way would be another model.
        plain = not any(config.get(key) for key in ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern"))
        if config["peft_type"] != "LORA" or not targets or not plain:
            raise ValueError("it is no plain LoRA")
        return LoraSettings(
            r=int(config["r"]),
            alpha=config["lora_alpha"],
            dropout=float(config.get("lora_dropout") or 0.0),
            targets=tuple(target for target in TARGETS if target in targets),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is not the configuration of a LoRA that was exported here: {error!r}") from error
