"""litgpt prompt styles as Jinja chat templates.

litgpt keeps the prompt of a checkpoint as the name of a Python class (``prompt_style.yaml``); everything else that
opens models reads a Jinja chat template from the tokenizer. A style is turned into a template by applying it to
sentinels and reading off the text around them, so the two cannot drift apart.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from entailbench import ModelError, UnknownNameError, bounded

if TYPE_CHECKING:
    from litgpt.prompts import PromptStyle

STYLE_FILE = "prompt_style.yaml"

PROMPT = "\x02prompt\x03"
INPUT = "\x02input\x03"
SENTINELS = re.compile("\x02(prompt|input)\x03")
PROBES = ((" What follows?\t", "\n“All x” {{ y }} {% z %} 'q' \\n "), ("a", "b\n\nc"))
"""Texts on which a style must behave like plain concatenation; the edges are blanks, to catch a ``strip``."""


def style_names() -> tuple[str, ...]:
    """The names litgpt knows prompt styles by."""
    from litgpt.prompts import prompt_styles

    return tuple(prompt_styles)


def named_style(name: str) -> PromptStyle:
    """The litgpt style called ``name``.

    Raises:
        UnknownNameError: litgpt knows no such style.
    """
    from litgpt.prompts import Default, PromptStyle

    if name == "default":
        return Default()
    if name not in style_names():
        raise UnknownNameError("prompt style", name, ["chat", "default", *style_names()])
    return PromptStyle.from_name(name)


def style_name(style: PromptStyle) -> str:
    """What litgpt calls ``style``; the opposite of ``named_style``, up to styles that go by several names."""
    from litgpt.prompts import prompt_styles

    return next((name for name, kind in prompt_styles.items() if kind is type(style)), "default")


def style_of(directory: Path) -> PromptStyle | None:
    """The style that ``prompt_style.yaml`` of a litgpt checkpoint names; None when there is no such file.

    Raises:
        ModelError: the file is malformed, or names a class outside ``litgpt.prompts``.
    """
    name = style_class_name(directory)
    if name is None:
        return None
    from litgpt import prompts

    style = getattr(prompts, name, None)
    if not (isinstance(style, type) and issubclass(style, prompts.PromptStyle)):
        raise _foreign(directory / STYLE_FILE, f"litgpt.prompts.{name}")
    return style()


def style_class_name(directory: Path) -> str | None:
    """The class in ``litgpt.prompts`` that ``prompt_style.yaml`` names, without importing it; None without the file.

    Only litgpt's own classes are ever imported, so that opening a checkpoint cannot run somebody else's code.

    Raises:
        ModelError: the file is malformed, or names a class outside ``litgpt.prompts``.
    """
    file = directory / STYLE_FILE
    if not file.is_file():
        return None
    try:
        content = bounded.parse_yaml(bounded.read_bounded(file).decode("utf-8"))
    except ValueError as error:
        raise ModelError(f"{file} is not YAML: {error}") from error
    class_path = content.get("class_path") if isinstance(content, dict) else None
    if not isinstance(class_path, str):
        raise ModelError(f"{file} has no class_path")
    module, _, name = class_path.rpartition(".")
    if module != "litgpt.prompts":
        raise _foreign(file, class_path)
    return name


def _foreign(file: Path, class_path: str) -> ModelError:
    return ModelError(
        f"{file} names {class_path}, which is not one of litgpt's own prompt styles, and code from elsewhere is "
        'not imported: say which style it amounts to, prompt_style = "…"'
    )


def style_text(style: PromptStyle, user: str) -> str:
    """What litgpt's ``style`` makes of a user message ``INSTRUCTION + "\\n\\n" + INPUT``, without any BOS.

    A style that has no place for an input gets the whole message as its instruction.
    """
    instruction, input = split_user(style, user)
    return str(style.apply(prompt=instruction, input=input))


def split_user(style: PromptStyle, user: str) -> tuple[str, str]:
    """``user`` as the (instruction, input) pair that ``style`` is to be applied to."""
    instruction, blank_line, input = user.partition("\n\n")
    if blank_line and input and uses_input(style):
        return instruction, input
    return user, ""


def uses_input(style: PromptStyle) -> bool:
    """Whether ``style`` shows the ``input`` of a sample at all; most of litgpt's do not."""
    return INPUT in style.apply(prompt=PROMPT, input=INPUT)


def style_to_chat_template(style: PromptStyle, bos: str | None, *, add_bos: bool = True) -> str:
    """A Jinja chat template that renders one user message exactly as litgpt feeds it to the model.

    Args:
        style: the litgpt style.
        bos: the tokenizer's BOS as text, None when it has none.
        add_bos: whether litgpt puts a BOS in front of a prompt of this model. litgpt neither doubles a BOS
            that the style writes itself nor keeps one where it adds none.

    Raises:
        ModelError: ``style`` does more than put text around the message.
    """
    plain = _pieces(style.apply(prompt=PROMPT, input=""))
    paired = _pieces(style.apply(prompt=PROMPT, input=INPUT))
    name = type(style).__name__
    for pieces, needed in ((plain, {"prompt"}), (paired, {"prompt", "input"} if uses_input(style) else {"prompt"})):
        if {field for field, _ in pieces if field} != needed:
            raise ModelError(f"litgpt's prompt style {name} drops the message: it cannot become a chat template")
    for instruction, input in PROBES:
        for pieces, given in ((plain, ""), (paired, input)):
            text = "".join({"prompt": instruction, "input": given}.get(field, piece) for field, piece in pieces)
            if text != style.apply(prompt=instruction, input=given):
                raise ModelError(f"litgpt's prompt style {name} rewrites the message: it cannot become a chat template")

    plain, paired = (_with_bos(pieces, bos, add_bos) for pieces in (plain, paired))
    lines = [
        "{%- if messages | length != 1 or messages[0]['role'] != 'user' -%}",
        f"{{{{- raise_exception({_literal(f'the litgpt prompt style {name} takes exactly one user message')}) -}}}}",
        "{%- endif -%}",
        "{%- set content = messages[0]['content'] -%}",
    ]
    if uses_input(style):
        lines += [
            "{%- set parts = content.split('\\n\\n', 1) -%}",
            "{%- if parts | length == 2 and parts[1] -%}",
            f"{{{{- {_expression(paired, 'parts[0]', 'parts[1]')} -}}}}",
            "{%- else -%}",
            f"{{{{- {_expression(plain, 'content', '')} -}}}}",
            "{%- endif -%}",
        ]
    else:
        lines.append(f"{{{{- {_expression(plain, 'content', '')} -}}}}")
    return "\n".join(lines)


def matching_style(render: str, probe: str, bos: str | None) -> PromptStyle | None:
    """The litgpt style that writes ``render`` for the user message ``probe``, apart from a BOS; None if none does.

    With it litgpt's own commands prompt a model that was trained on its chat template.
    """
    from litgpt.prompts import prompt_styles

    def bare(text: str) -> str:
        return text.removeprefix(bos) if bos else text

    for style_class in prompt_styles.values():
        style = style_class()
        if bare(str(style.apply(prompt=probe, input=""))) == bare(render):
            return style
    return None


def write_style(style: PromptStyle, directory: Path) -> None:
    """Writes ``prompt_style.yaml`` as litgpt does."""
    from litgpt.prompts import save_prompt_style

    save_prompt_style(style, directory)


Pieces = list[tuple[str, str]]
"""(field, text) pairs: a field is ``"prompt"``, ``"input"`` or, for literal text, empty."""


def _pieces(text: str) -> Pieces:
    pieces: Pieces = []
    end = 0
    for match in SENTINELS.finditer(text):
        if match.start() > end:
            pieces.append(("", text[end : match.start()]))
        pieces.append((match.group(1), match.group(0)))
        end = match.end()
    if end < len(text):
        pieces.append(("", text[end:]))
    return pieces


def _with_bos(pieces: Pieces, bos: str | None, add_bos: bool) -> Pieces:
    if not bos:
        return pieces
    starts_with_bos = bool(pieces) and not pieces[0][0] and pieces[0][1].startswith(bos)
    if add_bos and not starts_with_bos:
        return [("", bos), *pieces]
    if not add_bos and starts_with_bos:
        return [("", pieces[0][1].removeprefix(bos)), *pieces[1:]]
    return pieces


def _expression(pieces: Pieces, prompt: str, input: str) -> str:
    names = {"prompt": prompt, "input": input}
    return " + ".join(names[field] if field else _literal(text) for field, text in pieces if field or text)


def _literal(text: str) -> str:
    """``text`` as a Jinja string literal. Jinja decodes Python's escapes in one, and only those."""
    escaped = text.encode("unicode_escape").decode("ascii").replace("'", "\\'")
    return f"'{escaped}'"
