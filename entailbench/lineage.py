"""Where a trained model comes from: what ``lineage.json`` of a checkpoint says, for people and without local paths.

``entailbench finetune`` writes it, ``models show`` prints it, a run keeps it and an export's model card is made of it.
Every key may be missing: older checkpoints lack some, and those trained elsewhere have none.
"""

from __future__ import annotations

import itertools
import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Section", "commit_of", "curve", "is_trained", "portable", "sections", "training_figures", "trimmed"]

Section = tuple[str, list[tuple[str, str]]]
"""A heading, and (what, value) lines under it."""
BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 40
"""Characters of a terminal curve."""
ROOTED = r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\]"
LOCAL_PATH = re.compile(rf"(?<![\w:/\\.~<>\[-]){ROOTED}[/\\]?[\w.@+~-]+(?:[/\\][^\s'\",;)]*)?")
"""A path that begins at a root, a home or a dot; no URL, no ``org/name``, no ``3/4``, no ``</s>`` or ``[/INST]``."""
SECONDS_OF_GIT = 5
KEPT_LOSSES = 200


def commit_of(workspace: Path) -> dict[str, Any] | None:
    """The commit that is checked out in ``workspace`` and whether something there differs from it.

    None where there is no git, no repository, no commit, or git takes too long: a training never fails for this.
    """
    try:
        commit = _git(workspace, "rev-parse", "--verify", "HEAD").strip()
        return {"commit": commit, "changed_files": len(_git(workspace, "status", "--porcelain").splitlines())}
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None


def _git(workspace: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", "-C", str(workspace), *arguments],
        capture_output=True,
        check=True,
        timeout=SECONDS_OF_GIT,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.decode("utf-8")


def portable(value: Any) -> Any:
    """The same lineage without anything that only means something on this machine: paths become ``"(local path)"``."""
    if isinstance(value, str):
        # A path may have blanks in it, which only shows where the whole text is one.
        return "(local path)" if re.match(ROOTED, value) else LOCAL_PATH.sub("(local path)", value)
    if isinstance(value, Mapping):
        return {portable(key): portable(entry) for key, entry in value.items()}
    if isinstance(value, Sequence):
        return [portable(entry) for entry in value]
    return value


def is_trained(lineage: Mapping[str, Any] | None) -> bool:
    """Whether it tells of a training; of a checkpoint from elsewhere only the prompt may be known."""
    return bool(lineage and (lineage.get("losses") or lineage.get("finished")))


def trimmed(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """What of a lineage travels with an export: nothing local, at most ``KEPT_LOSSES`` points a curve.

    The prompt is left out, which has a file of its own.
    """
    told = {key: value for key, value in portable(lineage).items() if key != "prompt"}
    for key in ("losses", "validation_losses"):
        losses = points(told, key)
        stride = -(-len(losses) // KEPT_LOSSES)
        if stride > 1:
            told[key] = [list(pair) for pair in (*losses[:-1:stride], losses[-1])]
    return told


def curve(losses: Iterable[tuple[int, float]], width: int = CURVE_WIDTH) -> str:
    """Losses as one line of bars, ``"2.31 █▆▄▃▂▁ 0.12"``; each bar is the mean of its stretch of steps.

    Args:
        losses: (step, loss) pairs in order; what is not finite is left out.
        width: bars at most.
    """
    values = [loss for _, loss in losses if math.isfinite(loss)]
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(index * len(values) / count) for index in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    top = len(BARS) - 1
    bars = "".join(BARS[round((mean - low) / (high - low) * top) if high > low else 0] for mean in means)
    return f"{values[0]:.3g} {bars} {values[-1]:.3g}"


def sections(lineage: Mapping[str, Any]) -> list[Section]:
    """The lineage for people: headings with lines, empty ones left out."""
    found = [
        ("data", list(_data(lineage))),
        ("target and prompt", list(_prompt(lineage))),
        ("recipe", list(_recipe(lineage))),
        ("training", list(_training(lineage))),
        ("validation", list(_validation(lineage))),
        ("made with", list(_made_with(lineage))),
    ]
    return [(heading, lines) for heading, lines in found if lines]


def fact(lineage: Mapping[str, Any], *names: str) -> Any:
    """The first of the entries that is there, at the top or among the trainer's ``facts``; else None."""
    facts = _mapping(lineage.get("facts"))
    for name in names:
        for place in (lineage, facts):
            if place.get(name) is not None:
                return place[name]
    return None


def _data(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    task, file = lineage.get("task"), lineage.get("data_file")
    if task or file:
        yield "from", f"task {task}" if task else f"file {file}"
    if arguments := _mapping(lineage.get("data_arguments")):
        yield "made with", ", ".join(f"{key} = {value}" for key, value in arguments.items())
    if (samples := lineage.get("samples")) is not None:
        validation = lineage.get("validation_samples")
        yield "samples", f"{number(samples)}" + (f", {number(validation)} for validation" if validation else "")
    for key, what in (("left_out", "left out"), ("data", "hash")):
        if lineage.get(key):
            yield what, _plain(lineage[key])
    if overlap := overlaps(lineage):
        yield "overlap", overlap
    if lineage.get("leaked"):
        yield "leaked", "yes: it was trained on puzzles that it is judged on"


def overlaps(lineage: Mapping[str, Any]) -> str:
    """``"validation 0 of 32 rows, test 0 of 1,000 rows"``: whose puzzles were trained on; empty where not recorded."""
    return ", ".join(
        f"{split} {number(found.get('shared_rows', '?'))} of {number(found.get('rows', '?'))} rows"
        for split, found in _mapping(lineage.get("overlap")).items()
        if isinstance(found, Mapping)
    )


def _prompt(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    prompt = _mapping(lineage.get("prompt"))
    if target := lineage.get("target") or prompt.get("target"):
        longest = lineage.get("longest_target")
        yield "target", f"{target}" + (f", at most {number(longest)} characters" if longest else "")
    if tokens := prompt.get("answer_tokens"):
        yield "answers", f"at most {number(tokens)} tokens"
    if style := prompt.get("prompt_style"):
        yield "prompt style", f"{style}, {'with' if prompt.get('bos') else 'without'} a BOS in front"
    if system := prompt.get("system"):
        yield "system text", repr(system)
    if stop := prompt.get("stop"):
        yield "ends with", ", ".join(map(str, stop))
    if template := prompt.get("template"):
        yield "template", str(template)


def _recipe(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    as_run = _mapping(_mapping(lineage.get("facts")).get("recipe"))
    for key, value in (as_run or _mapping(lineage.get("recipe"))).items():
        if value is not None:
            yield key, _plain(value)


def training_figures(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a training took, as names and texts: engine, device, steps, parameters, tokens, time, memory."""
    for what, names in (
        ("engine", ("engine",)),
        ("device", ("device",)),
        ("optimizer steps", ("steps",)),
        ("trained parameters", ("trainable_parameters",)),
        ("tokens", ("trained_tokens", "tokens", "sample_tokens")),
    ):
        if (value := fact(lineage, *names)) is not None:
            planned = fact(lineage, "planned_steps") if names == ("steps",) else None
            stopped = planned is not None and planned != value
            yield what, number(value) + (f" of {number(planned)} planned" if stopped else "")
    if taken := wall_time(lineage):
        yield "wall time", taken
    if memory := peak_memory(lineage):
        yield "peak memory", memory


def _training(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if base := fact(lineage, "base"):
        yield "base", str(base)
    if weights := fact(lineage, "base_weights"):
        yield "base weights", str(weights)
    yield from training_figures(lineage)
    if line := curve(points(lineage, "losses")):
        yield "loss", line


def _validation(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if line := curve(points(lineage, "validation_losses")):
        yield "loss", line
    for name, value in scores(lineage).items():
        yield name.replace("_", " "), number(value)


def scores(lineage: Mapping[str, Any]) -> dict[str, float]:
    """The validation scores of what was kept: name to value, shares in [0, 1]; empty where none were taken."""
    found = fact(lineage, "validation_scores", "scores")
    if isinstance(found, Sequence) and not isinstance(found, str) and found:
        best = fact(lineage, "best_step")
        found = next((one for one in found if best and _mapping(one).get("step") == best), found[-1])
    return {
        str(name): value
        for name, value in _mapping(found).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _made_with(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if versions := all_versions(lineage):
        yield "versions", versions
    if commit := _mapping(lineage.get("commit")):
        changed = commit.get("changed_files")
        yield "commit", f"{commit.get('commit')}" + (f", {number(changed)} files changed since" if changed else "")
    if finished := lineage.get("finished"):
        yield "finished", str(finished)


def points(lineage: Mapping[str, Any], key: str) -> list[tuple[int, float]]:
    """(step, loss) pairs of ``"losses"`` or ``"validation_losses"``; empty where not recorded."""
    found = lineage.get(key)
    pairs = [pair for pair in found if _is_pair(pair)] if isinstance(found, list | tuple) else []
    return [(int(step), float(loss)) for step, loss in pairs]


def wall_time(lineage: Mapping[str, Any]) -> str:
    """``"3 min 20 s"``; empty where not recorded."""
    found = fact(lineage, "wall_seconds", "seconds")
    return duration(found) if _is_figure(found) else ""


def peak_memory(lineage: Mapping[str, Any]) -> str:
    """``"2.50 GB"``; empty where not recorded."""
    found = fact(lineage, "peak_memory_bytes")
    return f"{found / 1e9:.2f} GB" if _is_figure(found) else ""


def all_versions(lineage: Mapping[str, Any]) -> str:
    """``"entailbench 0.1.0, torch 2.13.0"``: the trainer's and the core's; empty where not recorded."""
    found = {**_mapping(_mapping(lineage.get("facts")).get("versions")), **_mapping(lineage.get("versions"))}
    return ", ".join(f"{name} {value}" for name, value in sorted(found.items()))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_figure, value))


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any) -> str:
    """A figure for people: thousands separated, shares and losses with three digits after the point."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _plain(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def duration(seconds: float) -> str:
    """``"2 h 05 min"``, ``"3 min 20 s"`` or ``"12.3 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
