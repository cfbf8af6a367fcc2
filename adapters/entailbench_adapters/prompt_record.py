"""``entailbench.json``: what a checkpoint says about the prompt it was trained with.

A prompt is what a tokenizer and its chat template make of a conversation, so that is recorded, not only a style's
name: the rendered text and its tokens as a hash, what ends an answer, and the hashes of the tokenizer's files. A model
that is prompted otherwise than it was trained answers worse, and nothing would look wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError, bounded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RECORD = "entailbench.json"
PROMPT_FILES = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template.jinja", "prompt_style.yaml"),
)
"""The files of a checkpoint that make its prompt."""
WEIGHT_FILES = ("adapter_model.safetensors", "adapter_config.json")
"""The files of an exported adapter that its record vouches for too."""
PROBE = "What follows?"
PROBES = (
    PROBE,
    "Does it follow?\n\nContext: Ann is taller than Bo; Bo isn't shorter than Cy (1.75 m).\n"
    "Question: “Is Zoë the tallest?”\tOr {{ 12345 }} knights, <|x|> [INST] and 67% knaves…",
)
"""What is rendered for the hash: with and without an input, digits, quotes, blanks, characters beyond ASCII."""
SYSTEM = "\x02system\x03"


@dataclass(frozen=True)
class PromptRecord:
    """How a checkpoint was prompted in training. Only the first two are in every record; None means not recorded."""

    prompt_style: str
    """``"chat"`` (the tokenizer's chat template) or the name of a litgpt style."""
    bos: bool
    """Whether a BOS stood in front of the prompt in training."""
    system: str | None = None
    """The system message that the template puts in front by itself."""
    stop: tuple[str, ...] = ()
    """What ends an answer: the tokenizer's EOS, which every training answer ended with."""
    rendered: str | None = None
    """The prompt for the user message "What follows?", to be read by people."""
    template: str | None = None
    """``prompt_hash`` of the tokenizer it was trained with."""
    target: str | None = None
    """What it was trained to write, e.g. "label" or "proof"; see ``TrainSpec.target``."""
    answer_tokens: int | None = None
    """Tokens that an answer may need; ``Model.answer_tokens`` when it is opened."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 of the files beside the record that make the prompt (and of an exported adapter), by name."""


def record_prompt(
    directory: Path,
    tokenizer: PreTrainedTokenizerBase,
    *,
    prompt_style: str,
    bos: bool,
    target: str | None = None,
    answer_tokens: int | None = None,
) -> PromptRecord:
    """Writes ``entailbench.json`` for a checkpoint that was just trained; call it last, when its files are written.

    Args:
        directory: the checkpoint, with its tokenizer saved and, where it has one, ``prompt_style.yaml``.
        tokenizer: the one that rendered the training prompts, with the chat template that did it.
        prompt_style: ``"chat"`` or the litgpt style's name, as in the recipe.
        bos: whether a BOS stood in front of the prompts.
        target: ``TrainingJob.target``.
        answer_tokens: tokens of the longest answer with its EOS, rounded up generously.
    """
    record = PromptRecord(
        prompt_style=prompt_style,
        bos=bos,
        system=default_system(tokenizer),
        stop=() if tokenizer.eos_token is None else (str(tokenizer.eos_token),),
        rendered=_render(tokenizer, [("user", PROBE)]),
        template=prompt_hash(tokenizer),
        target=target,
        answer_tokens=answer_tokens,
        files=hash_files(directory, (*PROMPT_FILES, *WEIGHT_FILES)),
    )
    write_record(record, directory)
    return record


def generous(longest_answer: int) -> int:
    """What to record as ``answer_tokens`` after training on answers of at most so many tokens, EOS included.

    Test puzzles may need longer proofs than training ones did: half as much again, in steps of 16.
    """
    return math.ceil(longest_answer * 1.5 / 16) * 16


def read_record(directory: Path) -> PromptRecord | None:
    """``entailbench.json`` of a checkpoint that our trainer or export wrote; None for others.

    Raises:
        ModelError: it is malformed.
    """
    path = directory / RECORD
    if not path.is_file():
        return None
    try:
        content = bounded.read_json(path)
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a table of settings")
    style, bos = content.get("prompt_style"), content.get("bos")
    if not isinstance(style, str) or not isinstance(bos, bool):
        raise ModelError(f"{path} lacks prompt_style or bos")
    kinds: dict[str, type] = {
        **dict.fromkeys(("system", "rendered", "template", "target"), str),
        **{"stop": list, "answer_tokens": int, "files": dict},
    }
    for key, kind in kinds.items():
        value = content.get(key)
        if value is not None and (not isinstance(value, kind) or (kind is int and (value is True or value < 1))):
            raise ModelError(f"{path}: {key} = {value!r} is nothing that was recorded; restore the file")
    return PromptRecord(
        prompt_style=style,
        bos=bos,
        system=content.get("system"),
        stop=tuple(map(str, content.get("stop") or ())),
        rendered=content.get("rendered"),
        template=content.get("template"),
        target=content.get("target"),
        answer_tokens=content.get("answer_tokens"),
        files={str(name): str(digest) for name, digest in (content.get("files") or {}).items()},
    )


def write_record(record: PromptRecord, directory: Path) -> None:
    """Writes ``entailbench.json``; what is not recorded is left out."""
    content = {key: value for key, value in asdict(record).items() if value is not None and value not in ((), {})}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (directory / RECORD).write_text(text + "\n", encoding="utf-8")


def prompt_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """``"sha256:…"`` over what the tokenizer makes of probe conversations: text, tokens, and the token that ends.

    The vocabulary is in it as well. Unlike ``fingerprint.hash_template`` it does not depend on how a version of the
    libraries writes a tokenizer down.
    """
    texts = [_render(tokenizer, [("user", probe)]) for probe in PROBES]
    content: dict[str, Any] = {
        "prompts": [[text, list(tokenizer.encode(text, add_special_tokens=False))] for text in texts],
        "end": [str(tokenizer.eos_token), tokenizer.eos_token_id],
        "vocabulary": sorted(tokenizer.get_vocab().items()),
    }
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def default_system(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The system message that a chat template writes when none is given; None if it writes none."""
    from jinja2 import TemplateError

    try:
        with_one = _render(tokenizer, [("system", SYSTEM), ("user", PROBE)])
    except (TemplateError, ValueError):
        # A template that allows no system message has none to say either.
        return None
    before, found, after = with_one.partition(SYSTEM)
    plain = _render(tokenizer, [("user", PROBE)])
    fits = found and plain.startswith(before) and plain.endswith(after) and len(plain) >= len(before) + len(after)
    return plain[len(before) : len(plain) - len(after)] or None if fits else None


def edited_files(record: PromptRecord | None, directory: Path) -> Iterator[str]:
    """Names of the recorded files that have changed since; one that is gone counts only if it holds weights.

    An adapter without a tokenizer takes its base's, which ``prompt_hash`` then has to match.
    """
    for name, digest in record.files.items() if record else ():
        path = directory / name
        if Path(name).name != name:
            yield name
        elif path.is_file():
            if hash_file(path) != digest:
                yield name
        elif name in WEIGHT_FILES:
            yield name


def weight_problems(directory: Path, record: PromptRecord | None) -> Iterator[str]:
    """Which weights of an adapter are not those that its record vouches for."""
    for name in edited_files(record, directory):
        if name in WEIGHT_FILES:
            yield f"{directory / name} is not the file that {RECORD} knows the sha256 of: export or install it again"


def hash_files(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """sha256 of those of the files that are there, by name."""
    return {name: hash_file(directory / name) for name in names if (directory / name).is_file()}


def hash_file(path: Path) -> str:
    """``"sha256:…"`` of a file's bytes; of ``adapter_config.json``, of its settings without the place of the base.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        content = path.read_bytes() if path.name == "adapter_config.json" else None
        if content is None:
            with path.open("rb") as stream:
                return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    with contextlib.suppress(ValueError, AttributeError):
        settings = bounded.parse_json(content.decode("utf-8"))
        settings.pop("base_model_name_or_path", None)
        content = json.dumps(settings, sort_keys=True).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _render(tokenizer: PreTrainedTokenizerBase, turns: Iterable[tuple[str, str]]) -> str:
    conversation = [{"role": role, "content": content} for role, content in turns]
    if not tokenizer.chat_template:
        return "\n\n".join(turn["content"] for turn in conversation)
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
