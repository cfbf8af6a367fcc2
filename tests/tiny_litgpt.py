"""Real, tiny litgpt checkpoints, built on the spot from a tiny Hugging Face model."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TARGETS = ("query", "key", "value", "projection", "mlp", "head")


def make_litgpt_base(hf_directory: Path, directory: Path) -> Path:
    """Writes the litgpt form of a Hugging Face model into ``directory`` and returns it."""
    from entailbench_adapters.hf_weights import load_tokenizer
    from entailbench_adapters.litgpt_to_hf import write_litgpt

    directory.mkdir(parents=True)
    write_litgpt(hf_directory, load_tokenizer(hf_directory), directory)
    return directory


def make_lora_checkpoint(
    litgpt_base: Path,
    directory: Path,
    targets: Iterable[str],
    *,
    r: int = 4,
    alpha: int = 8,
    seed: int = 0,
    spread: float = 0.1,
) -> Path:
    """Writes what ``litgpt finetune_lora`` leaves behind, without the merge, with random matrices that are not zero."""
    import torch
    import yaml
    from litgpt.lora import GPT, Config, lora_filter
    from litgpt.utils import copy_config_files

    settings: dict[str, Any] = {"lora_r": r, "lora_alpha": alpha, "lora_dropout": 0.05}
    settings |= {f"lora_{target}": target in set(targets) for target in TARGETS}
    model = GPT(Config.from_file(litgpt_base / "model_config.yaml", **settings))
    generator = torch.Generator().manual_seed(seed)
    matrices = {
        name: torch.randn(weight.shape, generator=generator) * spread
        for name, weight in sorted(model.state_dict().items())
        if lora_filter(name, weight)
    }
    directory.mkdir(parents=True)
    torch.save({"model": matrices}, directory / "lit_model.pth.lora")
    copy_config_files(litgpt_base, directory)
    content = {"checkpoint_dir": str(litgpt_base), "precision": "32-true", **settings}
    (directory / "hyperparameters.yaml").write_text(yaml.safe_dump(content))
    return directory


def merged_by_litgpt(litgpt_base: Path, lora: Path, directory: Path) -> Path:
    """``litgpt merge_lora`` on a copy of a LoRA checkpoint."""
    import contextlib
    import io

    from litgpt.scripts.merge_lora import merge_lora

    shutil.copytree(lora, directory)
    with contextlib.redirect_stdout(io.StringIO()):
        merge_lora(directory, litgpt_base, precision="32-true")
    (directory / "lit_model.pth.lora").unlink()
    return directory


def litgpt_logits(directory: Path, ids: list[int]) -> Any:
    """float32 logits, (tokens, vocabulary), of litgpt's own model for a full checkpoint."""
    import torch
    from litgpt.config import Config
    from litgpt.model import GPT

    model = GPT(Config.from_file(directory / "model_config.yaml"))
    model.load_state_dict(torch.load(directory / "lit_model.pth", weights_only=True))
    with torch.inference_mode():
        return model.eval().float()(torch.tensor([ids]))[0]


def hf_logits(directory: Path, ids: list[int], adapter: Path | None = None) -> Any:
    """float32 logits, (tokens, vocabulary), of plain transformers, with plain PEFT on top."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(str(directory), dtype=torch.float32).eval()
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).eval()
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


def resolved(backend: Any, options: Any, context: Any) -> Any:
    """A registered model, as the registry would resolve it."""
    from entailbench import ModelSpec, ResolvedModel

    return ResolvedModel(ModelSpec(context.name, backend.name), backend, options, context)
