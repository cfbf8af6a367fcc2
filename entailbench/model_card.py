"""The model card of an export: a README.md made of the lineage, with nothing in it that only means something here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench.card_rows import cell
from entailbench.lineage import (
    all_versions,
    curve,
    fact,
    number,
    overlaps,
    points,
    portable,
    scores,
    training_figures,
)

__all__ = ["CardFacts", "model_card"]

LIBRARIES = {"peft": "peft", "hf": "transformers", "litgpt": "litgpt"}
PROJECT_TAG = "entailbench"


@dataclass(frozen=True)
class CardFacts:
    """What a card says besides the lineage."""

    name: str
    """The model's registered name."""
    format: str
    """The export format: peft, hf, litgpt, or another backend's own."""
    repository: str | None = None
    """``org/name`` on the hub, where it is pushed to one."""
    dtype: str | None = None
    """What the weights were asked to be stored in."""
    own_tokenizer: bool = True
    """Whether a tokenizer lies in the folder."""
    benchmark: tuple[str, ...] = ()
    """Lines of Markdown tables; see ``card_rows``."""


def model_card(lineage: Mapping[str, Any], facts: CardFacts) -> str:
    """The card's text: YAML front matter, then Markdown.

    Args:
        lineage: see ``entailbench.lineage``; what is missing in it is left out.
        facts: of this export.
    """
    told = portable(lineage)
    parts = [
        _front_matter(told, facts),
        "\n".join(_introduction(told, facts)),
        *(f"## {heading}\n\n{text}" for heading, text in _parts(told, facts) if text),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(lineage: Mapping[str, Any], facts: CardFacts) -> str:
    base = hub_base(lineage)
    adapter = facts.format == "peft"
    entries: dict[str, Any] = {
        "base_model": base,
        "base_model_relation": ("adapter" if adapter else "finetune") if base else None,
        "library_name": LIBRARIES.get(facts.format),
        "license": lineage.get("license"),
        "language": ["en"],
        "pipeline_tag": "text-generation",
        "tags": [PROJECT_TAG, "entailment", "logic", *(["lora"] if adapter else [])],
    }
    # A JSON value is a YAML value, whatever is in it.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items() if value]
    return "\n".join(["---", *lines, "---"])


def hub_base(lineage: Mapping[str, Any]) -> str | None:
    """The base's hub id; None where the base is a local folder or nothing is known of it."""
    base = fact(portable(lineage), "base_model", "base")
    is_id = isinstance(base, str) and base.count("/") == 1 and " " not in base
    return base if is_id else None


def _introduction(lineage: Mapping[str, Any], facts: CardFacts) -> Iterator[str]:
    base = hub_base(lineage)
    what = "A LoRA adapter" if facts.format == "peft" else "A language model"
    on = f" for [{base}](https://huggingface.co/{base})" if base else " for a base model of its author's"
    target = lineage.get("target") or _mapping(lineage.get("prompt")).get("target")
    writes = {
        "proof": "It writes a proof in short steps, then the label: `entailment` or `not entailment`.",
        "label": "It answers with the label alone: `entailment` or `not entailment`.",
    }.get(str(target), "")
    yield f"# {facts.name}"
    yield ""
    told = f"{what}{on}, trained with entailbench to tell what follows from what."
    yield f"{told} {writes}".rstrip()


def _parts(lineage: Mapping[str, Any], facts: CardFacts) -> Iterator[tuple[str, str]]:
    yield "Use", _use(lineage, facts)
    yield "Prompt", "\n".join(_prompt(lineage))
    yield "Training data", _listing(_data(lineage))
    yield "Recipe", _table(_recipe(lineage))
    yield "Training", _listing(_training(lineage))
    yield "Scores", "\n".join(_scores(lineage, facts))
    yield "Limits", "\n".join(f"- {limit}" for limit in _limits(lineage, facts))


def _use(lineage: Mapping[str, Any], facts: CardFacts) -> str:
    here = facts.repository or "this-folder"
    base = hub_base(lineage)
    if facts.format == "peft":
        toml = [
            f'pretrained = "{lineage.get("pretrained") or base or "the base model"}"',
            f'adapter = "{facts.name}"  # a local copy of this folder',
        ]
        backend = "hf"
        tokenizer = here if facts.own_tokenizer or not base else base
        load = [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f'base = AutoModelForCausalLM.from_pretrained("{base or "the base model"}")',
            f'model = PeftModel.from_pretrained(base, "{here}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{tokenizer}")',
        ]
    elif facts.format == "hf":
        backend, toml = "hf", [f'pretrained = "{here}"']
        load = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f'model = AutoModelForCausalLM.from_pretrained("{here}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{here}")',
        ]
    else:
        toml, backend, load = [f'checkpoint = "{facts.name}"  # a local copy of this folder'], facts.format, []
    ask = [
        'messages = [{"role": "user", "content": instruction + "\\n\\n" + puzzle}]',
        "inputs = tokenizer.apply_chat_template(",
        '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
        ")",
        f"output = model.generate(**inputs, max_new_tokens={_answer_tokens(lineage)}, do_sample=False)",
        'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
    ]
    with_entailbench = "\n".join(
        [
            "With entailbench, in `entailbench.toml`:",
            "",
            "```toml",
            f"[models.{facts.name}]",
            f'backend = "{backend}"',
            *toml,
            "```",
        ]
    )
    if not load:
        return with_entailbench
    libraries = "transformers and PEFT" if facts.format == "peft" else "transformers"
    return "\n".join([f"With {libraries}:", "", "```python", *load, "", *ask, "```", "", with_entailbench])


def _answer_tokens(lineage: Mapping[str, Any]) -> int:
    tokens = _mapping(lineage.get("prompt")).get("answer_tokens")
    return int(tokens) if isinstance(tokens, int) else 64


def _prompt(lineage: Mapping[str, Any]) -> Iterator[str]:
    prompt = _mapping(lineage.get("prompt"))
    if not prompt:
        return
    yield (
        "It was trained with one prompt and knows no other; the tokenizer's chat template writes it, and "
        "`entailbench.json` holds its hash."
    )
    if rendered := prompt.get("rendered"):
        yield ""
        yield "The user message “What follows?” becomes:"
        yield ""
        yield _fenced(str(rendered))
    if stop := prompt.get("stop"):
        yield ""
        yield f"An answer ends with {', '.join(f'`{end}`' for end in stop)}."


def _data(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if task := lineage.get("task"):
        about = lineage.get("task_description")
        yield "task", f"`{task}`" + (f" ({about})" if about else "")
    elif lineage.get("data_file"):
        yield "from", "a file of its author's"
    for key, what in (
        ("data_arguments", "made with"),
        ("samples", "samples"),
        ("validation_samples", "validation samples"),
        ("left_out", "left out"),
        ("target", "target"),
        ("data", "hash of the samples"),
    ):
        if (value := lineage.get(key)) not in (None, "", {}, []):
            yield what, number(value)
    if overlap := overlaps(lineage):
        yield "rows about puzzles of its training", overlap


def _recipe(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    as_run = _mapping(fact({"facts": lineage.get("facts")}, "recipe")) or _mapping(lineage.get("recipe"))
    for key, value in as_run.items():
        if value is not None:
            yield key, json.dumps(value, ensure_ascii=False)


def _training(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if weights := fact(lineage, "base_weights"):
        yield "base weights", number(weights)
    yield from training_figures(lineage)
    for what, key in (("training loss", "losses"), ("validation loss", "validation_losses")):
        if summary := _curve(points(lineage, key)):
            yield what, summary
    if versions := all_versions(lineage):
        yield "versions", versions


def _curve(losses: Sequence[tuple[int, float]]) -> str:
    if not losses:
        return ""
    (first_step, first), (last_step, last) = losses[0], losses[-1]
    line = curve(losses, 24)
    return f"{number(first)} at step {number(first_step)}, {number(last)} at step {number(last_step)} (`{line}`)"


def _scores(lineage: Mapping[str, Any], facts: CardFacts) -> Iterator[str]:
    found = scores(lineage)
    if found:
        yield "On the validation samples of its training:"
        yield ""
        yield _listing((name.replace("_", " "), number(value)) for name, value in found.items())
    if facts.benchmark:
        if found:
            yield ""
        yield from facts.benchmark


def _limits(lineage: Mapping[str, Any], facts: CardFacts) -> Iterator[str]:
    if lineage.get("leaked"):
        yield "**Leaked**: it was trained on puzzles of its test split; scores on that split say little."
    yield "Trained on English puzzles of a few forms; what it knows of entailment elsewhere was not measured."
    target = lineage.get("target") or _mapping(lineage.get("prompt")).get("target")
    if target == "proof":
        yield "A proof may be wrong even where the label is right; entailbench has a solver check the proofs."
    if facts.dtype:
        yield (
            f"Its matrices are stored in {facts.dtype}; over a float32 base PEFT computes in float32: nothing but the "
            "rounding in the file is lost."
        )
    for note in lineage.get("notes") or ():
        yield str(note)
    yield "As the base model, it can be wrong with confidence: use no answer of it unchecked."


def _listing(lines: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f"- {what}: {value}" for what, value in lines)


def _table(lines: Iterator[tuple[str, str]]) -> str:
    rows = [f"| `{cell(what)}` | `{cell(value)}` |" for what, value in lines]
    return "\n".join(["| key | value |", "|---|---|", *rows]) if rows else ""


def _fenced(text: str) -> str:
    longest = max((len(run) for run in text.replace("\n", " ").split() if set(run) == {"`"}), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
