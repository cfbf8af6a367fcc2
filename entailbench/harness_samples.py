"""Training samples from a task's rows, and the reading of what a trained model answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from entailbench.errors import DataError, UnknownNameError, UsageError, first_line
from entailbench.harness_tasks import DEFAULT_TARGET, LoadedTask, target_names, target_templates
from entailbench.records import LABELS, UNPARSED, SftPair

__all__ = ["SftRows", "answer_reader", "sft_pairs"]


@dataclass(frozen=True)
class SftRows:
    """The training samples that a task's rows give."""

    pairs: tuple[SftPair, ...]
    """In the order of the rows."""
    too_long: int = 0
    """Rows left out since their target has more characters than were allowed."""
    without: int = 0
    """Rows left out since they have no such target: it renders to nothing, for example where no proof was found."""

    @property
    def left_out(self) -> int:
        """Rows that were passed over to get the pairs."""
        return self.too_long + self.without


def sft_pairs(
    loaded: LoadedTask, limit: int | None = None, *, target: str = DEFAULT_TARGET, longest: int | None = None
) -> SftRows:
    """Training samples from a task's rows, by the code that renders its test prompts.

    The user message splits at its first blank line into instruction and input. What is to be written instead of the
    label alone is named in the task's ``metadata: targets:``, as Jinja over the row's columns.

    Args:
        loaded: the task.
        limit: how many samples, from the start of the split; None is all.
        target: one of the task's ``TaskEntry.targets``.
        longest: rows whose target has more characters are left out.

    Raises:
        UnknownNameError: the task has no such target.
        UsageError: fewer rows than asked for have such a target, or none.
        DataError: the target's template is wrong, or needs a column that a row does not have.
    """
    render = _target_renderer(loaded, target)
    pairs: list[SftPair] = []
    too_long = without = 0
    for doc in loaded.docs:
        if len(pairs) == limit:
            break
        output = render(doc)
        if not output.strip():
            without += 1
        elif longest is not None and len(output) > longest:
            too_long += 1
        else:
            instruction, _, rest = str(loaded.task.doc_to_text(doc)).partition("\n\n")
            pairs.append(SftPair(instruction, rest, output, label=str(doc["label"]), puzzle=_puzzle_of(doc, rest)))
    if not pairs or (limit is not None and len(pairs) < limit):
        asked = "none has" if limit is None else f"{limit:,} were asked for, and {len(pairs):,} have"
        bound = "" if longest is None else f" of at most {longest:,} characters"
        raise UsageError(
            f"task {loaded.name!r} has {len(loaded.docs):,} rows in its {loaded.split} split; {asked} a target "
            f"{target!r}{bound}"
        )
    return SftRows(tuple(pairs), too_long, without)


def _target_renderer(loaded: LoadedTask, target: str) -> Callable[[Mapping[str, Any]], str]:
    import jinja2
    from lm_eval.utils import env  # in which lm-eval renders a task's own templates

    metadata = loaded.task.config.metadata or {}
    templates = target_templates(loaded.name, metadata)
    known = target_names(loaded.name, metadata)
    if target not in known:
        raise UnknownNameError("target", target, known)

    def the_label(doc: Mapping[str, Any]) -> str:
        value = loaded.task.doc_to_target(doc)
        return str(loaded.task.doc_to_choice(doc)[value] if isinstance(value, int) else value)

    if target not in templates:
        return the_label
    try:
        template = env.from_string(str(templates[target]))
    except jinja2.TemplateError as error:
        raise DataError(
            f"task {loaded.name!r}: the target {target!r} is no Jinja template: {first_line(error)}"
        ) from error

    def rendered(doc: Mapping[str, Any]) -> str:
        try:
            return str(template.render(**doc))
        except Exception as error:  # a template may do anything with what it is given
            where = f"row {doc.get('id')!r}"
            raise DataError(
                f"task {loaded.name!r}: the target {target!r} cannot be rendered for {where}: {first_line(error)}"
            ) from error

    return rendered


def _puzzle_of(doc: Mapping[str, Any], text: str) -> str:
    """What the rows of one puzzle have in common: its name, else a hash of its context."""
    if named := doc.get("puzzle"):
        return str(named)
    return hashlib.sha256(str(doc.get("context", text)).encode()).hexdigest()[:12]


def answer_reader(loaded: LoadedTask) -> Callable[[str], str]:
    """Reads one written answer as the task's own filters do: a label, or ``"unparsed"``.

    For a task that scores candidates, whose answers are never written, a label must stand there as it is.
    """
    from lm_eval.api.instance import Instance

    if loaded.scores_candidates:
        return lambda text: text.strip() if text.strip() in LABELS else UNPARSED
    ensemble = loaded.task._filters[0]
    doc = dict(loaded.docs[0])

    def read(text: str) -> str:
        instance = Instance(request_type="generate_until", doc=doc, arguments=("", {}), idx=0, resps=[text])
        ensemble.apply([instance])
        return _label_of(instance.filtered_resps[ensemble.name])

    return read


def _label_of(filtered: Any) -> str:
    said = filtered[0] if isinstance(filtered, list | tuple) and filtered else filtered
    return str(said) if said in LABELS else UNPARSED
