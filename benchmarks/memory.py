"""How much memory a run of a base and adapters over it takes, against a run of the base alone.

    python benchmarks/memory.py
    python benchmarks/memory.py --pretrained FOLDER --adapters 3 --rank 8 --limit 8 --dtype float32

The adapters are random ones on all linear layers of the blocks. Each run is `entailbench run` in a process of its own;
the figure is the most memory that it had at any time (resident, as the system counts it; files that are only mapped
count too), the median of ``--times`` runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from entailbench import OpenContext, default_home


def main() -> int:
    options = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary)
        pretrained = absolute(options.pretrained)
        names = [f"adapter{number}" for number in range(1, options.adapters + 1)]
        tables = [table("base", pretrained, options.dtype)]
        for seed, name in enumerate(names):
            make_adapter(workspace / name, pretrained, rank=options.rank, seed=seed)
            tables.append(table(name, pretrained, options.dtype, adapter=name))
        (workspace / "entailbench.toml").write_text("\n".join(tables), encoding="utf-8")
        alone, together = [], []
        for number in range(options.times):
            alone.append(peak(workspace, ["base"], options.limit, f"alone{number}"))
            together.append(peak(workspace, ["base", *names], options.limit, f"together{number}"))
    print(f"base alone: {said(alone)}")
    print(f"base and {options.adapters} adapters: {said(together)}")
    print(f"ratio: {statistics.median(together) / statistics.median(alone):.3f}")
    return 0


def said(peaks: list[int]) -> str:
    """The median, and all of them."""
    each = ", ".join(f"{one / 2**20:,.0f}" for one in peaks)
    return f"{statistics.median(peaks) / 2**20:,.0f} MiB ({each})"


def absolute(pretrained: str) -> str:
    """A folder's path from anywhere; other names as they are."""
    return str(Path(pretrained).absolute()) if Path(pretrained).exists() else pretrained


def table(name: str, pretrained: str, dtype: str, **others: str) -> str:
    """A model of ``entailbench.toml``."""
    keys = {"backend": "hf", "pretrained": pretrained, "dtype": dtype, "device": "cpu", **others}
    return "\n".join([f"[models.{name}]", *(f'{key} = "{value}"' for key, value in keys.items())])


def make_adapter(folder: Path, pretrained: str, *, rank: int, seed: int) -> None:
    """A random LoRA for the model ``pretrained``, whose weights are not loaded for that."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    from entailbench_adapters.hf_weights import locate

    directory = locate(pretrained, OpenContext(name="base", home=default_home(), workspace=Path.cwd()))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(directory))
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        shapes = get_peft_model_state_dict(get_peft_model(model, config), save_embedding_layers=False)
    draw = torch.Generator().manual_seed(seed)
    folder.mkdir()
    save_file(
        {name: 0.01 * torch.randn(tensor.shape, generator=draw) for name, tensor in shapes.items()},
        folder / "adapter_model.safetensors",
    )
    config.base_model_name_or_path = None
    config.save_pretrained(folder)


def peak(workspace: Path, models: list[str], limit: int, output: str) -> int:
    """Bytes."""
    # Answers out of the cache would not need the weights, and a model that asks nothing takes little memory.
    command = [sys.executable, "-m", "entailbench", "run", "--no-cache", "--models", ",".join(models)]
    with (workspace / "said.txt").open("w+b") as file:
        process = subprocess.Popen(
            [*command, "--limit", str(limit), "--output", output],
            cwd=workspace,
            stdout=file,
            stderr=file,
            env={**os.environ, "ENTAILBENCH_HOME": str(default_home())},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            file.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{file.read().decode()}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretrained", default="embedded:SmolLM2-135M-Instruct", help="as in entailbench.toml")
    parser.add_argument("--adapters", type=int, default=3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--limit", type=int, default=8, help="rows")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--times", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
