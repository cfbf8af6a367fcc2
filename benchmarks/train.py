"""How fast LoRA training is: entailbench's engine against litgpt's own loop, transformers + PEFT, and TRL.

    python benchmarks/train.py --data sft.json
    python benchmarks/train.py --data sft.json --precision bf16-true --order puzzle
    python benchmarks/train.py --device cuda --precision bf16-true --shape mistral-7b --random 147 --sharing none \\
        --samples 512 --batch 64 --micro-batches 2,16 --against litgpt,hf

All train the same samples in the same order with the same LoRA (r = 8 on queries and values) in the same precision.
Each peer first runs once with every micro-batch size and then, with its fastest, in turns with ours. Loading and
tokenizing are left out; whatever the loops do themselves is left in, so is packing. Without --data the samples are
random tokens, of which nothing can be shared but what --sharing none leaves out anyway.

The floor is the arithmetic of the packs over the rate of the device's own matrix products, measured here and now.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from timing import Timing, in_turns, median, timed
from training_floor import flops, product_rate
from training_loops import (
    Contender,
    HuggingFace,
    Litgpt,
    Packed,
    Trl,
    Workload,
    has_trl,
    open_hf_model,
    open_model,
    sample_losses,
)

from entailbench import SftPair
from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.training.samples import TokenSample, tokenize

SHAPES = {"mistral-7b": "Mistral-7B-Instruct-v0.2", "smollm2": "SmolLM2-135M-Instruct"}
EQUAL = 1e-4
"""Relative difference of losses, in float32, beyond which the two sides would not do the same work."""
Wait = Callable[[], None]


def main() -> int:
    options = parsed()
    until = time.monotonic() + options.seconds
    if options.threads:
        torch.set_num_threads(options.threads)
    work = workload(options)
    fabric, model = open_model(work)
    wait: Wait = torch.cuda.synchronize if fabric.device.type == "cuda" else lambda: None
    compiled = fabric.device.type == "cuda" if options.compile is None else options.compile
    ours = Packed(work, fabric, model, compiled=compiled)
    packs = ours.packs()
    needed = flops(model, packs)
    print(
        f"{len(work.samples)} samples of {work.tokens / len(work.samples):.0f} tokens, {options.batch} a step, order "
        f"{options.order}, {options.precision} on {device_name(fabric.device)} ({load()})\n"
        f"packed: {sum(map(len, packs)):,} of {work.tokens:,} tokens in {len(packs)} packs of at most {ours.budget:,} "
        f"(sharing {options.sharing}), {needed / 1e12:.2f} TFLOP",
        flush=True,
    )
    if not same_losses(model, work, packs, options.precision):
        return 1
    if options.alone:
        alone(ours, work, needed, wait, options, model)
    rows = []
    for peers in opponents(options, work, fabric, model):
        rows.append(compared(ours, peers, work, needed, wait, options, model, until))
        # A second model may need the room.
        del peers
    if fabric.device.type == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    if options.json:
        facts = {"options": {k: str(v) for k, v in vars(options).items()}, "results": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def alone(ours: Packed, work: Workload, needed: float, wait: Wait, options: argparse.Namespace, model: Any) -> None:
    """Prints what epochs of ours take, without a peer."""
    ours.run()
    seconds = [timed(ours.run, wait).seconds for _ in range(options.alone)]
    rate = product_rate(model, ours.budget, wait)
    whole = sum(seconds)
    print(
        f"{options.alone} epochs of {len(work.samples)} samples: {whole:.1f} s "
        f"({', '.join(f'{one:.1f}' for one in seconds)}), {options.alone * len(work.samples) / whole:.1f} samples/s; "
        f"{options.alone * needed / whole / 1e9:,.0f} GFLOP/s, "
        f"{options.alone * needed / whole / rate:.0%} of {rate / 1e9:,.0f}; {load()}",
        flush=True,
    )


@dataclass(frozen=True)
class Result:
    """Ours against one peer."""

    peer: str
    seconds: list[float]
    """Ours, and below the peer's, pair by pair."""
    peer_seconds: list[float]
    cpu_seconds: list[float]
    peer_cpu_seconds: list[float]
    ratio: float
    """Median of the pairs."""
    samples_per_second: float
    floor_seconds: float

    @property
    def share(self) -> float:
        """Of the floor that was reached."""
        return self.floor_seconds / median(self.seconds)


def compared(
    ours: Packed,
    peers: Sequence[Contender],
    work: Workload,
    needed: float,
    wait: Wait,
    options: argparse.Namespace,
    model: Any,
    until: float,
) -> Result:
    """Finds the peer's best setting, runs both in turns, and prints what came out."""
    ours.run()
    alone: list[tuple[float, Contender]] = []
    for peer in peers:
        with out_of_memory_is_no_answer(peer):
            seconds = timed(peer.run, wait).seconds
            if wait is torch.cuda.synchronize:
                # A GPU's first run of a size also chooses kernels.
                seconds = timed(peer.run, wait).seconds
            alone.append((seconds, peer))
            print(f"  {peer.name}: {len(work.samples) / seconds:.2f} samples/s", flush=True)
    best = min(alone, key=lambda pair: pair[0])[1]
    rate = product_rate(model, ours.budget, wait)
    pairs: list[tuple[Timing, Timing]] = []
    for mine, its in in_turns(ours.run, best.run, wait, pairs=options.pairs, until=until):
        pairs.append((mine, its))
        print(f"  pair {len(pairs)}: {mine.seconds:.2f} s, {best.name} {its.seconds:.2f} s, {load()}", flush=True)
    rate = max(rate, product_rate(model, ours.budget, wait))
    result = Result(
        best.name,
        [mine.seconds for mine, _ in pairs],
        [its.seconds for _, its in pairs],
        [mine.cpu_seconds for mine, _ in pairs],
        [its.cpu_seconds for _, its in pairs],
        median([its.seconds / mine.seconds for mine, its in pairs]),
        len(work.samples) / median([mine.seconds for mine, _ in pairs]),
        needed / rate,
    )
    show(result, work, needed, rate)
    return result


def show(result: Result, work: Workload, needed: float, rate: float) -> None:
    """Prints one comparison."""
    for name, seconds, cpu in (
        ("packed", result.seconds, result.cpu_seconds),
        (result.peer, result.peer_seconds, result.peer_cpu_seconds),
    ):
        middle = median(seconds)
        print(
            f"{name:36} {len(work.samples) / middle:8.2f} samples/s {work.tokens / middle:10,.0f} tokens/s "
            f"{median(cpu):7.1f} CPU s"
        )
    ratios = sorted(its / mine for mine, its in zip(result.seconds, result.peer_seconds, strict=True))
    print(
        f"{result.ratio:.2f} times as fast (median of {len(ratios)} pairs: {', '.join(f'{r:.2f}' for r in ratios)}); "
        f"by CPU seconds {median(result.peer_cpu_seconds) / median(result.cpu_seconds):.2f}\n"
        f"floor {result.floor_seconds:.2f} s at {rate / 1e9:,.0f} GFLOP/s; reached {result.share:.0%} of it "
        f"({needed / median(result.seconds) / 1e9:,.0f} GFLOP/s)",
        flush=True,
    )


def opponents(
    options: argparse.Namespace, work: Workload, fabric: Any, model: Any
) -> Sequence[Sequence[Contender]] | Any:
    """Yields the settings of one peer after the other."""
    sizes = [size for size in options.micro_batches if options.batch % size == 0]
    for peer in options.against:
        if peer == "litgpt":
            yield [Litgpt(work, fabric, model, size) for size in sizes]
        elif peer == "trl" and not has_trl():
            print("TRL is not installed: pip install trl")
        else:
            theirs = open_hf_model(work, options.hf, fabric.device)
            if peer == "hf":
                yield [HuggingFace(work, theirs, fabric.device, size) for size in sizes]
            else:
                yield [Trl(work, theirs, size) for size in sizes]


def same_losses(model: Any, work: Workload, packs: Sequence[Any], precision: str) -> bool:
    """Prints how far the losses of the first pack's samples are from litgpt's; false if they are not the same."""
    # The packs of the first step number their samples from 0.
    both = list(sample_losses(model, work.samples, packs[:1]))
    worst = max(abs(ours - theirs) / abs(theirs) for ours, theirs in both)
    print(f"losses of {len(both)} samples, dropout off: at most {worst:.1e} (relative) from litgpt's", flush=True)
    if precision == "32-true" and worst > EQUAL:
        print("that is not the same work", file=sys.stderr)
        return False
    return True


@contextlib.contextmanager
def out_of_memory_is_no_answer(peer: Contender) -> Any:
    """A setting that does not fit is left out, with a line that says so."""
    try:
        yield
    except torch.OutOfMemoryError:
        print(f"  {peer.name}: out of memory")
        torch.cuda.empty_cache()


def workload(options: argparse.Namespace) -> Workload:
    """The samples and what trains them."""
    recipe = LoraRecipe(
        lora_dropout=options.dropout,
        global_batch_size=options.batch,
        micro_batch_size=1,
        sharing=options.sharing,
        pack_tokens=options.pack_tokens,
        precision=options.precision,
        device=options.device,
    )
    shape = SHAPES.get(options.shape, options.shape)
    base = None if shape else options.base or embedded_base()
    samples = read_samples(options)
    if options.order == "puzzle":
        first = {sample.puzzle: number for number, sample in reversed(list(enumerate(samples)))}
        samples.sort(key=lambda sample: first[sample.puzzle])
    count = min(options.samples, len(samples)) // options.batch * options.batch
    if not count:
        sys.exit(f"{len(samples)} samples do not fill a step of {options.batch}")
    return Workload(samples[:count], recipe, base, shape)


def read_samples(options: argparse.Namespace) -> list[TokenSample]:
    """From --data: rows with instruction, input and output, or with the token numbers of prompt and answer."""
    if options.data is None:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(0, 30_000, (options.samples, options.random), generator=generator).tolist()
        return [TokenSample(tuple(row[:-6]), tuple(row[-6:]), "", str(n)) for n, row in enumerate(ids)]
    rows = json.loads(options.data.read_text(encoding="utf-8"))
    if "prompt" in rows[0]:
        return [
            TokenSample(tuple(row["prompt"]), tuple(row["answer"]), row.get("label", ""), row.get("puzzle", str(n)))
            for n, row in enumerate(rows)
        ]
    from entailbench_adapters.hf_weights import load_tokenizer

    tokenizer = load_tokenizer(options.tokenizer or embedded_hf())
    return list(tokenize([SftPair(row["instruction"], row["input"], row["output"]) for row in rows], tokenizer))


def embedded_base() -> Path:
    """SmolLM2 in litgpt's form, from the cache."""
    from entailbench_adapters import embedded

    return embedded.litgpt_directory(home(), lambda line: print(line, file=sys.stderr))


def embedded_hf() -> Path:
    """SmolLM2 with its tokenizer, from the cache."""
    from entailbench_adapters import embedded

    return embedded.prepare(home(), lambda line: print(line, file=sys.stderr))


def home() -> Path:
    """The cache folder of this user."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("ENTAILBENCH_HOME")
    return Path(chosen) if chosen else user_cache_path("entailbench")


def device_name(device: torch.device) -> str:
    """Of a GPU, or how many CPU threads there are."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


def load() -> str:
    """How many processes wanted a core in the last minute: whether the machine is one's own."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("--data", type=Path, help="JSON list of samples, e.g. what `entailbench sft` wrote")
    parser.add_argument("--random", type=int, default=147, metavar="TOKENS", help="of each sample without --data")
    parser.add_argument("--tokenizer", type=Path, help="Hugging Face folder; default: SmolLM2's")
    parser.add_argument("--base", type=Path, help="litgpt checkpoint; default: SmolLM2-135M-Instruct")
    parser.add_argument("--hf", type=Path, help="the same model for --against hf; without one random weights")
    parser.add_argument("--shape", help="random weights of this litgpt model instead, made on the device: mistral-7b …")
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32, help="samples of an optimizer step")
    parser.add_argument("--order", choices=("given", "puzzle"), default="given", help="puzzle: all of one together")
    parser.add_argument("--precision", choices=("32-true", "bf16-true"), default="32-true")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--sharing", choices=("tree", "prefix", "none"), default="tree")
    parser.add_argument("--pack-tokens", type=int, help="of a forward pass of ours; default: what suits the device")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="ours; default: on a GPU")
    parser.add_argument("--against", type=lambda text: text.split(","), default=["litgpt"], help="litgpt,hf,trl; none")
    parser.add_argument("--alone", type=int, default=0, metavar="EPOCHS", help="first so many epochs of ours, timed")
    parser.add_argument("--micro-batches", type=numbers, default=[1, 2, 4, 8], help="of the peer, the best is taken")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no new pair is begun after so many")
    parser.add_argument("--threads", type=int, help="of a CPU; default: one per core")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    if options.against == ["none"]:
        options.against = []
    wrong = {"litgpt", "hf", "trl"}.symmetric_difference({*options.against, "litgpt", "hf", "trl"})
    if wrong:
        parser.error(f"--against knows litgpt, hf and trl, not {', '.join(sorted(wrong))}")
    if not options.shape and not options.hf and not options.base and {"hf", "trl"} & {*options.against}:
        options.hf = embedded_hf()
    return options


if __name__ == "__main__":
    sys.exit(main())
